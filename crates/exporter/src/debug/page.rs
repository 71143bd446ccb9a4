//! A request as text: a line that sums it up, a line for each item, or every field.
//!
//! Strings stand in quotes with control characters escaped: telemetry cannot move the cursor of a terminal.

use super::config::Verbosity;
use super::sampling::Hidden;
use forebay_core::component::Request;
use forebay_otlp::text::{self, TRUNCATED};
use forebay_otlp::views::{
    AnyValueKind, LogRecord, Metric, Request as Envelopes, ResourceEnvelope, ScopeEnvelope, Span, View,
};
use forebay_otlp::{Signal, WireError};
use std::fmt::Write as _;

/// How many services and how many names the first line gives.
const NAMES_MAX: usize = 5;
/// The most characters of a name.
const NAME_LENGTH_MAX: usize = 80;

enum Stop {
    Full,
    Wire(WireError),
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Stop::Wire(error)
    }
}

/// The text for a request, `max` bytes at most beside what it says about `hidden` ones; it ends with a line break.
pub(super) fn page(request: &Request, hidden: Hidden, verbosity: Verbosity, max: usize) -> String {
    let bytes = request.payload.contiguous();
    let mut out = note(hidden);
    let begin = out.len();
    let mut lines = Lines {
        end: begin + max,
        out: &mut out,
    };
    let written = lines.summary(request, &bytes).and_then(|()| match verbosity {
        Verbosity::Basic => Ok(()),
        Verbosity::Normal => lines.items(request.signal, &bytes),
        Verbosity::Detailed => lines.fields(request.signal, &bytes),
    });
    if let Err(Stop::Wire(error)) = written {
        // The rest of the page is of no use then, the reason is: it stands even if the page is full.
        let _ = writeln!(out, "  cannot be read: {error}");
    }
    out
}

/// A line that says what was not printed; nothing if there is nothing to say.
pub(super) fn note(hidden: Hidden) -> String {
    match hidden.requests {
        0 => String::new(),
        requests => format!(
            "... {requests} requests with {} items not printed\n",
            hidden.items
        ),
    }
}

/// What the items of a signal are called.
fn noun(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "spans",
        Signal::Metrics => "data points",
        Signal::Logs => "log records",
    }
}

struct Lines<'p> {
    out: &'p mut String,
    end: usize,
}

impl Lines<'_> {
    fn line(&mut self, line: &str) -> Result<(), Stop> {
        if self.out.len() + line.len() + 1 + TRUNCATED.len() <= self.end {
            self.out.push_str(line);
            self.out.push('\n');
            return Ok(());
        }
        self.out.push_str(TRUNCATED.trim_start());
        Err(Stop::Full)
    }

    /// `traces: 3 spans in 1 resource, 512 bytes; services "shop"; "GET /a", "GET /b", ...`
    fn summary(&mut self, request: &Request, bytes: &[u8]) -> Result<(), Stop> {
        let (signal, items, size) = (request.signal, request.items, request.payload.len());
        let mut line = format!("{signal}: {items} {}", noun(signal));
        let (mut resources, mut services, mut names) = (0_u64, Names::default(), Names::default());
        let mut read = || -> Result<(), WireError> {
            for envelope in Envelopes::new(bytes).resource_envelopes() {
                let envelope = envelope?;
                resources += 1;
                services.service(envelope)?;
                names.first(signal, envelope)?;
            }
            Ok(())
        };
        let outcome = read();
        let plural = if resources == 1 { "" } else { "s" };
        let _ = write!(line, " in {resources} resource{plural}, {size} bytes");
        services.write(&mut line, "; services ");
        names.write(&mut line, "; ");
        self.line(&line)?;
        Ok(outcome?)
    }

    fn items(&mut self, signal: Signal, bytes: &[u8]) -> Result<(), Stop> {
        for envelope in Envelopes::new(bytes).resource_envelopes() {
            for scope in envelope?.scope_envelopes() {
                for item in scope?.items() {
                    let line = item_line(signal, item?)?;
                    self.line(&line)?;
                }
            }
        }
        Ok(())
    }

    fn fields(&mut self, signal: Signal, bytes: &[u8]) -> Result<(), Stop> {
        let room = self.end.saturating_sub(self.out.len());
        text::render(signal, bytes, room, self.out)?;
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        Ok(())
    }
}

