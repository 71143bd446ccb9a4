//! `container`: the container that this process runs in.
//!
//! The kernel says nothing of containers. What is known is how runtimes name the control groups that they put a container into, and
//! where they keep the files that they mount into it. With a control group namespace, which is usual under cgroup v2, the names are not
//! to be seen from within, and the mounts are all there is. Under Kubernetes these belong to the pod's sandbox, but for a few: a wrong
//! id would be worse than none, so that none is told.

use super::Look;
use crate::{Attribute, Outcome, Spec, Stability, Surroundings, ValueType, Wanted};

/// What it can find (semantic conventions, "Container").
pub const SPECS: &[Spec] = &[Spec {
    key: "container.id",
    value: ValueType::String,
    source: "the name of the control group in `/proc/self/cgroup`; without one, where the mounts in `/proc/self/mountinfo` come from",
    stability: Stability::Development,
    default: true,
}];

const CONTROL_GROUPS: &str = "/proc/self/cgroup";
const MOUNTS: &str = "/proc/self/mountinfo";

/// How many hexadecimal digits the ids of Docker, containerd, CRI-O and Podman have.
const ID_LENGTH: usize = 64;
/// How many the ids of tasks have that AWS Fargate's containers are named after.
const TASK_LENGTH: usize = 32;

/// Looks for the container.
#[derive(Clone, Copy, Debug, Default)]
pub struct Container;

impl Look for Container {
    fn look(&self, surroundings: &Surroundings, _: &Wanted) -> Outcome {
        let mut failures = Vec::new();
        let mut read = |path: &str| {
            surroundings.read(path).unwrap_or_else(|failure| {
                failures.push(failure);
                None
            })
        };
        let of_groups = read(CONTROL_GROUPS).and_then(|text| of_control_groups(&text));
        let id = of_groups.or_else(|| of_mounts(&read(MOUNTS)?));
        match id {
            // What could not be read was not needed.
            Some(id) => Outcome::Found(vec![Attribute::new("container.id", id)]),
            None => Outcome::of(Vec::new(), &failures),
        }
    }
}

/// The id in lines of `hierarchy:controllers:path` (cgroups(7)). Containers in containers have groups in groups: the innermost is meant,
/// in the hierarchy that knows most of them.
fn of_control_groups(text: &str) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in text.lines() {
        let Some(path) = line.splitn(3, ':').nth(2) else {
            continue;
        };
        let ids: Vec<&str> = path.split('/').filter_map(id_of_group).collect();
        let Some(last) = ids.last() else { continue };
        if best.as_ref().is_none_or(|(most, _)| ids.len() > *most) {
            best = Some((ids.len(), (*last).to_owned()));
        }
    }
    best.map(|(_, id)| id)
}

/// The id that a control group is named after:
///
/// | name | runtime |
/// |---|---|
/// | `ID` | Docker, containerd, CRI-O with the driver `cgroupfs`, ECS |
/// | `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope` | the same and Podman with systemd |
/// | `kubepods-burstable-podUID.slice:cri-containerd:ID` | containerd that was not told of systemd |
/// | `TASK-NUMBER` | AWS Fargate |
fn id_of_group(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let name = name.rsplit(':').next().unwrap_or(name);
    if is_task(name) {
        return Some(name);
    }
    let (runtime, id) = name.rsplit_once('-').unwrap_or(("", name));
    // The process that watches over a container has a group of its own, outside of it.
    (is_hexadecimal(id, ID_LENGTH) && !runtime.ends_with("conmon")).then_some(id)
}

fn is_task(name: &str) -> bool {
    name.split_once('-').is_some_and(|(task, number)| {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits && is_hexadecimal(task, TASK_LENGTH)
    })
}

fn is_hexadecimal(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A mount: where it comes from in its file system, and where it is seen (proc_pid_mountinfo(5), fields 4 and 5).
struct Mount<'t> {
    from: &'t str,
    to: &'t str,
}

/// The id in where the runtime keeps the files that it mounts.
fn of_mounts(text: &str) -> Option<String> {
    let mounts: Vec<Mount<'_>> = text.lines().filter_map(Mount::read).collect();
    // Podman and CRI-O leave a note in each container, which no sandbox shares.
    let note = mounts.iter().find(|mount| mount.to == "/run/.containerenv");
    if let Some(id) = note.and_then(|mount| mount.id_behind("-containers")) {
        return Some(id.to_owned());
    }
    // In a pod the following files are those of its sandbox.
    if mounts
        .iter()
        .any(|mount| mount.from.contains("/pods/") || mount.to.contains("/kubernetes.io/"))
    {
        return None;
    }
    let shared = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    let mut own = mounts.iter().filter(|mount| shared.contains(&mount.to));
    own.find_map(|mount| mount.id_behind("containers"))
        .map(str::to_owned)
}

impl<'t> Mount<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let mut fields = line.split(' ').skip(3);
        Some(Mount {
            from: fields.next()?,
            to: fields.next()?,
        })
    }

    /// The id that follows a directory whose name ends in `end`: `/var/lib/docker/containers/ID/hostname`,
    /// `/containers/overlay-containers/ID/userdata/hostname`.
    fn id_behind(&self, end: &str) -> Option<&'t str> {
        let mut parts = self.from.split('/').peekable();
        let mut id = None;
        while let Some(part) = parts.next() {
            let next = parts.peek().filter(|next| is_hexadecimal(next, ID_LENGTH));
            id = next.filter(|_| part.ends_with(end)).copied().or(id);
        }
        id
    }
}
