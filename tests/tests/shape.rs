//! The shape of the sources: sizes, depth, documentation, and what they do without.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod house;

use house::{Function, Source, nothing, packages, production, root, sources};

/// The most lines that 95 of 100 functions have.
const FUNCTION_USUAL: usize = 40;
/// The most lines of any function.
const FUNCTION_MOST: usize = 70;
/// The most lines of a file that are not for tests.
const FILE_MOST: usize = 600;
/// The most folders below `src`.
const DEPTH_MOST: usize = 2;
/// The most parameters of a function, `self` included.
const PARAMETERS_MOST: usize = 5;
/// Packages that may have `unsafe` blocks.
const UNSAFE: [&str; 2] = ["crates/otlp", "crates/wal"];

/// Tests that let time pass, and why.
const SLEEPERS: [(&str, &str); 6] = [
    (
        "crates/transport/src/client/tests.rs",
        "a clock that runs faster than time",
    ),
    (
        "tests/tests/e2e/support/sink.rs",
        "a destination that takes its time",
    ),
    (
        "tests/tests/e2e/support/sink_http.rs",
        "a destination that takes its time",
    ),
    ("tests/tests/simulated/network.rs", "time is simulated"),
    ("tests/tests/simulated/world.rs", "time is simulated"),
    (
        "tests/tests/e2e/faults.rs",
        "senders at a pace, and throughput over a time",
    ),
];

/// Sources with characters other than ASCII, and why they are not escaped.
const NOT_ASCII: [(&str, &str); 7] = [
    ("crates/otlp/src/json/tests.rs", "texts as they come"),
    ("crates/otlp/src/validate/tests.rs", "texts as they come"),
    ("crates/otlp/src/views/tests.rs", "texts as they come"),
    ("crates/processor/src/attributes/tests.rs", "texts as they come"),
    ("crates/processor/src/matching/tests.rs", "texts as they come"),
    ("crates/processor/src/testing/conditions.rs", "texts as they come"),
    ("crates/processor/src/testing/requests.rs", "texts as they come"),
];

fn allowed(list: &[(&str, &str)], source: &Source) -> bool {
    list.iter().any(|(path, _)| *path == source.path)
}

fn functions() -> impl Iterator<Item = (&'static Source, &'static Function)> {
    production().flat_map(|source| {
        source
            .facts
            .functions
            .iter()
            .map(move |function| (source, function))
    })
}

#[test]
fn the_sources_are_found() {
    assert!(production().count() > 100 && functions().count() > 1000);
    assert!(
        sources()
            .iter()
            .any(|source| source.test && source.path.ends_with("file/tests.rs"))
    );
}

#[test]
fn no_function_is_long() {
    let long = functions()
        .filter(|(_, function)| function.lines > FUNCTION_MOST)
        .map(|(source, function)| {
            let Function {
                name, line, lines, ..
            } = function;
            format!("{}:{line} {name} has {lines} lines", source.path)
        });
    nothing(long.collect(), "functions of more than 70 lines");
}

#[test]
fn most_functions_are_short() {
    let mut lines: Vec<usize> = functions().map(|(_, function)| function.lines).collect();
    lines.sort_unstable();
    let usual = lines[lines.len() * 95 / 100];
    assert!(
        usual <= FUNCTION_USUAL,
        "95 of 100 functions have up to {usual} lines"
    );
}

#[test]
fn no_function_takes_many_parameters() {
    let many = functions()
        .filter(|(_, function)| function.parameters > PARAMETERS_MOST)
        .map(|(source, function)| {
            let Function {
                name,
                line,
                parameters,
                ..
            } = function;
            format!("{}:{line} {name} has {parameters} parameters", source.path)
        });
    nothing(many.collect(), "functions of more than 5 parameters");
}

#[test]
fn no_file_is_long() {
    let long = production()
        .filter(|source| source.facts.lines > FILE_MOST)
        .map(|source| format!("{}:1 has {} lines", source.path, source.facts.lines));
    nothing(long.collect(), "files of more than 600 lines");
}

#[test]
fn no_folder_is_deep() {
    let depth = |source: &Source| {
        source
            .path
            .split("/src/")
            .nth(1)
            .map_or(0, |below| below.matches('/').count())
    };
    let deep = sources()
        .iter()
        .filter(|source| depth(source) > DEPTH_MOST)
        .map(|source| format!("{}:1", source.path));
    nothing(deep.collect(), "files in more than 2 folders below src");
}

