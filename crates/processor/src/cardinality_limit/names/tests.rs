//! What becomes of names and values.

use super::{ItemLimits, LogsConfig, OVERFLOW, Rule, Settings, SpansConfig, Target};
use crate::testing::{Decoded, KEYS, attribute, cut, each_item, pass, request, text};
use bytes::Bytes;
use forebay_cardinality::template;
use forebay_core::component::{Outputs, Processor};
use forebay_core::{Batch, Signal};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Limits at a time, as a processor.
struct At<'l>(&'l ItemLimits, u32);

impl Processor for At<'_> {
    fn process(&self, batch: Batch, out: &mut Outputs) {
        self.0.process(batch, self.1, out);
    }
}

fn names(limit: u32) -> Rule {
    Rule {
        target: Target::Name,
        limit,
        template: false,
        original: None,
    }
}

fn values(key: &str, limit: u32) -> Rule {
    Rule {
        target: Target::Attribute(key.into()),
        ..names(limit)
    }
}

fn settings(signal: Signal, rules: Vec<Rule>) -> Settings {
    Settings {
        signal,
        rules,
        max_services: 160,
        idle_seconds: 600,
        max_literals: 100,
        memory: 16 << 20,
    }
}

fn limits(signal: Signal, rules: Vec<Rule>) -> ItemLimits {
    ItemLimits::new(settings(signal, rules))
}

fn resource(service: &str) -> Option<Resource> {
    Some(Resource {
        attributes: vec![attribute("service.name", Value::StringValue(service.to_owned()))],
        ..Resource::default()
    })
}

fn span(name: &str, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![1; 8],
        name: name.to_owned(),
        start_time_unix_nano: 5,
        attributes,
        ..Span::default()
    }
}

fn traces(service: &str, spans: Vec<Span>) -> Decoded {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        resource: resource(service),
        scope_spans,
        ..ResourceSpans::default()
    }];
    Decoded::Traces(ExportTraceServiceRequest { resource_spans })
}

fn logs(service: &str, records: Vec<Vec<KeyValue>>) -> Decoded {
    let record = |attributes| LogRecord {
        attributes,
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: records.into_iter().map(record).collect(),
        ..ScopeLogs::default()
    }];
    let resource_logs = vec![ResourceLogs {
        resource: resource(service),
        scope_logs,
        ..ResourceLogs::default()
    }];
    Decoded::Logs(ExportLogsServiceRequest { resource_logs })
}

/// What leaves of a request.
fn through(limits: &ItemLimits, now: u32, request: &Decoded) -> Decoded {
    let signal = request.signal();
    let outcome = pass(&At(limits, now), Arc::default(), signal, &[request.encode()]);
    let (payload, _) = outcome.emitted.expect("items are never dropped");
    Decoded::decode(signal, &payload.contiguous())
}

/// The names with which spans of these names leave.
fn named(limits: &ItemLimits, now: u32, service: &str, names: &[&str]) -> Vec<String> {
    let spans = names.iter().map(|name| span(name, Vec::new())).collect();
    let mut left = through(limits, now, &traces(service, spans));
    let mut names = Vec::new();
    each_item(&mut left, |view, _| names.push(view.name));
    names
}

/// The attributes with which items leave.
fn attributes_of(mut request: Decoded) -> Vec<Vec<KeyValue>> {
    let mut all = Vec::new();
    each_item(&mut request, |_, attributes| all.push(attributes.clone()));
    all
}

#[test]
fn names_beyond_the_limit_overflow_and_the_first_ones_stay() {
    let limits = limits(Signal::Traces, vec![names(2)]);
    assert_eq!(
        named(&limits, 0, "a", &["x", "y", "z", "x", "w"]),
        ["x", "y", OVERFLOW, "x", OVERFLOW]
    );
    assert_eq!(
        named(&limits, 1, "a", &["w", "y", OVERFLOW]),
        [OVERFLOW, "y", OVERFLOW]
    );
    let reading = limits.reading();
    assert_eq!((reading.values, reading.overflowed, reading.templated), (2, 3, 0));
}

