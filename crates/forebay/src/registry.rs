//! Every component type that this binary has.

use forebay_core::registry::Registry;

/// The registry of this binary.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    forebay_receiver::register(&mut registry);
    forebay_processor::register(&mut registry);
    forebay_kubernetes::register(&mut registry);
    forebay_exporter::register(&mut registry);
    registry
}
