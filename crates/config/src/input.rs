//! Where config texts come from: files, directories, variables, the program itself.

use forebay_core::{Diagnostic, Source};
use std::env::VarError;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes that are read of one file, be it a config or a `${file:...}`.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// One thing to load a config from. Several are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file; or a directory, of which each `*.toml` is read in the order of the names. Names that begin with a dot are
    /// skipped and symbolic links are followed, so that a mounted ConfigMap is read once.
    Path(PathBuf),
    /// The whole text in a variable of the environment.
    Variable(String),
    /// A text that the program brings along.
    Text {
        /// What errors call it.
        name: String,
        /// The text.
        text: String,
    },
}

impl Input {
    /// What a word of the command line means: `env:NAME` is a variable, all else a path.
    pub fn parse(word: &str) -> Self {
        match word.strip_prefix("env:") {
            Some(name) => Input::Variable(name.to_owned()),
            None => Input::Path(PathBuf::from(word)),
        }
    }

    /// A text that the program brings along, called `name` by errors.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Input::Text {
            name: name.into(),
            text: text.into(),
        }
    }
}

/// What surrounds the process, as far as a config can see it. A trait, so that tests need no variables of the process.
pub trait Environment {
    /// The value of a variable.
    fn variable(&self, name: &str) -> Result<String, VarError>;
    /// The whole text of a file, at most 4 MiB.
    fn read_file(&self, path: &Path) -> io::Result<String>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        std::env::var(name)
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other("larger than 4 MiB"));
        }
        Ok(text)
    }
}

/// The texts behind `inputs`, in order, and what could not be read.
pub(crate) fn gather(inputs: &[Input], env: &dyn Environment) -> (Vec<Arc<Source>>, Vec<Diagnostic>) {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for input in inputs {
        match texts(input, env) {
            Ok(found) => sources.extend(found.into_iter().map(Arc::new)),
            Err(message) => problems.push(Diagnostic::error(message)),
        }
    }
    if inputs.is_empty() {
        problems.push(Diagnostic::error("no config was given"));
    }
    (sources, problems)
}

fn texts(input: &Input, env: &dyn Environment) -> Result<Vec<Source>, String> {
    match input {
        Input::Path(path) if path.is_dir() => directory(path)?.iter().map(|path| file(path, env)).collect(),
        Input::Path(path) => Ok(vec![file(path, env)?]),
        Input::Variable(name) => Ok(vec![variable(name, env)?]),
        Input::Text { name, text } => Ok(vec![Source {
            name: name.clone(),
            text: text.clone(),
        }]),
    }
}

fn file(path: &Path, env: &dyn Environment) -> Result<Source, String> {
    let name = path.display().to_string();
    let text = env
        .read_file(path)
        .map_err(|error| format!("cannot read `{name}`: {error}"))?;
    Ok(Source {
        name,
        text: text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned(),
    })
}

fn variable(name: &str, env: &dyn Environment) -> Result<Source, String> {
    let text = env
        .variable(name)
        .map_err(|error| format!("cannot read the config from the variable `{name}`: {error}"))?;
    Ok(Source {
        name: format!("env:{name}"),
        text,
    })
}

/// The `*.toml` files of a directory, sorted by name.
fn directory(path: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error: io::Error| format!("cannot read `{}`: {error}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        let hidden = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && file.extension().is_some_and(|end| end == "toml") && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(format!("`{}` holds no *.toml file", path.display()));
    }
    files.sort();
    Ok(files)
}
