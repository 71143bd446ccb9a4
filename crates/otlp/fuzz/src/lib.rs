//! What the fuzz targets check. Each function takes arbitrary bytes and panics if a promise of the crate is broken. They are
//! plain functions so that an ordinary test can run the committed corpus through them too.
//!
//! The first byte of an input chooses the signal, and for `text` the second one the bound; the rest is the request.

use std::num::NonZeroUsize;

use bytes::Bytes;
use forebay_otlp::edit::{AttributeEditor, AttributeValue, Editor, Level, SplitLimits, Verdict};
use forebay_otlp::json::{self, JsonErrorKind};
use forebay_otlp::text::{self, Extent};
use forebay_otlp::{Depth, Signal, WireErrorKind, validate};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::IgnoredAny;

/// The most bytes that a message converted from JSON may have here.
const LIMIT: usize = 1 << 24;

fn choose(data: &[u8]) -> Option<(Signal, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((Signal::ALL[usize::from(*first) % 3], rest))
}

/// Decodes with prost and prints the message: equal texts are equal messages, whatever the bits of their NaNs.
fn decoded(signal: Signal, bytes: &[u8]) -> Option<String> {
    Some(match signal {
        Signal::Traces => format!("{:?}", ExportTraceServiceRequest::decode(bytes).ok()?),
        Signal::Metrics => format!("{:?}", ExportMetricsServiceRequest::decode(bytes).ok()?),
        Signal::Logs => format!("{:?}", ExportLogsServiceRequest::decode(bytes).ok()?),
    })
}

/// Validation accepts what prost decodes, and nothing else, apart from the rules in which it is stricter: groups,
/// nesting.
pub fn validate_vs_prost(data: &[u8]) {
    let Some((signal, request)) = choose(data) else {
        return;
    };
    let message = decoded(signal, request);
    match validate(signal, request, Depth::Full) {
        Ok(_) => {
            assert!(message.is_some(), "prost refuses what is valid");
            validate(signal, request, Depth::Shallow)
                .expect("the shallow check demands less than the full one");
        }
        Err(error) => match error.kind {
            WireErrorKind::Hollow | WireErrorKind::Flaws | WireErrorKind::WireType | WireErrorKind::Depth => {
            }
            kind => assert!(message.is_none(), "prost accepts what breaks the rule: {kind}"),
        },
    }
}

/// No edit panics; edits of a valid request give valid requests, and no item is lost or made.
pub fn edit(data: &[u8]) {
    let Some((signal, request)) = choose(data) else {
        return;
    };
    let census = validate(signal, request, Depth::Full).map(|census| census.items);
    let request = Bytes::copy_from_slice(request);
    let mut editor = Editor::new();
    let check = |edited: &[u8], items: u64| {
        if census.is_ok() {
            assert_eq!(
                validate(signal, edited, Depth::Full)
                    .expect("edited is valid")
                    .items,
                items
            );
        }
    };
    let items = census.unwrap_or(0);
    let attributes = AttributeEditor::new()
        .upsert("a", AttributeValue::Int(1))
        .delete("b")
        .rename("c", "d");
    for level in [Level::Resource, Level::Scope, Level::Metric, Level::Item] {
        if let Ok(edited) = editor.edit_level(signal, &request, level, |patch| {
            patch.edit_attributes(&attributes)
        }) {
            let bytes = edited.to_bytes();
            assert_eq!(bytes.len(), edited.output_len());
            assert_eq!(edited.to_segments().concat(), bytes);
            check(&bytes, items);
        }
    }
    let mut count = 0;
    let every_other = editor.drop_items(signal, &request, |_| {
        count += 1;
        if count % 2 == 0 {
            Verdict::Drop
        } else {
            Verdict::Keep
        }
    });
    if let Ok(edited) = every_other {
        check(&edited.to_bytes(), edited.kept as u64);
        assert_eq!(edited.kept + edited.dropped, count);
    }
    split(signal, &request, &mut editor, census.is_ok().then_some(items));
}

fn split(signal: Signal, request: &Bytes, editor: &mut Editor, items: Option<u64>) {
    let limits = [
        SplitLimits {
            max_items: NonZeroUsize::new(1),
            max_bytes: None,
        },
        SplitLimits {
            max_items: None,
            max_bytes: NonZeroUsize::new(100),
        },
    ];
    for limits in limits {
        if let (Ok(parts), Some(items)) = (editor.split(signal, request, limits), items) {
            assert_eq!(parts.iter().map(|part| part.items as u64).sum::<u64>(), items);
            for part in parts {
                let census = validate(signal, &part.bytes, Depth::Full).expect("a part is valid");
                assert_eq!(census.items, part.items as u64);
            }
        }
    }
    if let (Ok(parts), Some(items)) = (
        editor.partition(signal, request, |item| item.item.len() % 3),
        items,
    ) {
        assert_eq!(
            parts.iter().map(|(_, part)| part.items as u64).sum::<u64>(),
            items
        );
    }
    if let (Ok(parts), Some(items)) = (editor.split_by_resource(signal, request), items) {
        assert_eq!(parts.iter().map(|part| part.items as u64).sum::<u64>(), items);
    }
}

/// A valid request survives the way to JSON and back. Arbitrary text is refused or gives a valid request, and what is accepted is
/// JSON to another parser as well.
pub fn json_roundtrip(data: &[u8]) {
    let Some((signal, request)) = choose(data) else {
        return;
    };
    json_from_wire(signal, request);
    json_from_text(signal, request);
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
    assert_eq!(
        decoded(signal, &back),
        decoded(signal, request),
        "{}",
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

/// The rendering of any bytes stays within its bound; of a valid request there is one.
pub fn text(data: &[u8]) {
    let Some((signal, rest)) = choose(data) else {
        return;
    };
    let Some((bound, request)) = rest.split_first() else {
        return;
    };
    let bound = usize::from(*bound) * 16;
    let mut out = String::from("kept");
    let rendered = text::render(signal, request, bound, &mut out);
    assert!(out.starts_with("kept") && out.len() <= 4 + bound);
    match rendered {
        Ok(Extent::Whole) => assert!(!out.ends_with(text::TRUNCATED)),
        Ok(Extent::Truncated) => assert!(bound < text::TRUNCATED.len() || out.ends_with(text::TRUNCATED)),
        Err(_) => {
            assert_eq!(out, "kept");
            assert!(
                validate(signal, request, Depth::Full).is_err(),
                "a valid request cannot be rendered"
            );
        }
    }
}
