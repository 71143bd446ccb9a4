//! Properties of the crate over arbitrary, rearranged and damaged requests, with prost as the second opinion.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test"
)]

mod support;

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use forebay_otlp::edit::{Editor, Verdict};
use forebay_otlp::schema::{self, Kind, Label};
use forebay_otlp::text::{self, Extent};
use forebay_otlp::{Depth, Signal, Value, WireErrorKind, json, validate};
use support::scramble::{scramble, without_empty};
use support::{Request, assert_same, damage, for_each_case, generate, rebuild};

const LIMIT: usize = 1 << 24;

fn to_json(signal: Signal, wire: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    json::from_protobuf(signal, wire, &mut text).expect("a valid request has JSON");
    text
}

#[test]
fn the_generator_reaches_every_field() {
    let mut seen: BTreeMap<(&str, &str), (bool, bool)> = BTreeMap::new();
    for_each_case(250, |signal, rng| {
        reach(
            schema::request(signal),
            &generate::request(signal, rng).encode(),
            &mut seen,
        );
    });
    let mut all = 0;
    for signal in Signal::ALL {
        let mut messages = vec![schema::request(signal)];
        let mut index = 0;
        while let Some(message) = messages.get(index).copied() {
            index += 1;
            for field in message.fields {
                all += 1;
                assert!(
                    seen.contains_key(&(message.name, field.json)),
                    "{}.{}",
                    message.name,
                    field.json
                );
                let (empty, full) = seen[&(message.name, field.json)];
                assert!(full, "{}.{} never has a value", message.name, field.json);
                let keeps_default = matches!(field.label, Label::Optional | Label::Oneof);
                assert!(
                    empty || !keeps_default,
                    "{}.{} never has its default",
                    message.name,
                    field.json
                );
                if let Kind::Message(inner) = field.kind
                    && !messages.iter().any(|known| known.name == inner.name)
                {
                    messages.push(inner);
                }
            }
        }
    }
    assert!(all > 100, "the table was walked: {all} fields");
}

/// Notes which fields occur, with an empty or zero value and with another one.
fn reach(
    message: &'static schema::Message,
    bytes: &[u8],
    seen: &mut BTreeMap<(&'static str, &'static str), (bool, bool)>,
) {
    let mut cursor = forebay_otlp::Cursor::new(bytes);
    while let Some(field) = cursor.next_field().unwrap() {
        let (_, spec) = message
            .by_number(field.number, 0)
            .expect("prost knows no other fields");
        let is_default = matches!(
            field.value,
            Value::Varint(0) | Value::Fixed32(0) | Value::Fixed64(0) | Value::Len([])
        );
        let entry = seen.entry((message.name, spec.json)).or_default();
        *entry = (entry.0 || is_default, entry.1 || !is_default);
        if let (Kind::Message(inner), Value::Len(body)) = (spec.kind, field.value) {
            reach(inner, body, seen);
        }
    }
}

#[test]
fn property_valid_requests_are_valid_and_counted_like_prost() {
    for_each_case(120, |signal, rng| {
        let request = generate::request(signal, rng);
        let wire = request.encode();
        let full = validate(signal, &wire, Depth::Full).unwrap();
        let shallow = validate(signal, &wire, Depth::Shallow).unwrap();
        assert_eq!(
            (full.items, shallow.items),
            (request.items() as u64, request.items() as u64)
        );
    });
}

#[test]
fn property_rearranged_requests_are_valid_exactly_if_prost_decodes_them() {
    for_each_case(120, |signal, rng| {
        let wire = generate::request(signal, rng).encode();
        let scrambled = scramble(schema::request(signal), &wire, rng);
        Request::decode(signal, &scrambled).unwrap();
        validate(signal, &scrambled, Depth::Full).unwrap();
    });
}

