//! Tests of the editor.

mod arbitrary;
mod model;
mod properties;
