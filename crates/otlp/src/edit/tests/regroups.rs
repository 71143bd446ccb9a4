//! Regrouping against the same done with messages.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::KeyValue,
    logs::v1::{ResourceLogs, ScopeLogs},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics, metric::Data},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::{collection::vec, prelude::*, sample::subsequence};
use prost::Message;

use super::arbitrary::{KEYS, logs, metrics, traces};
use crate::{
    Signal, count_items,
    edit::{GroupedItems, Grouping, Regrouped, Regrouper, encode},
};

/// A request of any signal: each resource envelope without its scopes, each scope envelope without its items, each metric without
/// its points, and the items, all of them encoded. Spans and log records stand in a metric that is nothing.
type Tree = Vec<(Vec<u8>, Vec<(Vec<u8>, Vec<Series>)>)>;
type Series = (Option<Metric>, Vec<(Vec<KeyValue>, Vec<u8>)>);

/// An item with its attributes beside it, so that what remains without some of them can be told.
fn item<M: Message + Clone>(
    item: &M,
    attributes: fn(&mut M) -> &mut Vec<KeyValue>,
) -> (Vec<KeyValue>, Vec<u8>) {
    let mut bare = item.clone();
    let own = std::mem::take(attributes(&mut bare));
    (own, bare.encode_to_vec())
}

fn series(metric: &Metric) -> Series {
    let mut bare = metric.clone();
    let items = match &mut bare.data {
        Some(Data::Gauge(data)) => points(&mut data.data_points, |point| &mut point.attributes),
        Some(Data::Sum(data)) => points(&mut data.data_points, |point| &mut point.attributes),
        Some(Data::Histogram(data)) => points(&mut data.data_points, |point| &mut point.attributes),
        Some(Data::ExponentialHistogram(data)) => {
            points(&mut data.data_points, |point| &mut point.attributes)
        }
        Some(Data::Summary(data)) => points(&mut data.data_points, |point| &mut point.attributes),
        None => Vec::new(),
    };
    (Some(bare), items)
}

fn points<M: Message + Clone>(
    points: &mut Vec<M>,
    attributes: fn(&mut M) -> &mut Vec<KeyValue>,
) -> Vec<(Vec<KeyValue>, Vec<u8>)> {
    std::mem::take(points)
        .iter()
        .map(|point| item(point, attributes))
        .collect()
}

fn tree(signal: Signal, request: &[u8]) -> Tree {
    match signal {
        Signal::Traces => traces_tree(ExportTraceServiceRequest::decode(request).unwrap()),
        Signal::Logs => logs_tree(ExportLogsServiceRequest::decode(request).unwrap()),
        Signal::Metrics => metrics_tree(ExportMetricsServiceRequest::decode(request).unwrap()),
    }
}

fn traces_tree(request: ExportTraceServiceRequest) -> Tree {
    let scope = |mut scope: ScopeSpans| {
        let spans = std::mem::take(&mut scope.spans);
        let items = spans.iter().map(|span| item(span, |span| &mut span.attributes));
        (scope.encode_to_vec(), vec![(None, items.collect())])
    };
    let resource = |mut resource: ResourceSpans| {
        let scopes = std::mem::take(&mut resource.scope_spans);
        (resource.encode_to_vec(), scopes.into_iter().map(scope).collect())
    };
    request.resource_spans.into_iter().map(resource).collect()
}

fn logs_tree(request: ExportLogsServiceRequest) -> Tree {
    let scope = |mut scope: ScopeLogs| {
        let records = std::mem::take(&mut scope.log_records);
        let items = records
            .iter()
            .map(|record| item(record, |record| &mut record.attributes));
        (scope.encode_to_vec(), vec![(None, items.collect())])
    };
    let resource = |mut resource: ResourceLogs| {
        let scopes = std::mem::take(&mut resource.scope_logs);
        (resource.encode_to_vec(), scopes.into_iter().map(scope).collect())
    };
    request.resource_logs.into_iter().map(resource).collect()
}

fn metrics_tree(request: ExportMetricsServiceRequest) -> Tree {
    let scope = |mut scope: ScopeMetrics| {
        let metrics = std::mem::take(&mut scope.metrics);
        (scope.encode_to_vec(), metrics.iter().map(series).collect())
    };
    let resource = |mut resource: ResourceMetrics| {
        let scopes = std::mem::take(&mut resource.scope_metrics);
        (resource.encode_to_vec(), scopes.into_iter().map(scope).collect())
    };
    request.resource_metrics.into_iter().map(resource).collect()
}

