//! One automaton for all marks: it reads each byte of a text once, whatever the number of patterns.
//!
//! Marks are short: what state the automaton is in depends on the last few bytes only. So a text is read at four places at once, each a
//! little before where the one before it ends, and a processor, which would otherwise wait for one look into the table after the other,
//! has four to wait for at a time.

use super::bytes::{ByteSet, Sequence};
use smallvec::SmallVec;
use std::collections::HashMap;

/// States that an automaton may have: with 64 classes of bytes its table takes 2 MiB.
const MOST_STATES: usize = 8_192;

/// Shorter texts are read from one end to the other.
const SHORT: usize = 96;

/// Bytes that are read at a time, so that what is noted of them has a bound.
const BLOCK: usize = 4_096;

/// A mark: a sequence of bytes, and what it is a mark of.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) sequence: Sequence,
    /// How many bytes before its end the place is that is meant.
    pub(crate) back: usize,
    /// What it is a mark of.
    pub(crate) target: u16,
}

/// Of a state in which marks end: what of, and how far back they are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    target: u16,
    back: u16,
}

/// There are too many states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Of a state: marks end in it.
const ENDS: u32 = 1 << 31;

/// States are written as where their row starts in the table; those in which marks end, with [`ENDS`].
#[derive(Debug)]
pub(crate) struct Automaton {
    classes: Box<[u8; 256]>,
    /// A row for each state, with an entry for each class of bytes.
    table: Box<[u32]>,
    shift: u32,
    /// Of each state, where its ends are.
    ends_of: Box<[(u32, u32)]>,
    ends: Box<[End]>,
    /// The state before the first byte of a text: as behind a line break.
    start: u32,
    longest: usize,
}

/// Places in a text at which a state was reached in which marks end.
type Hits = SmallVec<[(u32, u32); 24]>;

impl Automaton {
    /// Reads a text and says of each mark what of and where, in the order of their ends.
    #[inline]
    pub(crate) fn run(&self, text: &[u8], mut mark: impl FnMut(u16, usize)) {
        let mut state = self.start;
        for (index, block) in text.chunks(BLOCK).enumerate() {
            let quarter = if block.len() < SHORT { 0 } else { block.len() / 4 };
            let mut lanes: [Hits; 5] = Default::default();
            let [first @ .., last] = &mut lanes;
            if quarter > 0 {
                state = self.four(block, quarter, state, first);
            }
            let rest = block.get(4 * quarter..).unwrap_or_default();
            state = self.lane(rest, state, 4 * quarter, last);
            for hits in lanes.iter().filter(|hits| !hits.is_empty()) {
                self.tell(index * BLOCK, hits, &mut mark);
            }
        }
    }

    /// Bytes of the tables.
    pub(crate) fn heap_bytes(&self) -> usize {
        256 + size_of_val(&*self.table) + size_of_val(&*self.ends_of) + size_of_val(&*self.ends)
    }

    /// The state behind one that has no ends, or whose ends were noted.
    #[inline]
    fn next(&self, state: u32, byte: u8) -> u32 {
        let class = self.classes.get(usize::from(byte)).copied().unwrap_or_default();
        let entry = self.table.get(state as usize + usize::from(class));
        entry.copied().unwrap_or_default()
    }

    fn lane(&self, bytes: &[u8], mut state: u32, at: usize, hits: &mut Hits) -> u32 {
        for (index, byte) in bytes.iter().enumerate() {
            state = self.next(state, *byte);
            if state & ENDS != 0 {
                state &= !ENDS;
                hits.push(((at + index) as u32, state));
            }
        }
        state
    }

    /// Four quarters side by side; all but the first begin with what the last few bytes before them lead to.
    fn four(&self, block: &[u8], quarter: usize, start: u32, lanes: &mut [Hits]) -> u32 {
        let part = |index: usize| {
            block
                .get(index * quarter..(index + 1) * quarter)
                .unwrap_or_default()
        };
        let warm = |index: usize| {
            let end = index * quarter;
            let before = block
                .get(end.saturating_sub(self.longest)..end)
                .unwrap_or_default();
            before
                .iter()
                .fold(0, |state, byte| self.next(state, *byte) & !ENDS)
        };
        let mut parts = [part(0), part(1), part(2), part(3)];
        let mut states = [start, warm(1), warm(2), warm(3)];
        let mut at = 0;
        loop {
            let read = self.until_end(parts, &mut states);
            at += read;
            for (number, (hits, state)) in lanes.iter_mut().zip(&mut states).enumerate() {
                if *state & ENDS != 0 {
                    *state &= !ENDS;
                    hits.push(((number * quarter + at - 1) as u32, *state));
                }
            }
            if at >= quarter {
                let [.., last] = states;
                return last;
            }
            parts = parts.map(|part| part.get(read..).unwrap_or_default());
        }
    }

