//! Sanitising of URLs and statements, compiled.

use super::config::{RedactionConfig, UrlsConfig};
use super::plan::key_set;
use forebay_core::registry::Problem;
use forebay_redaction::KeySet;
use forebay_redaction::statement::{Dialect, Language};
use forebay_redaction::url::{QueryRule, UrlOutcome, UrlRules};

/// What the value of a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Nothing in particular.
    #[default]
    Text,
    Url,
    Query,
    Statement,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cleaned {
    Unchanged,
    /// What may leave was written.
    Changed,
    /// It is not what it was said to be.
    Foreign,
}

/// What is sanitised, and how.
#[derive(Debug)]
pub(super) struct Cleaning {
    urls: Option<Urls>,
    statements: Option<KeySet>,
    /// The language of all statements, where it is not said by items.
    language: Option<Language>,
}

#[derive(Debug)]
struct Urls {
    keys: KeySet,
    query_keys: KeySet,
    rules: UrlRules,
}

impl Cleaning {
    /// Compiles a config.
    ///
    /// # Errors
    ///
    /// Keys that are too much together.
    pub(super) fn new(config: &RedactionConfig) -> Result<Self, Problem> {
        let statements = config.statements.as_ref();
        let statement_keys = statements.map(|statements| key_set(&statements.keys, &["statements", "keys"]));
        Ok(Cleaning {
            urls: config.urls.as_ref().map(Urls::new).transpose()?,
            statements: statement_keys.transpose()?,
            language: statements.and_then(|statements| statements.language.language()),
        })
    }

    /// What the value of this key is.
    pub(super) fn syntax(&self, key: &[u8]) -> Syntax {
        if let Some(urls) = &self.urls {
            if urls.keys.contains(key) {
                return Syntax::Url;
            }
            if urls.query_keys.contains(key) {
                return Syntax::Query;
            }
        }
        match &self.statements {
            Some(keys) if keys.contains(key) => Syntax::Statement,
            _ => Syntax::Text,
        }
    }

    /// Whether items are asked for the language of their statements.
    pub(super) fn asks_for_language(&self) -> bool {
        self.statements.is_some() && self.language.is_none()
    }

    /// Sanitises a text into `out`, which is empty. `language` is what its item says.
    pub(super) fn clean(
        &self,
        syntax: Syntax,
        language: Language,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Cleaned {
        let outcome = match (syntax, &self.urls) {
            (Syntax::Url, Some(urls)) => urls.rules.sanitize(text, out),
            (Syntax::Query, Some(urls)) => urls.rules.sanitize_query(text, out),
            (Syntax::Statement, _) => {
                return if self.language.unwrap_or(language).sanitize(text, out) {
                    Cleaned::Changed
                } else {
                    Cleaned::Unchanged
                };
            }
            _ => return Cleaned::Unchanged,
        };
        match outcome {
            UrlOutcome::Unchanged => Cleaned::Unchanged,
            UrlOutcome::Changed => Cleaned::Changed,
            UrlOutcome::NotUrl => Cleaned::Foreign,
        }
    }
}

/// The language where nothing is said.
pub(super) const UNKNOWN: Language = Language::Sql(Dialect::Unknown);

impl Urls {
    fn new(config: &UrlsConfig) -> Result<Self, Problem> {
        let query = match &config.keep_parameters {
            Some(keep) => QueryRule::KeepOnly(key_set(keep, &["urls", "keep_parameters"])?),
            None => QueryRule::Hide(key_set(&config.hide_parameters, &["urls", "hide_parameters"])?),
        };
        Ok(Urls {
            keys: key_set(&config.keys, &["urls", "keys"])?,
            query_keys: key_set(&config.query_keys, &["urls", "query_keys"])?,
            rules: UrlRules {
                user_info: config.user_info,
                query,
                fragment: config.fragment,
                path_ids: config.path_ids,
            },
        })
    }
}
