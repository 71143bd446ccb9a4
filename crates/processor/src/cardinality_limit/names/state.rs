//! What is kept between batches: which values of which service have a place.

use super::{Settings, Target};
use forebay_cardinality::template::{self, Templater};
use forebay_cardinality::{DistinctValues, Identity, SeriesHasher};
use forebay_core::ValueUse;
use std::collections::HashMap;

/// Bytes of a service's name that are kept for people.
const NAME_BYTES: usize = 128;

/// Bytes that a service takes beside its values, with its place in the index.
const SERVICE_BYTES: usize = size_of::<Service>() + NAME_BYTES + 96;

/// The place of the services beyond the bound.
pub(super) const OTHERS: usize = 0;
/// Their name, for people.
const OTHERS_NAME: &str = "other services";

/// The values of one rule in one service.
#[derive(Debug)]
struct Values {
    places: DistinctValues,
    overflowed: u64,
    /// There was no memory for more: newcomers only get the places of idle values.
    is_frozen: bool,
}

#[derive(Debug)]
struct Service {
    identity: Identity,
    name: Box<str>,
    seen: u32,
    /// One for each rule.
    values: Box<[Values]>,
}

impl Service {
    fn memory(&self) -> usize {
        let of = |values: &Values| values.places.memory() + size_of::<Values>() - size_of::<DistinctValues>();
        self.values.iter().map(of).sum()
    }
}

/// A part of the services.
#[derive(Debug)]
pub(super) struct Partition {
    templater: Option<Templater>,
    /// The first one is [`OTHERS`].
    services: Vec<Service>,
    index: HashMap<Identity, usize>,
    max_services: usize,
    limits: Box<[u32]>,
    idle: u32,
    /// Bytes that the tables of values take, and may take.
    used: usize,
    room: usize,
    /// Before this no service is looked for that is idle.
    next_sweep: u32,
}

impl Partition {
    pub(super) fn new(settings: &Settings, hasher: &SeriesHasher) -> Self {
        let memory = settings.memory as usize / settings.partitions();
        let max_services = max_services(settings);
        let templates = templates(settings);
        let templater = templates.then(|| template::Settings::within(settings.max_literals, memory / 2));
        let fixed =
            templater.map_or(0, |templater| Templater::bound(&templater)) + max_services * SERVICE_BYTES;
        let mut partition = Partition {
            templater: templater.map(|settings| Templater::with_hasher(settings, hasher.clone())),
            services: Vec::new(),
            index: HashMap::new(),
            max_services,
            limits: settings.rules.iter().map(|rule| rule.limit).collect(),
            idle: settings.idle_seconds,
            used: 0,
            room: memory.saturating_sub(fixed),
            next_sweep: 0,
        };
        partition.add(Identity::default(), OTHERS_NAME.into(), 0);
        partition
    }

    /// The least memory that it can do with, in bytes: without a place for any value.
    pub(super) fn least(settings: &Settings) -> usize {
        let templater = match templates(settings) {
            true => Templater::bound(&template::Settings::within(settings.max_literals, 0)),
            false => 0,
        };
        let services = max_services(settings);
        templater + services * service_bytes(settings.rules.len())
    }

    /// The place of a service, seen at `now`: [`OTHERS`] if there is none for it.
    pub(super) fn service(&mut self, identity: Identity, now: u32, name: impl FnOnce() -> String) -> usize {
        if let Some(&place) = self.index.get(&identity) {
            if let Some(service) = self.services.get_mut(place) {
                service.seen = service.seen.max(now);
            }
            return place;
        }
        if self.services.len() >= self.max_services && !self.make_room(now) {
            return OTHERS;
        }
        let mut name = name();
        name.truncate(name.floor_char_boundary(NAME_BYTES));
        self.add(identity, name.into(), now)
    }

    fn add(&mut self, identity: Identity, name: Box<str>, now: u32) -> usize {
        let values = self.limits.iter().map(|limit| Values {
            places: DistinctValues::new(*limit as usize, self.idle),
            overflowed: 0,
            is_frozen: false,
        });
        let service = Service {
            identity,
            name,
            seen: now,
            values: values.collect(),
        };
        self.used += service.memory();
        let place = self.services.len();
        self.services.push(service);
        self.index.insert(identity, place);
        place
    }

    /// Lets go of services that are idle, which is looked for once a second at most: whether there is a place now.
    fn make_room(&mut self, now: u32) -> bool {
        if now < self.next_sweep {
            return false;
        }
        self.next_sweep = now.saturating_add(1);
        let idle = self.idle;
        let mut place = 0;
        self.services.retain(|service| {
            place += 1;
            place == OTHERS + 1 || now.saturating_sub(service.seen) < idle
        });
        self.used = self.services.iter().map(Service::memory).sum();
        let places = self.services.iter().enumerate();
        self.index = places.map(|(place, service)| (service.identity, place)).collect();
        self.thaw();
        self.services.len() < self.max_services
    }

