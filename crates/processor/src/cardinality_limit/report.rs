//! What people are told who ask.

use super::config::Action;
use super::state::State;
use forebay_cardinality::limiter::{self, Question};
use forebay_cardinality::sketch::Blame;
use forebay_core::{AttributeUse, CardinalityQuery, CardinalityReport, GroupUse, MetricUse};
use forebay_otlp::DataKind;

/// What the limiter knows, as far as `query` asks for it. Of each attribute `examples` values are shown at most.
pub(super) fn report(state: &State, query: &CardinalityQuery, examples: u64) -> CardinalityReport {
    let question = Question {
        top: query.top,
        group: &|name| query.wants(name),
        weight: &|metric| {
            let growth = metric.new_per_minute as f64;
            Some(query.by.weight(metric.live, growth, metric.exceeded))
        },
    };
    let found = state.limiter.report(&question, state.now());
    let usage = state.limiter.usage();
    let mut report = CardinalityReport {
        live_series: usage.live,
        max_series: Some(state.total_limit),
        used_bytes: usage.bytes + state.item_bytes(),
        max_bytes: usage.max_bytes + state.item_bytes_max(),
        metrics_known: found.metrics_known,
        metrics: found
            .metrics
            .into_iter()
            .map(|metric| metric_use(state, metric, examples))
            .collect(),
        groups_known: found.groups_known,
        groups: found
            .groups
            .into_iter()
            .map(|group| group_use(state, group))
            .collect(),
        values: state
            .all_items()
            .flat_map(|limits| limits.report(query.top))
            .collect(),
        ..CardinalityReport::default()
    };
    report.keep(query);
    report
}

fn metric_use(state: &State, metric: limiter::MetricUse, examples: u64) -> MetricUse {
    let action = state.actions.get(metric.policy).copied().unwrap_or_default();
    let attributes = metric.blame.into_iter().filter(|blame| blame.values > 0.0);
    MetricUse {
        metric: metric.name,
        group: metric.group,
        kind: kind(metric.kind).to_owned(),
        action: word(action).to_owned(),
        live: metric.live,
        limit: metric.limit,
        new_per_minute: metric.new_per_minute as f64,
        folded: metric.exceeded,
        overflowing: metric.is_overflowing,
        attributes: attributes.map(|blame| attribute_use(blame, examples)).collect(),
    }
}

fn attribute_use(blame: Blame, examples: u64) -> AttributeUse {
    let shown = usize::try_from(examples).unwrap_or(usize::MAX);
    AttributeUse {
        keys: blame.keys,
        // Estimates that are never negative.
        values: blame.values.round() as u64,
        remaining: blame.remaining.round() as u64,
        saved: blame.saved.round() as u64,
        examples: blame.examples.into_iter().take(shown).collect(),
    }
}

fn group_use(state: &State, group: limiter::GroupUse) -> GroupUse {
    GroupUse {
        group: group.name,
        live: group.live,
        limit: state.group_limit,
        points: group.points,
        bytes: group.bytes,
    }
}

const fn kind(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Gauge => "gauge",
        DataKind::Sum => "sum",
        DataKind::Histogram => "histogram",
        DataKind::ExponentialHistogram => "exponential_histogram",
        DataKind::Summary => "summary",
    }
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Fold => "fold",
        Action::DropAttribute => "drop_attribute",
        Action::Drop => "drop",
        Action::Observe => "observe",
    }
}
