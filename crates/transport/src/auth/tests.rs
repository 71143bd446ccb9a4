use super::*;
use forebay_core::settings::{AuthConfig, BearerConfig, Secret};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

fn bearer(token: &str) -> BearerConfig {
    BearerConfig {
        token: Some(Secret::new(token)),
        token_file: None,
        name: Some("agents".into()),
        tenant: Some("blue".into()),
    }
}

fn authorization(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
}

#[test]
fn without_a_config_everybody_may_and_is_nobody() {
    let outcome = Guard::default().check(&HeaderMap::new(), None);
    assert_eq!(outcome, Ok(None));
}

#[test]
fn a_token_lets_in_and_names_the_tenant() {
    let guard = Guard::load(&AuthConfig {
        bearer: vec![bearer("first"), bearer("second")],
        ..AuthConfig::default()
    })
    .unwrap();
    let identity = guard
        .check(&authorization("bearer second"), None)
        .unwrap()
        .unwrap();
    assert_eq!(identity.tenant.as_deref(), Some("blue"));
    for wrong in [
        "Bearer",
        "Bearer ",
        "Bearer secon",
        "Bearer secondx",
        "Basic second",
        "second",
    ] {
        let denied = guard.check(&authorization(wrong), None).unwrap_err();
        assert_eq!(denied.challenges(), ["Bearer realm=\"forebay\""], "{wrong}");
    }
}
