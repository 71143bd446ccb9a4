//! The settings of the process: `[memory]`, `[admin]`, `[log]`, `[shutdown]`, `[runtime]`.

use crate::spec::{LogFormat, ServiceSpec};
use forebay_core::diagnostic::closest;
use forebay_core::settings::{Budget, Count, Period};
use forebay_core::{Diagnostic, Place, Section};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use toml::Spanned;

/// The most threads that `runtime.threads` may ask for.
const THREADS_MAX: u64 = 1024;
/// What `admin.listen` is if left out: only this machine can reach it.
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8888);
/// What `shutdown.deadline` is if left out.
const SHUTDOWN_DEADLINE: Period = Period(Duration::from_secs(10));
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How much memory the process may take.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MemoryTable {
    /// The memory budget: a size, or a share of the cgroup's limit (of the machine's memory where there is none).
    #[schemars(with = "Option<Budget>", extend("default" = "75%"))]
    budget: Option<Spanned<Budget>>,
}

/// The admin endpoint: health, metrics, the state of the graph.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AdminTable {
    /// The address and port that it listens on.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "Option<String>", extend("default" = "127.0.0.1:8888"))]
    listen: Option<SocketAddr>,
    /// Whether there is one.
    #[schemars(extend("default" = true))]
    enabled: Option<bool>,
}

/// The log, on standard error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogTable {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`; after a comma other levels for parts of the program:
    /// `info,forebay_engine=debug`.
    #[serde(deserialize_with = "level")]
    #[schemars(with = "Option<String>", extend("default" = "info"))]
    level: Option<String>,
    /// How lines look: `text` for people, `json` for programs, `auto` for text on a terminal and JSON elsewhere.
    #[schemars(extend("default" = "auto"))]
    format: Option<LogFormat>,
}

/// The end of the process.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ShutdownTable {
    /// How long draining may take; what is still held then is dropped and counted.
    #[schemars(extend("default" = "10s"))]
    deadline: Option<Period>,
}

/// What the process runs on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RuntimeTable {
    /// I/O threads, from 1 to 1024. Left out: as many as there are cores.
    #[serde(deserialize_with = "threads")]
    threads: Option<Count>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| {
        D::Error::custom(format!(
            "`{text}` is not an address and a port: write \"127.0.0.1:8888\" or \"[::]:8888\""
        ))
    };
    text.parse().map(Some).map_err(wrong)
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    for part in text.split(',') {
        let word = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
        if !LEVELS.contains(&word.to_ascii_lowercase().as_str()) {
            let help = match closest(word, &LEVELS) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("levels are {}", LEVELS.join(", ")),
            };
            return Err(D::Error::custom(format!("`{word}` is not a log level: {help}")));
        }
    }
    Ok(Some(text))
}

fn threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Count>, D::Error> {
    let count = Count::deserialize(deserializer)?;
    if (1..=THREADS_MAX).contains(&count.0) {
        Ok(Some(count))
    } else {
        Err(D::Error::custom(format!(
            "{count} threads: from 1 to {THREADS_MAX} are possible"
        )))
    }
}

/// The tables of the process' settings.
pub(crate) const TABLES: [&str; 5] = ["memory", "admin", "log", "shutdown", "runtime"];

/// What all the texts say together.
#[derive(Default)]
pub(crate) struct Service {
    memory: MemoryTable,
    budget_place: Option<Place>,
    admin: AdminTable,
    log: LogTable,
    shutdown: ShutdownTable,
    runtime: RuntimeTable,
}

impl Service {
    /// Adds the table `name` of one text to what the others said. No key may be in two of them.
    pub(crate) fn add(&mut self, name: &str, section: &Section) -> Result<(), Vec<Diagnostic>> {
        match name {
            "memory" => {
                let MemoryTable { budget } = section.read()?;
                if let Some(budget) = budget {
                    self.budget_place = Some(section.place(budget.span()));
                    self.memory.budget = Some(budget);
                }
            }
            "admin" => {
                let AdminTable { listen, enabled } = section.read()?;
                self.admin.listen = listen.or(self.admin.listen);
                self.admin.enabled = enabled.or(self.admin.enabled);
            }
            "log" => {
                let LogTable { level, format } = section.read()?;
                self.log.level = level.or(self.log.level.take());
                self.log.format = format.or(self.log.format);
            }
            "shutdown" => {
                let ShutdownTable { deadline } = section.read()?;
                self.shutdown.deadline = deadline.or(self.shutdown.deadline);
            }
            _ => {
                let RuntimeTable { threads } = section.read()?;
                self.runtime.threads = threads.or(self.runtime.threads);
            }
        }
        Ok(())
    }

    /// The settings, with defaults for what no text says.
    pub(crate) fn finish(self) -> ServiceSpec {
        let budget = self.memory.budget.map(Spanned::into_inner).unwrap_or_default();
        let listen = self.admin.listen.unwrap_or(ADMIN_LISTEN);
        let enabled = self.admin.enabled.unwrap_or(true);
        let log_level = self.log.level.unwrap_or_else(|| "info".to_owned());
        let log_format = self.log.format.unwrap_or(LogFormat::Auto);
        let shutdown_deadline = self.shutdown.deadline.unwrap_or(SHUTDOWN_DEADLINE);
        let threads = self.runtime.threads.map(|count| count.0);
        let resolved = json!({
            "memory": { "budget": budget.to_string() },
            "admin": { "listen": listen.to_string(), "enabled": enabled },
            "log": { "level": log_level, "format": log_format },
            "shutdown": { "deadline": shutdown_deadline },
            "runtime": { "threads": threads },
        });
        ServiceSpec {
            budget,
            budget_place: self.budget_place,
            admin_listen: enabled.then_some(listen),
            log_level,
            log_format,
            shutdown_deadline,
            threads: threads.and_then(|count| usize::try_from(count).ok()),
            resolved,
        }
    }
}
