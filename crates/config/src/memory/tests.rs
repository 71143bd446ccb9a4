//! Tests of budgets and of finding limits in a made-up root directory.

use super::*;
use forebay_core::settings::{Ratio, Size};
use tempfile::TempDir;

fn root(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn the_smallest_limit_on_the_way_up_counts() {
    let root = root(&[
        ("proc/self/cgroup", "0::/pods/one/box\n"),
        ("sys/fs/cgroup/pods/memory.max", "1073741824\n"),
        ("sys/fs/cgroup/pods/one/memory.max", "268435456\n"),
        ("sys/fs/cgroup/pods/one/box/memory.max", "max\n"),
        ("proc/meminfo", "MemFree: 1 kB\nMemTotal:       4194304 kB\n"),
    ]);
    let limits = MemoryLimits::detect(root.path());
    assert_eq!(limits.cgroup, Some(256 << 20));
    assert_eq!(limits.machine, Some(4 << 30));
    assert_eq!(limits.smallest(), Some(256 << 20));
}

#[test]
fn a_container_finds_its_limit_at_the_mount() {
    let root = root(&[
        ("proc/self/cgroup", "0::/../../pods/elsewhere\n"),
        ("sys/fs/cgroup/memory.max", "134217728\n"),
    ]);
    assert_eq!(MemoryLimits::detect(root.path()).cgroup, Some(128 << 20));
}

#[test]
fn version_one_is_read_and_its_largest_number_means_none() {
    let group = (
        "proc/self/cgroup",
        "4:cpu,cpuacct:/a\n7:hugetlb,memory:/docker/abc\n",
    );
    let limit = "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes";
    let limited = root(&[group, (limit, "104857600\n")]);
    assert_eq!(MemoryLimits::detect(limited.path()).cgroup, Some(100 << 20));
    let free = root(&[group, (limit, "9223372036854771712\n")]);
    assert_eq!(MemoryLimits::detect(free.path()).cgroup, None);
}

#[test]
fn where_nothing_is_known_nothing_is_claimed() {
    let limits = MemoryLimits::detect(root(&[]).path());
    assert_eq!(limits, MemoryLimits::default());
    assert_eq!(resolve_budget(&Budget::default(), &limits), 768 << 20);
}

#[test]
fn a_share_is_taken_of_the_smaller_limit_and_a_size_is_itself() {
    let limits = MemoryLimits {
        cgroup: Some(200 << 20),
        machine: Some(100 << 20),
    };
    assert_eq!(resolve_budget(&Budget::Share(Ratio(0.5)), &limits), 50 << 20);
    assert_eq!(resolve_budget(&Budget::Size(Size(1 << 30)), &limits), 1 << 30);
}

#[test]
fn budgets_are_sizes_or_shares_above_zero() {
    assert_eq!(Budget::parse("256MiB"), Ok(Budget::Size(Size(256 << 20))));
    assert_eq!(Budget::parse("50 %"), Ok(Budget::Share(Ratio(0.5))));
    for wrong in ["0", "0%", "101%", "lots", "1/2", ""] {
        assert!(Budget::parse(wrong).is_err(), "{wrong}");
    }
}
