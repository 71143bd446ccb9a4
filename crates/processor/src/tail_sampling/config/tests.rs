//! Tests of the config.

use super::*;
use forebay_core::Section;
use forebay_core::diagnostic::Source;
use forebay_sampling::policy::Rule;
use std::sync::Arc;

fn read(text: &str) -> Result<TailSamplingConfig, Vec<(String, String)>> {
    let source = Arc::new(Source {
        name: "f.toml".to_owned(),
        text: text.to_owned(),
    });
    let read = Section::whole(source).read::<TailSamplingConfig>();
    read.map_err(|problems| {
        let told = problems.into_iter().map(|problem| {
            let span = problem.place.unwrap().span;
            (text[span].to_owned(), problem.message)
        });
        told.collect()
    })
}

/// One policy of these lines.
fn policy(lines: &str) -> Result<TailSamplingConfig, Vec<(String, String)>> {
    read(&format!("[[policies]]\nname = \"p\"\n{lines}\n"))
}

fn rule(lines: &str) -> Rule {
    policy(lines).unwrap().policies.all()[0].rule().clone()
}

#[test]
fn what_is_left_out_has_the_defaults_that_are_documented() {
    let config = read("").unwrap();
    assert_eq!(config, TailSamplingConfig::default());
    let policies = config.policies.all();
    assert_eq!(policies.len(), 1);
    assert_eq!(policies[0].name(), "error_or_slow");
    assert!(config.plan().is_ok());
    assert!(config.check().is_empty());
}

#[test]
fn a_config_survives_being_written() {
    let text = r#"
        decision_wait = "10s"
        quiet_after_root = "0s"
        num_traces = 50000
        on_full = "wait"
        logs = "follow"
        [[policies]]
        name = "slow or rare"
        type = "composite"
        max_total_spans_per_second = 1000
        policy_order = ["b", "a"]
        rate_allocation = [{ policy = "a", percent = 12.5 }]
        composite_sub_policy = [
            { name = "a", type = "latency", threshold_ms = 100 },
            { name = "b", type = "probabilistic", sampling_percentage = "1/4" },
        ]
    "#;
    let config = read(text).unwrap();
    let written = toml::to_string(&config).unwrap();
    assert_eq!(read(&written).unwrap(), config, "{written}");
}

/// Every type with all its keys.
#[test]
fn every_type_of_policy_is_read() {
    let all = [
        "type = 'always_sample'",
        "type = 'error_or_slow'\nthreshold_ms = 500\nsampling_percentage = 5",
        "type = 'latency'\nthreshold_ms = 5000\nupper_threshold_ms = 10000",
        "type = 'numeric_attribute'\nkey = 'k'\nmin_value = 0\nmax_value = 0\ncontext = ['span', 'event']\ninvert_match = true",
        "type = 'string_attribute'\nkey = 'k'\nvalues = ['v', '^/x']\nenabled_regex_matching = true\ncontext = ['scope']",
        "type = 'boolean_attribute'\nkey = 'k'\nvalue = false\ncontext = ['resource']\ninvert_match = false",
        "type = 'status_code'\nstatus_codes = ['ERROR', 'UNSET', 'OK']",
        "type = 'trace_state'\nkey = 'k'\nvalues = ['v']",
        "type = 'trace_flags'",
        "type = 'span_count'\nmin_spans = 2\nmax_spans = 20",
        "type = 'probabilistic'\nsampling_percentage = 12.5\nhash_salt = 'default-hash-seed'",
        "type = 'rate_limiting'\nspans_per_second = 35",
        "type = 'bytes_limiting'\nbytes_per_second = '1MiB'\nburst_capacity = '4MiB'",
        "type = 'and'\nand_sub_policy = [{ name = 'a', type = 'trace_flags' }, { name = 'b', type = 'rate_limiting', spans_per_second = 1 }]",
        "type = 'not'\nnot_sub_policy = { name = 'a', type = 'trace_flags' }",
        "type = 'drop'\ndrop_sub_policy = [{ name = 'a', type = 'trace_flags' }]",
        "type = 'composite'\nmax_total_spans_per_second = 10\ncomposite_sub_policy = [{ name = 'a', type = 'trace_flags' }]",
    ];
    for lines in all {
        assert!(policy(lines).is_ok(), "{lines}: {:?}", policy(lines));
    }
}

