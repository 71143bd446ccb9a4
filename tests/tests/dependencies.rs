//! Who may know whom: the rooms of the house, and what each may touch.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod house;

use forebay_core::registry::Registry;
use house::{Source, nothing, production, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Which packages of ours a package may import. Those not named here import none of ours, or are not part of what ships.
const MAY_IMPORT: [(&str, &[&str]); 21] = [
    ("otlp", &[]),
    ("wal", &[]),
    ("telemetry", &[]),
    ("sampling", &["otlp"]),
    ("cardinality", &["otlp"]),
    ("lookup", &["otlp"]),
    ("redaction", &["otlp"]),
    ("core", &["otlp", "telemetry"]),
    ("config", &["core"]),
    ("queue", &["core", "wal", "telemetry"]),
    ("transport", &["core", "telemetry"]),
    ("detection", &["core", "otlp", "telemetry", "transport"]),
    ("engine", &["core", "config", "queue", "telemetry"]),
    (
        "receiver",
        &[
            "core",
            "otlp",
            "sampling",
            "cardinality",
            "transport",
            "telemetry",
        ],
    ),
    (
        "processor",
        &[
            "core",
            "otlp",
            "sampling",
            "cardinality",
            "detection",
            "lookup",
            "redaction",
            "transport",
            "telemetry",
        ],
    ),
    (
        "exporter",
        &[
            "core",
            "otlp",
            "sampling",
            "cardinality",
            "transport",
            "queue",
            "telemetry",
        ],
    ),
    ("kubernetes", &["core", "otlp", "telemetry", "transport"]),
    ("testkit", &["core", "otlp"]),
    (
        "forebay",
        &[
            "otlp",
            "wal",
            "telemetry",
            "sampling",
            "cardinality",
            "core",
            "config",
            "queue",
            "transport",
            "engine",
            "receiver",
            "processor",
            "exporter",
            "kubernetes",
        ],
    ),
    ("tests", &[]),
    (
        "fuzz",
        &[
            "cardinality",
            "core",
            "config",
            "engine",
            "exporter",
            "lookup",
            "otlp",
            "processor",
            "receiver",
            "redaction",
            "sampling",
            "transport",
        ],
    ),
];

/// Crates that do arithmetic: they wait for nothing and read no config.
const ALGORITHMS: [&str; 7] = [
    "otlp",
    "wal",
    "telemetry",
    "sampling",
    "cardinality",
    "lookup",
    "redaction",
];
const NOT_IN_ALGORITHMS: [&str; 8] = [
    "tokio", "hyper", "h2", "tonic", "toml", "serde", "schemars", "tracing",
];

/// What only some may touch: the beginnings of paths.
const SOCKETS: [&str; 7] = [
    "tokio::net",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "socket2",
    "rustix::net",
    "hyper_util::client::legacy",
];
const FILES: [&str; 3] = ["std::fs", "tokio::fs", "rustix::fs"];

/// Who may open sockets.
const MAY_OPEN_SOCKETS: [(&str, &str); 4] = [
    ("crates/transport/", "it is the network"),
    ("crates/receiver/", "receivers listen"),
    ("crates/exporter/", "exporters connect"),
    (
        "crates/forebay/",
        "the admin endpoint listens, and the command line asks it",
    ),
];

/// Who may touch files.
const MAY_TOUCH_FILES: [(&str, &str); 7] = [
    ("crates/config/", "it reads config files"),
    (
        "crates/detection/src/surroundings.rs",
        "it reads what the machine says of itself",
    ),
    ("crates/exporter/src/file/", "it writes files"),
    ("crates/forebay/", "it writes what it is asked to print"),
    (
        "crates/transport/src/server/socket.rs",
        "a unix socket has a file",
    ),
    (
        "crates/transport/src/watch",
        "it reads certificates, keys, tokens and tables",
    ),
    ("crates/wal/", "it is the log on disk"),
];

/// The packages of ours that each package imports other than for its tests, and the foreign ones.
fn imports() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let mut imports = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let (mut ours, mut foreign) = (BTreeSet::new(), BTreeSet::new());
        let dependencies = package["dependencies"].as_array().unwrap();
        for dependency in dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
        {
            let name = dependency["name"].as_str().unwrap();
            match dependency["path"].is_string() {
                true => ours.insert(short(name)),
                false => foreign.insert(name.to_owned()),
            };
        }
        imports.insert(short(package["name"].as_str().unwrap()), (ours, foreign));
    }
    imports
}

