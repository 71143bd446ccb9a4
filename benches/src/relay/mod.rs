//! The bare relay: what a process in the middle costs at least.
//!
//! gRPC: a tonic server and a tonic client with a codec that passes bytes on, 1 MiB frames and 8 MiB windows on both
//! sides, `TCP_NODELAY`. HTTP: hyper's HTTP/1.1 on both sides, bodies streamed through. Nothing is read. The
//! [`Model`]s run the same relay in other ways, to compare execution models at equal work.

mod codec;
mod forward;
mod grpc;
mod http;

use crate::Result;
use crate::compression::Compression;
use forward::{Forward, Upstream};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Where a request is worked on between the server and the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Model {
    /// In the server's handler, which awaits the client's call.
    #[default]
    Inline,
    /// On a worker thread: over a bounded crossbeam channel there, back to the handler through a oneshot.
    Worker,
    /// As inline, but each thread has its own runtime, its own listener (`SO_REUSEPORT`) and its own client.
    PerCore,
    /// Behind an asynchronous edge: one task takes requests from a bounded queue and runs the client's calls.
    Queue,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// Nothing: it is passed on unread.
    #[default]
    None,
    /// Its items are counted on the wire.
    Count,
}

/// How the relay runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The address for gRPC.
    #[arg(long, required_unless_present = "listen_http", requires = "to")]
    pub listen: Option<SocketAddr>,
    /// Where gRPC goes: `host:port`.
    #[arg(long)]
    pub to: Option<String>,
    /// The address for HTTP/1.1.
    #[arg(long, requires = "to_http")]
    pub listen_http: Option<SocketAddr>,
    /// Where HTTP goes: `host:port`.
    #[arg(long)]
    pub to_http: Option<String>,
    /// The compression of what is sent on over gRPC; what comes in may have any.
    #[arg(long, value_enum, default_value_t)]
    pub compression: Compression,
    /// The execution model (gRPC).
    #[arg(long, value_enum, default_value_t)]
    pub model: Model,
    /// What is done with each request (gRPC).
    #[arg(long, value_enum, default_value_t)]
    pub work: Work,
    /// Threads that serve; with `--model worker` there are as many workers besides.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
}

impl Options {
    /// A relay of gRPC from a free port of the loopback address.
    pub fn grpc(to: impl Into<String>) -> Options {
        Options {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            to: Some(to.into()),
            listen_http: None,
            to_http: None,
            compression: Compression::None,
            model: Model::Inline,
            work: Work::None,
            threads: 2,
        }
    }
}

/// A relay at work; it ends when it is dropped.
pub struct Relay {
    runtimes: Vec<Runtime>,
    /// Threads that drive a runtime of their own, with the sender whose drop ends them.
    cores: Vec<(tokio::sync::oneshot::Sender<()>, JoinHandle<()>)>,
    /// The address for gRPC, if there is one.
    pub grpc: Option<SocketAddr>,
    /// The address for HTTP, if there is one.
    pub http: Option<SocketAddr>,
}

impl Relay {
    /// Binds the addresses and starts to serve.
    ///
    /// # Errors
    /// An address is taken or wrong, or no thread can be started.
    pub fn start(options: &Options) -> Result<Relay> {
        let mut relay = Relay {
            runtimes: Vec::new(),
            cores: Vec::new(),
            grpc: None,
            http: None,
        };
        if let (Some(listen), Some(to)) = (options.listen, &options.to) {
            match options.model {
                Model::PerCore => relay.start_cores(options, listen, to)?,
                _ => relay.start_shared(options, listen, to)?,
            }
        }
        if let (Some(listen), Some(to)) = (options.listen_http, &options.to_http) {
            let runtime = relay.runtime(options.threads)?;
            let _inside = runtime.enter();
            relay.http = Some(http::start(listen, to)?);
            relay.runtimes.push(runtime);
        }
        Ok(relay)
    }

    fn runtime(&mut self, threads: usize) -> Result<Runtime> {
        // One runtime serves both protocols.
        match self.runtimes.pop() {
            Some(runtime) => Ok(runtime),
            None => Ok(tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads.max(1))
                .enable_all()
                .build()?),
        }
    }

    fn start_shared(&mut self, options: &Options, listen: SocketAddr, to: &str) -> Result<()> {
        let runtime = self.runtime(options.threads)?;
        {
            let _inside = runtime.enter();
            let upstream = Upstream::new(to, options)?;
            let forward = Forward::new(upstream, options)?;
            let listener = bind(listen, false)?;
            self.grpc = Some(listener.local_addr()?);
            tokio::spawn(grpc::serve(listener, forward));
        }
        self.runtimes.push(runtime);
        Ok(())
    }

    fn start_cores(&mut self, options: &Options, listen: SocketAddr, to: &str) -> Result<()> {
        let mut address = listen;
        for _ in 0..options.threads.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let (end, ended) = tokio::sync::oneshot::channel::<()>();
            let (listener, forward) = {
                let _inside = runtime.enter();
                let listener = bind(address, true)?;
                address = listener.local_addr()?;
                (listener, Forward::new(Upstream::new(to, options)?, options)?)
            };
            let thread = std::thread::Builder::new()
                .name("core".to_owned())
                .spawn(move || {
                    runtime.block_on(async {
                        tokio::select! {
                            _ = grpc::serve(listener, forward) => {}
                            _ = ended => {}
                        }
                    });
                })?;
            self.cores.push((end, thread));
        }
        self.grpc = Some(address);
        Ok(())
    }

    /// Waits until it is told to end (SIGINT or SIGTERM).
    ///
    /// # Errors
    /// The signals cannot be watched.
    pub fn wait(self) -> Result<()> {
        crate::run::wait_for_signal()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for runtime in self.runtimes.drain(..) {
            runtime.shutdown_background();
        }
        for (end, thread) in self.cores.drain(..) {
            drop(end);
            // A thread that panicked has already said so.
            let _panicked = thread.join();
        }
    }
}

fn bind(address: SocketAddr, shared: bool) -> Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into())?)
}