#[test]
fn services_do_not_influence_each_other() {
    let limits = limits(
        Signal::Traces,
        vec![Rule {
            template: true,
            ..names(3)
        }],
    );
    for number in 0..10_000 {
        named(&limits, 0, "flooded", &[&format!("GET /{}", word(number))]);
    }
    for service in ["b", "c", "d"] {
        assert_eq!(named(&limits, 0, service, &["x", "y", "z"]), ["x", "y", "z"]);
    }
}

#[test]
fn namespaces_tell_services_apart() {
    let limits = limits(Signal::Traces, vec![names(1)]);
    let with_namespace = |namespace: &str, name: &str| {
        let Decoded::Traces(mut request) = traces("a", vec![span(name, Vec::new())]) else {
            unreachable!()
        };
        let namespace = attribute("service.namespace", Value::StringValue(namespace.to_owned()));
        request.resource_spans[0]
            .resource
            .as_mut()
            .unwrap()
            .attributes
            .push(namespace);
        let mut left = through(&limits, 0, &Decoded::Traces(request));
        let mut found = String::new();
        each_item(&mut left, |view, _| found = view.name);
        found
    };
    assert_eq!(with_namespace("n", "x"), "x");
    assert_eq!(with_namespace("m", "y"), "y");
    assert_eq!(with_namespace("n", "y"), OVERFLOW);
    let services: HashSet<String> = limits.report(10).into_iter().map(|value| value.service).collect();
    assert_eq!(services, HashSet::from(["n/a".to_owned(), "m/a".to_owned()]));
}

#[test]
fn what_is_templated_takes_one_place() {
    let rule = Rule {
        template: true,
        original: Some("span.name.original".into()),
        ..names(2)
    };
    let limits = limits(Signal::Traces, vec![rule]);
    for number in 0..100 {
        let name = format!("GET /orders/{number}");
        let left = through(&limits, 0, &traces("a", vec![span(&name, Vec::new())]));
        let kept = attribute("span.name.original", Value::StringValue(name));
        assert_eq!(left, traces("a", vec![span("GET /orders/{id}", vec![kept])]));
    }
    assert_eq!(
        named(&limits, 0, "a", &["ready", "steady", "ready"]),
        ["ready", OVERFLOW, "ready"]
    );
    let reading = limits.reading();
    assert_eq!(
        (reading.values, reading.overflowed, reading.templated),
        (2, 1, 100)
    );
}

#[test]
fn words_that_are_too_many_are_learned() {
    let limits = limits(
        Signal::Traces,
        vec![Rule {
            template: true,
            ..names(1000)
        }],
    );
    for number in 0..5000 {
        named(&limits, 0, "a", &[&format!("GET /users/{}/cart", word(number))]);
    }
    let found = named(
        &limits,
        0,
        "a",
        &[
            "GET /users/somebody/cart",
            &format!("GET /users/{}/cart", word(0)),
        ],
    );
    assert_eq!(
        found,
        [
            "GET /users/{var}/cart".to_owned(),
            format!("GET /users/{}/cart", word(0))
        ]
    );
    assert_eq!((limits.reading().values, limits.reading().overflowed), (101, 0));
}

#[test]
fn values_of_attributes_by_their_type() {
    let rule = Rule {
        original: Some("user.original".into()),
        ..values("user", 2)
    };
    let limits = limits(Signal::Logs, vec![rule]);
    let user = |value| vec![attribute("other", Value::IntValue(1)), attribute("user", value)];
    let (int, string) = (Value::IntValue(17), Value::StringValue("17".to_owned()));
    let sent = vec![
        user(int.clone()),
        user(string.clone()),
        user(Value::BoolValue(true)),
        user(int.clone()),
    ];
    let mut over = user(Value::StringValue(OVERFLOW.to_owned()));
    over.push(attribute("user.original", Value::BoolValue(true)));
    let left = through(&limits, 0, &logs("a", sent));
    assert_eq!(
        attributes_of(left),
        [user(int.clone()), user(string), over, user(int)]
    );
}

