//! What pages tell to write into a config can be written into one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::{printed, root};

/// Checks a config that has `keys` in the table of a `cardinality_limit` named `limit`, or has that table itself.
fn validate(keys: &str) {
    let table = if keys.starts_with("[processors.limit]") {
        keys.to_owned()
    } else {
        format!("[processors.limit]\ntype = \"cardinality_limit\"\n{keys}")
    };
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let config = format!(
        "{table}\n[receivers.otlp]\n[exporters.null]\n[pipelines.all]\nfrom = [\"otlp\"]\nvia = [\"limit\"]\nto = [\"null\"]\n"
    );
    std::fs::write(file.path(), config).unwrap();
    printed(&[
        "validate",
        "--config",
        file.path().to_str().unwrap(),
        "--deny-warnings",
    ]);
}

/// The blocks of TOML in a page.
fn blocks(page: &str) -> Vec<&str> {
    let blocks = page.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// The lines of config that the second column of a table has.
fn lines(page: &str) -> Vec<&str> {
    let cells = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let lines = cells.filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
    lines.filter(|line| line.contains(" = ")).collect()
}

#[test]
fn the_page_on_cardinality_has_configs_that_are_valid() {
    let page = std::fs::read_to_string(root().join("docs/cardinality.md")).unwrap();
    let (blocks, lines) = (blocks(&page), lines(&page));
    assert!(blocks.len() >= 2 && lines.len() >= 8, "{blocks:#?} {lines:#?}");
    for keys in blocks.iter().chain(&lines) {
        validate(keys);
    }
    let advised = page
        .lines()
        .filter_map(|line| line.trim().strip_prefix("rules = "));
    for rules in advised {
        validate(&format!("rules = {rules}"));
    }
}
