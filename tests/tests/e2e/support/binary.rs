//! Finds the binary under test: the one that `FOREBAY_BINARY` names, else the one that belongs to this build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of the binary.
pub(crate) fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("FOREBAY_BINARY") {
        Some(path) => path.into(),
        None => built(),
    })
}

/// Brings the binary up to date, in the same target folder and profile as this test: `target/PROFILE/deps/THIS`.
fn built() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile_folder = this.parent().and_then(Path::parent).unwrap();
    let target = profile_folder.parent().unwrap();
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()).unwrap() {
        "debug" => "dev",
        other => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "forebay",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "the binary does not build");
    profile_folder.join("forebay")
}
