//! The graph at work, with in-memory ends and a simulated clock.

mod balancing;
mod bench;
mod cardinality;
mod circuit;
mod concurrency;
mod delivery;
mod flow;
mod handover;
mod hardness;
mod judge;
mod model;
mod poison;
mod readiness;
mod shards;
mod shutdown;
mod spread;