#[test]
fn property_damaged_requests_are_valid_exactly_if_prost_decodes_them() {
    let (mut valid, mut invalid) = (0, 0);
    for_each_case(500, |signal, rng| {
        let wire = damage(&generate::request(signal, rng).encode(), rng);
        let decoded = Request::decode(signal, &wire);
        match validate(signal, &wire, Depth::Full) {
            Ok(_) => {
                valid += 1;
                decoded.expect("prost decodes what is valid");
            }
            // The rules in which validation is stricter than protobuf: see its documentation.
            Err(error)
                if matches!(
                    error.kind,
                    WireErrorKind::Hollow
                        | WireErrorKind::Flaws
                        | WireErrorKind::WireType
                        | WireErrorKind::Depth
                ) => {}
            Err(error) => {
                invalid += 1;
                assert!(decoded.is_err(), "prost decodes what validation refuses: {error}");
            }
        }
    });
    assert!(
        valid > 100 && invalid > 100,
        "{valid} valid, {invalid} invalid: the damage is lopsided"
    );
}

/// Where the messages of all items stand.
fn places(signal: Signal, request: &Bytes) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let base = request.as_ptr().addr();
    let mut editor = Editor::new();
    let noted = editor.drop_items(signal, request, |context| {
        let start = context.item.as_ptr().addr().wrapping_sub(base);
        places.push(start..start + context.item.len());
        Verdict::Keep
    });
    assert!(noted.unwrap().is_unchanged());
    places
}

/// The bytes of all items, in order.
fn items(signal: Signal, request: &Bytes) -> Vec<Bytes> {
    let mut all = Vec::new();
    let mut editor = Editor::new();
    let noted = editor.drop_items(signal, request, |context| {
        all.push(Bytes::copy_from_slice(context.item));
        Verdict::Keep
    });
    assert!(noted.unwrap().is_unchanged());
    all
}

#[test]
fn property_removing_places_is_dropping_the_items_there() {
    for_each_case(200, |signal, rng| {
        let wire = generate::request(signal, rng).encode();
        let request = Bytes::from(scramble(schema::request(signal), &wire, rng));
        let all = places(signal, &request);
        // An empty item has no place that its slice could tell.
        let doomed: Vec<_> = all
            .iter()
            .filter(|place| !place.is_empty() && rng.bool())
            .cloned()
            .collect();
        let mut next = all.iter();
        let (mut dropping, mut removing) = (Editor::new(), Editor::new());
        let dropped = dropping.drop_items(signal, &request, |_| {
            let place = next.next().unwrap();
            if doomed.contains(place) {
                Verdict::Drop
            } else {
                Verdict::Keep
            }
        });
        let (dropped, removed) = (
            dropped.unwrap(),
            removing.remove(signal, &request, &doomed).unwrap(),
        );
        assert_eq!(removed.dropped, doomed.len());
        // An envelope that still has an envelope without items goes with the former and stays with the latter.
        let (removed, dropped) = (removed.to_bytes(), dropped.to_bytes());
        let left = validate(signal, &removed, Depth::Full).unwrap();
        assert_eq!(left.items as usize, all.len() - doomed.len());
        assert_eq!(items(signal, &removed), items(signal, &dropped));
    });
}

#[test]
fn property_requests_survive_the_way_to_json_and_back() {
    for_each_case(120, |signal, rng| {
        let request = generate::request(signal, rng);
        let text = to_json(signal, &request.encode());
        serde_json::from_slice::<serde_json::Value>(&text).expect("the output is JSON");
        let wire = json::to_protobuf(signal, &text, LIMIT).unwrap();
        assert_same(
            &Request::decode(signal, &wire).unwrap(),
            &Request::decode(signal, &request.encode()).unwrap(),
        );
    });
}

#[test]
fn property_rearranged_requests_have_the_json_of_what_prost_decodes() {
    for_each_case(180, |signal, rng| {
        let wire = generate::request(signal, rng).encode();
        let scrambled = scramble(schema::request(signal), &wire, rng);
        let text = to_json(signal, &scrambled);
        serde_json::from_slice::<serde_json::Value>(&text).expect("the output is JSON");
        let back = json::to_protobuf(signal, &text, LIMIT).unwrap();
        assert_same(
            &Request::decode(signal, &back).unwrap(),
            &Request::decode(signal, &scrambled).unwrap(),
        );
    });
}

