//! The commands besides `run`, one file each.

pub(crate) mod admin;
pub(crate) mod cardinality;
pub(crate) mod components;
pub(crate) mod config;
pub(crate) mod graph;
pub(crate) mod health;
pub(crate) mod manual;
pub(crate) mod metrics;
pub(crate) mod schema;
pub(crate) mod validate;
pub(crate) mod why;
