//! An API server that goes away, is not there at the start, or may not be asked.

use super::{
    BY_UID, config, export, named, passed, readiness, restarts, said_of, sample, texts, until_said,
    until_watched, until_well,
};
use crate::support::{Forebay, Sink, eventually};
use forebay_core::Signal;
use forebay_testkit::kubernetes::{FakeCluster, PodSpec, labelled, object, uid};

/// How an API server is not there.
#[derive(Clone, Copy)]
enum Absence {
    /// Its connections break, and each new one does.
    Broken,
    /// Nobody listens.
    Refused,
}

impl Absence {
    async fn begin(self, cluster: &FakeCluster) {
        match self {
            Absence::Broken => cluster.go_away(),
            Absence::Refused => cluster.close().await,
        }
    }

    async fn end(self, cluster: &FakeCluster) {
        match self {
            Absence::Broken => cluster.come_back(),
            Absence::Refused => cluster.open().await.unwrap(),
        }
    }
}

fn pod(name: &str, number: u64) -> PodSpec {
    PodSpec::new("shop", name, number)
}

/// What is known is served while the API server is away, all that operators look at says so, and the news are told afterwards.
async fn goes_away_and_comes_back(absence: Absence) {
    let cluster = FakeCluster::start().await.unwrap();
    for (name, number) in [("web", 1), ("old", 2)] {
        cluster.put("pods", pod(name, number).object());
    }
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    until_watched(&forebay).await;
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, named("web"));

    absence.begin(&cluster).await;
    until_said(&forebay, "the API server does not tell of pods (unreachable").await;
    assert_eq!(sample(&forebay, "watch_up", &[]).await, 0.0);
    assert!(restarts(&forebay, "unreachable").await >= 1.0);
    let age = sample(&forebay, "last_heard_age_seconds", &[]).await;
    eventually("the last word grows old", async || {
        sample(&forebay, "last_heard_age_seconds", &[]).await > age
    })
    .await;
    assert_eq!(readiness(&forebay).await, 200, "data is taken");
    for (name, number) in [("web", 1), ("old", 2)] {
        assert_eq!(said_of(&forebay, &sink, &uid(1, number)).await, named(name));
    }
    cluster.put("pods", pod("web", 1).label("team", "checkout").object());
    cluster.put("pods", pod("new", 3).object());
    cluster.delete("pods", "shop", "old");

    absence.end(&cluster).await;
    eventually("the news are known", async || {
        said_of(&forebay, &sink, &uid(1, 3)).await == named("new")
            && said_of(&forebay, &sink, &uid(1, 2)).await.is_empty()
    })
    .await;
    let both = texts(&[("k8s.pod.name", "web"), ("team", "checkout")]);
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, both);
    until_well(&forebay).await;
    until_watched(&forebay).await;
    assert_eq!(
        sample(&forebay, "lists_total", &[]).await,
        1.0,
        "only the news were told"
    );
    eventually("the log says so", async || {
        let log = forebay.log();
        log.iter()
            .any(|line| line.contains("the API server tells of pods again"))
    })
    .await;
}

#[tokio::test]
async fn an_api_server_whose_connections_break_costs_nothing_but_news() {
    goes_away_and_comes_back(Absence::Broken).await;
}

#[tokio::test]
async fn an_api_server_that_refuses_connections_costs_nothing_but_news() {
    goes_away_and_comes_back(Absence::Refused).await;
}

/// The same as [`BY_UID`], but the receivers wait for a second.
fn impatient() -> String {
    BY_UID.replace("10m", "1s")
}

#[tokio::test]
async fn the_start_is_held_up_by_a_cluster_that_is_not_there_for_so_long_only() {
    for absence in [Absence::Broken, Absence::Refused] {
        let cluster = FakeCluster::start().await.unwrap();
        cluster.put("pods", pod("web", 1).object());
        absence.begin(&cluster).await;
        let sink = Sink::start();
        let forebay = Forebay::start(&config(&cluster, &sink, &impatient())).await;
        until_said(
            &forebay,
            "not all of the cluster was known after 1 s: pods have not been listed yet. Data is received, and passes without attributes",
        )
        .await;
        let sent = export(Signal::Traces, 1, texts(&[("k8s.pod.uid", &uid(1, 1))]));
        assert_eq!(passed(&forebay, &sink, &sent).await, sent);
        assert_eq!(readiness(&forebay).await, 200);
        absence.end(&cluster).await;
        eventually("the pod is known", async || {
            said_of(&forebay, &sink, &uid(1, 1)).await == named("web")
        })
        .await;
        until_well(&forebay).await;
    }
}

#[tokio::test]
async fn a_process_that_waits_for_the_cluster_takes_nothing_is_not_ready_and_ends_when_told_to() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.go_away();
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    until_said(&forebay, "the API server does not tell of pods (unreachable").await;
    assert_eq!(readiness(&forebay).await, 503);
    forebay.terminate();
    let ended = forebay.end().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[tokio::test]
async fn without_the_right_to_see_pods_data_passes_as_it_is_and_the_right_is_named() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", pod("web", 1).object());
    cluster.forbid("pods");
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, &impatient())).await;
    until_said(&forebay, "Let the service account get, list and watch pods").await;
    until_said(&forebay, "pods have not been listed yet").await;
    let sent = export(Signal::Metrics, 1, texts(&[("k8s.pod.uid", &uid(1, 1))]));
    assert_eq!(passed(&forebay, &sink, &sent).await, sent);
    assert_eq!(readiness(&forebay).await, 200);
    assert!(restarts(&forebay, "forbidden").await >= 1.0);
    cluster.permit("pods");
    eventually("the pod is known", async || {
        said_of(&forebay, &sink, &uid(1, 1)).await == named("web")
    })
    .await;
    until_well(&forebay).await;
}

#[tokio::test]
async fn without_the_right_to_see_namespaces_everything_else_is_said() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", pod("web", 1).object());
    let namespace = |name: &str, number| object("Namespace", "", name, &uid(4, number));
    cluster.put("namespaces", labelled(namespace("shop", 1), &[("tier", "gold")]));
    cluster.put("namespaces", namespace("kube-system", 2));
    cluster.forbid("namespaces");
    let sink = Sink::start();
    let keys = impatient()
        .replace("[\"k8s.pod.name\"]", "[\"k8s.pod.name\", \"k8s.cluster.uid\"]")
        .replace(
            "tag_name = \"team\" }",
            "tag_name = \"team\" }, { key = \"tier\", tag_name = \"tier\", from = \"namespace\" }",
        );
    let forebay = Forebay::start(&config(&cluster, &sink, &keys)).await;
    until_said(&forebay, "Let the service account get, list and watch namespaces").await;
    until_said(&forebay, "Let the service account get namespaces").await;
    until_said(&forebay, "namespaces have not been listed yet").await;
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, named("web"));
    cluster.permit("namespaces");
    eventually("all is known", async || {
        let mut said = said_of(&forebay, &sink, &uid(1, 1)).await;
        said.sort_by(|one, other| one.key.cmp(&other.key));
        said == texts(&[
            ("k8s.cluster.uid", &uid(4, 2)),
            ("k8s.pod.name", "web"),
            ("tier", "gold"),
        ])
    })
    .await;
    until_well(&forebay).await;
}
