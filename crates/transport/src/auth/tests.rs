use super::*;
use crate::client::CallError;
use crate::tls::PeerCertificate;
use crate::tls::tests::Authority;
use crate::watch::tests::{node, until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::settings::{
    AuthConfig, BasicConfig, BasicCredentialsConfig, BearerConfig, ClientCertificateConfig,
    CredentialsConfig, OAuth2Config, Period, Secret,
};
use forebay_core::{Clock, Condition, Phase};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rcgen::SanType;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn soon() -> Period {
    Period(Duration::from_millis(2))
}

fn bearer(token: &str) -> BearerConfig {
    BearerConfig {
        token: Some(Secret::new(token)),
        token_file: None,
        name: Some(format!("name of {token}")),
        tenant: Some("blue".into()),
    }
}

fn basic(username: &str, password: &str) -> BasicConfig {
    BasicConfig {
        username: username.into(),
        password: Some(Secret::new(password)),
        password_file: None,
        tenant: None,
    }
}

fn named(dns_name: Option<&str>, uri: Option<&str>, fingerprint: Option<&str>) -> ClientCertificateConfig {
    ClientCertificateConfig {
        dns_name: dns_name.map(str::to_owned),
        uri: uri.map(str::to_owned),
        fingerprint_sha256: fingerprint.map(str::to_owned),
        name: None,
        tenant: None,
    }
}

fn authorization(value: impl AsRef<[u8]>) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(value.as_ref()).unwrap())])
}

fn pair(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[test]
fn without_a_config_everybody_may_and_is_nobody() {
    assert_eq!(Guard::default().check(&HeaderMap::new(), None), Ok(None));
    let outcome = Guard::default().check(&authorization("Bearer x"), None);
    assert_eq!(outcome, Ok(None));
}

#[test]
fn none_wrong_empty_prefix_and_suffix_are_refused_and_the_right_one_is_known() {
    let guard = Guard::load(&AuthConfig {
        bearer: vec![bearer("first-token"), bearer("second-token")],
        basic: vec![basic("alice", "pass:word"), basic("bob", "secret")],
        ..AuthConfig::default()
    })
    .unwrap();
    for (right, name, tenant) in [
        (
            "Bearer first-token".to_owned(),
            "name of first-token",
            Some("blue"),
        ),
        (
            "bearer  second-token".to_owned(),
            "name of second-token",
            Some("blue"),
        ),
        (pair("alice:pass:word"), "alice", None),
        (pair("bob:secret"), "bob", None),
    ] {
        let identity = guard.check(&authorization(&right), None).unwrap().unwrap();
        assert_eq!((&*identity.name, identity.tenant.as_deref()), (name, tenant));
    }
    let wrong = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer first-toke",
        "Bearer first-token2",
        "Bearer first-token second-token",
        "Bearer FIRST-TOKEN",
        "Basic first-token",
        "Digest first-token",
        "first-token",
        "Bearerfirst-token",
        "Basic",
        "Basic ",
        "Basic ====",
        "Basic alice:pass:word",
    ];
    let pairs = [
        "",
        ":",
        "alice",
        "alice:",
        ":pass:word",
        "alice:pass:wor",
        "alice:pass:word2",
        "alice:secret",
        "alice:pass:word\n",
    ];
    let wrong = wrong.into_iter().map(str::to_owned).chain(pairs.map(pair));
    for wrong in wrong.chain([String::from("Bearer \u{fffd}")]) {
        let denied = guard.check(&authorization(&wrong), None).unwrap_err();
        assert_eq!(
            denied.challenges(),
            [
                "Bearer realm=\"forebay\"",
                "Basic realm=\"forebay\", charset=\"UTF-8\""
            ],
            "{wrong}"
        );
    }
    assert!(guard.check(&HeaderMap::new(), None).is_err());
    let mut two = authorization("Bearer first-token");
    two.append(AUTHORIZATION, HeaderValue::from_static("Bearer wrong"));
    assert!(guard.check(&two, None).is_err(), "which one is meant?");
}