    /// Other limits from now on. Nobody loses a place.
    pub(super) fn set_limits(&mut self, settings: &Settings) {
        self.limits = settings.rules.iter().map(|rule| rule.limit).collect();
        self.idle = settings.idle_seconds;
        for service in &mut self.services {
            for (values, limit) in service.values.iter_mut().zip(&self.limits) {
                values.is_frozen = false;
                values.places.set_bounds(*limit as usize, self.idle);
            }
        }
    }

    /// There is memory again.
    fn thaw(&mut self) {
        for service in &mut self.services {
            for (values, limit) in service.values.iter_mut().zip(&self.limits) {
                if std::mem::take(&mut values.is_frozen) {
                    values.places.set_bounds(*limit as usize, self.idle);
                }
            }
        }
    }

    /// Whether a text with this identity is known to stay as it is when it is templated.
    #[inline]
    pub(super) fn passes(&self, service: usize, rule: usize, text: Identity) -> bool {
        match (&self.templater, self.services.get(service)) {
            (Some(templater), Some(service)) => templater.passes(service.identity.plus(salt(rule)), text),
            _ => true,
        }
    }

    /// Templates a value of a rule in a service: whether it differs. If so `out` has what it becomes.
    #[inline]
    pub(super) fn template(&mut self, service: usize, rule: usize, text: &str, out: &mut String) -> bool {
        let scope = self
            .services
            .get(service)
            .map(|service| service.identity.plus(salt(rule)));
        match (&mut self.templater, scope) {
            (Some(templater), Some(scope)) => templater.template_within(scope, text, out),
            _ => false,
        }
    }

    /// Whether a value of a rule in a service has a place.
    #[inline]
    pub(super) fn admit(&mut self, service: usize, rule: usize, value: Identity, now: u32) -> bool {
        let Some(values) = self
            .services
            .get_mut(service)
            .and_then(|service| service.values.get_mut(rule))
        else {
            return true;
        };
        let places = &mut values.places;
        let before = places.memory();
        // One more might need a larger table, for twice as many.
        if DistinctValues::memory_at(places.len() + 1) > before && !values.is_frozen {
            let limit = self.limits.get(rule).copied().unwrap_or(0) as usize;
            let larger =
                DistinctValues::memory_at((places.len() * 2).max(8).min(limit.max(places.len() + 1)));
            // While it grows, both are there.
            if self.used + larger > self.room {
                values.is_frozen = true;
                places.set_bounds(places.len(), self.idle);
            }
        }
        let admitted = places.admit(value, now);
        values.overflowed += u64::from(!admitted);
        self.used += places.memory() - before;
        admitted
    }

    /// Values that have a place.
    pub(super) fn values(&self) -> usize {
        let values = self.services.iter().flat_map(|service| &service.values);
        values.map(|values| values.places.len()).sum()
    }

    /// Bytes that it takes.
    pub(super) fn memory(&self) -> usize {
        let templater = self.templater.as_ref().map_or(0, Templater::memory);
        templater + self.used + self.services.len() * SERVICE_BYTES
    }

    /// Adds what each service has of each rule.
    pub(super) fn report(&self, settings: &Settings, to: &mut Vec<ValueUse>) {
        for service in &self.services {
            for (values, rule) in service.values.iter().zip(&settings.rules) {
                if values.places.is_empty() && values.overflowed == 0 {
                    continue;
                }
                to.push(ValueUse {
                    signal: settings.signal.as_str().to_owned(),
                    key: match &rule.target {
                        Target::Name => "name".to_owned(),
                        Target::Attribute(key) => key.to_string(),
                    },
                    service: service.name.to_string(),
                    live: values.places.len() as u64,
                    limit: rule.limit.into(),
                    overflowed: values.overflowed,
                });
            }
        }
    }
}

/// Bytes that a service takes of which nothing has a place yet.
pub(super) const fn service_bytes(rules: usize) -> usize {
    SERVICE_BYTES + rules * size_of::<Values>()
}

/// Services in one part, the shared place among them. Chance puts a few more into one part than into another.
fn max_services(settings: &Settings) -> usize {
    (settings.max_services as usize).div_ceil(settings.partitions()) + 1
}

fn templates(settings: &Settings) -> bool {
    settings.rules.iter().any(|rule| rule.template)
}

/// What tells the texts of one rule from those of another.
#[inline]
fn salt(rule: usize) -> Identity {
    Identity((rule as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}
