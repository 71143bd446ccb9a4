//! How requests fail: gRPC codes, `google.rpc.Status` in trailers, protobuf and JSON, and how it all maps to HTTP.
//!
//! Sources: the OTLP specification, sections "OTLP/gRPC Response" and "OTLP/HTTP Response"; gRPC's "PROTOCOL-HTTP2" and
//! "HTTP to gRPC Status Code Mapping"; `google/rpc/status.proto` and `error_details.proto`.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use prost::Message;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tonic::metadata::MetadataMap;
use tonic_types::{ErrorDetails, RpcStatusExt, StatusExt, pb};

pub use tonic::Code;

const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";
const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// The longest message that is sent: it travels in a header, and peers limit those (8 KiB is a common bound).
const LONGEST_MESSAGE: usize = 2048;

/// The longest delay that can be said (`google/protobuf/duration.proto`): 10,000 years.
const LONGEST_DELAY: Duration = Duration::from_secs(315_576_000_000);

/// What a server says of a request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// For people: what is wrong. May be empty in what others sent.
    pub message: Arc<str>,
    /// How long the client should wait before it sends the same again (`RetryInfo`, `Retry-After`).
    pub retry_after: Option<Duration>,
    /// What is wrong with the request's content (`BadRequest`).
    pub violation: Option<Violation>,
}

/// One rule that the content of a request breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where: a field's path, or an offset.
    pub field: String,
    /// The rule.
    pub description: String,
}

impl Status {
    /// A status with a message and no details.
    pub fn new(code: Code, message: impl Into<Arc<str>>) -> Self {
        Status {
            code,
            message: message.into(),
            retry_after: None,
            violation: None,
        }
    }

    /// The same with a delay to wait first.
    pub fn after(mut self, delay: Option<Duration>) -> Self {
        self.retry_after = delay;
        self
    }

    /// The same with the rule that the request breaks.
    pub fn violating(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.violation = Some(Violation {
            field: field.into(),
            description: description.into(),
        });
        self
    }

    /// Whether a client may send the same again. `RESOURCE_EXHAUSTED` only with a delay: without one the request itself is
    /// what is too large (OTLP specification, "OTLP/gRPC Response", table "Failures").
    pub fn is_retryable(&self) -> bool {
        match self.code {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => true,
            Code::ResourceExhausted => self.retry_after.is_some(),
            _ => false,
        }
    }