fn certificate(names: &[&str], uris: &[&str]) -> PeerCertificate {
    let authority = Authority::new();
    let issued = authority.issue(|params| {
        let dns = names
            .iter()
            .map(|name| SanType::DnsName((*name).try_into().unwrap()));
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names = dns.chain(uris).collect();
    });
    let certificate = CertificateDer::from_pem_slice(issued.cert.as_bytes()).unwrap();
    PeerCertificate::new(&certificate).unwrap()
}

#[test]
fn a_certificate_is_known_by_name_uri_or_fingerprint() {
    let shown = certificate(&["agent.example.org"], &["spiffe://example.org/agent"]);
    let digits: Vec<String> = shown
        .fingerprint_sha256()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let guard = |entry| {
        Guard::load(&AuthConfig {
            client_certificates: vec![entry],
            ..AuthConfig::default()
        })
        .unwrap()
    };
    for right in [
        named(Some("Agent.Example.org"), None, None),
        named(None, Some("spiffe://example.org/agent"), None),
        named(None, None, Some(&digits.join(":"))),
        named(None, None, Some(&digits.concat().to_lowercase())),
    ] {
        let guard = guard(right);
        assert!(guard.check(&HeaderMap::new(), Some(&shown)).unwrap().is_some());
        let denied = guard.check(&HeaderMap::new(), None).unwrap_err();
        assert_eq!(denied.challenges(), ["Certificate realm=\"forebay\""]);
        let other = certificate(&["x.example.org"], &["spiffe://example.org/agent/x"]);
        assert!(guard.check(&HeaderMap::new(), Some(&other)).is_err());
        // What is in a header that nobody here asks for is none of ours.
        let headers = authorization("Bearer for-somebody-else");
        assert!(guard.check(&headers, Some(&shown)).is_ok());
    }
    for wrong in [
        named(Some("example.org"), None, None),
        named(Some("*.example.org"), None, None),
        named(Some("agent.example.org.evil"), None, None),
        named(None, Some("spiffe://example.org/"), None),
        named(None, Some("spiffe://example.org/AGENT"), None),
        named(None, None, Some(&"00".repeat(32))),
    ] {
        assert!(guard(wrong).check(&HeaderMap::new(), Some(&shown)).is_err());
    }
    let wildcard = certificate(&["*.example.org"], &[]);
    let guard = guard(named(Some("agent.example.org"), None, None));
    assert!(guard.check(&HeaderMap::new(), Some(&wildcard)).is_err());
}

#[test]
fn a_wrong_header_is_not_made_good_by_a_certificate() {
    let shown = certificate(&["agent.example.org"], &[]);
    let guard = Guard::load(&AuthConfig {
        bearer: vec![bearer("token")],
        client_certificates: vec![named(Some("agent.example.org"), None, None)],
        ..AuthConfig::default()
    })
    .unwrap();
    assert!(guard.check(&authorization("Bearer wrong"), Some(&shown)).is_err());
    assert!(guard.check(&authorization("Bearer token"), Some(&shown)).is_ok());
    assert!(guard.check(&HeaderMap::new(), Some(&shown)).is_ok());
}

fn file(folder: &TempDir, content: &str) -> PathBuf {
    let path = folder.path().join("token");
    std::fs::write(&path, content).unwrap();
    path
}

fn from_file(path: PathBuf) -> AuthConfig {
    let entry = BearerConfig {
        token: None,
        token_file: Some(path),
        name: None,
        tenant: None,
    };
    AuthConfig {
        bearer: vec![entry],
        reload_interval: soon(),
        ..AuthConfig::default()
    }
}

