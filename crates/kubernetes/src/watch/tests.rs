//! The stories of a cluster that is followed.

use crate::known::{Known, Pod};
use crate::rig::{Rig, kept};
use crate::wanted::{Access, Kind, Scope, Settings, Wanted};
use forebay_testkit::kubernetes::{FakeCluster, Fault, PodSpec, Population, Verb, labelled, object, uid};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn wanted(kinds: &[Kind]) -> Wanted {
    Wanted {
        kinds: kinds.iter().copied().collect::<BTreeSet<Kind>>(),
        ..Wanted::default()
    }
}

fn by_ip(known: &Known, address: &str) -> Option<Pod> {
    known.by_ip(address.parse().unwrap())
}

fn turn(known: &Known, name: &str) -> Option<String> {
    let kept = kept(known, &known.by_name("n", name)?);
    kept.iter()
        .find_map(|one| one.strip_prefix("turn=").map(str::to_owned))
}

fn turned(pod: &PodSpec, turn: &str) -> serde_json::Value {
    let mut pod = pod.clone();
    pod.annotations.insert("turn".into(), turn.into());
    pod.object()
}

#[tokio::test]
async fn a_cluster_is_learned_page_by_page_and_pods_are_found_by_all_that_names_them() {
    let rig = Rig::new().await;
    Population::settle(&rig.cluster, 600);
    let kinds = [Kind::Namespace, Kind::Node, Kind::ReplicaSet, Kind::Deployment];
    let known = rig.follow(wanted(&kinds));
    rig.synced(&known).await;
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 3);
    for number in [0, 299, 599] {
        let spec = Population::pod(number);
        let (name, address, id) = (&spec.name, &spec.ips[0], &spec.containers[0].2);
        let pod = known.by_uid(&spec.uid).unwrap();
        let same = |other: Option<Pod>| other.is_some_and(|other| other.same(&pod));
        assert!(same(known.by_name(&spec.namespace, name)));
        assert!(same(by_ip(&known, address)) && same(by_ip(&known, &format!("::ffff:{address}"))));
        assert!(
            same(known.by_container_id(id)) && same(known.by_container_id(&format!("containerd://{id}")))
        );
        let kept = kept(&known, &pod);
        let workload = number / 10;
        for attribute in [
            format!("pod={name}"),
            format!("label.app.kubernetes.io/name=service-{workload}"),
            format!("container={id}"),
            format!("replicasets=service-{workload}-6d4cf56db"),
            format!("deployments=service-{workload}"),
            format!("namespaces={}", spec.namespace),
            format!("team={}", spec.namespace),
            format!("nodes={}", spec.node),
        ] {
            assert!(kept.contains(&attribute), "{attribute} in {kept:?}");
        }
    }
    assert!(known.by_uid(&uid(1, 9_999)).is_none() && by_ip(&known, "10.9.9.9").is_none());
    assert_eq!(
        rig.sample("forebay_kubernetes_objects{node=\"it\",kind=\"pods\"}"),
        600.0
    );
    assert_eq!(
        rig.sample("forebay_kubernetes_objects{node=\"it\",kind=\"deployments\"}"),
        60.0
    );
    for seen in rig.cluster.seen() {
        assert!(seen.user_agent.starts_with("Forebay/"), "{seen:?}");
        assert_eq!(
            seen.accept.contains("PartialObjectMetadata"),
            seen.plural != "pods",
            "{seen:?}"
        );
    }
    rig.shut_down().await;
    assert_eq!(
        rig.sample("forebay_kubernetes_watch_up{node=\"it\",kind=\"pods\"}"),
        0.0
    );
}

