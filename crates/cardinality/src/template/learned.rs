//! What is learned of texts: positions in which too many distinct words have stood.

use super::MAX_LENGTH;
use super::fixed::{comes_with_version, fixed, segment_byte};
use crate::identity::{Identity, SeriesHasher};
use hashbrown::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What a word becomes in a position that has seen too many.
const VAR: &str = "{var}";

/// How many texts are remembered as unchanged. A power of two.
const REMEMBERED: usize = 4096;

/// Bytes that a templater holds whatever its settings: the texts that pass, and a text between the rules and what is learned. By the
/// rules a text becomes four times as long at most, its buffer twice that.
const FIXED: usize = REMEMBERED * 8 + MAX_LENGTH * 8 + 64;

/// Bytes of a bucket of the table of words: while the table grows, half as many others stand beside it.
const BUCKET: usize = 17 * 3 / 2 + 1;

/// What a templater may learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Distinct words that a position passes before further ones become `{var}`. 100 by default; 0 means that nothing is learned
    /// and only the fixed rules hold.
    pub max_literals: u32,
    /// Words that are known over all positions and scopes. Each takes about 40 bytes at most. 65,536 by default.
    pub max_positions: u32,
    /// Words that are known in one scope, so that one cannot use up what there is for all. 8,192 by default.
    pub max_positions_of_scope: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_literals: 100,
            max_positions: 65_536,
            max_positions_of_scope: 8_192,
        }
    }
}

impl Settings {
    /// Settings with which a templater holds no more than so many bytes, if that is possible at all: about 70,000 are taken in any case. One scope
    /// may learn a quarter of what there is room for.
    pub fn within(max_literals: u32, bytes: usize) -> Self {
        let buckets = bytes.saturating_sub(FIXED) / BUCKET;
        let power = buckets.checked_ilog2().unwrap_or(0).clamp(4, 28);
        let max_positions = (1_u32 << power) / 8 * 7 - 1;
        Settings {
            max_literals,
            max_positions,
            max_positions_of_scope: max_positions / 4,
        }
    }
}

/// Templates texts by the fixed rules and by what it has learned of the texts before.
///
/// A text is read as a path of words: what stands before a word is its position. The first [`Settings::max_literals`] distinct words
/// of a position are passed, always; each further one becomes `{var}`, and what stands behind it is learned as one. So a text that has once passed
/// as it is will always do so, and no route is merged with another one as long as there are no more than that many in one
/// position. The first word of a text has nothing before it and never becomes `{var}`: it is what a text is about. Nor do words in
/// statements of SQL.
///
/// Memory is bounded: words beyond [`Settings::max_positions`] are not learned and pass as they are, what was learned stays in force. A limit on
/// distinct values is what is for those.
#[derive(Debug)]
pub struct Templater {
    settings: Settings,
    hasher: SeriesHasher,
    /// For what is short.
    secrets: [u64; 2],
    /// Known words by what they are and what stands before them, with the number of distinct words behind each. Under a scope's own key
    /// is the number of words known in it.
    words: HashMap<u64, u32, BuildHasherDefault<Uniform>>,
    /// Texts that pass as they are, each in the one place that it can have.
    unchanged: Box<[u64]>,
    /// After the fixed rules.
    between: String,
}

impl Templater {
    /// A templater that has learned nothing.
    pub fn new(settings: Settings) -> Self {
        Templater::with_hasher(settings, SeriesHasher::random())
    }

    /// A templater that hashes texts as others do: for [`Templater::passes`].
    pub fn with_hasher(settings: Settings, hasher: SeriesHasher) -> Self {
        let secret = hasher.bytes(&[]);
        Templater {
            settings,
            hasher,
            secrets: [secret.low(), secret.high()],
            words: HashMap::default(),
            unchanged: vec![0; REMEMBERED].into_boxed_slice(),
            between: String::new(),
        }
    }

    /// Templates a text: whether something changed. If so `out` holds the result, else it is empty and the text is to be used as it is.
    /// Texts above [`MAX_LENGTH`](super::MAX_LENGTH) never change.
    pub fn template(&mut self, text: &str, out: &mut String) -> bool {
        self.template_within(Identity::default(), text, out)
    }

    /// As [`Templater::template`], where each scope (a service, an attribute's key) learns for itself.
    pub fn template_within(&mut self, scope: Identity, text: &str, out: &mut String) -> bool {
        out.clear();
        if text.len() > MAX_LENGTH {
            return false;
        }
        let identity = self.hasher.bytes(text.as_bytes());
        if self.passes(scope, identity) {
            return false;
        }
        let mut between = std::mem::take(&mut self.between);
        let by_rules = fixed(text, &mut between);
        let after = if by_rules { between.as_str() } else { text };
        let learned = !super::sql::is_statement(after) && self.learn(scope, after, out);
        if !learned && by_rules {
            out.push_str(after);
        }
        self.between = between;
        let changed = learned || by_rules;
        let key = key(scope, identity);
        if !changed && let Some(remembered) = self.unchanged.get_mut(place(key)) {
            *remembered = key;
        }
        changed
    }

    /// Whether the text with this identity is remembered as one that does not change: the short way, for who has hashed it anyway. The answer may be no
    /// for one that does not.
    #[inline]
    pub fn passes(&self, scope: Identity, text: Identity) -> bool {
        let key = key(scope, text);
        self.unchanged.get(place(key)) == Some(&key)
    }

    /// The words that are known, over all scopes.
    pub fn positions(&self) -> usize {
        self.words.len()
    }

