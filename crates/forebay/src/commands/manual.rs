//! `forebay man` and `forebay completions`: what the command line says of itself.

use crate::cli::{Exit, ManFormat, command};
use crate::out::{Out, complain};
use clap::Command;
use clap_complete::Shell;
use std::fmt::Write as _;

pub(crate) fn completions(shell: Shell, out: Out) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "forebay", &mut script);
    out.print(&String::from_utf8_lossy(&script), Exit::Done)
}

pub(crate) fn manual(format: ManFormat, out: Out) -> Exit {
    match format {
        ManFormat::Markdown => out.print(&markdown(), Exit::Done),
        ManFormat::Roff => {
            let mut page = Vec::new();
            match clap_mangen::Man::new(command()).render(&mut page) {
                Ok(()) => out.print(&String::from_utf8_lossy(&page), Exit::Done),
                Err(error) => {
                    complain(&format!("error: {error}\n"));
                    Exit::Failed
                }
            }
        }
    }
}

/// The help of every command.
fn markdown() -> String {
    let mut out = String::from("# Command line\n\nPrinted by `forebay man --format markdown`.\n");
    let mut root = command();
    root.build();
    section(&mut out, &mut root);
    for sub in root.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        section(&mut out, sub);
    }
    out
}

fn section(out: &mut String, command: &mut Command) {
    let name = command.get_bin_name().unwrap_or("forebay").to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing to a string cannot fail.
    let _ = write!(out, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n"));
}
