//! How networks are read and written.

use super::*;

fn read(text: &str) -> String {
    match Network::parse(text) {
        Ok(network) => network.to_string(),
        Err(flaw) => flaw.to_string(),
    }
}

#[test]
fn networks_are_read_and_mistakes_in_them_explained() {
    let cases = [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:db8::/33", "2001:db8::/33"),
        ("::1", "::1/128"),
        ("::ffff:10.1.0.0/112", "10.1.0.0/16"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        (
            "10.1.2.3/8",
            "`10.1.2.3/8` has bits set behind the first 8: is `10.0.0.0/8` meant?",
        ),
        (
            "2001:db8::1/32",
            "`2001:db8::1/32` has bits set behind the first 32: is `2001:db8::/32` meant?",
        ),
        (
            "10.0.0.0/33",
            "`10.0.0.0/33` is not a network: an address has no more than 32 bits, or 128 with colons",
        ),
        (
            "10.0.0.0/+8",
            "`10.0.0.0/+8` is not a network: there is no number of bits behind the `/`",
        ),
        (
            "10.0.0/8",
            "`10.0.0/8` is not a network: there is no address in front of the `/`",
        ),
        ("ten", "`ten` is not a network: it is not an address"),
        ("", "`` is not a network: it is not an address"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), expected);
    }
}

#[test]
fn property_networks_come_back_from_their_bytes() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let is_v6 = random.bool();
        let most = if is_v6 { 128 } else { 32 };
        let bits = random.u128(..) << if is_v6 { 0 } else { 96 };
        let all = Network {
            is_v6,
            length: most,
            bits,
        };
        let network = all.first(random.u8(..=most));
        let mut bytes = Vec::new();
        network.put(&mut bytes);
        bytes.push(9);
        assert_eq!(network.strip_from(&bytes), Some(&[9][..]));
        let mut rest = &bytes[..];
        assert_eq!(Network::take(&mut rest), Some(network));
        assert_eq!(rest, [9]);
        assert_eq!(Network::parse(&network.to_string()), Ok(network), "{network}");
    }
}
