//! From texts to a graph specification, in two phases: each text becomes a table with positions, then each of its tables
//! is read by what it is for. All that is wrong is reported at once.

use crate::input::{Environment, Input, gather};
use crate::names::{Names, Owner};
use crate::reference::{References, path_key, resolve};
use crate::service::{self, Service};
use crate::spec::{GraphSpec, NodeSpec};
use crate::syntax;
use crate::wiring;
use forebay_core::{Diagnostic, Place, Resolved, Section, Severity, Source};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The tables that name things.
const NAMING: [&str; 5] = ["receivers", "processors", "exporters", "pipelines", "edges"];

/// A config without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub spec: GraphSpec,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// A config that may have errors: what could be read, so that a checker can go on to look for mistakes of other kinds.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What could be read. Nodes and pipelines with errors may be missing from it.
    pub spec: GraphSpec,
    /// What is wrong, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
    /// Values whose references could not be resolved.
    unresolved: Vec<Place>,
}

impl Examined {
    /// Whether there is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// Adds what another check found, leaving out what only follows from a reference that could not be resolved.
    pub fn add(&mut self, found: impl IntoIterator<Item = Diagnostic>) {
        let unresolved = &self.unresolved;
        let new = |diagnostic: &Diagnostic| {
            !diagnostic
                .place
                .as_ref()
                .is_some_and(|place| unresolved.contains(place))
        };
        self.diagnostics.extend(found.into_iter().filter(new));
    }
}

/// Loads a config from all of `inputs`, merged: tables of nodes, pipelines, edges and settings unite; what two texts both
/// define is an error.
///
/// # Errors
/// Everything that is wrong, in the order of the texts, warnings included.
pub fn load(inputs: &[Input], env: &dyn Environment) -> Result<Loaded, Vec<Diagnostic>> {
    let examined = examine(inputs, env);
    if examined.has_errors() {
        Err(examined.diagnostics)
    } else {
        Ok(Loaded {
            spec: examined.spec,
            warnings: examined.diagnostics,
        })
    }
}

/// Loads what can be loaded of a config, with all that is wrong.
pub fn examine(inputs: &[Input], env: &dyn Environment) -> Examined {
    let (sources, problems) = gather(inputs, env);
    let mut loader = Loader {
        examined: Examined {
            spec: GraphSpec {
                sources: sources.clone(),
                receivers: Vec::new(),
                processors: Vec::new(),
                exporters: Vec::new(),
                pipelines: Vec::new(),
                edges: Vec::new(),
                service: Service::default().finish(),
                complete: problems.is_empty(),
                origins: Vec::new(),
            },
            diagnostics: problems,
            unresolved: Vec::new(),
        },
        names: Names::default(),
        places: BTreeMap::new(),
        service: Service::default(),
    };
    for source in &sources {
        loader.text(source, env);
    }
    loader.examined.spec.service = loader.service.finish();
    let order = |diagnostic: &Diagnostic| {
        diagnostic.place.as_ref().map(|place| {
            let text = sources
                .iter()
                .position(|source| Arc::ptr_eq(source, &place.source));
            (text, place.span.start)
        })
    };
    loader.examined.diagnostics.sort_by_key(order);
    loader.examined
}

struct Loader {
    examined: Examined,
    names: Names,
    /// Where each edge and each key of the process' settings was first written.
    places: BTreeMap<String, Place>,
    service: Service,
}

/// One text in the making.
struct Text<'a> {
    source: &'a Arc<Source>,
    resolved: Arc<Resolved>,
}

impl Text<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place {
            source: Arc::clone(self.source),
            span,
        }
    }

    fn section(&self, path: &[&str]) -> Section {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        Section::at(Arc::clone(self.source), path, Arc::clone(&self.resolved))
    }
}

type Entry<'t> = (Spanned<DeString<'t>>, Spanned<DeValue<'t>>);

