//! Blueprint, built, running, drained: the graph at work. Names no component.
