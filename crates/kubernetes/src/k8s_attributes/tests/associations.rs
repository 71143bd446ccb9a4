//! Every way to find the pod of a resource.

use super::rig::{Cluster, ID, OLD_ID, UID, pairs, text, web};
use serde_json::{Value as Json, json};

const NAME: &str = "web-6c45f8d6f6-x2v9k";

/// Another pod, on another node and in another namespace, of the same name.
fn other() -> Json {
    let mut pod = web();
    pod["metadata"]["namespace"] = json!("stage");
    pod["metadata"]["uid"] = json!("11111111-b473-489b-b48c-46bafdb852eb");
    pod["spec"]["nodeName"] = json!("node-2");
    pod["metadata"]["labels"]["team"] = json!("search");
    pod["status"] = json!({ "podIP": "10.1.2.4", "startTime": "2026-01-31T10:20:30Z" });
    pod
}

/// A pod on the network of its node.
fn host_network() -> Json {
    let mut pod = web();
    pod["metadata"]["name"] = json!("on-host");
    pod["metadata"]["uid"] = json!("22222222-b473-489b-b48c-46bafdb852eb");
    pod["spec"]["hostNetwork"] = json!(true);
    pod["status"] = json!({ "podIP": "192.168.0.1", "hostIP": "192.168.0.1" });
    pod
}

const EXTRACT: &str = "[extract]\nmetadata = ['k8s.namespace.name', 'k8s.pod.name', 'k8s.node.name']\n\
    labels = [{ key = 'team', tag_name = 'team' }]\n";

fn sources(all: &[&str]) -> String {
    let source = |name: &&str| match *name {
        "connection" => "{ from = 'connection' }".to_owned(),
        name => format!("{{ from = 'resource_attribute', name = '{name}' }}"),
    };
    let all: Vec<String> = all.iter().map(source).collect();
    format!("[[pod_association]]\nsources = [{}]\n", all.join(", "))
}

fn cluster(rules: &[&[&str]]) -> Cluster {
    let rules: String = rules.iter().map(|rule| sources(rule)).collect();
    let cluster = Cluster::new(&format!("{rules}{EXTRACT}"));
    cluster.pod(&web()).pod(&other()).pod(&host_network())
}

/// Which pod a resource is of, by its name and namespace.
fn found(cluster: &Cluster, peer: Option<&str>, attributes: &[(&str, &str)]) -> Option<String> {
    let all = cluster.enriched(peer, attributes);
    let get = |key: &str| {
        all.iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.clone())
    };
    // Of all pods that are found the team is put.
    get("team")?;
    Some(format!("{}/{}", get("k8s.namespace.name")?, get("k8s.pod.name")?))
}

