//! Answers about keys that were asked before.

use super::KeySet;

/// A power of two: 256 keys are more than the items of one service have.
const PLACES: usize = 256;

/// Keys that are longer are asked each time.
const LONGEST: usize = 55;

/// What a [`KeySet`] said about the keys that were asked last, for one who asks for the same keys over and over: one of 256 keys is
/// answered by comparing it, without asking globs and regexes. It takes 18 KiB, whatever is asked, and belongs to one set.
#[derive(Clone, Debug)]
pub struct KeyCache {
    places: Box<[Place]>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its length; none is so long as an empty place says.
    length: u8,
    key: [u8; LONGEST],
    answer: Option<usize>,
}

const EMPTY: Place = Place {
    length: u8::MAX,
    key: [0; LONGEST],
    answer: None,
};

impl KeyCache {
    /// A cache that knows nothing.
    pub fn new() -> Self {
        Self {
            places: vec![EMPTY; PLACES].into(),
        }
    }

    /// What [`KeySet::find`] says.
    pub fn find(&mut self, set: &KeySet, key: &[u8]) -> Option<usize> {
        if set.patterns.is_empty() || key.len() > LONGEST {
            return set.find(key);
        }
        let place = self.places.get_mut(place_of(key))?;
        if usize::from(place.length) == key.len() && place.key.get(..key.len()) == Some(key) {
            return place.answer;
        }
        let answer = set.find(key);
        place.length = key.len() as u8;
        place.key.get_mut(..key.len())?.copy_from_slice(key);
        place.answer = answer;
        answer
    }
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::new()
    }
}

/// Keys are spread by a multiplication for each eight bytes; who makes keys collide makes them be asked, and no more.
fn place_of(key: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = key.len() as u64;
    for chunk in key.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
    }
    (hash >> 56) as usize % PLACES
}
