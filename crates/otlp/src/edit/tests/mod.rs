//! Tests of the editor.

mod arbitrary;
mod builds;
mod cases;
mod model;
mod properties;
mod regroups;
mod sets;
mod visits;
mod walks;
