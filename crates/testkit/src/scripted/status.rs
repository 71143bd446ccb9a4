//! `google.rpc.Status` and the details that OTLP uses, in protobuf and JSON.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use prost::Message;
use serde_json::Value;
use std::time::Duration;

/// base64 as `-bin` headers have it: written without padding, read with or without it (gRPC, "PROTOCOL-HTTP2").
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

/// A status with its details.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RpcStatus {
    /// The code's number.
    pub code: i32,
    /// The message.
    pub message: String,
    /// The delay of a `RetryInfo`, as it was written: it may be negative.
    pub retry_delay: Option<Delay>,
    /// The violations of a `BadRequest`.
    pub violations: Vec<Violation>,
}

/// `google.protobuf.Duration`, whatever is in it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Delay {
    /// Seconds, of either sign.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds, of the same sign.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Delay {
    /// It as a length of time. Nothing if it is negative or out of range.
    pub fn length(self) -> Option<Duration> {
        let nanos = u32::try_from(self.nanos).ok()?;
        Some(Duration::new(u64::try_from(self.seconds).ok()?, nanos))
    }
}

impl From<Duration> for Delay {
    fn from(delay: Duration) -> Self {
        Delay {
            seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            nanos: delay.subsec_nanos().cast_signed(),
        }
    }
}

/// A field that breaks a rule.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Violation {
    /// Where.
    #[prost(string, tag = "1")]
    pub field: String,
    /// What is wrong.
    #[prost(string, tag = "2")]
    pub description: String,
}

#[derive(Clone, PartialEq, Message)]
struct WireStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<Violation>,
}

impl RpcStatus {
    /// A status without details.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        RpcStatus {
            code,
            message: message.into(),
            ..RpcStatus::default()
        }
    }

    /// In protobuf.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut details = Vec::new();
        if let Some(delay) = self.retry_delay {
            let info = RetryInfo {
                retry_delay: Some(delay),
            };
            details.push(any(RETRY_INFO, &info));
        }
        if !self.violations.is_empty() {
            let bad = BadRequest {
                field_violations: self.violations.clone(),
            };
            details.push(any(BAD_REQUEST, &bad));
        }
        let (code, message) = (self.code, self.message.clone());
        WireStatus {
            code,
            message,
            details,
        }
        .encode_to_vec()
    }

    /// In the form of a `-bin` header.
    pub fn to_header(&self) -> String {
        BASE64.encode(self.to_protobuf())
    }

    /// From protobuf. Nothing if it is none, or if a detail of a known type is none.
    pub fn from_protobuf(bytes: &[u8]) -> Option<Self> {
        let wire = WireStatus::decode(bytes).ok()?;
        let mut status = RpcStatus::new(wire.code, wire.message);
        for detail in wire.details {
            match &*detail.type_url {
                RETRY_INFO => {
                    status.retry_delay = Some(RetryInfo::decode(&*detail.value).ok()?.retry_delay?);
                }
                BAD_REQUEST => {
                    let bad = BadRequest::decode(&*detail.value).ok()?;
                    status.violations.extend(bad.field_violations);
                }
                _ => {}
            }
        }
        Some(status)
    }

    /// From the form of a `-bin` header.
    pub fn from_header(text: &[u8]) -> Option<Self> {
        RpcStatus::from_protobuf(&BASE64.decode(text).ok()?)
    }

    /// From ProtoJSON. Nothing if it is not a status.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let object = value.as_object()?;
        let code = object.get("code").map_or(Some(0), Value::as_i64)?;
        let message = object.get("message").map_or(Some(""), Value::as_str)?;
        let mut status = RpcStatus::new(i32::try_from(code).ok()?, message);
        let details = object.get("details").and_then(Value::as_array);
        for detail in details.into_iter().flatten() {
            match detail.get("@type")?.as_str()? {
                RETRY_INFO => status.retry_delay = Some(json_delay(detail.get("retryDelay")?)?),
                BAD_REQUEST => status.violations.extend(json_violations(detail)?),
                _ => {}
            }
        }
        Some(status)
    }
}

fn any(type_url: &str, message: &impl Message) -> Any {
    Any {
        type_url: type_url.to_owned(),
        value: message.encode_to_vec(),
    }
}

/// `"1.5s"` (ProtoJSON, `google.protobuf.Duration`).
fn json_delay(value: &Value) -> Option<Delay> {
    let seconds: f64 = value.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(Delay::from)
}

fn json_violations(detail: &Value) -> Option<Vec<Violation>> {
    let list = detail.get("fieldViolations")?.as_array()?;
    let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    list.iter()
        .map(|value| {
            Some(Violation {
                field: text(value, "field")?,
                description: text(value, "description")?,
            })
        })
        .collect()
}
