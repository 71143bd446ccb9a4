//! The load generator: pre-encoded requests over a number of connections, each with a number of requests in flight.
//!
//! gRPC goes over hyper's HTTP/2 client with the framed request as one `Bytes`, so nothing is copied in user space.
//! HTTP goes over HTTP/1.1, which carries one request at a time: there each request in flight has its own connection.
//! With a rate, latency is counted from the moment a request was due, so that a stalled server cannot hide it.

mod answer;
mod body;
mod books;
mod link;
mod pace;
mod slot;

pub use books::{Books, Latency, Refusals, Report};

use crate::compression::Compression;
use crate::itemset::ItemSet;
use crate::payload::{SeriesShape, TraceShape};
use crate::{Result, payload, procfs, units};
use body::Bodies;
use forebay_otlp::Signal;
use link::{Link, Target};
use pace::Pace;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The prefix of the generator's thread names, for [`procfs::cpu_of_threads`].
pub const THREADS: &str = "load-";

/// The generator's number in identities unless another is chosen.
pub const GENERATOR: u16 = 1;

/// How requests are carried.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// OTLP/gRPC.
    #[default]
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    Http,
    /// OTLP/HTTP with JSON bodies.
    HttpJson,
}

/// What to generate, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to: `host:port`, for gRPC and HTTP alike.
    #[arg(long)]
    pub endpoint: String,
    /// The signal: traces, metrics or logs.
    #[arg(long, default_value = "traces", value_parser = parse_signal)]
    pub signal: Signal,
    /// Items per request: 1 to 65,535.
    #[arg(long, default_value_t = 1000)]
    pub items: usize,
    /// Connections (HTTP: times the requests in flight).
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Requests in flight per connection.
    #[arg(long, default_value_t = 4)]
    pub in_flight: usize,
    /// Items per second over all connections; 0 is as fast as the answers come.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Stop issuing requests after this time.
    #[arg(long, value_parser = units::duration)]
    pub duration: Option<Duration>,
    /// Stop issuing requests after this many.
    #[arg(long)]
    pub requests: Option<u64>,
    /// The protocol.
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// The compression; bodies are compressed beforehand unless `--sequence` is given.
    #[arg(long, value_enum, default_value_t)]
    pub compression: Compression,
    /// How spans form traces.
    #[command(flatten)]
    pub traces: TraceShape,
    /// Which series points belong to.
    #[command(flatten)]
    pub series: SeriesShape,
    /// Give every item an identity of its own, for a sink with `--verify`. Costs a copy of each request.
    #[arg(long)]
    pub sequence: bool,
    /// The generator's number in the identities: 0 to 4094.
    #[arg(long, default_value_t = GENERATOR, value_parser = clap::value_parser!(u16).range(0..4095))]
    pub generator: u16,
    /// Send retryable refusals and failed connections again, after the delay that the answer asks for.
    #[arg(long)]
    pub retry: bool,
    /// Give a request up this long after its first attempt.
    #[arg(long, default_value = "60s", value_parser = units::duration)]
    pub retry_for: Duration,
    /// Give an attempt up after this time.
    #[arg(long, default_value = "10s", value_parser = units::duration)]
    pub timeout: Duration,
    /// Write acknowledged requests to this file, one line each: generator, first item number, number of items.
    #[arg(long)]
    pub acknowledged_log: Option<PathBuf>,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

impl Options {
    /// The defaults of the command line for an endpoint.
    pub fn new(endpoint: impl Into<String>) -> Options {
        Options {
            endpoint: endpoint.into(),
            signal: Signal::Traces,
            items: 1000,
            connections: 8,
            in_flight: 4,
            rate: 0,
            duration: None,
            requests: None,
            protocol: Protocol::Grpc,
            compression: Compression::None,
            traces: TraceShape::default(),
            series: SeriesShape::default(),
            sequence: false,
            generator: GENERATOR,
            retry: false,
            retry_for: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            acknowledged_log: None,
            threads: 1,
        }
    }
}

fn parse_signal(word: &str) -> Result<Signal> {
    Signal::parse(word).ok_or_else(|| format!("not a signal: {word}").into())
}

/// What all slots of a generator share.
struct Shared {
    options: Options,
    bodies: Bodies,
    pace: Pace,
    books: Books,
}

