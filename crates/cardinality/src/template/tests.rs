//! What becomes of texts.

use super::{MAX_LENGTH, fixed};

mod learned;
mod properties;
mod routes;

/// What the fixed rules make of a text.
fn templated(text: &str) -> String {
    let mut out = String::from("what was there before");
    if fixed(text, &mut out) {
        assert_ne!(out, text);
        out
    } else {
        assert_eq!(out, "");
        text.to_owned()
    }
}
#[test]
fn a_plain_name_stays() {
    for text in [
        "",
        "/",
        "GET /users",
        "OrderService/Create",
        "process orders",
        "{id}",
        "\u{e9}t\u{e9}/caf\u{e9}",
    ] {
        assert_eq!(templated(text), text);
    }
}

#[test]
fn words_with_digits_stay() {
    let words = "http2 s3 ipv4 ipv6 sha256 sha-256 utf8 utf-8 md5 oauth2 k8s ec2 x86_64 log4j h264 i18n 2fa 5xx 1080p 250ms v1 v2beta1 \
        v1alpha1 1.2.3 v1.2 iso-8859-1 hmacsha256 aes256 copyS3ToEc2Instance ipv4ToIpv6 decodeUtf8Text us-east-1 worker-3 facade12 \
        GetV2Users listS3Buckets Base64Decoder Http2ServerUpgrade OAuth2CallbackHandler convertMp3ToMp4 x509 arm64 P2PNetworkService \
        amazon-ec2-instance-connect createOrder2Item web3 office365 gpt-4 deadbeef facade decade cafe defaced";
    for word in words.split_whitespace() {
        assert_eq!(templated(&format!("do /{word}/then")), format!("do /{word}/then"));
    }
}

#[test]
fn dates_and_times_in_their_forms() {
    for (text, expected) in [
        ("2024-01-15", "{date}"),
        ("2024.01.15", "{date}"),
        ("2024_01_15", "{date}"),
        ("20240115", "{date}"),
        ("/2024/01/15/", "/{date}/"),
        ("2024-01", "{date}"),
        ("2024-13-01", "{id}-{id}-{id}"),
        ("2024-01-15T10:30:00Z", "{time}"),
        ("2024-01-15T10:30", "{time}"),
        ("20240115T103000Z", "{time}"),
        ("2024-01-15 10:30:00.5", "{date} {time}"),
        ("10:30:00", "{time}"),
        ("at 2024-01-15T10%3A30%3A00%2B01%3A00", "at {time}%2B{id}%3A{id}"),
    ] {
        assert_eq!(templated(text), expected);
    }
}

#[test]
fn literals_in_sql_and_nothing_else() {
    for (text, expected) in [
        (
            "SELECT a FROM t_1 WHERE b = 'it''s' AND c = \"x1\"",
            "SELECT a FROM t_1 WHERE b = ? AND c = \"x1\"",
        ),
        ("SELECT 'never closed", "SELECT ?"),
        ("SELECT * FROM t LIMIT 5, 10", "SELECT * FROM t LIMIT ?, ?"),
        ("SELECT f(a, 1, 2)", "SELECT f(a, ?, ?)"),
        (
            "SELECT * FROM t WHERE a IN ( 1 , 'b' ) AND c = -1.5e+7",
            "SELECT * FROM t WHERE a IN ( ? ) AND c = -?",
        ),
        ("SELECT :1, $2, @3, ?", "SELECT :1, $2, @3, ?"),
        ("DELETE /orders/17", "DELETE /orders/{id}"),
        ("UPDATE /orders/17", "UPDATE /orders/{id}"),
        ("select orders 17", "select orders {id}"),
    ] {
        assert_eq!(templated(text), expected);
    }
}

#[test]
fn a_long_text_is_left_alone() {
    let long = "/1".repeat(MAX_LENGTH / 2);
    assert_eq!(templated(&long), "/{id}".repeat(MAX_LENGTH / 2));
    let longer = long + "1";
    assert_eq!(templated(&longer), longer);
}
