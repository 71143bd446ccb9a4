//! What every match of a regex has within itself: short sequences of sets of bytes, one of which is there.
//!
//! They say where a regex is worth being asked. What they are derived from may match less than they say, never more.

use super::bytes::{ByteSet, Sequence};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use regex_syntax::utf8::Utf8Sequences;

/// How far sequences are followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// The sets of a sequence.
    pub(crate) longest: usize,
    /// The sequences of a regex.
    pub(crate) most: usize,
}

/// What is spelled out of what there may be more or less of: ranges of characters beyond ASCII (of classes with more of them, the first
/// byte has to do), and repetitions beyond the fewest.
const SPELLED: usize = 4;

/// The rarest sequences of which every match has one. If one of them is empty, there is nothing that every match has.
pub(crate) fn sequences(hir: &Hir, reach: Reach) -> Vec<Sequence> {
    let from_start = beginnings(hir, reach);
    let within = match hir.kind() {
        HirKind::Capture(capture) => sequences(&capture.sub, reach),
        HirKind::Repetition(repetition) if repetition.min > 0 => sequences(&repetition.sub, reach),
        HirKind::Concat(parts) => within_parts(parts, reach),
        HirKind::Alternation(parts) => bounded(
            parts.iter().flat_map(|part| sequences(part, reach)).collect(),
            reach,
        ),
        _ => return from_start,
    };
    rarer(from_start, within)
}

/// What sequences begin a match, whole.
pub(crate) fn beginnings(hir: &Hir, reach: Reach) -> Vec<Sequence> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Sequence {
            sets: Vec::new(),
            is_cut: false,
        }],
        HirKind::Literal(literal) => {
            let single = |byte: &u8| ByteSet::range(*byte, *byte);
            let sets = literal.0.iter().take(reach.longest).map(single).collect();
            vec![Sequence {
                sets,
                is_cut: literal.0.len() > reach.longest,
            }]
        }
        HirKind::Class(class) => of_class(class),
        HirKind::Repetition(repetition) => of_repetition(repetition, reach),
        HirKind::Capture(capture) => beginnings(&capture.sub, reach),
        HirKind::Concat(parts) => of_parts(parts, reach),
        HirKind::Alternation(parts) => bounded(
            parts.iter().flat_map(|part| beginnings(part, reach)).collect(),
            reach,
        ),
    }
}

/// How often one of them stands at a place of a log, roughly.
pub(crate) fn frequency(sequences: &[Sequence]) -> f64 {
    sequences.iter().map(Sequence::frequency).sum()
}

fn rarer(one: Vec<Sequence>, other: Vec<Sequence>) -> Vec<Sequence> {
    if frequency(&other) < frequency(&one) {
        other
    } else {
        one
    }
}

fn within_parts(parts: &[Hir], reach: Reach) -> Vec<Sequence> {
    let mut best = vec![Sequence {
        sets: Vec::new(),
        is_cut: true,
    }];
    for (index, part) in parts.iter().enumerate() {
        best = rarer(best, of_parts(parts.get(index..).unwrap_or_default(), reach));
        best = rarer(best, sequences(part, reach));
    }
    best
}

fn of_parts(parts: &[Hir], reach: Reach) -> Vec<Sequence> {
    let mut list = vec![Sequence {
        sets: Vec::new(),
        is_cut: false,
    }];
    for part in parts {
        if list.iter().all(|sequence| sequence.is_cut) {
            break;
        }
        list = joined(list, &beginnings(part, reach), reach);
    }
    list
}

fn of_class(class: &Class) -> Vec<Sequence> {
    let whole = |set| Sequence {
        sets: vec![set],
        is_cut: false,
    };
    let mut single = ByteSet::default();
    let (mut longer, mut leads) = (Vec::new(), ByteSet::default());
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                single = single.union(ByteSet::range(range.start(), range.end()));
            }
        }
        Class::Unicode(class) => {
            let spelled = class
                .ranges()
                .iter()
                .flat_map(|range| Utf8Sequences::new(range.start(), range.end()));
            for spelling in spelled {
                let sets: Vec<_> = spelling
                    .as_slice()
                    .iter()
                    .map(|range| ByteSet::range(range.start, range.end))
                    .collect();
                match sets.as_slice() {
                    [set] => single = single.union(*set),
                    [lead, ..] => {
                        leads = leads.union(*lead);
                        longer.push(Sequence { sets, is_cut: false });
                    }
                    [] => {}
                }
            }
        }
    }
    if longer.len() > SPELLED {
        longer = vec![Sequence {
            sets: vec![leads],
            is_cut: true,
        }];
    }
    longer.extend((!single.is_empty()).then(|| whole(single)));
    longer
}

fn of_repetition(repetition: &Repetition, reach: Reach) -> Vec<Sequence> {
    let once = beginnings(&repetition.sub, reach);
    let mut list = vec![Sequence {
        sets: Vec::new(),
        is_cut: false,
    }];
    for _ in 0..repetition.min {
        if list.iter().all(|sequence| sequence.is_cut) {
            return list;
        }
        list = joined(list, &once, reach);
    }
    let more = repetition
        .max
        .map(|most| most - repetition.min)
        .filter(|more| *more <= SPELLED as u32);
    let Some(more) = more else {
        // It may go on, or what follows may begin.
        let goes_on = once.into_iter().map(|sequence| Sequence {
            is_cut: true,
            ..sequence
        });
        match repetition.min {
            0 => list.extend(goes_on),
            _ => list.iter_mut().for_each(|sequence| sequence.is_cut = true),
        }
        return bounded(list, reach);
    };
    let mut longer = list.clone();
    for _ in 0..more {
        longer = joined(longer, &once, reach);
        list.extend_from_slice(&longer);
    }
    bounded(list, reach)
}

fn joined(list: Vec<Sequence>, next: &[Sequence], reach: Reach) -> Vec<Sequence> {
    let mut longer = Vec::new();
    for sequence in list {
        if sequence.is_cut {
            longer.push(sequence);
            continue;
        }
        for more in next {
            let room = reach.longest.saturating_sub(sequence.sets.len());
            let sets = sequence
                .sets
                .iter()
                .chain(more.sets.iter().take(room))
                .copied()
                .collect();
            longer.push(Sequence {
                sets,
                is_cut: more.is_cut || more.sets.len() > room,
            });
        }
    }
    bounded(longer, reach)
}

/// Shortens sequences until there are not too many.
fn bounded(mut list: Vec<Sequence>, reach: Reach) -> Vec<Sequence> {
    let mut longest = reach.longest;
    loop {
        list.sort_unstable();
        list.dedup();
        if list.len() <= reach.most || longest == 0 {
            return list;
        }
        longest -= 1;
        for sequence in &mut list {
            sequence.is_cut |= sequence.sets.len() > longest;
            sequence.sets.truncate(longest);
        }
    }
}
