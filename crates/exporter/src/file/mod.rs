//! `file`: writes requests to files, as JSON lines or as protobuf messages behind their lengths.
//!
//! A request is with the operating system, whole, before it counts as delivered; if it cannot be written, as on a full
//! disk, nothing of it stays in the file and it is tried again. There is no buffer in between that a crash could lose.

mod config;
mod log;
mod record;
mod recover;
mod rotate;
#[cfg(test)]
mod tests;

pub use config::{FileCompression, FileConfig, FileFormat, RotationConfig, Sync};

use crate::otlp::{permanent, retryable};
use config::PLACEHOLDER;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::{About, Bounds, ExporterDeclaration, ExporterFactory};
use forebay_core::{Clock, Fault, Ledger, Signal, SignalSet};
use futures_util::future::BoxFuture;
use log::Log;
use record::{Encoder, RecordError};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Makes `file` exporters.
#[derive(Debug)]
pub struct FileFactory;

impl ExporterFactory for FileFactory {
    type Config = FileConfig;

    const ABOUT: About = About {
        kind: "file",
        summary: "Writes traces, metrics and logs to files, as JSON lines or protobuf.",
        details: "For keeping telemetry on the machine, for handing it to other tools, and for looking into it later. \
                  JSON has to be written anew from each request; `format = \"proto\"` writes the bytes as they came.\n\n\
                  What counts as delivered is in the file, whole; `sync` says whether it is on the disk too. If a request \
                  cannot be written, as on a full disk, what was written of it is cut off and it is retried, so that the \
                  queue fills and senders wait: nothing is lost. The end of the process between writing and delivery \
                  leads to a duplicate, as with any retry. A record that a killed process left unfinished is cut off at \
                  the next start.\n\n\
                  Rotation deletes what `max_backups` and `max_age` say. The file is locked (`flock`): a second exporter \
                  with the same path cannot start, be it in this process or another. Do not let other tools rename it.\n\n\
                  The directory must exist, and the file is created at start.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &FileConfig) -> ExporterDeclaration {
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: config.delivery(),
            bounds: Bounds::default(),
            takes_custody: false,
        }
    }

    fn build(config: FileConfig) -> Result<Box<dyn Exporter>, ComponentError> {
        Ok(Box::new(Writer {
            config: Arc::new(config),
            running: OnceLock::new(),
        }))
    }
}

struct Writer {
    config: Arc<FileConfig>,
    running: OnceLock<Running>,
}

struct Running {
    files: Arc<Files>,
    ledger: Ledger,
    clock: Clock,
    /// Ends the task that forces data to the disk.
    closed: Arc<Notify>,
}

/// The open files, for the threads where blocking is allowed.
struct Files {
    config: Arc<FileConfig>,
    encoder: Encoder,
    targets: Mutex<Vec<Target>>,
}

struct Target {
    path: PathBuf,
    log: Log<File>,
    /// When it was opened, in milliseconds since 1970.
    opened_ms: u64,
    /// The first time that the name of the next rotated file can have: their order is that of their names, whatever the
    /// clock does.
    next_ms: u64,
}

