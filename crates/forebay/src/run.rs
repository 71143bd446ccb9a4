//! `forebay run`: config to graph, graph to work, signals to drain.

use crate::registry::registry;
use crate::{admin, logging};
use forebay_config::{Input, Loaded, MemoryLimits, ProcessEnvironment, Style, load, render};
use forebay_core::settings::Period;
use forebay_core::{Clock, Diagnostic};
use forebay_engine::{Blueprint, Drained, Running};
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The config that runs when none is given.
const DEFAULT: &str = include_str!("../../../configs/default.toml");

/// What the command line asked for.
pub(crate) fn from_command_line() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let mut inputs = Vec::new();
    while let Some(word) = words.next() {
        if word == "--config" {
            inputs.extend(words.next().map(|word| Input::parse(&word)));
        }
    }
    if inputs.is_empty() {
        inputs.push(Input::text("default.toml (embedded)", DEFAULT));
    }
    run(&inputs)
}

fn complain(found: &[Diagnostic]) {
    let text = render(
        found,
        Style {
            color: stderr().is_terminal(),
        },
    );
    // Nobody is left to tell if standard error is gone.
    let _ = stderr().write_all(text.as_bytes());
}

fn run(inputs: &[Input]) -> ExitCode {
    let began = Instant::now();
    let Loaded { spec, warnings, .. } = match load(inputs, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(found) => {
            complain(&found);
            return ExitCode::from(2);
        }
    };
    let budget = spec.service.budget.resolve(&MemoryLimits::detect(Path::new("/")));
    let (blueprint, mut found) = Blueprint::draw(&spec, &registry(), budget);
    found.extend(warnings);
    complain(&found);
    let Some(blueprint) = blueprint else {
        return ExitCode::from(2);
    };
    logging::start(&spec.service);
    let threads = spec.service.threads.unwrap_or_else(cores);
    let built = match blueprint.build(threads) {
        Ok(built) => built,
        Err(found) => {
            complain(&found);
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot start");
            return ExitCode::from(1);
        }
    };
    runtime.block_on(async move {
        let running = match built.start(Clock::system()) {
            Ok(running) => Arc::new(running),
            Err(error) => {
                tracing::error!("{error}");
                return ExitCode::from(1);
            }
        };
        let admin = admin::Admin::new(Arc::clone(&running), began);
        if let Some(address) = spec.service.admin_listen {
            match admin::bind(address).await {
                Ok(listener) => drop(tokio::spawn(admin::serve(listener, admin))),
                Err(error) => {
                    tracing::error!(%address, %error, "the admin endpoint cannot listen");
                    return ExitCode::from(1);
                }
            }
        }
        announce(&running);
        until_told_to_stop(running, spec.service.shutdown_deadline).await
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn announce(running: &Running) {
    for node in &running.nodes {
        for address in &node.listens {
            tracing::info!(node = &*node.name, %address, "listening");
        }
    }
}

async fn until_told_to_stop(running: Arc<Running>, deadline: Period) -> ExitCode {
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be listened for");
        return ExitCode::from(1);
    };
    either(&mut term, &mut interrupt).await;
    tracing::info!(deadline = %deadline, "draining; a second signal ends at once");
    tokio::select! {
        drained = running.drain(deadline.0) => report(&drained),
        () = either(&mut term, &mut interrupt) => {
            tracing::error!("ended at once by a second signal");
            ExitCode::from(130)
        }
    }
}

async fn either(term: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn report(drained: &Drained) -> ExitCode {
    for loss in &drained.losses {
        let (node, signal, reason, items) = (&*loss.node, loss.signal, loss.reason, loss.items);
        tracing::info!(node, %signal, %reason, items, sender_knows = loss.sender_knows, "not delivered");
    }
    let (received, delivered, lost) = (drained.total.received, drained.total.delivered, drained.lost());
    tracing::info!(received, delivered, lost, in_time = drained.in_time, took = ?drained.took, "drained");
    if drained.in_time {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    }
}
