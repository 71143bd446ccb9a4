//! Taking requests apart by their outline, and putting their items together again.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::{collection::vec, prelude::*};
use prost::Message;

use super::arbitrary::{logs, metrics, traces};
use crate::{
    Signal, count_items,
    edit::{Editor, Outline, RequestBuilder, Shells, encode},
};

/// The request of the items for which `take` says so, numbering shells by what they are.
fn rebuild(signal: Signal, requests: &[Vec<u8>], mut take: impl FnMut() -> bool) -> Bytes {
    let (mut outline, mut builder) = (Outline::new(), RequestBuilder::new());
    let (mut resources, mut scopes) = (Vec::new(), Vec::new());
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for request in requests {
        for scope_items in outline.read(signal, request).unwrap() {
            let resource = scope_items.resource_shell(&mut one);
            let scope = scope_items.scope_shell(&mut other);
            let resource_number = number(&mut resources, resource.to_vec());
            let scope_number = number(&mut scopes, (resource_number, scope.to_vec()));
            for item in scope_items.items() {
                if take() {
                    let shells = Shells {
                        resource_number,
                        resource,
                        scope_number,
                        scope,
                    };
                    builder.push(&shells, |out| out.extend_from_slice(item));
                }
            }
        }
    }
    let (items, staged) = (builder.items(), builder.staged_bytes());
    let request = builder.finish();
    assert_eq!(count_items(signal, &request).unwrap(), items as u64);
    assert!((staged..=staged + 45 * items).contains(&request.len()));
    assert_eq!((builder.items(), builder.finish().len()), (0, 0));
    request
}

fn number<T: PartialEq>(list: &mut Vec<T>, value: T) -> u64 {
    let found = list.iter().position(|other| *other == value);
    found.unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    }) as u64
}

/// The same with messages: each span goes to the first place with its resource and scope.
fn regroup(requests: &[ExportTraceServiceRequest]) -> ExportTraceServiceRequest {
    let mut out: Vec<ResourceSpans> = Vec::new();
    let inhabited = |scope: &&ScopeSpans| !scope.spans.is_empty();
    for envelope in requests.iter().flat_map(|request| &request.resource_spans) {
        for scope in envelope.scope_spans.iter().filter(inhabited) {
            let bare = ResourceSpans {
                scope_spans: Vec::new(),
                ..envelope.clone()
            };
            let shell = |one: &ResourceSpans| {
                ResourceSpans {
                    scope_spans: Vec::new(),
                    ..one.clone()
                } == bare
            };
            let at = out.iter().position(shell).unwrap_or_else(|| {
                out.push(bare.clone());
                out.len() - 1
            });
            let scopes = &mut out[at].scope_spans;
            let bare = ScopeSpans {
                spans: Vec::new(),
                ..scope.clone()
            };
            let shell = |one: &ScopeSpans| {
                ScopeSpans {
                    spans: Vec::new(),
                    ..one.clone()
                } == bare
            };
            let at = scopes.iter().position(shell).unwrap_or_else(|| {
                scopes.push(bare.clone());
                scopes.len() - 1
            });
            scopes[at].spans.extend_from_slice(&scope.spans);
        }
    }
    ExportTraceServiceRequest { resource_spans: out }
}

proptest! {
    #[test]
    fn property_items_of_many_requests_are_grouped_as_messages_would_be(requests in vec(traces(), 0..4)) {
        let encoded: Vec<Vec<u8>> = requests.iter().map(Message::encode_to_vec).collect();
        let built = rebuild(Signal::Traces, &encoded, || true);
        prop_assert_eq!(ExportTraceServiceRequest::decode(built).unwrap(), regroup(&requests));
    }

    #[test]
    fn property_what_is_built_from_a_part_is_what_dropping_the_rest_leaves(request in logs(), seed: u64) {
        let encoded = Bytes::from(request.encode_to_vec());
        let mut random = fastrand::Rng::with_seed(seed);
        let built = rebuild(Signal::Logs, &[encoded.to_vec()], || random.bool());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut editor = Editor::new();
        let dropped = editor.partition(Signal::Logs, &encoded, |_| usize::from(random.bool())).unwrap();
        let kept = dropped.into_iter().find(|(part, _)| *part == 1);
        // Envelopes that are the same twice are one in what is built: bring both into the same form.
        let kept = kept.map(|(_, part)| rebuild(Signal::Logs, &[part.bytes.to_vec()], || true));
        prop_assert_eq!(
            ExportLogsServiceRequest::decode(built).unwrap(),
            ExportLogsServiceRequest::decode(kept.unwrap_or_default()).unwrap()
        );
    }

    #[test]
    fn property_a_request_of_metrics_has_no_outline(request in metrics()) {
        let request = request.encode_to_vec();
        let mut outline = Outline::new();
        prop_assert_eq!(outline.read(Signal::Metrics, &request).unwrap().count(), 0);
    }

    #[test]
    fn property_an_outline_of_anything_does_not_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut outline = Outline::new();
        if let Ok(scopes) = outline.read(Signal::Traces, &bytes) {
            prop_assert!(scopes.map(|scope| scope.items().len()).sum::<usize>() <= bytes.len());
        }
    }
}

#[test]
fn a_shell_has_what_is_not_known_wherever_it_stands() {
    let span = Span {
        name: "a".into(),
        ..Span::default()
    }
    .encode_to_vec();
    let mut scope = Vec::new();
    encode::put_bytes(&mut scope, 2, &span);
    encode::put_bytes(&mut scope, 1, b"\x0a\x01s");
    encode::put_bytes(&mut scope, 2, &span);
    encode::put_bytes(&mut scope, 99, b"unknown");
    let mut resource = Vec::new();
    encode::put_bytes(&mut resource, 99, b"first");
    encode::put_bytes(&mut resource, 2, &scope);
    encode::put_bytes(&mut resource, 3, b"https://schema");
    let mut request = Vec::new();
    encode::put_bytes(&mut request, 1, &resource);

    let mut expected = (Vec::new(), Vec::new());
    encode::put_bytes(&mut expected.0, 99, b"first");
    encode::put_bytes(&mut expected.0, 3, b"https://schema");
    encode::put_bytes(&mut expected.1, 1, b"\x0a\x01s");
    encode::put_bytes(&mut expected.1, 99, b"unknown");
    let mut outline = Outline::new();
    let scopes: Vec<_> = outline.read(Signal::Traces, &request).unwrap().collect();
    let [only] = &scopes[..] else { panic!("{scopes:?}") };
    let (mut one, mut other) = (Vec::new(), Vec::new());
    assert_eq!(only.resource_shell(&mut one), expected.0);
    assert_eq!(only.scope_shell(&mut other), expected.1);
    assert_eq!(only.items().collect::<Vec<_>>(), [&span[..], &span[..]]);
    assert_eq!(only.context().scope, b"\x0a\x01s");
}
