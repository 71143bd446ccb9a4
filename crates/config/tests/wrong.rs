//! Every mistake that a config can hold by itself, with what is said about it: `tests/wrong/NAME.toml` and, of two texts,
//! `NAME.second.toml`; expected is `NAME.stderr`. `FOREBAY_BLESS=1` writes what is said now as what is expected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use forebay_config::{Environment, Input, Style, load, render};
use std::env::VarError;
use std::path::{Path, PathBuf};

/// Variables and files of nowhere but this test.
struct Made;

impl Environment for Made {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        match name {
            "HOME" => Ok("/home/user".to_owned()),
            "EMPTY" => Ok(String::new()),
            "LEVEL" => Ok("hunter2".to_owned()),
            _ => Err(VarError::NotPresent),
        }
    }

    fn read_file(&self, _: &Path) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

/// The names of the cases, sorted.
fn cases() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !name.ends_with(".second"))
        .collect();
    names.sort();
    names
}

/// What is said of a case.
fn said(name: &str) -> String {
    let inputs: Vec<Input> = [format!("{name}.toml"), format!("{name}.second.toml")]
        .into_iter()
        .filter_map(|file| {
            let text = std::fs::read_to_string(folder().join(&file)).ok()?;
            Some(Input::text(file, text))
        })
        .collect();
    let problems = load(&inputs, &Made).expect_err(name);
    render(&problems, Style::default())
}

#[test]
fn every_wrong_config_is_explained_as_expected() {
    let bless = std::env::var_os("FOREBAY_BLESS").is_some();
    let mut differing = Vec::new();
    let names = cases();
    assert!(names.len() >= 20, "only {} cases", names.len());
    for name in names {
        let file = folder().join(format!("{name}.stderr"));
        let said = said(&name);
        assert!(!said.contains("hunter2"), "{name} shows a secret:\n{said}");
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if bless {
            std::fs::write(&file, &said).unwrap();
        } else if said != expected {
            differing.push(format!("== {name}, expected:\n{expected}\n== said:\n{said}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
