//! Text conditions.

use regex::bytes::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// The most memory that one compiled regular expression, and one of its lookup caches, may take, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A text condition, written as one string.
///
/// | written | holds for |
/// |---|---|
/// | `"GET /health"` | this text |
/// | `"exact:glob:x"` | the text after the prefix, for a text that starts with a prefix of this table |
/// | `"glob:GET *"` | texts as a whole: `*` is any run of characters, `?` any one, everything else is itself |
/// | `"regex:^(GET\|HEAD) "` | texts in which the expression is found; anchor it with `^` and `$` |
///
/// The case of letters counts; `(?i)` at the start of a regular expression turns that off.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Exact(Box<[u8]>),
    Any,
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Regex(Regex),
}

impl Pattern {
    /// Compiles a pattern; says what is wrong with it otherwise.
    pub fn parse(written: &str) -> Result<Self, String> {
        let test = if let Some(text) = written.strip_prefix("exact:") {
            Test::exact(text)
        } else if let Some(glob) = written.strip_prefix("glob:") {
            Test::glob(glob)?
        } else if let Some(expression) = written.strip_prefix("regex:") {
            Test::Regex(compile(expression)?)
        } else {
            Test::exact(written)
        };
        Ok(Pattern {
            written: written.to_owned(),
            test,
        })
    }

    /// The pattern for this text and no other, which is none of those with a prefix.
    pub fn exact(text: &str) -> Self {
        Pattern {
            written: text.to_owned(),
            test: Test::exact(text),
        }
    }

    /// Whether the condition holds for `text`. Bytes that are not UTF-8 match no character of a regular expression.
    #[inline]
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.test {
            Test::Exact(exact) => **exact == *text,
            Test::Any => true,
            Test::Prefix(prefix) => text.starts_with(prefix),
            Test::Suffix(suffix) => text.ends_with(suffix),
            Test::Regex(regex) => regex.is_match(text),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl Test {
    fn exact(text: &str) -> Self {
        Test::Exact(text.as_bytes().into())
    }

    /// Globs with one `*` at an end need no automaton.
    fn glob(glob: &str) -> Result<Self, String> {
        let plain = |text: &str| !text.contains(['*', '?']);
        if plain(glob) {
            return Ok(Test::exact(glob));
        }
        if !glob.is_empty() && glob.bytes().all(|byte| byte == b'*') {
            return Ok(Test::Any);
        }
        if let Some(prefix) = glob.strip_suffix('*').filter(|prefix| plain(prefix)) {
            return Ok(Test::Prefix(prefix.as_bytes().into()));
        }
        if let Some(suffix) = glob.strip_prefix('*').filter(|suffix| plain(suffix)) {
            return Ok(Test::Suffix(suffix.as_bytes().into()));
        }
        let mut expression = String::from("(?s)^");
        for character in glob.chars() {
            match character {
                '*' => expression.push_str(".*"),
                '?' => expression.push('.'),
                other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        expression.push('$');
        Ok(Test::Regex(compile(&expression)?))
    }
}

fn compile(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| {
            // A syntax error comes with a drawing of the expression above its last line.
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default();
            let reason = last.trim_start_matches("error: ");
            format!("`{expression}` is not a regular expression that can be used: {reason}")
        })
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Pattern::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A text: exact, or with the prefix `glob:` or `regex:`; `exact:` for a text that starts like a prefix."
        })
    }
}

/// A regular expression, for keys that take nothing else. It is found anywhere in a text; anchor it with `^` and `$`.
#[derive(Clone, Debug)]
pub struct RegexText(Regex);

impl RegexText {
    /// Compiles an expression; says what is wrong with it otherwise.
    pub fn parse(expression: &str) -> Result<Self, String> {
        compile(expression).map(RegexText)
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.0
    }

    /// The names of its groups, with their places.
    pub fn groups(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0
            .capture_names()
            .enumerate()
            .filter_map(|(index, name)| Some((index, name?)))
    }
}

impl PartialEq for RegexText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl<'de> Deserialize<'de> for RegexText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RegexText::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for RegexText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl JsonSchema for RegexText {
    fn schema_name() -> Cow<'static, str> {
        "Regex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex" })
    }
}
