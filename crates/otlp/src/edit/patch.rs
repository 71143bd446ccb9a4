//! The handle on one message through which it is changed.

use std::ops::Range;

use super::{
    attributes::AttributeEditor,
    encode::{self, AttributeValue},
    scan::{self, Placed, Scan},
    set::{self, AttributeSet, Present},
    shape,
    splice::Edits,
};
use crate::{Value, WireError};

/// One message of a request - a resource, scope, metric, item, or a message in one - being edited.
///
/// Reading shows the message as it arrived, whatever was changed in the meantime. Each field can be changed once: where two
/// changes touch the same bytes, only one of them takes place (the one that starts first, or the earlier one if they start
/// together), and the message stays well formed. To apply several dependent changes, use several passes, or compute
/// the whole new message and [`Patch::replace`] it.
#[derive(Debug)]
pub struct Patch<'p> {
    buffer: &'p [u8],
    place: Range<usize>,
    attributes: u32,
    shielded: bool,
    edits: &'p mut Edits,
}

impl<'p> Patch<'p> {
    #[inline]
    pub(super) fn new(buffer: &'p [u8], place: Range<usize>, attributes: u32, edits: &'p mut Edits) -> Self {
        Patch {
            buffer,
            place,
            attributes,
            shielded: false,
            edits,
        }
    }

    /// A patch of a `Metric`, whose data is edited point by point and not as a field.
    pub(super) fn of_metric(
        buffer: &'p [u8],
        place: Range<usize>,
        attributes: u32,
        edits: &'p mut Edits,
    ) -> Self {
        Patch {
            buffer,
            place,
            attributes,
            shielded: true,
            edits,
        }
    }

