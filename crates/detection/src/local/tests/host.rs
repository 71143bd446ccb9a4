//! `host`: ids, names, architectures and addresses.

use super::{Place, Seen, UNREADABLE};
use crate::local::RootPath;
use crate::local::host::Host;
use crate::{Kind, Value};

const ID: &str = "fdbf79e8af94cb7f9e8df36789187052";

fn look(files: &[(&str, &str)], switched: &[&str]) -> Seen {
    Place::with(files).look(Kind::Host, &Host::default(), switched)
}

#[test]
fn a_machine_has_a_name_an_id_and_an_architecture() {
    let id = format!("{ID}\n");
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
        let place = Place::with(&[(path, &id)]).uname("Linux", "6.8", "node-7", "x86_64");
        let seen = place.look(Kind::Host, &Host::default(), &[]);
        seen.is(
            "found",
            &[("host.name", "node-7"), ("host.id", ID), ("host.arch", "amd64")],
            "",
        );
    }
}

#[test]
fn the_first_id_that_is_one_counts() {
    let both = |first, second| {
        look(
            &[("/etc/machine-id", first), ("/var/lib/dbus/machine-id", second)],
            &[],
        )
    };
    let other = "0123456789abcdef0123456789abcdef";
    both(ID, other).is("found", &[("host.id", ID)], "");
    both("", other).is("found", &[("host.id", other)], "");
    both("uninitialized\n", other).is("found", &[("host.id", other)], "");
    both("garbage", other).is("found", &[("host.id", other)], "");
    both(UNREADABLE, other).is("found", &[("host.id", other)], "");
    both("garbage", "").is("failed", &[], "/etc/machine-id has no machine id in it");
    both(UNREADABLE, "\u{fffd}").is("failed", &[], "cannot read /etc/machine-id");
    both("", "uninitialized").is("absent", &[], "");
    look(&[], &[]).is("absent", &[], "");
}

#[test]
fn architectures_have_the_names_of_the_conventions() {
    let cases = [
        ("x86_64", "amd64"),
        ("aarch64", "arm64"),
        ("armv7l", "arm32"),
        ("i686", "x86"),
        ("ppc64le", "ppc64"),
        ("s390x", "s390x"),
        ("riscv64", "riscv64"),
    ];
    for (machine, expected) in cases {
        let place = Place::with(&[]).uname("Linux", "6.8", "", machine);
        place
            .look(Kind::Host, &Host::default(), &[])
            .is("found", &[("host.arch", expected)], "");
    }
}

const TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.9
           /32 host LOCAL
        |-- 192.0.2.2
           /32 link BROADCAST
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
        |-- 192.0.2.2
           /32 host LOCAL
        |-- not.an.address
           /32 host LOCAL
";
const TABLE: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 02 40 20 80     eth0
20010db8000000000000000000000002 02 40 00 80     eth0
20010db8zz 02 40 00 80     eth1
garbage

";

fn strings(list: &[&str]) -> Value {
    Value::List(list.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn addresses_are_told_when_they_are_asked_for() {
    let files = [
        ("/proc/net/fib_trie", TRIE),
        ("/proc/net/if_inet6", TABLE),
        ("/sys/class/net/eth0/address", "de:ad:be:ef:00:01\n"),
        ("/sys/class/net/eth1/address", "00:00:5e:00:53:af\n"),
        ("/sys/class/net/vlan7/address", "de:ad:be:ef:00:01\n"),
        ("/sys/class/net/lo/address", "00:00:00:00:00:00\n"),
        ("/sys/class/net/tunl0/address", "192.0.2.1\n"),
        ("/sys/class/net/gone/operstate", "down\n"),
        ("/sys/class/net/bonding_masters", "bond0\n"),
    ];
    look(&files, &[]).is("absent", &[], "");
    let seen = look(&files, &["host.ip", "host.mac"]);
    assert_eq!(seen.word, "found", "{}", seen.failure);
    let addresses = ["192.0.2.2", "192.0.2.9", "2001:db8::2", "fe80::fc:ff:fe00:1"];
    assert_eq!(seen.get("host.ip"), Some(&strings(&addresses)));
    assert_eq!(
        seen.get("host.mac"),
        Some(&strings(&["00-00-5E-00-53-AF", "DE-AD-BE-EF-00-01"]))
    );
}

#[test]
fn a_machine_that_routes_for_thousands_tells_few_addresses() {
    let trie: String = (0..1000)
        .map(|index| format!("|-- 10.0.{}.{}\n/32 host LOCAL\n", index / 250, index % 250))
        .collect();
    let seen = look(&[("/proc/net/fib_trie", &trie)], &["host.ip"]);
    let Some(Value::List(addresses)) = seen.get("host.ip") else {
        panic!("{seen:?}")
    };
    assert_eq!(addresses.len(), 64);
}

#[test]
fn addresses_that_are_garbage_or_cannot_be_read_are_left_out() {
    let both = ["host.ip", "host.mac"];
    look(
        &[("/proc/net/fib_trie", "garbage"), ("/proc/net/if_inet6", "\u{1}")],
        &both,
    )
    .is("absent", &[], "");
    look(&[("/proc/net/fib_trie", UNREADABLE)], &both).is("failed", &[], "cannot read /proc/net/fib_trie");
    look(&[("/sys/class/net/eth0/address", UNREADABLE)], &both).is(
        "failed",
        &[],
        "/sys/class/net/eth0/address",
    );
    look(&[("/sys/class/net", "a file")], &both).is("absent", &[], "");
    for garbage in [
        "de:ad:be:ef:00",
        "de:ad:be:ef:00:zz",
        "de:ad:be:ef:00:1",
        "::::::",
        "",
    ] {
        look(&[("/sys/class/net/eth0/address", garbage)], &both).is("absent", &[], "");
    }
}

#[test]
fn the_machine_may_be_mounted_elsewhere() {
    let inner = "11111111111111111111111111111111";
    let files = [
        ("/etc/machine-id", inner),
        ("/hostfs/etc/machine-id", ID),
        ("/hostfs/etc/hostname", "node-7\n"),
        ("/hostfs/proc/1/net/fib_trie", TRIE),
        ("/hostfs/sys/class/net/eth0/address", "de:ad:be:ef:00:01"),
    ];
    let place = Place::with(&files).uname("Linux", "6.8", "pod-x", "x86_64");
    let host = Host {
        root_path: RootPath::new("/hostfs"),
    };
    let seen = place.look(Kind::Host, &host, &["host.ip", "host.mac"]);
    assert_eq!(seen.get("host.name"), Some(&"node-7".into()));
    assert_eq!(seen.get("host.id"), Some(&ID.into()));
    assert_eq!(seen.get("host.ip"), Some(&strings(&["192.0.2.2", "192.0.2.9"])));
    assert_eq!(seen.get("host.mac"), Some(&strings(&["DE-AD-BE-EF-00-01"])));
}
