//! `env`: attributes that whoever started this process has written into its environment.

use super::Look;
use crate::{Attribute, Outcome, Spec, Stability, Surroundings, ValueType, Wanted};

/// Attributes, as SDKs read them too.
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// The name of the service.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// What it can find (OpenTelemetry specification, "Resource SDK", "Specifying resource information via an environment variable", and
/// "Environment Variable Specification", "General SDK Configuration").
pub const SPECS: &[Spec] = &[
    Spec {
        key: "service.name",
        value: ValueType::String,
        source: "`OTEL_SERVICE_NAME`; without it, `service.name` in `OTEL_RESOURCE_ATTRIBUTES`",
        stability: Stability::Stable,
        default: true,
    },
    Spec {
        key: "<key>",
        value: ValueType::String,
        source: "every attribute in `OTEL_RESOURCE_ATTRIBUTES`",
        stability: Stability::Unlisted,
        default: true,
    },
];

/// Reads the environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Env;

impl Look for Env {
    fn look(&self, surroundings: &Surroundings, _: &Wanted) -> Outcome {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        if let Some(name) = surroundings.variable(SERVICE_NAME) {
            found.push(Attribute::new("service.name", name));
        }
        match surroundings.variable(ATTRIBUTES).map(attributes) {
            Some(Ok(attributes)) => found.extend(attributes),
            Some(Err(why)) => failures.push(format!("`{ATTRIBUTES}` is passed over as a whole: {why}")),
            None => {}
        }
        Outcome::of(found, &failures)
    }
}

/// Reads `key=value` members between commas. Both sides may be percent-encoded, and commas in them have to be. Blanks around them do not
/// count; of several members with one key the last one does. A value goes on behind a further `=`, as in W3C Baggage.
///
/// # Errors
///
/// In words, with the number of the member: one without `=` or without a key, a `%` without two hexadecimal digits, or a text that is
/// not UTF-8 when decoded. There is nothing to be had from the other members then: the specification asks for all of it to be discarded.
fn attributes(text: &str) -> Result<Vec<Attribute>, String> {
    let mut found: Vec<Attribute> = Vec::new();
    if text.trim().is_empty() {
        return Ok(found);
    }
    for (index, member) in text.split(',').enumerate() {
        let wrong = |why: &str| format!("member {} {why}", index + 1);
        let (key, value) = member.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
        let key = decoded(key.trim()).map_err(|why| wrong(&format!("has a key that {why}")))?;
        let value =
            decoded(value.trim()).map_err(|why| wrong(&format!("(`{key}`) has a value that {why}")))?;
        if key.is_empty() {
            return Err(wrong("has no key"));
        }
        match found.iter_mut().find(|attribute| attribute.key == key) {
            Some(earlier) => earlier.value = value.into(),
            None => found.push(Attribute::new(key, value)),
        }
    }
    Ok(found)
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let pair = digit()
            .zip(digit())
            .ok_or("has a `%` without two hexadecimal digits behind it")?;
        bytes.push((pair.0 << 4 | pair.1) as u8);
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 when it is decoded")
}
