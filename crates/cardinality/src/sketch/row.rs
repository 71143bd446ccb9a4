//! What a profile knows about one key.

use super::{Attribute, Distinct};
use forebay_otlp::views::Scalar;
use std::fmt::{self, Write};

/// The most bytes of a key that has a row, and of an example.
pub(super) const LONGEST: usize = 48;
const EXAMPLES: usize = 3;

/// One key, or all those that have no row of their own.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: Text,
    /// The set that last had it, by number.
    pub(super) last: u32,
    /// Different attributes with this key, so different values.
    pub(super) values: Distinct<32>,
    /// Different sets, if all were without it.
    pub(super) remaining: Distinct<64>,
    examples: [Text; EXAMPLES],
    /// Some bits of the attributes that are the examples; 0 for none.
    tags: [u16; EXAMPLES],
}

impl Row {
    /// `sets`: those that came before and did not have it.
    pub(super) fn new(name: Text, sets: &Distinct<64>) -> Self {
        Row {
            name,
            last: 0,
            values: Distinct::new(),
            remaining: sets.clone(),
            examples: [Text::EMPTY; EXAMPLES],
            tags: [0; EXAMPLES],
        }
    }

    /// Takes note of one of its attributes. `renew`: to have it as an example even though there are enough.
    #[inline]
    pub(super) fn see(&mut self, attribute: &Attribute<'_>, renew: bool, nameless: bool) {
        self.values.insert(attribute.identity);
        let [_, _, last] = self.tags;
        if renew || last == 0 {
            self.exemplify(attribute, nameless);
        }
    }

    /// Makes the attribute an example: the first three stay until others come, and the very first for good.
    #[cold]
    fn exemplify(&mut self, attribute: &Attribute<'_>, nameless: bool) {
        let tag = (attribute.identity.low() as u16).max(1);
        if self.tags.contains(&tag) {
            return;
        }
        let text = if nameless {
            Text::of_attribute(attribute)
        } else {
            Text::of_value(attribute.value)
        };
        let free = self.tags.iter().position(|tag| *tag == 0);
        // They may differ only after what is shown of them, or in what cannot be seen.
        let shown = free.unwrap_or(EXAMPLES);
        if self.examples.iter().take(shown).any(|example| *example == text) {
            return;
        }
        let at = free.unwrap_or_else(|| 1 + (attribute.identity.high() & 1) as usize);
        if let (Some(example), Some(at)) = (self.examples.get_mut(at), self.tags.get_mut(at)) {
            *example = text;
            *at = tag;
        }
    }

    pub(super) fn examples(&self) -> impl Iterator<Item = String> {
        self.examples
            .iter()
            .zip(self.tags)
            .filter(|(_, tag)| *tag != 0)
            .map(|(text, _)| text.as_str().to_owned())
    }
}

/// A short text, in place. UTF-8 without control characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    length: u8,
    bytes: [u8; LONGEST],
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Text {
    pub(super) const EMPTY: Text = Text {
        length: 0,
        bytes: [0; LONGEST],
    };

    /// A key as it is, unless it is empty, long, not UTF-8, or not fit to be shown.
    pub(super) fn of_key(key: &[u8]) -> Option<Text> {
        let key = str::from_utf8(key).ok()?;
        let fits = (1..=LONGEST).contains(&key.len()) && !key.contains(char::is_control);
        fits.then(|| Text::written(format_args!("{key}")))
    }

    #[inline]
    pub(super) fn is(&self, key: &[u8]) -> bool {
        key.len() == usize::from(self.length) && self.bytes.get(..key.len()) == Some(key)
    }

    pub(super) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        bytes
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// What stands for the value in an `AnyValue`.
    fn of_value(value: &[u8]) -> Text {
        Text::written(format_args!("{}", Shown(value)))
    }

    fn of_attribute(attribute: &Attribute<'_>) -> Text {
        let key = beginning(attribute.key);
        Text::written(format_args!("{key}={}", Shown(attribute.value)))
    }

    fn written(arguments: fmt::Arguments<'_>) -> Text {
        let mut text = Text::EMPTY;
        // It fails where the text is full: what was written is its beginning.
        let _full = text.write_fmt(arguments);
        text
    }
}

impl Write for Text {
    /// Takes as many whole characters as fit; fails if those are not all.
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for character in more.chars() {
            let shown = if character.is_control() { ' ' } else { character };
            let from = usize::from(self.length);
            let room = self.bytes.get_mut(from..from + shown.len_utf8());
            shown.encode_utf8(room.ok_or(fmt::Error)?);
            self.length += shown.len_utf8() as u8;
        }
        Ok(())
    }
}

/// A value as one would write it.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Scalar::read(self.0) {
            Scalar::Text(text) => f.write_str(beginning(text)),
            Scalar::Int(value) => value.fmt(f),
            Scalar::Double(value) => value.fmt(f),
            Scalar::Bool(value) => value.fmt(f),
            Scalar::Other => f.write_str("(not a scalar)"),
        }
    }
}

/// As much of it as may be needed and is UTF-8.
fn beginning(bytes: &[u8]) -> &str {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}
