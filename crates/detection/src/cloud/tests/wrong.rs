//! Services that are not what they should be, or not there: what is answered for each.

use super::fake::{Body, Does, Fake, METADATA, World, answer, broken_off};
use super::{CASES, Case, POD, TASK, providers};
use crate::cloud::ecs;
use crate::fetch::{ANSWER_MAX, ANSWER_TIMEOUT};
use crate::{Detector, Kind, Outcome, Place};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// What is made of a service.
#[derive(Clone, Copy, Debug)]
enum Made {
    /// This is not such a place.
    Absent,
    /// It is tried again, and these words are said.
    Failed(&'static str),
}

impl Made {
    fn check(self, outcome: &Outcome, what: &str) {
        match (self, outcome) {
            (Made::Absent, Outcome::Absent) => {}
            (Made::Failed(words), Outcome::Failed(said)) => {
                assert!(said.contains(words), "{what}: `{said}` does not say `{words}`");
                assert!(said.len() < 300, "{what}: {said}");
                assert!(
                    !said.contains("harmful"),
                    "{what}: `{said}` repeats what the server says"
                );
                assert!(said.chars().all(|c| !c.is_control()), "{what}: {said:?}");
            }
            _ => panic!("{what}: {outcome:?}"),
        }
    }
}

/// What a service answers.
type Service = fn(&Request<Incoming>) -> Response<Body>;

/// What becomes of answers that are right but for this.
type Spoil = fn(Response<Body>) -> Response<Body>;

fn with_body(response: Response<Body>, body: impl Into<bytes::Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    response.map(|_| Body::new(body))
}

fn with_status(mut response: Response<Body>, status: u16) -> Response<Body> {
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn html(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert("content-type", "text/html; charset=utf-8".parse().unwrap());
    with_body(response, "<html>harmful</html>")
}

fn untyped(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert("content-type", "\u{e4}".parse().unwrap());
    response
}

fn huge(response: Response<Body>) -> Response<Body> {
    with_body(response, vec![b'7'; ANSWER_MAX + 1])
}

fn controlled(response: Response<Body>) -> Response<Body> {
    with_body(response, "harmful\u{7}\u{0}\r\nx: y")
}

fn not_utf8(response: Response<Body>) -> Response<Body> {
    with_body(response, &b"harmful \xff\xfe"[..])
}

fn truncated(response: Response<Body>) -> Response<Body> {
    response.map(|_| broken_off(b"{\"harm"))
}

fn garbage(response: Response<Body>) -> Response<Body> {
    with_body(response, "{\"harmful\": [1, 2")
}

fn of_wrong_types(response: Response<Body>) -> Response<Body> {
    with_body(
        response,
        r#"{"instanceId": 7, "region": {}, "TaskARN": ["harmful"], "Cluster": 1, "vmId": null, "subscriptionId": 7}"#,
    )
}

fn of_another_shape(response: Response<Body>) -> Response<Body> {
    with_body(response, r#"{"harmful": true, "meta": {"id": 1}}"#)
}

fn empty(response: Response<Body>) -> Response<Body> {
    with_body(response, "")
}

/// What is wrong with every answer, and what each detector makes of it: of what is JSON elsewhere, Google's server makes one line.
const SPOILED: [(&str, Spoil, Made, Made); 16] = [
    (
        "the wrong type",
        html,
        Made::Failed("is text/html"),
        Made::Failed("is text/html"),
    ),
    (
        "no type",
        untyped,
        Made::Failed("not what this service answers"),
        Made::Failed("not what this service answers"),
    ),
    (
        "too long",
        huge,
        Made::Failed("longer than 65536 bytes"),
        Made::Failed("longer than 65536 bytes"),
    ),
    (
        "control characters",
        controlled,
        Made::Failed(""),
        Made::Failed("control characters"),
    ),
    (
        "not UTF-8",
        not_utf8,
        Made::Failed("not UTF-8"),
        Made::Failed("not UTF-8"),
    ),
    (
        "truncated",
        truncated,
        Made::Failed("no answer"),
        Made::Failed("no answer"),
    ),
    (
        "half of a document",
        garbage,
        Made::Failed(""),
        Made::Failed("none"),
    ),
    (
        "values of wrong types",
        of_wrong_types,
        Made::Failed(""),
        Made::Failed("none"),
    ),
    (
        "another document",
        of_another_shape,
        Made::Failed(""),
        Made::Failed("none"),
    ),
    (
        "not found",
        |response| with_status(response, 404),
        Made::Absent,
        Made::Absent,
    ),
    (
        "switched off",
        |response| with_status(response, 403),
        Made::Failed("403"),
        Made::Failed("403"),
    ),
    (
        "too many requests",
        |response| with_status(response, 429),
        Made::Failed("429"),
        Made::Failed("429"),
    ),
    (
        "an error",
        |response| with_status(response, 500),
        Made::Failed("500"),
        Made::Failed("500"),
    ),
    (
        "not ready",
        |response| with_status(response, 503),
        Made::Failed("503"),
        Made::Failed("503"),
    ),
    (
        "no content",
        |response| with_status(empty(response), 204),
        Made::Failed("204"),
        Made::Failed("204"),
    ),
    (
        "nobody",
        |response| with_status(response, 501),
        Made::Failed("501"),
        Made::Failed("501"),
    ),
];

#[tokio::test]
async fn a_service_that_is_not_what_it_should_be_is_told_from_none() {
    for case in &CASES {
        for (what, spoil, made, of_google) in SPOILED {
            let outcome = case
                .facing(move |request| Does::Answers(spoil((case.service)(request))))
                .await;
            let what = format!("{}: {what}", case.kind.name());
            let made = match (case.kind, &*what) {
                // The variable says that there is one.
                (Kind::Ecs, "ecs: not found") => Made::Failed("404"),
                // Google's own server, on an instance without an id: it is there all the same.
                (Kind::Gce, "gce: not found") => {
                    assert!(matches!(outcome, Outcome::Found(_)), "{what}: {outcome:?}");
                    continue;
                }
                (Kind::Gce | Kind::Gke, _) => of_google,
                _ => made,
            };
            made.check(&outcome, &what);
        }
    }
}

#[tokio::test]
async fn a_document_that_is_not_one_is_said_where_the_token_is_right() {
    for (what, spoil, words) in [
        (
            "html",
            html as Spoil,
            "identity document: the answer is text/html",
        ),
        (
            "not found",
            |response| with_status(response, 404),
            "identity document: status 404",
        ),
        ("garbage", garbage, "not of the documented form, at line 1"),
        (
            "wrong types",
            of_wrong_types,
            "not of the documented form, at line 1",
        ),
        (
            "another shape",
            of_another_shape,
            "not of the documented form, at line 1",
        ),
        (
            "an empty id",
            |response| with_body(response, r#"{"instanceId": " ", "region": "a"}"#),
            "empty instanceId",
        ),
        (
            "an id of two lines",
            |response| with_body(response, r#"{"instanceId": "i-1\nharmful", "region": "a"}"#),
            "instanceId: a value has control characters",
        ),
        (
            "refused for ever",
            |response| with_status(response, 401),
            "status 401: the token is not taken",
        ),
        ("huge", huge, "longer than 65536 bytes"),
    ] {
        for kind in [Kind::Ec2, Kind::Eks] {
            let does = move |request: &Request<Incoming>| {
                let right = providers::amazon(request);
                Does::Answers(match request.uri().path().ends_with("/document") {
                    true => spoil(right),
                    false => right,
                })
            };
            Made::Failed(words).check(&Case::of(kind).facing(does).await, what);
        }
    }
}

#[tokio::test]
async fn what_is_given_as_a_token_may_be_none() {
    let long = "t".repeat(513);
    for token in ["", " ", "two words", "t\u{e4}", "a\r\nx: y", &long] {
        let body = token.to_owned();
        let does = move |_: &Request<Incoming>| Does::Answers(answer(200, "text/plain", body.clone()));
        Made::Failed("what is given as a token is none")
            .check(&Case::of(Kind::Ec2).facing(does).await, token);
    }
}

#[tokio::test]
async fn nobody_there_is_no_failure() {
    for case in &CASES {
        let outcome = case.detect(&World::new(case.variables)).await;
        let made = match case.kind {
            // The variable says that somebody is.
            Kind::Ecs => Made::Failed("cannot connect"),
            _ => Made::Absent,
        };
        made.check(&outcome, case.kind.name());
    }
    let outside = World::new(&[]);
    assert_eq!(Case::of(Kind::Ecs).detect(&outside).await, Outcome::Absent);
    assert_eq!(*outside.network.attempts.lock().unwrap(), [] as [SocketAddr; 0]);
}

#[tokio::test]
async fn nobody_where_the_config_or_the_machine_says_that_there_is_a_service_is_a_failure() {
    for case in CASES.iter().filter(|case| case.kind != Kind::Ecs) {
        // A port that nobody listens on any more.
        let address = Fake::start(|_| Does::Waits).await.address;
        let world = World::new(case.variables);
        let detector = case.detector(Some(format!("http://{address}").parse().unwrap()));
        let outcome = detector.detect(&world.surroundings, &case.wanted(&[])).await;
        Made::Failed("cannot connect").check(&outcome, case.kind.name());
    }
    let azure = "7783-7084-3265-9085-8269-3286-77\n";
    for (kinds, files) in [
        ([Kind::Ec2, Kind::Eks], &[("sys_vendor", "Amazon EC2\n")][..]),
        (
            [Kind::Ec2, Kind::Eks],
            &[("sys_vendor", "Xen\n"), ("bios_version", "4.11.amazon\n")],
        ),
        (
            [Kind::Gce, Kind::Gke],
            &[
                ("sys_vendor", "Google\n"),
                ("product_name", "Google Compute Engine\n"),
            ],
        ),
        (
            [Kind::Azure, Kind::Aks],
            &[
                ("sys_vendor", "Microsoft Corporation\n"),
                ("chassis_asset_tag", azure),
            ],
        ),
    ] {
        for case in CASES.iter().filter(|case| case.kind != Kind::Ecs) {
            let world = World::new(case.variables);
            for (name, content) in files {
                world.write(&format!("/sys/class/dmi/id/{name}"), content);
            }
            let made = match kinds.contains(&case.kind) {
                true => Made::Failed("cannot connect"),
                false => Made::Absent,
            };
            made.check(
                &case.detect(&world).await,
                &format!("{} {files:?}", case.kind.name()),
            );
        }
    }
}

#[tokio::test]
async fn each_detector_tells_the_services_of_others_from_its_own() {
    let services: [(&str, Service); 4] = [
        ("aws", providers::amazon),
        ("gcp", providers::google),
        ("azure", providers::azure),
        ("openstack", |_| {
            answer(404, "text/plain; charset=UTF-8", "404 Not Found")
        }),
    ];
    let own = |kind: Kind| match kind {
        Kind::Ec2 | Kind::Eks => "aws",
        Kind::Gce | Kind::Gke => "gcp",
        _ => "azure",
    };
    for case in CASES.iter().filter(|case| case.kind != Kind::Ecs) {
        for (name, service) in services.iter().filter(|(name, _)| *name != own(case.kind)) {
            let service = *service;
            let outcome = case.facing(move |request| Does::Answers(service(request))).await;
            assert_eq!(outcome, Outcome::Absent, "{} on {name}", case.kind.name());
        }
    }
}

#[tokio::test]
async fn a_server_without_googles_flavor_is_not_googles() {
    for flavor in [None, Some("google"), Some("Other")] {
        for kind in [Kind::Gce, Kind::Gke] {
            let outcome = Case::of(kind)
                .facing(move |request| {
                    let mut response = providers::google(request);
                    response.headers_mut().remove("metadata-flavor");
                    let value = flavor.map(|flavor| flavor.parse().unwrap());
                    response
                        .headers_mut()
                        .extend(value.map(|value| (http::HeaderName::from_static("metadata-flavor"), value)));
                    Does::Answers(response)
                })
                .await;
            assert_eq!(outcome, Outcome::Absent, "{} {flavor:?}", kind.name());
        }
    }
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_in_time() {
    for case in &CASES {
        let server = Fake::start(|_| Does::Waits).await;
        let world = case.world(&server);
        let (clock, mut seen) = (world.clock.clone(), server.watch());
        let passing = async {
            while seen.changed().await.is_ok() {
                clock.advance(ANSWER_TIMEOUT);
            }
            unreachable!("the server lives as long as the test");
        };
        let outcome = tokio::select! {
            outcome = case.detect(&world) => outcome,
            () = passing => unreachable!(),
        };
        Made::Failed("within").check(&outcome, case.kind.name());
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        for case in &CASES {
            let target = Fake::start(|request| Does::Answers((case.service)(request))).await;
            let to = format!("http://{}/", target.address);
            let server = Fake::start(move |request| {
                let mut response = with_status((case.service)(request), status);
                response.headers_mut().insert("location", to.parse().unwrap());
                Does::Answers(response)
            })
            .await;
            let world = case.world(&server);
            let outcome = case.detect(&world).await;
            Made::Failed("redirects are not followed").check(&outcome, case.kind.name());
            assert_eq!(target.seen(), [""; 0], "{} {status}", case.kind.name());
            let elsewhere = |to: &&SocketAddr| to.ip().is_loopback();
            assert_eq!(
                world.network.attempts.lock().unwrap().iter().find(elsewhere),
                None
            );
        }
    }
}

#[tokio::test]
async fn half_of_the_facts_are_kept_and_the_rest_is_tried_again() {
    for (kind, path, failure, missing) in [
        (
            Kind::Ec2,
            "/latest/meta-data/hostname",
            "host.name: status 503",
            "host.name",
        ),
        (
            Kind::Eks,
            "/latest/meta-data/hostname",
            "host.name: status 503",
            "host.name",
        ),
        (
            Kind::Ecs,
            "ab50-2495160603",
            "container: status 503",
            "container.id",
        ),
        (
            Kind::Gce,
            "/computeMetadata/v1/instance/zone",
            "instance/zone: status 503",
            "cloud.region",
        ),
        (
            Kind::Gke,
            "/computeMetadata/v1/instance/id",
            "host.id: status 503",
            "host.id",
        ),
    ] {
        let case = Case::of(kind);
        let outcome = case
            .facing(move |request| {
                let right = (case.service)(request);
                Does::Answers(match request.uri().path().ends_with(path) {
                    true => with_status(right, 503),
                    false => right,
                })
            })
            .await;
        let Outcome::Partial {
            attributes,
            failure: said,
        } = outcome
        else {
            panic!("{}: {outcome:?}", kind.name());
        };
        assert!(said.starts_with(failure), "{}: {said}", kind.name());
        assert!(attributes.len() > 5, "{}: {attributes:?}", kind.name());
        assert!(
            attributes.iter().all(|attribute| attribute.key != missing),
            "{}",
            kind.name()
        );
    }
}

#[tokio::test]
async fn a_pod_that_cannot_reach_the_metadata_service_knows_what_its_token_says() {
    let server = Fake::start(|_| Does::Waits).await;
    let world = World::new(&[POD]);
    world.place(METADATA, &server);
    let payload = "eyJpc3MiOiJodHRwczovL29pZGMuZWtzLmV1LXdlc3QtMS5hbWF6b25hd3MuY29tL2lkL0EifQ";
    world.write(
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        &format!("e30.{payload}.c2ln"),
    );
    let (clock, mut seen) = (world.clock.clone(), server.watch());
    let passing = async {
        seen.changed().await.unwrap();
        clock.advance(ANSWER_TIMEOUT);
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = Case::of(Kind::Eks).detect(&world) => outcome,
        () = passing => unreachable!(),
    };
    let Outcome::Partial { attributes, failure } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(attributes.len(), 3, "{attributes:?}");
    assert!(failure.contains("no whole answer within 2s"), "{failure}");
}

#[tokio::test]
async fn a_variable_that_names_a_place_elsewhere_is_not_followed() {
    for value in [
        "http://10.0.0.1/v4/x",
        "http://metadata.example.com/v4/x",
        "http://localhost/v4/x",
        "http://user:harmful@169.254.170.2/v4/x",
        "https://169.254.170.2/v4/x",
        "ftp://169.254.170.2/",
        "169.254.170.2",
        "http://169.254.170.2:0/",
        "http://[2001:db8::1]/v4/x",
        "http://169.254.170.2.example.com/v4/x",
        "harmful\n",
    ] {
        let world = World::new(&[(TASK.0, value)]);
        Made::Failed("the variable ECS_CONTAINER_METADATA_URI_V4")
            .check(&Case::of(Kind::Ecs).detect(&world).await, value);
        assert_eq!(
            *world.network.attempts.lock().unwrap(),
            [] as [SocketAddr; 0],
            "{value}"
        );
    }
    for value in [
        "http://[fe80::1]/v4/x",
        "http://[fd00:ec2::23]/v4/x",
        "http://169.254.170.2:8080/v3",
    ] {
        let world = World::new(&[(TASK.0, value)]);
        Made::Failed("cannot connect").check(&Case::of(Kind::Ecs).detect(&world).await, value);
    }
}

#[test]
fn an_endpoint_is_plain_http_without_anything_secret() {
    for (text, words) in [
        ("https://169.254.169.254", "asked over plain HTTP"),
        ("169.254.169.254", "asked over plain HTTP"),
        ("unix:///run/a.sock", "asked over plain HTTP"),
        ("", "asked over plain HTTP"),
        (
            "http://user:harmful@169.254.169.254",
            "cannot hold a user and password",
        ),
        ("http://harmful@a b", "cannot hold a user and password"),
        ("http://a?b", "has no query"),
        ("http://", ""),
        ("http://a:0", "port"),
    ] {
        let wrong = text.parse::<Place>().unwrap_err();
        assert!(wrong.contains(words), "{text}: {wrong}");
        assert!(!wrong.contains("harmful"), "{text}: {wrong}");
    }
    for (text, shown) in [
        ("http://localhost:8080/base/", "http://localhost:8080/base"),
        ("http://localhost:80", "http://localhost"),
        ("http://[fd00:ec2::254]", "http://[fd00:ec2::254]"),
    ] {
        assert_eq!(text.parse::<Place>().unwrap().to_string(), shown);
    }
}

#[tokio::test]
async fn arns_that_are_none_are_not_taken_for_tasks() {
    for arn in [
        "",
        "harmful",
        "arn:aws:ecs:us-west-2:1:cluster/default",
        "arn:aws:ecs:us-west-2::task/a",
        "arn:aws:ec2:us-west-2:1:task/a",
        "arn:aws:ecs:us-west-2:1:task/",
        "urn:aws:ecs:us-west-2:1:task/a",
    ] {
        let document =
            format!(r#"{{"TaskARN": "{arn}", "Cluster": "default", "Family": "a", "Revision": "1"}}"#);
        let does =
            move |_: &Request<Incoming>| Does::Answers(answer(200, "application/json", document.clone()));
        Made::Failed("TaskARN").check(&Case::of(Kind::Ecs).facing(does).await, arn);
    }
}

#[tokio::test]
async fn an_agent_on_ec2_tells_the_name_of_its_cluster_only() {
    let does = |request: &Request<Incoming>| {
        Does::Answers(answer(
            200,
            "application/json",
            match request.uri().path().ends_with("/task") {
                true => {
                    r#"{"TaskARN": "arn:aws-cn:ecs:cn-north-1:1:task/7", "Cluster": "default", "LaunchType": "EC2"}"#
                }
                false => r#"{"DockerId": "a"}"#,
            },
        ))
    };
    let server = Fake::start(does).await;
    let world = Case::of(Kind::Ecs).world(&server);
    let wanted = Case::of(Kind::Ecs).wanted(&[]);
    let outcome = ecs::Ecs::default().detect(&world.surroundings, &wanted).await;
    let found = super::shown(&outcome);
    for pair in [
        "aws.ecs.cluster.arn=arn:aws-cn:ecs:cn-north-1:1:cluster/default",
        "aws.ecs.task.id=7",
        "aws.ecs.launchtype=ec2",
        "container.id=a",
    ] {
        assert!(found.iter().any(|found| found == pair), "{pair}: {found:?}");
    }
}

/// What `case` makes of `world`, if all that anybody waits for is time.
async fn in_no_time(case: &Case, world: &World) -> Outcome {
    let clock = world.clock.clone();
    let passing = async {
        loop {
            clock.skip_to_next().await;
        }
    };
    tokio::select! {
        outcome = case.detect(world) => outcome,
        () = passing => unreachable!(),
    }
}

#[tokio::test]
async fn silence_on_a_machine_that_says_whose_it_is_is_an_answer() {
    for case in &CASES {
        for (vendor, made) in [
            (None, Made::Failed("no connection within 1s")),
            (Some("Dell Inc.\n"), Made::Absent),
        ] {
            let world = World::new(case.variables);
            world.network.swallows.store(true, Ordering::Relaxed);
            if let Some(vendor) = vendor {
                world.write("/sys/class/dmi/id/sys_vendor", vendor);
            }
            let made = match case.kind {
                Kind::Ecs => Made::Failed("no connection within 1s"),
                _ => made,
            };
            let what = format!("{} {vendor:?}", case.kind.name());
            made.check(&in_no_time(case, &world).await, &what);
        }
    }
}

#[tokio::test]
async fn a_question_that_azure_does_not_like_is_no_other_clouds() {
    for kind in [Kind::Azure, Kind::Aks] {
        let outcome = Case::of(kind)
            .facing(|request| Does::Answers(with_status(providers::azure(request), 400)))
            .await;
        Made::Failed("status 400").check(&outcome, kind.name());
    }
}

#[tokio::test]
async fn a_value_that_is_none_is_left_out_and_said() {
    let long = format!(r#""{}""#, "z".repeat(2049));
    for (zone, words) in [
        (
            r#""1\nharmful""#,
            "cloud.availability_zone: a value has control characters in it",
        ),
        (
            r#""\u0000""#,
            "cloud.availability_zone: a value has control characters in it",
        ),
        (
            &*long,
            "cloud.availability_zone: a value is longer than 2048 bytes",
        ),
    ] {
        let document =
            format!(r#"{{"vmId": "1", "subscriptionId": "2", "location": "westeurope", "zone": {zone}}}"#);
        let does =
            move |_: &Request<Incoming>| Does::Answers(answer(200, "application/json", document.clone()));
        let outcome = Case::of(Kind::Azure).facing(does).await;
        assert_eq!(outcome.failure(), Some(words));
        let expected = [
            "cloud.provider=azure",
            "cloud.platform=azure.vm",
            "cloud.account.id=2",
            "cloud.region=westeurope",
            "host.id=1",
        ];
        assert_eq!(super::shown(&outcome), expected);
    }
}

#[tokio::test]
async fn tags_have_an_end_and_odd_names_stay_within_their_path() {
    let keys = (0..60)
        .map(|number| format!("t{number}/../\u{e4} ?#"))
        .chain(["bad\u{7}".to_owned()]);
    let list: String = keys.map(|key| key + "\n").collect();
    let server = Fake::start(move |request| {
        let path = request.uri().path();
        Does::Answers(match path.strip_prefix("/latest/meta-data/tags/instance") {
            Some("") => answer(200, "text/plain; charset=utf-8", list.clone()),
            Some(_) => answer(200, "text/plain", "v"),
            None => providers::amazon(request),
        })
    })
    .await;
    let case = Case::of(Kind::Ec2);
    let world = case.world(&server);
    let wanted = case.wanted(&[("ec2.tag.<key>", true)]);
    let outcome = case.detector(None).detect(&world.surroundings, &wanted).await;
    let found = super::shown(&outcome);
    assert!(
        found.iter().any(|pair| pair == "ec2.tag.t7/../\u{e4} ?#=v"),
        "{found:?}"
    );
    let asked: Vec<String> = server
        .seen()
        .into_iter()
        .filter(|line| line.contains("/tags/instance/"))
        .collect();
    assert_eq!(asked.len(), 50);
    let odd = "GET /latest/meta-data/tags/instance/t7%2F..%2F%C3%A4%20%3F%23";
    assert!(asked.iter().any(|line| line == odd), "{asked:?}");
}

#[tokio::test]
async fn whether_it_is_eks_is_not_known_while_tags_cannot_be_read() {
    let does = |request: &Request<Incoming>| {
        let right = providers::amazon(request);
        Does::Answers(match request.uri().path().contains("/tags/") {
            true => with_status(right, 500),
            false => right,
        })
    };
    Made::Failed("tags: status 500").check(&Case::of(Kind::Eks).facing(does).await, "eks");
}