#[test]
fn nothing_and_emptiness_let_nobody_start() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing");
    let load = |config: AuthConfig| Guard::load(&config).unwrap_err().to_string();
    assert!(load(AuthConfig::default()).contains("nobody could send"));
    assert!(load(from_file(missing.clone())).contains(&missing.display().to_string()));
    for empty in ["", "\n", " \t\r\n\n"] {
        assert!(load(from_file(file(&folder, empty))).contains("is empty"));
        let config = AuthConfig {
            bearer: vec![bearer(empty)],
            ..AuthConfig::default()
        };
        assert!(load(config).contains("`token` is empty"));
        let config = AuthConfig {
            basic: vec![basic("alice", empty)],
            ..AuthConfig::default()
        };
        assert!(load(config).contains("`password` is empty"));
    }
    let credentials = |config: CredentialsConfig| Credentials::load(&config).unwrap_err().to_string();
    assert!(credentials(CredentialsConfig::default()).contains("exactly one way"));
    let empty = CredentialsConfig {
        token_file: Some(file(&folder, "\n")),
        ..CredentialsConfig::default()
    };
    assert!(credentials(empty).contains("is empty"));
    let several = CredentialsConfig {
        token_file: Some(file(&folder, "a\nb\n")),
        ..CredentialsConfig::default()
    };
    assert!(credentials(several).contains("one line"));
}

#[tokio::test]
async fn tokens_follow_their_file_and_an_empty_one_lets_nobody_in() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "old\n");
    let guard = Guard::load(&from_file(path.clone())).unwrap();
    let (node, trigger) = node();
    guard.watch(&node);
    let may = |value: &str| guard.check(&authorization(value), None).is_ok();
    assert!(may("Bearer old"));
    file(&folder, "old\nnew\n");
    until("the new token", || may("Bearer new")).await;
    assert!(may("Bearer old"), "both are in the file");
    file(&folder, "new\n");
    until("the end of the old token", || !may("Bearer old")).await;

    for damage in [None, Some(""), Some("\n \n")] {
        match damage {
            None => std::fs::remove_file(&path).unwrap(),
            Some(content) => drop(file(&folder, content)),
        }
        until("the complaint", || node.health.condition() != Condition::Working).await;
        assert!(!may("Bearer "));
        assert!(!may("Bearer"));
        assert!(guard.check(&HeaderMap::new(), None).is_err());
        assert!(may("Bearer new"), "the last good one stays");
        file(&folder, "new\n");
        until("the mending", || node.health.condition() == Condition::Working).await;
    }
    trigger.advance(Phase::Draining);
}

#[tokio::test]
async fn an_exporter_sends_what_is_in_its_file_and_never_prints_it() {
    let folder = TempDir::new().unwrap();
    let config = CredentialsConfig {
        token_file: Some(file(&folder, "s3cret-1\n")),
        reload_interval: soon(),
        ..CredentialsConfig::default()
    };
    let credentials = Credentials::load(&config).unwrap();
    let header = credentials.header().unwrap();
    assert!(header.is_sensitive());
    assert_eq!(header, "Bearer s3cret-1");
    let (node, trigger) = node();
    credentials.watch(&node).unwrap();
    file(&folder, "s3cret-2\n");
    until("the new token", || {
        credentials.header().unwrap() == "Bearer s3cret-2"
    })
    .await;
    assert!(!credentials.refused(), "there is no other one to try");

    let user = BasicCredentialsConfig {
        username: "alice".into(),
        password: Some(Secret::new("s3cret-3")),
        password_file: None,
    };
    let config = CredentialsConfig {
        basic: Some(user),
        ..CredentialsConfig::default()
    };
    let basic = Credentials::load(&config).unwrap();
    assert_eq!(basic.header().unwrap().to_str().unwrap(), pair("alice:s3cret-3"));
    let guard = Guard::load(&AuthConfig {
        bearer: vec![bearer("s3cret-4")],
        ..AuthConfig::default()
    });
    let printed = format!(
        "{config:?} {basic:?} {:?} {credentials:?} {header:?} {guard:?}",
        basic.header()
    );
    assert!(!printed.contains("s3cret"), "{printed}");
    trigger.advance(Phase::Stopped);
}

/// Whether a request has come with all of its body.
fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let length = |head: &str| {
        head.split("content-length: ")
            .nth(1)?
            .lines()
            .next()?
            .parse()
            .ok()
    };
    text.split_once("\r\n\r\n")
        .is_some_and(|(head, body)| Some(body.len()) == length(head))
}

