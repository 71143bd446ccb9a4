//! Factories, and the registry that finds them by the type that a config file names.
//!
//! A role crate registers its components in explicit lines, `registry.processor::<attributes::Attributes>()`. The
//! component's config type is forgotten behind function pointers: no macro, no link-time magic.

use crate::balanced::{Balanced, BuiltExporter};
use crate::component::{Acknowledge, BuiltProcessor, ComponentError, Exporter, Receiver};
use crate::diagnostic::{Diagnostic, Place};
use crate::section::Section;
use crate::settings::{Budget, DeliverySettings};
use crate::signals::SignalSet;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a component's config must be able to do: be read, be written (secrets redacted), describe itself.
pub trait Config: DeserializeOwned + Serialize + JsonSchema + Send + 'static {
    /// Rules that involve more than one key. Each problem names the key path to blame. Rules on one key belong into the
    /// key's type, where errors have positions by themselves.
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// A broken rule between keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key to blame, outermost table first. In an array a place is a number: `["rules", "2"]` is the third one.
    pub path: Vec<Cow<'static, str>>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// What every component says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The word that config files use: `otlp`, `attributes`, ...
    pub kind: &'static str,
    /// One sentence: what it does.
    pub summary: &'static str,
    /// When to use it, what it costs, what it drops: Markdown.
    pub details: &'static str,
    /// The smallest useful config: the whole of `example.toml`.
    pub example: &'static str,
}

/// The most that a component may hold by itself, beside what the ledger leases to batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Items.
    pub items: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a receiver says of itself, given its config.
#[derive(Clone, Debug)]
pub struct ReceiverDeclaration {
    /// The signals that it can give.
    pub signals: SignalSet,
    /// When it tells its senders that all is well.
    pub acknowledge: Acknowledge,
    /// What it may hold besides leased payloads.
    pub bounds: Bounds,
}

/// A port besides the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// Its name in `from = ["NODE.NAME"]`.
    pub name: &'static str,
    /// What it gives.
    pub gives: SignalSet,
    /// Whether a config may leave it alone. The component then has to see whether anything is taken from it.
    pub optional: bool,
}

/// What a processor says of itself, given its config.
#[derive(Clone, Debug)]
pub struct ProcessorDeclaration {
    /// The signals that it takes.
    pub inputs: SignalSet,
    /// What the main port is called, where it has a name: `from = ["NODE.NAME"]` then means the main port.
    pub main_port: Option<&'static str>,
    /// Its ports besides the main one, from [`crate::Port`] 1 on, and what they give.
    pub ports: Vec<NamedPort>,
    /// What it may hold.
    pub bounds: Bounds,
    /// Memory that it keeps for itself, in bytes or as a share of the process' budget: taken off the budget before leases
    /// share the rest. For a stage that accounts for every byte that it holds; each shard gets its part.
    pub memory: Option<Budget>,
    /// Whether it keeps state across batches, and so runs in shards behind a bounded edge.
    pub stateful: bool,
    /// Whether it takes custody: its senders are told that all is well while it still holds the data in memory.
    pub takes_custody: bool,
}

/// What an exporter says of itself, given its config.
#[derive(Clone, Debug)]
pub struct ExporterDeclaration {
    /// The signals that it takes.
    pub inputs: SignalSet,
    /// How the engine is to deliver to it.
    pub delivery: DeliverySettings,
    /// What it may hold besides its queue.
    pub bounds: Bounds,
    /// Whether it takes custody: senders may be told that all is well while their data is still in its queue.
    pub takes_custody: bool,
}

/// Makes receivers of one type.
pub trait ReceiverFactory: 'static {
    /// What its config tables are read into.
    type Config: Config;
    /// What it says of itself.
    const ABOUT: About;
    /// What one with this config is like.
    fn declare(config: &Self::Config) -> ReceiverDeclaration;
    /// Makes one. Nothing is opened or started yet.
    fn build(config: Self::Config) -> Result<Box<dyn Receiver>, ComponentError>;
}

/// Makes processors of one type.
pub trait ProcessorFactory: 'static {
    /// What its config tables are read into.
    type Config: Config;
    /// What it says of itself.
    const ABOUT: About;
    /// What one with this config is like.
    fn declare(config: &Self::Config) -> ProcessorDeclaration;
    /// Makes one; a stateful one in `shards` shards or fewer.
    fn build(config: Self::Config, shards: usize) -> Result<BuiltProcessor, ComponentError>;
}

/// Makes exporters of one type.
pub trait ExporterFactory: 'static {
    /// What its config tables are read into.
    type Config: Config;
    /// What it says of itself.
    const ABOUT: About;
    /// What one with this config is like.
    fn declare(config: &Self::Config) -> ExporterDeclaration;
    /// Makes one. Nothing is opened or started yet.
    fn build(config: Self::Config) -> Result<Box<dyn Exporter>, ComponentError>;
}

/// Makes exporters of one type that spread what comes over several destinations.
pub trait BalancedFactory: 'static {
    /// What its config tables are read into.
    type Config: Config;
    /// What it says of itself.
    const ABOUT: About;
    /// What one with this config is like.
    fn declare(config: &Self::Config) -> ExporterDeclaration;
    /// Makes one. Nothing is opened or started yet.
    fn build(config: Self::Config) -> Result<Balanced, ComponentError>;
}

