//! `debug`: prints what comes to standard output, for people.

mod config;
mod output;
mod page;
mod sampling;
#[cfg(test)]
mod tests;

pub use config::{DebugConfig, Verbosity};

use crate::otlp;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::{About, Bounds, ExporterDeclaration, ExporterFactory};
use forebay_core::{Clock, SignalSet};
use futures_util::future::BoxFuture;
use output::Output;
use sampling::{Hidden, Sampling};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Makes `debug` exporters.
#[derive(Debug)]
pub struct DebugFactory;

impl ExporterFactory for DebugFactory {
    type Config = DebugConfig;

    const ABOUT: About = About {
        kind: "debug",
        summary: "Prints what comes to standard output.",
        details: "For trying things out and for looking at what really arrives. The first two requests of each second \
                  are printed, and every 500th after them; a line says how many were not. A request that is not printed \
                  costs next to nothing.\n\n\
                  Whatever happens to standard output, the data counts as delivered: if nobody reads it, a page waits one \
                  second and is then left out; if the reader is gone, nothing is printed and the log says so once. Nothing \
                  that is printed is masked: do not use it where telemetry holds what others must not see.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &DebugConfig) -> ExporterDeclaration {
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: config.delivery(),
            // The page, twice while it grows.
            bounds: Bounds {
                items: 0,
                bytes: 2 * config.max_output_bytes.0,
            },
            takes_custody: false,
        }
    }

    fn build(config: DebugConfig) -> Result<Box<dyn Exporter>, ComponentError> {
        let output = Output::standard()
            .map_err(|error| ComponentError::new(format!("standard output cannot be used: {error}")))?;
        Ok(Box::new(Printer::new(config, output)))
    }
}

#[derive(Debug)]
struct Printer {
    config: DebugConfig,
    shared: Arc<Shared>,
    node: OnceLock<(Clock, Arc<str>)>,
}

/// What the blocking part works on.
#[derive(Debug)]
struct Shared {
    sampling: Mutex<Sampling>,
    output: Mutex<Output>,
    /// What standard output last failed with, so that it is said once.
    trouble: Mutex<Option<std::io::ErrorKind>>,
}

impl Printer {
    fn new(config: DebugConfig, output: Output) -> Self {
        let sampling = Sampling::new(config.sampling_initial, config.sampling_thereafter);
        let shared = Shared {
            sampling: Mutex::new(sampling),
            output: Mutex::new(output),
            trouble: Mutex::default(),
        };
        Printer {
            config,
            shared: Arc::new(shared),
            node: OnceLock::new(),
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Receipt, ExportError> {
        let (clock, name) = self
            .node
            .get()
            .ok_or_else(|| otlp::retryable("the exporter is not started", None))?;
        let shown = lock(&self.shared.sampling).show(clock.now(), request.items);
        if let Some(hidden) = shown {
            let (shared, name, config) = (Arc::clone(&self.shared), Arc::clone(name), self.config.clone());
            let request = request.clone();
            blocking(move || {
                let most = usize::try_from(config.max_output_bytes.0).unwrap_or(usize::MAX);
                let page = page::page(&request, hidden, config.verbosity, most);
                let now_hidden = Hidden {
                    requests: hidden.requests + 1,
                    items: hidden.items + request.items,
                };
                shared.print(&name, &page, now_hidden);
            })
            .await?;
        }
        Ok(Receipt::default())
    }

    /// Says what was not printed since the last line.
    async fn finish(&self) -> Result<(), ComponentError> {
        let hidden = lock(&self.shared.sampling).take_hidden();
        if let (Some((_, name)), true) = (self.node.get(), hidden.requests > 0) {
            let (shared, name) = (Arc::clone(&self.shared), Arc::clone(name));
            let printed = blocking(move || shared.print(&name, &page::note(hidden), hidden)).await;
            printed.map_err(ComponentError::new)?;
        }
        Ok(())
    }
}

impl Shared {
    /// Prints a page; if that is not possible, `hidden` is what stays unprinted by it.
    fn print(&self, name: &str, page: &str, hidden: Hidden) {
        let printed = lock(&self.output).print(page);
        let failure = printed.err();
        if failure.is_some() {
            lock(&self.sampling).hide(hidden);
        }
        let kind = failure.as_ref().map(std::io::Error::kind);
        let before = std::mem::replace(&mut *lock(&self.trouble), kind);
        if let Some(error) = failure.filter(|_| before != kind) {
            tracing::warn!(exporter = name, %error, "standard output takes nothing: data is delivered unprinted");
        }
    }
}

/// Runs `work` where blocking is allowed. A panic in it is the caller's.
async fn blocking(work: impl FnOnce() + Send + 'static) -> Result<(), ExportError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(otlp::retryable("the process is shutting down", None)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exporter for Printer {
    fn start(&self, context: &NodeContext) -> Result<(), ComponentError> {
        self.node
            .set((context.clock.clone(), Arc::clone(&context.name)))
            .map_err(|_| ComponentError::new("the exporter is started already"))
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(self.attempt(request))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(self.finish())
    }
}
