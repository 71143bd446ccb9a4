//! A Kubernetes API server to test against: it speaks the real protocol over HTTP, with and without TLS, and fails as told.
//!
//! It has lists in chunks, watches with bookmarks, metadata by themselves, label and field selectors, and all that an API server says
//! when it does not remember (410), is asked too much (429), or does not know who asks (401). It is written against the
//! documentation of the Kubernetes API ("API concepts") and shares no code with what it tests.

mod answer;
mod fault;
mod objects;
mod population;
mod selector;
mod server;
mod store;
mod tls;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Seen, Verb};
pub use objects::{PodSpec, container_id, labelled, object, owned, uid};
pub use population::Population;
pub use server::FakeCluster;
