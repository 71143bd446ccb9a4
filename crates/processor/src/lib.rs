//! Processors: one folder each.