#[test]
fn an_original_that_is_there_stays() {
    let rule = Rule {
        template: true,
        original: Some("name.before".into()),
        ..names(10)
    };
    let limits = limits(Signal::Traces, vec![rule]);
    let kept = vec![attribute(
        "name.before",
        Value::StringValue("GET /a/b/c".to_owned()),
    )];
    let left = through(&limits, 0, &traces("a", vec![span("GET /1", kept.clone())]));
    assert_eq!(left, traces("a", vec![span("GET /{id}", kept)]));
}

#[test]
fn several_rules_for_one_item() {
    let templated = Rule {
        template: true,
        original: Some("path.before".into()),
        ..values("path", 5)
    };
    let limits = limits(Signal::Traces, vec![names(1), templated, values("id", 1)]);
    let own = |path: &str, id: i64| {
        let text = Value::StringValue(path.to_owned());
        vec![
            attribute("id", Value::IntValue(id)),
            attribute("path", text),
            attribute("z", Value::IntValue(0)),
        ]
    };
    let left = through(
        &limits,
        0,
        &traces("a", vec![span("x", own("/1", 1)), span("y", own("/2", 2))]),
    );
    let original = |path: &str| attribute("path.before", Value::StringValue(path.to_owned()));
    let mut first = own("/{id}", 1);
    first.push(original("/1"));
    let mut second = own("/{id}", 2);
    second[0] = attribute("id", Value::StringValue(OVERFLOW.to_owned()));
    second.push(original("/2"));
    assert_eq!(left, traces("a", vec![span("x", first), span(OVERFLOW, second)]));
}

#[test]
fn what_does_not_change_keeps_its_bytes() {
    let limits = limits(
        Signal::Traces,
        vec![
            Rule {
                template: true,
                ..names(10)
            },
            values("a", 10),
        ],
    );
    let own = || vec![attribute("a", Value::IntValue(1))];
    let bytes = traces("a", vec![span("GET /users", own()), span("GET /carts", own())]).encode();
    let outcome = pass(
        &At(&limits, 0),
        Arc::default(),
        Signal::Traces,
        std::slice::from_ref(&bytes),
    );
    let (payload, items) = outcome.emitted.unwrap();
    assert_eq!(items, 2);
    assert_eq!(payload.contiguous().as_ptr(), bytes.as_ptr());
}

#[test]
fn idle_values_give_their_places_away() {
    let limits = limits(Signal::Traces, vec![names(1)]);
    assert_eq!(named(&limits, 0, "a", &["x", "y"]), ["x", OVERFLOW]);
    assert_eq!(named(&limits, 500, "a", &["x", "y"]), ["x", OVERFLOW]);
    assert_eq!(named(&limits, 1200, "a", &["y", "x"]), ["y", OVERFLOW]);
}

