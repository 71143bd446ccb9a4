//! Tests of the config.

use super::*;
use forebay_cardinality::rules::{AllowedValue, Rule};
use forebay_core::Section;
use forebay_core::diagnostic::Source;
use forebay_core::settings::Size;
use forebay_otlp::views::{Resource, View};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as Decoded;
use prost::Message;
use std::borrow::Cow;
use std::sync::Arc;

fn read(text: &str) -> Result<CardinalityLimitConfig, Vec<(String, String)>> {
    let source = Arc::new(Source {
        name: "f.toml".to_owned(),
        text: text.to_owned(),
    });
    let read = Section::whole(source).read::<CardinalityLimitConfig>();
    read.map_err(|problems| {
        let told = problems.into_iter().map(|problem| {
            let span = problem.place.unwrap().span;
            (text[span].to_owned(), problem.message)
        });
        told.collect()
    })
}

/// What is wrong with a text of one mistake: what is blamed, and why.
fn wrong(text: &str) -> (String, String) {
    let mut told = read(text).expect_err(text);
    assert_eq!(told.len(), 1, "{text}: {told:?}");
    told.remove(0)
}

/// What `check` says of a text that can be read.
fn problems(text: &str) -> Vec<(Vec<Cow<'static, str>>, String)> {
    let problems = read(text).unwrap().check();
    problems
        .into_iter()
        .map(|problem| {
            assert!(problem.help.is_some(), "{problem:?}");
            (problem.path, problem.message)
        })
        .collect()
}

#[test]
fn what_is_left_out_has_the_defaults_that_are_documented() {
    let config = read("").unwrap();
    assert_eq!(config, CardinalityLimitConfig::default());
    assert!(config.check().is_empty());
    assert_eq!(
        (config.limit.0, config.total_limit.0, config.group_limit),
        (2000, 1_000_000, None)
    );
    assert_eq!(config.idle_timeout.seconds(), 600);
    assert_eq!(config.max_bytes.of(1000), 100);
    assert_eq!((config.exemplars.0, config.examples.0), (4, 3));
    assert_eq!(
        (config.action, config.admission),
        (Action::Fold, Admission::FirstCome)
    );
    assert!(config.rules.is_empty() && config.overrides.is_empty() && config.group_by.is_empty());
    assert!(config.spans.is_none() && config.logs.is_none());
}

/// Every key.
const WHOLE: &str = r#"
    limit = 500
    group_by = ["service.namespace", "service.name"]
    group_limit = 5000
    total_limit = 100000
    max_bytes = "64MiB"
    idle_timeout = "90s"
    admission = "heavy_hitters"
    action = "drop_attribute"
    exemplars = 0
    examples = 0
    rules = [
        { metric = "glob:http.*", drop = ["user.id", "session.id"] },
        { metric = "regex:^db[.]", keep = ["db.system.name", "server.address"] },
        { metric = "other", keep = [] },
        { template = "url.path" },
        { cap = ["client.address", "server.address"], limit = 100 },
        { allow = "env", values = ["prod", "dev", 1, true] },
    ]
    overrides = [
        { metric = "http.server.request.duration", group = { "service.name" = "glob:check*" }, limit = 5000, action = "drop" },
        { group = { "service.name" = ["a", "b"] }, admission = "first_come", idle_timeout = "1h" },
    ]
    [spans]
    names = { limit = 200, template = true, original = "span.name.original" }
    attributes = [{ key = "http.route", limit = 500, template = true, original = "http.route.original" }, { key = "peer" }]
    [logs]
    attributes = [{ key = "user.id", limit = 10 }]
"#;

#[test]
fn a_config_survives_being_written() {
    let config = read(WHOLE).unwrap();
    assert!(config.check().is_empty(), "{:?}", config.check());
    let written = toml::to_string(&config).unwrap();
    assert_eq!(read(&written).unwrap(), config, "{written}");
    let default = toml::to_string(&CardinalityLimitConfig::default()).unwrap();
    assert_eq!(read(&default).unwrap(), CardinalityLimitConfig::default());
}

