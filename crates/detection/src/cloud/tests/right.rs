//! Services that are what they should be: what is found, what is asked for it, and what is not.

use super::fake::{Does, Fake, METADATA, World, answer};
use super::{CASES, Case, POD, providers, shown};
use crate::cloud::{aks, eks};
use crate::fetch::Place;
use crate::{Detector, Kind, Outcome, ValueType};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Those of `found` that are about `key` or, where it ends in a dot, about keys that begin so.
fn only(found: &[String], keys: &[&str]) -> Vec<String> {
    let about = |pair: &&String| {
        let key = pair.split('=').next().unwrap();
        keys.iter()
            .any(|wanted| key == *wanted || (wanted.ends_with('.') && key.starts_with(wanted)))
    };
    found.iter().filter(about).cloned().collect()
}

#[tokio::test]
async fn each_detector_finds_what_its_provider_tells() {
    let ec2 = [
        "cloud.account.id=123456789012",
        "cloud.region=eu-west-1",
        "cloud.availability_zone=eu-west-1b",
        "host.id=i-1234567890abcdef0",
        "host.type=t4g.medium",
        "host.image.id=ami-5fb8c835",
        "host.name=ip-10-0-34-27.eu-west-1.compute.internal",
    ];
    let account = "8d10da13-8125-4ba9-a717-bf7490507b3d";
    let expected: [(Kind, Vec<String>); 7] = [
        (
            Kind::Ec2,
            lines(&["cloud.provider=aws", "cloud.platform=aws_ec2"], &ec2),
        ),
        (
            Kind::Ecs,
            lines(
                &["cloud.provider=aws", "cloud.platform=aws_ecs"],
                &[
                    "cloud.account.id=111122223333",
                    "cloud.region=us-west-2",
                    "cloud.availability_zone=us-west-2a",
                    "aws.ecs.task.arn=arn:aws:ecs:us-west-2:111122223333:task/default/e9028f8d5d8e4f258373e7b93ce9a3c3",
                    "aws.ecs.task.id=e9028f8d5d8e4f258373e7b93ce9a3c3",
                    "aws.ecs.task.family=checkout",
                    "aws.ecs.task.revision=3",
                    "aws.ecs.launchtype=fargate",
                    "aws.ecs.cluster.arn=arn:aws:ecs:us-west-2:111122223333:cluster/default",
                    "aws.ecs.container.arn=arn:aws:ecs:us-west-2:111122223333:container/05966557-f16c-49cb-9352-24b3a0dcd0e1",
                    "container.id=cd189a933e5849daa93386466019ab50-2495160603",
                    "container.name=agent",
                    "aws.log.group.names=List([\"/ecs/checkout\"])",
                    "aws.log.group.arns=List([\"arn:aws:logs:us-west-2:111122223333:log-group:/ecs/checkout\"])",
                    "aws.log.stream.names=List([\"ecs/checkout/ea32\"])",
                    "aws.log.stream.arns=List([\"arn:aws:logs:us-west-2:111122223333:log-group:/ecs/checkout:log-stream:ecs/checkout/ea32\"])",
                ],
            ),
        ),
        (
            Kind::Eks,
            [
                lines(&["cloud.provider=aws", "cloud.platform=aws_eks"], &ec2),
                lines(
                    &["k8s.cluster.name=prod"],
                    &["aws.eks.cluster.arn=arn:aws:eks:eu-west-1:123456789012:cluster/prod"],
                ),
            ]
            .concat(),
        ),
        (
            Kind::Gce,
            lines(
                &["cloud.provider=gcp", "cloud.platform=gcp_compute_engine"],
                &[
                    "cloud.account.id=acme-prod",
                    "cloud.region=europe-west3",
                    "cloud.availability_zone=europe-west3-c",
                    "host.id=3497812534567890123",
                    "host.name=gke-prod-pool-1-7d1a9c3e-x2vj",
                    "host.type=n2d-standard-4",
                ],
            ),
        ),
        (
            Kind::Gke,
            lines(
                &["cloud.provider=gcp", "cloud.platform=gcp_kubernetes_engine"],
                &[
                    "k8s.cluster.name=prod",
                    "cloud.account.id=acme-prod",
                    "host.id=3497812534567890123",
                    "host.name=gke-prod-pool-1-7d1a9c3e-x2vj",
                    "cloud.region=europe-west3",
                ],
            ),
        ),
        (
            Kind::Azure,
            lines(
                &["cloud.provider=azure", "cloud.platform=azure.vm"],
                &[
                    &format!("cloud.account.id={account}"),
                    "cloud.region=westeurope",
                    "cloud.availability_zone=2",
                    &format!(
                        "cloud.resource_id=/subscriptions/{account}/resourceGroups/MC_shop-rg_shop_westeurope/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-30371211-vmss/virtualMachines/3"
                    ),
                    "azure.resource_group.name=MC_shop-rg_shop_westeurope",
                    "host.id=02aab8a4-74ef-476e-8182-f6d2ba4166a6",
                    "host.name=aks-nodepool1-30371211-vmss000003",
                    "host.type=Standard_D4s_v5",
                    "azure.vm.name=aks-nodepool1-30371211-vmss_3",
                    "azure.vm.scaleset.name=aks-nodepool1-30371211-vmss",
                ],
            ),
        ),
        (
            Kind::Aks,
            lines(
                &["cloud.provider=azure", "cloud.platform=azure.aks"],
                &[
                    &format!("cloud.account.id={account}"),
                    "cloud.region=westeurope",
                    "k8s.cluster.name=shop",
                ],
            ),
        ),
    ];
    for (kind, expected) in expected {
        let case = Case::of(kind);
        let outcome = case
            .facing(|request| Does::Answers((case.service)(request)))
            .await;
        assert!(
            matches!(outcome, Outcome::Found(_)),
            "{}: {outcome:?}",
            kind.name()
        );
        assert_eq!(shown(&outcome), expected, "{}", kind.name());
    }
}

