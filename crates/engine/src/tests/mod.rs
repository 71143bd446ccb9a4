//! The graph at work, with in-memory ends and a simulated clock.

mod bench;
mod delivery;
mod flow;
mod hardness;
mod model;
mod shards;
mod shutdown;
