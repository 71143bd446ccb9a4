//! Tests of attribute rules: what each does, and that lists of them do what decoding, changing and encoding would.

mod model;
mod support;
mod table;