#[test]
fn every_module_says_what_it_is() {
    let silent = production()
        .filter(|source| !source.facts.has_docs)
        .map(|source| format!("{}:1", source.path));
    nothing(silent.collect(), "files without module documentation");
}

#[test]
fn unsafe_is_where_it_may_be() {
    let found = sources()
        .iter()
        .filter(|source| !UNSAFE.contains(&&*source.package))
        .flat_map(|source| {
            source
                .facts
                .unsafe_lines
                .iter()
                .map(move |line| format!("{}:{line}", source.path))
        });
    nothing(found.collect(), "unsafe outside of otlp and wal");
}

#[test]
fn every_channel_has_a_bound_and_nothing_is_left_to_do() {
    let banned = |path: &str| {
        let last = path.rsplit("::").next().unwrap_or_default();
        last.contains("unbounded") || ["todo!", "unimplemented!"].contains(&last)
    };
    let found = sources()
        .iter()
        .flat_map(|source| {
            source
                .facts
                .paths
                .iter()
                .map(move |(line, path)| (source, line, path))
        })
        .filter(|(_, _, path)| banned(path))
        .map(|(source, line, path)| format!("{}:{line} {path}", source.path));
    nothing(found.collect(), "unbounded channels and unfinished code");
}

#[test]
fn no_test_is_switched_off() {
    let found = sources().iter().flat_map(|source| {
        source
            .facts
            .ignored
            .iter()
            .map(move |line| format!("{}:{line}", source.path))
    });
    nothing(found.collect(), "ignored tests");
}

/// In a `while` or a `loop`, a pause between two looks at a condition is no waiting for time to pass.
#[test]
fn no_test_waits_for_time_to_pass() {
    let sleeps = ["std::thread::sleep", "tokio::time::sleep"];
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !allowed(&SLEEPERS, source)) {
        let calls: &[_] = if source.test { &source.facts.calls } else { &[] };
        let sleeping = calls
            .iter()
            .chain(&source.facts.test_calls)
            .filter(|(_, path)| sleeps.contains(&&**path));
        found.extend(sleeping.map(|(line, path)| format!("{}:{line} {path}", source.path)));
    }
    nothing(found, "tests that sleep where they could await a condition");
}

#[test]
fn sources_are_ascii() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !allowed(&NOT_ASCII, source)) {
        let lines = source.text.lines().enumerate();
        let foreign = lines.filter(|(_, line)| !line.is_ascii());
        found.extend(foreign.map(|(index, _)| format!("{}:{}", source.path, index + 1)));
    }
    nothing(found, "characters other than ASCII");
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let takes = |package: &String| {
        let text = std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        manifest.get("lints").and_then(|lints| lints.get("workspace")) == Some(&toml::Value::Boolean(true))
    };
    let without: Vec<String> = packages().into_iter().filter(|package| !takes(package)).collect();
    nothing(without, "packages without the lints of the workspace");
}

/// The tests above are worth as much as what they see.
#[test]
fn what_a_source_has_is_seen() {
    let text = r#"//! Words.
use std::{fs as files, thread};
#[cfg(test)]
mod elsewhere;
fn one(a: u8, b: u8) {
    files::read("x");
    format!("{}", tokio::net::lookup_host("y"));
    unsafe { todo!() }
}
#[cfg(test)]
mod tests {
    #[test]
    #[ignore]
    fn two() {
        while wrong() { thread::sleep(a) }
        thread::sleep(b);
    }
}
"#;
    let facts = house::Facts::of(text).unwrap();
    let functions: Vec<_> = facts
        .functions
        .iter()
        .map(|f| (&*f.name, f.line, f.lines, f.parameters))
        .collect();
    assert_eq!(functions, [("one", 5, 5, 2)]);
    assert_eq!((facts.lines, facts.has_docs), (18 - 2 - 9, true));
    assert_eq!((facts.unsafe_lines, facts.ignored), (vec![8], vec![13]));
    assert_eq!(facts.test_modules, ["elsewhere"]);
    let used = |line: usize, path: &str| facts.paths.contains(&(line, path.to_owned()));
    assert!(used(6, "std::fs::read") && used(7, "tokio::net::lookup_host") && used(8, "todo!"));
    assert_eq!(
        facts.strings.iter().map(|(_, text)| &**text).collect::<Vec<_>>(),
        ["x", "{}", "y"]
    );
    let sleeps: Vec<_> = facts
        .test_calls
        .iter()
        .filter(|(_, path)| path == "std::thread::sleep")
        .collect();
    assert_eq!(sleeps, [&(16, "std::thread::sleep".to_owned())]);
}