    /// Bytes that it holds now.
    pub fn memory(&self) -> usize {
        self.words.allocation_size() + REMEMBERED * 8 + self.between.capacity()
    }

    /// The most bytes that a templater of these settings can hold, also while its table grows.
    pub fn bound(settings: &Settings) -> usize {
        let buckets = (settings.max_positions as usize + 1).saturating_mul(8) / 7;
        FIXED.saturating_add(buckets.next_power_of_two().max(16).saturating_mul(BUCKET))
    }

    /// Goes through the words of a text; writes it to `out` if one of them is replaced.
    fn learn(&mut self, scope: Identity, text: &str, out: &mut String) -> bool {
        if self.settings.max_literals == 0 {
            return false;
        }
        let root = scope.high() | 1;
        let mut copied = 0;
        let mut parent: Option<u64> = None;
        let mut at = 0;
        while let Some((start, end)) = next_word(text.as_bytes(), at) {
            let bytes = text.as_bytes();
            let marks = bytes.get(at..start).unwrap_or_default();
            let word = bytes.get(start..end).unwrap_or_default();
            let before = self.after(parent.unwrap_or(root), marks);
            let literal = self.after(before, word);
            match self.known(root, parent.map(|_| before), literal, always(word)) {
                Known::Literal => parent = Some(literal),
                Known::Nothing => break,
                Known::Var => {
                    out.push_str(text.get(copied..start).unwrap_or_default());
                    out.push_str(VAR);
                    copied = end;
                    parent = Some(self.after(before, VAR.as_bytes()));
                }
            }
            at = end;
        }
        if copied > 0 {
            out.push_str(text.get(copied..).unwrap_or_default());
        }
        copied > 0
    }

    /// What stands behind `before`.
    #[inline]
    fn after(&self, before: u64, bytes: &[u8]) -> u64 {
        let (low, high) = if bytes.len() <= 16 {
            words(bytes)
        } else {
            let identity = self.hasher.bytes(bytes);
            (identity.low(), identity.high())
        };
        let [first, second] = self.secrets;
        let product =
            u128::from(before ^ low ^ first) * u128::from(high ^ second ^ (bytes.len() as u64) << 56);
        // Once more, that neighbours come apart in all bits.
        let product = u128::from(product as u64 ^ (product >> 64) as u64 ^ second) * u128::from(first | 1);
        product as u64 ^ (product >> 64) as u64
    }

    /// Whether a word passes, and learns it if there is room.
    fn known(&mut self, root: u64, position: Option<u64>, literal: u64, always: bool) -> Known {
        if always || self.words.contains_key(&literal) {
            return Known::Literal;
        }
        let Some(position) = position else {
            // The first word: nothing to count, it only has to be there no more than once.
            return Known::Literal;
        };
        let seen = self.words.get(&position).copied().unwrap_or(0);
        if seen >= self.settings.max_literals {
            return Known::Var;
        }
        if !self.room(root, 2) {
            return Known::Nothing;
        }
        *self.words.entry(position).or_insert(0) += 1;
        self.words.insert(literal, 0);
        Known::Literal
    }

    fn room(&mut self, root: u64, more: u32) -> bool {
        let total = self.settings.max_positions as usize;
        let known = self.words.len();
        if known + more as usize + 1 > total {
            return false;
        }
        let count = self.words.entry(root).or_insert(0);
        if *count + more > self.settings.max_positions_of_scope {
            return false;
        }
        *count += more;
        true
    }
}

/// What is known of a word in its position.
enum Known {
    /// It passes.
    Literal,
    /// The position has seen too many others.
    Var,
    /// Nothing, and there is no room to learn it: the rest of the text passes as it is.
    Nothing,
}

/// Whether each brace in it has its other one. Between braces words are not looked at, and so none of them may be opened here and closed
/// in another word.
fn is_balanced(word: &[u8]) -> bool {
    let mut open = 0_u32;
    for byte in word {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return false,
            b'}' => open -= 1,
            _ => {}
        }
    }
    open == 0
}

/// Up to sixteen bytes as two words.
#[inline]
fn words(bytes: &[u8]) -> (u64, u64) {
    let mut padded = [0; 16];
    if let Some(front) = padded.get_mut(..bytes.len()) {
        front.copy_from_slice(bytes);
    }
    let both = u128::from_le_bytes(padded);
    (both as u64, (both >> 64) as u64)
}

/// Where the next word from `at` on begins and ends.
fn next_word(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let length = text.get(at..)?.iter().position(|&byte| word_byte(byte))?;
    let start = at + length;
    let end = text.get(start..)?.iter().position(|&byte| !word_byte(byte));
    Some((start, end.map_or(text.len(), |length| start + length)))
}

/// What separates segments separates words, but a placeholder and an escaped byte are part of theirs.
fn word_byte(byte: u8) -> bool {
    segment_byte(byte)
        || matches!(
            byte,
            b'{' | b'}' | b'<' | b'>' | b'[' | b']' | b'*' | b'%' | b'@' | b'^'
        )
}

/// Words that always pass: placeholders, and those that the fixed rules look at.
fn always(word: &[u8]) -> bool {
    matches!(word, [b'{', .., b'}']) || comes_with_version(word) || !is_balanced(word)
}

/// What a text in a scope is remembered by. Zero is an empty place.
#[inline]
fn key(scope: Identity, text: Identity) -> u64 {
    text.plus(scope).low().max(1)
}

/// The place of a text among those that are remembered.
fn place(key: u64) -> usize {
    key as usize & (REMEMBERED - 1)
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
