//! The OTLP wire format: cursor, views, validation, counting, editing and JSON, on bytes.

mod count;
mod cursor;
mod data_kind;
pub mod edit;
mod estimate;
pub mod fields;
pub mod flaws;
mod identity;
pub mod json;
mod scalar;
pub mod schema;
mod signal;
pub mod text;
mod validate;
pub mod views;

pub use count::count_items;
pub use cursor::{Cursor, Field, Value, WireError, WireErrorKind};
pub use data_kind::DataKind;
pub use estimate::estimate_decoded_bytes;
pub use identity::IdentityHasher;
pub use signal::Signal;
pub use validate::{Census, Depth, HOLLOW_SHARE, MAX_FLAWS, MAX_HOLLOW, MAX_NESTING, validate};
