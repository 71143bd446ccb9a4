//! Of configs: examples, unknown keys, descriptions; building.

use super::{Fault, Faults, adapted, section};
use forebay_core::registry::{Registered, Registry};
use forebay_core::{ComponentError, Diagnostic};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A key that no component has.
const UNKNOWN: &str = "no_such_key_anywhere";

/// Checks the config of every component, and that it can be built and dropped. `home` is a directory for examples that name
/// files. Nothing is started.
pub fn configs(registry: &Registry, home: &Path) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut group = Group {
        home,
        found: &mut found,
    };
    group.check("receiver", &registry.receivers, |prepared| {
        (prepared.build)().map(drop)
    });
    group.check("processor", &registry.processors, |prepared| {
        (prepared.build)(2).map(drop)
    });
    group.check("exporter", &registry.exporters, |prepared| {
        (prepared.build)().map(drop)
    });
    found
}

struct Group<'g> {
    home: &'g Path,
    found: &'g mut Vec<Fault>,
}

impl Group<'_> {
    fn check<P>(
        &mut self,
        role: &str,
        components: &BTreeMap<&'static str, Registered<P>>,
        build: fn(P) -> Result<(), ComponentError>,
    ) {
        for (kind, component) in components {
            let mut faults = Faults {
                component: format!("{role} {kind}"),
                found: self.found,
            };
            about(component, &mut faults);
            example(component, self.home, build, &mut faults);
            unknown_key(component, &mut faults);
            described(component, &mut faults);
        }
    }
}

fn about<P>(component: &Registered<P>, faults: &mut Faults<'_>) {
    let about = component.about;
    faults.rule(about.summary.ends_with('.'), || {
        "its summary is no sentence".to_owned()
    });
    faults.rule(!about.details.trim().is_empty(), || {
        "it does not say when to use it and what it costs".to_owned()
    });
    faults.rule(!about.example.trim().is_empty(), || {
        "its example is empty: say at least that it needs no keys".to_owned()
    });
}

fn example<P>(
    component: &Registered<P>,
    home: &Path,
    build: fn(P) -> Result<(), ComponentError>,
    faults: &mut Faults<'_>,
) {
    let read = |text: &str| (component.prepare)(&section(text));
    if let Err(problems) = read(component.about.example) {
        faults.add(format!("its example is not read: {}", words(&problems)));
    }
    // Twice from one text: what is built from one config knows nothing of what else is.
    let text = adapted(component.about.example, home);
    let both = [read(&text), read(&text)];
    for outcome in both.map(|read| read.map(build)) {
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => faults.add(format!("its example cannot be built: {error}")),
            Err(problems) => faults.add(format!("its adapted example is not read: {}", words(&problems))),
        }
    }
}

fn words(problems: &[Diagnostic]) -> String {
    let all: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
    all.join("; ")
}

fn unknown_key<P>(component: &Registered<P>, faults: &mut Faults<'_>) {
    // Before the example, so that it is a key of the outermost table.
    let text = format!("{UNKNOWN} = 1\n{}", component.about.example);
    let Err(problems) = (component.prepare)(&section(text.clone())) else {
        return faults.add("an unknown key is not refused");
    };
    let blamed = |problem: &Diagnostic| {
        let span = problem.place.as_ref().map(|place| place.span.clone());
        problem.message.contains(UNKNOWN)
            && span
                .and_then(|span| text.get(span))
                .is_some_and(|at| at.contains(UNKNOWN))
    };
    faults.rule(problems.iter().any(blamed), || {
        format!(
            "an unknown key is refused without its place: {}",
            words(&problems)
        )
    });
    faults.rule(problems.len() == 1, || {
        format!("an unknown key leads to further complaints: {}", words(&problems))
    });
}

fn described<P>(component: &Registered<P>, faults: &mut Faults<'_>) {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut generator = settings.for_deserialize().into_generator();
    let mut schema = (component.schema)(&mut generator);
    // As `SchemaGenerator` does it for a root: the transforms put schemas into the form of their draft.
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    walk(&schema.to_value(), "", faults);
    for (name, definition) in generator.take_definitions(true) {
        walk(&definition, &name, faults);
    }
}

/// Looks for keys and words without a description, and for tables that take any key.
fn walk(schema: &Value, path: &str, faults: &mut Faults<'_>) {
    match schema {
        Value::Array(all) => all.iter().for_each(|inner| walk(inner, path, faults)),
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                let closed = object.get("additionalProperties") == Some(&Value::Bool(false));
                faults.rule(closed || is_variant(object), || {
                    format!("the table `{path}` takes unknown keys")
                });
                for (key, property) in properties {
                    let path = format!("{path}.{key}");
                    let constant = property.get("const").is_some();
                    faults.rule(constant || has_words(property), || {
                        format!("the key `{path}` has no description")
                    });
                    walk(property, &path, faults);
                }
            }
            let words = object.get("oneOf").and_then(Value::as_array);
            for word in words.into_iter().flatten() {
                let (constant, list) = (word.get("const"), word.get("enum"));
                faults.rule(list.is_none() && (constant.is_none() || has_words(word)), || {
                    format!("a word of `{path}` has no description: {word}")
                });
            }
            let inner = object
                .iter()
                .filter(|(key, _)| *key != "properties" && *key != "default");
            inner.for_each(|(_, value)| walk(value, path, faults));
        }
        _ => {}
    }
}

/// Whether an object is one of several that a key can have: which keys there may be is said further out.
fn is_variant(object: &serde_json::Map<String, Value>) -> bool {
    let properties = object.get("properties").and_then(Value::as_object);
    properties.is_some_and(|all| all.values().any(|property| property.get("const").is_some()))
}

fn has_words(schema: &Value) -> bool {
    let words = schema.get("description").and_then(Value::as_str);
    words.is_some_and(|words| !words.trim().is_empty())
}
