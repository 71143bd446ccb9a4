use super::table::short;
use super::{about, bytes, text};
use forebay_core::{AttributeUse, CardinalityReport, GroupUse, MetricUse, ValueUse};

fn attribute(key: &str, values: u64, remaining: u64, saved: u64, examples: &[&str]) -> AttributeUse {
    AttributeUse {
        keys: key.split('+').map(str::to_owned).collect(),
        values,
        remaining,
        saved,
        examples: examples.iter().map(|&example| example.to_owned()).collect(),
    }
}

fn duration() -> MetricUse {
    MetricUse {
        metric: "http.server.duration".to_owned(),
        group: "service.name=shop".to_owned(),
        kind: "histogram".to_owned(),
        action: "fold".to_owned(),
        live: 2000,
        limit: 2000,
        new_per_minute: 120.25,
        folded: 54321,
        overflowing: true,
        attributes: vec![
            attribute("http.route", 12, 40000, 10, &["/a"]),
            attribute("user.id", 40198, 12, 39998, &["u-1", "u-2", "u-3"]),
        ],
    }
}

fn quiet() -> MetricUse {
    MetricUse {
        metric: "queue.size".to_owned(),
        group: "service.name=mail".to_owned(),
        kind: "gauge".to_owned(),
        action: "fold".to_owned(),
        live: 7,
        limit: 2000,
        ..MetricUse::default()
    }
}

fn report(metrics: Vec<MetricUse>) -> CardinalityReport {
    CardinalityReport {
        node: "limit".to_owned(),
        live_series: 2007,
        max_series: Some(100_000),
        used_bytes: 3 << 19,
        max_bytes: 16 << 20,
        metrics_known: 5,
        metrics,
        groups_known: 2,
        groups: vec![
            GroupUse {
                group: "service.name=shop".to_owned(),
                live: 2000,
                limit: Some(10_000),
                points: 60_000,
                bytes: 9_000_000,
            },
            GroupUse {
                group: "service.name=mail".to_owned(),
                live: 7,
                limit: None,
                points: 12,
                bytes: 900,
            },
        ],
        values: Vec::new(),
    }
}

