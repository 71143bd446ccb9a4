//! Tokens and certificates that are replaced while the process runs.

use super::{BY_UID, config_of, restarts, said_of, sample, texts, until_said, until_watched, until_well};
use crate::support::forebay::RECEIVER;
use crate::support::{Forebay, Sink, admin, eventually};
use forebay_testkit::kubernetes::{FakeCluster, PodSpec, uid};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

/// A volume as the kubelet makes one of a token and certificates: names that lead through `..data` to a folder, which is replaced by
/// another one at once.
struct Volume {
    folder: TempDir,
    versions: u32,
}

impl Volume {
    fn new(token: &str, authority: &str) -> Volume {
        let mut volume = Volume {
            folder: tempfile::tempdir().unwrap(),
            versions: 0,
        };
        volume.replace(token, authority);
        for name in ["token", "ca.crt"] {
            symlink(format!("..data/{name}"), volume.path(name)).unwrap();
        }
        volume
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn replace(&mut self, token: &str, authority: &str) {
        self.versions += 1;
        let name = format!("..{}", self.versions);
        let folder = self.path(&name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("token"), token).unwrap();
        std::fs::write(folder.join("ca.crt"), authority).unwrap();
        symlink(&name, self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
    }

    fn keys(&self) -> String {
        format!(
            "token_file = \"{}\"\nca_file = \"{}\"\n{BY_UID}",
            self.path("token").display(),
            self.path("ca.crt").display()
        )
    }
}

/// The pod `web`, of this team.
fn web(team: &str) -> serde_json::Value {
    PodSpec::new("shop", "web", 1).label("team", team).object()
}

/// Waits until data says that the pod is of this team.
async fn until_of(team: &str, forebay: &Forebay, sink: &Sink) {
    let wanted = texts(&[("k8s.pod.name", "web"), ("team", team)]);
    eventually("the news are known", async || {
        said_of(forebay, sink, &uid(1, 1)).await == wanted
    })
    .await;
}

/// A cluster that knows the token `first` and nothing else, who follows it, and what it does that by.
async fn followed(sink: &Sink) -> (FakeCluster, Volume, Forebay) {
    let cluster = FakeCluster::start_with_tls().await.unwrap();
    cluster.allow_only(&["first"]);
    cluster.put("pods", web("one"));
    let volume = Volume::new("first", &cluster.authority());
    let forebay = Forebay::start(&config_of(RECEIVER, &cluster, sink, &volume.keys())).await;
    until_watched(&forebay).await;
    until_of("one", &forebay, sink).await;
    (cluster, volume, forebay)
}

#[tokio::test]
async fn a_token_that_is_replaced_in_time_is_not_noticed() {
    let sink = Sink::start();
    let (cluster, mut volume, forebay) = followed(&sink).await;
    volume.replace("second", &cluster.authority());
    cluster.allow_only(&["second"]);
    cluster.put("pods", web("two"));
    cluster.end_watches();
    cluster.put("pods", web("three"));
    until_of("three", &forebay, &sink).await;
    assert_eq!(restarts(&forebay, "unauthorized").await, 0.0);
    assert_eq!(sample(&forebay, "lists_total", &[]).await, 1.0);
    until_well(&forebay).await;
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_said_and_the_next_one_is_used_without_a_restart() {
    let sink = Sink::start();
    let (cluster, mut volume, forebay) = followed(&sink).await;
    cluster.allow_only(&["second"]);
    cluster.end_watches();
    until_said(
        &forebay,
        "the API server does not tell of pods (unauthorized: 401",
    )
    .await;
    assert!(restarts(&forebay, "unauthorized").await >= 1.0);
    cluster.put("pods", web("two"));
    until_of("one", &forebay, &sink).await;
    volume.replace("second", &cluster.authority());
    until_of("two", &forebay, &sink).await;
    until_well(&forebay).await;
    assert_eq!(sample(&forebay, "lists_total", &[]).await, 1.0);
}

#[tokio::test]
async fn an_authority_that_is_replaced_is_trusted_once_the_file_has_it() {
    let sink = Sink::start();
    let (cluster, mut volume, forebay) = followed(&sink).await;
    cluster.renew_authority().unwrap();
    cluster.break_connections();
    until_said(&forebay, "the API server does not tell of pods (unreachable").await;
    let status = admin::status(forebay.admin()).await.to_string();
    assert!(status.contains("certificate"), "{status}");
    until_of("one", &forebay, &sink).await;
    cluster.put("pods", web("two"));
    volume.replace("first", &cluster.authority());
    until_of("two", &forebay, &sink).await;
    until_well(&forebay).await;
    assert_eq!(sample(&forebay, "lists_total", &[]).await, 1.0);
}
