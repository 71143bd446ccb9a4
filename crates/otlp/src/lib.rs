//! The OTLP wire format: cursor, views, validation, counting, editing and JSON, on bytes.

mod cursor;
pub mod edit;
pub mod fields;
pub mod json;
mod scalar;
pub mod schema;
mod signal;
pub mod text;
mod validate;

pub use cursor::{Cursor, Field, Value, WireError, WireErrorKind};
pub use signal::Signal;
pub use validate::{Census, Depth, MAX_NESTING, validate};
