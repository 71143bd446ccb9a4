//! Tests of the setting types: what is read, what is refused, and that what is written can be read again.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, F64Deserializer, I64Deserializer, StrDeserializer};
use std::time::Duration;

fn text<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    let deserializer: StrDeserializer<'de, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}

fn integer<T: for<'de> Deserialize<'de>>(value: i64) -> Result<T, String> {
    let deserializer: I64Deserializer<Error> = value.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}

fn float<T: for<'de> Deserialize<'de>>(value: f64) -> Result<T, String> {
    let deserializer: F64Deserializer<Error> = value.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}

#[test]
fn sizes_are_read_with_binary_and_decimal_units() {
    for (written, bytes) in [
        ("0", 0),
        ("512", 512),
        ("64MiB", 64 << 20),
        ("1.5 KiB", 1536),
        ("2GB", 2_000_000_000),
        ("3kB", 3000),
        ("9007199254740993B", 9_007_199_254_740_993),
    ] {
        assert_eq!(text::<Size>(written), Ok(Size(bytes)), "{written}");
    }
    assert_eq!(integer::<Size>(42), Ok(Size(42)));
    assert_eq!(float::<Size>(42.0), Ok(Size(42)));
}

#[test]
fn rates_are_of_items_or_bytes_in_a_time_or_shares() {
    for (written, rate) in [
        ("1000/s", Rate::Items(1000.0)),
        ("0.5 / s", Rate::Items(0.5)),
        ("90/m", Rate::Items(1.5)),
        ("7200/h", Rate::Items(2.0)),
        ("5MiB/s", Rate::Bytes(5.0 * 1024.0 * 1024.0)),
        ("60 kB/m", Rate::Bytes(1000.0)),
        ("1B/s", Rate::Bytes(1.0)),
        ("10%", Rate::Share(Ratio(0.1))),
        ("100%", Rate::Share(Ratio(1.0))),
        ("1/8", Rate::Share(Ratio(0.125))),
    ] {
        assert_eq!(text::<Rate>(written), Ok(rate), "{written}");
    }
}

#[test]
fn what_is_no_rate_is_refused_and_says_how_to_write_one() {
    for written in [
        "",
        "1000",
        "0.1",
        "/s",
        "s",
        "1000/fortnight",
        "5MiB",
        "-1/s",
        "1e3/s",
        "5 parsecs/s",
        "a%",
        "101%",
        "1/0",
        "2/1",
    ] {
        assert!(text::<Rate>(written).is_err(), "{written}");
    }
    for written in ["0/s", "0MiB/s", "0%", "0/8"] {
        let words = text::<Rate>(written).unwrap_err();
        assert!(words.contains("lets nothing through"), "{words}");
    }
    assert!(text::<Rate>("1000").unwrap_err().contains("such as \"1000/s\""));
    assert!(
        integer::<Rate>(1000)
            .unwrap_err()
            .contains("a rate, such as \"1000/s\"")
    );
    assert!(float::<Rate>(0.1).is_err());
}

#[test]
fn what_is_no_size_is_refused() {
    for written in [
        "",
        "MiB",
        "12 parsecs",
        "-1MiB",
        "1e3",
        "1.2.3",
        "64mib",
        "99999999999TiB",
    ] {
        assert!(text::<Size>(written).is_err(), "{written}");
    }
    assert!(integer::<Size>(-1).is_err());
    assert!(float::<Size>(1.5).is_err());
}

#[test]
fn periods_need_a_unit_unless_they_are_zero() {
    for (written, period) in [
        ("0", Duration::ZERO),
        ("0s", Duration::ZERO),
        ("200ms", Duration::from_millis(200)),
        ("1m30s", Duration::from_secs(90)),
        ("1m 30s", Duration::from_secs(90)),
        ("1.5h", Duration::from_secs(5400)),
        ("7d", Duration::from_secs(7 * 86_400)),
    ] {
        assert_eq!(text::<Period>(written), Ok(Period(period)), "{written}");
    }
    assert_eq!(integer::<Period>(0), Ok(Period(Duration::ZERO)));
    for written in ["", "5", "s", "5 parsecs", "-5s", "1m30", "999999999d"] {
        assert!(text::<Period>(written).is_err(), "{written}");
    }
    assert!(integer::<Period>(5).is_err());
}

#[test]
fn ratios_are_percents_fractions_or_numbers_from_zero_to_one() {
    for (written, ratio) in [
        ("10%", 0.1),
        ("1/4", 0.25),
        ("0.5", 0.5),
        ("100 %", 1.0),
        ("0", 0.0),
    ] {
        assert_eq!(text::<Ratio>(written), Ok(Ratio(ratio)), "{written}");
    }
    for written in ["110%", "-1%", "1/0", "0/0", "2", "ten", "", "NaN", "inf%"] {
        assert!(text::<Ratio>(written).is_err(), "{written}");
    }
    assert_eq!(integer::<Ratio>(1), Ok(Ratio(1.0)));
    assert!(integer::<Ratio>(2).is_err());
    assert!(float::<Ratio>(1.5).is_err());
}

