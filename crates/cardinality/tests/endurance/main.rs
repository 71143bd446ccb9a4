//! The limiter over long times and under floods: who keeps a place, and what it takes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod flood;
mod heavy_hitters;
mod memory;
mod steady_leak;
mod traffic;
mod world;
