//! The sink: an OTLP server that counts every item on the wire, finds loss and duplicates, and fails on demand.
//!
//! It serves gRPC and HTTP on two addresses (each takes HTTP/1.1 and HTTP/2 without TLS), decompresses, and counts by
//! walking the bytes. Its control address answers `GET /stats` (JSON), `POST /mode` (JSON, see [`Mode`]) and
//! `POST /check`, whose body is a generator's log of acknowledged requests and whose answer says how many of these items
//! never came.

mod account;
mod control;
mod json;
mod mode;
mod server;
mod service;

pub use account::{Stats, Verified};
pub use mode::{Condition, Failure, Mode};

use crate::{Result, units};
use account::Account;
use forebay_otlp::Signal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The prefix of the sink's thread names, for [`crate::procfs::cpu_of_threads`].
pub const THREADS: &str = "sink-";

/// Where to listen, and how to behave.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The address for gRPC.
    #[arg(long, default_value = "127.0.0.1:5317")]
    pub listen_grpc: SocketAddr,
    /// The address for HTTP.
    #[arg(long, default_value = "127.0.0.1:5318")]
    pub listen_http: SocketAddr,
    /// The address for control.
    #[arg(long, default_value = "127.0.0.1:5319")]
    pub listen_control: SocketAddr,
    /// Account for every item's identity: loss and duplicates.
    #[arg(long)]
    pub verify: bool,
    /// Add up the whole numbers that the points of sums carry (protobuf only).
    #[arg(long)]
    pub sum: bool,
    /// Answer after this time.
    #[arg(long, default_value = "0s", value_parser = units::duration)]
    pub delay: Duration,
    /// Fail this share of the requests (0 to 1); with `--status` alone, all.
    #[arg(long)]
    pub fail_ratio: Option<f64>,
    /// The status to fail with: a gRPC code (0 to 16) or an HTTP status.
    #[arg(long)]
    pub status: Option<u16>,
    /// Ask for this delay before another attempt.
    #[arg(long, value_parser = units::duration)]
    pub retry_delay: Option<Duration>,
    /// Accept, but answer nothing for this long.
    #[arg(long, value_parser = units::duration)]
    pub dead_for: Option<Duration>,
    /// Accept no connection for this long.
    #[arg(long, value_parser = units::duration)]
    pub refuse_for: Option<Duration>,
    /// Threads of the sink.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

impl Options {
    /// A well-behaved sink on free ports of the loopback address.
    pub fn local(verify: bool) -> Options {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Options {
            listen_grpc: any,
            listen_http: any,
            listen_control: any,
            verify,
            sum: false,
            delay: Duration::ZERO,
            fail_ratio: None,
            status: None,
            retry_delay: None,
            dead_for: None,
            refuse_for: None,
            threads: 1,
        }
    }

    fn mode(&self) -> Mode {
        let condition = match (self.dead_for, self.refuse_for) {
            (Some(_), _) => Condition::Dead,
            (None, Some(_)) => Condition::Refuse,
            (None, None) => Condition::Alive,
        };
        Mode {
            condition,
            for_ms: self
                .dead_for
                .or(self.refuse_for)
                .map(|time| time.as_millis() as u64),
            delay_ms: self.delay.as_millis() as u64,
            fail_ratio: self
                .fail_ratio
                .unwrap_or(if self.status.is_some() { 1.0 } else { 0.0 }),
            status: self.status,
            retry_delay_ms: self.retry_delay.map(|time| time.as_millis() as u64),
        }
    }
}

/// The path of a signal's service.
pub(crate) const fn path(signal: Signal, grpc: bool) -> &'static str {
    match (signal, grpc) {
        (Signal::Traces, true) => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        (Signal::Metrics, true) => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        (Signal::Logs, true) => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        (Signal::Traces, false) => "/v1/traces",
        (Signal::Metrics, false) => "/v1/metrics",
        (Signal::Logs, false) => "/v1/logs",
    }
}

/// What all connections share.
struct Shared {
    account: Account,
    mode: watch::Sender<Mode>,
}

/// A sink at work on threads of its own; it ends when it is dropped.
pub struct Sink {
    runtime: Option<tokio::runtime::Runtime>,
    shared: Arc<Shared>,
    /// The address for gRPC.
    pub grpc: SocketAddr,
    /// The address for HTTP.
    pub http: SocketAddr,
    /// The address for control.
    pub control: SocketAddr,
}

impl Sink {
    /// Binds the addresses and starts to serve.
    ///
    /// # Errors
    /// An address is taken, or no thread can be started.
    pub fn start(options: &Options) -> Result<Sink> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name(THREADS)
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            account: Account::new(options.verify, options.sum),
            mode: watch::Sender::new(Mode::default()),
        });
        let _inside = runtime.enter();
        let grpc = server::start(&shared, options.listen_grpc)?;
        let http = server::start(&shared, options.listen_http)?;
        let control = control::start(&shared, options.listen_control)?;
        mode::set(&shared, options.mode());
        drop(_inside);
        Ok(Sink {
            runtime: Some(runtime),
            shared,
            grpc,
            http,
            control,
        })
    }

    /// The figures so far.
    pub fn stats(&self) -> Stats {
        self.shared.account.stats()
    }

    /// Items taken so far.
    pub fn items(&self) -> u64 {
        self.shared.account.items()
    }

    /// Changes the behaviour from now on.
    pub fn set_mode(&self, mode: Mode) {
        let handle = self.runtime.as_ref().map(tokio::runtime::Runtime::enter);
        mode::set(&self.shared, mode);
        drop(handle);
    }

    /// How many items of the requests with these sequences never came.
    pub fn missing(&self, generator: u16, sequences: impl Iterator<Item = u64>, items: u64) -> u64 {
        sequences
            .map(|sequence| self.shared.account.missing(generator, sequence * items, items))
            .sum()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
