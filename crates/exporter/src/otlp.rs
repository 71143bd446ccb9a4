//! What the two OTLP exporters share: headers from the config, the packing of bodies, and what answers mean.

mod connect;
#[cfg(test)]
mod tests;

pub use connect::KeepaliveConfig;
pub(crate) use connect::{ConnectKeys, Opened, Proof};

use crate::health::Reach;
use bytes::Bytes;
use forebay_core::component::{ComponentError, ExportError, Receipt};
use forebay_core::registry::Problem;
use forebay_core::settings::{CircuitBreakerConfig, Compression, Count, DELAY_MAX, Secret, Size};
use forebay_core::{Fault, Lease, Ledger, Signal};
use forebay_otlp::{Cursor, Value, WireError};
use forebay_transport::client::CallError;
use forebay_transport::compression::{Compressors, DEFAULT_LEVEL, Encoding};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// The largest request that is sent where nothing else is said (OTLP specification, "OTLP/gRPC Request" and "OTLP/HTTP
/// Request": 64 MiB).
pub(crate) const REQUEST_MAX: u64 = 64 << 20;

/// The most characters of a destination's message that are kept.
const MESSAGE_MAX: usize = 1024;

/// Headers that the protocols set themselves.
const RESERVED: [&str; 13] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What is wrong with the header table of a config.
pub(crate) fn check_headers(headers: &BTreeMap<String, Secret>) -> Option<Problem> {
    let (name, error) = headers
        .iter()
        .find_map(|(name, value)| header(name, value).err().map(|error| (name, error)))?;
    Some(Problem {
        path: vec!["headers".into()],
        message: format!("the header `{name}` {error}"),
        help: None,
    })
}