#[test]
fn every_key_is_read() {
    let config = read(WHOLE).unwrap();
    assert_eq!(config.max_bytes, Budget::Size(Size(64 << 20)));
    assert_eq!(config.idle_timeout.seconds(), 90);
    let rules: Vec<Rule> = config
        .rules
        .all()
        .iter()
        .map(|rule| rule.rule().clone())
        .collect();
    let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        rules,
        [
            Rule::Drop(keys(&["user.id", "session.id"])),
            Rule::Keep(keys(&["db.system.name", "server.address"])),
            Rule::Keep(Vec::new()),
            Rule::Template(keys(&["url.path"])),
            Rule::Cap {
                keys: keys(&["client.address", "server.address"]),
                limit: 100
            },
            Rule::Allow {
                keys: keys(&["env"]),
                values: vec![
                    AllowedValue::Text("prod".into()),
                    AllowedValue::Text("dev".into()),
                    AllowedValue::Int(1),
                    AllowedValue::Bool(true),
                ],
            },
        ]
    );
    let spans = config.spans.unwrap();
    let names = spans.names.unwrap();
    assert_eq!((names.limit.0, names.template), (200, true));
    assert_eq!(names.original.unwrap().as_str(), "span.name.original");
    let [route, peer] = spans.attributes.all() else {
        panic!("two attributes");
    };
    assert_eq!(
        (route.key.as_str(), route.limit.0, route.template),
        ("http.route", 500, true)
    );
    assert_eq!(
        (peer.key.as_str(), peer.limit.0, peer.template),
        ("peer", 1000, false)
    );
    assert_eq!(config.logs.unwrap().attributes.all().len(), 1);
}

#[test]
fn a_rule_may_be_for_one_metric_and_be_a_table_of_its_own() {
    let config = read("[[rules]]\nmetric = 'a'\ndrop = 'x'\n[[rules]]\nmetric = 'a'\ncap = 'y'\nlimit = 1\n");
    assert_eq!(config.unwrap().rules.all().len(), 2);
}

/// Single mistakes, with what is blamed and a part of what is said.
const MISTAKES: [(&str, &str, &str); 40] = [
    ("limit = 0", "0", "give 1 to 100000000"),
    ("limit = -1", "-1", "-1"),
    ("limit = 100000001", "100000001", "give 1 to 100000000"),
    ("group_limit = 0", "0", "give 1"),
    ("total_limit = 0", "0", "give 1"),
    ("max_bytes = \"0%\"", "\"0%\"", "leaves room for nothing"),
    ("max_bytes = \"much\"", "\"much\"", "neither a size nor a share"),
    ("idle_timeout = \"0s\"", "\"0s\"", "give 1s to 7d"),
    ("idle_timeout = \"500ms\"", "\"500ms\"", "give 1s to 7d"),
    ("idle_timeout = \"8d\"", "\"8d\"", "give 1s to 7d"),
    ("idle_timeout = 30", "30", "a duration with its unit"),
    ("exemplars = 65", "65", "give 0 to 64"),
    ("examples = 4", "4", "give 0 to 3"),
    ("action = \"collapse\"", "\"collapse\"", "unknown"),
    ("admission = \"lru\"", "\"lru\"", "unknown"),
    ("group_by = [\"a\", \"\"]", "\"\"", "no attribute has such a key"),
    ("group_by = [\"a\", \"b\", \"a\"]", "\"a\"", "twice"),
    ("limits = 3", "limits", "unknown"),
    ("rules = [{}]", "{}", "has one of `drop`, `keep`"),
    ("rules = [{ metric = \"a\" }]", "{ metric = \"a\" }", "has one of"),
    ("rules = [{ drop = \"a\", keep = \"b\" }]", "keep", "two rules"),
    ("rules = [{ drop = [] }]", "drop", "names no attribute"),
    (
        "rules = [{ drop = \"a\", limit = 3 }]",
        "limit",
        "belongs to `cap`",
    ),
    (
        "rules = [{ cap = \"a\", limit = 3, values = [1] }]",
        "values",
        "belongs to `allow`",
    ),
    (
        "rules = [{ cap = \"a\" }]",
        "{ cap = \"a\" }",
        "`limit` is missing",
    ),
    ("rules = [{ cap = \"a\", limit = 0 }]", "0", "give 1 to 1000000"),
    (
        "rules = [{ allow = \"a\" }]",
        "{ allow = \"a\" }",
        "`values` is missing",
    ),
    ("rules = [{ allow = \"a\", values = [] }]", "values", "empty"),
    ("rules = [{ allow = \"a\", values = [1, 1] }]", "values", "twice"),
    (
        "rules = [{ allow = \"a\", values = [1.5] }]",
        "1.5",
        "a string, an integer",
    ),
    (
        "rules = [{ metric = \"http.*\", drop = \"a\" }]",
        "\"http.*\"",
        "write \"glob:http.*\"",
    ),
    (
        "rules = [{ metric = \"regex:(\", drop = \"a\" }]",
        "\"regex:(\"",
        "regular expression",
    ),
    ("rules = [{ metric = \"\", drop = \"a\" }]", "\"\"", "empty name"),
    (
        "overrides = [{ limit = 3 }]",
        "{ limit = 3 }",
        "an override is for",
    ),
    (
        "overrides = [{ metric = \"a\" }]",
        "{ metric = \"a\" }",
        "sets one of",
    ),
    ("overrides = [{ metric = \"a\", limit = 0 }]", "0", "give 1"),
    (
        "[spans]\nattributes = [{ key = \"a\", limit = 0 }]",
        "0",
        "give 1 to 1000000",
    ),
    (
        "[spans]\nattributes = [{ key = \"a\" }, { key = \"a\" }]",
        "\"a\"",
        "limited twice",
    ),
    (
        "[logs]\nattributes = [{ key = \"a\", original = \"a\" }]",
        "\"a\"",
        "its own values are limited",
    ),
    (
        "[logs]\nattributes = [{ key = \"a\", original = \"o\" }, { key = \"b\", original = \"o\" }]",
        "\"o\"",
        "two originals",
    ),
];

