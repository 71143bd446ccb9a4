//! Requests that no encoder writes but the wire allows, and the edges of the interface.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use prost::Message;

use crate::{
    Signal, Value, WireError, WireErrorKind,
    edit::{
        AttributeEditor, AttributeRewrite, AttributeValue, Edit, Editor, ItemContext, Level, Patch,
        Rewritten, SplitLimits, Verdict, concat, encode::put_bytes,
    },
    fields,
};

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue {
        value: Some(any_value::Value::StringValue(value.into())),
    });
    KeyValue {
        key: key.into(),
        value,
        ..KeyValue::default()
    }
}

fn span(name: &str, attributes: Vec<KeyValue>) -> Span {
    Span {
        name: name.into(),
        attributes,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Some(Resource {
        attributes: vec![attribute("service.name", "shop")],
        ..Resource::default()
    });
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource,
            scope_spans,
            ..Default::default()
        }],
    }
}

fn encoded(spans: Vec<Span>) -> Bytes {
    request(spans).encode_to_vec().into()
}

fn spans(bytes: &Bytes) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(bytes.clone()).unwrap();
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|envelope| envelope.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn field(number: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, number, body);
    out
}

/// A request whose envelopes have fields we do not know (900) on both sides of what we know, and heads behind children.
fn strange(spans: &[Span]) -> Bytes {
    let mut scope_spans = field(900, b"scope before");
    spans
        .iter()
        .for_each(|span| scope_spans.extend(field(2, &span.encode_to_vec())));
    scope_spans.extend(field(1, &field(900, b"in scope")));
    scope_spans.extend(field(900, b"scope after"));
    let mut envelope = field(900, b"resource before");
    envelope.extend(field(
        1,
        &Resource {
            attributes: vec![attribute("a", "1")],
            ..Resource::default()
        }
        .encode_to_vec(),
    ));
    envelope.extend(field(2, &scope_spans));
    envelope.extend(field(
        1,
        &Resource {
            attributes: vec![attribute("b", "2")],
            ..Resource::default()
        }
        .encode_to_vec(),
    ));
    let mut bytes = field(900, b"request");
    bytes.extend(field(1, &envelope));
    bytes.into()
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack
        .windows(needle.len())
        .filter(|window| *window == needle)
        .count()
}

#[test]
fn unknown_fields_stay_in_edits_and_in_every_part() {
    let input = strange(&[span("one", vec![]), span("two", vec![])]);
    let mut editor = Editor::new();
    let keep = |name: &str, context: &ItemContext<'_>| {
        if count(context.item, name.as_bytes()) > 0 {
            Verdict::Keep
        } else {
            Verdict::Drop
        }
    };
    let edited = editor
        .drop_items(Signal::Traces, &input, |context| keep("two", context))
        .unwrap()
        .to_bytes();
    let max_items = std::num::NonZeroUsize::new(1);
    let parts = editor
        .split(
            Signal::Traces,
            &input,
            SplitLimits {
                max_items,
                max_bytes: None,
            },
        )
        .unwrap();
    assert_eq!(parts.len(), 2);
    let resources = editor.split_by_resource(Signal::Traces, &input).unwrap();
    for bytes in parts
        .iter()
        .chain(&resources)
        .map(|part| &part.bytes)
        .chain([&edited])
    {
        for unknown in [
            "request",
            "resource before",
            "scope before",
            "scope after",
            "in scope",
        ] {
            assert_eq!(count(bytes, unknown.as_bytes()), 1, "{unknown}");
        }
    }
}

#[test]
fn a_resource_in_two_places_is_one_resource() {
    let input = strange(&[span("one", vec![])]);
    let mut editor = Editor::new();
    editor
        .drop_items(Signal::Traces, &input, |context| {
            let resource = Resource::decode(context.resource).unwrap();
            assert_eq!(resource.attributes, [attribute("a", "1"), attribute("b", "2")]);
            Verdict::Keep
        })
        .unwrap();
    let attributes = AttributeEditor::new()
        .insert("b", AttributeValue::String("not inserted"))
        .update("a", AttributeValue::String("new"));
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Resource, |patch| {
            patch.edit_attributes(&attributes)
        })
        .unwrap()
        .to_bytes();
    let decoded = ExportTraceServiceRequest::decode(edited.clone()).unwrap();
    let resource = decoded.resource_spans[0].resource.clone().unwrap();
    assert_eq!(resource.attributes, [attribute("a", "new"), attribute("b", "2")]);
    assert_eq!(decoded.resource_spans[0].scope_spans[0].spans.len(), 1);
}

#[test]
fn an_unchanged_request_is_the_same_memory() {
    let input = encoded(vec![span("one", vec![attribute("env", "prod")])]);
    let attributes = AttributeEditor::new()
        .upsert("env", AttributeValue::String("prod"))
        .delete("none");
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Item, |patch| {
            patch.set_field(fields::span::NAME, Value::Len(b"one"))?;
            patch.edit_attributes(&attributes)
        })
        .unwrap();
    assert!(edited.is_unchanged());
    assert_eq!(edited.to_bytes().as_ptr(), input.as_ptr());
    assert_eq!(edited.to_segments()[0].as_ptr(), input.as_ptr());
}

