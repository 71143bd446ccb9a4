//! Rules, actions, and values of all kinds.

use super::*;
use forebay_core::Reason;

const CARDS: &str =
    r#"rules = [{ name = "cards", patterns = ["credit_card"], action = "mask", keep_last = 4 }]"#;
const MAILS: &str = r#"rules = [{ name = "mail", patterns = ["email"], action = "drop" }]"#;

fn keys(action: &str) -> String {
    format!(r#"rules = [{{ name = "k", keys = ["k"], {action} }}]"#)
}

#[test]
fn what_is_found_in_a_text_is_masked_and_the_rest_stays() {
    let text = format!("paid with {CARD}, thanks");
    let left = value_left(CARDS, string(&text));
    assert_eq!(left, Some(string("paid with ****1111, thanks")));
    assert_eq!(value_left(CARDS, string("paid")), Some(string("paid")));
}

#[test]
fn values_of_every_kind_are_looked_at() {
    let number: i64 = CARD.parse().unwrap();
    let masked = Some(string("****1111"));
    assert_eq!(value_left(CARDS, Value::IntValue(number)), masked);
    assert_eq!(value_left(CARDS, Value::DoubleValue(number as f64)), masked);
    let bytes = |text: &str| Value::BytesValue([&b"\xff "[..], text.as_bytes(), b" \xfe"].concat());
    assert_eq!(value_left(CARDS, bytes(CARD)), Some(bytes("****1111")));
    for other in [
        Value::BoolValue(true),
        Value::IntValue(-5),
        Value::DoubleValue(1e300),
    ] {
        assert_eq!(value_left(CARDS, other.clone()), Some(other));
    }
    let nested = list(vec![
        string(CARD),
        map(vec![("x", list(vec![Value::IntValue(number), string("y")]))]),
    ]);
    let expected = list(vec![
        string("****1111"),
        map(vec![("x", list(vec![string("****1111"), string("y")]))]),
    ]);
    assert_eq!(value_left(CARDS, nested), Some(expected));
}

#[test]
fn numbers_and_bytes_pass_where_texts_alone_are_looked_at() {
    let config = format!("redact_all_types = false\n{CARDS}");
    let number = Value::IntValue(CARD.parse().unwrap());
    assert_eq!(value_left(&config, number.clone()), Some(number));
    let bytes = Value::BytesValue(CARD.as_bytes().to_vec());
    assert_eq!(value_left(&config, bytes.clone()), Some(bytes));
    assert_eq!(value_left(&config, string(CARD)), Some(string("****1111")));
}

#[test]
fn what_drops_removes_the_innermost_entry_and_counts_attributes() {
    let kept = attribute("a", map(vec![("b", list(vec![string("x")])), ("d", string("y"))]));
    let inner = map(vec![
        ("b", list(vec![string(MAIL), string("x")])),
        ("c", string(MAIL)),
        ("d", string("y")),
    ]);
    let record = LogRecord {
        attributes: vec![attribute("a", inner), attribute("m", string(MAIL))],
        dropped_attributes_count: 3,
        ..LogRecord::default()
    };
    let left = records_left(MAILS, vec![record]).remove(0);
    assert_eq!(left.attributes, [kept]);
    assert_eq!(left.dropped_attributes_count, 4);
}

#[test]
fn values_of_keys_are_hidden_as_a_whole() {
    let mask = keys(r#"action = "mask""#);
    let last = keys(r#"action = "mask", keep_last = 2"#);
    for (config, value, becomes) in [
        (&mask, string("x"), "****"),
        (&mask, Value::BoolValue(true), "****"),
        (&mask, list(vec![string("x")]), "****"),
        (&last, string("ab\u{e9}d"), "****\u{e9}d"),
        (&last, Value::IntValue(12345), "****45"),
        (&last, Value::BytesValue(vec![1, 2, 3, 4, 5]), "****"),
    ] {
        assert_eq!(value_left(config, value), Some(string(becomes)));
    }
    assert_eq!(value_left(&keys(r#"action = "drop""#), string("x")), None);
    let cut = keys(r#"action = "truncate", length = 3"#);
    assert_eq!(value_left(&cut, string("ab\u{e9}d")), Some(string("ab\u{e9}")));
    assert_eq!(
        value_left(&cut, list(vec![string("abcd"), string("abc")])),
        Some(list(vec![string("abc"), string("abc")]))
    );
    assert_eq!(
        value_left(&cut, Value::IntValue(12345)),
        Some(Value::IntValue(12345))
    );
}

#[test]
fn values_of_keys_are_hidden_at_any_depth() {
    let config = r#"rules = [{ name = "k", keys = ["glob:*word"], action = "mask" }]"#;
    let value = map(vec![(
        "a",
        list(vec![map(vec![("password", string("x")), ("b", string("y"))])]),
    )]);
    let expected = map(vec![(
        "a",
        list(vec![map(vec![("password", string("****")), ("b", string("y"))])]),
    )]);
    assert_eq!(value_left(config, value), Some(expected));
}

#[test]
fn hashes_are_the_same_for_the_same_key_and_value() {
    let config = |key: &str| {
        format!(
            r#"hash_key = "{key}"
rules = [{{ name = "a", patterns = ["email"], action = "hash" }}, {{ name = "b", keys = ["user"], action = "hash", hash_digits = 64 }}]"#
        )
    };
    let hash = |key: &str, name: &str, value: Value| {
        let left = attributes_left(&config(key), vec![attribute(name, value)]);
        match left.into_iter().next().and_then(|left| left.value?.value) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let (one, other) = ("0123456789abcdef", "0123456789abcdeF");
    let text = hash(one, "k", string(&format!("from {MAIL}")));
    assert_eq!(text, hash(one, "other", string(&format!("from {MAIL}"))));
    assert_ne!(text, hash(other, "k", string(&format!("from {MAIL}"))));
    assert_eq!(text.len(), "from ".len() + 16);
    // HMAC-SHA-256 of what was found: both rules hash the same bytes.
    let whole = hash(one, "user", string(MAIL));
    assert_eq!(whole.len(), 64);
    assert_eq!(text.strip_prefix("from "), whole.get(..16));
    assert_eq!(
        hash(one, "user", Value::IntValue(17)),
        hash(one, "user", string("17"))
    );
    assert_ne!(
        hash(one, "user", list(vec![string("a")])),
        hash(one, "user", list(vec![string("b")]))
    );
}

#[test]
fn without_a_key_hashes_are_those_of_one_process() {
    let config = r#"rules = [{ name = "a", keys = ["k"], action = "hash" }]"#;
    let [one, other] = [(); 2].map(|()| value_left(config, string("x")));
    assert_ne!(one, other, "two processors are as two processes");
}

#[test]
fn a_text_is_cut_off_where_something_is_found() {
    let config = r#"rules = [{ name = "mail", patterns = ["email"], action = "truncate" }]"#;
    let text = format!("abc {MAIL} def");
    assert_eq!(value_left(config, string(&text)), Some(string("abc ")));
}

#[test]
fn values_that_are_allowed_stay_and_the_others_beside_them_do_not() {
    let config = r#"allowed_findings = ['help@corp\.example']
rules = [{ name = "mail", patterns = ["email"], action = "mask" }]"#;
    let text = format!("help@corp.example, {MAIL}, xhelp@corp.example");
    assert_eq!(
        value_left(config, string(&text)),
        Some(string("help@corp.example, ****, ****"))
    );
}

#[test]
fn keys_that_are_not_allowed_are_removed_and_what_is_inside_of_allowed_ones_is_not() {
    let config = r#"allowed_keys = ["a", "glob:http.*"]
ignored_keys = ["trusted"]"#;
    let inner = map(vec![("x", string("y"))]);
    let attributes = vec![
        attribute("a", inner.clone()),
        attribute("b", string("1")),
        attribute("http.method", string("GET")),
        attribute("trusted", string("1")),
        attribute("", string("1")),
    ];
    let kept: Vec<KeyValue> = [0, 2, 3].iter().map(|index| attributes[*index].clone()).collect();
    let body = list(vec![map(vec![("a", inner.clone()), ("x", string("y"))])]);
    let record = LogRecord {
        attributes,
        body: Some(value(body)),
        ..LogRecord::default()
    };
    let left = records_left(config, vec![record]).remove(0);
    assert_eq!(left.attributes, kept);
    assert_eq!(left.dropped_attributes_count, 2);
    assert_eq!(left.body, Some(value(list(vec![map(vec![("a", inner)])]))));
}

#[test]
fn no_rule_looks_at_ignored_keys() {
    let config = format!("ignored_keys = [\"regex:^trusted\"]\n{CARDS}");
    let attributes = vec![
        attribute("trusted.card", map(vec![("card", string(CARD))])),
        attribute(&format!("trusted.{CARD}"), string(CARD)),
    ];
    assert_eq!(attributes_left(&config, attributes.clone()), attributes);
}

#[test]
fn a_key_that_tells_something_goes_with_its_value() {
    let attributes = vec![
        attribute(&format!("visits.{CARD}"), Value::IntValue(1)),
        attribute("m", map(vec![(CARD, string("x")), ("y", string("z"))])),
    ];
    let left = attributes_left(CARDS, attributes);
    assert_eq!(left, [attribute("m", map(vec![("y", string("z"))]))]);
}

#[test]
fn an_item_is_dropped_where_told_and_booked() {
    let config = r#"rules = [{ name = "keys", patterns = ["credit_card"], action = "drop_item" }]"#;
    let record = |text: &str| LogRecord {
        body: Some(value(string(text))),
        ..LogRecord::default()
    };
    let outcome = run(
        config,
        Signal::Logs,
        &logs(vec![record("a"), record(CARD), record("b")]),
    );
    assert_eq!(outcome.balance.dropped[Reason::Redacted as usize], 1);
    assert_eq!(outcome.balance.delivered, 2);
    assert!(outcome.verdict.failure.is_none());
    let request: ExportLogsServiceRequest = left(&outcome);
    assert_eq!(request, logs(vec![record("a"), record("b")]));
    let outcome = run(config, Signal::Logs, &logs(vec![record(CARD)]));
    assert!(outcome.emitted.is_none());
    assert_eq!(outcome.balance.dropped[Reason::Redacted as usize], 1);
}

#[test]
fn items_go_with_a_resource_that_has_something_to_drop_them() {
    let config = r#"rules = [{ name = "keys", patterns = ["credit_card"], action = "drop_item" }]"#;
    let mut request = logs(vec![LogRecord::default(), LogRecord::default()]);
    request.resource_logs[0].resource = Some(opentelemetry_proto::tonic::resource::v1::Resource {
        attributes: vec![attribute("a", string(CARD))],
        ..Default::default()
    });
    let other = logs(vec![LogRecord {
        severity_text: "INFO".to_owned(),
        ..LogRecord::default()
    }]);
    request.resource_logs.extend(other.resource_logs.clone());
    let outcome = run(config, Signal::Logs, &request);
    assert_eq!(outcome.balance.dropped[Reason::Redacted as usize], 2);
    assert_eq!(left::<ExportLogsServiceRequest>(&outcome), other);
    // A resource without items cannot lose them: what was found is removed.
    request.resource_logs.truncate(1);
    request.resource_logs[0].scope_logs[0].log_records.clear();
    request.resource_logs.extend(other.resource_logs.clone());
    let outcome = run(config, Signal::Logs, &request);
    let (payload, _) = outcome.emitted.as_ref().unwrap();
    assert!(!contains(&payload.contiguous(), CARD.as_bytes()));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn what_cannot_be_judged_is_dropped_or_passes_as_told() {
    let deep = map(vec![("a", map(vec![("b", map(vec![("c", string("x"))]))]))]);
    let large = string(&"x".repeat(2000));
    for unfit in [deep, large] {
        let record = LogRecord {
            attributes: vec![attribute("k", unfit)],
            ..LogRecord::default()
        };
        let records = vec![record, LogRecord::default()];
        let config = |on_error| format!("max_depth = 2\nmax_value_bytes = \"1KiB\"\n{on_error}\n{CARDS}");
        let left = records_left(&config(""), records.clone());
        assert_eq!(left, records[1..]);
        let left = records_left(&config("on_error = \"pass\""), records.clone());
        assert_eq!(left, records);
    }
}

#[test]
fn texts_that_are_none_are_not_judged() {
    let request = logs(vec![LogRecord {
        body: Some(value(string("0123456789"))),
        ..LogRecord::default()
    }]);
    let mut bytes = request.encode_to_vec();
    let place = bytes.windows(3).position(|window| window == b"345").unwrap();
    bytes[place] = 0xff;
    let bytes = Bytes::from(bytes);
    let outcome = testing::run("redaction", CARDS, Signal::Logs, std::slice::from_ref(&bytes));
    assert!(outcome.emitted.is_none());
    assert_eq!(outcome.balance.dropped[Reason::Redacted as usize], 1);
    let config = format!("on_error = \"pass\"\n{CARDS}");
    let outcome = testing::run("redaction", &config, Signal::Logs, std::slice::from_ref(&bytes));
    assert_eq!(outcome.emitted.unwrap().0.contiguous(), bytes);
}

#[test]
fn a_request_in_which_nothing_is_found_keeps_its_bytes() {
    let request = logs(vec![LogRecord {
        attributes: vec![attribute("k", string("v"))],
        body: Some(value(map(vec![("a", string("b"))]))),
        ..LogRecord::default()
    }]);
    let bytes = Bytes::from(request.encode_to_vec());
    let outcome = testing::run("redaction", CARDS, Signal::Logs, std::slice::from_ref(&bytes));
    let (payload, _) = outcome.emitted.unwrap();
    assert_eq!(
        payload.contiguous().as_ptr(),
        bytes.as_ptr(),
        "they are not even copied"
    );
}

#[test]
fn a_value_that_is_written_twice_is_judged_twice() {
    // Protobuf reads the last of several members of a oneof, and merges a message that is there twice; the bytes of all are there.
    let card = value(string(CARD)).encode_to_vec();
    let number = value(Value::IntValue(CARD.parse().unwrap())).encode_to_vec();
    let harmless = value(Value::BoolValue(true)).encode_to_vec();
    let mut entry = attribute("k", string("x")).encode_to_vec();
    for body in [
        [card.clone(), harmless.clone()].concat(),
        [harmless, number].concat(),
        card,
    ] {
        entry.extend([0x12, body.len() as u8]);
        entry.extend(body);
    }
    let mut record = vec![0x32, entry.len() as u8];
    record.extend(entry);
    let mut request = record;
    for tag in [0x12, 0x12, 0x0a] {
        request.insert(0, request.len() as u8);
        request.insert(0, tag);
    }
    let outcome = testing::run("redaction", CARDS, Signal::Logs, &[Bytes::from(request)]);
    let (payload, _) = outcome.emitted.as_ref().unwrap();
    assert!(!contains(&payload.contiguous(), CARD.as_bytes()));
    let request: ExportLogsServiceRequest = left(&outcome);
    let record = &request.resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!(record.attributes[0].value, Some(value(string("****1111"))));
}
