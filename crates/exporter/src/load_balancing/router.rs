//! The key of each item, and the backend that is responsible for it.

use super::config::RoutingKey;
use forebay_core::balanced::{HASHER, Member, Router, rendezvous};
use forebay_core::{Batch, Signal};
use forebay_otlp::edit::{ItemContext, first_field};
use forebay_otlp::views::{KeyValue, Repeated, Request, View};
use forebay_otlp::{Value, fields};

/// Routes by a key. What has the same key, wherever it is computed, goes to the same member.
#[derive(Debug)]
pub(super) struct KeyRouter {
    pub(super) key: RoutingKey,
    pub(super) attributes: Vec<String>,
}

/// The key of the last resource: a request has few of them, and many items in each.
#[derive(Default)]
struct OfResource {
    /// Where it stands in the request, which does not move.
    place: Option<(usize, usize)>,
    hash: u64,
}

impl Router for KeyRouter {
    fn route(&self, batch: Batch, members: &[Member], parts: &mut Vec<(usize, Batch)>) {
        if let Some(hash) = self.of_resource(batch.signal())
            && let Some(place) = whole(&batch.payload().contiguous(), hash, members)
        {
            return parts.push((place, batch));
        }
        let mut of_resource = OfResource::default();
        let mut last: Option<(u64, usize)> = None;
        parts.extend(batch.partition(|item| {
            let key = self.key(item, &mut of_resource);
            match last {
                Some((before, place)) if before == key => place,
                _ => {
                    let place = rendezvous(members, key);
                    last = Some((key, place));
                    place
                }
            }
        }));
    }
}

impl KeyRouter {
    fn key(&self, item: &ItemContext<'_>, of_resource: &mut OfResource) -> u64 {
        match (self.of_resource(item.signal), self.key) {
            (Some(hash), _) => of_resource.of(item.resource, hash),
            (None, RoutingKey::Attributes) => self.by_attributes(item),
            (None, RoutingKey::Metric) => by_metric(item),
            (None, _) => by_trace(item),
        }
    }

    /// The key of a resource, where the key depends on nothing else.
    fn of_resource(&self, signal: Signal) -> Option<fn(&[u8]) -> u64> {
        match (self.key, signal) {
            (RoutingKey::TraceId, Signal::Traces | Signal::Logs)
            | (RoutingKey::Metric, Signal::Metrics)
            | (RoutingKey::Attributes, _) => None,
            (RoutingKey::Resource, _) => Some(by_resource),
            (RoutingKey::TraceId | RoutingKey::Metric | RoutingKey::Service, _) => Some(by_service),
        }
    }

    fn by_attributes(&self, item: &ItemContext<'_>) -> u64 {
        let places = [
            (item.item, item.attributes),
            (item.scope, fields::instrumentation_scope::ATTRIBUTES),
            (item.resource, fields::resource::ATTRIBUTES),
        ];
        self.attributes.iter().fold(0, |key, name| {
            let value = places
                .iter()
                .find_map(|(message, field)| attribute(message, *field, name));
            HASHER.pair(key, value.map_or(0, |value| HASHER.bytes(value)))
        })
    }
}

/// The member for all of a request, if one is responsible for all of its resources: its items need not be looked at then.
fn whole(request: &[u8], hash: fn(&[u8]) -> u64, members: &[Member]) -> Option<usize> {
    let mut all = None;
    for envelope in Request::new(request).resource_envelopes() {
        let place = rendezvous(members, hash(envelope.ok()?.resource().ok()?.bytes()));
        if *all.get_or_insert(place) != place {
            return None;
        }
    }
    all
}

impl OfResource {
    fn of(&mut self, resource: &[u8], hash: fn(&[u8]) -> u64) -> u64 {
        let place = Some((resource.as_ptr().addr(), resource.len()));
        if self.place != place {
            let hash = hash(resource);
            *self = OfResource { place, hash };
        }
        self.hash
    }
}

/// A trace id that is empty is none.
fn by_trace(item: &ItemContext<'_>) -> u64 {
    let field = match item.signal {
        Signal::Logs => fields::log_record::TRACE_ID,
        Signal::Traces | Signal::Metrics => fields::span::TRACE_ID,
    };
    match first_field(item.item, field) {
        Ok(Some(Value::Len(id))) if !id.is_empty() => HASHER.bytes(id),
        _ => HASHER.bytes(item.item),
    }
}

fn by_metric(item: &ItemContext<'_>) -> u64 {
    let metric = item.metric.map_or(&[][..], |metric| metric.metric);
    match first_field(metric, fields::metric::NAME) {
        Ok(Some(Value::Len(name))) => HASHER.bytes(name),
        _ => HASHER.bytes(&[]),
    }
}

fn by_service(resource: &[u8]) -> u64 {
    match attribute(resource, fields::resource::ATTRIBUTES, "service.name") {
        Some(name) => HASHER.bytes(name),
        None => by_resource(resource),
    }
}

fn by_resource(resource: &[u8]) -> u64 {
    let attributes = Repeated::new(resource, fields::resource::ATTRIBUTES);
    HASHER
        .attributes(attributes)
        .unwrap_or_else(|_| HASHER.bytes(resource))
}

/// The bytes of an attribute's value.
fn attribute<'a>(message: &'a [u8], field: u32, name: &str) -> Option<&'a [u8]> {
    let attributes = Repeated::<KeyValue<'a>>::new(message, field);
    let mut read = attributes.map_while(|attribute| attribute.and_then(KeyValue::read).ok());
    read.find_map(|(key, value)| (key == name.as_bytes()).then(|| value.bytes()))
}