fn lines(first: &[&str], more: &[&str]) -> Vec<String> {
    first.iter().chain(more).map(|line| (*line).to_owned()).collect()
}

#[tokio::test]
async fn whatever_is_found_is_on_the_list_and_of_its_type() {
    for case in &CASES {
        let server = Fake::start(|request| Does::Answers((case.service)(request))).await;
        let all: Vec<(&str, bool)> = case.kind.specs().iter().map(|spec| (spec.key, true)).collect();
        let world = case.world(&server);
        let outcome = case
            .detector(None)
            .detect(&world.surroundings, &case.wanted(&all))
            .await;
        let Outcome::Found(attributes) = outcome else {
            panic!("{}: {outcome:?}", case.kind.name());
        };
        for attribute in &attributes {
            let spec = case
                .kind
                .specs()
                .iter()
                .find(|spec| spec.is_about(&attribute.key))
                .unwrap();
            let is_list = matches!(attribute.value, crate::Value::List(_));
            assert_eq!(is_list, spec.value == ValueType::Strings, "{}", attribute.key);
        }
        for spec in case.kind.specs() {
            let found = attributes.iter().any(|attribute| spec.is_about(&attribute.key));
            // A group of instances has a region or a zone; a cluster that is in all of a region has no zone; and nobody has
            // told this pod its cluster's id.
            let other = matches!(
                (case.kind, spec.key),
                (Kind::Gce, "gcp.gce.instance_group_manager.zone")
                    | (Kind::Gke, "cloud.availability_zone")
                    | (Kind::Aks, "cloud.resource_id")
            );
            assert_eq!(found, !other, "{}: {}", case.kind.name(), spec.key);
        }
    }
}