#[test]
fn long_untouched_ranges_are_shared() {
    let input = encoded(vec![span(&"x".repeat(10_000), vec![])]);
    let attributes = AttributeEditor::new().upsert("env", AttributeValue::String("prod"));
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Resource, |patch| {
            patch.edit_attributes(&attributes)
        })
        .unwrap();
    let segments = edited.to_segments();
    let range = input.as_ptr_range();
    let shared: usize = segments
        .iter()
        .filter(|part| range.contains(&part.as_ptr()))
        .map(Bytes::len)
        .sum();
    assert!(shared > 10_000, "{shared} bytes shared of {}", input.len());
    assert_eq!(segments.concat(), edited.to_bytes());
}

/// Drops spans, edits events, replaces names and status: all in one pass.
struct Everything;

impl Edit for Everything {
    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        resource.append_attribute("n", AttributeValue::Int(-1));
        Ok(())
    }

    fn item(&mut self, context: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        if item.attribute(b"drop")?.is_some() {
            item.set_field(fields::span::NAME, Value::Len(b"never seen"))?;
            return Ok(Verdict::Drop);
        }
        assert!(!context.resource.is_empty());
        item.child(fields::span::STATUS, |status| {
            status.set_field(fields::status::CODE, Value::Varint(2))
        })?;
        let events = AttributeEditor::new().delete("secret");
        item.each(fields::span::EVENTS, fields::span_event::ATTRIBUTES, |event| {
            event.edit_attributes(&events)
        })?;
        item.change_field(fields::span::NAME, |name| name.map(|_| Value::Len(b"renamed")))?;
        item.clear_field(fields::span::KIND)?;
        item.append_attribute("flag", AttributeValue::Bool(true));
        Ok(Verdict::Keep)
    }
}

#[test]
fn one_pass_edits_every_level_in_any_order() {
    let event = |attributes| Event {
        name: "e".into(),
        attributes,
        ..Event::default()
    };
    let events = vec![
        event(vec![attribute("secret", "x"), attribute("open", "y")]),
        event(vec![]),
    ];
    let input = encoded(vec![
        Span {
            events,
            kind: 3,
            ..span("first", vec![attribute("a", "1")])
        },
        span("second", vec![attribute("drop", "")]),
    ]);
    let mut editor = Editor::new();
    let edited = editor.edit(Signal::Traces, &input, &mut Everything).unwrap();
    assert_eq!((edited.kept, edited.dropped), (1, 1));
    let flag = Some(AnyValue {
        value: Some(any_value::Value::BoolValue(true)),
    });
    let flag = KeyValue {
        key: "flag".into(),
        value: flag,
        ..KeyValue::default()
    };
    let expected = Span {
        events: vec![event(vec![attribute("open", "y")]), event(vec![])],
        status: Some(Status {
            code: 2,
            ..Status::default()
        }),
        ..span("renamed", vec![attribute("a", "1"), flag])
    };
    assert_eq!(spans(&edited.to_bytes()), [expected]);
}

#[test]
fn of_two_edits_of_the_same_bytes_one_takes_place() {
    let input = encoded(vec![span("name", vec![])]);
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Item, |item| {
            item.set_field(fields::span::NAME, Value::Len(b"first"))?;
            item.set_field(fields::span::NAME, Value::Len(b"the second"))
        })
        .unwrap();
    assert_eq!(spans(&edited.to_bytes()), [span("first", vec![])]);
}

#[test]
fn fields_of_every_wire_type_are_found() {
    let old = Span {
        kind: 2,
        flags: 1,
        start_time_unix_nano: 5,
        ..span("name", vec![])
    };
    let input = encoded(vec![old.clone()]);
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Item, |item| {
            assert_eq!(item.field(fields::span::KIND)?, Some(Value::Varint(2)));
            assert_eq!(item.field(32)?, None);
            item.set_field(fields::span::FLAGS, Value::Fixed32(0x101))?;
            item.set_field(fields::span::START_TIME_UNIX_NANO, Value::Fixed64(7))?;
            item.set_field(fields::span::KIND, Value::Varint(300))
        })
        .unwrap();
    let new = Span {
        kind: 300,
        flags: 0x101,
        start_time_unix_nano: 7,
        ..old
    };
    let output = edited.to_bytes();
    assert_eq!(spans(&output), std::slice::from_ref(&new));
    assert_eq!(output, encoded(vec![new]), "replaced in place");
}

