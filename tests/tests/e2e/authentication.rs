//! Who may send: every kind of credential, right and wrong in every way, over every protocol.

use crate::support::forebay::ADMIN;
use crate::support::tls::Authority;
use crate::support::{Export, Forebay, Scrape, Session, Sink, Wire, eventually};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::Signal;
use rustls::ClientConfig;
use std::path::Path;
use std::sync::Arc;

/// A receiver with these keys besides its addresses; what arrives is stamped with its sender's name and tenant.
fn config(receiver: &str, sink: &Sink) -> String {
    format!(
        "{ADMIN}
        [receivers.otlp]
        grpc.listen = \"127.0.0.1:0\"
        http.listen = \"127.0.0.1:0\"
        {receiver}
        [processors.stamp]
        type = \"attributes\"
        resource = [
            {{ action = \"upsert\", key = \"tenant\", from_context = \"auth.tenant\" }},
            {{ action = \"upsert\", key = \"sender\", from_context = \"auth.name\" }},
        ]
        [exporters.backend]
        type = \"otlp_http\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"stamp\"]
        to = [\"backend\"]",
        sink.http()
    )
}

/// How much of a credential is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    None,
    Wrong,
    Empty,
    Prefix,
    Suffix,
    Right,
}

impl Proof {
    const ALL: [Proof; 6] = [
        Proof::None,
        Proof::Wrong,
        Proof::Empty,
        Proof::Prefix,
        Proof::Suffix,
        Proof::Right,
    ];

    /// What is shown of `right`; nothing if nothing is shown.
    fn of(self, right: &str) -> Option<String> {
        Some(match self {
            Proof::None => return None,
            Proof::Wrong => "wr0ng.example.org".to_owned(),
            Proof::Empty => String::new(),
            Proof::Prefix => right[..right.len() - 1].to_owned(),
            Proof::Suffix => format!("{right}x"),
            Proof::Right => right.to_owned(),
        })
    }
}

fn address(forebay: &Forebay, wire: Wire) -> std::net::SocketAddr {
    match wire {
        Wire::Grpc => forebay.grpc(),
        _ => forebay.http(),
    }
}

/// Sends one item with a header; whether it was taken. Anything but a refusal as unauthenticated fails the test.
async fn is_let_in(
    forebay: &Forebay,
    wire: Wire,
    tls: Option<&Arc<ClientConfig>>,
    (number, header): (u64, Option<&str>),
) -> bool {
    let mut session = Session::open(address(forebay, wire), wire, tls).await.unwrap();
    let request = Export::numbered(Signal::Traces, number..number + 1);
    let said = session.send(&request, header).await.unwrap();
    assert!(
        said.is_taken(wire) || said.is_unauthenticated(wire),
        "{wire:?}: {said:?}"
    );
    said.is_taken(wire)
}

/// The values of a resource attribute of all that has arrived.
fn stamped(sink: &Sink, key: &str) -> Vec<String> {
    sink.read(|taken| {
        let Export::Traces(all) = Export::concatenated(Signal::Traces, taken.requests.clone()) else {
            unreachable!("these are traces");
        };
        let resources = all
            .resource_spans
            .iter()
            .filter_map(|spans| spans.resource.as_ref());
        let attributes = resources.flat_map(|resource| &resource.attributes);
        let of_key = attributes.filter(|attribute| attribute.key == key);
        let values = of_key.filter_map(|attribute| attribute.value.as_ref());
        values.map(|value| format!("{:?}", value.value)).collect()
    })
}

/// Nothing has arrived but what was let in, and every refusal was counted.
async fn assert_only(sink: &Sink, forebay: &Forebay, taken: usize, refused: u32) {
    assert_eq!(sink.read(|sink| sink.count(Signal::Traces)), taken);
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    let labels = [("node", "otlp"), ("reason", "unauthenticated")];
    assert_eq!(
        scrape.sum("forebay_receiver_requests_total", &labels),
        f64::from(refused)
    );
    scrape.assert_balanced();
}

fn bearer(value: &str) -> String {
    format!("Bearer {value}")
}

fn basic(value: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("alice:{value}")))
}

#[tokio::test]
async fn only_the_right_token_or_password_is_let_in_by_every_protocol() {
    const RIGHT: &str = "right.example.org";
    type Written = fn(&str) -> String;
    let kinds: [(&str, Written); 2] = [
        (
            "bearer = [{ token = \"other\" }, { token = \"right.example.org\", name = \"n\", tenant = \"blue\" }]",
            bearer,
        ),
        (
            "basic = [{ username = \"alice\", password = \"right.example.org\", tenant = \"blue\" }]",
            basic,
        ),
    ];
    for (auth, written) in kinds {
        let sink = Sink::start();
        let forebay = Forebay::start(&config(&format!("auth = {{ {auth} }}"), &sink)).await;
        let mut number = 1;
        for wire in Wire::ALL {
            for proof in Proof::ALL {
                let header = proof.of(RIGHT).map(|shown| written(&shown));
                let taken = is_let_in(&forebay, wire, None, (number, header.as_deref())).await;
                assert_eq!(taken, proof == Proof::Right, "{auth} {wire:?} {proof:?}");
                number += 1;
            }
        }
        assert_only(&sink, &forebay, Wire::ALL.len(), 5 * 4).await;
        let tenants = stamped(&sink, "tenant");
        assert_eq!(tenants.len(), Wire::ALL.len());
        assert!(
            tenants.iter().all(|tenant| tenant.contains("\"blue\"")),
            "{tenants:?}"
        );
    }
}

#[tokio::test]
async fn only_the_right_certificate_is_let_in_by_every_protocol() {
    let authority = Authority::new("ours");
    let tls = authority.asking_server();
    let receiver = format!(
        "grpc.tls = {{ {tls} }}
        http.tls = {{ {tls} }}
        auth = {{ client_certificates = [{{ dns_name = \"agent.example.org\", tenant = \"green\" }}] }}"
    );
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&receiver, &sink)).await;
    let mut number = 1;
    for wire in Wire::ALL {
        for proof in Proof::ALL {
            let pair = proof.of("agent.example.org").map(|name| authority.issue(&name));
            let client = authority.client(pair.as_ref());
            if proof == Proof::None {
                let request = Export::numbered(Signal::Traces, number..number + 1);
                let session = Session::open(address(&forebay, wire), wire, Some(&client)).await;
                let said = match session {
                    Ok(mut session) => session.send(&request, None).await,
                    Err(error) => Err(error),
                };
                assert!(
                    said.is_err(),
                    "{wire:?}: without a certificate there is no connection"
                );
                continue;
            }
            let taken = is_let_in(&forebay, wire, Some(&client), (number, None)).await;
            assert_eq!(taken, proof == Proof::Right, "{wire:?} {proof:?}");
            number += 1;
        }
    }
    assert_only(&sink, &forebay, Wire::ALL.len(), 4 * 4).await;
    let (tenants, senders) = (stamped(&sink, "tenant"), stamped(&sink, "sender"));
    assert!(
        tenants.iter().all(|tenant| tenant.contains("\"green\"")),
        "{tenants:?}"
    );
    assert!(
        senders
            .iter()
            .all(|sender| sender.contains("\"agent.example.org\"")),
        "{senders:?}"
    );
}

fn token_file(folder: &Path, content: &str) -> String {
    let (new, path) = (folder.join("new"), folder.join("token"));
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, &path).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_token_is_read_again_when_its_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = token_file(folder.path(), "one\n");
    let auth = format!("auth = {{ bearer = [{{ token_file = \"{path}\" }}], reload_interval = \"100ms\" }}");
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&auth, &sink)).await;
    let mut number = 0;
    let mut may = async |token: &str| {
        number += 1;
        is_let_in(&forebay, Wire::Http1, None, (number, Some(token))).await
    };
    assert!(may("Bearer one").await);
    token_file(folder.path(), "two\n");
    eventually("the new token is let in", async || may("Bearer two").await).await;
    assert!(!may("Bearer one").await);
    token_file(folder.path(), "");
    let degraded = async || {
        let status = crate::support::admin::status(forebay.admin()).await;
        let nodes = status["nodes"].as_array().unwrap();
        let receiver = nodes.iter().find(|node| node["name"] == "otlp").unwrap();
        receiver["condition"] == "degraded" && receiver["detail"].as_str().unwrap().contains(&path)
    };
    eventually("the empty file is complained about", degraded).await;
    assert!(!may("Bearer ").await);
    assert!(!may("Bearer").await);
    assert!(may("Bearer two").await, "the last good one stays");
}

#[tokio::test]
async fn a_process_with_credentials_that_are_none_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let empty = token_file(folder.path(), "\n");
    for (auth, words) in [
        ("auth = {}".to_owned(), "nobody could send"),
        (
            "auth = { bearer = [{ token = \"\" }] }".to_owned(),
            "`token` is empty",
        ),
        (
            format!("auth = {{ bearer = [{{ token_file = \"{empty}\" }}] }}"),
            "is empty",
        ),
        (
            "auth = { bearer = [{ token_file = \"/nowhere/token\" }] }".to_owned(),
            "/nowhere/token",
        ),
        (
            "auth = { client_certificates = [{ dns_name = \"a\" }] }".to_owned(),
            "no server asks",
        ),
    ] {
        let sink = Sink::start();
        let ended = Forebay::spawn(&config(&auth, &sink)).end().await;
        assert!(!ended.status.success(), "{auth}");
        assert!(ended.log.join("\n").contains(words), "{auth}: {:#?}", ended.log);
    }
}

/// An agent that proves itself to a gateway, by every way that both know.
#[tokio::test]
async fn an_exporter_proves_itself_to_a_receiver() {
    let authority = Authority::new("ours");
    let agent = authority.issue("agent.example.org");
    authority.write("agent.crt", &agent.cert);
    authority.write("agent.key", &agent.key);
    let (folder, tls) = (authority.folder().display(), authority.asking_server());
    let gateway = format!(
        "grpc.tls = {{ {tls} }}
        http.tls = {{ {tls} }}
        auth = {{ bearer = [{{ token = \"t0ken\" }}], basic = [{{ username = \"alice\", password = \"w0rd\" }}], client_certificates = [{{ dns_name = \"agent.example.org\" }}] }}"
    );
    let sink = Sink::start();
    let gateway = Forebay::start(&config(&gateway, &sink)).await;
    let mut number = 1;
    for (auth, expected) in [
        ("", "agent.example.org"),
        ("auth = { bearer_token = \"t0ken\" }", "bearer"),
        (
            "auth = { basic = { username = \"alice\", password = \"w0rd\" } }",
            "alice",
        ),
    ] {
        for (kind, address) in [("otlp_grpc", gateway.grpc()), ("otlp_http", gateway.http())] {
            let config = format!(
                "{ADMIN}{}
                [exporters.gateway]
                type = \"{kind}\"
                endpoint = \"https://localhost:{}\"
                tls = {{ ca_file = \"{folder}/ca.crt\", cert_file = \"{folder}/agent.crt\", key_file = \"{folder}/agent.key\" }}
                {auth}
                [pipelines.all]
                from = [\"otlp\"]
                to = [\"gateway\"]",
                crate::support::forebay::RECEIVER,
                address.port(),
            );
            let forebay = Forebay::start(&config).await;
            let taken = is_let_in(&forebay, Wire::Grpc, None, (number, None)).await;
            assert!(taken, "{kind} {auth}: {:#?}", forebay.log());
            number += 1;
            let senders = stamped(&sink, "sender");
            assert!(
                senders.last().unwrap().contains(expected),
                "{kind} {auth}: {senders:?}"
            );
        }
    }
}
