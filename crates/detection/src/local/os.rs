//! `os`: the operating system, as the kernel and `os-release` describe it.

use super::{Look, RootPath};
use crate::{Attribute, Outcome, Spec, Stability, Surroundings, ValueType, Wanted};
use std::collections::BTreeMap;

/// What it can find (semantic conventions, "Operating system").
pub const SPECS: &[Spec] = &[
    spec(
        "os.type",
        "the kernel's name, in the words of the conventions: `linux`",
    ),
    spec("os.name", "`NAME` of `os-release`"),
    spec(
        "os.version",
        "`VERSION_ID` of `os-release`; nothing where the distribution has no versions",
    ),
    spec(
        "os.description",
        "`PRETTY_NAME` of `os-release`; without one, the kernel's name and release",
    ),
    spec(
        "os.build_id",
        "`BUILD_ID` of `os-release`; without one, the kernel's release",
    ),
];

const fn spec(key: &'static str, source: &'static str) -> Spec {
    Spec {
        key,
        value: ValueType::String,
        source,
        stability: Stability::Development,
        default: true,
    }
}

/// Where `os-release` is, the first that is there (os-release(5)).
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// Looks at the operating system.
#[derive(Clone, Debug, Default)]
pub struct Os {
    /// Where the machine's files are.
    pub root_path: RootPath,
}

impl Look for Os {
    fn look(&self, surroundings: &Surroundings, _: &Wanted) -> Outcome {
        let (release, failures) = os_release(surroundings, &self.root_path);
        let uname = surroundings.uname();
        let kernel = || (!uname.release.is_empty()).then(|| uname.release.clone());
        let described = || {
            (!uname.system.is_empty()).then(|| {
                format!("{} {}", uname.system, uname.release)
                    .trim_end()
                    .to_owned()
            })
        };
        let of_release = |key: &str| release.get(key).cloned();
        let found = [
            ("os.type", os_type(&uname.system)),
            ("os.name", of_release("NAME")),
            ("os.version", of_release("VERSION_ID")),
            ("os.description", of_release("PRETTY_NAME").or_else(described)),
            ("os.build_id", of_release("BUILD_ID").or_else(kernel)),
        ];
        let attributes = found
            .into_iter()
            .filter_map(|(key, value)| Some(Attribute::new(key, value?)))
            .collect();
        Outcome::of(attributes, &failures)
    }
}

/// The word of the conventions for the kernel that calls itself `system`.
fn os_type(system: &str) -> Option<String> {
    let word = match system {
        "" => return None,
        "SunOS" => "solaris",
        "HP-UX" => "hpux",
        "OS/390" => "zos",
        "DragonFly" => "dragonflybsd",
        other => return Some(other.to_lowercase()),
    };
    Some(word.to_owned())
}

/// The variables of `os-release`, and what went wrong.
fn os_release(surroundings: &Surroundings, root: &RootPath) -> (BTreeMap<String, String>, Vec<String>) {
    let mut failures = Vec::new();
    for path in OS_RELEASE {
        match surroundings.read(&root.file(path)) {
            Ok(Some(text)) => return (variables(&text), failures),
            Ok(None) => {}
            Err(failure) => failures.push(failure),
        }
    }
    (BTreeMap::new(), failures)
}

/// Reads assignments as os-release(5) has them: one in a line, the last one of a name counts. Lines that are none are passed over, as
/// a shell's comments are, and so are empty values.
fn variables(text: &str) -> BTreeMap<String, String> {
    let name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(|(key, _)| !key.is_empty() && name(key))
        .filter_map(|(key, value)| Some((key.to_owned(), unquoted(value)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The value that a shell would assign: quotes taken off, `\` before a character that is special taken away. Nothing: the quotes are not
/// closed.
fn unquoted(value: &str) -> Option<String> {
    let (inner, double) = match value.chars().next() {
        Some('\'') => return value.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned),
        Some('"') => (value.strip_prefix('"')?.strip_suffix('"')?, true),
        _ => (value, false),
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                let next = chars.next()?;
                if double && !matches!(next, '"' | '\\' | '$' | '`') {
                    text.push('\\');
                }
                text.push(next);
            }
            '"' if double => return None,
            other => text.push(other),
        }
    }
    Some(text)
}
