//! `k8s_attributes`: says of every resource which pod, node and workload it came from.
//!
//! | file | holds |
//! |---|---|
//! | `config/` | what the user writes |
//! | `extraction.rs`, `image.rs`, `workload.rs`, `list.rs` | what is made of objects, once for each version of one |
//! | `association.rs`, `reading.rs` | how the pod of a resource is found |
//! | `enrich.rs` | what becomes of a batch |
//! | `passthrough.rs` | agents in front of a gateway |
//! | `meter.rs` | what operators see |

mod association;
pub mod config;
mod enrich;
mod extraction;
mod image;
mod list;
mod meter;
mod passthrough;
mod reading;
#[cfg(test)]
mod tests;
mod workload;