#[test]
fn services_beyond_the_bound_share_their_places_until_others_are_idle() {
    let mut settings = settings(Signal::Traces, vec![names(1)]);
    settings.max_services = 16;
    let limits = ItemLimits::new(settings);
    let service = |number: u32| format!("service-{number}");
    let mut overflowed = 0;
    for number in 0..1000 {
        let name = word(number);
        overflowed += usize::from(named(&limits, 0, &service(number), &[&name]) != [name]);
    }
    // Sixteen parts with a service of their own and a shared place each.
    assert_eq!(overflowed, 1000 - 32);
    assert_eq!(limits.reading().values, 32);
    // When all are idle, another one has a place of its own again.
    assert_eq!(named(&limits, 2000, "another", &["x", "y"]), ["x", OVERFLOW]);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let rules = vec![
        Rule {
            template: true,
            ..names(100_000)
        },
        values("user", 100_000),
    ];
    let mut settings = settings(Signal::Traces, rules);
    settings.memory = 1 << 20;
    let limits = ItemLimits::new(settings);
    let bound = limits.bound();
    assert_eq!(bound, 1 << 20);
    for batch in 0..150_u32 {
        let spans = (0..1000).map(|number| {
            let number = batch * 1000 + number;
            let user = attribute("user", Value::IntValue(number.into()));
            span(&format!("GET /{}/{}", word(number), word(number / 3)), vec![user])
        });
        let bytes = traces(&format!("s{}", batch % 7), spans.collect()).encode();
        pass(&At(&limits, batch / 10), Arc::default(), Signal::Traces, &[bytes]);
        assert!(limits.reading().memory <= bound, "{:?}", limits.reading());
    }
    let reading = limits.reading();
    assert!(
        reading.values > 5_000 && reading.overflowed > 100_000,
        "{reading:?}"
    );
}

#[test]
fn limits_that_take_the_place_of_others_know_what_those_have_learned() {
    let before = limits(Signal::Traces, vec![names(2)]);
    assert_eq!(named(&before, 0, "a", &["x", "y", "z"]), ["x", "y", OVERFLOW]);
    let after = ItemLimits::after(Some(&before), settings(Signal::Traces, vec![names(3)]));
    assert_eq!(named(&after, 1, "a", &["w", "y", "z"]), ["w", "y", OVERFLOW]);
    // The old ones see what the new ones have taken in.
    assert_eq!(named(&before, 1, "a", &["w", "z"]), ["w", OVERFLOW]);
    let fewer = ItemLimits::after(Some(&after), settings(Signal::Traces, vec![names(1)]));
    assert_eq!(
        named(&fewer, 2, "a", &["x", "y", "w", "z"]),
        ["x", "y", "w", OVERFLOW]
    );
    assert_eq!(fewer.reading().overflowed, 4);
    let others = ItemLimits::after(Some(&fewer), settings(Signal::Traces, vec![values("user", 1)]));
    assert_eq!(others.reading().values, 0);
}

#[test]
fn the_report_names_what_overflows_most() {
    let limits = limits(Signal::Logs, vec![values("user", 2), values("path", 5)]);
    let record = |user: u32| {
        let path = attribute("path", Value::IntValue((user % 7).into()));
        vec![attribute("user", Value::IntValue(user.into())), path]
    };
    through(&limits, 0, &logs("shop", (0..20).map(record).collect()));
    through(&limits, 0, &logs("quiet", vec![record(1)]));
    let report = limits.report(2);
    let shown: Vec<_> = report
        .iter()
        .map(|value| {
            (
                &*value.service,
                &*value.key,
                value.live,
                value.limit,
                value.overflowed,
            )
        })
        .collect();
    assert_eq!(shown, [("shop", "user", 2, 2, 18), ("shop", "path", 5, 5, 5)]);
    assert!(report.iter().all(|value| value.signal == "logs"));
}

#[test]
fn bytes_that_are_no_text_are_values_as_well() {
    let rules = vec![Rule {
        template: true,
        original: Some("before".into()),
        ..names(1)
    }];
    let limits = limits(Signal::Traces, rules);
    let bytes = traces("a", vec![span("good", Vec::new()), span("@@@@", Vec::new())]).encode();
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(4).position(|window| window == b"@@@@").unwrap();
    bytes[at..at + 4].fill(0xff);
    let outcome = pass(
        &At(&limits, 0),
        Arc::default(),
        Signal::Traces,
        &[Bytes::from(bytes)],
    );
    let left = outcome.emitted.unwrap().0.contiguous();
    let kept = attribute("before", Value::BytesValue(vec![0xff; 4]));
    let wanted = traces("a", vec![span("good", Vec::new()), span(OVERFLOW, vec![kept])]);
    assert_eq!(Decoded::decode(Signal::Traces, &left), wanted);
}

