//! The config, compiled.

use super::cleaning::{Cleaning, Syntax};
use super::config::{
    ALLOWED_KEYS, ActionWord, Level, LimitsConfig, OnError, RedactionConfig, RuleConfig, STATEMENTS, Summary,
    URLS,
};
use super::keys::KeyVerdict;
use super::shapes::Counted;
use crate::matching::Pattern;
use forebay_core::registry::Problem;
use forebay_redaction::{
    Action, HashKey, KeyPattern, KeySet, Mask, Outcome, Pattern as Sought, PatternError, Redactor, Scratch,
};
use std::borrow::Cow;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    rules: Box<[Rule]>,
    /// Rules that look at the same levels are looked for together.
    groups: Vec<Group>,
    /// The group of each level.
    group_of: [usize; Level::ALL.len()],
    allowed: Option<KeySet>,
    ignored: KeySet,
    pub(super) cleaning: Cleaning,
    pub(super) redact_all_types: bool,
    pub(super) max_depth: u64,
    pub(super) max_value_bytes: usize,
    pub(super) fails_closed: bool,
    pub(super) limits: Limits,
    pub(super) summary: Summary,
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) action: ActionWord,
    /// How values of its keys are hidden, if they are replaced.
    pub(super) hide: Action,
    /// To how many characters values of its keys are cut.
    pub(super) length: usize,
}

/// The rules that look at some levels.
#[derive(Debug)]
struct Group {
    /// Which rules these are.
    rules: Vec<usize>,
    redactor: Redactor,
    /// The rule of each pattern.
    of_pattern: Box<[u16]>,
    keys: KeySet,
    /// The rule of each key.
    of_key: Box<[u16]>,
}

/// Limits on lengths and counts; `usize::MAX` where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    counts: [usize; 5],
    pub(super) value_length: usize,
    pub(super) body_length: usize,
}

impl Limits {
    fn new(config: &LimitsConfig) -> Self {
        let most = |limit: Option<super::config::Limit>| {
            limit.map_or(usize::MAX, |limit| usize::try_from(limit.0).unwrap_or(usize::MAX))
        };
        Limits {
            counts: [
                most(config.attribute_count_limit),
                most(config.event_count_limit),
                most(config.link_count_limit),
                most(config.event_attribute_count_limit),
                most(config.link_attribute_count_limit),
            ],
            value_length: most(config.attribute_value_length_limit),
            body_length: most(config.body_length_limit),
        }
    }

    /// The most there may be.
    #[inline]
    pub(super) fn of(&self, counted: Counted) -> usize {
        self.counts.get(counted as usize).copied().unwrap_or(usize::MAX)
    }
}

impl Plan {
    /// Compiles a config. Whoever only wants to know whether it can be compiled gives any key for the hashes.
    ///
    /// # Errors
    ///
    /// Patterns that are too much together.
    pub(super) fn new(config: &RedactionConfig, hash_key: &[u8]) -> Result<Self, Problem> {
        let rules: Box<[Rule]> = config
            .rules
            .iter()
            .map(|rule| Rule::new(rule, hash_key))
            .collect();
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = [0; Level::ALL.len()];
        for (level, group) in Level::ALL.iter().zip(&mut group_of) {
            let places = 1 << *level as u8;
            let members = config.rules.iter().enumerate();
            let members = members.filter(|(_, rule)| rule.places() & places != 0);
            let members: Vec<usize> = members.map(|(index, _)| index).collect();
            *group = match groups.iter().position(|group| group.rules == members) {
                Some(group) => group,
                None => {
                    groups.push(Group::new(config, members, &rules)?);
                    groups.len() - 1
                }
            };
        }
        let allowed = config.allowed_keys.as_deref();
        Ok(Plan {
            rules,
            groups,
            group_of,
            allowed: allowed.map(|keys| key_set(keys, &["allowed_keys"])).transpose()?,
            ignored: key_set(&config.ignored_keys, &["ignored_keys"])?,
            cleaning: Cleaning::new(config)?,
            redact_all_types: config.redact_all_types,
            max_depth: config.max_depth.0,
            max_value_bytes: usize::try_from(config.max_value_bytes.0).unwrap_or(usize::MAX),
            fails_closed: config.on_error == OnError::FailClosed,
            limits: Limits::new(&config.limits),
            summary: config.summary,
        })
    }