#[test]
fn bounds_of_zero_are_none_where_the_collector_says_so_and_bounds_elsewhere() {
    let Rule::Duration { min, max } = rule("type = 'latency'\nthreshold_ms = 5\nupper_threshold_ms = 0")
    else {
        panic!("no duration");
    };
    assert_eq!((min, max), (5_000_000, None));
    let Rule::Duration { min, max } = rule("type = 'latency'\nupper_threshold_ms = 7") else {
        panic!("no duration");
    };
    assert_eq!(
        (min, max),
        (0, Some(7_999_999)),
        "the Collector cuts durations to milliseconds"
    );
    let Rule::Spans { min, max } = rule("type = 'span_count'\nmin_spans = 2\nmax_spans = 0") else {
        panic!("no count");
    };
    assert_eq!((min, max), (2, None));
    let zero = rule("type = 'numeric_attribute'\nkey = 'k'\nmin_value = 0");
    assert!(
        format!("{zero:?}").contains("min: Some(0), max: None"),
        "{zero:?}"
    );
}

#[test]
fn a_burst_is_twice_the_rate_if_it_is_left_out() {
    let rule = rule("type = 'bytes_limiting'\nbytes_per_second = 100");
    assert!(matches!(
        rule,
        Rule::ByteRate {
            bytes_per_second: 100,
            burst: 200
        }
    ));
}

#[test]
fn shares_of_a_composite_policy_are_as_allocated_and_the_rest_in_equal_parts() {
    let rule = rule(
        "type = 'composite'\nmax_total_spans_per_second = 1000\npolicy_order = ['c', 'a', 'b']\n\
         rate_allocation = [{ policy = 'b', percent = 50 }]\n\
         composite_sub_policy = [{ name = 'a', type = 'trace_flags' }, { name = 'b', type = 'trace_flags' }, \
         { name = 'c', type = 'always_sample' }]",
    );
    let Rule::Composite(composite) = rule else {
        panic!("no composite");
    };
    let parts: Vec<(&str, u32)> = composite
        .policies
        .iter()
        .map(|part| (part.name.as_str(), part.spans_per_second))
        .collect();
    assert_eq!(parts, [("c", 250), ("a", 250), ("b", 500)]);
}

