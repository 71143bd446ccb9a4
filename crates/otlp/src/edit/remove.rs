//! Taking single items out of a request. Only the envelopes around them are read, and no layout is made: memory grows with the
//! number of items that go, whatever the size of the request.

use std::ops::Range;

use super::{
    pass::Edited,
    scan::{Placed, Scan},
    shape::{Kind, Role},
    splice::Edits,
};
use crate::{Signal, WireError};
use bytes::Bytes;

/// A removal underway.
struct Removal<'a> {
    signal: Signal,
    input: &'a [u8],
    /// The messages of the items that are still to go, in the order of the input.
    doomed: &'a [Range<usize>],
    edits: &'a mut Edits,
    removed: usize,
}

/// What became of a message.
struct Inside {
    growth: isize,
    /// Whether it still has a child.
    inhabited: bool,
}

/// Removes the items whose messages stand at `doomed`, which are in the order of the input, and what becomes empty by it.
pub(super) fn remove<'e>(
    edits: &'e mut Edits,
    signal: Signal,
    request: &'e Bytes,
    doomed: &[Range<usize>],
) -> Result<Edited<'e>, WireError> {
    edits.clear();
    let mut removal = Removal {
        signal,
        input: request,
        doomed,
        edits,
        removed: 0,
    };
    removal.inside(Kind::Request, 0..request.len())?;
    let dropped = removal.removed;
    edits.finish();
    Ok(Edited {
        input: request,
        edits,
        kept: 0,
        dropped,
    })
}

impl Removal<'_> {
    fn inside(&mut self, kind: Kind, body: Range<usize>) -> Result<Inside, WireError> {
        let mut inside = Inside {
            growth: 0,
            inhabited: false,
        };
        let mut scan = Scan::new(self.input, body);
        while let Some(field) = scan.next_field()? {
            if kind.role(field.number) != Role::Child {
                continue;
            }
            // No item starts later in the field than where it ends: there an empty one may stand.
            if self.doomed.first().is_none_or(|next| next.start > field.end) {
                inside.inhabited = true;
                if self.doomed.is_empty() {
                    break;
                }
                continue;
            }
            match kind.child(self.signal) {
                Some(child) => self.node(child, &field, &mut inside)?,
                None => self.item(&field, &mut inside)?,
            }
        }
        Ok(inside)
    }

    fn node(&mut self, kind: Kind, field: &Placed, around: &mut Inside) -> Result<(), WireError> {
        let body = field.body()?;
        let frame = self.edits.open(field.number, field.start, body.clone());
        let Inside { growth, inhabited } = self.inside(kind, body)?;
        around.inhabited |= inhabited;
        around.growth += if inhabited {
            self.edits.close(&frame, growth)
        } else {
            self.edits.remove(&frame)
        };
        Ok(())
    }

    fn item(&mut self, field: &Placed, around: &mut Inside) -> Result<(), WireError> {
        let body = field.body()?;
        match self.doomed.split_first() {
            Some((next, rest)) if *next == body => {
                self.doomed = rest;
                self.removed += 1;
                self.edits.cut(field.field());
                around.growth -= (field.end - field.start) as isize;
            }
            _ => around.inhabited = true,
        }
        Ok(())
    }
}
