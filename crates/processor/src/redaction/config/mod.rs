//! What the user writes.

mod cleaning;
mod rules;
mod words;

pub use cleaning::{LanguageWord, StatementsConfig, UrlsConfig};
pub(super) use rules::{ALLOWED_KEYS, STATEMENTS, URLS};
pub use rules::{RuleConfig, RuleName};
pub use words::{ActionWord, Level, OnError, ReadyWord, SoughtRegex, Summary};

use super::plan::Plan;
use crate::matching::Pattern;
use crate::secret::HashSecret;
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{Size, Within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most rules, each of which is a label of metrics.
const RULES_MAX: usize = 256;

/// The config of a `redaction` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedactionConfig {
    /// What must not leave, up to 256 rules. All patterns of all rules are looked for in one pass. Where findings overlap, they are one, with
    /// which is done what the rule of the longest says; where several rules name a key, the first one does what it says.
    pub rules: Vec<RuleConfig>,
    /// The keys that attributes may have: all others are removed, on resources, scopes and metrics as on items, their events, links and
    /// exemplars, and at the top of bodies that are maps. What is inside of the value of an allowed key is allowed with it. Left
    /// out: all keys are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_keys: Option<Vec<Pattern>>,
    /// Keys whose attributes pass as they are: no rule looks at the key or the value, nor does `allowed_keys`. Limits do.
    pub ignored_keys: Vec<Pattern>,
    /// URLs that are sanitised: without user and password, and the values of some query parameters. An empty table (`urls = {}`) does what
    /// the semantic conventions say. Left out: none are. Patterns are looked for in what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urls: Option<UrlsConfig>,
    /// Statements of databases that are sanitised: without literals and comments. An empty table (`statements = {}`) does what the
    /// semantic conventions say. Left out: none are. Patterns are looked for in what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statements: Option<StatementsConfig>,
    /// Regular expressions for what patterns find and is no secret: what one of them matches as a whole stays, and what else is found in
    /// the same value does not. `support@example\.com`
    pub allowed_findings: Vec<SoughtRegex>,
    /// Whether patterns are looked for in integers, doubles and bytes, too: in their decimal digits, and in the bytes as if they were a
    /// text. A number in which something is found becomes a text.
    pub redact_all_types: bool,
    /// The key of hashes, 16 bytes or more, best made at random and read from the environment or a file: `"${env:REDACTION_KEY}"`. All
    /// instances that have the same key hash alike. Left out: a random one for each start, so that hashes can be joined within the life
    /// of one process only; the log says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_key: Option<HashSecret>,
    /// What becomes of an item that cannot be judged: whose values are nested deeper than `max_depth`, larger than
    /// `max_value_bytes`, or texts that are not UTF-8. Where it is the resource, scope or metric that cannot be judged, this is about all
    /// their items.
    pub on_error: OnError,
    /// How deep maps and lists may be in one another, 1 to 30. The receiver takes no more than 32 messages in one another.
    pub max_depth: Within<1, 30>,
    /// How long a single text or array of bytes may be, `"1KiB"` to `"64MiB"`.
    pub max_value_bytes: Size,
    /// Limits on lengths and counts, as SDKs have them.
    pub limits: LimitsConfig,
    /// Whether resources, spans and log records have attributes that say what was changed in them. Data points never do: it would make other
    /// series of them.
    pub summary: Summary,
}

/// A limit.
pub type Limit = Within<1, 1_048_576>;

/// Limits on lengths and counts, with the meaning that the OpenTelemetry specification gives to those of SDKs ("Attribute limits", "Span
/// limits", "LogRecord limits"). What is too long is cut; what is too much is removed from the end and added to the count of what was
/// dropped. They hold for spans, their events and links, and log records: resources, scopes and metrics are exempt, as in SDKs. Rules are
/// applied before, to the whole values. Each is off where it is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The most characters of a text that is the value of an attribute or an element of it, and the most bytes of an array of bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_value_length_limit: Option<Limit>,
    /// The most attributes of a span or log record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_count_limit: Option<Limit>,
    /// The most events of a span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_count_limit: Option<Limit>,
    /// The most links of a span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_count_limit: Option<Limit>,
    /// The most attributes of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_attribute_count_limit: Option<Limit>,
    /// The most attributes of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_attribute_count_limit: Option<Limit>,
    /// The most characters of a text in the body of a log record. SDKs have no such limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_length_limit: Option<Limit>,
}

/// The least and the most of `max_value_bytes`.
const VALUE_BYTES: [u64; 2] = [1 << 10, 64 << 20];

