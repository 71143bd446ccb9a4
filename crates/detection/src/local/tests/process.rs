//! `process`: this process, by what the kernel says of it.

use super::{Place, UNREADABLE};
use crate::local::process::Process;
use crate::{Kind, Value};

const ALL: [&str; 4] = [
    "process.parent_pid",
    "process.command",
    "process.command_args",
    "process.runtime.name",
];

/// The owner of what tests write.
fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[test]
fn a_process_is_described_by_the_kernel() {
    let users = format!(
        "# no user\nother:x:9{0}:0::/:/bin/sh\nkeeper:x:{0}:0::/:/bin/sh\n",
        owner()
    );
    let files = [
        ("/proc/self/status", "Name:\tforebay\nPid:\t1\nPPid:\t42\n"),
        ("/proc/self/cmdline", "/usr/bin/forebay\0run\0--config=a b\0"),
        ("/etc/passwd", &users),
    ];
    let place = Place::with(&files).link("/proc/self/exe", "/usr/bin/forebay");
    let seen = place.look(Kind::Process, &Process, &ALL);
    assert_eq!((seen.word, &*seen.failure), ("found", ""));
    assert_eq!(seen.get("process.pid"), Some(&Value::Int(1)));
    assert_eq!(seen.get("process.parent_pid"), Some(&Value::Int(42)));
    assert_eq!(seen.get("process.executable.name"), Some(&"forebay".into()));
    assert_eq!(
        seen.get("process.executable.path"),
        Some(&"/usr/bin/forebay".into())
    );
    assert_eq!(seen.get("process.command"), Some(&"/usr/bin/forebay".into()));
    let words = ["/usr/bin/forebay", "run", "--config=a b"].map(str::to_owned);
    assert_eq!(
        seen.get("process.command_args"),
        Some(&Value::List(words.to_vec()))
    );
    assert_eq!(seen.get("process.owner"), Some(&"keeper".into()));
    assert_eq!(seen.get("process.runtime.name"), Some(&"rust".into()));
}

#[test]
fn arguments_are_not_told_unless_they_are_asked_for() {
    let place = Place::with(&[("/proc/self/cmdline", "forebay\0--token=secret\0")]);
    let seen = place.look(Kind::Process, &Process, &[]);
    let keys: Vec<&str> = seen.attributes.iter().map(|(key, _)| &**key).collect();
    assert_eq!(keys, ["process.pid", "process.owner"]);
    // What is not wanted is not even looked at.
    let place = Place::with(&[
        ("/proc/self/cmdline", UNREADABLE),
        ("/proc/self/status", UNREADABLE),
    ]);
    assert_eq!(place.look(Kind::Process, &Process, &[]).word, "found");
}

#[test]
fn an_executable_that_was_replaced_keeps_its_name() {
    let place = Place::with(&[]).link("/proc/self/exe", "/usr/bin/forebay (deleted)");
    let seen = place.look(Kind::Process, &Process, &[]);
    assert_eq!(seen.get("process.executable.name"), Some(&"forebay".into()));
    assert_eq!(
        seen.get("process.executable.path"),
        Some(&"/usr/bin/forebay".into())
    );
}

#[test]
fn an_owner_without_a_name_is_a_number() {
    let seen = Place::with(&[("/proc/self/status", ""), ("/etc/passwd", "garbage\n:::\n")]).look(
        Kind::Process,
        &Process,
        &[],
    );
    assert_eq!(seen.get("process.owner"), Some(&owner().to_string().into()));
}

#[test]
fn what_cannot_be_read_or_makes_no_sense_is_left_out() {
    let files = [
        ("/proc/self/status", "PPid:\tnone\n"),
        ("/proc/self/cmdline", ""),
        ("/proc/self/exe", "no link"),
        ("/etc/passwd", UNREADABLE),
    ];
    let seen = Place::with(&files).look(Kind::Process, &Process, &ALL);
    assert_eq!(seen.word, "partial");
    assert!(
        seen.failure.contains("cannot read /proc/self/exe"),
        "{}",
        seen.failure
    );
    assert!(
        seen.failure.contains("cannot read /etc/passwd"),
        "{}",
        seen.failure
    );
    let keys: Vec<&str> = seen.attributes.iter().map(|(key, _)| &**key).collect();
    assert_eq!(keys, ["process.pid", "process.runtime.name"]);
    let files = [
        ("/proc/self/status", UNREADABLE),
        ("/proc/self/cmdline", UNREADABLE),
    ];
    let seen = Place::with(&files).look(Kind::Process, &Process, &ALL);
    assert!(seen.failure.contains("/proc/self/status") && seen.failure.contains("/proc/self/cmdline"));
}

#[test]
fn a_place_without_proc_has_a_process_all_the_same() {
    let seen = Place::with(&[]).look(Kind::Process, &Process, &[]);
    assert_eq!((seen.word, seen.attributes.len()), ("found", 1));
}
