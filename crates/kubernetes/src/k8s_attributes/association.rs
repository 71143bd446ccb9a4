//! Finds the pod that a resource came from, by rules.

use super::config::{NAMESPACE, POD_NAME, RuleConfig, Source};
use super::reading::{Keys, Slot, Values};
use crate::{Known, Pod};
use std::net::IpAddr;

/// The rules of a config.
#[derive(Debug)]
pub(super) struct Association {
    rules: Vec<Rule>,
    /// What is asked of pods by name of whose namespace a rule says nothing: there is one only.
    namespace: Option<Box<str>>,
}

/// All conditions of one rule. They must hold for one pod.
#[derive(Debug)]
struct Rule(Vec<Condition>);

#[derive(Debug)]
enum Condition {
    /// It has the address that the request came from.
    Connection,
    /// It has this address.
    Address(Slot),
    /// It has this uid.
    Uid(Slot),
    /// One of its containers has this id.
    Container(Slot),
    /// It has this name, and is in this namespace, or in the only one that there is.
    Name(Slot, Option<Slot>),
    /// It is in this namespace.
    Namespace(Slot),
    /// It has this attribute.
    Attribute(Slot, Box<[u8]>),
}

/// What the conditions of a rule came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A rule has found a pod: its number, from 0.
    Found(usize, Pod),
    /// There was something to look for, and no such pod.
    Missed(Missed),
    /// There was nothing to look for.
    Unidentified,
}

/// How a pod was looked for that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missed {
    /// Whether an address was among it.
    pub(super) by_address: bool,
}

/// What a condition says of a resource.
enum Said {
    /// The attribute that it is about is not there.
    Nothing,
    /// It speaks of this pod.
    Pod(Pod),
    /// It speaks of a pod that is not known.
    Unknown,
    /// It does not say which pod, but what it must be like.
    Later,
}

/// What is known of the sender of a batch: looked up once.
#[derive(Debug, Default)]
pub(super) struct Sender {
    address: Option<IpAddr>,
    pod: Option<Pod>,
}

impl Sender {
    pub(super) fn new(known: &Known, address: Option<IpAddr>) -> Self {
        Sender {
            address,
            pod: address.and_then(|address| known.by_ip(address)),
        }
    }
}

impl Association {
    /// Compiles rules: what they read is added to `keys`. Without rules, a pod is looked for by `k8s.pod.ip`, and then by the address that
    /// the request came from.
    pub(super) fn new(rules: &[RuleConfig], namespace: Option<&str>, keys: &mut Keys) -> Self {
        let mut compiled: Vec<Rule> = rules.iter().map(|rule| Rule::new(rule.sources(), keys)).collect();
        if compiled.is_empty() {
            compiled.push(Rule(vec![Condition::Address(keys.slot("k8s.pod.ip"))]));
            compiled.push(Rule(vec![Condition::Connection]));
        }
        Association {
            rules: compiled,
            namespace: namespace.map(Into::into),
        }
    }

    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether a rule asks for the address that a request came from.
    pub(super) fn asks_connection(&self) -> bool {
        self.has(|condition| matches!(condition, Condition::Connection))
    }

    /// Whether a rule asks for what only the whole object of a pod says: addresses or containers.
    pub(super) fn asks_more_than_metadata(&self) -> bool {
        self.has(|condition| {
            matches!(
                condition,
                Condition::Connection | Condition::Address(_) | Condition::Container(_)
            )
        })
    }

    fn has(&self, is: impl Fn(&Condition) -> bool) -> bool {
        self.rules.iter().flat_map(|rule| &rule.0).any(is)
    }

    /// Finds the pod of a resource by the first rule that finds one.
    pub(super) fn find(&self, known: &Known, sender: &Sender, values: &Values<'_>) -> Outcome {
        let look = Look {
            known,
            sender,
            values,
            namespace: self.namespace.as_deref(),
        };
        let mut missed: Option<Missed> = None;
        for (number, rule) in self.rules.iter().enumerate() {
            match look.rule(rule) {
                Said::Pod(pod) => return Outcome::Found(number, pod),
                Said::Unknown => missed.get_or_insert_default().by_address |= rule.asks_address(),
                Said::Nothing | Said::Later => {}
            }
        }
        missed.map_or(Outcome::Unidentified, Outcome::Missed)
    }
}

