//! What the API server does not remember (410), will not be asked (429), and does not say to its end.

use super::{BY_UID, config, named, restarts, said_of, sample, texts, until_watched, until_well};
use crate::support::{Forebay, Sink, eventually};
use forebay_testkit::kubernetes::{FakeCluster, Fault, PodSpec, Verb, uid};
use std::time::Duration;

fn pod(name: &str, number: u64) -> PodSpec {
    PodSpec::new("shop", name, number)
}

async fn until_objects(forebay: &Forebay, count: f64) {
    eventually("as many pods are known as there are", async || {
        sample(forebay, "objects", &[]).await == count
    })
    .await;
}

#[tokio::test]
async fn what_is_not_remembered_any_more_is_listed_anew_and_nothing_is_known_twice() {
    let cluster = FakeCluster::start().await.unwrap();
    for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
        cluster.put("pods", pod(name, number).object());
    }
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    until_watched(&forebay).await;

    cluster.go_away();
    eventually("it is noticed", async || {
        sample(&forebay, "watch_up", &[]).await == 0.0
    })
    .await;
    cluster.delete("pods", "shop", "a");
    cluster.put("pods", pod("b", 2).label("team", "checkout").object());
    cluster.put("pods", pod("d", 4).object());
    cluster.compact();
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, named("a"));
    cluster.come_back();
    eventually("everything is listed", async || {
        sample(&forebay, "lists_total", &[]).await == 2.0
    })
    .await;
    until_watched(&forebay).await;
    until_objects(&forebay, 3.0).await;
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, []);
    let both = texts(&[("k8s.pod.name", "b"), ("team", "checkout")]);
    assert_eq!(said_of(&forebay, &sink, &uid(1, 2)).await, both);
    for (name, number) in [("c", 3), ("d", 4)] {
        assert_eq!(said_of(&forebay, &sink, &uid(1, number)).await, named(name));
    }
    assert_eq!(restarts(&forebay, "gone").await, 1.0);
    until_well(&forebay).await;
}

#[tokio::test]
async fn a_watch_that_ends_with_410_while_it_stands_is_followed_by_a_list() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", pod("a", 1).object());
    // A status instead of an answer, and an event in it.
    cluster.fail(Verb::Watch, "pods", Fault::Status(410, None));
    cluster.fail(Verb::Watch, "pods", Fault::ErrorEvent(410));
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    eventually("everything is listed", async || {
        sample(&forebay, "lists_total", &[]).await == 3.0
    })
    .await;
    until_watched(&forebay).await;
    assert_eq!(restarts(&forebay, "gone").await, 2.0);
    until_objects(&forebay, 1.0).await;
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, named("a"));
    until_well(&forebay).await;
}

#[tokio::test]
async fn a_list_that_expires_between_its_pages_begins_anew() {
    const PODS: u64 = 600;
    let cluster = FakeCluster::start().await.unwrap();
    for number in 1..=PODS {
        cluster.put("pods", pod(&format!("p{number}"), number).object());
    }
    // The first page is as it should be; what goes on from it is not.
    cluster.fail(Verb::List, "pods", Fault::Slow(Duration::ZERO));
    cluster.fail(Verb::List, "pods", Fault::Status(410, None));
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    until_watched(&forebay).await;
    assert_eq!(restarts(&forebay, "gone").await, 1.0);
    assert_eq!(sample(&forebay, "lists_total", &[]).await, 1.0);
    until_objects(&forebay, 600.0).await;
    for number in [1, 300, PODS] {
        let name = format!("p{number}");
        assert_eq!(said_of(&forebay, &sink, &uid(1, number)).await, named(&name));
    }
    until_well(&forebay).await;
}

#[tokio::test]
async fn an_api_server_that_wants_fewer_requests_is_asked_later() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", pod("a", 1).object());
    cluster.fail(Verb::List, "pods", Fault::Status(429, Some(1)));
    cluster.fail(Verb::Watch, "pods", Fault::Status(429, Some(1)));
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    until_watched(&forebay).await;
    assert_eq!(restarts(&forebay, "throttled").await, 2.0);
    assert_eq!(sample(&forebay, "lists_total", &[]).await, 1.0);
    assert_eq!(cluster.requests(Verb::List, "pods"), 2);
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, named("a"));
    until_well(&forebay).await;
}

#[tokio::test]
async fn what_is_cut_off_in_the_middle_of_an_object_is_asked_for_again() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", pod("a", 1).object());
    cluster.fail(Verb::List, "pods", Fault::CutOff);
    // Of the first event, half comes.
    cluster.fail(Verb::Watch, "pods", Fault::CutOff);
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&cluster, &sink, BY_UID)).await;
    until_watched(&forebay).await;
    assert_eq!(restarts(&forebay, "cut_off").await, 1.0);
    cluster.put("pods", pod("b", 2).object());
    eventually("the pod is known", async || {
        said_of(&forebay, &sink, &uid(1, 2)).await == named("b")
    })
    .await;
    assert_eq!(restarts(&forebay, "cut_off").await, 2.0);
    assert_eq!(sample(&forebay, "events_total", &[("event", "added")]).await, 1.0);
    assert_eq!(sample(&forebay, "lists_total", &[]).await, 1.0);
    until_objects(&forebay, 2.0).await;
    assert_eq!(said_of(&forebay, &sink, &uid(1, 1)).await, named("a"));
    until_well(&forebay).await;
}