    /// The body of the message as it arrived; empty if the request does not have this message.
    #[inline]
    pub fn message(&self) -> &'p [u8] {
        self.buffer.get(self.place.clone()).unwrap_or_default()
    }

    /// The field number of the message's attributes (`metadata` for a metric), or 0 if it has none.
    #[inline]
    pub fn attribute_field(&self) -> u32 {
        self.attributes
    }

    #[inline]
    pub(super) fn scan(&self) -> Scan<'p> {
        Scan::new(self.buffer, self.place.clone())
    }

    #[inline]
    pub(super) fn buffer(&self) -> &'p [u8] {
        self.buffer
    }

    #[inline]
    pub(super) fn edits(&mut self) -> &mut Edits {
        self.edits
    }

    /// Where a field that is added is put: after the last one.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.place.end
    }

    /// The value of field `number`, the last one if there are several, as protobuf reads a field that is not repeated.
    pub fn field(&self, number: u32) -> Result<Option<Value<'p>>, WireError> {
        let mut scan = self.scan();
        let mut found = None;
        while let Some(field) = scan.next_of(number)? {
            found = Some(field);
        }
        found.map(|field| scan.value(&field)).transpose()
    }

    /// The body of the `AnyValue` of the first attribute named `key`.
    pub fn attribute(&self, key: &[u8]) -> Result<Option<&'p [u8]>, WireError> {
        scan::find_attribute(self.buffer, self.place.clone(), self.attributes, key)
    }

    /// Gives field `number` this value, whether it is there or not. The caller sees to it that the wire type is the declared
    /// one and that the other members of a `oneof` are cleared. The data of a metric is left alone.
    pub fn set_field(&mut self, number: u32, value: Value<'_>) -> Result<(), WireError> {
        let mut scan = self.scan();
        let mut present = false;
        while !self.is_shielded(number)
            && let Some(field) = scan.next_of(number)?
        {
            self.set_at(&field, value, present)?;
            present = true;
        }
        if !present {
            self.append_field(number, value);
        }
        Ok(())
    }

    /// [`Patch::set_field`], except that a field which is not there yet goes in front of the first one with a higher number:
    /// where encoders put it, and where who reads from the front finds it first.
    pub fn set_field_in_order(&mut self, number: u32, value: Value<'_>) -> Result<(), WireError> {
        let mut scan = self.scan();
        let (mut present, mut place) = (false, None);
        while !self.is_shielded(number)
            && let Some(field) = scan.next_field()?
        {
            if field.number == number {
                self.set_at(&field, value, present)?;
                present = true;
            } else if field.number > number && place.is_none() {
                place = Some(field.start);
            }
        }
        match place {
            Some(at) if !present => self
                .edits
                .put(at..at, |out| encode::put_field(out, number, value)),
            None if !present => self.append_field(number, value),
            _ => {}
        }
        Ok(())
    }

    /// Gives a field this value, or removes it if it is `repeated` and another one has the value already.
    fn set_at(&mut self, field: &Placed, value: Value<'_>, repeated: bool) -> Result<(), WireError> {
        if repeated {
            self.edits.cut(field.field());
        } else if self.scan().value(field)? != value {
            self.edits
                .put(field.field(), |out| encode::put_field(out, field.number, value));
        }
        Ok(())
    }

    /// Removes every occurrence of field `number`. The data of a metric is left alone.
    pub fn clear_field(&mut self, number: u32) -> Result<(), WireError> {
        if self.is_shielded(number) {
            return Ok(());
        }
        let mut scan = self.scan();
        while let Some(field) = scan.next_of(number)? {
            self.edits.cut(field.field());
        }
        Ok(())
    }

    /// Gives field `number` the value that `change` computes from its present one; nothing is changed if it returns nothing.
    pub fn change_field<'v>(
        &mut self,
        number: u32,
        change: impl FnOnce(Option<Value<'p>>) -> Option<Value<'v>>,
    ) -> Result<(), WireError> {
        match change(self.field(number)?) {
            Some(value) => self.set_field(number, value),
            None => Ok(()),
        }
    }

    /// Adds a field behind the others, without looking whether there is one: for repeated fields. The data of a metric cannot
    /// be added to.
    pub fn append_field(&mut self, number: u32, value: Value<'_>) {
        if !self.is_shielded(number) {
            let end = self.end();
            self.edits
                .put(end..end, |out| encode::put_field(out, number, value));
        }
    }

    /// Adds an attribute without looking whether there is one of that name already. Nothing happens in a message
    /// without attributes.
    pub fn append_attribute(&mut self, key: &str, value: AttributeValue<'_>) {
        if self.attributes == 0 {
            return;
        }
        let (end, number) = (self.end(), self.attributes);
        self.edits
            .put(end..end, |out| encode::put_attribute(out, number, key, value));
    }

    /// Puts the attributes of all `sets` into the message, in one walk over those that it has. Of several sets the first one
    /// that has a key counts. What the message has and keeps stays as it is, in its order; what is new comes behind it. Says how
    /// many attributes were added or got another value. Nothing happens in a message without attributes.
    pub fn put_attributes(&mut self, sets: &[&AttributeSet], present: Present) -> Result<usize, WireError> {
        set::put(self, sets, present)
    }

    /// Applies a compiled list of attribute changes.
    #[inline]
    pub fn edit_attributes(&mut self, editor: &AttributeEditor) -> Result<(), WireError> {
        editor.apply(self)
    }

    /// Replaces the whole body of the message. A metric is left alone, for its data is edited point by point.
    pub fn replace(&mut self, body: &[u8]) {
        if !self.shielded && body != self.message() {
            let range = self.place.clone();
            self.edits.put(range, |out| out.extend_from_slice(body));
        }
    }

    /// Edits each message in the field `number`, for example the events of a span. `attributes` is the number of their
    /// attributes, or 0.
    pub fn each(
        &mut self,
        number: u32,
        attributes: u32,
        mut edit: impl FnMut(&mut Patch<'_>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if self.is_shielded(number) {
            return Ok(());
        }
        let mut scan = self.scan();
        while let Some(field) = scan.next_of(number)? {
            let body = field.body()?;
            let frame = self.edits.open(number, field.start, body.clone());
            let mark = self.edits.mark();
            edit(&mut Patch::new(self.buffer, body, attributes, self.edits))?;
            let growth = self.edits.settle(mark);
            self.edits.close(&frame, growth);
        }
        Ok(())
    }

    /// Edits the message in the field `number`, for example the status of a span; the message comes into being if it is not
    /// there and `edit` puts something in. A field that occurs several times is edited in each place.
    pub fn child(
        &mut self,
        number: u32,
        mut edit: impl FnMut(&mut Patch<'_>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if self.field(number)?.is_some() {
            return self.each(number, 0, edit);
        }
        if self.is_shielded(number) {
            return Ok(());
        }
        let end = self.end();
        let frame = self.edits.open(number, end, end..end);
        let mark = self.edits.mark();
        edit(&mut Patch::new(self.buffer, end..end, 0, self.edits))?;
        let growth = self.edits.settle(mark);
        self.edits.close(&frame, growth);
        Ok(())
    }

    #[inline]
    pub(super) fn is_shielded(&self, number: u32) -> bool {
        self.shielded && shape::is_metric_data(number)
    }
}
