//! The runner: starts systems under test, drives each cell by cell, and compares them with the first.
//!
//! Every measurement has a system freshly started, a sink of its own, and a generator; only one system is driven at a
//! time, and the systems take turns within each round, so that a slow minute of the machine hits all of them. Figures
//! are medians over the rounds. CPU time of the system per delivered item is the figure to compare: it holds on a busy
//! machine, where throughput and latency do not.

mod measure;
mod scenario;
mod system;
mod table;

pub use measure::Measurement;
pub use scenario::{Cell, Expect, Matrix, Outage, Per, Scenario, SystemSpec};
pub use table::{Outcome, Row};

use crate::compression::Compression;
use crate::generate::Protocol;
use crate::{Error, Result, units};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What to run.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A scenario file; systems and cells given on the command line replace its own.
    #[arg(long)]
    pub scenario: Option<PathBuf>,
    /// A system under test: `NAME=COMMAND`, with the placeholders of `benches/README.md`. The first is the yardstick.
    #[arg(long = "system", value_parser = pair)]
    pub systems: Vec<(String, String)>,
    /// Run only these systems of the scenario.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// A placeholder's value: `NAME=VALUE`.
    #[arg(long = "set", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Signals.
    #[arg(long, value_delimiter = ',')]
    pub signal: Vec<String>,
    /// Items per request.
    #[arg(long, value_delimiter = ',')]
    pub items: Vec<usize>,
    /// Connections.
    #[arg(long, value_delimiter = ',')]
    pub connections: Vec<usize>,
    /// Requests in flight per connection.
    #[arg(long, value_delimiter = ',')]
    pub in_flight: Vec<usize>,
    /// Items per second; 0 is as fast as the answers come.
    #[arg(long, value_delimiter = ',')]
    pub rate: Vec<u64>,
    /// Protocols.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub protocol: Vec<Protocol>,
    /// Compressions.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub compression: Vec<Compression>,
    /// Account for every item's identity.
    #[arg(long)]
    pub sequence: bool,
    /// The measured time of each cell.
    #[arg(long, value_parser = units::duration)]
    pub seconds: Option<Duration>,
    /// The time before it.
    #[arg(long, value_parser = units::duration)]
    pub warm_up: Option<Duration>,
    /// How often each cell is measured.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Write everything to this file as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write the table to this file as Markdown.
    #[arg(long)]
    pub markdown: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Runs a scenario: prints progress to standard error and the table to standard output.
///
/// The exit code is a failure when a system did not run or did not meet an expectation.
///
/// # Errors
/// The scenario cannot be read, or a report cannot be written.
pub fn command(options: &Options) -> Result<ExitCode> {
    let scenario = Scenario::load(options)?;
    let set: BTreeMap<String, String> = options.set.iter().cloned().collect();
    let outcome = run(&scenario, &set)?;
    let table = outcome.markdown();
    write!(std::io::stdout(), "{table}")?;
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&outcome)?)?;
    }
    if let Some(path) = &options.markdown {
        std::fs::write(path, &table)?;
    }
    Ok(if outcome.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Measures every cell of a scenario with every system, round by round.
///
/// # Errors
/// A temporary folder or a sink cannot be made. A system that fails is an entry of [`Outcome::failures`].
pub fn run(scenario: &Scenario, set: &BTreeMap<String, String>) -> Result<Outcome> {
    let mut outcome = Outcome::new(scenario);
    for round in 0..scenario.rounds {
        for cell in scenario.cells() {
            // Whoever comes first in a cell pays for memory that the generator and the sink touch for the first time, so
            // another system comes first in each round.
            let order = scenario
                .systems
                .iter()
                .cycle()
                .skip(round % scenario.systems.len().max(1));
            for system in order.take(scenario.systems.len()) {
                progress(&format!("round {} {} {}", round + 1, cell, system.name));
                match measure::measure(scenario, system, &cell, set) {
                    Ok(measurement) => outcome.add(scenario, &cell, system, measurement),
                    Err(error) => outcome.failures.push(format!("{}: {cell}: {error}", system.name)),
                }
            }
        }
    }
    outcome.judge(scenario);
    Ok(outcome)
}

fn progress(line: &str) {
    // Progress is a courtesy; without standard error the run goes on.
    let _gone = writeln!(std::io::stderr(), "{line}");
}

/// Blocks until SIGINT or SIGTERM.
///
/// # Errors
/// The signals cannot be watched.
pub fn wait_for_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok::<(), Error>(())
    })
}
