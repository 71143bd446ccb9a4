//! What processors that edit batches have in common.

pub(crate) use forebay_core::rewrite::{Fresh, fail};
