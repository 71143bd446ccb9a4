use std::collections::BTreeMap;

use super::*;
use crate::{Cursor, Value};

/// The parts of `google.protobuf.descriptor.proto` that the table has to agree with.
struct Declared {
    number: u32,
    json: String,
    repeated: bool,
    kind: u64,
    type_name: String,
    in_oneof: bool,
    optional: bool,
}

#[derive(Default)]
struct Declarations {
    messages: BTreeMap<String, Vec<Declared>>,
    enums: BTreeMap<String, Vec<(String, u64)>>,
}

fn fields(bytes: &[u8]) -> Vec<(u32, Value<'_>)> {
    let mut cursor = Cursor::new(bytes);
    let mut all = Vec::new();
    while let Some(field) = cursor.next_field().unwrap() {
        all.push((field.number, field.value));
    }
    all
}

fn sub(bytes: &[u8], number: u32) -> Vec<&[u8]> {
    let of_number = fields(bytes).into_iter().filter(|(n, _)| *n == number);
    of_number
        .map(|(_, value)| {
            if let Value::Len(bytes) = value {
                bytes
            } else {
                panic!("not bytes")
            }
        })
        .collect()
}

fn text(bytes: &[u8], number: u32) -> String {
    sub(bytes, number)
        .first()
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .unwrap_or_default()
}

fn number(bytes: &[u8], number: u32) -> Option<u64> {
    fields(bytes)
        .into_iter()
        .find(|(n, _)| *n == number)
        .map(|(_, value)| match value {
            Value::Varint(value) => value,
            _ => panic!("not a number"),
        })
}

fn read_message(bytes: &[u8], prefix: &str, all: &mut Declarations) {
    let name = format!("{prefix}.{}", text(bytes, 1));
    for nested in sub(bytes, 3) {
        read_message(nested, &name, all);
    }
    for nested in sub(bytes, 4) {
        read_enum(nested, &name, all);
    }
    let declared = sub(bytes, 2).into_iter().map(|field| Declared {
        number: number(field, 3).unwrap() as u32,
        json: text(field, 10),
        repeated: number(field, 4) == Some(3),
        kind: number(field, 5).unwrap(),
        type_name: text(field, 6),
        in_oneof: number(field, 9).is_some() && number(field, 17).is_none(),
        optional: number(field, 17).is_some(),
    });
    let declared = declared.collect();
    all.messages.insert(name, declared);
}

fn read_enum(bytes: &[u8], prefix: &str, all: &mut Declarations) {
    let values = sub(bytes, 2)
        .into_iter()
        .map(|value| (text(value, 1), number(value, 2).unwrap_or_default()));
    all.enums
        .insert(format!("{prefix}.{}", text(bytes, 1)), values.collect());
}

fn declarations() -> Declarations {
    let mut all = Declarations::default();
    for file in sub(opentelemetry_proto::DESCRIPTORS, 1) {
        let package = format!(".{}", text(file, 2));
        for message in sub(file, 4) {
            read_message(message, &package, &mut all);
        }
        for enumeration in sub(file, 5) {
            read_enum(enumeration, &package, &mut all);
        }
    }
    all
}

/// `FieldDescriptorProto.Type`.
fn type_number(kind: Kind) -> u64 {
    match kind {
        Kind::Double => 1,
        Kind::Int64 => 3,
        Kind::Uint64 => 4,
        Kind::Int32 => 5,
        Kind::Fixed64 => 6,
        Kind::Fixed32 => 7,
        Kind::Bool => 8,
        Kind::String => 9,
        Kind::Message(_) => 11,
        Kind::Bytes | Kind::Id(_) => 12,
        Kind::Uint32 => 13,
        Kind::Enum(_) => 14,
        Kind::Sfixed64 => 16,
        Kind::Sint32 => 17,
    }
}