#[tokio::test]
async fn only_what_is_wanted_is_asked_for() {
    let rig = Rig::new().await;
    for number in 0..6 {
        let mut pod =
            PodSpec::new("n", &format!("p{number}"), number).label("app", if number < 5 { "a" } else { "b" });
        pod.node = format!("node-{}", number % 2);
        pod.phase = if number == 0 { "Pending" } else { "Running" }.into();
        rig.cluster.put("pods", pod.object());
        rig.cluster.put(
            "pods",
            PodSpec::new("other", &format!("o{number}"), 100 + number).object(),
        );
    }
    for name in ["node-0", "node-1"] {
        rig.cluster.put("nodes", object("Node", "", name, name));
    }
    let known = rig.follow(Wanted {
        scope: Scope {
            node: Some("node-0".into()),
            namespace: Some("n".into()),
            labels: Some("app in (a,c)".into()),
            fields: Some("status.phase!=Pending".into()),
        },
        ..wanted(&[Kind::Node, Kind::Namespace])
    });
    rig.synced(&known).await;
    let found: Vec<u64> = (0..6)
        .filter(|number| known.by_name("n", &format!("p{number}")).is_some())
        .collect();
    assert_eq!(found, [2, 4]);
    assert_eq!(known.holding().pods, 2);
    assert_eq!(known.count(Kind::Node), 1);
    let pods = rig
        .cluster
        .seen()
        .into_iter()
        .find(|seen| seen.plural == "pods")
        .unwrap();
    assert_eq!(pods.path, "/api/v1/namespaces/n/pods");
    rig.shut_down().await;
}

#[tokio::test]
async fn metadata_of_pods_are_enough_where_nothing_else_is_wanted() {
    let rig = Rig::new().await;
    rig.cluster
        .put("pods", PodSpec::new("n", "p", 1).label("app", "a").object());
    let known = rig.follow(Wanted {
        pods_by_metadata: true,
        ..Wanted::default()
    });
    rig.synced(&known).await;
    let pod = known.by_name("n", "p").unwrap();
    assert!(kept(&known, &pod).contains(&"label.app=a".to_owned()));
    assert!(by_ip(&known, "10.0.0.1").is_none());
    assert!(
        rig.cluster
            .seen()
            .iter()
            .all(|seen| seen.accept.contains("PartialObjectMetadata"))
    );
    rig.shut_down().await;
}

#[tokio::test]
async fn a_deleted_pod_is_found_for_its_grace_time_unless_another_has_its_address() {
    let rig = Rig::new().await;
    let (first, mut second) = (PodSpec::new("n", "a", 1), PodSpec::new("n", "b", 2));
    second.ips.clone_from(&first.ips);
    second.created = "2026-03-01T09:00:00Z".into();
    rig.cluster.put("pods", first.object());
    let known = rig.follow(Wanted::default());
    rig.synced(&known).await;

    rig.cluster.delete("pods", "n", "a");
    rig.until("it has ended", || known.holding().ended == 1).await;
    assert_eq!(by_ip(&known, "10.0.0.1").unwrap().name(), "a");
    rig.cluster.put("pods", second.object());
    rig.until("the other one is known", || known.by_name("n", "b").is_some())
        .await;
    assert_eq!(by_ip(&known, "10.0.0.1").unwrap().name(), "b");
    assert!(known.by_uid(&first.uid).is_some());

    rig.clock.advance(Duration::from_secs(119));
    assert!(known.by_uid(&first.uid).is_some());
    rig.clock.advance(Duration::from_secs(2));
    rig.until("its time is over", || known.by_uid(&first.uid).is_none())
        .await;
    assert_eq!(by_ip(&known, "10.0.0.1").unwrap().name(), "b");
    assert_eq!(known.holding().ended, 0);
    rig.shut_down().await;
}

