//! What can be found, whatever has happened in whatever order.

use super::ids::{ContainerId, Uid, seconds};
use super::{Known, Writer};
use crate::objects::{Metadata, PodObject};
use crate::rig::{Plain, kept};
use crate::wanted::{Access, Kind, Settings, Wanted};
use forebay_otlp::edit::JoinedAttributes;
use forebay_testkit::SimulatedClock;
use forebay_testkit::kubernetes::{PodSpec, object, owned};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn settings(kinds: &[Kind]) -> Settings {
    Settings {
        access: Access::InCluster,
        wanted: Wanted {
            kinds: kinds.iter().copied().collect(),
            ..Wanted::default()
        },
    }
}

fn writer(clock: &SimulatedClock, kinds: &[Kind]) -> Writer {
    let settings = settings(kinds);
    let known = Known::new(settings.clone(), 64 << 20);
    Writer::new(known, settings.wanted, Arc::new(Plain), clock.clock())
}

fn put(writer: &Writer, pod: &PodSpec, version: u64) {
    let mut object = pod.object();
    object["metadata"]["resourceVersion"] = version.to_string().into();
    let text = object.to_string();
    writer
        .put_pod(&serde_json::from_str::<PodObject<'_>>(&text).unwrap())
        .unwrap();
}

fn put_object(writer: &Writer, kind: Kind, object: &serde_json::Value) {
    let text = object["metadata"].to_string();
    writer
        .put_object(kind, &serde_json::from_str::<Metadata<'_>>(&text).unwrap())
        .unwrap();
}

#[test]
fn ids_of_any_form_are_told_apart() {
    let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    assert!(matches!(Uid::new(uuid), Uid::Uuid(_)));
    for other in [
        "",
        "0f8fad5bd9cb469fa16570867728950e",
        "0F8FAD5B-D9CB-469F-A165-70867728950E",
        &uuid[1..],
    ] {
        assert!(matches!(Uid::new(other), Uid::Other(_)), "{other}");
        assert_ne!(Uid::new(other), Uid::new(uuid));
    }
    let id = "ab".repeat(32);
    assert_eq!(
        ContainerId::new(&format!("containerd://{id}")),
        ContainerId::new(&id)
    );
    assert!(matches!(ContainerId::new(&id), ContainerId::Hex(_)));
    assert!(matches!(ContainerId::new("docker://short"), ContainerId::Other(name) if &*name == "short"));
}

#[test]
fn times_are_read_as_the_api_writes_them() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2000-02-29T12:00:00Z", Some(951_825_600)),
        ("2026-03-01T08:00:00Z", Some(1_772_352_000)),
        ("2026-03-01T08:00:00.123456Z", Some(1_772_352_000)),
        ("2026-03-01T08:00:00+01:00", None),
        ("2026-13-01T08:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(seconds(text), expected, "{text}");
    }
}

#[test]
fn owners_may_come_before_and_after_the_pods_they_own() {
    let clock = SimulatedClock::default();
    let kinds = [Kind::ReplicaSet, Kind::Deployment];
    let replicas = owned(object("ReplicaSet", "n", "r", "ru"), "Deployment", "d", "du");
    let deployment = object("Deployment", "n", "d", "du");
    let pod = PodSpec::new("n", "p", 1).owned_by("ReplicaSet", "r", "ru");
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let writer = writer(&clock, &kinds);
        for step in order {
            match step {
                0 => put(&writer, &pod, 1),
                1 => put_object(&writer, Kind::ReplicaSet, &replicas),
                _ => put_object(&writer, Kind::Deployment, &deployment),
            }
        }
        let kept = kept(writer.known(), &writer.known().by_uid(&pod.uid).unwrap());
        assert!(
            kept.contains(&"replicasets=r".into()) && kept.contains(&"deployments=d".into()),
            "{order:?}"
        );
    }
}