/// The place that is blamed, and the message.
#[test]
fn every_mistake_in_a_policy_is_told_once_at_its_place() {
    let sub =
        "composite_sub_policy = [{ name = 'a', type = 'trace_flags' }, { name = 'b', type = 'trace_flags' }]";
    let composite =
        |rest: &str| format!("type = 'composite'\nmax_total_spans_per_second = 10\n{sub}\n{rest}");
    let cases = [
        (
            "type = 'string_attribut'",
            "'string_attribut'",
            "unknown value `string_attribut`",
        ),
        (
            "type = 'latency'\nthreshold_mss = 5",
            "threshold_mss",
            "unknown key `threshold_mss`",
        ),
        (
            "type = 'latency'\nthreshold_ms = 5\nvalues = ['x']",
            "values",
            "`values` has no meaning for a policy of type `latency`",
        ),
        (
            "type = 'latency'",
            "[[policies]]",
            "a policy of type `latency` needs `threshold_ms`",
        ),
        (
            "type = 'latency'\nthreshold_ms = 5\nupper_threshold_ms = 4",
            "upper_threshold_ms",
            "`upper_threshold_ms` is below `threshold_ms`, and so nothing can match",
        ),
        (
            "type = 'string_attribute'\nkey = 'k'\nvalues = ['fine', '(b']\nenabled_regex_matching = true",
            "'(b'",
            "`(b` is not a regular expression that can be used: unclosed group",
        ),
        (
            "type = 'string_attribute'\nkey = 'k'\nvalues = []",
            "values",
            "`values` is empty, and so nothing can match",
        ),
        (
            "type = 'string_attribute'\nkey = ''\nvalues = ['v']",
            "key",
            "`key` is empty",
        ),
        (
            "type = 'string_attribute'\nkey = 'k'\nvalues = ['v']\ncontext = ['link']",
            "'link'",
            "unknown value `link`",
        ),
        (
            "type = 'status_code'\nstatus_codes = ['error']",
            "'error'",
            "unknown value `error`",
        ),
        (
            "type = 'numeric_attribute'\nkey = 'k'\nmin_value = 2\nmax_value = 1",
            "max_value",
            "`max_value` is below `min_value`, and so nothing can match",
        ),
        (
            "type = 'probabilistic'\nsampling_percentage = 101",
            "101",
            "`101` is not a percentage from 0 to 100",
        ),
        (
            "type = 'rate_limiting'\nspans_per_second = 0",
            "spans_per_second",
            "`spans_per_second` is not between 1 and 4294967295",
        ),
        (
            "type = 'bytes_limiting'\nbytes_per_second = 0",
            "bytes_per_second",
            "`bytes_per_second` is 0, and so nothing passes",
        ),
        (
            "type = 'and'\nand_sub_policy = [{ name = 'x', type = 'latency', key = 'k', threshold_ms = 1 }]",
            "key",
            "`key` has no meaning for a policy of type `latency`",
        ),
        (
            "type = 'and'\nand_sub_policy = []",
            "and_sub_policy",
            "`and_sub_policy` is empty, and so nothing can match",
        ),
        (
            "type = 'not'\nnot_sub_policy = { name = 'x', type = 'rate_limiting', spans_per_second = 1 }",
            "[[policies]]",
            "policy `p`: a limit of spans or bytes has no place here: its answer depends on what passed before, and can only hold back traces",
        ),
        (
            &composite("policy_order = ['a', 'x']"),
            "'x'",
            "`x` in `policy_order` is not the name of a policy in `composite_sub_policy`, or stands there twice",
        ),
        (
            &composite("policy_order = ['b']"),
            "policy_order",
            "`policy_order` does not name `a`",
        ),
        (
            &composite("rate_allocation = [{ policy = 'x', percent = 1 }]"),
            "'x'",
            "`x` is not the name of a policy in `composite_sub_policy`",
        ),
        (
            &composite("rate_allocation = [{ policy = 'a', percent = 70 }, { policy = 'b', percent = 40 }]"),
            "rate_allocation",
            "`rate_allocation` adds up to 110%, which is more than there is",
        ),
        (
            &composite("rate_allocation = [{ policy = 'a', percent = 100 }]"),
            "'b'",
            "`b` has no share left in `max_total_spans_per_second`, and so nothing passes",
        ),
    ];
    for (lines, place, message) in cases {
        let told = policy(lines).unwrap_err();
        assert_eq!(told, [(place.to_owned(), message.to_owned())], "{lines}");
    }
}

#[test]
fn mistakes_in_several_policies_are_all_told() {
    let told = read(
        "[[policies]]\nname = 'a'\ntype = 'string_attribute'\nkey = 'k'\nvalues = ['(a', '(b']\nenabled_regex_matching = true\n\
         [[policies]]\nname = 'b'\ntype = 'latency'\nkey = 'k'\nvalue = true\nthreshold_ms = 1\n",
    )
    .unwrap_err();
    let places: Vec<&str> = told.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["'(a'", "'(b'", "key", "value"], "{told:?}");
}

#[test]
fn policies_go_together() {
    let twice = "[[policies]]\nname = 'a'\ntype = 'trace_flags'\n".repeat(2);
    assert_eq!(
        read(&twice).unwrap_err(),
        [("'a'".to_owned(), "`a` is the name of two policies".to_owned())]
    );
    let told = read("policies = []").unwrap_err();
    assert_eq!(told[0].0, "[]");
    let many: String = (0..65)
        .map(|index| format!("[[policies]]\nname = 'p{index}'\ntype = 'trace_flags'\n"))
        .collect();
    assert_eq!(read(&many).unwrap_err()[0].1, "there are more policies than 64");
}

#[test]
fn keys_that_contradict_one_another_are_blamed() {
    let blamed = |text: &str| -> Vec<String> {
        let problems = read(text).unwrap().check();
        problems.iter().map(|problem| problem.path.join(".")).collect()
    };
    assert_eq!(blamed("decision_wait = '0s'"), ["decision_wait"]);
    assert_eq!(blamed("decision_wait = '2h'"), ["decision_wait"]);
    assert_eq!(
        blamed("decision_wait = '1s'\nquiet_after_root = '2s'"),
        ["quiet_after_root"]
    );
    assert_eq!(
        blamed("num_traces = 0\nmax_trace_bytes = 0"),
        ["num_traces", "max_trace_bytes"]
    );
}
