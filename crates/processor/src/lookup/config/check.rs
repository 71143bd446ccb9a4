//! Rules between keys.

use super::{AttributeConfig, FormatWord, KeyConfig, LevelWord, LookupConfig, MatchWord};
use crate::lookup::formats;
use crate::lookup::plan::{Plan, cell};
use forebay_core::registry::{Config, Problem};
use forebay_lookup::Column;
use std::borrow::Cow;
use std::time::Duration;

/// The most parts that a key may have.
const KEYS_MAX: usize = 8;

/// The most attributes that may be put in.
const ATTRIBUTES_MAX: usize = 64;

/// The shortest interval at which a file is looked at.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

type Path = Vec<Cow<'static, str>>;

/// The path of a key in the n-th table of a list.
fn within(list: &'static str, at: usize, key: &'static str) -> Path {
    vec![list.into(), at.to_string().into(), key.into()]
}

/// The path of a table in a list.
fn entry(list: &'static str, at: usize) -> Path {
    vec![list.into(), at.to_string().into()]
}

fn problem(path: Path, message: impl Into<String>) -> Problem {
    Problem {
        path,
        message: message.into(),
        help: None,
    }
}

impl Config for LookupConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_source(&mut problems);
        self.check_format(&mut problems);
        self.check_limits(&mut problems);
        self.check_keys(&mut problems);
        for (at, key) in self.key.iter().enumerate() {
            self.check_key(at, key, &mut problems);
        }
        self.check_attributes(&mut problems);
        self.check_when(&mut problems);
        if problems.is_empty() {
            self.check_rows(&mut problems);
        }
        problems
    }
}

impl LookupConfig {
    /// How the file is written, as far as that is known.
    pub(in crate::lookup) fn format(&self) -> Option<FormatWord> {
        let extension = || self.table.path.as_ref()?.extension()?.to_str();
        self.table.format.or_else(|| match extension()? {
            "csv" | "tsv" => Some(FormatWord::Csv),
            "jsonl" | "ndjson" => Some(FormatWord::Jsonl),
            "toml" => Some(FormatWord::Toml),
            "mmdb" => Some(FormatWord::Mmdb),
            _ => None,
        })
    }

    fn is_database(&self) -> bool {
        self.format() == Some(FormatWord::Mmdb)
    }

    fn check_source(&self, problems: &mut Vec<Problem>) {
        let key = |key: &'static str| vec!["table".into(), key.into()];
        match (&self.table.path, &*self.table.rows) {
            (None, []) => problems.push(problem(
                vec!["table".into()],
                "the table has neither a `path` nor `rows`",
            )),
            (Some(_), [_, ..]) => {
                problems.push(problem(key("rows"), "a table has a `path` or `rows`, not both"))
            }
            (Some(path), []) => {
                if let Err(why) = forebay_transport::check_file(path) {
                    let words = format!("cannot read the table {}: {why}", path.display());
                    problems.push(problem(key("path"), words));
                }
                if self.format().is_none() {
                    let words = format!("how {} is written is not told by its name", path.display());
                    problems.push(Problem {
                        help: Some("say `format`: csv, jsonl, toml or mmdb".to_owned()),
                        ..problem(key("path"), words)
                    });
                }
            }
            (None, _) => {}
        }
    }

    fn check_format(&self, problems: &mut Vec<Problem>) {
        let key = |key: &'static str| vec!["table".into(), key.into()];
        if self.table.path.is_none() && self.table.format.is_some() {
            problems.push(problem(key("format"), "only a file has a format"));
        }
        if self.table.delimiter.is_some() && self.format() != Some(FormatWord::Csv) {
            problems.push(problem(key("delimiter"), "only CSV has a delimiter"));
        }
        if self.is_database() && self.duplicates.is_some() {
            let words = "in a MaxMind database there is only one row for each network";
            problems.push(problem(vec!["duplicates".into()], words));
        }
    }

    fn check_limits(&self, problems: &mut Vec<Problem>) {
        if self.reload_interval.0 < INTERVAL_MIN {
            let words = "a file is looked at every 100ms at most";
            problems.push(problem(vec!["reload_interval".into()], words));
        }
        if self.max_rows.0 == 0 {
            problems.push(problem(
                vec!["max_rows".into()],
                "a table without rows finds nothing",
            ));
        }
        if self.max_bytes.0 == 0 {
            problems.push(problem(
                vec!["max_bytes".into()],
                "a table without memory finds nothing",
            ));
        }
    }

    fn check_keys(&self, problems: &mut Vec<Problem>) {
        let count = self.key.len();
        if count == 0 || count > KEYS_MAX {
            let words = format!("a key has 1 to {KEYS_MAX} parts");
            problems.push(problem(vec!["key".into()], words));
        }
        let ranged = self.key.iter().enumerate();
        let ranged = ranged.filter(|(_, key)| key.matching != MatchWord::Exact);
        for (at, _) in ranged.skip(1) {
            let words = "of two parts of a key there is no longest match: only one may be other than `exact`";
            problems.push(problem(within("key", at, "match"), words));
        }
        if self.is_database() && count > 1 {
            let words = "a MaxMind database is looked up by one address";
            problems.push(problem(entry("key", 1), words));
        }
    }

