//! What servers say of failures, and small values in headers.

use forebay_transport::compression::Encoding;
use forebay_transport::server::grpc::is_grpc;
use forebay_transport::server::http::Format;
use forebay_transport::status::{Code, Status, http_is_retryable, parse_retry_after};
use http::{HeaderMap, HeaderValue};
use std::time::{Duration, UNIX_EPOCH};

/// The most bytes of a message that are sent on; see `Status`.
const LONGEST_MESSAGE: usize = 2048;

/// The longest delay that is sent on (`google/protobuf/duration.proto`).
const LONGEST_DELAY: Duration = Duration::from_secs(315_576_000_000);

/// What no date of four digits is later than.
const LAST_DATE: Duration = Duration::from_secs(8031 * 366 * 86_400);

/// What can be read is written so that it reads the same, in each of the three forms.
pub(crate) fn check(data: &[u8]) {
    let Some((form, rest)) = data.split_first() else {
        return;
    };
    match form % 5 {
        0 => trailers(rest),
        1 => again(Status::from_protobuf(rest)),
        2 => again(Status::from_json(rest)),
        3 => retry_after(rest),
        _ => names(rest),
    }
}

/// The values of the three trailers stand on a line each.
fn trailers(data: &[u8]) {
    let mut trailers = HeaderMap::new();
    let names = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
    for (name, line) in names.into_iter().zip(data.splitn(3, |&byte| byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            trailers.insert(name, value);
        }
    }
    let status = Status::from_trailers(&trailers);
    assert_eq!(status.is_some(), trailers.contains_key("grpc-status"));
    again(status);
}

/// Written and read again, in each form.
fn again(status: Option<Status>) {
    let Some(status) = status else {
        return;
    };
    let mut trailers = HeaderMap::new();
    status.write_trailers(&mut trailers);
    let read = [
        Status::from_trailers(&trailers),
        Status::from_protobuf(&status.to_protobuf()),
        Status::from_json(&status.to_json()),
    ];
    for read in read {
        same(&status, &read.expect("what was written can be read"));
    }
    let http = status.http_status();
    let retryable = status.is_retryable() || status.code == Code::Ok;
    assert!(
        !status.is_retryable() || http_is_retryable(http),
        "{status:?} becomes {http}"
    );
    assert!(retryable || !http_is_retryable(http), "{status:?} becomes {http}");
    if let Some(value) = status.retry_after_header() {
        let delay = parse_retry_after(&value, UNIX_EPOCH).expect("what was written can be read");
        assert!(Some(delay) >= status.retry_after);
    }
}

fn same(written: &Status, read: &Status) {
    assert_eq!(written.code, read.code);
    assert!(
        written.message.starts_with(&*read.message),
        "{written:?} {read:?}"
    );
    assert!(read.message.len() + 3 >= written.message.len().min(LONGEST_MESSAGE));
    assert_eq!(written.violation, read.violation);
    match (written.retry_after, read.retry_after) {
        (None, None) => {}
        (Some(written), Some(read)) => {
            assert!(read.as_secs() <= LONGEST_DELAY.as_secs());
            let off = written.min(LONGEST_DELAY).abs_diff(read.min(LONGEST_DELAY));
            assert!(off <= Duration::from_micros(1), "{written:?} becomes {read:?}");
        }
        (written, read) => panic!("{written:?} becomes {read:?}"),
    }
}

/// Digits are seconds, however many; all else is a date or nothing.
fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let delay = parse_retry_after(&value, UNIX_EPOCH);
    let text = data.trim_ascii();
    if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        assert!(delay.is_some(), "{value:?} is a number of seconds");
    } else if let Some(delay) = delay {
        assert!(text.contains(&b':'), "{value:?} is no date");
        assert!(delay < LAST_DATE);
    }
}

/// Content types and encodings. A name that is known is known in any case.
fn names(data: &[u8]) {
    let encoding = Encoding::parse(data);
    assert_eq!(encoding, Encoding::parse(&data.to_ascii_uppercase()));
    if let Some(encoding) = encoding {
        assert_eq!(Encoding::parse(encoding.as_str().as_bytes()), Some(encoding));
    }
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", value);
    assert!(!(is_grpc(&headers) && Format::of(&headers).is_some()));
}