impl Default for RedactionConfig {
    fn default() -> Self {
        RedactionConfig {
            rules: Vec::new(),
            allowed_keys: None,
            ignored_keys: Vec::new(),
            urls: None,
            statements: None,
            allowed_findings: Vec::new(),
            redact_all_types: true,
            hash_key: None,
            on_error: OnError::default(),
            max_depth: Within(16),
            max_value_bytes: Size(1 << 20),
            limits: LimitsConfig::default(),
            summary: Summary::default(),
        }
    }
}

impl RedactionConfig {
    /// Whether some rule hashes.
    pub(super) fn hashes(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == ActionWord::Hash)
    }

    fn does_nothing(&self) -> bool {
        let cleans = self.urls.is_some() || self.statements.is_some();
        let limits = self.limits != LimitsConfig::default();
        self.rules.is_empty() && self.allowed_keys.is_none() && !cleans && !limits
    }

    /// What is wrong with the keys of the processor's own table.
    fn check_table(&self, problems: &mut Vec<Problem>) {
        let mut blame = |key: &'static str, message: String, help: &str| {
            problems.push(Problem {
                path: vec![key.into()],
                message,
                help: Some(help.to_owned()),
            });
        };
        if self.does_nothing() {
            let message =
                "a redaction without rules, allowed keys, sanitising or limits does nothing".to_owned();
            blame("rules", message, "add a rule, or take the processor out");
        }
        if self.rules.len() > RULES_MAX {
            let message = format!(
                "{} rules are more than the {RULES_MAX} that there may be",
                self.rules.len()
            );
            blame("rules", message, "put patterns of one action into one rule");
        }
        if self.allowed_keys.as_ref().is_some_and(Vec::is_empty) {
            let message = "an empty list of allowed keys removes every attribute".to_owned();
            let help = "name the keys that may stay, or leave `allowed_keys` out to allow all; `[\"glob:\"]` allows none";
            blame("allowed_keys", message, help);
        }
        if !self.allowed_findings.is_empty() && !self.rules.iter().any(RuleConfig::has_patterns) {
            let message = "no rule has a pattern that could find an allowed value".to_owned();
            blame(
                "allowed_findings",
                message,
                "take it out, or give a rule `patterns` or `regexes`",
            );
        }
        let [least, most] = VALUE_BYTES;
        if !(least..=most).contains(&self.max_value_bytes.0) {
            let message = format!("`{}` cannot be given here", self.max_value_bytes);
            blame("max_value_bytes", message, "give 1KiB to 64MiB");
        }
    }

    /// Rules by themselves, and their names among each other.
    fn check_rules(&self, problems: &mut Vec<Problem>) {
        let mut names = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if !names.insert(&rule.name) {
                let message = format!("there is another rule of the name `{}`", rule.name.as_str());
                let help = "name each rule by another name: it is how it is counted".to_owned();
                problems.push(rules::problem(index, "name", message, Some(help)));
            }
            rule.check(|key, message, help| problems.push(rules::problem(index, key, message, help)));
            self.check_keys(index, rule, problems);
        }
    }

    /// What a rule says of keys that another list says the contrary of.
    fn check_keys(&self, index: usize, rule: &RuleConfig, problems: &mut Vec<Problem>) {
        let drops = matches!(rule.action, ActionWord::Drop | ActionWord::DropItem);
        let allowed = self.allowed_keys.as_deref().unwrap_or_default();
        for (place, key) in rule.keys.iter().enumerate() {
            let written = key.as_str();
            let (message, help) = if self.ignored_keys.contains(key) {
                (
                    format!("`{written}` is in `ignored_keys`, so that this rule never sees it"),
                    "take it out of one of the two",
                )
            } else if drops && allowed.contains(key) {
                (
                    format!("`{written}` is in `allowed_keys`, and this rule drops it"),
                    "take it out of one of the two; to allow the key and hide its value, write `action = \"mask\"`",
                )
            } else {
                continue;
            };
            let mut problem = rules::problem(index, "keys", message, Some(help.to_owned()));
            problem.path.push(place.to_string().into());
            problems.push(problem);
        }
    }
}

impl Config for RedactionConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_table(&mut problems);
        self.check_rules(&mut problems);
        if let Some(urls) = &self.urls {
            urls.check(&mut problems);
        }
        if let Some(statements) = &self.statements {
            statements.check(&mut problems);
        }
        if problems.is_empty() {
            // What can be said of each pattern by itself is said where it is read: this is about all together.
            problems.extend(Plan::new(self, &[]).err());
        }
        problems
    }
}
