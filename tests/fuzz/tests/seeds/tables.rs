//! Tables in each format. The first byte chooses the format, and how keys match.

use super::Seeds;

pub(super) const TABLES: [(&str, &[u8]); 5] = [
    ("csv", b"\x00a,b,c\r\nx,one,1\n\"y \"\"z\",\"two\nlines\",2\n"),
    (
        "csv-networks",
        b"\x0ca,b,c\n10.0.0.0/8,inner,1\n2001:db8::/32,doc,\n::1,own,3\n",
    ),
    ("prefixes", b"\x64shop,1\nshop.eu,2\nSHOP.,3\nshop,4\n,5\n"),
    (
        "jsonl",
        b"\x01{\"a\":\"x\",\"b\":true,\"c\":\"7\"}\n\n{\"a\":17,\"b\":null,\"c\":-3}\n",
    ),
    ("toml", b"\x0a[[row]]\na = \"x\"\nb = 1.5\nc = 2\n"),
];

/// MaxMind databases of one node: one whose first half has a record, and one that leads to itself.
pub(super) fn databases() -> Seeds {
    vec![
        ("mmdb".to_owned(), database([0, 0, 17, 0, 0, 1])),
        ("mmdb-circle".to_owned(), database([0; 6])),
    ]
}

/// A database (MaxMind DB file format specification, version 2.0) whose tree is one node of two records of 24 bits.
fn database(tree: [u8; 6]) -> Vec<u8> {
    let mut out = vec![3];
    out.extend(tree);
    out.extend([0; 16]);
    out.extend(b"\xe2\x41b\x43one\x41c\xa1\x07");
    out.extend(b"\xab\xcd\xefMaxMind.com\xe9");
    out.extend(b"\x5bbinary_format_major_version\xa1\x02");
    out.extend(b"\x5bbinary_format_minor_version\xa0");
    out.extend(b"\x4bbuild_epoch\x01\x02\x01");
    out.extend(b"\x4ddatabase_type\x41t");
    out.extend(b"\x4bdescription\xe0");
    out.extend(b"\x4aip_version\xa1\x04");
    out.extend(b"\x49languages\x00\x04");
    out.extend(b"\x4anode_count\xc1\x01");
    out.extend(b"\x4brecord_size\xa1\x18");
    out
}