#[test]
fn pods_are_found_by_addresses_that_are_their_own_only() {
    let clock = SimulatedClock::default();
    let writer = writer(&clock, &[]);
    let known = writer.known();
    let by = |address: &str| {
        known
            .by_ip(address.parse().unwrap())
            .map(|pod| pod.name().to_owned())
    };
    let mut pod = PodSpec::new("n", "both", 1);
    pod.ips = vec!["10.0.0.1".into(), "fd00::1".into()];
    put(&writer, &pod, 1);
    assert_eq!(
        (by("10.0.0.1"), by("fd00::1")),
        (Some("both".into()), Some("both".into()))
    );
    let mut host = PodSpec::new("n", "host", 2);
    (host.host_network, host.ips) = (true, vec!["192.168.1.10".into()]);
    put(&writer, &host, 2);
    assert_eq!(by("192.168.1.10"), None);
    let mut pending = PodSpec::new("n", "pending", 3);
    let address = std::mem::take(&mut pending.ips);
    put(&writer, &pending, 3);
    assert!(known.by_name("n", "pending").is_some() && by(&address[0]).is_none());
    pending.ips = address.clone();
    put(&writer, &pending, 4);
    assert_eq!(by(&address[0]), Some("pending".into()));
    // It lost its first address, and has another.
    pod.ips = vec!["10.0.0.9".into()];
    put(&writer, &pod, 5);
    assert_eq!(
        (by("10.0.0.1"), by("fd00::1"), by("10.0.0.9")),
        (None, None, Some("both".into()))
    );
}

#[test]
fn a_container_is_found_by_its_runs() {
    let clock = SimulatedClock::default();
    let writer = writer(&clock, &[]);
    let mut pod = PodSpec::new("n", "p", 1);
    let (first, second) = ("aa".repeat(32), "bb".repeat(32));
    pod.containers = vec![
        ("main".into(), "main:1".into(), second.clone(), 3),
        ("side".into(), "side:1".into(), "cc".repeat(32), 0),
    ];
    let mut object = pod.object();
    object["status"]["containerStatuses"][0]["lastState"] =
        serde_json::json!({"terminated": {"containerID": format!("containerd://{first}")}});
    writer
        .put_pod(&serde_json::from_str(&object.to_string()).unwrap())
        .unwrap();
    let known = writer.known();
    let found = known.by_container_id(&first).unwrap();
    assert!(found.only_container().is_none());
    let of = |restarts| {
        let container = found.container_by_name("main", restarts).unwrap();
        let mut joined = JoinedAttributes::default();
        known.join(&found, Some(container), &mut joined);
        let id = joined.set().get(b"container");
        id.map(|id| String::from_utf8_lossy(&id[2..]).into_owned())
    };
    assert_eq!(
        (of(None), of(Some(3)), of(Some(2)), of(Some(1))),
        (Some(second.clone()), Some(second), Some(first.clone()), None)
    );
    assert_eq!(found.container_by_id(&first).unwrap().container.name(), "main");
    assert!(found.container_by_name("other", None).is_none());
}

#[test]
fn what_ended_long_ago_is_not_kept_at_all() {
    let clock = SimulatedClock::default();
    let writer = writer(&clock, &[]);
    let mut pod = PodSpec::new("n", "p", 1);
    pod.phase = "Succeeded".into();
    let ended_at = |time: &str| {
        let mut object = pod.object();
        object["status"]["containerStatuses"][0]["state"] =
            serde_json::json!({"terminated": {"finishedAt": time}});
        writer
            .put_pod(&serde_json::from_str(&object.to_string()).unwrap())
            .unwrap();
        writer.known().by_uid(&pod.uid).is_some()
    };
    // The simulated clock stands at 2023-11-14T22:13:20Z.
    assert!(!ended_at("2023-11-14T22:00:00Z"));
    assert!(ended_at("2023-11-14T22:13:00Z"));
}

/// One pod of the model.
#[derive(Clone)]
struct Modelled {
    spec: PodSpec,
    /// Since when it has ended.
    ended: Option<u64>,
}

/// Whoever ranks highest among those that this holds for.
fn best(model: &BTreeMap<String, Modelled>, is: impl Fn(&PodSpec) -> bool) -> Option<&str> {
    let among = model.values().filter(|pod| is(&pod.spec));
    let found = among.max_by_key(|pod| (pod.ended.is_none(), &pod.spec.created, &pod.spec.uid));
    found.map(|pod| &*pod.spec.uid)
}

const GRACE: u64 = 120;

