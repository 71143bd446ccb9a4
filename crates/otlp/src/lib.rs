//! The OTLP wire format: cursor, views, validation, counting, editing and JSON, on bytes.

mod cursor;
pub mod fields;
mod signal;

pub use cursor::{Cursor, Field, Value, WireError, WireErrorKind};
pub use signal::Signal;