/// A word without digits.
fn word(number: u32) -> String {
    let letter = |digit: u32| char::from(b'a' + (digit % 26) as u8);
    [
        number,
        number / 26,
        number / 676,
        number / 17_576,
        number / 456_976,
    ]
    .map(letter)
    .iter()
    .collect()
}

/// The same over decoded messages. It learns nothing: the fixed rules alone.
#[derive(Default)]
struct Model {
    places: HashMap<(Vec<u8>, usize), HashSet<Vec<u8>>>,
}

impl Model {
    /// What becomes of a value, and the original if it was changed.
    fn judge(
        &mut self,
        service: &[u8],
        (number, rule): (usize, &Rule),
        value: &AnyValue,
    ) -> Option<AnyValue> {
        let mut becomes = value.clone();
        if let Some(Value::StringValue(own)) = &value.value {
            let mut out = String::new();
            if own == OVERFLOW {
                return None;
            }
            if rule.template && template::fixed(own, &mut out) {
                becomes = text(&out).unwrap();
            }
        }
        let limit = rule.limit as usize;
        let places = self.places.entry((service.to_vec(), number)).or_default();
        let encoded = becomes.encode_to_vec();
        if !places.contains(&encoded) && places.len() >= limit {
            return text(OVERFLOW);
        }
        places.insert(encoded);
        (becomes != *value).then_some(becomes)
    }

    fn item(
        &mut self,
        service: &[u8],
        rules: &[Rule],
        name: Option<&mut String>,
        attributes: &mut Vec<KeyValue>,
    ) {
        let mut kept = Vec::new();
        let mut keep = |rule: &Rule, value: &AnyValue, attributes: &[KeyValue]| {
            if let Some(key) = &rule.original
                && !attributes.iter().any(|attribute| *attribute.key == **key)
            {
                kept.push(KeyValue {
                    key: key.to_string(),
                    value: Some(value.clone()),
                    ..KeyValue::default()
                });
            }
        };
        let before = attributes.clone();
        for attribute in attributes.iter_mut() {
            let rule = rules
                .iter()
                .enumerate()
                .find(|(_, rule)| rule.target == Target::Attribute((*attribute.key).into()));
            let value = attribute.value.clone().unwrap_or_default();
            if let Some((number, rule)) = rule
                && let Some(becomes) = self.judge(service, (number, rule), &value)
            {
                keep(rule, &value, &before);
                attribute.value = Some(becomes);
            }
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let value = text(name).unwrap();
            if let Some(becomes) = self.judge(service, (0, &rules[0]), &value) {
                keep(&rules[0], &value, &before);
                let Some(Value::StringValue(becomes)) = becomes.value else {
                    unreachable!()
                };
                *name = becomes;
            }
        }
        attributes.extend(kept);
    }

    fn request(&mut self, rules: &[Rule], request: &mut Decoded) {
        let of = |resource: &Option<Resource>| -> Vec<u8> {
            let keys = ["service.namespace", "service.name"];
            let all = resource.clone().unwrap_or_default().attributes;
            let of = |key: &str| {
                all.iter()
                    .find(|attribute| attribute.key == key)
                    .map(Message::encode_to_vec)
            };
            keys.into_iter().filter_map(of).flatten().collect()
        };
        match request {
            Decoded::Traces(request) => {
                for resource in &mut request.resource_spans {
                    let service = of(&resource.resource);
                    for span in resource.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
                        self.item(&service, rules, Some(&mut span.name), &mut span.attributes);
                    }
                }
            }
            Decoded::Logs(request) => {
                for resource in &mut request.resource_logs {
                    let service = of(&resource.resource);
                    for record in resource
                        .scope_logs
                        .iter_mut()
                        .flat_map(|scope| &mut scope.log_records)
                    {
                        self.item(&service, rules, None, &mut record.attributes);
                    }
                }
            }
            Decoded::Metrics(_) => {}
        }
    }
}

