//! Tests of the editor.

mod arbitrary;
mod cases;
mod model;
mod properties;
mod walks;
