//! One rule, as it is written.

use super::words::{ActionWord, Level, ReadyWord, SoughtRegex};
use crate::matching::Pattern;
use forebay_core::registry::Problem;
use forebay_core::settings::Within;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// What must not leave, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What the rule is called in metrics. Letters, digits, `_`, `-` and `.`, 64 at most; each rule has another name.
    pub name: RuleName,
    /// Patterns that are ready. What each finds, how it is checked and what it misses is in
    /// [the guide](../enrichment/redaction.md#patterns-that-are-ready).
    #[serde(default)]
    pub patterns: Vec<ReadyWord>,
    /// Regular expressions, looked for in texts. Where one has a group named `secret`, what that group matches is what was found, and the
    /// rest stays: `session=(?<secret>\w+)`.
    #[serde(default)]
    pub regexes: Vec<SoughtRegex>,
    /// Keys whose whole value is what was found, whatever is in it. In maps at any depth as on attributes.
    #[serde(default)]
    pub keys: Vec<Pattern>,
    /// What becomes of what is found.
    pub action: ActionWord,
    /// How many characters at the end of it `mask` keeps, 1 to 16: the last four digits of a card. Of what has not twice as many, none
    /// is kept. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<Within<1, 16>>,
    /// How many hexadecimal digits the hash has, 8 to 64. Left out: 16, by which two of a hundred million different values are
    /// hashed to the same with a chance of 1 to 4000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_digits: Option<Within<8, 64>>,
    /// To how many characters `truncate` cuts the values of `keys`, 1 to 1048576.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Within<1, 1_048_576>>,
    /// Where the rule looks. Left out: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Vec<Level>>,
}

/// How long a hash is where nothing is said.
const HASH_DIGITS: u64 = 16;

impl RuleConfig {
    /// How many hexadecimal digits its hashes have.
    pub(in crate::redaction) fn digits(&self) -> usize {
        usize::try_from(self.hash_digits.map_or(HASH_DIGITS, |digits| digits.0)).unwrap_or_default()
    }

    /// Where it looks: a bit for each level.
    pub(in crate::redaction) fn places(&self) -> u16 {
        let levels = self.levels.as_deref().unwrap_or(&Level::ALL);
        levels.iter().fold(0, |bits, level| bits | 1 << *level as u8)
    }

    /// Whether it looks for something in texts.
    pub(in crate::redaction) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty() || !self.regexes.is_empty()
    }

    /// What contradicts itself: `place` is the key to blame within the rule.
    pub(super) fn check(&self, mut blame: impl FnMut(&'static str, String, Option<String>)) {
        if !self.has_patterns() && self.keys.is_empty() {
            let message = format!("the rule `{}` looks for nothing", self.name.as_str());
            let help = "give it `patterns`, `regexes` or `keys`".to_owned();
            blame("", message, Some(help));
        }
        if self.levels.as_ref().is_some_and(Vec::is_empty) {
            let help = "name some, or leave `levels` out for all".to_owned();
            blame(
                "levels",
                "a rule without levels finds nothing".to_owned(),
                Some(help),
            );
        }
        let wrong = |key: &str, action: ActionWord| {
            (self.action != action)
                .then(|| format!("`{key}` means nothing to the action `{}`", self.action.word()))
        };
        let help =
            |action: ActionWord| Some(format!("take it out, or write `action = \"{}\"`", action.word()));
        let given = [
            ("keep_last", self.keep_last.is_some(), ActionWord::Mask),
            ("hash_digits", self.hash_digits.is_some(), ActionWord::Hash),
            ("length", self.length.is_some(), ActionWord::Truncate),
        ];
        for (key, is_given, action) in given {
            if let Some(message) = wrong(key, action).filter(|_| is_given) {
                blame(key, message, help(action));
            }
        }
        if self.action == ActionWord::Truncate && !self.keys.is_empty() && self.length.is_none() {
            let message = "the values of `keys` are to be cut, and it is not said to what length".to_owned();
            blame(
                "action",
                message,
                Some("give `length`: a number of characters".to_owned()),
            );
        }
    }
}

/// The name of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RuleName(String);

impl RuleName {
    /// The most characters.
    const MOST: usize = 64;

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is counted under a name of its own, beside the rules.
pub(in crate::redaction) const ALLOWED_KEYS: &str = "allowed_keys";
/// What sanitising of URLs changed.
pub(in crate::redaction) const URLS: &str = "urls";
/// What sanitising of statements changed.
pub(in crate::redaction) const STATEMENTS: &str = "statements";

impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > RuleName::MOST || !name.bytes().all(is_plain) {
            return Err(D::Error::custom(format!(
                "`{name}` cannot name a rule: write 1 to {} letters, digits, `_`, `-` and `.`",
                RuleName::MOST
            )));
        }
        if [ALLOWED_KEYS, URLS, STATEMENTS].contains(&name.as_str()) {
            return Err(D::Error::custom(format!(
                "`{name}` cannot name a rule: it is what another part of the processor is counted as"
            )));
        }
        Ok(RuleName(name))
    }
}

impl JsonSchema for RuleName {
    fn schema_name() -> Cow<'static, str> {
        "RuleName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// The path to a key of rule `index`.
pub(super) fn at(index: usize, key: &'static str) -> Vec<Cow<'static, str>> {
    let mut path = vec!["rules".into(), index.to_string().into()];
    if !key.is_empty() {
        path.push(key.into());
    }
    path
}

/// A problem with a key of rule `index`.
pub(super) fn problem(index: usize, key: &'static str, message: String, help: Option<String>) -> Problem {
    Problem {
        path: at(index, key),
        message,
        help,
    }
}
