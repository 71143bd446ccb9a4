//! The OTLP wire format: cursor, views, validation, counting, editing and JSON, on bytes.

mod count;
mod cursor;
pub mod edit;
mod estimate;
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
pub use count::count_items;
pub use estimate::estimate_decoded_bytes;
