//! Scenario files: which systems, which cells, how long, and what is expected.

use super::Options;
use crate::compression::Compression;
use crate::generate::Protocol;
use crate::payload::{SeriesShape, TraceShape};
use crate::sink::Mode;
use crate::{Result, units};
use forebay_otlp::Signal;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A scenario, as the file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The measured time of each cell; default 4 s.
    #[serde(default = "four_seconds", deserialize_with = "duration")]
    pub seconds: Duration,
    /// The time before it; default 1 s.
    #[serde(default = "one_second", deserialize_with = "duration")]
    pub warm_up: Duration,
    /// How often each cell is measured; default 3.
    #[serde(default = "three")]
    pub rounds: usize,
    /// How many sinks each system has; default 1.
    #[serde(default = "one")]
    pub sinks: usize,
    /// Account for every item's identity, and send retryable refusals again.
    #[serde(default)]
    pub sequence: bool,
    /// Compare the sum of what the points of delta sums measured with the sum of what arrives: the difference is lost.
    #[serde(default)]
    pub sums: bool,
    /// Which items CPU time is divided by; default `delivered`.
    #[serde(default)]
    pub per: Per,
    /// The systems; the first is the yardstick.
    #[serde(default)]
    pub systems: Vec<SystemSpec>,
    /// The cells.
    #[serde(default)]
    pub cells: Vec<Matrix>,
    /// An outage of the sink in the middle of each measurement, which then takes the outage's time.
    pub outage: Option<Outage>,
    /// What must hold.
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// Which items CPU time is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Those that reached the sink in the window.
    #[default]
    Delivered,
    /// Those that were acknowledged in the window: where a system keeps a sample only. What does not reach the sink is not
    /// counted as lost then.
    Acknowledged,
}

/// A system under test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemSpec {
    /// Its name in the table.
    pub name: String,
    /// Its command line: words separated by spaces, with placeholders.
    pub command: String,
    /// Its config file, with placeholders; `{config}` in the command is its path.
    pub config: Option<String>,
    /// The config file's extension; default `toml`.
    #[serde(default = "toml_extension")]
    pub config_extension: String,
    /// Variables for its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The time before the measured one, in place of the scenario's: until the system is as full as it gets.
    #[serde(default, deserialize_with = "maybe_duration")]
    pub warm_up: Option<Duration>,
}

/// Cells: every combination of the lists.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matrix {
    /// `traces`, `metrics`, `logs`.
    pub signal: Vec<String>,
    /// Items per request.
    pub items: Vec<usize>,
    /// Connections.
    pub connections: Vec<usize>,
    /// Requests in flight per connection.
    pub in_flight: Vec<usize>,
    /// Items per second; 0 is as fast as the answers come.
    pub rate: Vec<u64>,
    /// How spans form traces.
    pub traces: Vec<TraceShape>,
    /// Which series points belong to.
    pub series: Vec<SeriesShape>,
    /// Protocols.
    pub protocol: Vec<Protocol>,
    /// Compressions.
    pub compression: Vec<Compression>,
}

impl Default for Matrix {
    fn default() -> Matrix {
        Matrix {
            signal: vec![Signal::Traces.as_str().to_owned()],
            items: vec![1000],
            connections: vec![8],
            in_flight: vec![4],
            rate: vec![0],
            traces: vec![TraceShape::default()],
            series: vec![SeriesShape::default()],
            protocol: vec![Protocol::Grpc],
            compression: vec![Compression::None],
        }
    }
}

/// An outage of the sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The time before it.
    #[serde(deserialize_with = "duration")]
    pub healthy: Duration,
    /// How long it lasts.
    #[serde(deserialize_with = "duration")]
    pub lasting: Duration,
    /// The time after it in which the generator goes on.
    #[serde(deserialize_with = "duration")]
    pub recovery: Duration,
    /// How the sink behaves meanwhile.
    pub mode: Mode,
}

/// What must hold for a system in every measurement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The system.
    pub system: String,
    /// Only in cells whose name in the table contains this.
    #[serde(default)]
    pub cell: String,
    /// The most that resident memory may move between the beginning and the end of the window: a ratio.
    pub rss_drift_max: Option<f64>,
    /// The most resident memory: a size.
    pub peak_rss_max: Option<String>,
    /// The most acknowledged items that may be missing at the sink.
    pub lost_max: Option<u64>,
    /// The most CPU time per item above that of the first system in the same cell, by the medians: microseconds.
    pub cpu_above_first_max: Option<f64>,
    /// The most CPU time per item over that of the first system in the same cell, by the medians: a ratio.
    pub cpu_over_first_max: Option<f64>,
    /// Every refusal is retryable and says when to come back, and there is one.
    #[serde(default)]
    pub refusals_retryable_with_delay: bool,
}

impl Expect {
    /// Whether this is expected of a system in a cell.
    pub(super) fn is_about(&self, system: &str, cell: &Cell) -> bool {
        self.system == system && cell.to_string().contains(&self.cell)
    }
}

/// One cell: what the generator does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The signal.
    pub signal: String,
    /// Items per request.
    pub items: usize,
    /// Connections.
    pub connections: usize,
    /// Requests in flight per connection.
    pub in_flight: usize,
    /// Items per second; 0 is as fast as the answers come.
    pub rate: u64,
    /// How spans form traces.
    pub traces: TraceShape,
    /// Which series points belong to.
    pub series: SeriesShape,
    /// The protocol.
    pub protocol: Protocol,
    /// The compression.
    pub compression: Compression,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http",
            Protocol::HttpJson => "http-json",
        };
        write!(
            f,
            "{} {} {}x{} {protocol}",
            self.items, self.signal, self.connections, self.in_flight
        )?;
        if let Some(codec) = self.compression.header() {
            write!(f, " {codec}")?;
        }
        if self.traces.is_wanted() {
            write!(f, " {}", self.traces)?;
        }
        if self.series.is_wanted() {
            write!(f, " {}", self.series)?;
        }
        if self.rate > 0 {
            write!(f, " {}/s", self.rate)?;
        }
        Ok(())
    }
}