fn compare(message: &'static Message, full_name: &str, all: &Declarations, seen: &mut Vec<String>) {
    assert!(
        full_name.ends_with(&format!(".{}", message.name)),
        "{full_name} is not {}",
        message.name
    );
    if seen.iter().any(|name| name == full_name) {
        return;
    }
    seen.push(full_name.to_string());
    let declared = &all.messages[full_name];
    assert_eq!(declared.len(), message.fields.len(), "{full_name}");
    assert!(message.fields.len() < 32, "{full_name}");
    for (declared, spec) in declared.iter().zip(message.fields) {
        let place = format!("{full_name}.{}", declared.json);
        assert_eq!(declared.number, spec.number, "{place}");
        assert_eq!(declared.json, spec.json, "{place}");
        assert_eq!(declared.kind, type_number(spec.kind), "{place}");
        let label = match (declared.repeated, declared.in_oneof, declared.optional) {
            (true, _, _) => Label::Repeated,
            (_, true, _) => Label::Oneof,
            (_, _, true) => Label::Optional,
            _ => Label::Single,
        };
        assert_eq!(label, spec.label, "{place}");
        match spec.kind {
            Kind::Message(inner) => compare(inner, &declared.type_name, all, seen),
            Kind::Enum(inner) => compare_enum(inner, &all.enums[&declared.type_name]),
            _ => {}
        }
    }
}

fn compare_enum(spec: &Enum, declared: &[(String, u64)]) {
    let ours: Vec<_> = spec
        .values
        .iter()
        .map(|name| format!("{}{name}", spec.prefix))
        .zip(0..)
        .collect();
    assert_eq!(ours, declared);
}

#[test]
fn the_table_agrees_with_the_compiled_declarations() {
    let all = declarations();
    let mut seen = Vec::new();
    for (signal, word) in [
        (Signal::Traces, "trace"),
        (Signal::Metrics, "metrics"),
        (Signal::Logs, "logs"),
    ] {
        let package = format!(".opentelemetry.proto.collector.{word}.v1");
        for message in [request(signal), response(signal)] {
            compare(message, &format!("{package}.{}", message.name), &all, &mut seen);
        }
    }
    assert_eq!(seen.len(), 40, "messages compared: {seen:?}");
}

#[test]
fn ids_are_the_bytes_fields_named_so() {
    let mut ids = Vec::new();
    for message in [
        &common::ANY_VALUE,
        request(Signal::Traces),
        request(Signal::Metrics),
        request(Signal::Logs),
    ] {
        collect_ids(message, &mut Vec::new(), &mut ids);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        ids,
        [
            ("Exemplar", "spanId", 8),
            ("Exemplar", "traceId", 16),
            ("LogRecord", "spanId", 8),
            ("LogRecord", "traceId", 16),
            ("Span", "parentSpanId", 8),
            ("Span", "spanId", 8),
            ("Span", "traceId", 16),
            ("Span.Link", "spanId", 8),
            ("Span.Link", "traceId", 16),
        ]
    );
}

fn collect_ids(
    message: &'static Message,
    seen: &mut Vec<&'static str>,
    ids: &mut Vec<(&'static str, &'static str, usize)>,
) {
    if seen.contains(&message.name) {
        return;
    }
    seen.push(message.name);
    for field in message.fields {
        match field.kind {
            Kind::Id(length) => ids.push((message.name, field.json, length)),
            Kind::Message(inner) => collect_ids(inner, seen, ids),
            _ => {}
        }
    }
}

#[test]
fn a_hint_changes_the_order_and_not_the_answer() {
    let message = request(Signal::Traces);
    assert_eq!(
        message.by_json("resourceSpans", 7).map(|(index, _)| index),
        Some(0)
    );
    for hint in 0..20 {
        let (index, field) = common::ANY_VALUE.by_number(4, hint).unwrap();
        assert_eq!((index, field.json), (3, "doubleValue"));
        assert!(common::ANY_VALUE.by_json("double_value", hint).is_none());
    }
}
