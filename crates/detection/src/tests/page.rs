//! The page about detectors has what is in the code. `FOREBAY_BLESS=1` writes it.

use crate::Kind;
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- attributes: printed from the code, see crates/detection/src/tests/page.rs -->\n";
const END: &str = "<!-- end of attributes -->\n";

fn tables() -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        write!(
            text,
            "\n### `{}`\n\n| attribute | type | on | from | name |\n|---|---|---|---|---|\n",
            kind.name()
        )
        .unwrap();
        for spec in kind.specs() {
            let on = if spec.default { "yes" } else { "no" };
            let (value, stability) = (spec.value.as_str(), spec.stability.as_str());
            writeln!(
                text,
                "| `{}` | {value} | {on} | {} | {stability} |",
                spec.key, spec.source
            )
            .unwrap();
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_page_lists_every_attribute() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/enrichment/resource_detection.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (printed, after) = rest.split_once(END).unwrap();
    if std::env::var_os("FOREBAY_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", tables())).unwrap();
    } else {
        assert_eq!(printed, tables(), "FOREBAY_BLESS=1 writes it");
    }
}