#[tokio::test]
async fn what_changes_is_seen_at_once_in_every_pod_that_has_it_in_common() {
    let rig = Rig::new().await;
    let namespace = object("Namespace", "", "n", "u");
    rig.cluster.put("pods", PodSpec::new("n", "a", 1).object());
    rig.cluster.put("pods", PodSpec::new("n", "b", 2).object());
    let known = rig.follow(wanted(&[Kind::Namespace]));
    rig.synced(&known).await;
    let held = known.by_name("n", "a").unwrap();
    rig.cluster
        .put("namespaces", labelled(namespace, &[("team", "red")]));
    rig.until("the team", || {
        kept(&known, &held).contains(&"team=red".to_owned())
    })
    .await;
    let other = known.by_name("n", "b").unwrap();
    assert!(kept(&known, &other).contains(&"team=red".to_owned()));
    assert_eq!(
        rig.sample("forebay_kubernetes_events_total{node=\"it\",kind=\"namespaces\",event=\"added\"}"),
        1.0
    );
    rig.shut_down().await;
}

#[tokio::test]
async fn an_api_server_that_is_gone_for_an_hour_costs_nothing_but_news() {
    let rig = Rig::new().await;
    let pod = PodSpec::new("n", "a", 1);
    rig.cluster.put("pods", pod.object());
    let known = rig.follow(Wanted::default());
    rig.synced(&known).await;
    let up = "forebay_kubernetes_watch_up{node=\"it\",kind=\"pods\"}";
    rig.until("the watch stands", || rig.sample(up) == 1.0).await;
    assert_eq!(rig.concern(), "");

    rig.cluster.go_away();
    rig.until_in_time("it is noticed", || !rig.concern().is_empty())
        .await;
    rig.clock.advance(HOUR);
    rig.cluster.put("pods", turned(&pod, "later"));
    assert!(by_ip(&known, "10.0.0.1").is_some() && known.by_uid(&pod.uid).is_some());
    assert_eq!(rig.sample(up), 0.0);
    assert!(rig.sample("forebay_kubernetes_last_heard_age_seconds{node=\"it\",kind=\"pods\"}") >= 3_600.0);
    assert!(
        rig.sample(
            "forebay_kubernetes_watch_restarts_total{node=\"it\",kind=\"pods\",cause=\"unreachable\"}"
        ) >= 1.0
    );
    assert!(
        rig.concern().contains("pods") && rig.concern().contains("out of date"),
        "{}",
        rig.concern()
    );

    rig.cluster.come_back();
    rig.until_in_time("the news", || turn(&known, "a").as_deref() == Some("later"))
        .await;
    rig.until_in_time("all is well", || rig.concern().is_empty())
        .await;
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 1);
    rig.shut_down().await;
}

#[tokio::test]
async fn what_is_not_remembered_any_more_is_listed_anew_and_nothing_is_forgotten_meanwhile() {
    for fault in [None, Some(Fault::Status(410, None)), Some(Fault::ErrorEvent(410))] {
        let rig = Rig::new().await;
        for number in 0..3 {
            rig.cluster
                .put("pods", PodSpec::new("n", &format!("p{number}"), number).object());
        }
        let known = rig.follow(Wanted::default());
        rig.synced(&known).await;
        rig.until("the watch stands", || {
            rig.cluster.requests(Verb::Watch, "pods") == 1
        })
        .await;
        rig.cluster.go_away();
        rig.cluster.delete("pods", "n", "p0");
        rig.cluster
            .put("pods", turned(&PodSpec::new("n", "p1", 1), "later"));
        rig.cluster.compact();
        if let Some(fault) = fault {
            rig.cluster.fail(Verb::Watch, "pods", fault);
        }
        // The list is slow, and cut off once.
        rig.cluster.fail(Verb::List, "pods", Fault::CutOff);
        rig.cluster.come_back();
        rig.until_in_time("the news", || {
            assert!((0..3).all(|number| known.by_name("n", &format!("p{number}")).is_some()));
            turn(&known, "p1").as_deref() == Some("later")
        })
        .await;
        rig.until_in_time("the one that was deleted has ended", || {
            known.holding().ended == 1
        })
        .await;
        assert!(
            rig.sample("forebay_kubernetes_watch_restarts_total{node=\"it\",kind=\"pods\",cause=\"gone\"}")
                >= 1.0
        );
        rig.clock.advance(Duration::from_secs(121));
        rig.until("its time is over", || known.by_name("n", "p0").is_none())
            .await;
        rig.shut_down().await;
    }
}

