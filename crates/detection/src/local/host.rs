//! `host`: the machine, or what a container takes for one.

use super::{Look, RootPath};
use crate::{Attribute, Outcome, Spec, Stability, Surroundings, Value, ValueType, Wanted};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What it can find (semantic conventions, "Host").
pub const SPECS: &[Spec] = &[
    spec(
        "host.name",
        ValueType::String,
        "the kernel's name for the machine; with `root_path`, `/etc/hostname`",
        true,
    ),
    spec(
        "host.id",
        ValueType::String,
        "`/etc/machine-id`; without it, `/var/lib/dbus/machine-id`",
        true,
    ),
    spec(
        "host.arch",
        ValueType::String,
        "the kernel's word for the machine, in those of the conventions: `amd64`",
        true,
    ),
    spec(
        "host.ip",
        ValueType::Strings,
        "`/proc/net/fib_trie` and `/proc/net/if_inet6`, without loopback; at most 64",
        false,
    ),
    spec(
        "host.mac",
        ValueType::Strings,
        "`/sys/class/net/*/address`, without loopback; at most 64",
        false,
    ),
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

/// The most addresses of one kind that are told: a machine that routes for many has thousands.
const ADDRESSES_MAX: usize = 64;

/// Where the id of a machine is, the first that is there. Others need privileges, which the conventions rule out.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Looks at the machine.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Where the machine's files are.
    pub root_path: RootPath,
}

impl Look for Host {
    fn look(&self, surroundings: &Surroundings, wanted: &Wanted) -> Outcome {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        let mut take = |key: &str, value: Result<Option<Value>, String>| match value {
            Ok(value) => found.extend(value.map(|value| Attribute {
                key: key.to_owned(),
                value,
            })),
            Err(failure) => failures.push(failure),
        };
        take("host.name", self.name(surroundings));
        if wanted.has("host.id") {
            take("host.id", self.id(surroundings));
        }
        take(
            "host.arch",
            Ok(architecture(&surroundings.uname().machine).map(Value::from)),
        );
        if wanted.has("host.ip") {
            take("host.ip", self.addresses(surroundings));
        }
        if wanted.has("host.mac") {
            take("host.mac", self.hardware_addresses(surroundings));
        }
        Outcome::of(found, &failures)
    }
}

impl Host {
    fn name(&self, surroundings: &Surroundings) -> Result<Option<Value>, String> {
        let name = match self.root_path.is_own() {
            true => Some(surroundings.uname().node),
            false => surroundings.read(&self.root_path.file("/etc/hostname"))?,
        };
        let name = name.unwrap_or_default();
        Ok(Some(name.trim()).filter(|name| !name.is_empty()).map(Value::from))
    }

    /// The id of the machine (machine-id(5)): 32 hexadecimal digits. Before the first start of a machine is over it may be the word
    /// `uninitialized`, and nothing in an image.
    fn id(&self, surroundings: &Surroundings) -> Result<Option<Value>, String> {
        let mut failures = Vec::new();
        for path in MACHINE_IDS {
            let path = self.root_path.file(path);
            let content = surroundings.read(&path).unwrap_or_else(|failure| {
                failures.push(failure);
                None
            });
            let content = content.unwrap_or_default();
            match content.trim() {
                "" | "uninitialized" => {}
                id if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    return Ok(Some(id.into()));
                }
                _ => failures.push(format!(
                    "{path} has no machine id in it, which is 32 hexadecimal digits"
                )),
            }
        }
        match failures.is_empty() {
            true => Ok(None),
            false => Err(failures.join("; ")),
        }
    }

    fn addresses(&self, surroundings: &Surroundings) -> Result<Option<Value>, String> {
        // `/proc/net` is that of whoever reads: below another root, the network of its first process is meant.
        let directory = match self.root_path.is_own() {
            true => "/proc/net".to_owned(),
            false => self.root_path.file("/proc/1/net"),
        };
        let read = |name: &str| surroundings.read(&format!("{directory}/{name}"));
        let old = read("fib_trie")?
            .map(|trie| local_addresses(&trie))
            .unwrap_or_default();
        let new = read("if_inet6")?
            .map(|table| new_addresses(&table))
            .unwrap_or_default();
        let old = old.into_iter().map(|address| address.to_string());
        let new = new.into_iter().map(|address| address.to_string());
        Ok(list(old.chain(new)))
    }

    fn hardware_addresses(&self, surroundings: &Surroundings) -> Result<Option<Value>, String> {
        let directory = self.root_path.file("/sys/class/net");
        let mut addresses = Vec::new();
        for interface in surroundings.list(&directory)?.unwrap_or_default() {
            let address = surroundings.read(&format!("{directory}/{interface}/address"))?;
            addresses.extend(address.and_then(|address| hardware_address(address.trim())));
        }
        addresses.sort();
        addresses.dedup();
        Ok(list(addresses.into_iter()))
    }
}

fn list(addresses: impl Iterator<Item = String>) -> Option<Value> {
    let addresses: Vec<String> = addresses.take(ADDRESSES_MAX).collect();
    (!addresses.is_empty()).then_some(Value::List(addresses))
}

/// The word of the conventions for what the kernel calls `machine`.
fn architecture(machine: &str) -> Option<String> {
    let word = match machine {
        "" => return None,
        "x86_64" => "amd64",
        "aarch64" | "aarch64_be" => "arm64",
        "i386" | "i486" | "i586" | "i686" => "x86",
        "ppc64le" => "ppc64",
        "ppc" => "ppc32",
        arm if arm.starts_with("armv") => "arm32",
        other => other,
    };
    Some(word.to_owned())
}

/// The IPv4 addresses of the machine in the kernel's table of routes: a leaf `|-- 192.0.2.2`, and below it `/32 host LOCAL`.
fn local_addresses(trie: &str) -> Vec<Ipv4Addr> {
    let mut addresses = Vec::new();
    let mut leaf: Option<Ipv4Addr> = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            addresses.extend(leaf.filter(|address| !address.is_loopback()));
        }
    }
    // Every address is in two tables, or once in a table of both.
    addresses.sort();
    addresses.dedup();
    addresses
}

/// The IPv6 addresses in the kernel's table: address, interface, prefix, scope, flags, name.
fn new_addresses(table: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| {
        let digits = line
            .split_ascii_whitespace()
            .next()
            .filter(|digits| digits.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from_bits)
    };
    let mut addresses: Vec<Ipv6Addr> = table.lines().filter_map(address).collect();
    addresses.retain(|address| !address.is_loopback());
    addresses.sort();
    addresses.dedup();
    addresses
}

/// `de:ad:be:ef:00:01` as `DE-AD-BE-EF-00-01` (IEEE RA hexadecimal form). Nothing for loopback, whose address is all zeros, and for
/// what is no such address, as that of a tunnel.
fn hardware_address(address: &str) -> Option<String> {
    let octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
    let octets: Vec<&str> = address.split(':').collect();
    let whole = matches!(octets.len(), 6 | 8 | 20) && octets.iter().all(|part| octet(part));
    let zero = octets.iter().all(|octet| *octet == "00");
    (whole && !zero).then(|| octets.join("-").to_uppercase())
}
