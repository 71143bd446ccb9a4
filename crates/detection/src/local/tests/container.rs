//! `container`: what runtimes write, as it is found on machines.

use super::{Place, Seen, UNREADABLE};
use crate::Kind;
use crate::local::container::Container;

const A: &str = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const B: &str = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const UID: &str = "275ecb36-5aa8-4c2a-9c47-d8bb681b9aff";

fn look(files: &[(&str, &str)]) -> Seen {
    Place::with(files).look(Kind::Container, &Container, &[])
}

fn groups(text: &str) -> Seen {
    look(&[("/proc/self/cgroup", text)])
}

fn mounts(text: &str) -> Seen {
    look(&[("/proc/self/cgroup", "0::/\n"), ("/proc/self/mountinfo", text)])
}

/// Groups of which the path names container `A`, and nothing outside of it has another.
fn groups_of_a() -> Vec<(&'static str, String)> {
    let pod = UID.replace('-', "_");
    vec![
        (
            "docker, v1",
            format!(
                "12:pids:/docker/{A}\n11:cpu,cpuacct:/docker/{A}\n1:name=systemd:/docker/{A}\n0::/system.slice/containerd.service\n"
            ),
        ),
        (
            "docker without a parent",
            format!("10:net_prio:/{A}\n9:perf_event:/{A}\n"),
        ),
        (
            "docker with systemd, v1",
            format!(
                "10:devices:/system.slice/docker-{A}.scope\n1:name=systemd:/system.slice/docker-{A}.scope\n"
            ),
        ),
        (
            "docker with systemd, v2",
            format!("0::/system.slice/docker-{A}.scope\n"),
        ),
        (
            "docker, rootless",
            format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope\n"),
        ),
        (
            "docker with systemd inside",
            format!("1:name=systemd:/docker/{A}/system.slice/forebay.service\n"),
        ),
        (
            "docker within docker",
            format!("3:cpu:/docker/{B}\n1:name=systemd:/docker/{B}/docker/{A}\n"),
        ),
        (
            "kind, containerd within docker",
            format!("0::/docker/{B}/kubelet/kubepods/burstable/pod{UID}/{A}\n"),
        ),
        (
            "kubernetes, cgroupfs, guaranteed",
            format!("4:memory:/kubepods/pod{UID}/{A}\n"),
        ),
        (
            "kubernetes, cgroupfs, best effort",
            format!("4:memory:/kubepods/besteffort/pod{UID}/{A}\n"),
        ),
        (
            "kubernetes, containerd, systemd, v1",
            format!(
                "11:pids:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod}.slice/cri-containerd-{A}.scope\n"
            ),
        ),
        (
            "kubernetes, containerd, systemd, v2",
            format!(
                "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{pod}.slice/cri-containerd-{A}.scope\n"
            ),
        ),
        (
            "containerd that was not told of systemd",
            format!(
                "9:memory:/system.slice/containerd.service/kubepods-burstable-pod{pod}.slice:cri-containerd:{A}\n"
            ),
        ),
        (
            "containerd at the top",
            format!("0::/kubepods-burstable-pod{pod}.slice:cri-containerd:{A}\n"),
        ),
        (
            "cri-o, systemd",
            format!("0::/kubepods.slice/kubepods-pod{pod}.slice/crio-{A}.scope\n"),
        ),
        (
            "cri-o with a group below",
            format!("0::/kubepods.slice/kubepods-pod{pod}.slice/crio-{A}.scope/container\n"),
        ),
        (
            "cri-o, cgroupfs",
            format!("8:cpuset:/kubepods/burstable/pod{UID}/crio-{A}\n"),
        ),
        (
            "podman",
            format!(
                "12:pids:/machine.slice/libpod-{A}.scope\n1:name=systemd:/machine.slice/libpod-{A}.scope/init.scope\n"
            ),
        ),
        (
            "podman, rootless",
            format!(
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container\n"
            ),
        ),
        (
            "podman, payload",
            format!("0::/machine.slice/libpod-payload-{A}\n"),
        ),
        (
            "ecs on ec2",
            format!("9:perf_event:/ecs/0123456789abcdef0123456789abcdef/{A}\n"),
        ),
        (
            "a namespace seen from beside",
            format!("0::/../cri-containerd-{A}.scope\n"),
        ),
    ]
}

#[test]
fn control_groups_are_named_after_containers() {
    for (what, text) in groups_of_a() {
        let seen = groups(&text);
        assert_eq!(
            (seen.word, seen.get("container.id")),
            ("found", Some(&A.into())),
            "{what}"
        );
    }
    let fargate = "0123456789abcdef0123456789abcdef-1234567890";
    groups(&format!(
        "1:name=systemd:/ecs/0123456789abcdef0123456789abcdef/{fargate}\n"
    ))
    .is("found", &[("container.id", fargate)], "");
}

#[test]
fn groups_that_are_no_containers_are_none() {
    let cases = [
        "0::/\n".to_owned(),
        String::new(),
        "0::/init.scope\n".to_owned(),
        "12:pids:/user.slice/user-1000.slice/session-3.scope\n1:name=systemd:/user.slice/user-1000.slice\n".to_owned(),
        "0::/user.slice/user-1000.slice/user@1000.service/tmux-spawn-0267755b-4639-4a27-90ed-f19f88e53748.scope\n".to_owned(),
        // The process that watches over a container.
        format!("0::/machine.slice/libpod-conmon-{A}.scope\n"),
        format!("0::/system.slice/crio-conmon-{A}.scope\n"),
        // The pod, without its container.
        format!("0::/kubepods/burstable/pod{UID}\n"),
        // One digit less, one digit more, none.
        format!("0::/docker/{}\n", &A[1..]),
        format!("0::/docker/{A}0\n"),
        format!("0::/docker/{}\n", "z".repeat(64)),
        // Without colons, or too few of them.
        format!("{A}\n/docker/{A}\n0:/docker/{A}\n"),
        "\u{0}\u{1}\u{fffd}::::////\n".to_owned(),
    ];
    for text in cases {
        groups(&text).is("absent", &[], "");
    }
}

