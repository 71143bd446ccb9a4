//! `forebay run`: config to graph, graph to work, signals to drain.

use crate::admin::{self, Admin};
use crate::cli::Exit;
use crate::logging::{self, Log, Look};
use crate::out::show;
use crate::plan::{Plan, plan};
use crate::process;
use forebay_config::{Input, ServiceSpec, position};
use forebay_core::{Clock, Diagnostic, Reason};
use forebay_engine::{Built, Drained, Running};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Threads for what blocks: looking names up, joining workers. tokio starts them when there is something to do.
const BLOCKING_THREADS: usize = 16;
/// The stack of each thread of the runtime. What nests (JSON, protobuf groups) is bounded far below it.
const STACK_BYTES: usize = 1 << 20;

/// Runs a config until it is told to stop.
pub(crate) fn run(inputs: &[Input]) -> Exit {
    let began = Instant::now();
    let Plan {
        spec,
        blueprint,
        found,
    } = plan(inputs);
    let Some(blueprint) = blueprint else {
        show(&found);
        return Exit::Config;
    };
    let log = logging::start(&spec.service);
    warn(&found, &log);
    process::open_as_many_files_as_may_be();
    let threads = spec.service.threads.unwrap_or_else(cores);
    let built = match blueprint.build(threads) {
        Ok(built) => built,
        Err(found) => {
            show(&found);
            return Exit::Config;
        }
    };
    let exit = match runtime(threads) {
        Ok(runtime) => {
            let exit = runtime.block_on(serve(built, &spec.service, began));
            // What still blocks a thread may go on doing so: the process ends regardless.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            tracing::error!(%error, "the runtime cannot start");
            Exit::Failed
        }
    };
    log.finish();
    exit
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(STACK_BYTES)
        .thread_name("io")
        .enable_all()
        .build()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Shows what is worth a look in the config: to people with the place in the text, else as log lines.
fn warn(found: &[Diagnostic], log: &Log) {
    if let Look::Text { .. } = log.look() {
        return show(found);
    }
    for diagnostic in found {
        let place = diagnostic.place.as_ref().map(|place| {
            let at = position(place);
            format!("{}:{}:{}", place.source.name, at.line, at.column)
        });
        let (place, help) = (place.unwrap_or_default(), diagnostic.help.as_deref());
        tracing::warn!(place, help, "config: {}", diagnostic.message);
    }
}

async fn serve(built: Built, service: &ServiceSpec, began: Instant) -> Exit {
    // Signals first: one that comes while the graph starts is not missed.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be listened for");
            return Exit::Failed;
        }
    };
    let listener = match service.admin_listen.map(bind).transpose() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Failed;
        }
    };
    let running = match built.start(Clock::system()) {
        Ok(running) => Arc::new(running),
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Failed;
        }
    };
    announce(&running);
    let mut serving = None;
    if let Some((listener, address)) = listener {
        let admin = Admin::new(Arc::clone(&running), began);
        match admin::start(listener, admin) {
            Ok(started) => serving = Some(started),
            Err(error) => {
                tracing::error!(%error, "the admin endpoint cannot start");
                return Exit::Failed;
            }
        }
        tracing::info!(node = "admin", %address, "listening");
    }
    let exit = until_told_to_stop(running, service.shutdown_deadline.0, &mut signals).await;
    if let (Some(serving), false) = (serving, exit == Exit::Interrupted) {
        serving.finish().await;
    }
    exit
}

/// Opens the socket of the admin endpoint, so that a port in use is an error at start.
fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let cannot = |error: io::Error| {
        io::Error::other(format!("the admin endpoint cannot listen on {address}: {error}"))
    };
    let listener = TcpListener::bind(address).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok((listener, address))
}

fn announce(running: &Running) {
    for node in &running.nodes {
        for address in &node.listens {
            tracing::info!(node = &*node.name, %address, "listening");
        }
    }
}

/// The signals that end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn until_told_to_stop(running: Arc<Running>, deadline: Duration, signals: &mut Signals) -> Exit {
    let signal = signals.next().await;
    tracing::info!(signal, ?deadline, "draining; a second signal ends at once");
    tokio::select! {
        drained = running.drain(deadline) => report(&drained),
        signal = signals.next() => {
            let held = running.accounts.total().held;
            tracing::error!(signal, held, "ended at once by a second signal");
            Exit::Interrupted
        }
    }
}

/// Tells what became of everything, and what could not be delivered: by node, signal and reason.
fn report(drained: &Drained) -> Exit {
    for loss in &drained.losses {
        let (node, signal, reason, items) = (&*loss.node, loss.signal, loss.reason, loss.items);
        if loss.sender_knows {
            tracing::info!(node, %signal, %reason, items, "refused: the sender was told and still has them");
        } else if reason == Reason::Filtered {
            tracing::info!(node, %signal, %reason, items, "dropped as asked");
        } else {
            tracing::warn!(node, %signal, %reason, items, "lost");
        }
    }
    let at_the_end = drained
        .losses
        .iter()
        .filter(|loss| loss.reason == Reason::Shutdown);
    let undelivered = at_the_end.map(|loss| loss.items).sum::<u64>() + drained.total.held;
    let (received, delivered, lost) = (drained.total.received, drained.total.delivered, drained.lost());
    let (in_time, took) = (drained.in_time, drained.took);
    tracing::info!(received, delivered, lost, undelivered, in_time, ?took, "drained");
    if drained.in_time || undelivered == 0 {
        Exit::Done
    } else {
        Exit::Undelivered
    }
}
