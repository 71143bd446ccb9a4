//! The splice list: what to take out of the input, what to put in, and the lengths that follow from it.

use std::ops::Range;

use bytes::Bytes;

use super::encode;

/// Untouched ranges of at least this many bytes are shared with the input by [`Edits::segments`], not copied: below it,
/// a copy costs less than the reference count and the extra element in a vectored write.
pub(super) const SHARE_BYTES_MIN: usize = 4096;

/// How much longer a buffer gets for a moment while short headers are put in: they are copied eight bytes at once.
const SLACK: usize = 8;

/// What a reused list keeps allocated between requests, in elements and in bytes. More is given back.
const KEPT_SPLICES: usize = 1 << 16;
const KEPT_SCRATCH: usize = 1 << 20;

/// Replace `start..end` of the input by `length` bytes of the scratch buffer, from `from` on; or, if `length` has the bit
/// [`INLINE`], by the first bytes of `from` itself, as many as the other bits say.
#[derive(Clone, Copy, Debug)]
struct Splice {
    start: usize,
    end: usize,
    from: u64,
    length: usize,
}

/// Marks a short header that stands in the splice: there is one for each changed message.
const INLINE: usize = 1 << (usize::BITS - 1);

/// Marks a splice that only removes, so that neighbours can grow into one. A header that is not yet known also has
/// length 0, but not this origin.
const REMOVED: u64 = u64::MAX;

/// An open length-delimited field: its header has a splice reserved, to be filled when its new length is known.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    slot: usize,
    scratch: usize,
    number: u32,
    start: usize,
    body: Range<usize>,
}

/// The changes to one request, in the order of the input.
#[derive(Debug, Default)]
pub(super) struct Edits {
    splices: Vec<Splice>,
    scratch: Vec<u8>,
    spare: Option<Box<Spare>>,
}

/// Buffers for a message that is rewritten several times before it is put in.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub(super) current: Vec<u8>,
    pub(super) next: Vec<u8>,
    pub(super) edits: Edits,
}

impl Edits {
    /// Forgets everything, keeping the allocation for the next request.
    pub(super) fn clear(&mut self) {
        self.splices.clear();
        self.splices.shrink_to(KEPT_SPLICES);
        self.scratch.clear();
        self.scratch.shrink_to(KEPT_SCRATCH);
    }

    /// Lends the buffers for a message; to be given back with [`Edits::give_back`].
    pub(super) fn lend(&mut self) -> Box<Spare> {
        self.spare.take().unwrap_or_default()
    }

    /// Takes the buffers back.
    pub(super) fn give_back(&mut self, mut spare: Box<Spare>) {
        spare.current.clear();
        spare.current.shrink_to(KEPT_SCRATCH);
        spare.next.clear();
        spare.next.shrink_to(KEPT_SCRATCH);
        spare.edits.clear();
        self.spare = Some(spare);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Replaces `range` of the input by what `write` appends to the buffer.
    #[inline]
    pub(super) fn put(&mut self, range: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.scratch.len();
        write(&mut self.scratch);
        let length = self.scratch.len() - from;
        self.splices.push(Splice {
            start: range.start,
            end: range.end,
            from: from as u64,
            length,
        });
    }

    /// Puts what `write` appends to the buffer before the byte `at` of the input, if it appends anything.
    pub(super) fn add(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.put(at..at, write);
        if self.splices.last().is_some_and(|last| last.length == 0) {
            self.splices.pop();
        }
    }

    /// Removes `range` of the input.
    #[inline]
    pub(super) fn cut(&mut self, range: Range<usize>) {
        match self.splices.last_mut() {
            Some(last) if last.from == REMOVED && last.end == range.start => last.end = range.end,
            _ => {
                self.splices.push(Splice {
                    start: range.start,
                    end: range.end,
                    from: REMOVED,
                    length: 0,
                });
            }
        }
    }

    /// Opens the length-delimited field `number` whose tag is at `start` and whose value is at `body`. For a field that
    /// does not exist yet, `body` is empty and starts at `start`: the field comes into being with its first edit.
    #[inline]
    pub(super) fn open(&mut self, number: u32, start: usize, body: Range<usize>) -> Frame {
        let slot = self.splices.len();
        let scratch = self.scratch.len();
        self.splices.push(Splice {
            start,
            end: body.start,
            from: scratch as u64,
            length: 0,
        });
        Frame {
            slot,
            scratch,
            number,
            start,
            body,
        }
    }

    /// Closes a field whose value grows by `growth`, and returns by how much the field as a whole grows.
    #[inline]
    pub(super) fn close(&mut self, frame: &Frame, growth: isize) -> isize {
        if self.splices.len() == frame.slot + 1 {
            self.splices.truncate(frame.slot);
            return 0;
        }
        let length = frame.body.len().saturating_add_signed(growth);
        let (from, mark, header) = match encode::short_header(frame.number, length) {
            Some((bytes, header)) => (bytes, INLINE, header),
            None => {
                let from = self.scratch.len();
                encode::put_header(&mut self.scratch, frame.number, length);
                (from as u64, 0, self.scratch.len() - from)
            }
        };
        if let Some(slot) = self.splices.get_mut(frame.slot) {
            slot.from = from;
            slot.length = header | mark;
        }
        growth + signed(header) - signed(frame.body.start - frame.start)
    }

    /// Removes a field with everything that was to happen inside it, and returns by how much its parent grows.
    #[inline]
    pub(super) fn remove(&mut self, frame: &Frame) -> isize {
        self.splices.truncate(frame.slot);
        self.scratch.truncate(frame.scratch);
        self.cut(frame.start..frame.body.end);
        -signed(frame.body.end - frame.start)
    }

    /// How many splices there are: a mark for [`Edits::settle`].
    #[inline]
    pub(super) fn mark(&self) -> usize {
        self.splices.len()
    }

    /// Brings the splices since `mark`, all inside one message, into the order of the input, and returns by how much they
    /// make it grow. Of two that overlap, the one that starts first stays, or the earlier one if they start together.
    #[inline]
    pub(super) fn settle(&mut self, mark: usize) -> isize {
        let mut growth = 0;
        let mut reached = 0;
        let mut ordered = true;
        for splice in self.splices.iter().skip(mark) {
            ordered &= splice.start >= reached;
            reached = splice.end;
            growth += splice.growth();
        }
        if ordered { growth } else { self.reorder(mark) }
    }

    #[cold]
    fn reorder(&mut self, mark: usize) -> isize {
        let mut tail = self.splices.split_off(mark);
        tail.sort_by_key(|splice| splice.start);
        let mut reached = 0;
        tail.retain(|splice| {
            let apart = splice.start >= reached;
            if apart {
                reached = splice.end;
            }
            apart
        });
        let growth = tail.iter().map(Splice::growth).sum();
        self.splices.append(&mut tail);
        growth
    }

    /// Brings all splices into the order of the input. None overlap: each message was settled.
    pub(super) fn finish(&mut self) {
        if !self.splices.is_sorted_by_key(|splice| splice.start) {
            self.splices.sort_by_key(|splice| splice.start);
        }
    }

    /// The length of `input` after the edits.
    pub(super) fn output_len(&self, input: &[u8]) -> usize {
        input
            .len()
            .saturating_add_signed(self.splices.iter().map(Splice::growth).sum())
    }

    /// Appends the edited input to `out`.
    pub(super) fn write(&self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.output_len(input) + SLACK);
        let mut at = 0;
        for splice in &self.splices {
            out.extend_from_slice(input.get(at..splice.start).unwrap_or_default());
            self.insert(splice, out);
            at = splice.end;
        }
        out.extend_from_slice(input.get(at..).unwrap_or_default());
    }