#[tokio::test]
async fn a_list_that_expires_between_its_pages_begins_anew() {
    let rig = Rig::new().await;
    for number in 0..400 {
        rig.cluster.put(
            "pods",
            PodSpec::new("n", &format!("p{number:03}"), number).object(),
        );
    }
    rig.cluster.fail(Verb::List, "pods", Fault::Slow(Duration::ZERO));
    rig.cluster.fail(Verb::List, "pods", Fault::Status(410, None));
    let known = rig.follow(Wanted::default());
    rig.until_in_time("everything is listed", || known.unlisted().is_empty())
        .await;
    assert_eq!(known.holding().pods, 400);
    let sizes: Vec<bool> = rig
        .cluster
        .seen()
        .iter()
        .map(|seen| seen.query.contains("limit=500"))
        .collect();
    assert_eq!(sizes[..3], [false, false, true]);
    rig.shut_down().await;
}

#[tokio::test]
async fn who_asks_for_fewer_requests_is_heard() {
    let rig = Rig::new().await;
    rig.cluster.put("pods", PodSpec::new("n", "a", 1).object());
    rig.cluster.fail(Verb::List, "pods", Fault::Status(429, Some(45)));
    let known = rig.follow(Wanted::default());
    let throttled = "forebay_kubernetes_watch_restarts_total{node=\"it\",kind=\"pods\",cause=\"throttled\"}";
    rig.until("it is asked", || rig.sample(throttled) == 1.0).await;
    let next = rig.clock.somebody_sleeps().await;
    assert!(
        next.0 >= Duration::from_secs(45) && next.0 < Duration::from_secs(91),
        "{next:?}"
    );
    rig.clock.advance(Duration::from_secs(44));
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 1);
    rig.until_in_time("everything is listed", || known.unlisted().is_empty())
        .await;
    rig.shut_down().await;
}

#[tokio::test]
async fn answers_that_are_slow_cut_off_or_nonsense_are_asked_for_again() {
    let rig = Rig::new().await;
    let pod = PodSpec::new("n", "a", 1);
    rig.cluster.put("pods", pod.object());
    for fault in [
        Fault::Garbage,
        Fault::CutOff,
        Fault::Stall,
        Fault::Status(500, None),
        Fault::Status(503, Some(1)),
    ] {
        rig.cluster.fail(Verb::List, "pods", fault);
    }
    let known = rig.follow(Wanted::default());
    rig.until_in_time("everything is listed", || known.unlisted().is_empty())
        .await;
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 6);

    for (number, fault) in [
        Fault::CutOff,
        Fault::Garbage,
        Fault::Stall,
        Fault::Ends,
        Fault::ErrorEvent(500),
    ]
    .into_iter()
    .enumerate()
    {
        rig.cluster.fail(Verb::Watch, "pods", fault);
        rig.cluster.end_watches();
        let later = format!("turn-{number}");
        rig.cluster.put("pods", turned(&pod, &later));
        rig.until_in_time("the news", || turn(&known, "a").as_deref() == Some(&*later))
            .await;
    }
    for cause in ["cut_off", "invalid", "silent", "refused"] {
        let labels = format!("{{node=\"it\",kind=\"pods\",cause=\"{cause}\"}}");
        assert!(
            rig.sample(&format!("forebay_kubernetes_watch_restarts_total{labels}")) >= 1.0,
            "{cause}"
        );
    }
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 6);
    rig.until_in_time("all is well", || rig.concern().is_empty())
        .await;
    rig.shut_down().await;
}