#[tokio::test]
async fn what_is_not_wanted_is_not_asked_for() {
    for (kind, off, asked) in [
        (
            Kind::Ec2,
            &["host.name"][..],
            &[
                "PUT /latest/api/token",
                "GET /latest/dynamic/instance-identity/document",
            ][..],
        ),
        (
            Kind::Gce,
            &[
                "host.name",
                "host.type",
                "cloud.region",
                "cloud.availability_zone",
            ],
            &[
                "GET /computeMetadata/v1/instance/id",
                "GET /computeMetadata/v1/project/project-id",
            ],
        ),
        (
            Kind::Gke,
            &[
                "host.name",
                "host.id",
                "cloud.region",
                "cloud.availability_zone",
                "cloud.account.id",
            ],
            &["GET /computeMetadata/v1/instance/attributes/cluster-name"],
        ),
    ] {
        let case = Case::of(kind);
        let server = Fake::start(|request| Does::Answers((case.service)(request))).await;
        let off: Vec<(&str, bool)> = off.iter().map(|key| (*key, false)).collect();
        let world = case.world(&server);
        let outcome = case
            .detector(None)
            .detect(&world.surroundings, &case.wanted(&off))
            .await;
        assert!(
            matches!(outcome, Outcome::Found(_)),
            "{}: {outcome:?}",
            kind.name()
        );
        assert_eq!(server.seen(), asked, "{}", kind.name());
        let found = shown(&outcome);
        for (key, _) in off {
            assert_eq!(only(&found, &[key]), [""; 0], "{}", kind.name());
        }
    }
}

#[tokio::test]
async fn tags_are_attributes_where_they_are_wanted() {
    for (kind, switch, expected) in [
        (Kind::Ec2, "ec2.tag.team", &["ec2.tag.team=payments"][..]),
        (
            Kind::Ec2,
            "ec2.tag.<key>",
            &[
                "ec2.tag.Name=worker 7",
                "ec2.tag.aws:eks:cluster-name=prod",
                "ec2.tag.team=payments",
            ],
        ),
        (Kind::Azure, "azure.tag.team", &["azure.tag.team=shop"]),
        (
            Kind::Azure,
            "azure.tag.<key>",
            &["azure.tag.aks-managed-poolName=nodepool1", "azure.tag.team=shop"],
        ),
    ] {
        let case = Case::of(kind);
        let server = Fake::start(|request| Does::Answers((case.service)(request))).await;
        let world = case.world(&server);
        let wanted = case.wanted(&[(switch, true)]);
        let outcome = case.detector(None).detect(&world.surroundings, &wanted).await;
        assert!(matches!(outcome, Outcome::Found(_)), "{switch}: {outcome:?}");
        let kept: Vec<String> = only(&shown(&outcome), &["ec2.tag.", "azure.tag."])
            .into_iter()
            .filter(|pair| wanted.has(pair.split('=').next().unwrap()))
            .collect();
        assert_eq!(kept, expected, "{switch}");
    }
}

#[tokio::test]
async fn an_instance_without_ipv4_is_asked_by_ipv6() {
    let server = Fake::start(|request| Does::Answers(providers::amazon(request))).await;
    let world = World::new(&[]);
    world.place("fd00:ec2::254", &server);
    let outcome = Case::of(Kind::Ec2).detect(&world).await;
    assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_fetched_again() {
    let refused = std::sync::atomic::AtomicBool::new(false);
    let server = Fake::start(move |request| {
        let first = request.method() == "GET" && !refused.swap(true, std::sync::atomic::Ordering::Relaxed);
        Does::Answers(match first {
            true => answer(401, "text/html", "Unauthorized"),
            false => providers::amazon(request),
        })
    })
    .await;
    let case = Case::of(Kind::Ec2);
    let outcome = case.detect(&case.world(&server)).await;
    assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}");
    let tokens = server
        .seen()
        .iter()
        .filter(|line| line.starts_with("PUT"))
        .count();
    assert_eq!(tokens, 2);
}

/// A token whose issuer is this.
fn token(issuer: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let payload = format!(r#"{{"aud":["https://kubernetes.default.svc"],"exp":1,"iss":"{issuer}"}}"#);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(&payload),
        part("signature")
    )
}

const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