#[test]
fn single_mistakes_are_told_at_their_places() {
    for (text, blamed, part) in MISTAKES {
        let (place, message) = wrong(text);
        assert_eq!(place, blamed, "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn rules_that_contradict_each_other_are_told() {
    let contradictions = [
        ("{ drop = 'a' }, { cap = 'a', limit = 1 }", "taken off by another"),
        (
            "{ cap = 'a', limit = 1 }, { metric = 'm', keep = 'a' }, { drop = ['b', 'a'] }",
            "taken off",
        ),
        (
            "{ metric = 'm', drop = 'a' }, { metric = 'm', template = 'a' }",
            "taken off",
        ),
        (
            "{ keep = ['b'] }, { metric = 'm', allow = 'a', values = [1] }",
            "not kept",
        ),
        ("{ keep = ['a', 'b'] }, { drop = 'a' }", "kept by one rule"),
        (
            "{ cap = 'a', limit = 1 }, { cap = ['b', 'a'], limit = 2 }",
            "two rules of one kind",
        ),
        ("{ drop = 'a' }, { metric = 'm', drop = 'a' }", "taken off"),
    ];
    for (rules, part) in contradictions {
        let (place, message) = wrong(&format!("rules = [{rules}]"));
        assert_eq!(place, "'a'", "{rules}: {message}");
        assert!(message.contains(part), "{rules}: {message}");
    }
    let fine = [
        "{ metric = 'm', drop = 'a' }, { cap = 'a', limit = 1 }",
        "{ metric = 'm', keep = 'b' }, { cap = 'a', limit = 1 }",
        "{ metric = 'm', cap = 'a', limit = 1 }, { cap = 'a', limit = 2 }",
        "{ template = 'a' }, { cap = 'a', limit = 1 }, { keep = ['a', 'b'] }",
        "{ metric = 'm', keep = 'a' }, { metric = 'n', drop = 'a' }",
        "{ keep = 'b' }, { drop = 'a' }",
    ];
    for rules in fine {
        assert!(read(&format!("rules = [{rules}]")).is_ok(), "{rules}");
    }
}

#[test]
fn too_many_rules_and_keys_are_told() {
    let keys = |count: usize| (0..count).map(|key| format!("'k{key}'")).collect::<Vec<_>>();
    let all = keys(65).join(",");
    let (_, message) = wrong(&format!("rules = [{{ template = [{all}] }}]"));
    assert!(message.contains("more than 64 keys"), "{message}");
    let rules = keys(65)
        .iter()
        .map(|key| format!("{{ drop = {key} }}"))
        .collect::<Vec<_>>();
    let (_, message) = wrong(&format!("rules = [{}]", rules.join(",")));
    assert!(message.contains("more than 64 rules"), "{message}");
    let values = keys(65)
        .iter()
        .map(|key| format!("{{ key = {key} }}"))
        .collect::<Vec<_>>();
    let (_, message) = wrong(&format!("logs.attributes = [{}]", values.join(",")));
    assert!(message.contains("more than 64 attributes"), "{message}");
}

#[test]
fn limits_that_nothing_can_come_near_are_told() {
    let told = |text: &str| {
        problems(text)
            .into_iter()
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    assert_eq!(told("group_limit = 1999"), [["group_limit"]]);
    assert_eq!(told("group_limit = 2000"), <[[&str; 1]; 0]>::default());
    assert_eq!(told("total_limit = 1999"), [["total_limit"]]);
    assert_eq!(told("total_limit = 3000\ngroup_limit = 4000"), [["total_limit"]]);
    assert_eq!(
        told("total_limit = 10\ngroup_limit = 20"),
        [["group_limit"], ["total_limit"]]
    );
    assert_eq!(
        told("group_limit = 4000\noverrides = [{ metric = 'm', limit = 4001 }]"),
        [["overrides"]]
    );
    assert_eq!(
        told("overrides = [{ metric = 'm', limit = 1000001 }]"),
        [["overrides"]]
    );
    assert_eq!(
        told("overrides = [{ metric = 'm', limit = 1000000 }]"),
        <[[&str; 1]; 0]>::default()
    );
}

#[test]
fn overrides_without_effect_are_told() {
    let group = "group = { 'service.name' = 'a' }, limit = 3";
    let one = |text: String| {
        let told = problems(&text);
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert_eq!(told[0].0, ["overrides"]);
        told[0].1.clone()
    };
    let said = one(format!("group_by = 'tenant'\noverrides = [{{ {group} }}]"));
    assert!(said.contains("`service.name` in `group`"), "{said}");
    let said = one(format!("overrides = [{{ {group} }}, {{ {group} }}]"));
    assert!(said.contains("second has no effect"), "{said}");
    assert!(problems(&format!("overrides = [{{ {group} }}]")).is_empty());
    assert!(
        problems(&format!(
            "overrides = [{{ {group} }}, {{ metric = 'm', {group} }}]"
        ))
        .is_empty()
    );
}

#[test]
fn tables_that_limit_nothing_and_names_without_a_place_are_told() {
    assert_eq!(problems("[spans]")[0].0, ["spans"]);
    assert_eq!(problems("[logs]")[0].0, ["logs"]);
    assert!(problems("[spans]\nnames = {}").is_empty());
    for attributes in ["{ key = 'o' }", "{ key = 'a', original = 'o' }"] {
        let text = format!("[spans]\nnames = {{ original = 'o' }}\nattributes = [{attributes}]");
        assert_eq!(problems(&text)[0].0, ["spans", "names"]);
    }
}

fn resource(attributes: &[(&str, &str)]) -> Vec<u8> {
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(Any::StringValue((*value).to_owned())),
        }),
        ..KeyValue::default()
    };
    let resource = Decoded {
        attributes: attributes.iter().map(attribute).collect(),
        ..Decoded::default()
    };
    resource.encode_to_vec()
}