    /// What is counted by name: the rules, and then the removal of keys that are not allowed.
    pub(super) fn names(config: &RedactionConfig) -> Box<[Box<str>]> {
        let rules = config.rules.iter().map(|rule| rule.name.as_str());
        rules
            .chain([ALLOWED_KEYS, URLS, STATEMENTS])
            .map(Box::from)
            .collect()
    }

    /// How many names there are.
    pub(super) fn named(&self) -> usize {
        self.rules.len() + 3
    }

    /// The place of what is not allowed among these names.
    pub(super) fn strange(&self) -> usize {
        self.rules.len()
    }

    /// The place of what was sanitised among these names.
    pub(super) fn cleaned(&self, syntax: Syntax) -> usize {
        let place = if syntax == Syntax::Statement { 2 } else { 1 };
        self.rules.len() + place
    }

    /// A rule.
    pub(super) fn rule(&self, index: u16) -> Option<&Rule> {
        self.rules.get(usize::from(index))
    }

    #[inline]
    fn group(&self, level: Level) -> Option<&Group> {
        let group = self.group_of.get(level as usize)?;
        self.groups.get(*group)
    }

    /// Whether patterns are looked for at this level.
    #[inline]
    pub(super) fn looks(&self, level: Level) -> bool {
        self.group(level)
            .is_some_and(|group| !group.of_pattern.is_empty())
    }

    /// Looks for all patterns in a text, and hides what it finds: into `scratch`.
    #[inline]
    pub(super) fn redact(&self, level: Level, text: &[u8], scratch: &mut Scratch) -> Outcome {
        match self.group(level) {
            Some(group) => group.redactor.redact(text, scratch),
            None => Outcome::Unchanged,
        }
    }

    /// The rule that a pattern of this level belongs to.
    pub(super) fn rule_of(&self, level: Level, pattern: usize) -> u16 {
        let group = self.group(level);
        group
            .and_then(|group| group.of_pattern.get(pattern))
            .copied()
            .unwrap_or_default()
    }

    /// What is to be done because of a key.
    pub(super) fn judge_key(&self, level: Level, key: &[u8], scratch: &mut Scratch) -> KeyVerdict {
        if self.ignored.contains(key) {
            return KeyVerdict {
                is_ignored: true,
                ..KeyVerdict::default()
            };
        }
        let tells = match self.redact(level, key, scratch) {
            Outcome::Unchanged => None,
            Outcome::Changed => scratch.hits().first().copied(),
            Outcome::Dropped(pattern) => Some(pattern),
        };
        let hides = self.group(level).and_then(|group| {
            let key = group.keys.find(key)?;
            group.of_key.get(key).copied()
        });
        KeyVerdict {
            is_ignored: false,
            is_strange: self
                .allowed
                .as_ref()
                .is_some_and(|allowed| !allowed.contains(key)),
            tells: tells.map(|pattern| self.rule_of(level, pattern)),
            hides,
            syntax: self.cleaning.syntax(key),
        }
    }
}

impl Rule {
    fn new(rule: &RuleConfig, hash_key: &[u8]) -> Self {
        Rule {
            action: rule.action,
            hide: action(rule, hash_key),
            length: rule.length.map_or(usize::MAX, |length| {
                usize::try_from(length.0).unwrap_or(usize::MAX)
            }),
        }
    }
}