#[test]
fn counts_come_as_integers_strings_and_whole_floats() {
    assert_eq!(integer::<Count>(8), Ok(Count(8)));
    assert_eq!(text::<Count>("8"), Ok(Count(8)));
    assert_eq!(float::<Count>(8.0), Ok(Count(8)));
    assert!(float::<Count>(8.5).is_err());
    assert!(integer::<Count>(-8).is_err());
    assert!(text::<Count>("eight").is_err());
}

#[test]
fn units_are_written_as_people_would() {
    assert_eq!(Size(64 << 20).to_string(), "64MiB");
    assert_eq!(Size(2_000_000_001).to_string(), "2000000001B");
    assert_eq!(Period(Duration::from_secs(90)).to_string(), "90s");
    assert_eq!(Period(Duration::ZERO).to_string(), "0s");
    assert_eq!(Ratio(0.07).to_string(), "7%");
    assert_eq!(Ratio(1e-13).to_string(), "0.0000000000001");
}

#[test]
fn a_secret_never_prints() {
    let secret = Secret::new("hunter2");
    assert_eq!(secret.reveal(), "hunter2");
    assert_eq!(format!("{secret:?}"), "***");
    assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
}

#[test]
fn names_of_secrets_are_known_in_every_spelling() {
    for name in [
        "token",
        "bearer_token",
        "PASSWORD",
        "x-api-key",
        "proxy_url",
        "apiKey",
        "Authorization",
    ] {
        assert!(names_secret(name), "{name}");
    }
    for name in ["key", "endpoint", "listen", "api", "max_items"] {
        assert!(!names_secret(name), "{name}");
    }
}

#[test]
fn delivery_tables_refuse_unknown_keys() {
    let wrong = serde_json::json!({ "max_itms": 3 });
    assert!(serde_json::from_value::<QueueConfig>(wrong).is_err());
    let right = serde_json::json!({ "max_items": 3, "on_full": "drop_oldest" });
    let queue: QueueConfig = serde_json::from_value(right).unwrap();
    assert_eq!((queue.max_items, queue.on_full), (Count(3), OnFull::DropOldest));
    assert_eq!(queue.max_bytes, QueueConfig::default().max_bytes);
}

proptest! {
    #[test]
    fn property_a_size_is_read_as_it_was_written(bytes in 0..=i64::MAX as u64) {
        prop_assert_eq!(text::<Size>(&Size(bytes).to_string()), Ok(Size(bytes)));
    }

    #[test]
    fn property_a_period_is_read_as_it_was_written(nanos in 0..=i64::MAX as u64) {
        let period = Period(Duration::from_nanos(nanos));
        prop_assert_eq!(text::<Period>(&period.to_string()), Ok(period));
    }

    #[test]
    fn property_a_rate_is_read_as_it_was_written(value in 0.0..=1.0) {
        for rate in [Rate::Items(value + 0.001), Rate::Bytes(value + 0.001), Rate::Bytes(f64::round(value * 1e9) + 1.0)] {
            prop_assert_eq!(text::<Rate>(&rate.to_string()), Ok(rate));
        }
    }

    #[test]
    fn property_a_ratio_is_read_almost_as_it_was_written(value in 0.0..=1.0) {
        let read = text::<Ratio>(&Ratio(value).to_string()).unwrap();
        prop_assert!((read.0 - value).abs() <= value * 1e-8);
    }

    #[test]
    fn property_no_text_panics(written in "\\PC{0,12}") {
        let _ = text::<Rate>(&written);
        let _ = (text::<Size>(&written), text::<Period>(&written), text::<Ratio>(&written));
    }
}

fn messages(problems: &[crate::registry::Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path.join("."), problem.message))
        .collect();
    lines.join("\n")
}