/// The place of what is the same as `wanted`, made at the end if there is none.
fn place<K: PartialEq, V: Default>(list: &mut Vec<(K, V)>, wanted: K) -> &mut V {
    let at = list
        .iter()
        .position(|(key, _)| *key == wanted)
        .unwrap_or_else(|| {
            list.push((wanted, V::default()));
            list.len() - 1
        });
    &mut list[at].1
}

fn has_data(metric: &Option<Metric>) -> bool {
    metric.as_ref().is_none_or(|metric| metric.data.is_some())
}

/// Compaction of messages.
fn compacted(tree: &Tree, metrics: bool) -> Tree {
    let mut out = Tree::new();
    for (resource, scopes) in tree {
        let to = place(&mut out, resource.clone());
        for (scope, list) in scopes {
            let to = place(to, scope.clone());
            for (metric, items) in list {
                if metric.is_none() || metrics && has_data(metric) {
                    place(to, metric.clone()).extend_from_slice(items);
                } else {
                    to.push((metric.clone(), items.clone()));
                }
            }
        }
    }
    out
}

/// A bare resource envelope whose resource has these attributes, in place of its own of the same names. The numbers of its fields are
/// the same in all signals.
fn with_attributes(envelope: &[u8], moved: Vec<KeyValue>) -> Vec<u8> {
    let mut envelope = ResourceSpans::decode(envelope).unwrap();
    let attributes = &mut envelope.resource.get_or_insert_with(Resource::default).attributes;
    attributes.retain(|own| !moved.iter().any(|other| other.key == own.key));
    attributes.extend(moved);
    envelope.encode_to_vec()
}

/// Grouping of messages.
fn grouped(tree: &Tree, keys: &[&str]) -> (Tree, GroupedItems) {
    let (mut out, mut count) = (Tree::new(), GroupedItems::default());
    let mut groups: Vec<(usize, Vec<KeyValue>)> = Vec::new();
    for (number, (resource, scopes)) in tree.iter().enumerate() {
        let all = scopes
            .iter()
            .flat_map(|(scope, list)| list.iter().map(move |series| (scope, series)));
        for (scope, (metric, items)) in all {
            for (attributes, rest) in items {
                let first = |key: &&str| attributes.iter().find(|own| own.key == *key).cloned();
                let moved: Vec<KeyValue> = keys.iter().filter_map(first).collect();
                let mut resource = resource.clone();
                if moved.is_empty() {
                    count.without += 1;
                } else {
                    count.grouped += 1;
                    groups.push((number, moved.clone()));
                    resource = with_attributes(&resource, moved);
                }
                let mut left = attributes.clone();
                left.retain(|own| !keys.contains(&&*own.key));
                let to = place(place(&mut out, resource), scope.clone());
                place(to, metric.clone()).push((left, rest.clone()));
            }
        }
    }
    let known = |at: usize| groups.iter().take(at).any(|group| *group == groups[at]);
    count.groups = (0..groups.len()).filter(|at| !known(*at)).count() as u64;
    (out, count)
}

/// Makes envelopes of a request the same as others of it, here and there.
fn collide<E: Clone, C: Clone>(
    envelopes: &mut [E],
    children: fn(&mut E) -> &mut Vec<C>,
    same: fn(&mut C, &C),
    random: &mut fastrand::Rng,
) {
    let pool = envelopes.to_vec();
    for envelope in envelopes {
        let own = std::mem::take(children(envelope));
        if random.u8(..) < 160 {
            *envelope = pool[random.usize(..pool.len())].clone();
        }
        *children(envelope) = own;
        let inner = children(envelope).clone();
        for child in children(envelope) {
            if random.u8(..) < 160 {
                same(child, &inner[random.usize(..inner.len())]);
            }
        }
    }
}