#[test]
fn property_pretty_and_shuffled_json_reads_alike() {
    for_each_case(40, |signal, rng| {
        let request = generate::request(signal, rng);
        let compact = to_json(signal, &request.encode());
        // A tree sorts the keys of objects, and pretty printing adds white space.
        let tree: serde_json::Value = serde_json::from_slice(&compact).unwrap();
        let pretty = serde_json::to_string_pretty(&tree).unwrap();
        let wire = json::to_protobuf(signal, pretty.as_bytes(), LIMIT).unwrap();
        assert_same(
            &Request::decode(signal, &wire).unwrap(),
            &Request::decode(signal, &request.encode()).unwrap(),
        );
    });
}

#[test]
fn property_damaged_json_is_refused_or_is_json_and_gives_a_valid_request() {
    let (mut accepted, mut refused) = (0, 0);
    for_each_case(300, |signal, rng| {
        let text = damage(&to_json(signal, &generate::request(signal, rng).encode()), rng);
        match json::to_protobuf(signal, &text, LIMIT) {
            Ok(wire) => {
                accepted += 1;
                serde_json::from_slice::<serde::de::IgnoredAny>(&text).expect("what was accepted is JSON");
                validate(signal, &wire, Depth::Full).expect("what was accepted is valid");
            }
            Err(error) => {
                refused += 1;
                let lines = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
                assert!((1..=lines).contains(&error.line), "{error}");
                assert!((1..=text.len() + 1).contains(&error.column), "{error}");
            }
        }
    });
    assert!(
        accepted > 20 && refused > 100,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn property_damaged_bytes_panic_nowhere_and_leave_outputs_alone() {
    for_each_case(300, |signal, rng| {
        let wire = damage(&generate::request(signal, rng).encode(), rng);
        let is_valid = validate(signal, &wire, Depth::Full).is_ok();
        let mut out = b"kept".to_vec();
        match json::from_protobuf(signal, &wire, &mut out) {
            Ok(()) => assert!(serde_json::from_slice::<serde_json::Value>(&out[4..]).is_ok()),
            Err(error) => {
                assert_eq!(out, b"kept");
                assert!(!is_valid && error.offset <= wire.len(), "{error}");
            }
        }
        let mut out = b"kept".to_vec();
        if json::response_to_json(signal, &wire, &mut out).is_err() {
            assert_eq!(out, b"kept");
        }
        let mut out = "kept".to_string();
        let bound = rng.usize(..4096);
        let rendered = text::render(signal, &wire, bound, &mut out);
        assert!(out.starts_with("kept") && out.len() <= 4 + bound);
        assert!(rendered.is_ok() || (out == "kept" && !is_valid));
    });
}

#[test]
fn property_renderings_are_prefixes_of_the_whole_within_their_bound() {
    for_each_case(40, |signal, rng| {
        let wire = generate::request(signal, rng).encode();
        let mut whole = String::new();
        assert_eq!(
            text::render(signal, &wire, usize::MAX, &mut whole),
            Ok(Extent::Whole)
        );
        assert!(
            !whole.contains(|c: char| c.is_control() && c != '\n'),
            "control characters are escaped"
        );
        let bound = rng.usize(..=whole.len());
        let mut part = String::new();
        let extent = text::render(signal, &wire, bound, &mut part).unwrap();
        assert_eq!(extent == Extent::Whole, bound == whole.len());
        assert!(part.len() <= bound);
        assert!(whole.starts_with(part.strip_suffix(text::TRUNCATED).unwrap_or(&part)));
    });
}

#[test]
fn property_views_reach_every_field() {
    for_each_case(120, |signal, rng| {
        let wire = generate::request(signal, rng).encode();
        let message = schema::request(signal);
        let seen = rebuild::request(signal, &wire).unwrap().encode();
        assert_same(&without_empty(message, &seen), &without_empty(message, &wire));
    });
}

#[test]
fn property_views_of_damaged_bytes_fail_or_not_and_never_after_validation() {
    for_each_case(400, |signal, rng| {
        let wire = damage(&generate::request(signal, rng).encode(), rng);
        if validate(signal, &wire, Depth::Full).is_ok() {
            rebuild::request(signal, &wire).expect("valid");
        } else if let Err(error) = rebuild::request(signal, &wire) {
            assert!(error.offset <= wire.len());
        }
    });
}
