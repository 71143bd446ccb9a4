//! Config files.

use forebay_config::{
    Environment, Input, MemoryLimits, Style, examine, position, render, resolve_budget, to_github, to_json,
};
use forebay_core::registry::Registry;
use forebay_core::{Diagnostic, Place, Severity};
use forebay_engine::Blueprint;
use std::env::VarError;
use std::io;
use std::path::Path;

/// One variable and one file, which are always there.
struct Small;

impl Environment for Small {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        match name {
            "SET" => Ok("5s".to_owned()),
            _ => Err(VarError::NotPresent),
        }
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("there") => Ok("word\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

thread_local! {
    static REGISTRY: Registry = {
        let mut registry = Registry::default();
        forebay_receiver::register(&mut registry);
        forebay_processor::register(&mut registry);
        forebay_exporter::register(&mut registry);
        registry
    };
}

/// Any text is a config or is explained: each diagnostic is about a place within the text, and all of them can be shown.
pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
}

/// Reads a config and checks what is said of it.
pub(crate) fn read(text: &str) {
    let mut examined = examine(&[Input::text("fuzz.toml", text)], &Small);
    let budget = resolve_budget(&examined.spec.service.budget, &MemoryLimits::default());
    let (blueprint, found) = REGISTRY.with(|registry| Blueprint::draw(&examined.spec, registry, budget));
    let drawn = !found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(
        blueprint.is_some(),
        drawn,
        "a graph without errors can be drawn, and no other"
    );
    examined.add(found);
    let all = &examined.diagnostics;
    assert!(
        drawn || examined.has_errors(),
        "it cannot be drawn, and nothing says why"
    );
    for diagnostic in all {
        explained(diagnostic, text);
    }
    let color = text.len().is_multiple_of(2);
    assert_eq!(render(all, Style { color }).is_empty(), all.is_empty());
    let _ = (to_json(all), to_github(all));
}

fn explained(diagnostic: &Diagnostic, text: &str) {
    assert!(!diagnostic.message.is_empty());
    if let Some(place) = &diagnostic.place {
        within(place, text, diagnostic);
    }
    if let Some((place, words)) = &diagnostic.related {
        assert!(!words.is_empty());
        within(place, text, diagnostic);
    }
}

fn within(place: &Place, text: &str, diagnostic: &Diagnostic) {
    assert_eq!(place.source.text, text);
    assert!(
        text.get(place.span.clone()).is_some(),
        "{:?} is no part of the text: {diagnostic:?}",
        place.span
    );
    let position = position(place);
    assert!(position.line >= 1 && position.column >= 1);
    assert!((position.line, position.column) <= (position.end_line, position.end_column));
}