#[test]
fn each_source_finds_its_pod() {
    let shop = Some("shop/web-6c45f8d6f6-x2v9k");
    let on_host = Some("shop/on-host");
    let on_host_uid = "22222222-b473-489b-b48c-46bafdb852eb";
    type Case<'a> = (
        &'a [&'a str],
        Option<&'a str>,
        &'a [(&'a str, &'a str)],
        Option<&'a str>,
    );
    let cases: [Case<'_>; 29] = [
        (&["connection"], Some("10.1.2.3"), &[], shop),
        (&["connection"], Some("::ffff:10.1.2.3"), &[], shop),
        (&["connection"], Some("fd00::3"), &[], shop),
        (&["connection"], Some("10.9.9.9"), &[], None),
        (&["connection"], Some("127.0.0.1"), &[], None),
        (&["connection"], Some("192.168.0.1"), &[], None),
        (&["connection"], None, &[], None),
        (&["k8s.pod.ip"], None, &[("k8s.pod.ip", "10.1.2.3")], shop),
        (&["k8s.pod.ip"], None, &[("k8s.pod.ip", "fd00:0:0::3")], shop),
        (&["k8s.pod.ip"], None, &[("k8s.pod.ip", "::ffff:10.1.2.3")], shop),
        (
            &["k8s.pod.ip"],
            Some("10.1.2.3"),
            &[("k8s.pod.ip", "no address")],
            None,
        ),
        (&["host.name"], None, &[("host.name", "10.1.2.3")], shop),
        (&["host.name"], None, &[("host.name", "web-host")], None),
        (&["k8s.pod.uid"], None, &[("k8s.pod.uid", UID)], shop),
        (&["k8s.pod.uid"], None, &[("k8s.pod.uid", on_host_uid)], on_host),
        (&["k8s.pod.uid"], None, &[("k8s.pod.uid", "unknown")], None),
        (&["container.id"], None, &[("container.id", ID)], shop),
        (&["container.id"], None, &[("container.id", OLD_ID)], shop),
        (
            &["k8s.pod.name", "k8s.namespace.name"],
            None,
            &[("k8s.pod.name", NAME), ("k8s.namespace.name", "shop")],
            shop,
        ),
        (
            &["k8s.namespace.name", "k8s.pod.name"],
            None,
            &[("k8s.namespace.name", "stage"), ("k8s.pod.name", NAME)],
            Some("stage/web-6c45f8d6f6-x2v9k"),
        ),
        (
            &["k8s.pod.name", "k8s.namespace.name"],
            None,
            &[("k8s.pod.name", NAME)],
            None,
        ),
        // All sources must agree.
        (
            &["connection", "k8s.pod.uid"],
            Some("10.1.2.3"),
            &[("k8s.pod.uid", UID)],
            shop,
        ),
        (
            &["connection", "k8s.pod.uid"],
            Some("10.1.2.4"),
            &[("k8s.pod.uid", UID)],
            None,
        ),
        (
            &["connection", "k8s.pod.uid"],
            Some("10.9.9.9"),
            &[("k8s.pod.uid", UID)],
            None,
        ),
        (
            &["k8s.pod.uid", "k8s.node.name"],
            None,
            &[("k8s.pod.uid", UID), ("k8s.node.name", "node-1")],
            shop,
        ),
        (
            &["connection", "k8s.pod.name"],
            Some("10.1.2.3"),
            &[("k8s.pod.name", NAME)],
            shop,
        ),
        (
            &["connection", "k8s.pod.name"],
            Some("10.1.2.3"),
            &[("k8s.pod.name", "web")],
            None,
        ),
        (
            &["connection", "team"],
            Some("10.1.2.3"),
            &[("team", "search")],
            None,
        ),
        (
            &["k8s.pod.ip", "k8s.namespace.name"],
            None,
            &[("k8s.pod.ip", "10.1.2.3"), ("k8s.namespace.name", "shop")],
            shop,
        ),
    ];
    for (rule, peer, attributes, expected) in cases {
        let cluster = cluster(&[rule]);
        let count = |word: &str| {
            cluster.metrics().contains(&format!(
                "result=\"{word}\",rule=\"{}\"}} 1",
                if word == "found" { "1" } else { "" }
            ))
        };
        let all = cluster.enriched(peer, attributes);
        let is_found = expected.is_some();
        assert_eq!(
            count("found"),
            is_found,
            "{rule:?} {peer:?} {attributes:?}: {}",
            cluster.metrics()
        );
        match expected {
            Some(expected) => assert_eq!(
                found(&cluster, peer, attributes).as_deref(),
                Some(expected),
                "{rule:?} {peer:?} {attributes:?}"
            ),
            None => assert_eq!(all, pairs(attributes), "{rule:?} {peer:?} {attributes:?}"),
        }
    }
}

#[test]
fn what_a_pod_is_known_to_be_must_be_what_the_resource_says() {
    let cluster = cluster(&[&["connection", "team"]]);
    let all = cluster.enriched(Some("10.1.2.3"), &[("team", "checkout")]);
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(
        cluster.enriched(Some("10.1.2.3"), &[]),
        [],
        "what is not said does not agree"
    );
}

