//! What items say of what was changed in them.

use super::config::Summary;
use forebay_otlp::edit::{AttributeValue, FieldSet, Patch, Verdict, first_field};
use forebay_otlp::fields::key_value;
use forebay_otlp::views::Scalar;
use forebay_otlp::{Value, WireError};

/// The attributes, by the names that the Collector gives to them.
const MASKED_COUNT: &str = "redaction.masked.count";
const MASKED_KEYS: &str = "redaction.masked.keys";
const REMOVED_COUNT: &str = "redaction.redacted.count";
const REMOVED_KEYS: &str = "redaction.redacted.keys";

/// The most bytes of a list of keys.
const KEYS_BYTES: usize = 4 << 10;

/// What was changed in a message.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// How often something was replaced or cut, ever.
    masks: u64,
    masked: i64,
    removed: i64,
    masked_keys: String,
    removed_keys: String,
}

impl Changes {
    /// Something was replaced or cut.
    #[inline]
    pub(super) fn mask(&mut self) {
        self.masks += 1;
    }

    /// How often that was: to be told to [`Changes::note`].
    #[inline]
    pub(super) fn count(&self) -> u64 {
        self.masks
    }

    /// Something was looked at, `before` which so much had been replaced. It has a key if it is an attribute or an entry of a map.
    pub(super) fn note(&mut self, before: u64, outcome: Verdict, key: &[u8], summary: Summary) {
        let (count, keys) = match outcome {
            Verdict::Drop => (&mut self.removed, &mut self.removed_keys),
            Verdict::Keep if self.masks > before => (&mut self.masked, &mut self.masked_keys),
            Verdict::Keep => return,
        };
        // What is around it has not been changed by it once more.
        self.masks = before;
        *count += 1;
        let Ok(key) = std::str::from_utf8(key) else {
            return;
        };
        if summary == Summary::Debug && !key.is_empty() && keys.len() + key.len() < KEYS_BYTES {
            if !keys.is_empty() {
                keys.push(',');
            }
            keys.push_str(key);
        }
    }

    /// Writes what was changed into a message. What another instance has written is added to.
    pub(super) fn write(&self, message: &mut Patch<'_>) -> Result<(), WireError> {
        let counts = [(MASKED_COUNT, self.masked), (REMOVED_COUNT, self.removed)];
        for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let before = match take(message, key)? {
                Some(Scalar::Int(before)) => before,
                _ => 0,
            };
            message.append_attribute(key, AttributeValue::Int(before.saturating_add(count)));
        }
        let keys = [
            (MASKED_KEYS, &self.masked_keys),
            (REMOVED_KEYS, &self.removed_keys),
        ];
        for (key, names) in keys.into_iter().filter(|(_, names)| !names.is_empty()) {
            match take(message, key)? {
                Some(Scalar::Text(before)) => {
                    let before = String::from_utf8_lossy(before);
                    message.append_attribute(key, AttributeValue::String(&format!("{before},{names}")));
                }
                _ => message.append_attribute(key, AttributeValue::String(names)),
            }
        }
        Ok(())
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        (self.masked, self.removed) = (0, 0);
        self.masked_keys.clear();
        self.removed_keys.clear();
    }
}

/// Takes an attribute out of a message.
fn take<'m>(message: &mut Patch<'m>, key: &str) -> Result<Option<Scalar<'m>>, WireError> {
    let Some(value) = message.attribute(key.as_bytes())? else {
        return Ok(None);
    };
    let numbers = FieldSet::of(&[message.attribute_field()]);
    message.visit(numbers, |_, attribute| {
        let found = first_field(attribute.message(), key_value::KEY)?;
        Ok(if found == Some(Value::Len(key.as_bytes())) {
            Verdict::Drop
        } else {
            Verdict::Keep
        })
    })?;
    Ok(Some(Scalar::read(value)))
}