fn short(package: &str) -> String {
    package.strip_prefix("forebay-").unwrap_or(package).to_owned()
}

#[test]
fn packages_import_only_what_they_may() {
    let may: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut found = Vec::new();
    let imports = imports();
    assert!(imports.len() >= 13, "{imports:?}");
    for (package, (ours, _)) in imports.iter().filter(|(package, _)| *package != "benches") {
        let Some(allowed) = may.get(&**package) else {
            found.push(format!("{package} is not in the table of this test"));
            continue;
        };
        let others = ours.iter().filter(|other| !allowed.contains(&&***other));
        found.extend(others.map(|other| format!("{package} imports {other}")));
    }
    nothing(found, "imports that the plan of the house does not allow");
}

#[test]
fn nobody_ships_the_testkit() {
    let ships =
        |(package, (ours, _)): (String, (BTreeSet<String>, _))| ours.contains("testkit").then_some(package);
    nothing(
        imports().into_iter().filter_map(ships).collect(),
        "packages that ship what is for tests",
    );
}

#[test]
fn algorithms_need_no_runtime_and_no_config() {
    let mut found = Vec::new();
    for (package, (_, foreign)) in imports() {
        if ALGORITHMS.contains(&&*package) {
            let wrong = foreign
                .iter()
                .filter(|name| NOT_IN_ALGORITHMS.contains(&&***name));
            found.extend(wrong.map(|name| format!("{package} imports {name}")));
        }
    }
    nothing(found, "algorithms with a runtime or a config");
}

#[test]
fn the_engine_names_no_component() {
    let mut registry = Registry::default();
    forebay_receiver::register(&mut registry);
    forebay_processor::register(&mut registry);
    forebay_kubernetes::register(&mut registry);
    forebay_exporter::register(&mut registry);
    let kinds: BTreeSet<&str> = registry
        .receivers
        .keys()
        .chain(registry.processors.keys())
        .chain(registry.exporters.keys())
        .copied()
        .collect();
    let mut found = Vec::new();
    for source in production().filter(|source| source.package == "crates/engine") {
        let named = source
            .facts
            .strings
            .iter()
            .filter(|(_, text)| kinds.contains(&**text));
        found.extend(named.map(|(line, text)| format!("{}:{line} \"{text}\"", source.path)));
    }
    nothing(found, "names of components in the engine");
}

/// Every use of one of `what` in what ships, other than where `allowed` says.
fn uses(what: &[&str], allowed: &[(&str, &str)]) -> Vec<String> {
    let ships = |source: &&Source| source.path.starts_with("crates/") && source.package != "crates/testkit";
    let elsewhere = |source: &&Source| !allowed.iter().any(|(place, _)| source.path.starts_with(place));
    let mut found = Vec::new();
    for source in production().filter(ships).filter(elsewhere) {
        let touching = |path: &str| what.iter().any(|start| path.starts_with(start));
        let used = source.facts.paths.iter().filter(|(_, path)| touching(path));
        found.extend(used.map(|(line, path)| format!("{}:{line} {path}", source.path)));
    }
    found
}

#[test]
fn only_the_network_and_the_ends_open_sockets() {
    nothing(
        uses(&SOCKETS, &MAY_OPEN_SOCKETS),
        "sockets where there should be none",
    );
    let transport = &MAY_OPEN_SOCKETS[..0];
    assert!(
        !uses(&SOCKETS, transport).is_empty(),
        "the test sees sockets where they are"
    );
}

#[test]
fn only_config_and_file_components_touch_files() {
    nothing(uses(&FILES, &MAY_TOUCH_FILES), "files where there should be none");
    let nowhere = &MAY_TOUCH_FILES[..0];
    assert!(
        !uses(&FILES, nowhere).is_empty(),
        "the test sees files where they are"
    );
}
