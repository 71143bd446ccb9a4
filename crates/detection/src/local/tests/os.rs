//! `os`: `os-release` in all its forms, and kernels.

use super::{Place, Seen, UNREADABLE};
use crate::Kind;
use crate::local::RootPath;
use crate::local::os::Os;

const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
                      VERSION=\"12 (bookworm)\"\nID=debian\nHOME_URL=\"https://example.org/\"\n";

fn look(files: &[(&str, &str)]) -> Seen {
    Place::with(files)
        .uname("Linux", "6.8.0-45-generic", "", "")
        .look(Kind::Os, &Os::default(), &[])
}

#[test]
fn a_distribution_describes_itself() {
    let debian = [
        ("os.type", "linux"),
        ("os.name", "Debian GNU/Linux"),
        ("os.version", "12"),
        ("os.description", "Debian GNU/Linux 12 (bookworm)"),
        ("os.build_id", "6.8.0-45-generic"),
    ];
    look(&[("/etc/os-release", DEBIAN)]).is("found", &debian, "");
    look(&[("/usr/lib/os-release", DEBIAN)]).is("found", &debian, "");
    let first = [
        ("/etc/os-release", DEBIAN),
        ("/usr/lib/os-release", "NAME=Other\n"),
    ];
    look(&first).is("found", &debian, "");

    let arch = "NAME='Arch Linux'\nPRETTY_NAME=Arch\\ Linux\nBUILD_ID=rolling\n";
    look(&[("/etc/os-release", arch)]).is(
        "found",
        &[
            ("os.type", "linux"),
            ("os.name", "Arch Linux"),
            ("os.description", "Arch Linux"),
            ("os.build_id", "rolling"),
        ],
        "",
    );
}

#[test]
fn quotes_are_those_of_a_shell() {
    let name = |line: &str| -> Option<String> {
        let seen = look(&[("/etc/os-release", line)]);
        match seen.get("os.name")? {
            crate::Value::Text(text) => Some(text.clone()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(name("NAME=a").as_deref(), Some("a"));
    assert_eq!(
        name("  NAME=\"a \\\"b\\\" \\$c \\\\ \\d\"  ").as_deref(),
        Some("a \"b\" $c \\ \\d")
    );
    assert_eq!(name("NAME='a \"b\" \\$'").as_deref(), Some("a \"b\" \\$"));
    assert_eq!(name("NAME=a\nNAME=b").as_deref(), Some("b"));
    for nothing in [
        "NAME=",
        "NAME=\"\"",
        "#NAME=a",
        "NAME=\"a",
        "NAME='a",
        "NAME=\"a\"b\"",
        "NAME=a\\",
        "name=a",
        "=a",
        "NAME",
    ] {
        assert_eq!(name(nothing), None, "{nothing}");
    }
}

#[test]
fn without_a_description_the_kernel_is_described() {
    let kernel = [
        ("os.type", "linux"),
        ("os.description", "Linux 6.8.0-45-generic"),
        ("os.build_id", "6.8.0-45-generic"),
    ];
    look(&[]).is("found", &kernel, "");
    look(&[("/etc/os-release", "\u{1}\u{2}garbage\u{0}=")]).is("found", &kernel, "");
    look(&[("/etc/os-release", UNREADABLE)]).is("partial", &kernel, "cannot read /etc/os-release");
    let fallen_back = [
        ("/etc/os-release", UNREADABLE),
        ("/usr/lib/os-release", "NAME=x\n"),
    ];
    let seen = look(&fallen_back);
    assert_eq!((seen.word, seen.get("os.name")), ("partial", Some(&"x".into())));
}

#[test]
fn kernels_have_the_names_of_the_conventions() {
    for (system, expected) in [
        ("Linux", "linux"),
        ("Darwin", "darwin"),
        ("SunOS", "solaris"),
        ("FreeBSD", "freebsd"),
    ] {
        let seen = Place::with(&[])
            .uname(system, "", "", "")
            .look(Kind::Os, &Os::default(), &[]);
        seen.is("found", &[("os.type", expected), ("os.description", system)], "");
    }
    Place::with(&[])
        .look(Kind::Os, &Os::default(), &[])
        .is("absent", &[], "");
}

#[test]
fn the_machine_may_be_mounted_elsewhere() {
    let place = Place::with(&[
        ("/etc/os-release", "NAME=inner"),
        ("/hostfs/etc/os-release", "NAME=outer"),
    ]);
    let os = Os {
        root_path: RootPath::new("/hostfs/"),
    };
    place
        .look(Kind::Os, &os, &[])
        .is("found", &[("os.name", "outer")], "");
}
