//! Sampling as arithmetic: what is kept, and what a kept item stands for. No runtime, no config, no clock of its own.
//!
//! | module | holds |
//! |---|---|
//! | [`adaptive`] | thresholds that keep to a target while traffic swings, fair among keys |
//! | [`policy`] | policies of tail sampling over the wire bytes of spans |
//! | [`probability`] | consistent probability sampling: thresholds, randomness, the `tracestate` that carries them |
//! | [`buffer`] | the traces that a shard of tail sampling holds, in a byte budget, and what was decided about others |
//! | [`hash`] | FNV-1a, for decisions that must be the Collector's bit for bit |

pub mod adaptive;
pub mod buffer;
pub mod hash;
pub mod policy;
pub mod probability;