#[tokio::test]
async fn a_watch_goes_on_from_a_bookmark() {
    let rig = Rig::new().await;
    rig.cluster.put("pods", PodSpec::new("n", "a", 1).object());
    let known = rig.follow(Wanted::default());
    rig.synced(&known).await;
    rig.until("the watch stands", || {
        rig.cluster.requests(Verb::Watch, "pods") == 1
    })
    .await;
    // Much happens to what nobody watches.
    for number in 0..10 {
        rig.cluster
            .put("configmaps", object("ConfigMap", "n", &format!("c{number}"), "u"));
    }
    rig.cluster.bookmark();
    rig.until("the bookmark", || {
        known.version(Kind::Pod).as_deref() == Some("11")
    })
    .await;
    rig.cluster.compact();
    rig.cluster.end_watches();
    rig.until_in_time("the next watch", || {
        rig.cluster.requests(Verb::Watch, "pods") == 2
    })
    .await;
    let watch = rig.cluster.seen().pop().unwrap();
    assert!(
        watch.query.contains("resourceVersion=11") && watch.query.contains("allowWatchBookmarks=true"),
        "{watch:?}"
    );
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 1);
    rig.shut_down().await;
}

#[tokio::test]
async fn a_token_that_is_replaced_is_read_again_and_the_authority_is_checked() {
    let rig = Rig::of(FakeCluster::start_with_tls().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (token, authority) = (folder.path().join("token"), folder.path().join("ca.crt"));
    std::fs::write(&token, "first\n").unwrap();
    std::fs::write(&authority, rig.cluster.authority()).unwrap();
    rig.cluster.allow_only(&["first"]);
    let pod = PodSpec::new("n", "a", 1);
    rig.cluster.put("pods", pod.object());
    let known = rig.follow_by(
        &Settings {
            access: Access::Explicit {
                api_server: rig.cluster.url(),
                token_file: Some(token.clone()),
                ca_file: Some(authority),
            },
            wanted: Wanted::default(),
        },
        None,
    );
    rig.synced(&known).await;

    std::fs::write(&token, "second\n").unwrap();
    rig.cluster.allow_only(&["second"]);
    rig.cluster.end_watches();
    rig.cluster.put("pods", turned(&pod, "later"));
    rig.until_in_time("the news", || turn(&known, "a").as_deref() == Some("later"))
        .await;
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 1);

    // One that is not accepted at all is a concern, and mended as soon as the file is.
    rig.cluster.allow_only(&["third"]);
    rig.cluster.end_watches();
    rig.cluster.put("pods", turned(&pod, "last"));
    rig.until_in_time("it is noticed", || rig.concern().contains("unauthorized"))
        .await;
    assert!(!rig.concern().contains("second"));
    std::fs::write(&token, "third\n").unwrap();
    rig.until_in_time("the news", || turn(&known, "a").as_deref() == Some("last"))
        .await;
    rig.shut_down().await;
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_not_talked_to() {
    let rig = Rig::of(FakeCluster::start_with_tls().await.unwrap());
    let other = FakeCluster::start_with_tls().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.crt");
    std::fs::write(&authority, other.authority()).unwrap();
    let settings = Settings {
        access: Access::Explicit {
            api_server: rig.cluster.url(),
            token_file: None,
            ca_file: Some(authority.clone()),
        },
        wanted: Wanted::default(),
    };
    let known = rig.follow_by(&settings, None);
    rig.until_in_time("it is noticed", || rig.concern().contains("unreachable"))
        .await;
    assert!(rig.cluster.seen().is_empty());
    // The file is replaced, as a rotation does.
    std::fs::write(&authority, rig.cluster.authority()).unwrap();
    rig.until_in_time("everything is listed", || known.unlisted().is_empty())
        .await;
    rig.shut_down().await;
}

#[tokio::test]
async fn who_may_not_is_told_what_to_allow() {
    let rig = Rig::new().await;
    rig.cluster
        .fail(Verb::List, "replicasets", Fault::Status(403, None));
    let known = rig.follow(wanted(&[Kind::ReplicaSet]));
    rig.until("it is noticed", || {
        rig.concern().contains("get, list and watch replicasets")
    })
    .await;
    assert!(known.unlisted().contains(&Kind::ReplicaSet));
    rig.until_in_time("all is well", || {
        rig.concern().is_empty() && known.unlisted().is_empty()
    })
    .await;
    rig.shut_down().await;
}

#[tokio::test]
async fn what_does_not_fit_is_counted_and_said() {
    let mut rig = Rig::new().await;
    Population::settle(&rig.cluster, 200);
    rig.context.memory = 100_000;
    let known = rig.follow(wanted(&[Kind::Namespace]));
    rig.synced(&known).await;
    let holding = known.holding();
    assert!(
        holding.bytes <= 100_000 && (20..200).contains(&holding.pods),
        "{holding:?}"
    );
    // And the namespaces that found no room behind them.
    assert!(holding.rejected as usize >= 200 - holding.pods, "{holding:?}");
    rig.until("it is said", || rig.concern().contains("100000 bytes"))
        .await;
    assert_eq!(
        rig.sample("forebay_kubernetes_rejected_objects_total{node=\"it\"}"),
        holding.rejected as f64
    );
    rig.shut_down().await;
}

#[test]
fn a_kubeconfig_with_a_proxy_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: one\n\
        contexts:\n- name: one\n  context: {cluster: direct, user: me}\n- name: two\n  context: {cluster: proxied, user: me}\n\
        clusters:\n- name: direct\n  cluster: {server: 'https://127.0.0.1:1'}\n\
        - name: proxied\n  cluster: {server: 'https://127.0.0.1:1', proxy-url: 'http://127.0.0.1:2'}\n\
        users:\n- name: me\n  user: {}\n";
    std::fs::write(&path, text).unwrap();
    let check = |context: Option<&str>| {
        super::connection::check(&Access::KubeConfig {
            path: Some(path.clone()),
            context: context.map(str::to_owned),
        })
    };
    check(None).unwrap();
    check(Some("one")).unwrap();
    let error = check(Some("two")).unwrap_err().to_string();
    assert!(
        error.contains("`proxied`") && error.contains("`proxy-url`"),
        "{error}"
    );
}