#[test]
fn the_worst_metric_is_shown_with_what_ends_it() {
    let expected = "\
limit: 2007 of 100000 series live; memory: 1.5 MiB of 16.0 MiB

  metric                group              kind             series  new/min  folded
  http.server.duration  service.name=shop  histogram  2000 of 2000    120.2   54321  fold
      without user.id: about 12 series, 40000 fewer; it has about 40000 values: u-1, u-2, u-3
  queue.size            service.name=mail  gauge         7 of 2000      0.0       0
  and 3 metrics more

  group                     series  points    bytes
  service.name=shop  2000 of 10000   60000  8.6 MiB
  service.name=mail              7      12    900 B

`http.server.duration` of service.name=shop is at its limit of 2000 series: 54321 data points were folded into its overflow series.
Without the attribute `user.id` it has about 12 series. To take it away, write in [processors.limit]:

  rules = [{ metric = \"http.server.duration\", drop = [\"user.id\"] }]
";
    assert_eq!(text(&[report(vec![duration(), quiet()])], None), expected);
}

#[test]
fn where_one_attribute_is_not_enough_it_is_said() {
    let mut metric = duration();
    metric.attributes = vec![attribute("http.route", 30, 40_000, 10, &[])];
    metric.action = "observe".to_owned();
    let said = text(&[report(vec![metric.clone()])], None);
    assert!(
        said.contains("54321 data points would have been folded.\n"),
        "{said}"
    );
    assert!(
        said.contains("it has about 40000 series, which is still above the limit of 2000."),
        "{said}"
    );
    metric.attributes.clear();
    let said = text(&[report(vec![metric])], None);
    assert!(said.contains("No attribute alone makes its series."), "{said}");
    assert!(
        said.ends_with("  overrides = [{ metric = \"http.server.duration\", limit = 4000 }]\n"),
        "{said}"
    );
    assert!(!said.contains("rules ="), "{said}");
}

#[test]
fn keys_that_go_together_are_taken_away_together() {
    let mut metric = duration();
    metric.attributes = vec![attribute(
        "k8s.pod.name+k8s.pod.uid",
        900,
        30,
        1970,
        &["shop-1", "7f"],
    )];
    let said = text(&[report(vec![metric])], None);
    assert!(
        said.contains("without k8s.pod.name, k8s.pod.uid: about 30 series"),
        "{said}"
    );
    assert!(
        said.contains("Without the attributes `k8s.pod.name, k8s.pod.uid` it has about 30 series."),
        "{said}"
    );
    assert!(
        said.contains("drop = [\"k8s.pod.name\", \"k8s.pod.uid\"] }]\n"),
        "{said}"
    );
}

#[test]
fn of_keys_without_end_those_that_are_known_are_kept() {
    let mut metric = duration();
    let route = attribute("http.route", 12, 40_000, 10, &[]);
    metric.attributes = vec![attribute("(other)", 40_000, 12, 39_000, &["x7=1"]), route];
    let said = text(&[report(vec![metric])], None);
    assert!(said.contains("keep = [\"http.route\"] }]\n"), "{said}");
    assert!(!said.contains("drop = "), "{said}");
}

#[test]
fn paths_may_become_few_instead() {
    let mut metric = duration();
    metric.attributes = vec![attribute("url.path", 40_000, 12, 39_000, &["/orders/17", "/"])];
    let said = text(&[report(vec![metric])], None);
    let template = "rules = [{ metric = \"http.server.duration\", template = [\"url.path\"] }]\n";
    assert!(said.ends_with(template), "{said}");
    assert!(said.contains("drop = [\"url.path\"] }]\n"), "{said}");
}

#[test]
fn a_name_that_reads_like_a_pattern_is_meant_exactly() {
    for (name, written) in [
        ("glob:a", "exact:glob:a"),
        ("a.*.b", "exact:a.*.b"),
        ("exact:a", "exact:exact:a"),
        ("a.b", "a.b"),
    ] {
        let metric = MetricUse {
            metric: name.to_owned(),
            ..duration()
        };
        let said = text(&[report(vec![metric])], None);
        assert!(said.contains(&format!("metric = \"{written}\"")), "{said}");
    }
}

#[test]
fn where_nothing_is_wrong_nothing_is_to_be_done() {
    let said = text(&[report(vec![quiet()])], None);
    assert!(
        said.ends_with("\nNothing that is shown here exceeds its limit.\n"),
        "{said}"
    );
    // It did once, and is well again.
    let mut past = duration();
    past.overflowing = false;
    let said = text(&[report(vec![past])], None);
    assert!(said.contains("54321\n"), "{said}");
    assert!(
        said.ends_with("\nNothing that is shown here exceeds its limit.\n"),
        "{said}"
    );
}

#[test]
fn without_a_limiter_it_says_how_to_have_one() {
    assert!(text(&[], None).contains("`forebay components cardinality_limit`"));
}

#[test]
fn values_of_spans_have_a_table_of_their_own() {
    let mut of_spans = CardinalityReport {
        node: "spans".to_owned(),
        ..CardinalityReport::default()
    };
    of_spans.values = vec![ValueUse {
        signal: "traces".to_owned(),
        key: "name".to_owned(),
        service: "shop".to_owned(),
        live: 200,
        limit: 200,
        overflowed: 31,
    }];
    let said = text(&[report(vec![quiet()]), of_spans], None);
    let expected = "
spans: 0 series live; memory: 0 B of 0 B

  values of  signal  service      values  without a place
  name       traces  shop     200 of 200               31

Names of spans of `shop` have taken all 200 places: 31 times one was replaced. A template makes them few, and a higher limit gives \
them room, in [processors.spans]:

  spans.names = { template = true, limit = 200 }
";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn values_that_have_room_need_nothing_and_others_do() {
    let value = |key: &str, live, overflowed| ValueUse {
        signal: "logs".to_owned(),
        key: key.to_owned(),
        service: "shop".to_owned(),
        live,
        limit: 200,
        overflowed,
    };
    let mut of_logs = CardinalityReport {
        values: vec![value("url.path", 199, 31), value("id", 200, 0)],
        ..CardinalityReport::default()
    };
    let said = text(std::slice::from_ref(&of_logs), None);
    assert!(
        said.ends_with("Nothing that is shown here exceeds its limit.\n"),
        "{said}"
    );
    of_logs.values.push(value("http.\"route", 200, 3));
    let said = text(&[of_logs], None);
    let line = "  logs.attributes = [{ key = \"http.\\\"route\", template = true, limit = 200 }]\n";
    assert!(said.ends_with(line), "{said}");
}

#[test]
fn nothing_that_a_sender_wrote_acts_on_the_terminal_or_on_the_config() {
    let mut metric = duration();
    metric.metric = "a\u{1b}[2J\"b${x}".to_owned();
    metric.group = "evil\u{202e}\u{7}".to_owned();
    metric.attributes = vec![attribute("k\n\"]", 5, 3, 2, &["\u{9b}31m"])];
    let said = text(&[report(vec![metric])], None);
    let acts = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!said.contains(acts), "{said:?}");
    let (_, line) = said.rsplit_once("rules = ").unwrap();
    assert_eq!(
        line,
        "[{ metric = \"a\\u001B[2J\\\"b$${x}\", drop = [\"k\\n\\\"]\"] }]\n"
    );
}

#[test]
fn of_one_group_nothing_more_is_told() {
    let group = Some("service.name=shop");
    let said = text(&[report(vec![duration()])], group);
    assert!(!said.contains(" more\n"), "{said}");
    let nothing = CardinalityReport {
        groups: Vec::new(),
        ..report(Vec::new())
    };
    let said = text(&[nothing], group);
    assert!(
        said.ends_with("\nThere is no group `service.name=shop`. Without `--group` all are shown.\n"),
        "{said}"
    );
}

#[test]
fn estimates_have_two_digits() {
    let shown = [0, 7, 42, 149, 150, 995, 12_499, u64::MAX].map(about);
    assert_eq!(
        shown,
        [0, 7, 42, 150, 150, 1000, 12_000, 18_000_000_000_000_000_000]
    );
}

#[test]
fn what_is_long_is_cut() {
    assert_eq!(short("abcdef", 6), "abcdef");
    assert_eq!(short("abcdefg", 6), "abc...");
    assert_eq!(short("\u{1b}bc", 5), "\\u...");
    assert_eq!(short("", 5), "");
}

#[test]
fn bytes_are_shown_in_their_unit() {
    let shown = [0, 1023, 1024, 1536, 1 << 30, u64::MAX].map(bytes);
    assert_eq!(
        shown,
        ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 GiB", "16777216.0 TiB"]
    );
}