impl Files {
    fn open(config: &Arc<FileConfig>, now_ms: u64) -> Result<Files, ComponentError> {
        let encoder = Encoder {
            format: config.format,
            compression: config.compression,
        };
        let paths: Vec<PathBuf> = if config.path.contains(PLACEHOLDER) {
            let path = |signal: Signal| config.path.replace(PLACEHOLDER, signal.as_str()).into();
            Signal::ALL.map(path).into()
        } else {
            vec![PathBuf::from(&config.path)]
        };
        let open = |path: PathBuf| {
            let log = log::open(&path, config.append, encoder).map_err(ComponentError::new)?;
            Ok(Target {
                path,
                log,
                opened_ms: now_ms,
                next_ms: 0,
            })
        };
        let targets = paths
            .into_iter()
            .map(open)
            .collect::<Result<_, ComponentError>>()?;
        Ok(Files {
            config: Arc::clone(config),
            encoder,
            targets: Mutex::new(targets),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Target>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one request. Blocks.
    fn write(&self, request: &Request, ledger: &Ledger, now_ms: u64) -> Result<(), ExportError> {
        let (record, fresh) = self.encoder.record(request).map_err(|error| match error {
            RecordError::Impossible(why) => permanent(why, Fault::Content),
            RecordError::Failed(error) => retryable(error, None),
        })?;
        // Given even where there is no room: the data has to leave for the budget to recover.
        let _lease = ledger.lease_unchecked(fresh as u64);
        let mut targets = self.lock();
        let target = match targets.as_mut_slice() {
            [one] => Some(one),
            of_signals => of_signals.get_mut(request.signal as usize),
        };
        let target = target.ok_or_else(|| retryable("the files are closed", None))?;
        let written = self.append(target, record.slices(), record.len() as u64, now_ms);
        written.map_err(|error| {
            let why = format!("`{}` cannot be written: {error}", target.path.display());
            retryable(why, None)
        })
    }

    fn append(&self, target: &mut Target, slices: &[bytes::Bytes], size: u64, now_ms: u64) -> io::Result<()> {
        self.rotate(target, size, now_ms)?;
        target.log.append(slices, size)?;
        if self.config.sync == Sync::Always {
            // What is not known to be on the disk is written again: it must not stand there twice.
            let synced = target.log.sync();
            synced.inspect_err(|_| target.log.take_back(size))?;
        }
        Ok(())
    }

    fn rotate(&self, target: &mut Target, more: u64, now_ms: u64) -> io::Result<()> {
        let Some(rotation) = &self.config.rotation else {
            return Ok(());
        };
        let age_ms = now_ms.saturating_sub(target.opened_ms);
        if !rotate::is_due(rotation, target.log.length(), more, age_ms) {
            return Ok(());
        }
        target.log.sync()?;
        target.next_ms = rotate::set_aside(&target.path, now_ms.max(target.next_ms))? + 1;
        target.log = log::open(&target.path, true, self.encoder).map_err(io::Error::other)?;
        target.opened_ms = now_ms;
        if let Err(error) = rotate::prune(&target.path, rotation, now_ms) {
            tracing::warn!(file = %target.path.display(), %error, "old files could not be deleted");
        }
        Ok(())
    }

    /// Forces everything to the disk. Blocks.
    fn sync(&self) -> io::Result<()> {
        self.lock().iter_mut().try_for_each(|target| target.log.sync())
    }

    /// Forces everything to the disk and closes the files. Blocks.
    fn close(&self) -> io::Result<()> {
        let synced = self.sync();
        self.lock().clear();
        synced
    }
}

impl Writer {
    async fn attempt(&self, request: &Request) -> Result<Receipt, ExportError> {
        let running = self
            .running
            .get()
            .ok_or_else(|| retryable("the exporter is not started", None))?;
        let (files, ledger) = (Arc::clone(&running.files), running.ledger.clone());
        let (request, now_ms) = (request.clone(), running.clock.unix_nanos() / 1_000_000);
        blocking(move || files.write(&request, &ledger, now_ms)).await??;
        Ok(Receipt::default())
    }
}

/// Runs `work` where blocking is allowed. A panic in it is the caller's.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ExportError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(retryable("the process is shutting down", None)),
    }
}

/// Forces data to the disk every `interval`, until the exporter is closed.
async fn sync_now_and_then(files: Arc<Files>, clock: Clock, interval: Duration, closed: Arc<Notify>) {
    loop {
        tokio::select! {
            () = closed.notified() => return,
            () = clock.sleep(interval) => {}
        }
        let files = Arc::clone(&files);
        if let Ok(Err(error)) = blocking(move || files.sync()).await {
            tracing::error!(%error, "delivered data could not be forced to the disk");
        }
    }
}

impl Exporter for Writer {
    fn start(&self, context: &NodeContext) -> Result<(), ComponentError> {
        let files = Arc::new(Files::open(&self.config, context.clock.unix_nanos() / 1_000_000)?);
        let closed = Arc::new(Notify::new());
        let running = Running {
            files: Arc::clone(&files),
            ledger: context.ledger.clone(),
            clock: context.clock.clone(),
            closed: Arc::clone(&closed),
        };
        self.running
            .set(running)
            .map_err(|_| ComponentError::new("the exporter is started already"))?;
        if self.config.sync == Sync::Interval {
            let (clock, interval) = (context.clock.clone(), self.config.sync_interval.0);
            context
                .tasks
                .spawn("sync", sync_now_and_then(files, clock, interval, closed));
        }
        Ok(())
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(self.attempt(request))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(async {
            let Some(running) = self.running.get() else {
                return Ok(());
            };
            running.closed.notify_one();
            let files = Arc::clone(&running.files);
            let closed = blocking(move || files.close())
                .await
                .map_err(ComponentError::new)?;
            closed
                .map_err(|error| ComponentError::new(format!("written data may not be on the disk: {error}")))
        })
    }
}