/// The entries of a table in the order of the text.
fn in_order<'t>(table: &DeTable<'t>) -> Vec<Entry<'t>> {
    let mut entries: Vec<Entry<'t>> = table
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Loader {
    fn text(&mut self, source: &Arc<Source>, env: &dyn Environment) {
        let (table, problems) = syntax::parse(source);
        self.examined.diagnostics.extend(problems);
        let Some(table) = table else {
            self.examined.spec.complete = false;
            return;
        };
        let References {
            resolved,
            origins,
            diagnostics,
            unresolved,
        } = resolve(source, &table, env);
        let text = Text {
            source,
            resolved: Arc::new(resolved),
        };
        let places = unresolved.into_iter().map(|span| text.place(span));
        self.examined.unresolved.extend(places);
        self.examined.spec.origins.extend(origins);
        self.examined.diagnostics.extend(diagnostics);
        for (key, value) in in_order(&table) {
            self.top_level(&text, &key, &value);
        }
    }

    fn top_level(&mut self, text: &Text<'_>, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) {
        let name = key.get_ref().as_ref();
        let place = text.place(key.span());
        let service = service::TABLES.contains(&name);
        if !service && !NAMING.contains(&name) {
            self.examined.spec.complete = false;
            let known = NAMING.into_iter().chain(service::TABLES);
            let problem = Diagnostic::error(format!("unknown key `{name}`")).at(place);
            return self.examined.add([problem.suggest(name, known)]);
        }
        let DeValue::Table(table) = value.get_ref() else {
            self.examined.spec.complete &= service;
            let kind = value.get_ref().type_str();
            let problem = format!("`{name}` is a table, not a value of the type {kind}");
            let problem = Diagnostic::error(problem).at(text.place(value.span()));
            return self.examined.add([problem]);
        };
        if service {
            return self.service(text, name, table);
        }
        for (key, value) in in_order(table) {
            self.named(text, name, &key, &value);
        }
    }

    fn service(&mut self, text: &Text<'_>, name: &str, table: &DeTable<'_>) {
        for (key, _) in table.iter() {
            let path = format!("{name}.{}", key.get_ref());
            self.once(&path, &format!("`{path}`"), text.place(key.span()));
        }
        if let Err(problems) = self.service.add(name, &text.section(&[name])) {
            self.examined.add(problems);
        }
    }

    /// Notes where something was defined, and reports it if it was before.
    fn once(&mut self, key: &str, words: &str, place: Place) -> bool {
        let Some(first) = self.places.get(key) else {
            self.places.insert(key.to_owned(), place);
            return true;
        };
        let problem = Diagnostic::error(format!("{words} is defined twice")).at(place);
        self.examined
            .add([problem.related(first.clone(), "first definition")]);
        false
    }

    /// One table of a table that names things.
    fn named(
        &mut self,
        text: &Text<'_>,
        group: &str,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name = key.get_ref().as_ref();
        let place = text.place(key.span());
        if !value.get_ref().is_table() {
            self.examined.spec.complete = false;
            let problem = Diagnostic::error(format!("`{group}.{}` must be a table", path_key(name)))
                .at(text.place(value.span()))
                .help(format!("write [{group}.{}] and its keys below", path_key(name)));
            return self.examined.add([problem]);
        }
        let section = text.section(&[group, name]);
        let owner = match group {
            "receivers" => Owner::Receiver,
            "processors" => Owner::Processor,
            "exporters" => Owner::Exporter,
            "pipelines" => Owner::Pipeline,
            _ => return self.edge(name, place, &section),
        };
        if let Err(problem) = self.names.claim(name, owner, &place) {
            self.examined.add([*problem]);
        }
        if owner == Owner::Pipeline {
            match wiring::pipeline(name.into(), place, &section) {
                Ok(pipeline) => self.examined.spec.pipelines.push(pipeline),
                Err(problems) => {
                    self.examined.spec.complete = false;
                    self.examined.add(problems);
                }
            }
        } else {
            self.node(owner, name, place, section);
        }
    }

    fn edge(&mut self, key: &str, place: Place, section: &Section) {
        match wiring::edge(key, place, section) {
            Ok(edge) => {
                let words = format!("{} -> {}", end(&edge.from), end(&edge.to));
                if self.once(&words, &format!("the edge `{words}`"), edge.place.clone()) {
                    self.examined.spec.edges.push(edge);
                }
            }
            Err(problems) => self.examined.add(problems),
        }
    }

    fn node(&mut self, owner: Owner, name: &str, place: Place, section: Section) {
        let written = section
            .table()
            .unwrap_or_else(|_| Spanned::new(0..0, DeTable::new()));
        let kind = written.get_ref().get("type");
        let kind_place = kind.map_or_else(|| place.clone(), |kind| section.place(kind.span()));
        let kind = match kind.map(|kind| kind.get_ref()) {
            None => name.to_owned(),
            Some(DeValue::String(word)) => word.to_string(),
            Some(other) => {
                self.examined.spec.complete = false;
                let problem = format!("`type` is a string, not a value of the type {}", other.type_str());
                return self.examined.add([Diagnostic::error(problem).at(kind_place)]);
            }
        };
        drop(written);
        let node = NodeSpec {
            name: name.into(),
            kind,
            kind_place,
            place,
            section: section.without("type"),
        };
        match owner {
            Owner::Receiver => self.examined.spec.receivers.push(node),
            Owner::Processor => self.examined.spec.processors.push(node),
            _ => self.examined.spec.exporters.push(node),
        }
    }
}

fn end(reference: &crate::spec::Reference) -> String {
    match &reference.port {
        Some(port) => format!("{}.{port}", reference.name),
        None => reference.name.clone(),
    }
}
