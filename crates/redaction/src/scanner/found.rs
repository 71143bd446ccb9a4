//! What was found, and what becomes of findings that overlap.

use std::ops::Range;

/// One finding: bytes of a text, `start..end`, and whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
    /// Which of the scanner's patterns it is.
    pub pattern: usize,
}

impl Found {
    /// The bytes as a range.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// Joins findings that overlap, so that none of their bytes is left behind: what is joined belongs to the pattern of the longest; of
/// those as long, to that of the first in the text; of those at the same place, to that named first to the scanner. Findings that
/// merely touch stay apart. They have to be in order, as a scan leaves them.
pub fn merge(found: &mut Vec<Found>) {
    let mut longest = 0;
    // `dedup_by` gives the later one first, and takes it away where it is told so.
    found.dedup_by(|later, kept| {
        if later.start >= kept.end {
            longest = 0;
            return false;
        }
        if longest == 0 {
            longest = kept.bytes();
        }
        if later.bytes() > longest {
            longest = later.bytes();
            kept.pattern = later.pattern;
        }
        kept.end = kept.end.max(later.end);
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(mut found: Vec<(usize, usize, usize)>) -> Vec<(usize, usize, usize)> {
        let mut list: Vec<Found> = found
            .drain(..)
            .map(|(start, end, pattern)| Found { start, end, pattern })
            .collect();
        list.sort_unstable();
        merge(&mut list);
        list.iter()
            .map(|found| (found.start, found.end, found.pattern))
            .collect()
    }

    #[test]
    fn what_overlaps_is_one_and_belongs_to_the_longest() {
        assert_eq!(merged(vec![(0, 4, 7), (2, 10, 3)]), [(0, 10, 3)]);
        assert_eq!(
            merged(vec![(0, 4, 7), (2, 6, 3)]),
            [(0, 6, 7)],
            "as long: the first"
        );
        assert_eq!(
            merged(vec![(0, 4, 7), (0, 4, 3)]),
            [(0, 4, 3)],
            "at the same place: named first"
        );
        assert_eq!(
            merged(vec![(0, 4, 1), (4, 6, 2)]),
            [(0, 4, 1), (4, 6, 2)],
            "touching is not overlapping"
        );
        assert_eq!(
            merged(vec![(0, 3, 1), (2, 7, 2), (6, 10, 3)]),
            [(0, 10, 2)],
            "a chain"
        );
        assert_eq!(
            merged(vec![(0, 9, 1), (2, 4, 2), (20, 22, 3), (21, 24, 4)]),
            [(0, 9, 1), (20, 24, 4)]
        );
    }

    #[test]
    fn property_no_byte_is_left_behind_and_none_is_taken_in() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..2_000 {
            let mut finding = || {
                let start = random.usize(..40);
                (start, start + random.usize(1..10), random.usize(..4))
            };
            let list: Vec<_> = (0..6).map(|_| finding()).collect();
            let covered = |list: &[(usize, usize, usize)]| {
                let mut bytes = [false; 50];
                list.iter()
                    .for_each(|(start, end, _)| bytes[*start..*end].fill(true));
                bytes
            };
            let after = merged(list.clone());
            assert_eq!(covered(&list), covered(&after));
            assert!(after.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
    }
}