    /// The edited input as a list of pieces. Untouched ranges of [`SHARE_BYTES_MIN`] bytes and more are slices of `input`.
    pub(super) fn segments(&self, input: &Bytes) -> Vec<Bytes> {
        let mut owned = Vec::with_capacity(self.owned_len(input) + SLACK);
        let mut cuts = Vec::new();
        let mut at = 0;
        for splice in &self.splices {
            gap(input, at..splice.start, &mut owned, &mut cuts);
            self.insert(splice, &mut owned);
            at = splice.end;
        }
        gap(input, at..input.len(), &mut owned, &mut cuts);
        weave(input, owned, &cuts)
    }

    fn owned_len(&self, input: &[u8]) -> usize {
        let mut at = 0;
        let mut owned = 0;
        for splice in &self.splices {
            owned += unshared(splice.start - at) + splice.len();
            at = splice.end;
        }
        owned + unshared(input.len() - at)
    }

    /// Appends what a splice puts in, for which there must be [`SLACK`] bytes of room beyond it.
    #[inline]
    fn insert(&self, splice: &Splice, out: &mut Vec<u8>) {
        if splice.length & INLINE != 0 {
            let end = out.len() + splice.len();
            out.extend_from_slice(&splice.from.to_le_bytes());
            out.truncate(end);
        } else if splice.length != 0 {
            let from = splice.from as usize;
            out.extend_from_slice(self.scratch.get(from..from + splice.length).unwrap_or_default());
        }
    }
}

impl Splice {
    #[inline]
    const fn len(&self) -> usize {
        self.length & !INLINE
    }

    #[inline]
    fn growth(&self) -> isize {
        signed(self.len()) - signed(self.end - self.start)
    }
}

/// A length as a signed number: no slice is longer than `isize::MAX`.
#[inline]
const fn signed(length: usize) -> isize {
    length as isize
}

const fn unshared(length: usize) -> usize {
    if length < SHARE_BYTES_MIN { length } else { 0 }
}

/// Takes over an untouched range: by copy if it is short, else as a cut of `owned` where a slice of the input comes in.
fn gap(input: &[u8], range: Range<usize>, owned: &mut Vec<u8>, cuts: &mut Vec<(usize, Range<usize>)>) {
    if range.is_empty() {
        // Next to one another stand what was added to an item and the header of the next one.
    } else if range.len() < SHARE_BYTES_MIN {
        owned.extend_from_slice(input.get(range).unwrap_or_default());
    } else {
        cuts.push((owned.len(), range));
    }
}

/// `owned` with slices of the input at the places in it that `cuts` names, in ascending order.
pub(super) fn weave(input: &Bytes, owned: Vec<u8>, cuts: &[(usize, Range<usize>)]) -> Vec<Bytes> {
    let owned = Bytes::from(owned);
    let mut segments = Vec::with_capacity(2 * cuts.len() + 1);
    let mut at = 0;
    for (position, range) in cuts {
        if *position > at {
            segments.push(owned.slice(at..*position));
        }
        segments.push(input.slice(range.clone()));
        at = *position;
    }
    if owned.len() > at {
        segments.push(owned.slice(at..));
    }
    segments
}
