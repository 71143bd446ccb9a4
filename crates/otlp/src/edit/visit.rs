//! Walking over the fields of a message, whatever they mean, to change or remove some of them.

use super::{pass::Verdict, patch::Patch};
use crate::WireError;

/// Numbers of fields below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u64);

impl FieldSet {
    /// These numbers. One that is 64 or above is left out: OTLP has none.
    pub const fn of(numbers: &[u32]) -> Self {
        let mut set = FieldSet(0);
        let mut rest = numbers;
        while let [number, more @ ..] = rest {
            set = set.with(*number);
            rest = more;
        }
        set
    }

    /// These and another one.
    #[must_use]
    pub const fn with(self, number: u32) -> Self {
        if number < u64::BITS {
            FieldSet(self.0 | 1 << number)
        } else {
            self
        }
    }

    /// Whether `number` is among them.
    #[inline]
    pub const fn has(self, number: u32) -> bool {
        number < u64::BITS && self.0 >> number & 1 == 1
    }
}

impl Patch<'_> {
    /// Shows each field of the message that is among `numbers`, in the order of the message and with its number: strings and
    /// bytes as well as messages, whose body is what the patch is about. `edit` changes it, goes further into it in the same way,
    /// or has it removed. All is done in one walk.
    ///
    /// The data of a metric is left alone: its points are items.
    ///
    /// # Errors
    ///
    /// What is wrong with a field, what `edit` returned, or that one of these fields is neither string, bytes nor message.
    #[inline]
    pub fn visit(
        &mut self,
        numbers: FieldSet,
        mut edit: impl FnMut(u32, &mut Patch<'_>) -> Result<Verdict, WireError>,
    ) -> Result<(), WireError> {
        let buffer = self.buffer();
        let mut scan = self.scan();
        while let Some(field) = scan.next_field()? {
            let number = field.number;
            if !numbers.has(number) || self.is_shielded(number) {
                continue;
            }
            let body = field.body()?;
            let edits = self.edits();
            let frame = edits.open(number, field.start, body.clone());
            let mark = edits.mark();
            match edit(number, &mut Patch::new(buffer, body, 0, edits))? {
                Verdict::Keep => {
                    let growth = edits.settle(mark);
                    edits.close(&frame, growth);
                }
                Verdict::Drop => {
                    edits.remove(&frame);
                }
            }
        }
        Ok(())
    }
}