/// A component that is configured and not yet built.
pub struct Prepared<D, B> {
    /// What it says of itself.
    pub declaration: D,
    /// Its config with all defaults, secrets redacted.
    pub resolved: serde_json::Value,
    /// Makes it.
    pub build: B,
}

impl<D, B> std::fmt::Debug for Prepared<D, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({})", self.resolved)
    }
}

/// Builds a receiver.
pub type BuildReceiver = Box<dyn FnOnce() -> Result<Box<dyn Receiver>, ComponentError> + Send>;
/// Builds a processor in at most so many shards.
pub type BuildProcessor = Box<dyn FnOnce(usize) -> Result<BuiltProcessor, ComponentError> + Send>;
/// Builds an exporter.
pub type BuildExporter = Box<dyn FnOnce() -> Result<BuiltExporter, ComponentError> + Send>;
/// A configured receiver.
pub type PreparedReceiver = Prepared<ReceiverDeclaration, BuildReceiver>;
/// A configured processor.
pub type PreparedProcessor = Prepared<ProcessorDeclaration, BuildProcessor>;
/// A configured exporter.
pub type PreparedExporter = Prepared<ExporterDeclaration, BuildExporter>;

/// One registered component, its config type forgotten.
pub struct Registered<P> {
    /// What it says of itself.
    pub about: About,
    /// The schema of its config, with descriptions and defaults.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Reads its config.
    pub prepare: fn(&Section) -> Result<P, Vec<Diagnostic>>,
}

impl<P> Registered<P> {
    fn reading<C: Config>(about: About, prepare: fn(&Section) -> Result<P, Vec<Diagnostic>>) -> Self {
        let schema = C::json_schema;
        Registered {
            about,
            schema,
            prepare,
        }
    }
}

impl<P> std::fmt::Debug for Registered<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.about.kind)
    }
}

/// Every component type that the process knows, by role.
#[derive(Debug, Default)]
pub struct Registry {
    /// Receivers by type.
    pub receivers: BTreeMap<&'static str, Registered<PreparedReceiver>>,
    /// Processors by type.
    pub processors: BTreeMap<&'static str, Registered<PreparedProcessor>>,
    /// Exporters by type.
    pub exporters: BTreeMap<&'static str, Registered<PreparedExporter>>,
}

impl Registry {
    /// Registers a receiver type.
    pub fn receiver<F: ReceiverFactory>(&mut self) {
        let prepare = |section: &Section| {
            let (config, resolved) = read::<F::Config>(section)?;
            let declaration = F::declare(&config);
            Ok(Prepared {
                declaration,
                resolved,
                build: Box::new(move || F::build(config)) as BuildReceiver,
            })
        };
        let registered = Registered::reading::<F::Config>(F::ABOUT, prepare);
        self.receivers.insert(F::ABOUT.kind, registered);
    }

    /// Registers a processor type.
    pub fn processor<F: ProcessorFactory>(&mut self) {
        let prepare = |section: &Section| {
            let (config, resolved) = read::<F::Config>(section)?;
            let declaration = F::declare(&config);
            let build = Box::new(move |shards| F::build(config, shards)) as BuildProcessor;
            Ok(Prepared {
                declaration,
                resolved,
                build,
            })
        };
        let registered = Registered::reading::<F::Config>(F::ABOUT, prepare);
        self.processors.insert(F::ABOUT.kind, registered);
    }

    /// Registers an exporter type.
    pub fn exporter<F: ExporterFactory>(&mut self) {
        let prepare = |section: &Section| {
            let (config, resolved) = read::<F::Config>(section)?;
            let declaration = F::declare(&config);
            Ok(Prepared {
                declaration,
                resolved,
                build: Box::new(move || F::build(config).map(BuiltExporter::Single)) as BuildExporter,
            })
        };
        let registered = Registered::reading::<F::Config>(F::ABOUT, prepare);
        self.exporters.insert(F::ABOUT.kind, registered);
    }

    /// Registers a type of exporter that spreads what comes over several destinations.
    pub fn balanced<F: BalancedFactory>(&mut self) {
        let prepare = |section: &Section| {
            let (config, resolved) = read::<F::Config>(section)?;
            let declaration = F::declare(&config);
            Ok(Prepared {
                declaration,
                resolved,
                build: Box::new(move || F::build(config).map(BuiltExporter::Balanced)) as BuildExporter,
            })
        };
        let registered = Registered::reading::<F::Config>(F::ABOUT, prepare);
        self.exporters.insert(F::ABOUT.kind, registered);
    }
}

fn read<C: Config>(section: &Section) -> Result<(C, serde_json::Value), Vec<Diagnostic>> {
    let config: C = section.read()?;
    let problems: Vec<Diagnostic> = config
        .check()
        .into_iter()
        .map(|problem| blame(section, problem))
        .collect();
    if problems.is_empty() {
        let resolved = serde_json::to_value(&config).unwrap_or_default();
        Ok((config, resolved))
    } else {
        Err(problems)
    }
}

fn blame(section: &Section, problem: Problem) -> Diagnostic {
    let place: Place = section.place_of(&problem.path);
    let diagnostic = Diagnostic::error(problem.message).at(place);
    match problem.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