/// Some names, each once, and whether there are more.
#[derive(Default)]
struct Names {
    kept: Vec<String>,
    more: bool,
}

impl Names {
    fn add(&mut self, name: &str) {
        if self.kept.len() < NAMES_MAX {
            let name = quoted(name);
            if !self.kept.contains(&name) {
                self.kept.push(name);
            }
        } else {
            self.more = true;
        }
    }

    fn service(&mut self, envelope: ResourceEnvelope<'_>) -> Result<(), WireError> {
        if !self.more
            && let Some(value) = envelope.resource()?.attributes().find("service.name")?
            && let AnyValueKind::Text(name) = value.kind()?
        {
            self.add(name);
        }
        Ok(())
    }

    /// The names of the first items, until there are enough.
    fn first(&mut self, signal: Signal, envelope: ResourceEnvelope<'_>) -> Result<(), WireError> {
        for scope in envelope.scope_envelopes() {
            self.of_scope(signal, scope?)?;
            if self.more {
                break;
            }
        }
        Ok(())
    }

    fn of_scope(&mut self, signal: Signal, scope: ScopeEnvelope<'_>) -> Result<(), WireError> {
        for item in scope.items() {
            if self.more {
                break;
            }
            match signal {
                Signal::Traces => self.add(Span::new(item?).name()?),
                Signal::Metrics => self.add(Metric::new(item?).name()?),
                Signal::Logs => self.add(&log_name(LogRecord::new(item?))?),
            }
        }
        Ok(())
    }

    fn write(&self, line: &mut String, before: &str) {
        if !self.kept.is_empty() {
            line.push_str(before);
            line.push_str(&self.kept.join(", "));
            line.push_str(if self.more { ", ..." } else { "" });
        }
    }
}

/// What a log record is called in a list: the name of its event, else its text.
fn log_name(record: LogRecord<'_>) -> Result<String, WireError> {
    let event = record.event_name()?;
    if !event.is_empty() {
        return Ok(event.to_owned());
    }
    Ok(match record.body()?.kind()? {
        AnyValueKind::Text(text) => text.to_owned(),
        AnyValueKind::Empty => String::new(),
        _ => "(structured)".to_owned(),
    })
}

fn quoted(name: &str) -> String {
    match name.char_indices().nth(NAME_LENGTH_MAX) {
        Some((end, _)) => format!("{:?}...", name.get(..end).unwrap_or_default()),
        None => format!("{name:?}"),
    }
}

fn item_line(signal: Signal, item: &[u8]) -> Result<String, WireError> {
    match signal {
        Signal::Traces => span_line(Span::new(item)),
        Signal::Metrics => metric_line(Metric::new(item)),
        Signal::Logs => log_line(LogRecord::new(item)),
    }
}

fn span_line(span: Span<'_>) -> Result<String, WireError> {
    let nanos = span
        .end_time_unix_nano()?
        .saturating_sub(span.start_time_unix_nano()?);
    let took = std::time::Duration::from_nanos(nanos);
    let mut line = format!("  {} trace ", quoted(span.name()?));
    hex(&mut line, span.trace_id()?);
    line.push_str(" span ");
    hex(&mut line, span.span_id()?);
    let _ = write!(line, " took {took:?}");
    if span.status()?.code()? == 2 {
        line.push_str(" ERROR");
    }
    Ok(line)
}

fn metric_line(metric: Metric<'_>) -> Result<String, WireError> {
    let name = quoted(metric.name()?);
    let Some(data) = metric.data()? else {
        return Ok(format!("  {name} without data"));
    };
    let mut points = 0_u64;
    for point in data.points() {
        point?;
        points += 1;
    }
    Ok(format!(
        "  {name} {points} points, unit {}",
        quoted(metric.unit()?)
    ))
}

fn log_line(record: LogRecord<'_>) -> Result<String, WireError> {
    let (number, text) = (record.severity_number()?, record.severity_text()?);
    let name = log_name(record)?;
    Ok(format!("  severity {number} {} {}", quoted(text), quoted(&name)))
}

fn hex(line: &mut String, bytes: &[u8]) {
    for byte in bytes.iter().take(16) {
        let _ = write!(line, "{byte:02x}");
    }
}
