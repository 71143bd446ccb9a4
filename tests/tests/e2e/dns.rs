//! A destination's name that comes to stand for another machine, as the system's own lookup sees it.
//!
//! The binary runs in a mount namespace with a hosts file of its own. Where that is not permitted, only the lookup itself is
//! tested here; `tests/simulated` has the change of a name in any case.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Client, Export, Forebay, Sink, binary, eventually};
use forebay_core::Signal;
use forebay_testkit::fault::FaultProxy;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const NAME: &str = "backend.forebay.test";
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The options of `unshare` with which mounting is permitted here.
pub(crate) fn permitted(hosts: &Path) -> Option<&'static str> {
    let works = |options: &&str| {
        let mut command = private(options, hosts);
        let ended = command
            .arg("true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        ended.is_ok_and(|status| status.success())
    };
    ["-m", "-rm"].into_iter().find(works)
}

/// Runs what follows with `hosts` in the place of the machine's hosts file.
pub(crate) fn private(options: &str, hosts: &Path) -> Command {
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    command.args([options, "sh", "-c", script]).arg(hosts);
    command
}

fn config(host: &str, port: u16, more: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{host}:{port}\"
        {more}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]"
    )
}

/// Writes the file in place: the mount holds on to it, not to its name.
fn point(hosts: &Path, to: Ipv4Addr) {
    std::fs::write(hosts, format!("127.0.0.1 localhost\n{to} {NAME}\n")).unwrap();
}

async fn send(forebay: &Forebay, number: u64) {
    let client = Client::grpc(forebay.grpc());
    let reply = client
        .send(&Export::numbered(Signal::Traces, number..number + 1))
        .await;
    assert!(reply.is_taken(), "{reply:?}");
}

#[tokio::test]
async fn a_name_that_changes_is_followed_by_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    let (hosts, file) = (folder.path().join("hosts"), folder.path().join("forebay.toml"));
    point(&hosts, FIRST);
    let (old, new) = (Sink::counting(), Sink::counting());
    let Some(options) = permitted(&hosts) else {
        println!("no mount namespaces here: the name does not change");
        let forebay = Forebay::start(&config("localhost", old.grpc().port(), "")).await;
        return send(&forebay, 1).await;
    };
    // Both machines are as well as ever: nothing but the name says that the first one is not meant any more.
    let first = FaultProxy::listen((FIRST, 0).into(), old.grpc(), 1).unwrap();
    let port = first.address().port();
    let second = FaultProxy::listen(SocketAddr::from((SECOND, port)), new.grpc(), 1).unwrap();
    let more = match std::env::var("FOREBAY_FAULT_SECONDS") {
        Ok(_) => "",
        Err(_) => "dns_refresh_interval = \"1s\"",
    };
    std::fs::write(&file, config(NAME, port, more)).unwrap();
    let mut command = private(options, &hosts);
    command.arg(binary::path()).args(["run", "--config"]).arg(&file);
    let mut forebay = Forebay::launch(command, None);
    forebay.until_started().await;
    send(&forebay, 1).await;
    assert_eq!(old.read(|taken| taken.count(Signal::Traces)), 1);
    point(&hosts, SECOND);
    let (changed, mut number) = (Instant::now(), 1);
    eventually("requests go to the new machine", async || {
        number += 1;
        send(&forebay, number).await;
        new.read(|taken| taken.count(Signal::Traces) > 0)
    })
    .await;
    println!("followed after {:?}", changed.elapsed());
    // The old connection is done with.
    eventually("the old machine is left", async || first.counts().closed == 1).await;
    assert_eq!((first.counts().broken, second.counts().broken), (0, 0));
}
