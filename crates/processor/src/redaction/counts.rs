//! How many attributes, events and links a message has, kept and dropped.

use super::shapes::Counted;
use forebay_otlp::edit::Patch;
use forebay_otlp::{Value, WireError};

/// How many of something there were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) kept: usize,
    pub(super) dropped: u32,
    /// The field that says how many were dropped.
    pub(super) field: u32,
}

/// How many there were in one message.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) attributes: Count,
    events: Count,
    links: Count,
}

impl Counts {
    /// Those of what is limited as such.
    pub(super) fn of(&mut self, counted: Counted) -> &mut Count {
        match counted {
            Counted::Events => &mut self.events,
            Counted::Links => &mut self.links,
            _ => &mut self.attributes,
        }
    }

    /// Adds what was dropped to what the message says of it.
    #[inline]
    pub(super) fn write(self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        for count in [self.attributes, self.events, self.links] {
            if count.dropped > 0 && count.field > 0 {
                raise(patch, count.field, count.dropped)?;
            }
        }
        Ok(())
    }
}

/// Adds to a count of what was dropped.
fn raise(patch: &mut Patch<'_>, number: u32, more: u32) -> Result<(), WireError> {
    let before = match patch.field(number)? {
        Some(Value::Varint(count)) => u32::try_from(count).unwrap_or(u32::MAX),
        _ => 0,
    };
    patch.set_field(number, Value::Varint(before.saturating_add(more).into()))
}
