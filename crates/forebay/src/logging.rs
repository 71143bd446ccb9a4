//! Structured logs on standard error: for people on a terminal, else JSON.

use forebay_config::{LogFormat, ServiceSpec};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Sets logging up for the life of the process.
pub(crate) fn start(service: &ServiceSpec) {
    let filter = EnvFilter::try_new(&service.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    let text = match service.log_format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if text {
        builder.with_ansi(terminal).init();
    } else {
        builder.json().flatten_event(true).init();
    }
}
