//! From config texts to a blueprint, with everything that is wrong on the way.

use crate::registry::registry;
use forebay_config::{GraphSpec, Input, MemoryLimits, ProcessEnvironment, examine, resolve_budget};
use forebay_core::{Diagnostic, Severity};
use forebay_engine::Blueprint;
use std::path::Path;
use std::sync::Arc;

/// A config, read and checked.
pub(crate) struct Plan {
    /// What it says.
    pub(crate) spec: GraphSpec,
    /// The graph, unless there is an error.
    pub(crate) blueprint: Option<Blueprint>,
    /// Errors and warnings, in the order of the texts.
    pub(crate) found: Vec<Diagnostic>,
}

/// Reads and checks a config.
pub(crate) fn plan(inputs: &[Input]) -> Plan {
    let mut examined = examine(inputs, &ProcessEnvironment);
    let limits = MemoryLimits::detect(Path::new("/"));
    let budget = resolve_budget(&examined.spec.service.budget, &limits);
    let (blueprint, found) = Blueprint::draw(&examined.spec, &registry(), budget);
    examined.add(found);
    let sound = !examined.has_errors();
    let mut found = examined.diagnostics;
    let spec = examined.spec;
    found.sort_by_key(|diagnostic| match &diagnostic.place {
        Some(place) => {
            let text = spec
                .sources
                .iter()
                .position(|source| Arc::ptr_eq(source, &place.source));
            (0, text, place.span.start)
        }
        None => (1, None, 0),
    });
    Plan {
        blueprint: blueprint.filter(|_| sound),
        spec,
        found,
    }
}

/// Whether there is an error among `found`, or a warning that is to be taken for one.
pub(crate) fn is_wrong(found: &[Diagnostic], deny_warnings: bool) -> bool {
    let wrong = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error || deny_warnings;
    found.iter().any(wrong)
}