    fn check_key(&self, at: usize, key: &KeyConfig, problems: &mut Vec<Problem>) {
        match (&key.attribute, key.from_context) {
            (None, None) => problems.push(problem(
                entry("key", at),
                "say what is looked up: `attribute` or `from_context`",
            )),
            (Some(_), Some(_)) => {
                let words = "what is looked up is an `attribute` or `from_context`, not both";
                problems.push(problem(within("key", at, "from_context"), words));
            }
            (Some(name), None) if name.is_empty() => {
                problems.push(problem(within("key", at, "attribute"), "an attribute has a name"));
            }
            (None, Some(_)) if key.level.is_some() => {
                let words = "what is known of the sender belongs to no level";
                problems.push(problem(within("key", at, "level"), words));
            }
            _ => {}
        }
        if key.level.is_some_and(|level| level > self.level) {
            let words = "what is looked up cannot lie below the `level` that gets the attributes, which is shared by many such";
            problems.push(problem(within("key", at, "level"), words));
        }
        self.check_column(at, key, problems);
        let is_text = matches!(key.matching, MatchWord::Prefix | MatchWord::Suffix);
        if key.separator.is_some() && !is_text {
            let words = "a separator goes with `match = \"prefix\"` or `\"suffix\"`";
            problems.push(problem(within("key", at, "separator"), words));
        }
        if key.ignore_case && key.matching == MatchWord::Cidr {
            let words = "addresses are the same in capitals already";
            problems.push(problem(within("key", at, "ignore_case"), words));
        }
    }

    fn check_column(&self, at: usize, key: &KeyConfig, problems: &mut Vec<Problem>) {
        match (&key.column, self.is_database()) {
            (Some(_), true) => {
                let words = "a MaxMind database has no column for its networks";
                problems.push(problem(within("key", at, "column"), words));
            }
            (None, false) => {
                let words = "say which column this part of the key is compared with: `column`";
                problems.push(problem(entry("key", at), words));
            }
            _ => {}
        }
        if self.is_database() && key.matching != MatchWord::Cidr {
            let words = "a MaxMind database is looked up by address: `match = \"cidr\"`";
            problems.push(problem(entry("key", at), words));
        }
    }

    fn check_attributes(&self, problems: &mut Vec<Problem>) {
        let count = self.attributes.len();
        if count == 0 || count > ATTRIBUTES_MAX {
            let words = format!("a lookup puts in 1 to {ATTRIBUTES_MAX} attributes");
            problems.push(problem(vec!["attributes".into()], words));
        }
        for (at, attribute) in self.attributes.iter().enumerate() {
            let name = if attribute.key.is_some() { "key" } else { "column" };
            if attribute.key().is_empty() {
                problems.push(problem(within("attributes", at, name), "an attribute has a name"));
            }
            let mut earlier = self.attributes.iter().take(at);
            if earlier.any(|other| other.key() == attribute.key()) {
                let words = format!("the attribute `{}` is put in twice", attribute.key());
                problems.push(problem(within("attributes", at, name), words));
            }
            if let Some(words) = wrong_default(attribute) {
                problems.push(problem(within("attributes", at, "default"), words));
            }
        }
    }

    fn check_when(&self, problems: &mut Vec<Problem>) {
        let wrong = match self.level {
            LevelWord::Resource if self.when.asks_scope() => Some("scope"),
            LevelWord::Resource | LevelWord::Scope if self.when.asks_item() => Some("item"),
            _ => None,
        };
        let shared = wrong.map(|wrong| {
            format!("what is put in at this `level` cannot depend on a condition on the {wrong}: other {wrong}s share it")
        });
        let words = self.when.contradiction().or(shared);
        problems.extend(words.map(|words| problem(vec!["when".into()], words)));
    }

    /// A table in the config is made, to see whether it can be.
    fn check_rows(&self, problems: &mut Vec<Problem>) {
        if self.table.rows.is_empty() {
            return;
        }
        if let Err((row, words)) = formats::inline(&Plan::new(self), &self.table.rows) {
            let mut path: Path = vec!["table".into(), "rows".into()];
            path.extend(row.map(|row| row.to_string().into()));
            problems.push(problem(path, words));
        }
    }
}

/// What is wrong with the default of an attribute.
fn wrong_default(attribute: &AttributeConfig) -> Option<String> {
    let default = attribute.default.as_ref()?;
    let column = Column {
        name: attribute.column.clone(),
        kind: attribute.kind.into(),
    };
    let Some(cell) = cell(default) else {
        return Some("a default is one value, not a list".to_owned());
    };
    let encoded = column.encode(cell, &mut Vec::new());
    let wrong = |_| format!("`{cell}` is not {}", column.kind.described());
    encoded.err().map(wrong)
}