#[test]
fn a_server_with_tls_needs_a_certificate_and_its_key_once() {
    let wrong = |text: &str| {
        let config: TlsServerConfig = toml::from_str(text).unwrap();
        messages(&config.check(&["grpc", "tls"]))
    };
    assert_eq!(wrong("cert_file = 'a'\nkey_file = 'b'"), "");
    assert_eq!(wrong("cert_pem = 'a'\nkey_file = 'b'\nmin_version = '1.3'"), "");
    for (text, message) in [
        ("", "grpc.tls: a server with TLS needs a certificate"),
        (
            "cert_file = 'a'",
            "grpc.tls: there is a certificate and no key for it",
        ),
        (
            "key_file = 'a'",
            "grpc.tls: there is a key and no certificate for it",
        ),
        (
            "cert_file = 'a'\ncert_pem = 'a'\nkey_file = 'b'",
            "grpc.tls.cert_pem: `cert_file` and `cert_pem` are both set",
        ),
        (
            "cert_file = 'a'\nkey_pem = 'a'\nkey_file = 'b'",
            "grpc.tls.key_pem: `key_file` and `key_pem` are both set",
        ),
        (
            "cert_file = 'a'\nkey_file = 'b'\nreload_interval = '1ms'",
            "grpc.tls.reload_interval: `reload_interval` must be at least 100ms",
        ),
    ] {
        assert!(wrong(text).contains(message), "{text}: {}", wrong(text));
    }
    for unknown in ["min_version = '1.1'", "min_version = 1.2", "cipher_suites = []"] {
        assert!(toml::from_str::<TlsServerConfig>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn a_client_with_tls_trusts_the_system_if_nothing_is_said() {
    let read = |text: &str| toml::from_str::<TlsClientConfig>(text).unwrap();
    assert_eq!(messages(&read("").check(&["tls"])), "");
    assert_eq!(messages(&read("ca_file = 'a'").check(&["tls"])), "");
    let both = read("ca_file = 'a'\ninsecure_skip_verify = true");
    assert!(messages(&both.check(&["tls"])).contains("tls.insecure_skip_verify: `ca_file` has no effect"));
    let half = read("cert_file = 'a'");
    assert!(messages(&half.check(&["tls"])).contains("no key for it"));
}

#[test]
fn an_auth_table_that_would_let_in_nobody_or_everybody_is_wrong() {
    let wrong = |text: &str, certificates| {
        let config: AuthConfig = toml::from_str(text).unwrap();
        messages(&config.check(&["auth"], certificates))
    };
    for right in [
        "bearer = [{ token = 'a' }, { token_file = 'b', name = 'n', tenant = 't' }]",
        "basic = [{ username = 'u', password = 'p' }]",
        "client_certificates = [{ dns_name = 'a' }, { uri = 'spiffe://a/b' }]",
    ] {
        assert_eq!(wrong(right, true), "");
    }
    let fingerprint = "client_certificates = [{ fingerprint_sha256 = 'X' }]";
    for digits in ["ab".repeat(32), "AB:".repeat(31) + "cd"] {
        assert_eq!(wrong(&fingerprint.replace('X', &digits), true), "");
    }
    for (text, message) in [
        ("", "auth: nobody could send"),
        (
            "bearer = [{}]",
            "auth.bearer: neither `token` nor `token_file` is set",
        ),
        ("bearer = [{ token = '' }]", "auth.bearer.token: `token` is empty"),
        (
            "bearer = [{ token = ' ' }]",
            "auth.bearer.token: `token` is empty",
        ),
        (
            "bearer = [{ token = 'a', token_file = 'b' }]",
            "auth.bearer.token: `token` and `token_file` are both set",
        ),
        ("basic = [{ username = 'u' }]", "auth.basic: neither `password`"),
        (
            "basic = [{ username = 'a:b', password = 'p' }]",
            "auth.basic.username: ",
        ),
        (
            "client_certificates = [{}]",
            "auth.client_certificates: a client certificate is named by exactly one property",
        ),
        (
            "client_certificates = [{ dns_name = 'a', uri = 'b' }]",
            "auth.client_certificates: a client certificate is named by exactly one property",
        ),
        ("client_certificates = [{ dns_name = '' }]", "is empty"),
        (fingerprint, "auth.client_certificates.fingerprint_sha256: "),
    ] {
        assert!(
            wrong(text, true).contains(message),
            "{text}: {}",
            wrong(text, true)
        );
    }
    let certificates = "client_certificates = [{ dns_name = 'a' }]";
    assert!(wrong(certificates, false).contains("no server asks its clients"));
}

#[test]
fn an_exporter_proves_who_it_is_in_exactly_one_way() {
    let wrong = |text: &str| {
        let config: CredentialsConfig = toml::from_str(text).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
        messages(&config.check(&["auth"]))
    };
    let oauth2 = "token_url = 'http://a', client_id = 'i', client_secret = 's3cret'";
    for right in [
        "bearer_token = 's3cret'",
        "token_file = 'f'",
        "basic = { username = 'u', password_file = 'f' }",
        &format!("oauth2 = {{ {oauth2}, endpoint_params = {{ audience = 's3cret' }} }}"),
    ] {
        assert_eq!(wrong(right), "");
    }
    for (text, message) in [
        ("", "auth: an exporter proves who it is in exactly one way"),
        ("bearer_token = 's3cret'\ntoken_file = 'f'", "are both set"),
        (
            "bearer_token = 's3cret'\nbasic = { username = 'u', password_file = 'f' }",
            "exactly one way",
        ),
        (
            "basic = { username = '', password_file = 'f' }",
            "auth.basic.username",
        ),
        (
            &format!("oauth2 = {{ {oauth2}, endpoint_params = {{ grant_type = 'x' }} }}"),
            "auth.oauth2.endpoint_params: `grant_type` is set by the protocol",
        ),
        (
            &format!("oauth2 = {{ {oauth2}, timeout = '0s' }}"),
            "auth.oauth2.timeout",
        ),
        (
            &format!("oauth2 = {{ {oauth2}, tls = {{ cert_file = 'c' }} }}"),
            "auth.oauth2.tls: there is a certificate and no key",
        ),
    ] {
        assert!(wrong(text).contains(message), "{text}: {}", wrong(text));
    }
}
