//! The binary: command line, admin endpoint, signals. The only place where all rooms of the house meet.

mod admin;
mod logging;
mod process;
mod registry;
mod run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    run::from_command_line()
}
