//! Walks over the fields of messages, which change or remove them, against the same changes of decoded requests.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value},
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use proptest::prelude::*;
use prost::Message;

use super::arbitrary::{metrics, traces};
use super::model::Model;
use crate::{
    Signal, WireError,
    edit::{Editor, FieldSet, Level, Patch, Verdict, first_field},
    fields::{any_value::*, array_value, key_value, key_value_list, span, status},
};

const VALUE: FieldSet = FieldSet::of(&[key_value::VALUE]);
const TEXTS: FieldSet = FieldSet::of(&[STRING_VALUE, ARRAY_VALUE, KVLIST_VALUE]);
const ELEMENTS: FieldSet = FieldSet::of(&[array_value::VALUES]);

/// Twice the text, in texts at any depth of a value.
fn double(value: &mut Patch<'_>) -> Result<(), WireError> {
    value.visit(TEXTS, |number, inner| {
        match number {
            STRING_VALUE => inner.replace(&inner.message().repeat(2)),
            ARRAY_VALUE => inner.visit(ELEMENTS, |_, element| {
                double(element)?;
                Ok(Verdict::Keep)
            })?,
            _ => inner.visit(FieldSet::of(&[key_value_list::VALUES]), |_, entry| {
                attribute(entry)
            })?,
        }
        Ok(Verdict::Keep)
    })
}

/// Attributes whose key has "token" in front go, the texts of the others are doubled.
fn attribute(attribute: &mut Patch<'_>) -> Result<Verdict, WireError> {
    let key = first_field(attribute.message(), key_value::KEY)?;
    if let Some(crate::Value::Len(key)) = key
        && key.starts_with(b"token")
    {
        return Ok(Verdict::Drop);
    }
    attribute.visit(VALUE, |_, value| {
        double(value)?;
        Ok(Verdict::Keep)
    })?;
    Ok(Verdict::Keep)
}

fn doubled(value: &mut AnyValue) {
    match &mut value.value {
        Some(any_value::Value::StringValue(text)) => *text = text.repeat(2),
        Some(any_value::Value::ArrayValue(array)) => array.values.iter_mut().for_each(doubled),
        Some(any_value::Value::KvlistValue(list)) => attributes(&mut list.values),
        _ => {}
    }
}

fn attributes(list: &mut Vec<KeyValue>) {
    list.retain(|attribute| !attribute.key.starts_with("token"));
    list.iter_mut()
        .filter_map(|attribute| attribute.value.as_mut())
        .for_each(doubled);
}

fn check<M: Model>(request: &M, level: Level) {
    let mut expected = request.clone();
    expected.change(level, &attributes);
    let input = Bytes::from(request.encode_to_vec());
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(M::SIGNAL, &input, level, |patch| {
            let numbers = FieldSet::of(&[patch.attribute_field()]);
            patch.visit(numbers, |_, found| attribute(found))
        })
        .unwrap();
    let output = edited.to_bytes();
    assert_eq!(M::decode(output.clone()).unwrap(), expected);
    assert_eq!(output.len(), expected.encoded_len());
    assert_eq!(edited.to_segments().concat(), output);
    assert_eq!(edited.is_unchanged(), input == output);
}

fn string(text: &str) -> AnyValue {
    AnyValue {
        value: Some(any_value::Value::StringValue(text.to_owned())),
    }
}

fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn request(span: Span) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    }
}

#[test]
fn texts_change_and_keys_go_at_any_depth() {
    // Each text becomes longer than 127 bytes, and so the length of each message around it takes a byte more.
    let list = KeyValueList {
        values: vec![pair("token", string("t")), pair("x", string(&"i".repeat(70)))],
    };
    let list = AnyValue {
        value: Some(any_value::Value::KvlistValue(list)),
    };
    let array = AnyValue {
        value: Some(any_value::Value::ArrayValue(ArrayValue {
            values: vec![string("a"), list, AnyValue::default()],
        })),
    };
    let span = Span {
        name: "n".to_owned(),
        attributes: vec![
            pair("token.1", string("x")),
            pair("token.2", string("y")),
            pair("deep", array),
        ],
        ..Span::default()
    };
    check(&request(span), Level::Item);
}

#[test]
fn fields_of_any_kind_are_seen_in_their_order() {
    let request = request(Span {
        name: "n".to_owned(),
        trace_state: "s".to_owned(),
        kind: 2,
        status: Some(Status {
            message: "m".to_owned(),
            code: 2,
        }),
        ..Span::default()
    });
    let input = Bytes::from(request.encode_to_vec());
    let numbers = FieldSet::of(&[span::NAME, span::TRACE_STATE, span::STATUS]);
    let mut seen = Vec::new();
    let mut editor = Editor::new();
    let edited = editor
        .edit_level(Signal::Traces, &input, Level::Item, |patch| {
            patch.visit(numbers, |number, field| {
                seen.push(number);
                if number == span::STATUS {
                    field.visit(FieldSet::of(&[status::MESSAGE]), |_, _| Ok(Verdict::Drop))?;
                }
                Ok(Verdict::Keep)
            })
        })
        .unwrap();
    let output = ExportTraceServiceRequest::decode(edited.to_bytes()).unwrap();
    let span = &output.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(seen, [span::TRACE_STATE, span::NAME, span::STATUS]);
    let left = span.status.clone().unwrap();
    assert_eq!((left.message.as_str(), left.code), ("", 2));
    assert_eq!((span.name.as_str(), span.trace_state.as_str()), ("n", "s"));
}

#[test]
fn a_number_where_a_message_is_declared_is_an_error() {
    let input = Bytes::from(
        request(Span {
            kind: 2,
            ..Span::default()
        })
        .encode_to_vec(),
    );
    let mut editor = Editor::new();
    let edited = editor.edit_level(Signal::Traces, &input, Level::Item, |patch| {
        patch.visit(FieldSet::of(&[span::KIND]), |_, _| Ok(Verdict::Keep))
    });
    assert!(edited.is_err());
}

#[test]
fn a_set_has_what_it_was_made_of() {
    let set = FieldSet::of(&[1, 15, 63, 64, 1 << 28]);
    let has: Vec<u32> = (0..200).filter(|number| set.has(*number)).collect();
    assert_eq!(has, [1, 15, 63]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn property_visits_change_what_decoding_would(traces in traces(), metrics in metrics()) {
        for level in [Level::Resource, Level::Scope, Level::Item] {
            check(&traces, level);
            check(&metrics, level);
        }
        check(&metrics, Level::Metric);
    }
}