fn requests() -> impl Strategy<Value = (Signal, Bytes)> {
    let traces = (traces(), any::<u64>()).prop_map(|(mut request, seed)| {
        let same = |scope: &mut ScopeSpans, other: &ScopeSpans| {
            (scope.scope, scope.schema_url) = (other.scope.clone(), other.schema_url.clone());
        };
        let random = &mut fastrand::Rng::with_seed(seed);
        collide(
            &mut request.resource_spans,
            |resource| &mut resource.scope_spans,
            same,
            random,
        );
        (Signal::Traces, request.encode_to_vec().into())
    });
    let logs = (logs(), any::<u64>()).prop_map(|(mut request, seed)| {
        let same = |scope: &mut ScopeLogs, other: &ScopeLogs| {
            (scope.scope, scope.schema_url) = (other.scope.clone(), other.schema_url.clone());
        };
        let random = &mut fastrand::Rng::with_seed(seed);
        collide(
            &mut request.resource_logs,
            |resource| &mut resource.scope_logs,
            same,
            random,
        );
        (Signal::Logs, request.encode_to_vec().into())
    });
    let metrics = (metrics(), any::<u64>()).prop_map(|(mut request, seed)| {
        let same = |scope: &mut ScopeMetrics, other: &ScopeMetrics| {
            (scope.scope, scope.schema_url) = (other.scope.clone(), other.schema_url.clone());
            scope.metrics.extend_from_slice(&other.metrics);
        };
        let random = &mut fastrand::Rng::with_seed(seed);
        collide(
            &mut request.resource_metrics,
            |resource| &mut resource.scope_metrics,
            same,
            random,
        );
        (Signal::Metrics, request.encode_to_vec().into())
    });
    prop_oneof![traces, logs, metrics]
}

/// What was written, which is the same in one piece and in many.
fn written(regrouped: &Regrouped<'_>) -> Bytes {
    let whole = regrouped.to_bytes();
    assert_eq!(regrouped.to_segments().concat(), whole);
    assert_eq!(regrouped.output_len(), whole.len());
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_equal_envelopes_become_one((signal, request) in requests(), metrics: bool) {
        let mut regrouper = Regrouper::new(3);
        let regrouped = regrouper.compact(signal, &request, metrics).unwrap();
        let before = tree(signal, &request);
        let after = compacted(&before, metrics);
        prop_assert_eq!(regrouped.is_unchanged(), after == before);
        prop_assert_eq!(regrouped.is_unchanged(), regrouped.joined == 0);
        let out = written(&regrouped);
        prop_assert_eq!(tree(signal, &out), after);
        prop_assert_eq!(out.as_ptr() == request.as_ptr(), before == tree(signal, &out));
        prop_assert!(regrouper.compact(signal, &out, metrics).unwrap().is_unchanged());
    }

    #[test]
    fn property_items_are_grouped_as_messages_would_be(
        (signal, request) in requests(), keys in subsequence(&KEYS[..], 1..4).prop_shuffle(),
    ) {
        let mut regrouper = Regrouper::new(3);
        let grouping = Grouping::new(keys.iter().copied(), 1_000);
        let regrouped = regrouper.group(signal, &request, &grouping).unwrap();
        let (after, count) = grouped(&tree(signal, &request), &keys);
        prop_assert_eq!(regrouped.items, count);
        prop_assert_eq!(regrouped.is_unchanged(), count.grouped == 0);
        let out = written(&regrouped);
        if count.grouped == 0 {
            prop_assert_eq!(out.as_ptr(), request.as_ptr());
        } else {
            prop_assert_eq!(tree(signal, &out), after);
        }
        let again = regrouper.group(signal, &out, &grouping).unwrap();
        prop_assert_eq!(again.items.without, count.grouped + count.without);
    }

    #[test]
    fn property_no_more_groups_than_may_be(
        (signal, request) in requests(), keys in subsequence(&KEYS[..], 1..4), max in 0_usize..6,
    ) {
        let mut regrouper = Regrouper::new(3);
        let (_, free) = grouped(&tree(signal, &request), &keys);
        let regrouped = regrouper.group(signal, &request, &Grouping::new(keys.iter().copied(), max)).unwrap();
        let items = regrouped.items;
        prop_assert_eq!(items.groups, free.groups.min(max as u64));
        prop_assert_eq!(items.grouped + items.beyond, free.grouped);
        prop_assert_eq!(items.beyond == 0, free.groups <= max as u64);
        prop_assert_eq!(items.without, free.without);
        let out = written(&regrouped);
        prop_assert_eq!(count_items(signal, &out).unwrap(), items.grouped + items.beyond + items.without);
    }

    #[test]
    fn property_damaged_requests_are_refused_or_keep_their_items(
        (signal, request) in requests(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keys in subsequence(&KEYS[..], 1..3),
    ) {
        let mut request = request.to_vec();
        prop_assume!(!request.is_empty());
        for (at, byte) in damage {
            let at = at.index(request.len());
            request[at] = byte;
        }
        let request = Bytes::from(request);
        let mut regrouper = Regrouper::new(3);
        if let Ok(items) = count_items(signal, &request) {
            if let Ok(regrouped) = regrouper.compact(signal, &request, true) {
                prop_assert_eq!(count_items(signal, &written(&regrouped)).unwrap(), items);
            }
            if let Ok(regrouped) = regrouper.group(signal, &request, &Grouping::new(keys, 9)) {
                prop_assert_eq!(count_items(signal, &written(&regrouped)).unwrap(), items);
            }
        }
    }

    #[test]
    fn property_anything_can_be_asked_to_be_regrouped(bytes in vec(any::<u8>(), 0..200)) {
        let request = Bytes::from(bytes);
        let mut regrouper = Regrouper::new(3);
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            if let Ok(regrouped) = regrouper.compact(signal, &request, true) {
                prop_assert!(written(&regrouped).len() <= request.len() + 64);
            }
        }
    }
}