#[tokio::test]
async fn what_did_not_fit_is_listed_again_once_there_is_room() {
    let mut rig = Rig::new().await;
    Population::settle(&rig.cluster, 200);
    rig.context.memory = 100_000;
    let known = rig.follow(wanted(&[]));
    rig.synced(&known).await;
    let is_known = |number: &u64| known.by_uid(&Population::pod(*number).uid).is_some();
    let missing: Vec<u64> = (0..200).filter(|number| !is_known(number)).collect();
    let (stay, _) = missing.split_at(10);
    // All others go, and none of those that stay changes.
    for number in (0..200).filter(|number| !stay.contains(number)) {
        let pod = Population::pod(number);
        rig.cluster.delete("pods", &pod.namespace, &pod.name);
    }
    rig.until_in_time("those that have ended are forgotten", || {
        known.holding().pods == 0
    })
    .await;
    rig.cluster.end_watches();
    rig.until_in_time("those that there was no room for are known", || {
        stay.iter().all(is_known)
    })
    .await;
    rig.until("nothing is wrong any more", || rig.concern().is_empty())
        .await;
    rig.shut_down().await;
}

#[tokio::test]
async fn whoever_takes_over_goes_on_where_the_other_was() {
    let rig = Rig::new().await;
    let pod = PodSpec::new("n", "a", 1);
    rig.cluster.put("pods", pod.object());
    let settings = Settings {
        access: rig.access(),
        wanted: Wanted::default(),
    };
    let known = rig.follow_by(&settings, None);
    rig.synced(&known).await;
    let next = rig.follow_by(&settings, Some(Arc::clone(&known)));
    assert!(Arc::ptr_eq(&known, &next));
    rig.cluster.put("pods", turned(&pod, "later"));
    rig.until_in_time("the news", || turn(&next, "a").as_deref() == Some("later"))
        .await;
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 1);

    let other = Settings {
        wanted: wanted(&[Kind::Node]),
        ..settings
    };
    let anew = rig.follow_by(&other, Some(next));
    assert!(!Arc::ptr_eq(&known, &anew));
    rig.synced(&anew).await;
    assert_eq!(rig.cluster.requests(Verb::List, "pods"), 2);
    rig.shut_down().await;
}