#[test]
fn the_first_rule_that_finds_a_pod_counts() {
    let rules: [&[&str]; 3] = [&["k8s.pod.uid"], &["k8s.pod.ip"], &["connection"]];
    let cluster = cluster(&rules);
    let of = |peer, attributes: &[(&str, &str)]| found(&cluster, peer, attributes);
    let stage = Some("stage/web-6c45f8d6f6-x2v9k".to_owned());
    let shop = Some("shop/web-6c45f8d6f6-x2v9k".to_owned());
    assert_eq!(of(Some("10.1.2.4"), &[("k8s.pod.uid", UID)]), shop);
    assert_eq!(of(Some("10.1.2.4"), &[]), stage);
    assert_eq!(of(Some("10.1.2.4"), &[("k8s.pod.ip", "10.1.2.3")]), shop);
    // A pod that is not known is no end of the search.
    assert_eq!(of(Some("10.1.2.4"), &[("k8s.pod.uid", "unknown")]), stage);
    assert_eq!(of(Some("10.9.9.9"), &[("k8s.pod.uid", "unknown")]), None);
    assert_eq!(of(Some("10.9.9.9"), &[]), None);
    assert_eq!(of(None, &[("k8s.pod.uid", "")]), None);
    let metrics = cluster.metrics();
    for (sample, count) in [
        ("result=\"found\",rule=\"1\"", 1),
        ("result=\"found\",rule=\"2\"", 1),
        ("result=\"found\",rule=\"3\"", 2),
        ("result=\"missed\",rule=\"\"", 2),
        ("result=\"unidentified\",rule=\"\"", 1),
    ] {
        let line = format!("forebay_k8s_attributes_resources_total{{node=\"it\",{sample}}} {count}\n");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(
        metrics.contains("otelcol_otelsvc_k8s_ip_lookup_miss_total{processor=\"it\"} 2\n"),
        "{metrics}"
    );
}

#[test]
fn without_rules_what_an_agent_has_put_comes_before_the_connection() {
    let cluster = cluster(&[]);
    let stage = Some("stage/web-6c45f8d6f6-x2v9k".to_owned());
    assert_eq!(found(&cluster, Some("10.1.2.4"), &[]), stage);
    assert_eq!(
        found(&cluster, Some("10.1.2.3"), &[("k8s.pod.ip", "10.1.2.4")]),
        stage
    );
}

#[test]
fn a_name_is_enough_where_there_is_one_namespace() {
    let rule = sources(&["k8s.pod.name"]);
    let cluster = Cluster::new(&format!("filter.namespace = 'shop'\n{rule}{EXTRACT}")).pod(&web());
    assert_eq!(
        found(&cluster, None, &[("k8s.pod.name", NAME)]).as_deref(),
        Some("shop/web-6c45f8d6f6-x2v9k")
    );
}

#[test]
fn metadata_are_enough_where_nothing_else_is_asked_for() {
    let names = "[extract]\nmetadata = ['k8s.deployment.name', 'k8s.namespace.name']\n";
    let cases: [(&[&str], &str, bool); 6] = [
        (&["k8s.pod.uid"], names, true),
        (&["k8s.pod.name", "k8s.namespace.name"], names, true),
        (&["k8s.pod.uid"], "extract.metadata = ['k8s.node.name']", false),
        (
            &["k8s.pod.uid"],
            "extract.metadata = ['k8s.container.name']",
            false,
        ),
        (&["container.id"], names, false),
        (&["connection"], names, false),
    ];
    for (rule, extract, expected) in cases {
        // Dotted keys come before tables.
        let config = match extract.starts_with('[') {
            true => format!("{}{extract}", sources(rule)),
            false => format!("{extract}\n{}", sources(rule)),
        };
        let cluster = Cluster::new(&config);
        assert_eq!(
            cluster.plan.needs_metadata_only(&cluster.extraction),
            expected,
            "{config}"
        );
    }
}

#[test]
fn the_first_of_duplicate_attributes_says_which_pod() {
    use forebay_otlp::Signal;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;
    let cluster = cluster(&[&["k8s.pod.uid"]]);
    let mut resource = super::rig::resource(&[("k8s.pod.uid", UID)]);
    resource
        .attributes
        .push(text("k8s.pod.uid", "22222222-b473-489b-b48c-46bafdb852eb"));
    let request = super::rig::request(vec![resource]);
    let passed = cluster.pass(None, Signal::Traces, &[request.encode_to_vec().into()]);
    let passed = ExportTraceServiceRequest::decode(passed.contiguous()).unwrap();
    let all = super::rig::shown(passed.resource_spans[0].resource.as_ref().unwrap());
    assert!(
        all.contains(&("k8s.pod.name".to_owned(), NAME.to_owned())),
        "{all:?}"
    );
}
