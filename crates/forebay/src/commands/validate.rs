//! `forebay validate`: everything that is wrong with a config; of a sound one, what it promises.

use crate::cli::{Exit, ValidateArgs, ValidateFormat};
use crate::out::{Out, show};
use crate::plan::{Plan, is_wrong, plan};
use forebay_config::{to_github, to_json};
use forebay_engine::{Acknowledged, Blueprint, BoundsSum, Promise, about};
use serde_json::json;
use std::fmt::Write as _;

/// What a sound config promises.
struct Promises {
    receivers: Vec<Promise>,
    memory: BoundsSum,
}

pub(crate) fn validate(args: &ValidateArgs, out: Out) -> Exit {
    let Plan {
        blueprint, mut found, ..
    } = plan(&args.config.inputs());
    let promises = blueprint.as_ref().map(|blueprint| Promises {
        receivers: blueprint.promises(),
        memory: blueprint.bounds.clone(),
    });
    // Some mistakes show only when components are made. Nothing is opened or started by that.
    if let Some(Err(more)) = blueprint.map(|blueprint: Blueprint| blueprint.build(1)) {
        found.extend(more);
    }
    let wrong = is_wrong(&found, args.deny_warnings);
    let promises = promises.filter(|_| !wrong);
    let exit = if wrong { Exit::Config } else { Exit::Done };
    match args.format {
        ValidateFormat::Text => {
            show(&found);
            out.print(
                &promises.map(|promises| promises.to_text()).unwrap_or_default(),
                exit,
            )
        }
        ValidateFormat::Github => out.print(&to_github(&found), exit),
        ValidateFormat::Json => {
            let report = json!({
                "valid": !wrong,
                "diagnostics": to_json(&found),
                "receivers": promises.as_ref().map(|promises| &promises.receivers),
                "memory": promises.as_ref().map(|promises| memory(&promises.memory)),
            });
            out.print(&format!("{report:#}\n"), exit)
        }
    }
}

fn memory(sum: &BoundsSum) -> serde_json::Value {
    let lines = sum
        .lines
        .iter()
        .map(|line| json!({ "what": line.what, "bytes": line.bytes }));
    json!({
        "budget_bytes": sum.budget,
        "reserved": sum.reserved.iter().map(|(_, bound)| json!({ "what": bound.what, "bytes": bound.bytes })).collect::<Vec<_>>(),
        "leasable_bytes": sum.leasable,
        "bounds": lines.collect::<Vec<_>>(),
        "bounds_total_bytes": sum.total(),
    })
}

impl Promises {
    fn to_text(&self) -> String {
        let mut out = String::from("The config is valid.\n\nWhen senders are told that all is well:\n");
        let mut receiver = None;
        for promise in &self.receivers {
            if receiver != Some(&promise.receiver) {
                // Writing to a string cannot fail, here and below.
                let _ = writeln!(out, "  receiver `{}`", promise.receiver);
            }
            receiver = Some(&promise.receiver);
            let _ = writeln!(out, "    {}: {}", promise.signals.join(", "), moment(promise));
            let _ = writeln!(out, "        {}", risk(&promise.crash_loses));
        }
        out.push_str("\nMemory:\n");
        let mut line = |bytes, what: &str| {
            let _ = writeln!(out, "  {:>12}  {what}", about(bytes));
        };
        line(self.memory.budget, "budget of the process");
        for (_, bound) in &self.memory.reserved {
            line(bound.bytes, &format!("of it kept by {}", bound.what));
        }
        line(self.memory.leasable, "of it for data, of which may be held by");
        for bound in &self.memory.lines {
            line(bound.bytes, &format!("  {}", bound.what));
        }
        line(self.memory.total(), "  in all");
        out
    }
}

fn moment(promise: &Promise) -> String {
    let named = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" and ")
    };
    match &promise.acknowledged {
        Acknowledged::Receiver => "as soon as the data is in memory".to_owned(),
        Acknowledged::All {
            custodians,
            destinations,
        } => {
            let have = |names: &[String]| if names.len() == 1 { "has" } else { "have" };
            let take = |names: &[String]| if names.len() == 1 { "takes" } else { "take" };
            let delivered = || format!("{} {} it", named(destinations), have(destinations));
            let in_custody = || format!("{} {} custody of it", named(custodians), take(custodians));
            match (custodians.is_empty(), destinations.is_empty()) {
                (true, _) => format!("when {}", delivered()),
                (false, true) => format!("when {}", in_custody()),
                (false, false) => format!("when {}, and {}", in_custody(), delivered()),
            }
        }
    }
}

fn risk(loses: &[String]) -> String {
    if loses.is_empty() {
        "a crash loses nothing of what was acknowledged".to_owned()
    } else {
        format!("a crash loses {}", loses.join(", "))
    }
}