impl Matrix {
    fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![Cell {
            signal: String::new(),
            items: 0,
            connections: 0,
            in_flight: 0,
            rate: 0,
            traces: TraceShape::default(),
            series: SeriesShape::default(),
            protocol: Protocol::Grpc,
            compression: Compression::None,
        }];
        cells = times(cells, &self.protocol, |cell, protocol| cell.protocol = *protocol);
        cells = times(cells, &self.compression, |cell, compression| {
            cell.compression = *compression
        });
        cells = times(cells, &self.signal, |cell, signal| cell.signal.clone_from(signal));
        cells = times(cells, &self.connections, |cell, connections| {
            cell.connections = *connections
        });
        cells = times(cells, &self.in_flight, |cell, in_flight| {
            cell.in_flight = *in_flight
        });
        cells = times(cells, &self.traces, |cell, traces| cell.traces = *traces);
        cells = times(cells, &self.series, |cell, series| cell.series = *series);
        cells = times(cells, &self.rate, |cell, rate| cell.rate = *rate);
        times(cells, &self.items, |cell, items| cell.items = *items)
    }
}

fn times<T>(cells: Vec<Cell>, values: &[T], set: impl Fn(&mut Cell, &T)) -> Vec<Cell> {
    let with = |cell: &Cell, value: &T| {
        let mut cell = cell.clone();
        set(&mut cell, value);
        cell
    };
    cells
        .iter()
        .flat_map(|cell| values.iter().map(move |value| (cell, value)))
        .map(|(c, v)| with(c, v))
        .collect()
}

impl Scenario {
    /// Reads the scenario file, if one is given, and puts the command line's words in place of its own.
    pub(super) fn load(options: &Options) -> Result<Scenario> {
        let mut scenario = match &options.scenario {
            Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
            None => Scenario::parse("name = \"command line\"\ncells = [{}]\n")?,
        };
        scenario.override_systems(options);
        scenario.override_cells(options);
        scenario.seconds = options.seconds.unwrap_or(scenario.seconds);
        scenario.warm_up = options.warm_up.unwrap_or(scenario.warm_up);
        scenario.rounds = options.rounds.unwrap_or(scenario.rounds);
        scenario.sequence |= options.sequence;
        if scenario.systems.is_empty() {
            return Err("no system: give --system or a scenario that has some".into());
        }
        Ok(scenario)
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// The text is not a scenario; the error names line and column.
    pub fn parse(text: &str) -> Result<Scenario> {
        Ok(toml::from_str(text)?)
    }

    /// Every cell.
    pub fn cells(&self) -> Vec<Cell> {
        self.cells.iter().flat_map(Matrix::cells).collect()
    }

    fn override_systems(&mut self, options: &Options) {
        if !options.systems.is_empty() {
            self.systems = options
                .systems
                .iter()
                .map(|(name, command)| SystemSpec::new(name, command))
                .collect();
        }
        if !options.only.is_empty() {
            self.systems.retain(|system| options.only.contains(&system.name));
        }
    }

    fn override_cells(&mut self, options: &Options) {
        fn replace<T: Clone>(mine: &mut Vec<T>, given: &[T]) {
            if !given.is_empty() {
                *mine = given.to_vec();
            }
        }
        for matrix in &mut self.cells {
            replace(&mut matrix.signal, &options.signal);
            replace(&mut matrix.items, &options.items);
            replace(&mut matrix.connections, &options.connections);
            replace(&mut matrix.in_flight, &options.in_flight);
            replace(&mut matrix.rate, &options.rate);
            replace(&mut matrix.protocol, &options.protocol);
            replace(&mut matrix.compression, &options.compression);
        }
    }
}

impl SystemSpec {
    /// A system without a config file.
    pub fn new(name: &str, command: &str) -> SystemSpec {
        SystemSpec {
            name: name.to_owned(),
            command: command.to_owned(),
            config: None,
            config_extension: toml_extension(),
            env: BTreeMap::new(),
            warm_up: None,
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    units::duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn maybe_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

fn four_seconds() -> Duration {
    Duration::from_secs(4)
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn three() -> usize {
    3
}

fn one() -> usize {
    1
}

fn toml_extension() -> String {
    "toml".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_scenario_parses_and_has_systems_and_cells() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let scenario = Scenario::parse(&std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(
                !scenario.systems.is_empty() && !scenario.cells().is_empty(),
                "{}",
                path.display()
            );
            for expect in &scenario.expect {
                assert!(scenario.systems.iter().any(|system| system.name == expect.system));
                assert!(
                    expect
                        .peak_rss_max
                        .as_deref()
                        .is_none_or(|size| units::size(size).is_ok())
                );
            }
            seen += 1;
        }
        assert!(seen >= 6);
    }

    #[test]
    fn a_matrix_is_every_combination() {
        let matrix = Matrix {
            items: vec![10, 100],
            connections: vec![1, 200],
            ..Matrix::default()
        };
        let cells: Vec<_> = matrix.cells().iter().map(ToString::to_string).collect();
        let expected = [
            "10 traces 1x4 grpc",
            "100 traces 1x4 grpc",
            "10 traces 200x4 grpc",
            "100 traces 200x4 grpc",
        ];
        assert_eq!(cells, expected);
    }
}
