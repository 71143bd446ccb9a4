//! One measurement: a system, a cell, a round.

use super::system::{Memory, System, Values, sample_memory};
use super::{Cell, Outage, Per, Scenario, SystemSpec};
use crate::generate::{self, Finished, Generator, Latency, Protocol, Refusals};
use crate::sink::{self, Mode, Sink};
use crate::{Result, procfs};
use forebay_otlp::Signal;
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long the system rests before its idle memory is read.
const IDLE: Duration = Duration::from_millis(300);
/// What was acknowledged must arrive while something still arrives within this time.
const DRAIN_PAUSE_MAX: Duration = Duration::from_secs(3);

/// The figures of a measurement.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measurement {
    /// CPU time of the system in the window per item delivered (or acknowledged, see [`Per`]) in it, in microseconds.
    pub cpu_us_per_item: f64,
    /// Items that reached the sink per second of the window (with several sinks: each).
    pub delivered_per_second: f64,
    /// Items acknowledged to the generator per second of the window.
    pub acknowledged_per_second: f64,
    /// From the start of the process to the first connection taken, in milliseconds.
    pub start_ms: f64,
    /// Resident memory before any request, in bytes.
    pub idle_rss: f64,
    /// The most resident memory in the window, in bytes.
    pub peak_rss: f64,
    /// How far resident memory moved from the beginning of the window to its end, over what it was at the beginning: the
    /// medians of a fifth of the samples each.
    pub rss_drift: f64,
    /// Latency of acknowledged requests.
    pub p50_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// The 99.9th percentile.
    pub p999_us: f64,
    /// Acknowledged items that never reached a sink; without identities, the difference of the totals; with sums, that of the sums.
    pub lost: f64,
    /// Items that reached a sink more than once (with identities only).
    pub duplicates: f64,
    /// Attempts refused.
    pub refused: f64,
    /// Of these, retryable with a delay.
    pub refused_with_delay: f64,
    /// Attempts without an answer.
    pub failed: f64,
    /// Requests given up.
    pub given_up: f64,
    /// CPU time of the generator per item sent, in microseconds.
    pub generator_us_per_item: f64,
}

/// The counters at one moment.
struct Moment {
    at: Instant,
    cpu: Duration,
    delivered: u64,
    acknowledged: u64,
}

pub(super) fn measure(
    scenario: &Scenario,
    spec: &SystemSpec,
    cell: &Cell,
    set: &Values,
) -> Result<Measurement> {
    let sinks: Vec<Sink> = (0..scenario.sinks.max(1))
        .map(|_| {
            Sink::start(&sink::Options {
                sum: scenario.sums,
                ..sink::Options::local(scenario.sequence)
            })
        })
        .collect::<Result<_>>()?;
    let use_grpc = cell.protocol == Protocol::Grpc;
    let mut system = System::start(spec, values(&sinks, cell, set), use_grpc)?;
    let mut measurement = Measurement {
        start_ms: system.start.as_secs_f64() * 1e3,
        idle_rss: sample_memory(system.pid(), IDLE).most() as f64,
        ..Measurement::default()
    };
    let address = if use_grpc { system.grpc } else { system.http };
    let generator = Generator::start(generator_options(scenario, cell, address.to_string())?)?;
    std::thread::sleep(spec.warm_up.unwrap_or(scenario.warm_up));
    measurement.window(&system, &sinks, &generator, scenario)?;
    generator.stop();
    let finished = generator.finish()?;
    system.check()?;
    measurement.books(&finished);
    if scenario.sums {
        measurement.unmeasured(&finished, &sinks)?;
    } else if scenario.per == Per::Delivered {
        drain(&sinks, &finished);
        measurement.losses(&finished, &sinks, scenario.sequence);
    }
    Ok(measurement)
}

fn generator_options(scenario: &Scenario, cell: &Cell, endpoint: String) -> Result<generate::Options> {
    Ok(generate::Options {
        signal: Signal::parse(&cell.signal).ok_or_else(|| format!("not a signal: {}", cell.signal))?,
        items: cell.items,
        connections: cell.connections,
        in_flight: cell.in_flight,
        rate: cell.rate,
        traces: cell.traces,
        series: cell.series,
        protocol: cell.protocol,
        compression: cell.compression,
        sequence: scenario.sequence,
        retry: scenario.sequence,
        ..generate::Options::new(endpoint)
    })
}

/// The placeholders that belong to the sinks and the cell: `{sink_grpc}`, `{sink_http}`, from the second sink on
/// `{sink_grpc_2}` and so on; `{protocol}` (`grpc` or `http`), `{sink}` (the first sink's address for it) and
/// `{compression}`.
fn values(sinks: &[Sink], cell: &Cell, set: &Values) -> Values {
    let mut values = set.clone();
    for (index, sink) in sinks.iter().enumerate() {
        let suffix = if index == 0 {
            String::new()
        } else {
            format!("_{}", index + 1)
        };
        values.insert(format!("sink_grpc{suffix}"), sink.grpc.to_string());
        values.insert(format!("sink_http{suffix}"), sink.http.to_string());
    }
    let (protocol, sink) = match cell.protocol {
        Protocol::Grpc => ("grpc", "sink_grpc"),
        Protocol::Http | Protocol::HttpJson => ("http", "sink_http"),
    };
    values.insert("protocol".to_owned(), protocol.to_owned());
    if let Some(sink) = values.get(sink).cloned() {
        values.insert("sink".to_owned(), sink);
    }
    values.insert(
        "compression".to_owned(),
        cell.compression.header().unwrap_or("none").to_owned(),
    );
    values
}

