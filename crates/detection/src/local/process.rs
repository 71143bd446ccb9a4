//! `process`: this process itself, which is not the one that made the data.

use super::Look;
use crate::{Attribute, Outcome, Spec, Stability, Surroundings, Value, ValueType, Wanted};

/// What it can find (semantic conventions, "Process").
pub const SPECS: &[Spec] = &[
    spec(
        "process.pid",
        ValueType::Int,
        "the kernel; within a container, the number in there",
        true,
    ),
    spec(
        "process.parent_pid",
        ValueType::Int,
        "`PPid` of `/proc/self/status`",
        false,
    ),
    spec(
        "process.executable.name",
        ValueType::String,
        "the last part of what `/proc/self/exe` points to",
        true,
    ),
    spec(
        "process.executable.path",
        ValueType::String,
        "what `/proc/self/exe` points to",
        true,
    ),
    spec(
        "process.command",
        ValueType::String,
        "the first word of `/proc/self/cmdline`",
        false,
    ),
    spec(
        "process.command_args",
        ValueType::Strings,
        "all words of `/proc/self/cmdline`: secrets may be among them",
        false,
    ),
    spec(
        "process.owner",
        ValueType::String,
        "the name that `/etc/passwd` has for the owner of `/proc/self`; its number if there is none",
        true,
    ),
    spec("process.runtime.name", ValueType::String, "always `rust`", false),
];

const fn spec(key: &'static str, value: ValueType, source: &'static str, default: bool) -> Spec {
    Spec {
        key,
        value,
        source,
        stability: Stability::Development,
        default,
    }
}

const DIRECTORY: &str = "/proc/self";
const EXECUTABLE: &str = "/proc/self/exe";
const STATUS: &str = "/proc/self/status";
const COMMAND: &str = "/proc/self/cmdline";
const USERS: &str = "/etc/passwd";

/// What the kernel adds to the path of an executable that was replaced while it runs.
const DELETED: &str = " (deleted)";

/// Looks at this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Look for Process {
    fn look(&self, surroundings: &Surroundings, wanted: &Wanted) -> Outcome {
        let mut found = vec![
            Attribute::new("process.pid", i64::from(surroundings.pid())),
            Attribute::new("process.runtime.name", "rust"),
        ];
        let mut failures = Vec::new();
        let mut take = |part: Result<Vec<Attribute>, String>| match part {
            Ok(attributes) => found.extend(attributes),
            Err(failure) => failures.push(failure),
        };
        take(executable(surroundings));
        take(owner(surroundings));
        if wanted.has("process.parent_pid") {
            take(parent(surroundings));
        }
        if wanted.has("process.command") || wanted.has("process.command_args") {
            take(command(surroundings));
        }
        Outcome::of(found, &failures)
    }
}

fn executable(surroundings: &Surroundings) -> Result<Vec<Attribute>, String> {
    let Some(target) = surroundings.read_link(EXECUTABLE)? else {
        return Ok(Vec::new());
    };
    let path = target.to_string_lossy();
    let path = path.strip_suffix(DELETED).unwrap_or(&path);
    let name = path.rsplit('/').next().unwrap_or(path);
    Ok(vec![
        Attribute::new("process.executable.name", name),
        Attribute::new("process.executable.path", path),
    ])
}

fn owner(surroundings: &Surroundings) -> Result<Vec<Attribute>, String> {
    let Some((user, _)) = surroundings.owner(DIRECTORY)? else {
        return Ok(Vec::new());
    };
    let users = surroundings.read(USERS)?.unwrap_or_default();
    let number = user.to_string();
    let name = users
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| {
            let name = fields.next()?;
            (fields.nth(1) == Some(&number)).then(|| name.to_owned())
        })
        .unwrap_or(number);
    Ok(vec![Attribute::new("process.owner", name)])
}

fn parent(surroundings: &Surroundings) -> Result<Vec<Attribute>, String> {
    let status = surroundings.read(STATUS)?.unwrap_or_default();
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<i64>().ok());
    Ok(parent
        .map(|pid| Attribute::new("process.parent_pid", pid))
        .into_iter()
        .collect())
}

fn command(surroundings: &Surroundings) -> Result<Vec<Attribute>, String> {
    let line = surroundings.read(COMMAND)?.unwrap_or_default();
    let words: Vec<String> = line
        .trim_end_matches('\0')
        .split('\0')
        .map(str::to_owned)
        .collect();
    let Some(first) = words.first().filter(|first| !first.is_empty()) else {
        return Ok(Vec::new());
    };
    let command = Attribute::new("process.command", first.as_str());
    let all = Attribute {
        key: "process.command_args".to_owned(),
        value: Value::List(words),
    };
    Ok(vec![command, all])
}
