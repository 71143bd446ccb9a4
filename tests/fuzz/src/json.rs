//! OTLP/JSON, both ways.

use crate::choose;
use crate::support::Request;
use forebay_otlp::json::{self, JsonErrorKind};
use forebay_otlp::{Depth, Signal, validate};
use serde::de::IgnoredAny;

/// The most bytes that a message converted from JSON may have here.
const LIMIT: usize = 1 << 24;

/// A valid request survives the way to JSON and back. Arbitrary text is refused or gives a valid request, and what is accepted is
/// JSON to another parser as well.
pub(crate) fn check(data: &[u8]) {
    let Some((signal, request)) = choose(data) else {
        return;
    };
    json_from_wire(signal, request);
    json_from_text(signal, request);
    responses(signal, request);
}

/// Answers of servers: what is read can be written, and reads the same.
fn responses(signal: Signal, response: &[u8]) {
    let Ok(wire) = json::response_from_json(signal, response, LIMIT) else {
        let _ = json::response_to_json(signal, response, &mut Vec::new());
        return;
    };
    let mut text = Vec::new();
    json::response_to_json(signal, &wire, &mut text).expect("what was accepted has JSON");
    let again = json::response_from_json(signal, &text, LIMIT).expect("the output can be read");
    let mut twice = Vec::new();
    json::response_to_json(signal, &again, &mut twice).expect("valid");
    assert_eq!(text, twice);
}

fn json_from_wire(signal: Signal, request: &[u8]) {
    let mut text = Vec::new();
    let written = json::from_protobuf(signal, request, &mut text);
    if validate(signal, request, Depth::Full).is_err() {
        return;
    }
    written.expect("a valid request has JSON");
    serde_json::from_slice::<IgnoredAny>(&text).expect("the output is JSON");
    let back = json::to_protobuf(signal, &text, LIMIT).expect("the output can be read");
    assert!(
        canonical(signal, &back) == canonical(signal, request),
        "another message comes back: {}",
        String::from_utf8_lossy(&text)
    );
}

fn json_from_text(signal: Signal, text: &[u8]) {
    let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
    match json::to_protobuf(signal, text, LIMIT) {
        Ok(wire) => {
            assert!(is_json, "accepted what is not JSON");
            validate(signal, &wire, Depth::Full).expect("what was accepted is valid");
            json_from_wire(signal, &wire);
        }
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1);
            let is_syntax = matches!(
                error.kind,
                JsonErrorKind::End | JsonErrorKind::Trailing | JsonErrorKind::Control
            );
            assert!(!(is_syntax && is_json), "refused as syntax what is JSON: {error}");
        }
    }
}

/// The message as prost writes it. JSON knows one NaN only, so all are made the same.
fn canonical(signal: Signal, bytes: &[u8]) -> String {
    let message = Request::decode(signal, bytes).expect("valid");
    format!("{message:?}")
}
