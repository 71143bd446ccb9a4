//! Requests through a buffer: taken apart, held, and put together again.

use super::super::First;
use super::{id, limits};
use crate::buffer::TraceBuffer;
use fastrand::Rng;
use forebay_otlp::{
    Signal,
    edit::{Outline, RequestBuilder, Shells},
    fields::span,
    views::{Span, View},
};
use proptest::prelude::*;

/// The bodies of spans of these traces, padded to some length.
fn spans(random: &mut Rng) -> Vec<Vec<u8>> {
    let count = random.usize(1..8);
    let span = |random: &mut Rng| {
        let mut body = vec![(span::TRACE_ID << 3 | 2) as u8, 16];
        body.extend_from_slice(&id(random.u64(..5)));
        body.extend_from_slice(&[(span::NAME << 3 | 2) as u8, random.u8(1..100)]);
        let length = usize::from(*body.last().unwrap());
        body.resize(body.len() + length, b'n');
        body
    };
    (0..count).map(|_| span(random)).collect()
}

/// A request of some scopes, of few different ones.
fn request(random: &mut Rng) -> Vec<u8> {
    let mut builder = RequestBuilder::new();
    for _ in 0..random.usize(1..5) {
        let (resource, scope) = (random.u8(..3), random.u8(..3));
        let shells = Shells {
            resource_number: resource.into(),
            resource: &[0x0a, 2, 0x10, resource],
            scope_number: (resource * 3 + scope).into(),
            scope: &[0x1a, 1, b'a' + scope],
        };
        for span in spans(random) {
            builder.push(&shells, |out| out.extend_from_slice(&span));
        }
    }
    builder.finish().to_vec()
}

/// Each span with the shells around it.
fn contents(requests: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut outline = Outline::new();
    let mut found = Vec::new();
    for request in requests {
        for scope in outline.read(Signal::Traces, request).unwrap() {
            let resource = scope.resource_shell(&mut Vec::new()).to_vec();
            let around = scope.scope_shell(&mut Vec::new()).to_vec();
            found.extend(
                scope
                    .items()
                    .map(|item| (resource.clone(), around.clone(), item.to_vec())),
            );
        }
    }
    found.sort();
    found
}

fn hold(buffer: &mut TraceBuffer<u64>, request: &[u8]) {
    let (mut outline, mut one, mut other) = (Outline::new(), Vec::new(), Vec::new());
    let (mut ids, mut found) = (Vec::new(), Vec::new());
    for scope in outline.read(Signal::Traces, request).unwrap() {
        let (resource, around) = (scope.resource_shell(&mut one), scope.scope_shell(&mut other));
        let envelope = buffer.intern(Signal::Traces, resource, around).unwrap();
        ids.clear();
        ids.extend(
            scope
                .items()
                .map(|item| *Span::new(item).trace_id().unwrap().first_chunk().unwrap()),
        );
        found.clear();
        buffer.find_all(&ids, &mut found);
        for ((item, id), found) in scope.items().zip(&ids).zip(&found) {
            match found.or_else(|| buffer.find(id)) {
                Some(trace) => buffer.append(trace, envelope, item).unwrap(),
                None => {
                    buffer
                        .insert(&First {
                            id,
                            arrival: 0,
                            envelope,
                            item,
                        })
                        .unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn property_what_is_put_together_is_what_was_taken_apart(seed: u64) {
        let mut random = Rng::with_seed(seed);
        let mut buffer = TraceBuffer::<u64>::new(limits()).unwrap();
        let requests: Vec<_> = (0..4).map(|_| request(&mut random)).collect();
        for request in &requests {
            hold(&mut buffer, request);
            buffer.tidy();
        }
        let (mut builder, mut built) = (RequestBuilder::new(), Vec::new());
        while let Some(oldest) = buffer.oldest() {
            let mut taken = buffer.take(oldest).unwrap();
            while let Some(record) = taken.next_record() {
                builder.push(&record.envelope.shells, |out| record.item.copy_to(out));
            }
            drop(taken);
            // Envelopes may leave while the builder has items of them.
            buffer.tidy();
            if random.bool() {
                built.push(builder.finish().to_vec());
            }
        }
        built.push(builder.finish().to_vec());
        prop_assert_eq!(contents(&built), contents(&requests));
        prop_assert_eq!(buffer.envelopes(), 0);
    }
}