impl Rule {
    fn new(sources: &[Source], keys: &mut Keys) -> Self {
        let namespaced = sources.iter().any(|source| source.attribute() == Some(NAMESPACE));
        let named = sources.iter().any(|source| source.attribute() == Some(POD_NAME));
        let condition = |source: &Source| {
            let Some(name) = source.attribute() else {
                return Some(Condition::Connection);
            };
            let slot = keys.slot(name);
            Some(match name {
                "k8s.pod.ip" | "host.name" => Condition::Address(slot),
                "k8s.pod.uid" => Condition::Uid(slot),
                "container.id" => Condition::Container(slot),
                POD_NAME => Condition::Name(slot, namespaced.then(|| keys.slot(NAMESPACE))),
                // The name asks for it.
                NAMESPACE if named => return None,
                NAMESPACE => Condition::Namespace(slot),
                other => Condition::Attribute(slot, other.as_bytes().into()),
            })
        };
        Rule(sources.iter().filter_map(condition).collect())
    }

    fn asks_address(&self) -> bool {
        self.0
            .iter()
            .any(|condition| matches!(condition, Condition::Connection | Condition::Address(_)))
    }
}

/// One look for the pod of one resource.
struct Look<'l, 'a> {
    known: &'l Known,
    sender: &'l Sender,
    values: &'l Values<'a>,
    namespace: Option<&'l str>,
}

impl Look<'_, '_> {
    /// The pod that all conditions of a rule speak of.
    fn rule(&self, rule: &Rule) -> Said {
        let (mut found, mut unknown): (Option<Pod>, bool) = (None, false);
        for condition in &rule.0 {
            match self.ask(condition) {
                Said::Nothing => return Said::Nothing,
                Said::Unknown => unknown = true,
                Said::Pod(pod) if found.as_ref().is_none_or(|other| is_one(other, &pod)) => found = Some(pod),
                Said::Pod(_) => unknown = true,
                Said::Later => {}
            }
        }
        match found {
            Some(pod) if !unknown && rule.0.iter().all(|condition| self.agrees(condition, &pod)) => {
                Said::Pod(pod)
            }
            _ => Said::Unknown,
        }
    }

    /// What a condition says of which pod is meant.
    fn ask(&self, condition: &Condition) -> Said {
        let (known, values) = (self.known, self.values);
        let found = match condition {
            Condition::Connection => match self.sender.address {
                Some(_) => self.sender.pod.clone(),
                None => return Said::Nothing,
            },
            // A host may well have a name that is no address.
            Condition::Address(slot) => match values.text(*slot).and_then(|text| text.parse().ok()) {
                Some(address) => known.by_ip(address),
                None => return Said::Nothing,
            },
            Condition::Uid(slot) => match values.text(*slot) {
                Some(uid) => known.by_uid(uid),
                None => return Said::Nothing,
            },
            Condition::Container(slot) => match values.text(*slot) {
                Some(id) => known.by_container_id(id),
                None => return Said::Nothing,
            },
            Condition::Name(name, namespace) => {
                let said = namespace.map(|slot| values.text(slot));
                match (values.text(*name), said.unwrap_or(self.namespace)) {
                    (Some(name), Some(namespace)) => known.by_name(namespace, name),
                    // Another condition says which pod.
                    (Some(_), None) if namespace.is_none() => return Said::Later,
                    _ => return Said::Nothing,
                }
            }
            Condition::Namespace(slot) | Condition::Attribute(slot, _) if values.has(*slot) => {
                return Said::Later;
            }
            Condition::Namespace(_) | Condition::Attribute(..) => return Said::Nothing,
        };
        found.map_or(Said::Unknown, Said::Pod)
    }

    /// Whether a pod is as a condition says.
    fn agrees(&self, condition: &Condition, pod: &Pod) -> bool {
        match condition {
            Condition::Name(slot, _) => self.values.text(*slot) == Some(pod.name()),
            Condition::Namespace(slot) => self.values.text(*slot) == Some(pod.namespace()),
            Condition::Attribute(slot, key) => {
                let said = self.values.body(*slot);
                said.is_some_and(|value| self.known.has(pod, key, value))
            }
            Condition::Connection | Condition::Address(_) | Condition::Uid(_) | Condition::Container(_) => {
                true
            }
        }
    }
}

/// Whether two lookups have found one pod, be it in two versions.
fn is_one(one: &Pod, other: &Pod) -> bool {
    one.same(other) || (one.name() == other.name() && one.namespace() == other.namespace())
}