fn action(rule: &RuleConfig, hash_key: &[u8]) -> Action {
    let keep_last = rule
        .keep_last
        .map_or(0, |last| usize::try_from(last.0).unwrap_or_default());
    match rule.action {
        ActionWord::Mask => Action::Mask(Mask { keep_last }),
        // The number of digits was checked where it was read.
        ActionWord::Hash => {
            HashKey::new(hash_key, rule.digits()).map_or(Action::Mask(Mask::default()), Action::Hash)
        }
        ActionWord::Truncate => Action::Truncate,
        ActionWord::Drop | ActionWord::DropItem => Action::Drop,
    }
}

/// Where a pattern is written: the rule, the list in it, and the place in that.
type Written = (usize, &'static str, usize);

impl Group {
    fn new(config: &RedactionConfig, members: Vec<usize>, rules: &[Rule]) -> Result<Self, Problem> {
        let (mut sought, mut written): (Vec<(Sought<'_>, Action)>, Vec<Written>) = Default::default();
        let (mut keys, mut keys_written): (Vec<KeyPattern<'_>>, Vec<Written>) = Default::default();
        for &index in &members {
            let (Some(rule), Some(compiled)) = (config.rules.get(index), rules.get(index)) else {
                continue;
            };
            for (place, pattern) in rule.patterns.iter().enumerate() {
                sought.push((Sought::Ready(pattern.0), compiled.hide.clone()));
                written.push((index, "patterns", place));
            }
            for (place, regex) in rule.regexes.iter().enumerate() {
                sought.push((Sought::Regex(regex.as_str()), compiled.hide.clone()));
                written.push((index, "regexes", place));
            }
            for (place, key) in rule.keys.iter().enumerate() {
                keys.push(key_pattern(key));
                keys_written.push((index, "keys", place));
            }
        }
        let allowed: Vec<&str> = config
            .allowed_findings
            .iter()
            .map(|regex| regex.as_str())
            .collect();
        let redactor = Redactor::new(sought).map_err(|error| blame(&error, &written))?;
        let redactor = redactor.allow(&allowed).map_err(|error| {
            problem(
                vec!["allowed_findings".into(), error.pattern.to_string().into()],
                &error,
            )
        })?;
        let keys = KeySet::new(&keys).map_err(|error| blame(&error, &keys_written))?;
        let rules_of = |written: &[Written]| -> Box<[u16]> {
            written
                .iter()
                .map(|(rule, _, _)| u16::try_from(*rule).unwrap_or_default())
                .collect()
        };
        Ok(Group {
            rules: members,
            redactor,
            of_pattern: rules_of(&written),
            keys,
            of_key: rules_of(&keys_written),
        })
    }
}

/// A key as it is written, as sets of keys take it.
fn key_pattern(pattern: &Pattern) -> KeyPattern<'_> {
    let written = pattern.as_str();
    if let Some(glob) = written.strip_prefix("glob:") {
        KeyPattern::Glob(glob)
    } else if let Some(regex) = written.strip_prefix("regex:") {
        KeyPattern::Regex(regex)
    } else {
        KeyPattern::Exact(written.strip_prefix("exact:").unwrap_or(written))
    }
}

/// Keys, which are written under this path.
pub(super) fn key_set(keys: &[Pattern], path: &[&'static str]) -> Result<KeySet, Problem> {
    let keys: Vec<KeyPattern<'_>> = keys.iter().map(key_pattern).collect();
    KeySet::new(&keys).map_err(|error| {
        let mut path: Vec<Cow<'static, str>> = path.iter().map(|key| (*key).into()).collect();
        path.push(error.pattern.to_string().into());
        problem(path, &error)
    })
}

fn blame(error: &PatternError, written: &[Written]) -> Problem {
    let Some((rule, list, place)) = written.get(error.pattern) else {
        return problem(vec!["rules".into()], error);
    };
    let path = vec![
        "rules".into(),
        rule.to_string().into(),
        (*list).into(),
        place.to_string().into(),
    ];
    problem(path, error)
}

fn problem(path: Vec<Cow<'static, str>>, error: &PatternError) -> Problem {
    Problem {
        path,
        message: format!("this pattern cannot be used: {error}"),
        help: None,
    }
}
