//! Texts with something in them that must not leave. The first byte chooses the rules.

pub(super) const TEXTS: [(&str, &[u8]); 5] = [
    (
        "secrets",
        b"\x02card 4111 1111 1111 1111, iban DE89 3704 0044 0532 0130 00, me@example.com, +1 415 555 0123, 192.0.2.1, 2001:db8::1",
    ),
    (
        "tokens",
        b"\x02password=hunter2 Authorization: Bearer abcdefgh12345678 eyJhbGciOiJIUzI1NiJ9.e30.abc tok-ABCDEF id=17 \xc3\x84\xc3\x96\xc3\x9cABC",
    ),
    (
        "key",
        b"\x05-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n00:1b:44:11:3a:b7",
    ),
    (
        "url",
        b"\x05https://me:pass@example.com/u/17/550e8400-e29b-41d4-a716-446655440000?sig=abc&X-Amz-Signatur%65=1&a=b#part",
    ),
    (
        "statement",
        b"\x08SELECT a, 'it''s', $tag$x$tag$, E'\\n' FROM t /* c */ WHERE b = 17 AND c IN (1, 0x1f) -- end\n",
    ),
];
