//! Every mistake that a whole config can hold, through the built binary: `tests/wrong/NAME.toml`, and what `validate
//! --deny-warnings` says of it in `NAME.stderr`. `FOREBAY_BLESS=1` writes what is said now as what is expected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

/// The names of the cases, sorted.
fn cases() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// What the binary says of a case.
fn said(name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .current_dir(folder())
        .args(["validate", "--deny-warnings", "--config", &format!("{name}.toml")])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{name}: {said}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "",
        "{name}: a wrong config promises nothing"
    );
    said
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