/// The header table of a config as it is sent. Values are marked as sensitive: they are never put into a compression
/// table (RFC 7541, section 7.1.3) nor printed.
pub(crate) fn headers(table: &BTreeMap<String, Secret>) -> Result<HeaderMap, ComponentError> {
    let pair = |(name, value): (&String, &Secret)| {
        header(name, value).map_err(|error| ComponentError::new(format!("the header `{name}` {error}")))
    };
    table.iter().map(pair).collect()
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::try_from(name).map_err(|_| "has a name that HTTP does not allow")?;
    if RESERVED.contains(&name.as_str()) {
        return Err("is set by the exporter itself");
    }
    let mut value =
        HeaderValue::try_from(value.reveal()).map_err(|_| "has a value that HTTP does not allow")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// What is wrong with the compression keys of a config.
pub(crate) fn check_compression(compression: Compression, level: Option<Count>) -> Option<Problem> {
    let problem = |message: String, help: &str| Problem {
        path: vec!["compression_level".into()],
        message,
        help: Some(help.to_owned()),
    };
    let level = level?.0;
    let (name, most) = match compression {
        Compression::None => {
            return Some(problem(
                "a compression level without compression".to_owned(),
                "set `compression` to \"gzip\" or \"zstd\", or leave `compression_level` out",
            ));
        }
        Compression::Gzip => ("gzip", 9),
        Compression::Zstd => ("zstd", 19),
    };
    let wrong = level == 0 || level > most;
    wrong.then(|| {
        problem(
            format!("{name} has no level {level}"),
            &format!("use 1 to {most}"),
        )
    })
}

/// What is wrong with a count that must be between 1 and `most`.
pub(crate) fn check_range(key: &'static str, count: Count, most: u64) -> Option<Problem> {
    let wrong = count.0 == 0 || count.0 > most;
    wrong.then(|| Problem {
        path: vec![key.into()],
        message: format!("`{key}` is {count}"),
        help: Some(format!("use 1 to {most}")),
    })
}

/// What is wrong with the table of the circuit breaker.
pub(crate) fn check_breaker(breaker: &CircuitBreakerConfig) -> Option<Problem> {
    let never = breaker.enabled && breaker.failures.0 == 0;
    never.then(|| Problem {
        path: vec!["circuit_breaker".into(), "failures".into()],
        message: "the circuit breaker opens after 0 failures".to_owned(),
        help: Some("use 1 or more, or `enabled = false`".to_owned()),
    })
}

/// What is wrong with the limit on requests.
pub(crate) fn check_request_max(limit: Size) -> Option<Problem> {
    (limit.0 == 0).then(|| Problem {
        path: vec!["max_request_bytes".into()],
        message: "no request is that small".to_owned(),
        help: Some("use more than 0, such as \"64MiB\"".to_owned()),
    })
}

/// A count as a number in memory.
pub(crate) fn count(count: Count) -> usize {
    usize::try_from(count.0).unwrap_or(usize::MAX)
}

/// Packs bodies as the config says.
#[derive(Debug)]
pub(crate) struct Packer {
    encoding: Encoding,
    level: u8,
    compressors: Compressors,
}

impl Packer {
    pub(crate) fn new(compression: Compression, level: Option<Count>) -> Self {
        Packer {
            encoding: compression.into(),
            level: level
                .and_then(|level| u8::try_from(level.0).ok())
                .unwrap_or(DEFAULT_LEVEL),
            compressors: Compressors::new(),
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The body, and the memory that it takes beside the payload. It is taken even where the budget is exhausted: the
    /// data has to leave for the budget to recover.
    pub(crate) fn pack(&self, slices: &[Bytes], ledger: &Ledger) -> Result<(Bytes, Lease), ExportError> {
        let packed = self
            .compressors
            .compress(self.encoding, self.level, slices)
            .map_err(|error| retryable(error, None))?;
        let lease = ledger.lease_unchecked(packed.capacity() as u64);
        Ok((packed.into(), lease))
    }
}

/// The receipt that an `Export*ServiceResponse` in protobuf means. The three messages have one layout:
/// `partial_success = 1 { rejected_* = 1; error_message = 2 }` (opentelemetry/proto/collector/*/v1).
pub(crate) fn receipt(response: &[u8]) -> Result<Receipt, WireError> {
    let mut receipt = Receipt::default();
    let mut fields = Cursor::new(response);
    while let Some(field) = fields.next_field()? {
        if let (1, Value::Len(partial)) = (field.number, field.value) {
            add_partial_success(&mut receipt, partial)?;
        }
    }
    Ok(receipt)
}

fn add_partial_success(receipt: &mut Receipt, partial: &[u8]) -> Result<(), WireError> {
    let mut fields = Cursor::new(partial);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            // An int64: a negative number of rejected items is none.
            (1, Value::Varint(count)) => {
                receipt.rejected_items = u64::try_from(count.cast_signed()).unwrap_or(0)
            }
            (2, Value::Len(text)) if !text.is_empty() => {
                receipt.message = Some(clipped(&String::from_utf8_lossy(text)).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The receipt for an answer that says success and cannot be read any further: the data was taken, the rest is a warning.
pub(crate) fn receipt_with_warning(why: impl Display) -> Receipt {
    Receipt {
        rejected_items: 0,
        message: Some(format!("accepted, but the answer cannot be read: {why}").into()),
    }
}

/// No more of a destination's message than is of use.
pub(crate) fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MESSAGE_MAX)).unwrap_or(text)
}

/// A failure that another attempt may cure.
pub(crate) fn retryable(message: impl Display, after: Option<Duration>) -> ExportError {
    ExportError::Retryable {
        after: after.map(|delay| delay.min(DELAY_MAX)),
        message: message.to_string().into(),
    }
}

/// A failure that no attempt can cure.
pub(crate) fn permanent(message: impl Display, fault: Fault) -> ExportError {
    ExportError::Permanent {
        message: message.to_string().into(),
        fault,
    }
}

/// What a failed call means: what did not arrive may arrive the next time, what was answered in a foreign tongue will not.
pub(crate) fn call_failed(error: CallError, reach: &Reach) -> ExportError {
    match error {
        CallError::Unreachable { message, after } => {
            reach.lost(&message);
            ExportError::Retryable { after, message }
        }
        CallError::Unusable(message) => {
            let fault = Fault::Destination;
            ExportError::Permanent { message, fault }
        }
    }
}

/// The place of a signal in a list of three.
pub(crate) fn of_signal<T>(list: &[T; 3], signal: Signal) -> &T {
    let [traces, metrics, logs] = list;
    match signal {
        Signal::Traces => traces,
        Signal::Metrics => metrics,
        Signal::Logs => logs,
    }
}