    /// `google.rpc.Status` as protobuf, as it is in `grpc-status-details-bin` and in bodies of OTLP/HTTP.
    pub fn to_protobuf(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_tonic().details())
    }

    /// Reads `google.rpc.Status` from a body. Nothing if it is not one.
    pub fn from_protobuf(body: &[u8]) -> Option<Status> {
        let status = pb::Status::decode(body).ok()?;
        Some(Status::from_pb(
            Code::from_i32(status.code),
            &status.message,
            &status,
        ))
    }

    /// `google.rpc.Status` as JSON (ProtoJSON), as it is in bodies of OTLP/HTTP with `application/json`.
    pub fn to_json(&self) -> Vec<u8> {
        let mut details = Vec::new();
        if let Some(delay) = self.retry_after {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", delay.min(LONGEST_DELAY).as_secs_f64()),
            }));
        }
        if let Some(violation) = &self.violation {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": violation.field, "description": violation.description }],
            }));
        }
        let mut status = json!({ "code": self.code as i32, "message": self.message_within_bound() });
        if let (Some(object), false) = (status.as_object_mut(), details.is_empty()) {
            object.insert("details".into(), Value::Array(details));
        }
        status.to_string().into_bytes()
    }

    /// Reads `google.rpc.Status` from a JSON body. Nothing if it is not one.
    pub fn from_json(body: &[u8]) -> Option<Status> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let code = value.get("code").and_then(Value::as_i64);
        let message = value.get("message").and_then(Value::as_str);
        if code.is_none() && message.is_none() {
            return None;
        }
        let code = Code::from_i32(code.and_then(|code| i32::try_from(code).ok()).unwrap_or(2));
        let mut status = Status::new(code, message.unwrap_or_default());
        for detail in value
            .get("details")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            status.add_json_detail(detail);
        }
        Some(status)
    }

    /// Writes `grpc-status`, `grpc-message` and, where there are details, `grpc-status-details-bin`.
    pub fn write_trailers(&self, trailers: &mut HeaderMap) {
        let bare = self.retry_after.is_none() && self.violation.is_none();
        let status = if bare {
            tonic::Status::new(self.code, self.message_within_bound())
        } else {
            self.as_tonic()
        };
        // It fails only on bytes that a header may not have, and all three are encoded.
        if status.add_header(trailers).is_err() {
            trailers.insert(GRPC_STATUS, HeaderValue::from(self.code as i32));
        }
    }

    /// Reads the status from trailers, or from the headers of a response without a body. Nothing if there is no
    /// `grpc-status`. Details that are not readable are ignored.
    pub fn from_trailers(trailers: &HeaderMap) -> Option<Status> {
        // Not with `tonic::Status::from_header_map`, which panics on details that are not base64.
        let code = Code::from_bytes(trailers.get(GRPC_STATUS)?.as_bytes());
        let message = trailers.get(GRPC_MESSAGE).map(percent_decoded);
        let details = trailers
            .get(GRPC_DETAILS)
            .and_then(details_of)
            .unwrap_or_default();
        Some(Status::from_pb(code, &message.unwrap_or_default(), &details))
    }

    /// The HTTP status for a failure of OTLP/HTTP, as the Collector maps it: clients retry 429 and 503 and nothing else
    /// that is in use here.
    pub fn http_status(&self) -> StatusCode {
        match self.code {
            Code::Ok => StatusCode::OK,
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => StatusCode::SERVICE_UNAVAILABLE,
            // The request itself is too large (OTLP specification, "OTLP/HTTP Response").
            Code::ResourceExhausted if self.retry_after.is_none() => StatusCode::PAYLOAD_TOO_LARGE,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::Unimplemented => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The value of `Retry-After` in whole seconds, rounded up, at least 1 (RFC 9110, section 10.2.3). Nothing without a
    /// delay.
    pub fn retry_after_header(&self) -> Option<HeaderValue> {
        let delay = self.retry_after?;
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        Some(HeaderValue::from(seconds.max(1)))
    }

    fn message_within_bound(&self) -> &str {
        let end = self.message.floor_char_boundary(LONGEST_MESSAGE);
        self.message.get(..end).unwrap_or_default()
    }

    fn as_tonic(&self) -> tonic::Status {
        let mut details = ErrorDetails::new();
        if let Some(delay) = self.retry_after {
            details.set_retry_info(Some(delay));
        }
        if let Some(violation) = &self.violation {
            details.add_bad_request_violation(&violation.field, &violation.description);
        }
        tonic::Status::with_error_details(self.code, self.message_within_bound(), details)
    }

    fn from_pb(code: Code, message: &str, details: &pb::Status) -> Status {
        let violation = details
            .get_details_bad_request()
            .and_then(|bad| bad.field_violations.into_iter().next());
        Status {
            code,
            message: message.into(),
            // A delay that is missing or negative is none at all, and still says that the same may be sent again.
            retry_after: details
                .get_details_retry_info()
                .map(|info| info.retry_delay.unwrap_or_default()),
            violation: violation.map(|v| Violation {
                field: v.field,
                description: v.description,
            }),
        }
    }

    fn add_json_detail(&mut self, detail: &Value) {
        if let Some(delay) = detail.get("retryDelay").and_then(Value::as_str) {
            self.retry_after = delay.strip_suffix('s').and_then(seconds);
        }
        let violation = detail.get("fieldViolations").and_then(|list| list.get(0));
        if let Some(violation) = violation {
            let text = |key| violation.get(key).and_then(Value::as_str).unwrap_or_default();
            self.violation = Some(Violation {
                field: text("field").into(),
                description: text("description").into(),
            });
        }
    }
}

/// `grpc-message`, decoded: `%XX` stands for a byte, and what is not such a sequence for itself (gRPC, "PROTOCOL-HTTP2":
/// decoders must not fail on invalid sequences).
fn percent_decoded(value: &HeaderValue) -> String {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let byte = (first == b'%')
            .then(|| tail.first_chunk::<2>().and_then(hex_byte))
            .flatten();
        decoded.push(byte.unwrap_or(first));
        rest = if byte.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_byte(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

/// The details in their header: base64, padded or not.
fn details_of(value: &HeaderValue) -> Option<pb::Status> {
    let mut one = HeaderMap::new();
    one.insert(GRPC_DETAILS, value.clone());
    let decoded = MetadataMap::from_headers(one)
        .get_bin(GRPC_DETAILS)?
        .to_bytes()
        .ok()?;
    pb::Status::decode(decoded).ok()
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// The code for a gRPC response whose HTTP status is not 200 and that has no `grpc-status` (gRPC, "HTTP to gRPC Status Code
/// Mapping").
pub fn grpc_code_of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// Whether a client of OTLP/HTTP may send the same again after this status (OTLP specification, "Retryable Response Codes").
pub fn http_is_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3), which is compared with `now`. A date in the past is a
/// delay of zero, and more seconds than can be counted are the most that can. Nothing if it is neither.
pub fn parse_retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // However many digits there are: it is a very long time then.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}
