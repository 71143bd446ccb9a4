//! Sanitising of URLs and of statements of databases, as they are written.

use crate::matching::Pattern;
use forebay_core::registry::Problem;
use forebay_redaction::statement::{Dialect, Language};
use forebay_redaction::url::SENSITIVE_PARAMETERS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which URLs are sanitised, and how. What is hidden becomes `REDACTED`, as the semantic conventions have it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UrlsConfig {
    /// The keys whose values are URLs, or URLs without their beginning (`/path?query`). A value that is neither is replaced by `****`; with
    /// `on_error = "pass"` it stays.
    pub keys: Vec<Pattern>,
    /// The keys whose values are the query of a URL, without its `?`.
    pub query_keys: Vec<Pattern>,
    /// Whether user and password before the host are hidden.
    pub user_info: bool,
    /// The query parameters whose values are hidden. Their names are compared decoded, and their case counts. The default is what the
    /// conventions name, and what carries the same in signatures of AWS and Google Cloud.
    pub hide_parameters: Vec<Pattern>,
    /// The query parameters whose values stay, while those of all others are hidden: in the place of `hide_parameters`. Empty: all are
    /// hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_parameters: Option<Vec<Pattern>>,
    /// Whether the fragment, behind `#`, is hidden.
    pub fragment: bool,
    /// Whether parts of the path that look like ids are hidden: digits only, UUIDs, and 16 hexadecimal digits and more.
    pub path_ids: bool,
}

impl Default for UrlsConfig {
    fn default() -> Self {
        UrlsConfig {
            keys: patterns(&["url.full", "url.original", "http.url", "http.target"]),
            query_keys: patterns(&["url.query"]),
            user_info: true,
            hide_parameters: patterns(&SENSITIVE_PARAMETERS),
            keep_parameters: None,
            fragment: false,
            path_ids: false,
        }
    }
}

impl UrlsConfig {
    /// What contradicts itself.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let mut blame = |key: &'static str, message: &str, help: &str| {
            problems.push(Problem {
                path: vec!["urls".into(), key.into()],
                message: message.to_owned(),
                help: Some(help.to_owned()),
            });
        };
        if self.keys.is_empty() && self.query_keys.is_empty() {
            let help = "name some in `keys` or `query_keys`, or take the table out";
            blame("keys", "there is no key whose value is a URL", help);
        }
        if self.keep_parameters.is_some() && self.hide_parameters != UrlsConfig::default().hide_parameters {
            let message = "what is not in `keep_parameters` is hidden already, and what is in it stays";
            blame("hide_parameters", message, "give one of the two");
        }
    }
}

/// Which statements of databases are sanitised. Literals become `?`, and comments are left out.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatementsConfig {
    /// The keys whose values are statements.
    pub keys: Vec<Pattern>,
    /// In which language they are.
    pub language: LanguageWord,
}

impl Default for StatementsConfig {
    fn default() -> Self {
        StatementsConfig {
            keys: patterns(&["db.query.text", "db.statement"]),
            language: LanguageWord::default(),
        }
    }
}

impl StatementsConfig {
    /// What contradicts itself.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if self.keys.is_empty() {
            problems.push(Problem {
                path: vec!["statements".into(), "keys".into()],
                message: "there is no key whose value is a statement".to_owned(),
                help: Some("name some, or take the table out".to_owned()),
            });
        }
    }
}

/// In which language statements are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LanguageWord {
    /// In that of the system that the span, log record or data point names in `db.system.name` or `db.system`: SQL, a command (Redis,
    /// Valkey, Memcached), or JSON (MongoDB, Elasticsearch, OpenSearch, DynamoDB). Where it names none, in SQL of which it is not known
    /// whose: what is text in any of them is hidden.
    #[default]
    Auto,
    /// SQL of MySQL and MariaDB.
    #[serde(rename = "mysql")]
    MySql,
    /// SQL of PostgreSQL and those that speak it.
    #[serde(rename = "postgresql")]
    PostgreSql,
    /// SQL of Microsoft SQL Server.
    SqlServer,
    /// SQL of others that keep to the standard, as Oracle, SQLite and Db2.
    Sql,
    /// Commands and their arguments. The command and its key stay.
    Command,
    /// JSON. Names stay.
    Document,
}

impl LanguageWord {
    /// The language, unless the item says it.
    pub(in crate::redaction) const fn language(self) -> Option<Language> {
        Some(match self {
            LanguageWord::Auto => return None,
            LanguageWord::MySql => Language::Sql(Dialect::MySql),
            LanguageWord::PostgreSql => Language::Sql(Dialect::PostgreSql),
            LanguageWord::SqlServer => Language::Sql(Dialect::SqlServer),
            LanguageWord::Sql => Language::Sql(Dialect::Standard),
            LanguageWord::Command => Language::Command,
            LanguageWord::Document => Language::Document,
        })
    }
}

/// Keys by name.
fn patterns(names: &[&str]) -> Vec<Pattern> {
    names.iter().map(|name| Pattern::exact(name)).collect()
}