/// Pods of few names and addresses come, change, end, are deleted and come back, lists among it; time goes by. After each step
/// everything is found as the model says.
#[test]
fn property_whatever_happens_in_whatever_order_the_store_is_what_a_model_says() {
    for seed in 0..25 {
        let mut random = fastrand::Rng::with_seed(seed);
        let clock = SimulatedClock::default();
        let writer = writer(&clock, &[]);
        let mut model: BTreeMap<String, Modelled> = BTreeMap::new();
        let mut now = 0;
        for step in 0..120_u64 {
            match random.u32(..10) {
                0..5 => {
                    let spec = some_pod(&mut random);
                    put(&writer, &spec, step + 1);
                    let before = model.get(&spec.uid).and_then(|pod| pod.ended);
                    let has_ended = spec.phase == "Succeeded";
                    let ended = has_ended.then(|| before.unwrap_or(now));
                    model.insert(spec.uid.clone(), Modelled { spec, ended });
                }
                5..7 => {
                    let uid = some_pod(&mut random).uid;
                    writer.pod_gone(&uid).unwrap();
                    let pod = model.get_mut(&uid);
                    pod.into_iter()
                        .for_each(|pod| pod.ended = pod.ended.or(Some(now)));
                }
                7 => relist(&writer, &mut random, &mut model, now, step + 1),
                _ => {
                    let seconds = random.u64(1..90);
                    clock.advance(Duration::from_secs(seconds));
                    now += seconds;
                    writer.expire().unwrap();
                    model.retain(|_, pod| pod.ended.is_none_or(|ended| ended + GRACE > now));
                }
            }
            check(writer.known(), &model, &format!("seed {seed}, step {step}"));
        }
    }
}

/// A list of some of those that are there: the others were deleted while nobody watched.
fn relist(
    writer: &Writer,
    random: &mut fastrand::Rng,
    model: &mut BTreeMap<String, Modelled>,
    now: u64,
    version: u64,
) {
    writer.begin_list(Kind::Pod).unwrap();
    for pod in model.values_mut() {
        if pod.ended.is_none() && random.bool() {
            put(writer, &pod.spec, version);
        } else {
            pod.ended = pod.ended.or(Some(now));
        }
    }
    writer.end_list(Kind::Pod).unwrap();
}

fn some_pod(random: &mut fastrand::Rng) -> PodSpec {
    let number = random.u64(..8);
    let mut pod = PodSpec::new("n", &format!("name-{}", number % 5), number);
    pod.created = format!("2026-03-01T08:00:0{}Z", number % 3);
    pod.ips = vec![format!("10.0.0.{}", random.u8(1..4))];
    if random.u8(..8) == 0 {
        pod.ips.clear();
    }
    if random.u8(..4) == 0 {
        pod.phase = "Succeeded".into();
    }
    pod
}

fn check(known: &Known, model: &BTreeMap<String, Modelled>, when: &str) {
    let uid_of = |pod: Option<super::Pod>| {
        pod.map(|pod| {
            let kept = kept(known, &pod);
            kept.iter()
                .find_map(|one| one.strip_prefix("uid=").map(str::to_owned))
                .unwrap()
        })
    };
    for number in 0..8 {
        let pod = PodSpec::new("n", "x", number);
        assert_eq!(
            known.by_uid(&pod.uid).is_some(),
            model.contains_key(&pod.uid),
            "{when}"
        );
        let container = known.by_container_id(&pod.containers[0].2);
        assert_eq!(
            uid_of(container).is_some(),
            model.contains_key(&pod.uid),
            "{when}"
        );
    }
    for number in 0..5 {
        let name = format!("name-{number}");
        let expected = best(model, |spec| spec.name == name).map(str::to_owned);
        assert_eq!(uid_of(known.by_name("n", &name)), expected, "{when}, {name}");
    }
    for number in 1..4 {
        let address = format!("10.0.0.{number}");
        let expected = best(model, |spec| spec.ips.contains(&address)).map(str::to_owned);
        assert_eq!(
            uid_of(known.by_ip(address.parse().unwrap())),
            expected,
            "{when}, {address}"
        );
    }
    assert_eq!(known.holding().pods, model.len(), "{when}");
}