/// What is mounted in every container.
const USUAL: &str = "\
473 387 0:143 / / rw,relatime master:181 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/HOY5:/x,workdir=/var/lib/docker/overlay2/af64ca21098b0841825b5175774e5827348cf7e00b8434ecc44ac4f4896815f4/work
474 473 0:146 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
486 477 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw
";

fn mounted(lines: &[(&str, &str)]) -> String {
    let line =
        |(from, to): &(&str, &str)| format!("489 473 254:1 {from} {to} rw,relatime - ext4 /dev/vda1 rw\n");
    USUAL.to_owned() + &lines.iter().map(line).collect::<String>()
}

#[test]
fn mounts_come_from_where_the_runtime_keeps_the_container() {
    let cases = [
        (
            "docker",
            format!("/var/lib/docker/containers/{A}/hostname"),
            "/etc/hostname",
        ),
        (
            "docker, by another file",
            format!("/docker/containers/{A}/resolv.conf"),
            "/etc/resolv.conf",
        ),
        (
            "docker, elsewhere",
            format!("/data/docker/containers/{A}/hosts"),
            "/etc/hosts",
        ),
        (
            "docker within docker",
            format!("/docker/containers/{B}/x/docker/containers/{A}/hostname"),
            "/etc/hostname",
        ),
        (
            "podman",
            format!("/containers/storage/overlay-containers/{A}/userdata/hostname"),
            "/etc/hostname",
        ),
        (
            "podman, its note",
            format!("/containers/overlay-containers/{A}/userdata/.containerenv"),
            "/run/.containerenv",
        ),
        (
            "podman, rootless on vfs",
            format!("/tmp/podman-run-1000/containers/vfs-containers/{A}/userdata/.containerenv"),
            "/run/.containerenv",
        ),
    ];
    for (what, from, to) in &cases {
        let seen = mounts(&mounted(&[(from, to)]));
        assert_eq!(
            (seen.word, seen.get("container.id")),
            ("found", Some(&A.into())),
            "{what}"
        );
    }
    // The groups are looked at first, and the mounts where they tell nothing.
    let both = [
        ("/proc/self/cgroup", format!("0::/docker/{B}\n")),
        ("/proc/self/mountinfo", mounted(&[(&cases[0].1, cases[0].2)])),
    ];
    let both: Vec<(&str, &str)> = both.iter().map(|(path, text)| (*path, &**text)).collect();
    look(&both).is("found", &[("container.id", B)], "");
    look(&both[1..]).is("found", &[("container.id", A)], "");
    let unreadable = [("/proc/self/cgroup", UNREADABLE), both[1]];
    look(&unreadable).is("found", &[("container.id", A)], "");
}

#[test]
fn the_sandbox_of_a_pod_is_not_taken_for_the_container() {
    let kubelet = format!("/var/lib/kubelet/pods/{UID}/etc-hosts");
    let hosts: (&str, &str) = (&kubelet, "/etc/hosts");
    let sandboxes = [
        format!("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{B}/hostname"),
        format!("/var/lib/docker/containers/{B}/hostname"),
        format!("/containers/storage/overlay-containers/{B}/userdata/hostname"),
    ];
    for sandbox in &sandboxes {
        mounts(&mounted(&[hosts, (sandbox, "/etc/hostname")])).is("absent", &[], "");
    }
    // CRI-O leaves its note in each container, whatever sandbox it is in.
    let note = format!("/containers/storage/overlay-containers/{A}/userdata/.containerenv");
    let lines = [
        hosts,
        (&*sandboxes[2], "/etc/hostname"),
        (&*note, "/run/.containerenv"),
    ];
    mounts(&mounted(&lines)).is("found", &[("container.id", A)], "");
    // A pod in the machine's network has no `/etc/hosts` of its own, but a token.
    let token = ("/", "/run/secrets/kubernetes.io/serviceaccount");
    mounts(&mounted(&[token, (&sandboxes[1], "/etc/hostname")])).is("absent", &[], "");
}

#[test]
fn mounts_that_tell_nothing_and_files_that_cannot_be_read() {
    mounts(&mounted(&[])).is("absent", &[], "");
    mounts(&mounted(&[("/etc/hostname", "/etc/hostname")])).is("absent", &[], "");
    let volume = format!("/var/lib/docker/containers/{A}/hostname");
    mounts(&mounted(&[(&volume, "/data/hostname")])).is("absent", &[], "");
    mounts("garbage\n1 2 3\n\u{0}\n\n   \n").is("absent", &[], "");
    look(&[]).is("absent", &[], "");
    look(&[("/proc/self/cgroup", UNREADABLE)]).is("failed", &[], "cannot read /proc/self/cgroup");
    look(&[
        ("/proc/self/cgroup", "0::/\n"),
        ("/proc/self/mountinfo", UNREADABLE),
    ])
    .is("failed", &[], "cannot read /proc/self/mountinfo");
}
