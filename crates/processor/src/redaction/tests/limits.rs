//! Limits as SDKs have them, and what items say of what was changed in them.

use super::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};

fn several(count: usize) -> Vec<KeyValue> {
    (0..count)
        .map(|index| attribute(&format!("k{index}"), string("abcdef")))
        .collect()
}

#[test]
fn what_is_too_much_is_removed_from_the_end_and_counted() {
    let config = "[limits]
attribute_count_limit = 2
event_count_limit = 1
link_count_limit = 1
event_attribute_count_limit = 1
link_attribute_count_limit = 3
";
    let event = Event {
        attributes: several(3),
        dropped_attributes_count: 5,
        ..Event::default()
    };
    let link = Link {
        attributes: several(3),
        ..Link::default()
    };
    let left = span_left(
        config,
        Span {
            attributes: several(3),
            events: vec![event.clone(), event.clone(), event.clone()],
            links: vec![link.clone(), link.clone()],
            dropped_links_count: u32::MAX,
            ..Span::default()
        },
    );
    assert_eq!((left.attributes, left.dropped_attributes_count), (several(2), 1));
    assert_eq!((left.events.len(), left.dropped_events_count), (1, 2));
    assert_eq!((left.links, left.dropped_links_count), (vec![link], u32::MAX));
    let [event] = &left.events[..] else { panic!() };
    assert_eq!((event.attributes.len(), event.dropped_attributes_count), (1, 7));
}

#[test]
fn what_is_too_long_is_cut_between_characters_after_it_was_redacted() {
    let config = r#"rules = [{ name = "c", patterns = ["credit_card"], action = "mask" }]
[limits]
attribute_value_length_limit = 6
body_length_limit = 8
"#;
    let record = LogRecord {
        attributes: vec![
            attribute("a", string("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}")),
            attribute("b", list(vec![string("1234567"), string("123456")])),
            attribute("c", Value::BytesValue(vec![1; 9])),
            attribute("d", Value::IntValue(123_456_789)),
            attribute("e", string(&format!("no {CARD}"))),
        ],
        body: Some(value(string(&format!("paid {CARD}")))),
        ..LogRecord::default()
    };
    let left = records_left(config, vec![record]).remove(0);
    let expected = [
        attribute("a", string("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}")),
        attribute("b", list(vec![string("123456"), string("123456")])),
        attribute("c", Value::BytesValue(vec![1; 6])),
        attribute("d", Value::IntValue(123_456_789)),
        attribute("e", string("no ***")),
    ];
    assert_eq!(left.attributes, expected);
    assert_eq!(left.body, Some(value(string("paid ***"))));
}

#[test]
fn resources_have_no_limits() {
    let mut request = logs(vec![LogRecord::default()]);
    request.resource_logs[0].resource = Some(Resource {
        attributes: several(5),
        ..Resource::default()
    });
    let config = "[limits]\nattribute_count_limit = 1\nattribute_value_length_limit = 1\n";
    let outcome = run(config, Signal::Logs, &request);
    assert_eq!(left::<ExportLogsServiceRequest>(&outcome), request);
}

#[test]
fn items_say_what_was_changed_in_them_where_told() {
    let config = |summary: &str| {
        format!(
            r#"summary = "{summary}"
rules = [
    {{ name = "c", patterns = ["credit_card"], action = "mask" }},
    {{ name = "p", keys = ["password"], action = "drop" }},
]"#
        )
    };
    let record = LogRecord {
        attributes: vec![
            attribute("a", list(vec![string(CARD), string(CARD)])),
            attribute("b", string("x")),
            attribute("m", map(vec![("inner", string(CARD)), ("password", string("x"))])),
            attribute("password", string("x")),
            attribute(CARD, string("x")),
            attribute("redaction.masked.count", Value::IntValue(7)),
        ],
        body: Some(value(string(CARD))),
        ..LogRecord::default()
    };
    let records = || vec![record.clone(), LogRecord::default()];
    let left = records_left(&config("silent"), records()).remove(0);
    assert_eq!(left.attributes.len(), 4);
    let left = records_left(&config("info"), records());
    let said = &left[0].attributes[3..];
    let (masked, removed) = (Value::IntValue(7 + 3), Value::IntValue(3));
    let counts = [
        attribute("redaction.masked.count", masked),
        attribute("redaction.redacted.count", removed),
    ];
    assert_eq!(said, counts);
    assert_eq!(left[1], LogRecord::default());
    let left = records_left(&config("debug"), records());
    let keys = [
        attribute("redaction.masked.keys", string("a,inner")),
        attribute("redaction.redacted.keys", string("password,password,****")),
    ];
    assert_eq!(left[0].attributes[3..5], counts);
    assert_eq!(left[0].attributes[5..], keys);
}