/// Waits until the sinks have what was acknowledged, or nothing more arrives.
fn drain(sinks: &[Sink], finished: &Finished) {
    let mut last = (delivered(sinks), Instant::now());
    while last.0 < finished.report.items_acknowledged && last.1.elapsed() < DRAIN_PAUSE_MAX {
        std::thread::sleep(Duration::from_millis(10));
        let now = delivered(sinks);
        if now > last.0 {
            last = (now, Instant::now());
        }
    }
}

/// Items that the slowest sink has taken.
fn delivered(sinks: &[Sink]) -> u64 {
    sinks.iter().map(Sink::items).min().unwrap_or_default()
}

impl Moment {
    fn now(system: &System, sinks: &[Sink], generator: &Generator) -> Result<Moment> {
        Ok(Moment {
            at: Instant::now(),
            cpu: procfs::cpu(system.pid())?,
            delivered: delivered(sinks),
            acknowledged: generator.books().items_acknowledged(),
        })
    }
}

impl Measurement {
    fn window(
        &mut self,
        system: &System,
        sinks: &[Sink],
        generator: &Generator,
        scenario: &Scenario,
    ) -> Result<()> {
        let pid = system.pid();
        // Where it is not allowed, the peak counts from the start of the process.
        let _since_start = procfs::reset_peak(pid);
        generator.books().open_window();
        let before = Moment::now(system, sinks, generator)?;
        let sampled = match &scenario.outage {
            None => sample_memory(pid, scenario.seconds),
            Some(outage) => suffer(outage, pid, sinks),
        };
        let after = Moment::now(system, sinks, generator)?;
        generator.books().close_window();
        self.peak_rss = procfs::resident_peak(pid)?.max(sampled.most()) as f64;
        self.rss_drift = sampled.drift();
        let seconds = (after.at - before.at).as_secs_f64();
        let delivered = after.delivered.saturating_sub(before.delivered) as f64;
        let acknowledged = (after.acknowledged - before.acknowledged) as f64;
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let items = match scenario.per {
            Per::Delivered => delivered,
            Per::Acknowledged => acknowledged,
        };
        self.cpu_us_per_item = if items > 0.0 { cpu * 1e6 / items } else { f64::NAN };
        self.delivered_per_second = delivered / seconds;
        self.acknowledged_per_second = acknowledged / seconds;
        Ok(())
    }

    fn books(&mut self, finished: &Finished) {
        let report = &finished.report;
        let Latency {
            p50_us,
            p99_us,
            p999_us,
            ..
        } = report.latency;
        (self.p50_us, self.p99_us, self.p999_us) = (p50_us as f64, p99_us as f64, p999_us as f64);
        let refused = |of: fn(&Refusals) -> u64| report.refusals.values().map(of).sum::<u64>() as f64;
        self.refused = refused(|refusals| refusals.attempts);
        self.refused_with_delay = refused(|refusals| refusals.with_delay);
        self.failed = report.failures.values().sum::<u64>() as f64;
        self.given_up = report.requests_given_up as f64;
        self.generator_us_per_item = report.cpu_seconds * 1e6 / (report.items_sent.max(1)) as f64;
    }

    /// What was acknowledged answers for what arrived: by then it has.
    fn unmeasured(&mut self, finished: &Finished, sinks: &[Sink]) -> Result<()> {
        let sent = finished
            .sum
            .ok_or("sums: for delta sums of a given number of series only")?;
        for sink in sinks {
            let arrived = sink.stats().sum.unwrap_or_default();
            self.lost += sent.abs_diff(arrived) as f64;
        }
        Ok(())
    }

    fn losses(&mut self, finished: &Finished, sinks: &[Sink], sequence: bool) {
        for sink in sinks {
            let lost = if sequence {
                sink.missing(generate::GENERATOR, finished.acknowledged.iter(), finished.items)
            } else {
                finished.report.items_acknowledged.saturating_sub(sink.items())
            };
            self.lost += lost as f64;
            self.duplicates += sink.stats().verified.map_or(0, |verified| verified.duplicates) as f64;
        }
    }
}

/// Lets the sinks fail for a while; returns the resident memory over the whole of it.
fn suffer(outage: &Outage, pid: u32, sinks: &[Sink]) -> Memory {
    let set = |mode: &Mode| sinks.iter().for_each(|sink| sink.set_mode(mode.clone()));
    let healthy = sample_memory(pid, outage.healthy);
    set(&outage.mode);
    let suffering = sample_memory(pid, outage.lasting);
    set(&Mode::default());
    healthy.then(suffering).then(sample_memory(pid, outage.recovery))
}