#[test]
fn overrides_are_for_what_all_their_conditions_hold_for() {
    let text = "overrides = [{ metric = 'glob:http.*', group = { 'service.name' = 'glob:check*', env = 'prod' }, limit = 3 }]";
    let config = read(text).unwrap();
    let is_for = |metric: &str, attributes: &[(&str, &str)]| {
        let resource = resource(attributes);
        config.overrides[0].is_for(metric.as_bytes(), Resource::new(&resource))
    };
    let all = [("service.name", "checkout"), ("env", "prod")];
    assert_eq!(is_for("http.server", &all), Ok(true));
    assert_eq!(is_for("rpc.server", &all), Ok(false));
    assert_eq!(is_for("http.server", &all[..1]), Ok(false));
    assert_eq!(
        is_for("http.server", &[("service.name", "cart"), ("env", "prod")]),
        Ok(false)
    );
}

/// The page that says which line to write.
const PAGE: &str = include_str!("../../../../../docs/cardinality.md");

#[test]
fn every_line_that_the_page_advises_is_one_that_can_be_read() {
    let starts = ["rules = ", "overrides = ", "group_limit = ", "action = "];
    let spans = PAGE.split('`').skip(1).step_by(2);
    let lines: Vec<&str> = spans
        .filter(|span| starts.iter().any(|start| span.starts_with(start)))
        .collect();
    assert!(lines.len() > 10, "{lines:?}");
    let blocks = PAGE.split("```toml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let blocks: Vec<String> = blocks
        .map(|block| {
            block
                .replace("[processors.limit]\n", "")
                .replace("type = \"cardinality_limit\"\n", "")
                .replace("[processors.limit.", "[")
        })
        .collect();
    assert!(blocks.len() > 1, "{blocks:?}");
    for text in lines.into_iter().map(str::to_owned).chain(blocks) {
        let config = read(&text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        assert!(config.check().is_empty(), "{text}: {:?}", config.check());
    }
}
