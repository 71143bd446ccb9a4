//! TOML text to a graph specification with source positions; knows no component.
//!
//! [`load`] reads files, directories, variables and texts, merges them, resolves references and reports every mistake at
//! once; [`render`], [`to_json`] and [`to_github`] show the mistakes. [`resolved`] prints a config with all its defaults
//! and where each value came from, [`inline`] prints a value as a config has it, [`json_schema`] describes config files to editors, [`MemoryLimits`] says what a budget
//! in percent is a share of.

mod input;
mod json_schema;
mod load;
mod memory;
mod names;
mod reference;
mod render;
mod resolved;
mod service;
mod spec;
mod syntax;
mod wiring;

pub use input::{Environment, Input, ProcessEnvironment};
pub use json_schema::json_schema;
pub use load::{Examined, Loaded, examine, load};
pub use memory::{MemoryLimits, resolve_budget};
pub use render::{Position, Style, position, render, to_github, to_json};
pub use resolved::{ResolvedNode, inline, resolved};
pub use spec::{EdgeSpec, GraphSpec, LogFormat, NodeSpec, PipelineSpec, Reference, ServiceSpec};

#[cfg(test)]
mod tests;
