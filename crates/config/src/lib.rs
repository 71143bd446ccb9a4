//! TOML text to a graph specification with source positions; knows no component.

mod spec;

pub use spec::{Budget, EdgeSpec, GraphSpec, LogFormat, NodeSpec, PipelineSpec, Reference, ServiceSpec};