fn random_rules() -> impl Strategy<Value = Vec<Rule>> {
    let one = |target: Target| {
        let original = prop_oneof![Just(None), Just(Some("c".into())), Just(Some("kept".into()))];
        (1..5_u32, any::<bool>(), original).prop_map(move |(limit, template, original)| Rule {
            target: target.clone(),
            limit,
            template,
            original,
        })
    };
    let attribute = |key: &str| one(Target::Attribute(key.into()));
    (
        one(Target::Name),
        attribute("a"),
        attribute("http.method"),
        attribute(KEYS[6]),
    )
        .prop_map(|(name, a, b, c)| vec![name, a, b, c])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Two requests through the same limits: each item, byte for byte, is what the model makes of it.
    #[test]
    fn property_nothing_changes_but_what_has_to(
        rules in random_rules(),
        requests in prop::collection::vec(request(), 1..3),
        places in (any::<usize>(), any::<usize>()),
    ) {
        let of = |signal| {
            let mut settings = settings(signal, rules.clone());
            settings.max_literals = 0;
            (ItemLimits::new(settings), Model::default())
        };
        let mut states = [of(Signal::Traces), of(Signal::Logs)];
        for request in requests {
            let (limits, model) = match request.signal() {
                Signal::Traces => &mut states[0],
                Signal::Logs => &mut states[1],
                Signal::Metrics => continue,
            };
            let outcome = pass(&At(limits, 0), Arc::default(), request.signal(), &cut(&request.encode(), places));
            let left = Decoded::decode(request.signal(), &outcome.emitted.unwrap().0.contiguous());
            let mut wanted = request;
            model.request(&rules, &mut wanted);
            prop_assert_eq!(left, wanted);
        }
    }
}

#[test]
fn a_config_comes_to_rules() {
    let config: SpansConfig = toml::from_str(
        "names = { limit = 7, template = true, original = \"name.before\" }\nattributes = [{ key = \"user\", limit = 9 }]",
    )
    .unwrap();
    let settings = Settings::of_spans(&config, 8 << 20, 60);
    let rules: Vec<_> = settings
        .rules
        .iter()
        .map(|rule| (&rule.target, rule.limit, rule.template, rule.original.as_deref()))
        .collect();
    let user = Target::Attribute("user".into());
    assert_eq!(
        rules,
        [
            (&Target::Name, 7, true, Some("name.before")),
            (&user, 9, false, None)
        ]
    );
    assert_eq!(
        (settings.signal, settings.idle_seconds, settings.memory),
        (Signal::Traces, 60, 8 << 20)
    );

    let config: LogsConfig = toml::from_str("attributes = [{ key = \"path\", template = true }]").unwrap();
    let settings = Settings::of_records(&config, 8 << 20, 60);
    assert_eq!(settings.signal, Signal::Logs);
    assert_eq!(
        (&settings.rules[0].target, settings.rules[0].template),
        (&Target::Attribute("path".into()), true)
    );
}

#[test]
fn little_memory_is_enough_for_little() {
    for memory in [0, 100 << 10, 512 << 10, 1 << 20, 5 << 20, 100 << 20] {
        let settings = Settings::new(
            Signal::Traces,
            vec![Rule {
                template: true,
                ..names(1000)
            }],
            memory,
            600,
        );
        let limits = ItemLimits::new(settings);
        let bound = limits.bound();
        assert!(bound == memory || memory < 200 << 10, "{memory}: {bound}");
        for number in 0..2000 {
            named(
                &limits,
                0,
                &format!("s{number}"),
                &[&format!("GET /{}/x", word(number))],
            );
        }
        assert!(
            limits.reading().memory <= bound,
            "{memory}: {bound}, {:?}",
            limits.reading()
        );
    }
}
