//! Tests of policies.

mod support;
mod table;
