//! What an answer means: acknowledged, or refused, whether it may be sent again, and when.

use bytes::Bytes;
use forebay_otlp::Cursor;
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt;

/// The answer to one attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// Acknowledged, but for this many items (partial success).
    Acknowledged {
        rejected: u64,
    },
    Refused(Refusal),
    /// No answer: the connection failed, or the attempt timed out.
    Failed(&'static str),
}

#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    /// `grpc 14` or `http 503`.
    pub(super) code: String,
    pub(super) retryable: bool,
    pub(super) delay: Option<Duration>,
}

/// Reads a gRPC answer. `RESOURCE_EXHAUSTED` is retryable with `RetryInfo` only. Source: OTLP specification,
/// "OTLP/gRPC Failures" and "OTLP/gRPC Throttling".
pub(super) fn grpc(headers: &HeaderMap, trailers: Option<&HeaderMap>, body: &Bytes) -> Answer {
    let status = trailers
        .and_then(tonic::Status::from_header_map)
        .or_else(|| tonic::Status::from_header_map(headers));
    let Some(status) = status else {
        return Answer::Failed("no grpc-status");
    };
    if status.code() == Code::Ok {
        return Answer::Acknowledged {
            rejected: rejected(body.get(5..).unwrap_or_default()),
        };
    }
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let retryable = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => delay.is_some(),
        _ => false,
    };
    Answer::Refused(Refusal {
        code: format!("grpc {}", status.code() as i32),
        retryable,
        delay,
    })
}

/// Reads an HTTP answer. Source: OTLP specification, "OTLP/HTTP Response" and "OTLP/HTTP Throttling".
pub(super) fn http(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Answer {
    if status.is_success() {
        let protobuf = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/x-protobuf"));
        return Answer::Acknowledged {
            rejected: if protobuf { rejected(body) } else { 0 },
        };
    }
    let delay = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let retryable = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    Answer::Refused(Refusal {
        code: format!("http {}", status.as_u16()),
        retryable,
        delay,
    })
}

/// Field 1 (`partial_success`), and in it field 1, the number of rejected items: the same in all three responses.
fn rejected(response: &[u8]) -> u64 {
    let varint = |message: &[u8]| match Cursor::new(message).next_field() {
        Ok(Some(field)) if field.number == 1 => match field.value {
            forebay_otlp::Value::Varint(value) => value,
            _ => 0,
        },
        _ => 0,
    };
    match Cursor::new(response).next_field() {
        Ok(Some(field)) if field.number == 1 => field.bytes().map_or(0, varint),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    fn refusal(status: tonic::Status) -> Refusal {
        let headers = status.into_http::<()>().into_parts().0.headers;
        match grpc(&headers, None, &Bytes::new()) {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn grpc_refusals() {
        let delay = Duration::from_millis(1500);
        let details = ErrorDetails::with_retry_info(Some(delay));
        let full = tonic::Status::with_error_details(Code::ResourceExhausted, "full", details);
        assert_eq!(
            refusal(full),
            Refusal {
                code: "grpc 8".into(),
                retryable: true,
                delay: Some(delay)
            }
        );
        assert!(!refusal(tonic::Status::resource_exhausted("full")).retryable);
        assert!(refusal(tonic::Status::unavailable("down")).retryable);
        assert!(!refusal(tonic::Status::invalid_argument("bad")).retryable);
    }

    #[test]
    fn http_refusals() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static("3"));
        let delay = Some(Duration::from_secs(3));
        let answer = http(StatusCode::TOO_MANY_REQUESTS, &headers, &Bytes::new());
        assert_eq!(
            answer,
            Answer::Refused(Refusal {
                code: "http 429".into(),
                retryable: true,
                delay
            })
        );
        let answer = http(StatusCode::BAD_REQUEST, &HeaderMap::new(), &Bytes::new());
        assert_eq!(
            answer,
            Answer::Refused(Refusal {
                code: "http 400".into(),
                retryable: false,
                delay: None
            })
        );
    }

    #[test]
    fn partial_success_is_read() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let body = Bytes::from_static(&[0, 0, 0, 0, 4, 0x0a, 2, 0x08, 7]);
        let answer = grpc(&HeaderMap::new(), Some(&trailers), &body);
        assert_eq!(answer, Answer::Acknowledged { rejected: 7 });
    }
}