#[tokio::test]
async fn the_issuer_of_a_pods_token_says_that_this_is_eks() {
    let id = "EXAMPLED539D4633E53DE1B71EXAMPLE";
    for (issuer, region) in [
        (
            format!("https://oidc.eks.us-east-2.amazonaws.com/id/{id}"),
            Some("us-east-2"),
        ),
        (
            format!("https://oidc.eks.cn-north-1.amazonaws.com.cn/id/{id}"),
            Some("cn-north-1"),
        ),
        ("https://kubernetes.default.svc.cluster.local".to_owned(), None),
        (format!("https://oidc.eks.us-east-2.example.com/id/{id}"), None),
        (format!("https://oidc.eks..amazonaws.com/id/{id}"), None),
        (format!("http://oidc.eks.us-east-2.amazonaws.com/id/{id}"), None),
        (
            format!("https://oidc.eks.us-east-2/a.amazonaws.com/id/{id}"),
            None,
        ),
    ] {
        let world = World::new(&[POD]);
        world.write(TOKEN_FILE, &token(&issuer));
        let outcome = Case::of(Kind::Eks).detect(&world).await;
        match region {
            Some(region) => {
                let region = format!("cloud.region={region}");
                assert_eq!(
                    shown(&outcome),
                    ["cloud.provider=aws", "cloud.platform=aws_eks", &region],
                    "{issuer}"
                );
            }
            None => assert_eq!(outcome, Outcome::Absent, "{issuer}"),
        }
    }
    for garbage in ["", "a.b", "a.!!.c", "a.e30.c", "....", "\u{0}"] {
        let world = World::new(&[POD]);
        world.write(TOKEN_FILE, garbage);
        assert_eq!(
            Case::of(Kind::Eks).detect(&world).await,
            Outcome::Absent,
            "{garbage:?}"
        );
    }
}

#[tokio::test]
async fn kubernetes_on_a_clouds_machines_is_not_yet_the_clouds_kubernetes() {
    for (kind, path, answers) in [
        // A cluster of one's own on EC2 marks its instances by a tag that EKS uses as well.
        (
            Kind::Eks,
            "/latest/meta-data/tags/instance",
            (200, "text/plain", "kubernetes.io/cluster/mine"),
        ),
        (
            Kind::Eks,
            "/latest/meta-data/tags/instance",
            (404, "text/html", "Not Found"),
        ),
        (
            Kind::Gke,
            "/computeMetadata/v1/instance/attributes/cluster-name",
            (404, "text/html", ""),
        ),
        (
            Kind::Aks,
            "/metadata/instance/compute",
            (
                200,
                "application/json",
                r#"{"vmId": "1", "subscriptionId": "2", "location": "westeurope", "resourceGroupName": "my_own"}"#,
            ),
        ),
    ] {
        let case = Case::of(kind);
        let does = move |request: &http::Request<hyper::body::Incoming>| {
            let mut response = (case.service)(request);
            if request.uri().path() == path {
                let (status, content_type, body) = answers;
                let flavor = response.headers().get("metadata-flavor").cloned();
                response = answer(status, content_type, body);
                response
                    .headers_mut()
                    .extend(flavor.map(|flavor| (http::HeaderName::from_static("metadata-flavor"), flavor)));
            }
            Does::Answers(response)
        };
        assert_eq!(
            case.facing(does).await,
            Outcome::Absent,
            "{} {answers:?}",
            kind.name()
        );
        // And it takes Kubernetes.
        let server = Fake::start(|request| Does::Answers((case.service)(request))).await;
        let world = World::new(&[]);
        world.place(METADATA, &server);
        assert_eq!(case.detect(&world).await, Outcome::Absent, "{}", kind.name());
        assert_eq!(
            server.seen(),
            [""; 0],
            "{} asks nobody outside Kubernetes",
            kind.name()
        );
    }
}

#[tokio::test]
async fn the_name_of_a_cluster_of_aks_is_told_or_taken_from_its_group() {
    let resource =
        "/subscriptions/2/resourcegroups/g_g/providers/Microsoft.ContainerService/managedClusters/told";
    for (group, variable, file, name) in [
        ("MC_group_cluster_westeurope", None, None, Some("cluster")),
        ("mc_group_cluster_WestEurope", None, None, Some("cluster")),
        // Is it `a_b` and `c`, or `a` and `b_c`?
        ("MC_a_b_c_westeurope", None, None, Some("MC_a_b_c_westeurope")),
        ("MC_group_cluster_eastus", None, None, None),
        ("MC_group_westeurope", None, None, None),
        ("MC__westeurope", None, None, None),
        ("", None, None, None),
        ("MC_a_b_c_westeurope", Some(resource), None, Some("told")),
        ("custom", Some(resource), None, Some("told")),
        ("custom", None, Some(resource), Some("told")),
        ("custom", Some("nonsense"), None, None),
    ] {
        let document = format!(
            r#"{{"vmId": "1", "subscriptionId": "2", "location": "westeurope", "resourceGroupName": "{group}"}}"#
        );
        let server =
            Fake::start(move |_| Does::Answers(answer(200, "application/json", document.clone()))).await;
        let variables: Vec<_> = [POD]
            .into_iter()
            .chain(variable.map(|id| ("CLUSTER_RESOURCE_ID", id)))
            .collect();
        let world = World::new(&variables);
        world.place(METADATA, &server);
        if let Some(file) = file {
            world.write("/etc/kubernetes/aks-cluster-metadata/clusterResourceId", file);
        }
        let outcome = Case::of(Kind::Aks).detect(&world).await;
        match name {
            Some(name) => {
                let found = only(&shown(&outcome), &["k8s.cluster.name"]);
                assert_eq!(found, [format!("k8s.cluster.name={name}")], "{group}");
            }
            None => assert_eq!(outcome, Outcome::Absent, "{group}"),
        }
    }
}

