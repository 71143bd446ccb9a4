//! What points measure, against points decoded by a protobuf library and against the values that were measured.

mod arbitrary;
mod arithmetic;
mod gathered;
mod packing;
mod points;
mod samples;
