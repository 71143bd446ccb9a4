//! Sets of attributes whose keys are kept once, for all pods that have them: keys take more than half of what labels take.

use forebay_otlp::edit::{AttributeKeys, JoinedAttributes};
use std::sync::Arc;

/// A set whose keys are shared.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Packed {
    pub(super) keys: Arc<AttributeKeys>,
    pub(super) values: Box<[u8]>,
}

impl Packed {
    /// The bytes that it holds beside itself and its keys.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.values.len()
    }

    /// Adds what is not there yet.
    pub(super) fn join(&self, into: &mut JoinedAttributes) {
        into.add_split(&self.keys, &self.values);
    }

    /// The body of the `AnyValue` of the attribute named `key`.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.keys.get(&self.values, key)
    }
}
