//! The binary: command line, admin endpoint, signals. The only place where all rooms of the house meet.

mod admin;
mod cli;
mod commands;
mod keys;
mod logging;
mod out;
mod plan;
mod process;
mod registry;
mod run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