/// A generator at work on threads of its own.
pub struct Generator {
    runtime: tokio::runtime::Runtime,
    slots: Vec<tokio::task::JoinHandle<()>>,
    shared: Arc<Shared>,
    started: Instant,
}

impl Generator {
    /// Builds the bodies and starts to send.
    ///
    /// # Errors
    /// The options are out of their limits, or no thread can be started.
    pub fn start(options: Options) -> Result<Generator> {
        if options.items == 0 || options.items > payload::ITEMS_MAX {
            return Err(format!("items per request: 1 to {}", payload::ITEMS_MAX).into());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name(THREADS)
            .enable_all()
            .build()?;
        let target = Arc::new(Target::new(&options)?);
        let shared = Arc::new(Shared {
            bodies: Bodies::new(&options)?,
            pace: Pace::new(&options),
            books: Books::new(options.items as u64),
            options,
        });
        let slots = shared
            .links(&target)
            .map(|link| runtime.spawn(slot::run(Arc::clone(&shared), link)))
            .collect();
        Ok(Generator {
            runtime,
            slots,
            shared,
            started: Instant::now(),
        })
    }

    /// The books, readable while it works.
    pub fn books(&self) -> &Books {
        &self.shared.books
    }

    /// Issues no more requests; those in flight are finished.
    pub fn stop(&self) {
        self.shared.pace.stop();
    }

    /// Waits until all requests are finished and closes the books.
    ///
    /// # Errors
    /// A slot has panicked, or the log of acknowledged requests cannot be written.
    pub fn finish(self) -> Result<Finished> {
        let Generator {
            runtime,
            slots,
            shared,
            started,
        } = self;
        runtime.block_on(async {
            for slot in slots {
                slot.await?;
            }
            Ok::<(), crate::Error>(())
        })?;
        let elapsed = started.elapsed();
        let cpu = procfs::cpu_of_threads(THREADS).unwrap_or_default();
        runtime.shutdown_background();
        let report = shared.books.report(elapsed, cpu);
        let acknowledged = std::mem::take(&mut *lock(&shared.books.acknowledged_requests));
        let finished = Finished {
            report,
            sum: acknowledged
                .iter()
                .map(|sequence| shared.bodies.sum(sequence))
                .sum(),
            acknowledged,
            items: shared.options.items as u64,
        };
        if let Some(path) = &shared.options.acknowledged_log {
            finished.write_log(path, shared.options.generator)?;
        }
        Ok(finished)
    }
}

impl Shared {
    /// One entry per request in flight: gRPC shares the connection's link, HTTP has one each.
    fn links(&self, target: &Arc<Target>) -> impl Iterator<Item = Arc<Link>> {
        let Options {
            connections,
            in_flight,
            protocol,
            ..
        } = self.options;
        let (links, shared_by) = if protocol == Protocol::Grpc {
            (connections, in_flight)
        } else {
            (connections * in_flight, 1)
        };
        let target = Arc::clone(target);
        (0..links).flat_map(move |_| {
            let link = Arc::new(Link::new(Arc::clone(&target)));
            std::iter::repeat_n(link, shared_by)
        })
    }
}

/// The closed books of a generator.
pub struct Finished {
    /// The figures.
    pub report: Report,
    /// The sequences of the requests that were acknowledged.
    pub acknowledged: ItemSet,
    /// What the points of acknowledged requests add up to, where that is known: those of delta sums.
    pub sum: Option<u64>,
    /// Items per request: request `s` has the item numbers from `s * items` on.
    pub items: u64,
}

impl Finished {
    fn write_log(&self, path: &std::path::Path, generator: u16) -> Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for sequence in self.acknowledged.iter() {
            writeln!(file, "{generator} {} {}", sequence * self.items, self.items)?;
        }
        Ok(file.flush()?)
    }
}

/// Locks; a panic elsewhere does not make figures unreadable.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a generator to its end, for the command line.
///
/// # Errors
/// As [`Generator::start`] and [`Generator::finish`]; also when neither a duration nor a number of requests bounds it.
pub fn command(options: Options) -> Result<Report> {
    if options.duration.is_none() && options.requests.is_none() {
        return Err("give --duration or --requests".into());
    }
    let generator = Generator::start(options)?;
    generator.books().open_window();
    Ok(generator.finish()?.report)
}
