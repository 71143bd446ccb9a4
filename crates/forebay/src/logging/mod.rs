//! Structured logs on standard error: for people on a terminal, else one JSON object a line; never more than a few of a kind.

mod limit;
mod line;

use forebay_config::{LogFormat, ServiceSpec};
use limit::{Decision, Limiter};
use line::Fields;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The targets that are never limited: this binary speaks seldom, and each of its lines counts.
const UNLIMITED: &str = "forebay";

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// For people, perhaps in colour.
    Text { color: bool },
    /// For programs.
    Json,
}

impl Look {
    /// What the config asks for, here.
    pub(crate) fn of(service: &ServiceSpec) -> Look {
        let color = stderr().is_terminal();
        match service.log_format {
            LogFormat::Text => Look::Text { color },
            LogFormat::Auto if color => Look::Text { color },
            LogFormat::Auto | LogFormat::Json => Look::Json,
        }
    }
}

/// The log. Clones are the same log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    look: Look,
    limiter: Arc<Mutex<Limiter>>,
}

/// Sets logging up for the life of the process.
pub(crate) fn start(service: &ServiceSpec) -> Log {
    let log = Log {
        look: Look::of(service),
        limiter: Arc::default(),
    };
    let quiet = Targets::new().with_default(LevelFilter::INFO);
    let filter = service.log_level.parse::<Targets>().unwrap_or(quiet);
    // An error means that there is a log already, which then stays.
    let _ = tracing_subscriber::registry()
        .with(log.clone().with_filter(filter))
        .try_init();
    log_panics();
    log
}

/// Panics are contained by the engine; what they say goes to the log like everything else.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let words = panic.payload_as_str().unwrap_or("something that is no text");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, words, "a panic");
    }));
}

impl Log {
    /// How lines look.
    pub(crate) fn look(&self) -> Look {
        self.look
    }

    /// Tells what was held back and never told. For the end of the process.
    pub(crate) fn finish(&self) {
        let left = self
            .limiter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
        if left > 0 {
            tracing::info!(suppressed = left, "log lines that were held back");
        }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let fields = Fields::of(event);
        let target = event.metadata().target();
        let limited = target.split("::").next() != Some(UNLIMITED);
        let mut suppressed = 0;
        if limited {
            let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
            match limiter.decide(event.metadata().callsite(), fields.subject(), Instant::now()) {
                Decision::Pass { suppressed: before } => suppressed = before,
                Decision::Suppress => return,
            }
        }
        let line = match self.look {
            Look::Text { color } => fields.to_text(event.metadata(), suppressed, color),
            Look::Json => fields.to_json(event.metadata(), suppressed),
        };
        // One write for each line, so that lines do not mix. Nobody is left to tell if standard error is gone.
        let _ = stderr().write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests;
