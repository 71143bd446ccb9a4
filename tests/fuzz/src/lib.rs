//! Fuzz targets: what must hold for bytes from outside, whatever they are.
//!
//! A target is a plain function that takes any bytes and panics if a promise is broken. `tests/fuzz/run` drives the targets with
//! libFuzzer, or without it where there is none; `cargo test` runs the committed corpus through them, and a little noise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fuzz target finds by panicking"
)]

mod bodies;
mod config;
mod connections;
mod edit;
mod json;
mod lookup;
mod mutate;
mod processing;
mod redaction;
mod regroup;
mod status;
mod surroundings;
mod text;
mod tracestate;
mod values;
mod wire;

/// Generators and comparisons of `forebay-otlp`'s property tests.
#[allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::print_stderr,
    reason = "what tests share, of which this uses a part"
)]
#[path = "../../../crates/otlp/tests/support/mod.rs"]
pub mod support;

pub use mutate::Mutator;

use forebay_otlp::Signal;
use std::path::{Path, PathBuf};

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder below `corpus` and of its file below `dictionaries`.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub check: fn(&[u8]),
    /// What its inputs look like, from their first byte on.
    pub input: &'static str,
}

/// All targets.
pub const TARGETS: [Target; 16] = [
    Target {
        name: "traces",
        check: |data| wire::check(Signal::Traces, data),
        input: "a request in protobuf",
    },
    Target {
        name: "metrics",
        check: |data| wire::check(Signal::Metrics, data),
        input: "a request in protobuf",
    },
    Target {
        name: "logs",
        check: |data| wire::check(Signal::Logs, data),
        input: "a request in protobuf",
    },
    Target {
        name: "edit",
        check: edit::check,
        input: "the signal, then a request in protobuf",
    },
    Target {
        name: "regroup",
        check: regroup::check,
        input: "the signal, then a request in protobuf",
    },
    Target {
        name: "redaction",
        check: redaction::check,
        input: "the signal and which rules, then a request in protobuf or a text",
    },
    Target {
        name: "lookup",
        check: lookup::check,
        input: "the format and how keys match, then a table",
    },
    Target {
        name: "json",
        check: json::check,
        input: "the signal, then a request or a response in protobuf or JSON",
    },
    Target {
        name: "text",
        check: text::check,
        input: "the signal, the bound in units of 16 bytes, then a request in protobuf",
    },
    Target {
        name: "bodies",
        check: bodies::check,
        input: "framing and encoding, how it is cut and announced, then a body",
    },
    Target {
        name: "http",
        check: connections::http,
        input: "what a client writes to the HTTP port",
    },
    Target {
        name: "grpc",
        check: connections::grpc,
        input: "how it begins, then what a client writes to the gRPC port",
    },
    Target {
        name: "status",
        check: status::check,
        input: "a status as trailers, protobuf or JSON; a Retry-After; names in headers",
    },
    Target {
        name: "config",
        check: config::check,
        input: "a config file",
    },
    Target {
        name: "values",
        check: values::check,
        input: "which value, then its text",
    },
    Target {
        name: "tracestate",
        check: tracestate::check,
        input: "8 bytes of a threshold, then a tracestate",
    },
];

impl Target {
    /// The target of this name.
    pub fn named(name: &str) -> Option<Target> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// Where its committed inputs are.
    pub fn corpus(&self) -> PathBuf {
        root().join("corpus").join(self.name)
    }

    /// The words that its inputs are made of, if it has a dictionary. The format is libFuzzer's.
    pub fn dictionary(&self) -> PathBuf {
        root().join("dictionaries").join(format!("{}.dict", self.name))
    }
}

/// The folder of this package.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The signal that the first byte of an input chooses, and the rest.
fn choose(data: &[u8]) -> Option<(Signal, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((Signal::ALL[usize::from(*first) % 3], rest))
}
