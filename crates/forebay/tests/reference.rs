//! `docs/reference/` is what the binary prints. `FOREBAY_BLESS=1` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use support::{printed, root};

const PAGES: [(&str, &[&str]); 6] = [
    ("receivers", &["components", "receivers", "--format", "markdown"]),
    (
        "processors",
        &["components", "processors", "--format", "markdown"],
    ),
    ("exporters", &["components", "exporters", "--format", "markdown"]),
    ("config", &["schema", "--format", "markdown"]),
    ("metrics", &["metrics", "--format", "markdown"]),
    ("cli", &["man", "--format", "markdown"]),
];

#[test]
fn the_reference_is_what_the_binary_prints() {
    let folder = root().join("docs/reference");
    let bless = std::env::var_os("FOREBAY_BLESS").is_some();
    if bless {
        std::fs::create_dir_all(&folder).unwrap();
    }
    let mut differing = Vec::new();
    for (page, words) in PAGES {
        let file = folder.join(format!("{page}.md"));
        let text = printed(words);
        if bless {
            std::fs::write(&file, text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            differing.push(format!("docs/reference/{page}.md"));
        }
    }
    assert!(
        differing.is_empty(),
        "not what the binary prints now: {differing:?}; FOREBAY_BLESS=1 writes them anew"
    );
}
