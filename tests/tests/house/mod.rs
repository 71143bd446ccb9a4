//! What the tests of the house's shape know of its sources.

#![allow(
    dead_code,
    unused_imports,
    reason = "each of the tests that share this uses a part of it"
)]

mod facts;
mod paths;

pub(crate) use facts::{Facts, Function};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One source file.
pub(crate) struct Source {
    /// Its path below the root of the repository.
    pub(crate) path: String,
    /// The package's folder: `crates/otlp`.
    pub(crate) package: String,
    /// Its text.
    pub(crate) text: String,
    /// Whether all of it is for tests.
    pub(crate) test: bool,
    /// What is in it.
    pub(crate) facts: Facts,
}

/// All sources of the packages: below `src`, `tests`, `benches` and `examples`.
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read_all);

/// All sources.
pub(crate) fn sources() -> &'static [Source] {
    &SOURCES
}

/// The sources that ship, and those of the measuring programs: below `src`, without tests.
pub(crate) fn production() -> impl Iterator<Item = &'static Source> {
    sources().iter().filter(|source| !source.test)
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The folders of the packages: `crates/otlp`, ..., `benches`, `tests`, `tests/fuzz`.
pub(crate) fn packages() -> Vec<String> {
    let mut packages: Vec<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| format!("crates/{}", entry.file_name().into_string().unwrap()))
        .collect();
    packages.sort();
    packages.extend(["benches", "tests", "tests/fuzz"].map(str::to_owned));
    packages
}

fn read_all() -> Vec<Source> {
    let mut sources = Vec::new();
    for package in packages() {
        let first = sources.len();
        let mut files = Vec::new();
        for part in ["src", "tests", "benches", "examples"] {
            collect(&root().join(&package).join(part), &mut files);
        }
        let mut of_tests = BTreeSet::new();
        for file in files {
            let source = read(&file, &package);
            of_tests.extend(
                source
                    .facts
                    .test_modules
                    .iter()
                    .flat_map(|name| places_of(&file, name)),
            );
            sources.push((file, source));
        }
        for (file, source) in sources.iter_mut().skip(first) {
            source.test |= file.ancestors().any(|above| of_tests.contains(above));
        }
    }
    sources.into_iter().map(|(_, source)| source).collect()
}

fn read(file: &Path, package: &str) -> Source {
    let text = std::fs::read_to_string(file).unwrap();
    let path = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    let facts = Facts::of(&text).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
    let test = !path.starts_with(&format!("{package}/src/"));
    Source {
        path,
        package: package.to_owned(),
        text,
        test,
        facts,
    }
}

/// Where the module `name` of `file` may be.
fn places_of(file: &Path, name: &str) -> [PathBuf; 2] {
    let folder = file.parent().unwrap();
    let stem = file.file_stem().unwrap();
    let inner = match stem.to_str() {
        Some("mod" | "lib" | "main") => folder.to_owned(),
        _ => folder.join(stem),
    };
    [inner.join(format!("{name}.rs")), inner.join(name)]
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Fails with a list, unless it is empty.
pub(crate) fn nothing(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}
