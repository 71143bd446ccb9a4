//! Groups: who the series belong to, and what they use.

use forebay_otlp::WireError;
use forebay_otlp::views::{KeyValue, Repeated, Resource, Scalar, View};
use std::fmt::Write;

use super::directory::Known;
use crate::{Identity, SeriesHasher};

/// The longest name of a group that is shown, in bytes.
const LONGEST: usize = 200;
/// What names a resource if nothing else does.
const USUAL: [&str; 4] = [
    "service.namespace",
    "service.name",
    "service.instance.id",
    "k8s.pod.name",
];

/// What is known of one group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) identity: Identity,
    pub(super) name: Box<str>,
    pub(super) live: u64,
    /// Metrics that belong to it.
    pub(super) metrics: u32,
    pub(super) points: u64,
    /// Wire bytes of these points.
    pub(super) bytes: u64,
}

impl Known for Group {
    fn identity(&self) -> Identity {
        self.identity
    }

    fn memory(&self) -> usize {
        self.name.len() + 16
    }
}

/// The identity of the group that a resource belongs to, by the values of these attributes; nothing where each resource is one.
pub(super) fn identity(
    resource: Resource<'_>,
    by: &[String],
    hasher: &SeriesHasher,
) -> Result<Option<Identity>, WireError> {
    if by.is_empty() {
        return Ok(None);
    }
    let mut identity = Identity::default();
    for key in by {
        if let Some(attribute) = find(resource.attributes(), key)? {
            identity += hasher.attribute(attribute.bytes());
        }
    }
    Ok(Some(identity))
}

/// The name of the group that a resource belongs to, for people: `service.name=checkout, ...`.
pub(super) fn name(resource: Resource<'_>, by: &[String]) -> String {
    let mut name = String::new();
    let mut add = |key: &str| {
        if let Ok(Some(attribute)) = find(resource.attributes(), key) {
            write_attribute(&mut name, attribute);
        }
    };
    if by.is_empty() {
        USUAL.iter().for_each(|key| add(key));
    } else {
        by.iter().for_each(|key| add(key));
    }
    if name.is_empty() && by.is_empty() {
        for attribute in resource.attributes().flatten().take(3) {
            write_attribute(&mut name, attribute);
        }
    }
    let end = (0..=LONGEST.min(name.len()))
        .rev()
        .find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or_default());
    name
}

fn find<'a>(attributes: Repeated<'a, KeyValue<'a>>, key: &str) -> Result<Option<KeyValue<'a>>, WireError> {
    for attribute in attributes {
        let attribute = attribute?;
        if attribute.read()?.0 == key.as_bytes() {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}

fn write_attribute(name: &mut String, attribute: KeyValue<'_>) {
    let Ok((key, value)) = attribute.read() else {
        return;
    };
    if name.len() > LONGEST {
        return;
    }
    let separator = if name.is_empty() { "" } else { ", " };
    let key = String::from_utf8_lossy(key);
    // Writing to a string does not fail.
    let _ = match Scalar::read(value.bytes()) {
        Scalar::Text(text) => write!(name, "{separator}{key}={}", String::from_utf8_lossy(text)),
        Scalar::Int(number) => write!(name, "{separator}{key}={number}"),
        Scalar::Double(number) => write!(name, "{separator}{key}={number}"),
        Scalar::Bool(value) => write!(name, "{separator}{key}={value}"),
        Scalar::Other => write!(name, "{separator}{key}"),
    };
}
