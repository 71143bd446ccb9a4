//! How much memory there is, and what a budget comes to.

use forebay_core::settings::Budget;
use std::path::{Path, PathBuf};

/// What a share is taken of where neither a cgroup nor the machine says how much memory there is: 1 GiB.
const MEMORY_ASSUMED: u64 = 1 << 30;

/// What a limit of cgroup v1 is from on that means "none": the kernel's largest page counter, give or take a page size.
const UNLIMITED: u64 = 1 << 62;

/// The budget of the process in bytes. A share is taken of the smaller of the two limits, of 1 GiB if none is known.
pub fn resolve_budget(budget: &Budget, limits: &MemoryLimits) -> u64 {
    budget.of(limits.smallest().unwrap_or(MEMORY_ASSUMED))
}

/// How much memory the process may have, as far as it can be found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLimits {
    /// The smallest limit of the process' cgroup and those above it, in bytes. Nothing if none of them has one.
    pub cgroup: Option<u64>,
    /// The machine's memory, in bytes.
    pub machine: Option<u64>,
}

impl MemoryLimits {
    /// Finds the limits: `memory.max` of cgroup v2 and `memory.limit_in_bytes` of v1 (Linux, Documentation/admin-guide:
    /// cgroup-v2.rst, cgroup-v1/memory.rst), `MemTotal` of `/proc/meminfo`. All paths are below `root`, which is `/` but
    /// in tests. What cannot be read is not known.
    pub fn detect(root: &Path) -> Self {
        let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let mount = root.join("sys/fs/cgroup");
        let group = |matches: &dyn Fn(&str) -> bool| {
            let mut lines = groups.lines().filter_map(|line| line.split_once(':'));
            let found = lines.find_map(|(_, rest)| rest.split_once(':').filter(|(names, _)| matches(names)));
            found.map_or("", |(_, path)| path)
        };
        let unified = smallest_above(&mount, group(&|names| names.is_empty()), "memory.max");
        let memory = group(&|names| names.split(',').any(|name| name == "memory"));
        let legacy = smallest_above(&mount.join("memory"), memory, "memory.limit_in_bytes");
        MemoryLimits {
            cgroup: unified.into_iter().chain(legacy).min(),
            machine: machine(root),
        }
    }

    /// The smaller of the two.
    pub fn smallest(&self) -> Option<u64> {
        self.cgroup.into_iter().chain(self.machine).min()
    }
}

/// The smallest limit in the files called `file`, from `mount` down to the cgroup `path`. In a container the path may be
/// that of the host and not exist here: then the limit at the mount is the container's own.
fn smallest_above(mount: &Path, path: &str, file: &str) -> Option<u64> {
    let mut folder = PathBuf::from(mount);
    let names = path.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
    let mut smallest = limit(&folder.join(file));
    for name in names {
        folder.push(name);
        smallest = smallest.into_iter().chain(limit(&folder.join(file))).min();
    }
    smallest
}

/// The limit in a file: nothing for `max`, or for a number so large that it means none.
fn limit(file: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    text.trim()
        .parse()
        .ok()
        .filter(|limit| (1..UNLIMITED).contains(limit))
}

fn machine(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests;
