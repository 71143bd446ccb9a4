//! New inputs from known ones, without knowing what they reach. Where there is no libFuzzer this is what there is.

use crate::Target;
use crate::support::damage;
use fastrand::Rng;

/// The most bytes of an input.
const LONGEST: usize = 4096;

/// Makes inputs of a target, the same ones for the same seed.
#[derive(Debug)]
pub struct Mutator {
    known: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    rng: Rng,
}

impl Mutator {
    /// One that starts from the committed inputs of `target` and from its dictionary.
    ///
    /// # Errors
    ///
    /// If the inputs cannot be read.
    pub fn new(target: Target, seed: u64) -> std::io::Result<Self> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(target.corpus())? {
            paths.push(entry?.path());
        }
        // The order of a directory is not the same everywhere.
        paths.sort();
        let known = paths.iter().map(std::fs::read).collect::<Result<_, _>>()?;
        let dictionary = std::fs::read_to_string(target.dictionary()).unwrap_or_default();
        Ok(Mutator {
            known,
            words: dictionary.lines().filter_map(word).collect(),
            rng: Rng::with_seed(seed),
        })
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let rng = &mut self.rng;
        let mut input = rng.choice(&self.known).cloned().unwrap_or_default();
        for _ in 0..rng.usize(1..=4) {
            match rng.u8(0..4) {
                0 if !self.words.is_empty() => {
                    let word = &self.words[rng.usize(..self.words.len())];
                    let at = rng.usize(..=input.len());
                    let over = at + rng.usize(0..=word.len()).min(input.len() - at);
                    input.splice(at..over, word.iter().copied());
                }
                1 if !self.known.is_empty() => {
                    let other = &self.known[rng.usize(..self.known.len())];
                    let (head, tail) = (rng.usize(..=input.len()), rng.usize(..=other.len()));
                    input.truncate(head);
                    input.extend(&other[tail..]);
                }
                _ => input = damage(&input, rng),
            }
        }
        input.truncate(LONGEST);
        input
    }
}

/// The word in a line of a dictionary: `name="text with \x00 and \" and \\"`.
fn word(line: &str) -> Option<Vec<u8>> {
    if line.starts_with('#') {
        return None;
    }
    let text = line.split_once('"')?.1.strip_suffix('"')?;
    let mut word = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digits = [*high, *low];
                word.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = tail;
            }
            (b'\\', [escaped, tail @ ..]) => {
                word.push(*escaped);
                rest = tail;
            }
            _ => word.push(first),
        }
    }
    Some(word)
}