#[tokio::test]
async fn the_cluster_is_asked_who_it_is() {
    let rig = Rig::new().await;
    rig.cluster
        .put("namespaces", object("Namespace", "", "kube-system", "the-uid"));
    rig.cluster
        .fail(Verb::Get, "namespaces", Fault::Status(500, None));
    rig.cluster.put("pods", PodSpec::new("n", "a", 1).object());
    let known = rig.follow(Wanted {
        cluster_uid: true,
        ..Wanted::default()
    });
    rig.until("it is noticed", || rig.concern().contains("kube-system"))
        .await;
    rig.until_in_time("the uid", || known.cluster().is_some()).await;
    rig.until("the pod", || known.by_name("n", "a").is_some()).await;
    let pod = known.by_name("n", "a").unwrap();
    assert!(kept(&known, &pod).contains(&"cluster=the-uid".to_owned()));
    assert_eq!(rig.concern(), "");
    rig.shut_down().await;
}

#[tokio::test]
async fn what_cannot_work_is_an_error_at_start() {
    let rig = Rig::new().await;
    let explicit = |api_server: &str, file: Option<&str>| Access::Explicit {
        api_server: api_server.into(),
        token_file: file.map(Into::into),
        ca_file: None,
    };
    for (access, word) in [
        (explicit("10.0.0.1:6443", None), "https://"),
        (explicit("not a url", None), "URL"),
        (explicit("https://10.0.0.1", Some("/nowhere/token")), "token_file"),
        (Access::InCluster, "KUBERNETES_SERVICE_HOST"),
    ] {
        let settings = Settings {
            access,
            wanted: Wanted::default(),
        };
        let error = super::follow(&rig.context, &settings, Arc::new(crate::rig::Plain), None).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_kubeconfig_says_where_and_as_whom() {
    let rig = Rig::of(FakeCluster::start_with_tls().await.unwrap());
    rig.cluster.allow_only(&["from-the-file"]);
    rig.cluster.put("pods", PodSpec::new("n", "a", 1).object());
    let folder = tempfile::tempdir().unwrap();
    let (authority, path) = (folder.path().join("ca.crt"), folder.path().join("config"));
    std::fs::write(&authority, rig.cluster.authority()).unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: other\ncontexts:\n- name: other\n  context: {{cluster: c, user: nobody}}\n\
         - name: right\n  context: {{cluster: c, user: somebody}}\nclusters:\n- name: c\n  cluster:\n    server: {}\n    \
         certificate-authority: {}\nusers:\n- name: nobody\n  user: {{}}\n- name: somebody\n  user: {{token: from-the-file}}\n",
        rig.cluster.url(),
        authority.display()
    );
    std::fs::write(&path, text).unwrap();
    let access = |context: Option<&str>| Settings {
        access: Access::KubeConfig {
            path: Some(path.clone()),
            context: context.map(str::to_owned),
        },
        wanted: Wanted::default(),
    };
    let known = rig.follow_by(&access(Some("right")), None);
    rig.synced(&known).await;
    assert_eq!(known.holding().pods, 1);
    rig.follow_by(&access(None), None);
    rig.until_in_time("it is noticed", || rig.concern().contains("unauthorized"))
        .await;
    rig.shut_down().await;
}
