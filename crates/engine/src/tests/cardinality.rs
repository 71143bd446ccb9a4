use super::bench::{Parts, one_at_a_time, start};
use forebay_core::component::{BuiltProcessor, Processor};
use forebay_core::{
    Batch, CardinalityQuery, CardinalityReport, Clock, GroupUse, MetricUse, Outputs, Ranking, Signal, Verdict,
};
use forebay_testkit::{Answer, FakeExporter};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Passes on, and says of cardinality what `says` does.
struct Limits(fn(&CardinalityQuery) -> Option<CardinalityReport>);

impl Processor for Limits {
    fn process(&self, batch: Batch, out: &mut Outputs) {
        out.emit(batch);
    }

    fn cardinality(&self, query: &CardinalityQuery) -> Option<CardinalityReport> {
        (self.0)(query)
    }
}

fn limits(says: fn(&CardinalityQuery) -> Option<CardinalityReport>) -> (bool, BuiltProcessor) {
    (false, BuiltProcessor::Stateless(Arc::new(Limits(says))))
}

fn two_groups() -> CardinalityReport {
    let metric = |metric: &str, group: &str, live| MetricUse {
        metric: metric.to_owned(),
        group: group.to_owned(),
        live,
        ..MetricUse::default()
    };
    let group = |group: &str, live| GroupUse {
        group: group.to_owned(),
        live,
        ..GroupUse::default()
    };
    CardinalityReport {
        live_series: 60,
        metrics_known: 3,
        metrics: vec![metric("a", "x", 10), metric("b", "y", 30), metric("c", "x", 20)],
        groups: vec![group("x", 30), group("y", 30)],
        ..CardinalityReport::default()
    }
}

#[tokio::test]
async fn limiters_are_asked_by_name_and_their_answers_cut_to_the_question() {
    let parts = Parts {
        processors: vec![
            limits(|_| None),
            limits(|_| Some(two_groups())),
            limits(|_| Some(CardinalityReport::default())),
        ],
        exporters: vec![(FakeExporter::new(Answer::Take), one_at_a_time())],
    };
    let (running, _feed) = start(parts, Clock::system()).await;
    let names = |query: &CardinalityQuery| -> Vec<(String, String)> {
        let reports = running.cardinality(query);
        let metrics = |report: &CardinalityReport| report.metrics.iter().map(|one| &*one.metric).collect();
        reports
            .iter()
            .map(|report| (report.node.clone(), metrics(report)))
            .collect()
    };
    let expected = |metrics: &str| {
        vec![
            ("p1".to_owned(), metrics.to_owned()),
            ("p2".to_owned(), String::new()),
        ]
    };
    assert_eq!(names(&CardinalityQuery::default()), expected("bca"));
    let of_x = CardinalityQuery {
        top: 1,
        by: Ranking::Live,
        group: Some("x".to_owned()),
    };
    assert_eq!(names(&of_x), expected("c"));
}

#[tokio::test]
async fn a_limiter_that_panics_over_a_question_goes_on() {
    let parts = Parts {
        processors: vec![limits(|_| panic!("told to")), limits(|_| Some(two_groups()))],
        exporters: vec![(FakeExporter::new(Answer::Take), one_at_a_time())],
    };
    let (running, feed) = start(parts, Clock::system()).await;
    let reports = running.cardinality(&CardinalityQuery::default());
    assert_eq!((reports.len(), &*reports[0].node), (1, "p1"));
    let panicked = running.nodes.iter().find(|node| &*node.name == "p0").unwrap();
    assert_eq!(panicked.panics.load(Ordering::Relaxed), 1);
    assert_eq!(feed.send(Signal::Metrics, 0, 4).await.await, Verdict::delivered());
}