/// A request of these resource envelopes, each given with its shell in front of the scopes and behind them.
fn envelopes(list: &[(&[u8], &[u8], &[u8])]) -> Bytes {
    let mut request = Vec::new();
    for (before, scopes, after) in list {
        encode::put_bytes(&mut request, 1, &[*before, *scopes, *after].concat());
    }
    request.into()
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::put_bytes(&mut out, number, bytes);
    out
}

#[test]
fn fields_that_nobody_knows_are_part_of_what_an_envelope_is() {
    let span = |name: &str| {
        let span = Span {
            name: name.into(),
            ..Span::default()
        };
        field(2, &field(2, &span.encode_to_vec()))
    };
    let (resource, url, unknown) = (field(1, &field(1, b"")), field(3, b"u"), field(99, b"?"));
    let split = [&resource[..], &unknown[..]].concat();
    let request = envelopes(&[
        (&resource, &span("a"), &url),
        (&resource, &span("b"), &[&url[..], &unknown[..]].concat()),
        (&resource, &span("c"), &url),
        (&[], &span("d"), &[&resource[..], &url[..]].concat()),
        (&split, &span("e"), &[]),
    ]);
    let mut regrouper = Regrouper::new(3);
    let out = written(&regrouper.compact(Signal::Traces, &request, true).unwrap());
    let decoded = ExportTraceServiceRequest::decode(out.clone()).unwrap();
    let names = decoded.resource_spans.iter().map(|resource| {
        let scopes = resource.scope_spans.iter();
        scopes
            .flat_map(|scope| scope.spans.iter().map(|span| &*span.name))
            .collect::<String>()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["acd", "b", "e"]);
    let unknowns = out.windows(unknown.len()).filter(|bytes| *bytes == unknown);
    assert_eq!(unknowns.count(), 2);
}

#[test]
fn long_runs_of_items_are_where_they_were() {
    let span = Span {
        name: "x".repeat(200),
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: vec![span; 50],
        ..ScopeSpans::default()
    };
    let resource = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![resource; 2],
    };
    let request = Bytes::from(request.encode_to_vec());
    let mut regrouper = Regrouper::new(3);
    let segments = regrouper
        .compact(Signal::Traces, &request, true)
        .unwrap()
        .to_segments();
    let there = |segment: &&Bytes| request.as_ptr_range().contains(&segment.as_ptr());
    let shared: usize = segments.iter().filter(there).map(Bytes::len).sum();
    let all: usize = segments.iter().map(Bytes::len).sum();
    assert!(all - shared < 100, "{} of {all} bytes are new", all - shared);
}

#[test]
fn shells_are_not_repeated_without_bound() {
    let value = |key: &str, text: String| KeyValue {
        key: key.into(),
        value: Some(opentelemetry_proto::tonic::common::v1::AnyValue {
            value: Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text)),
        }),
        ..KeyValue::default()
    };
    let span = |index: usize| Span {
        attributes: vec![value("k", index.to_string())],
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![value("big", "x".repeat(100_000))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: (0..1_000).map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let request = Bytes::from(request.encode_to_vec());
    let mut regrouper = Regrouper::new(3);
    let regrouped = regrouper
        .group(Signal::Traces, &request, &Grouping::new(["k"], 100_000))
        .unwrap();
    let items = regrouped.items;
    assert!(items.grouped > 0 && items.beyond > items.grouped, "{items:?}");
    let out = written(&regrouped);
    assert!(
        out.len() < 7 * request.len(),
        "{} from {}",
        out.len(),
        request.len()
    );
    assert_eq!(count_items(Signal::Traces, &out).unwrap(), 1_000);
}
