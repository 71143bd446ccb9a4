//! Tests of policies.

mod model;
mod properties;
mod support;
mod table;
