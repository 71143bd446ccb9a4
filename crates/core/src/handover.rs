//! What a processor has learned, on its way to the one that takes its place.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a processor without a shard of its own has learned and would be missed: which series have a place, for example. It is given to the
/// processor that takes its place when a config is loaded again, which knows the type.
///
/// The state is shared, not copied: batches that the old processor still has, while its graph drains, and those that the new one has
/// already are seen by the same state.
#[derive(Clone)]
pub struct Handover(Arc<dyn Any + Send + Sync>);

impl Handover {
    /// Hands over `state`.
    pub fn new<T: Send + Sync + 'static>(state: Arc<T>) -> Self {
        Handover(state)
    }

    /// The state, if it is of this type. Nothing: it comes from another component, and whoever asked begins anew.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handover")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_shared_with_whoever_knows_its_type() {
        let state = Arc::new(String::from("known"));
        let handover = Handover::new(Arc::clone(&state)).clone();
        assert!(handover.state::<Vec<u8>>().is_none());
        let taken = handover.state::<String>().unwrap();
        assert!(Arc::ptr_eq(&taken, &state));
    }
}