#[test]
fn a_new_field_is_put_where_an_encoder_would_put_it() {
    let full = Span {
        trace_id: vec![1; 16],
        trace_state: "ot=th:8".into(),
        kind: 2,
        ..span("name", vec![attribute("a", "1")])
    };
    let without = Span {
        trace_state: String::new(),
        ..full.clone()
    };
    let only_id = Span {
        trace_id: vec![1; 16],
        ..Span::default()
    };
    let set = |span: &Span, text: &[u8]| {
        let input = encoded(vec![span.clone()]);
        let mut editor = Editor::new();
        let edited = editor.edit_level(Signal::Traces, &input, Level::Item, |item| {
            item.set_field_in_order(fields::span::TRACE_STATE, Value::Len(text))
        });
        edited.unwrap().to_bytes()
    };
    assert_eq!(set(&without, b"ot=th:8"), encoded(vec![full.clone()]));
    assert_eq!(set(&full, b"ot=th:8"), encoded(vec![full.clone()]));
    let changed = |old: Span| Span {
        trace_state: "ot=th:c".into(),
        ..old
    };
    assert_eq!(set(&full, b"ot=th:c"), encoded(vec![changed(full)]));
    assert_eq!(set(&only_id, b"ot=th:c"), encoded(vec![changed(only_id)]));
}

/// Masks the values of tokens.
struct Mask;

impl AttributeRewrite for Mask {
    fn wants(&self, key: &[u8]) -> bool {
        key.starts_with(b"token")
    }

    fn rewrite(&self, key: &[u8], value: &[u8], out: &mut Vec<u8>) -> Rewritten {
        if key == b"token.gone" {
            return Rewritten::Delete;
        }
        if value.is_empty() {
            return Rewritten::Keep;
        }
        AttributeValue::String("***").encode(out);
        Rewritten::Replace
    }
}

#[test]
fn rewrite_sees_key_and_value() {
    let empty = KeyValue {
        key: "token.empty".into(),
        ..KeyValue::default()
    };
    let attributes = vec![
        attribute("token", "abc"),
        attribute("token.gone", "abc"),
        empty.clone(),
        attribute("x", "abc"),
    ];
    let input = encoded(vec![span("name", attributes)]);
    let plan = AttributeEditor::new()
        .rewrite(Mask)
        .upsert("token", AttributeValue::String("later"));
    let mut editor = Editor::new();
    for (plan, token) in [(AttributeEditor::new().rewrite(Mask), "***"), (plan, "later")] {
        let edited = editor
            .edit_level(Signal::Traces, &input, Level::Item, |item| {
                item.edit_attributes(&plan)
            })
            .unwrap();
        let expected = [attribute("token", token), empty.clone(), attribute("x", "abc")];
        assert_eq!(spans(&edited.to_bytes())[0].attributes, expected);
    }
}

#[test]
fn attributes_in_an_odd_layout_keep_their_unknown_fields() {
    let mut odd = field(2, &field(1, b"value"));
    odd.extend(field(900, b"unknown"));
    odd.extend(field(1, b"env"));
    let span = field(9, &odd);
    let input: Bytes = field(1, &field(2, &field(2, &span))).into();
    let plan = AttributeEditor::new().upsert("env", AttributeValue::String("prod"));
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Item, |item| {
            item.edit_attributes(&plan)
        })
        .unwrap();
    assert_eq!(
        spans(&edited.to_bytes())[0].attributes,
        [attribute("env", "prod")]
    );
    assert_eq!(count(&edited.to_bytes(), b"unknown"), 1);
}

#[test]
fn concatenated_requests_are_one_request() {
    let (left, right) = (
        encoded(vec![span("left", vec![])]),
        encoded(vec![span("right", vec![])]),
    );
    let both = concat(&[left.clone(), right.clone()]);
    assert_eq!(spans(&both), [span("left", vec![]), span("right", vec![])]);
    let parts = Editor::new().split_by_resource(Signal::Traces, &both).unwrap();
    assert_eq!(
        parts.iter().map(|part| part.bytes.clone()).collect::<Vec<_>>(),
        [left, right]
    );
    assert!(concat(&[]).is_empty());
}

#[test]
fn a_large_item_gets_a_part_of_its_own() {
    let input = encoded(vec![
        span("a", vec![]),
        span(&"b".repeat(500), vec![]),
        span("c", vec![]),
        span("d", vec![]),
    ]);
    let limits = SplitLimits {
        max_items: None,
        max_bytes: std::num::NonZeroUsize::new(100),
    };
    let parts = Editor::new().split(Signal::Traces, &input, limits).unwrap();
    assert_eq!(parts.iter().map(|part| part.items).collect::<Vec<_>>(), [1, 1, 2]);
}

#[test]
fn errors_tell_where() {
    let mut editor = Editor::new();
    let drop = |editor: &mut Editor, bytes: &[u8]| {
        let input = Bytes::copy_from_slice(bytes);
        editor
            .drop_items(Signal::Traces, &input, |_| Verdict::Drop)
            .map(|edited| edited.dropped)
    };
    let mismatch = WireError {
        kind: WireErrorKind::Mismatch,
        offset: 2,
    };
    assert_eq!(
        drop(&mut editor, &[0x0a, 2, 0x10, 1]),
        Err(mismatch),
        "scope_spans as a varint"
    );
    let truncated = WireError {
        kind: WireErrorKind::Truncated,
        offset: 6,
    };
    assert_eq!(
        drop(&mut editor, &[0x0a, 4, 0x12, 2, 0x12, 9]),
        Err(truncated),
        "a span longer than its scope"
    );
    assert_eq!(drop(&mut editor, &[0x0a, 4, 0x12, 2, 0x12, 0]), Ok(1));
}