    /// Reads on until marks end in one of four, and says how many bytes of each were read. It is kept apart so that all it works with has
    /// its place in a register.
    #[inline(never)]
    fn until_end(&self, [a, b, c, d]: [&[u8]; 4], states: &mut [u32; 4]) -> usize {
        let [mut one, mut two, mut three, mut four] = *states;
        let mut read = 0;
        for ((a, b), (c, d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
            one = self.next(one, *a);
            two = self.next(two, *b);
            three = self.next(three, *c);
            four = self.next(four, *d);
            read += 1;
            if (one | two | three | four) & ENDS != 0 {
                break;
            }
        }
        *states = [one, two, three, four];
        read
    }

    fn tell(&self, offset: usize, hits: &Hits, mark: &mut impl FnMut(u16, usize)) {
        for (at, state) in hits {
            let (from, to) = self
                .ends_of
                .get((state >> self.shift) as usize)
                .copied()
                .unwrap_or_default();
            for end in self.ends.get(from as usize..to as usize).unwrap_or_default() {
                // The mark ends behind the byte that led here.
                let behind = offset + *at as usize + 1;
                mark(end.target, behind.saturating_sub(usize::from(end.back)));
            }
        }
    }
}

/// Which marks have begun, and how many of their bytes were there. Sorted.
type Begun = Vec<(u16, u8)>;

/// Builds an automaton.
pub(crate) fn build(marks: &[Mark]) -> Result<Automaton, TooLarge> {
    let (classes, representatives) = classes(marks);
    let mut states: Vec<Begun> = vec![Begun::new()];
    let mut known: HashMap<Begun, usize> = HashMap::from([(Begun::new(), 0)]);
    let mut table: Vec<usize> = Vec::new();
    let mut index = 0;
    while let Some(state) = states.get(index).cloned() {
        for byte in &representatives {
            let next = step(marks, &state, *byte);
            let target = match known.get(&next) {
                Some(target) => *target,
                None if states.len() == MOST_STATES => return Err(TooLarge),
                None => {
                    known.insert(next.clone(), states.len());
                    states.push(next);
                    states.len() - 1
                }
            };
            table.push(target);
        }
        index += 1;
    }
    let start = step(marks, &[], b'\n');
    let start = known.get(&start).copied().unwrap_or_default();
    Ok(arrange(
        marks,
        &states,
        &table,
        (classes, representatives.len()),
        start,
    ))
}

fn step(marks: &[Mark], state: &[(u16, u8)], byte: u8) -> Begun {
    let goes_on = |(mark, at): (u16, u8)| {
        let set = marks.get(usize::from(mark))?.sequence.sets.get(usize::from(at))?;
        set.contains(byte).then_some((mark, at + 1))
    };
    let begins = (0..marks.len()).map(|mark| (mark as u16, 0));
    let mut next: Begun = state.iter().copied().chain(begins).filter_map(goes_on).collect();
    next.sort_unstable();
    next
}

/// Bytes that no mark tells apart are of one class. The second list has a byte of each.
fn classes(marks: &[Mark]) -> (Box<[u8; 256]>, Vec<u8>) {
    let mut sets: Vec<ByteSet> = marks
        .iter()
        .flat_map(|mark| mark.sequence.sets.iter().copied())
        .collect();
    sets.sort_unstable();
    sets.dedup();
    let mut known: HashMap<Vec<bool>, u8> = HashMap::new();
    let mut classes = Box::new([0; 256]);
    let mut representatives = Vec::new();
    for (byte, class) in (0..=u8::MAX).zip(classes.iter_mut()) {
        let kind: Vec<bool> = sets.iter().map(|set| set.contains(byte)).collect();
        *class = *known.entry(kind).or_insert_with(|| {
            representatives.push(byte);
            (representatives.len() - 1) as u8
        });
    }
    (classes, representatives)
}

/// Puts the rows of all states into one table.
fn arrange(
    marks: &[Mark],
    states: &[Begun],
    table: &[usize],
    (classes, width): (Box<[u8; 256]>, usize),
    start: usize,
) -> Automaton {
    let (mut ends_of, mut ends) = (Vec::new(), Vec::new());
    for state in states {
        let from = ends.len() as u32;
        ends.extend(state.iter().filter_map(|(mark, at)| {
            let mark = marks.get(usize::from(*mark))?;
            let is_end = usize::from(*at) == mark.sequence.sets.len();
            is_end.then_some(End {
                target: mark.target,
                back: mark.back as u16,
            })
        }));
        ends_of.push((from, ends.len() as u32));
    }
    let shift = width.next_power_of_two().trailing_zeros();
    let entry = |state: usize| {
        let has_ends = ends_of.get(state).is_some_and(|(from, to)| from < to);
        ((state as u32) << shift) | if has_ends { ENDS } else { 0 }
    };
    let mut rows = vec![0; states.len() << shift];
    for (row, targets) in rows.chunks_mut(1 << shift).zip(table.chunks(width)) {
        row.iter_mut()
            .zip(targets)
            .for_each(|(slot, target)| *slot = entry(*target));
    }
    let longest = marks
        .iter()
        .map(|mark| mark.sequence.sets.len())
        .max()
        .unwrap_or_default();
    Automaton {
        classes,
        table: rows.into(),
        shift,
        start: entry(start) & !ENDS,
        ends_of: ends_of.into(),
        ends: ends.into(),
        longest,
    }
}