#[tokio::test]
async fn a_name_that_the_config_tells_is_the_clusters() {
    let cluster_name = Some("mine".to_owned());
    let detectors: [(Kind, Box<dyn Detector>); 2] = [
        (
            Kind::Eks,
            Box::new(eks::Eks {
                endpoint: None,
                cluster_name: cluster_name.clone(),
            }),
        ),
        (
            Kind::Aks,
            Box::new(aks::Aks {
                endpoint: None,
                cluster_name,
            }),
        ),
    ];
    for (kind, detector) in detectors {
        let case = Case::of(kind);
        let server = Fake::start(|request| Does::Answers((case.service)(request))).await;
        let world = case.world(&server);
        let outcome = detector.detect(&world.surroundings, &case.wanted(&[])).await;
        let found = shown(&outcome);
        assert_eq!(only(&found, &["k8s.cluster.name"]), ["k8s.cluster.name=mine"]);
        if kind == Kind::Eks {
            let arn = "aws.eks.cluster.arn=arn:aws:eks:eu-west-1:123456789012:cluster/mine";
            assert_eq!(only(&found, &["aws.eks.cluster.arn"]), [arn]);
        }
    }
}

#[tokio::test]
async fn an_endpoint_of_the_config_is_asked_instead() {
    for case in &CASES {
        let server = Fake::start(|request| Does::Answers((case.service)(request))).await;
        let base = case.variables.iter().find_map(|(name, value)| {
            let path = value.strip_prefix("http://169.254.170.2");
            path.filter(|_| name.starts_with("ECS"))
        });
        let url = format!("http://{}{}", server.address, base.unwrap_or_default());
        let world = World::new(case.variables);
        let endpoint: Place = url.parse().unwrap();
        let detector = case.detector(Some(endpoint));
        let outcome = detector.detect(&world.surroundings, &case.wanted(&[])).await;
        assert!(
            matches!(outcome, Outcome::Found(_)),
            "{}: {outcome:?}",
            case.kind.name()
        );
        let attempts = world.network.attempts.lock().unwrap();
        assert!(
            attempts.iter().all(|to| *to == server.address),
            "{}: {attempts:?}",
            case.kind.name()
        );
    }
}

#[tokio::test]
async fn zones_of_google_are_taken_apart() {
    for (location, region, zone) in [
        ("europe-west3", Some("europe-west3"), None),
        ("europe-west3-c", Some("europe-west3"), Some("europe-west3-c")),
        (
            "projects/1/zones/us-central1-ai1a",
            Some("us-central1"),
            Some("us-central1-ai1a"),
        ),
    ] {
        let outcome = Case::of(Kind::Gke)
            .facing(move |request| {
                let mut response = providers::google(request);
                if request.uri().path().ends_with("cluster-location") {
                    *response.body_mut() = answer(200, "", location).into_body();
                }
                Does::Answers(response)
            })
            .await;
        let found = only(&shown(&outcome), &["cloud.region", "cloud.availability_zone"]);
        let expected = [("region", region), ("availability_zone", zone)];
        let expected: Vec<String> = expected
            .into_iter()
            .filter_map(|(key, value)| Some(format!("cloud.{key}={}", value?)))
            .collect();
        assert_eq!(found, expected, "{location}");
    }
}
