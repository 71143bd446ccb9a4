//! `${env:NAME}`, `${file:/path}` and `$$` inside string values, and where each value came from.
//!
//! References are resolved after the text is parsed, in string values only: what a variable holds can never become a key,
//! a table or a second value.

use crate::input::Environment;
use crate::render::position;
use forebay_core::diagnostic::closest;
use forebay_core::{Diagnostic, Place, Resolved, Source};
use std::env::VarError;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// All that the references of one text came to.
#[derive(Default)]
pub(crate) struct References {
    /// The values.
    pub(crate) resolved: Resolved,
    /// A path such as `exporters.backend.endpoint`, and where its value came from.
    pub(crate) origins: Vec<(String, String)>,
    /// What could not be resolved.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The values that could not be resolved: whatever else is wrong with them follows from that.
    pub(crate) unresolved: Vec<Range<usize>>,
}

/// Resolves the references of a text.
pub(crate) fn resolve(source: &Arc<Source>, table: &DeTable<'_>, env: &dyn Environment) -> References {
    let mut walk = Walk {
        source,
        env,
        found: References::default(),
    };
    walk.table("", table);
    walk.found
}

/// A key as a path shows it: quoted where it is not a bare key.
pub(crate) fn path_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}

struct Walk<'a> {
    source: &'a Arc<Source>,
    env: &'a dyn Environment,
    found: References,
}

impl Walk<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let key = path_key(key.get_ref());
            let below = if path.is_empty() {
                key
            } else {
                format!("{path}.{key}")
            };
            self.value(&below, value);
        }
    }

    fn value(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(inner) => return self.table(path, inner),
            DeValue::Array(inner) => {
                for (index, element) in inner.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), element);
                }
            }
            DeValue::String(text) if text.contains('$') => return self.string(path, text, value.span()),
            _ => {}
        }
        self.origin(path, &value.span(), &[]);
    }

    fn origin(&mut self, path: &str, span: &Range<usize>, from: &[String]) {
        let origin = if from.is_empty() {
            let place = self.place(span.clone());
            format!("{}:{}", self.source.name, position(&place).line)
        } else {
            from.join(", ")
        };
        self.found.origins.push((path.to_owned(), origin));
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place {
            source: Arc::clone(self.source),
            span,
        }
    }

    fn string(&mut self, path: &str, text: &str, span: Range<usize>) {
        let mut value = String::new();
        let mut from = Vec::new();
        let mut wrong = false;
        for piece in pieces(text) {
            match piece {
                Piece::Literal(words) => value.push_str(words),
                Piece::Reference(inner) => match lookup(inner, self.env) {
                    Ok((found, origin)) => {
                        value.push_str(&found);
                        from.push(origin);
                    }
                    Err(diagnostic) => {
                        wrong = true;
                        self.blame(*diagnostic, &format!("${{{inner}}}"), &span);
                    }
                },
                Piece::Unclosed(rest) => {
                    wrong = true;
                    let problem = Diagnostic::error("`${` without `}`").help("write `$$` for a dollar sign");
                    self.blame(problem, rest, &span);
                }
            }
        }
        self.origin(path, &span, &from);
        if wrong {
            self.found.unresolved.push(span);
        } else {
            self.found.resolved.insert(span.start, value);
        }
    }

    /// Reports a problem with the reference `written`, at its place in the value at `span`.
    fn blame(&mut self, problem: Diagnostic, written: &str, span: &Range<usize>) {
        let raw = self.source.text.get(span.clone()).unwrap_or_default();
        // An escape in the string may hide the reference: then the whole value is shown.
        let exact = raw.find(written).map(|at| {
            let start = span.start + at;
            start..start + written.len()
        });
        let place = self.place(exact.unwrap_or_else(|| span.clone()));
        self.found.diagnostics.push(problem.at(place));
    }
}

enum Piece<'a> {
    Literal(&'a str),
    /// What stands between `${` and `}`.
    Reference(&'a str),
    Unclosed(&'a str),
}

/// Splits a string value: `$$` is a dollar sign, `${...}` a reference, any other `$` itself.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.push(Piece::Literal(before));
        rest = if let Some(tail) = after.strip_prefix('$') {
            pieces.push(Piece::Literal("$"));
            tail
        } else if let Some(opened) = after.strip_prefix('{') {
            let Some((inner, tail)) = opened.split_once('}') else {
                let start = text.len() - after.len() - 1;
                pieces.push(Piece::Unclosed(text.get(start..).unwrap_or_default()));
                return pieces;
            };
            pieces.push(Piece::Reference(inner));
            tail
        } else {
            pieces.push(Piece::Literal("$"));
            after
        };
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

/// The value of a reference, and its origin.
fn lookup(inner: &str, env: &dyn Environment) -> Result<(String, String), Box<Diagnostic>> {
    match inner.split_once(':') {
        Some(("env", rest)) => variable(rest, env),
        Some(("file", path)) => file(path, env),
        other => {
            let (scheme, rest) = other.unwrap_or(("", inner));
            let meant = closest(scheme, &["env", "file"]).unwrap_or("env");
            Err(Box::new(
                Diagnostic::error(format!("`${{{inner}}}` names neither a variable nor a file")).help(
                    format!("did you mean `${{{meant}:{rest}}}`? Write `$$` for a dollar sign"),
                ),
            ))
        }
    }
}

fn variable(rest: &str, env: &dyn Environment) -> Result<(String, String), Box<Diagnostic>> {
    let (name, tail) = match rest.find(':') {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let problem = Diagnostic::error(format!("`{name}` is not the name of a variable"));
        return Err(Box::new(problem.help("names are letters, digits and `_`")));
    }
    let origin = format!("env:{name}");
    let value = match env.variable(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => {
            let problem = format!("the variable `{name}` does not hold UTF-8 text");
            return Err(Box::new(Diagnostic::error(problem)));
        }
    };
    let filled = value.clone().filter(|value| !value.is_empty());
    if let Some(default) = tail.strip_prefix(":-") {
        let default = || (default.to_owned(), format!("{origin} (default)"));
        return Ok(filled.map_or_else(default, |value| (value, origin.clone())));
    }
    if let Some(message) = tail.strip_prefix(":?") {
        let problem = || {
            Box::new(Diagnostic::error(format!(
                "the variable `{name}` is not set: {message}"
            )))
        };
        return filled.map(|value| (value, origin)).ok_or_else(problem);
    }
    if !tail.is_empty() {
        let problem = Diagnostic::error(format!("`{tail}` after the name of a variable means nothing"));
        return Err(Box::new(problem.help("`:-default` or `:?message` may follow it")));
    }
    value.map(|value| (value, origin)).ok_or_else(|| {
        let problem = Diagnostic::error(format!("the variable `{name}` is not set"));
        Box::new(problem.help(format!("set it, or give a default: `${{env:{name}:-default}}`")))
    })
}

fn file(path: &str, env: &dyn Environment) -> Result<(String, String), Box<Diagnostic>> {
    if !Path::new(path).is_absolute() {
        let problem = Diagnostic::error(format!("`{path}` is not an absolute path"));
        return Err(Box::new(problem.help("write `${file:/path/of/the/file}`")));
    }
    let text = env
        .read_file(Path::new(path))
        .map_err(|error| Box::new(Diagnostic::error(format!("cannot read `{path}`: {error}"))))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok((line.to_owned(), format!("file:{path}")))
}