/// An authorization server: answers each request with the next of `answers`, and gives what it was asked.
async fn authorization_server(answers: Vec<String>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !whole(&request) {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(String::from_utf8(request).unwrap());
        }
        requests
    });
    (port, serving)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn token(token: &str, lifetime: &str) -> String {
    let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{lifetime}}}"#);
    answer("200 OK", &body)
}

fn oauth2(port: u16) -> CredentialsConfig {
    let oauth2 = OAuth2Config {
        token_url: format!("http://127.0.0.1:{port}/oauth/token"),
        client_id: "fore bay".into(),
        client_secret: Some(Secret::new("s3cret/&")),
        client_secret_file: None,
        scopes: vec!["write".into(), "read".into()],
        endpoint_params: BTreeMap::from([("audience".to_owned(), Secret::new("https://b/"))]),
        tls: None,
        timeout: Period(Duration::from_secs(10)),
        expiry_buffer: Period(Duration::from_secs(300)),
    };
    CredentialsConfig {
        oauth2: Some(oauth2),
        ..CredentialsConfig::default()
    }
}

#[tokio::test]
async fn a_token_is_fetched_and_fetched_again_before_it_expires() {
    // Three seconds to live: replaced after half of that, or a bit less.
    let answers = vec![token("one", "3"), token("two", "3600")];
    let (port, serving) = authorization_server(answers).await;
    let credentials = Credentials::load(&oauth2(port)).unwrap();
    assert_eq!(credentials.header(), None, "nothing is there yet");
    let (node, trigger) = node();
    credentials.watch(&node).unwrap();
    let first = credentials.obtain(&node.clock).await.unwrap();
    assert!(first.is_sensitive());
    assert_eq!(first, "Bearer one");
    until("the second token", || {
        let header = credentials.header();
        assert!(header.is_some(), "there is no gap");
        header.unwrap() == "Bearer two"
    })
    .await;
    assert!(!credentials.refused(), "it is brand new");
    let requests = serving.await.unwrap();
    let secret = STANDARD.encode("fore+bay:s3cret%2F%26");
    assert!(requests[0].starts_with("POST /oauth/token HTTP/1.1\r\n"));
    assert!(requests[0].contains(&format!("authorization: Basic {secret}\r\n")));
    assert!(requests[0].contains("content-type: application/x-www-form-urlencoded\r\n"));
    let body = "\r\n\r\ngrant_type=client_credentials&scope=write+read&audience=https%3A%2F%2Fb%2F";
    assert!(requests[0].ends_with(body), "{}", requests[0]);
    trigger.advance(Phase::Stopped);
}

#[tokio::test]
async fn an_authorization_server_that_fails_is_asked_again_and_its_answer_is_not_repeated() {
    let leaking = r#"{"error":"invalid_client","error_description":"s3cret/& is wrong"}"#;
    let answers = vec![
        answer("401 Unauthorized", leaking),
        answer("200 OK", "s3cret"),
        answer("200 OK", r#"{"access_token":" ","token_type":"bearer"}"#),
        answer("200 OK", r#"{"access_token":"a","token_type":"mac"}"#),
        token("right", "\"3600\""),
    ];
    let (port, serving) = authorization_server(answers).await;
    let mut config = oauth2(port);
    if let Some(oauth2) = &mut config.oauth2 {
        // By the fast clock.
        oauth2.timeout = Period(Duration::from_secs(86_400));
    }
    let credentials = Credentials::load(&config).unwrap();
    let (mut node, trigger) = node();
    node.clock = Clock::new(std::sync::Arc::new(crate::watch::tests::Fast::default()));
    credentials.watch(&node).unwrap();
    let mut said = Vec::new();
    let header = loop {
        match credentials.obtain(&node.clock).await {
            Ok(header) => break header,
            Err(CallError::Unreachable { message, .. }) => said.push(message.to_string()),
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(header, "Bearer right");
    assert_eq!(serving.await.unwrap().len(), 5);
    assert!(
        said.iter().any(|said| said.contains("401, invalid_client")),
        "{said:?}"
    );
    assert!(!said.iter().any(|said| said.contains("s3cret")), "{said:?}");
    until("health", || node.health.condition() == Condition::Working).await;
    trigger.advance(Phase::Stopped);
}
