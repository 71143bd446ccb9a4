//! `forebay-bench`: the end-to-end harness as one command.

use clap::{Parser, Subcommand};
use forebay_benches::{Result, generate, relay, run, sink};
use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    version,
    about = "Measures OTLP pipelines: a generator, a sink, a bare relay, and a runner."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send pre-encoded OTLP requests and keep the books of the answers; prints JSON.
    Generate(generate::Options),
    /// Take OTLP requests, count and verify their items, fail on demand.
    Sink(sink::Options),
    /// Pass requests on unread: the floor for any proxy.
    Relay(relay::Options),
    /// Start systems side by side, drive them, and compare.
    Run(run::Options),
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to tell when standard error is gone.
            let _gone = writeln!(std::io::stderr(), "forebay-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<ExitCode> {
    let mut out = std::io::stdout();
    match command {
        Command::Generate(options) => {
            let report = generate::command(options)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        }
        Command::Sink(options) => {
            let sink = sink::Sink::start(&options)?;
            writeln!(
                out,
                "grpc {} http {} control {}",
                sink.grpc, sink.http, sink.control
            )?;
            run::wait_for_signal()?;
            writeln!(out, "{}", serde_json::to_string_pretty(&sink.stats())?)?;
        }
        Command::Relay(options) => relay::Relay::start(&options)?.wait()?,
        Command::Run(options) => return run::command(&options),
    }
    Ok(ExitCode::SUCCESS)
}
