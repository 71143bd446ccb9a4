//! Ids in span names, URL paths and other texts become placeholders, so that few distinct texts remain.
//!
//! Two things are done, in this order:
//!
//! 1. *Fixed rules*, which look at the text alone ([`fixed`]): numbers, UUIDs, hashes, tokens, addresses, dates.
//! 2. *What is learned* ([`Templater`]): where many distinct words have stood in one position, for example user names after `/users/`,
//!    further words become `{var}`.
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{id}` | a number; an id with letters and digits (ULID, KSUID, ObjectId, `9s6XKzkNRiz8i3`); its prefix stays: `cus_{id}`, `order-{id}` |
//! | `{uuid}` | a UUID, in braces or not; also 32 hex digits, whether they are a UUID without dashes, a trace id or an MD5 |
//! | `{hash}` | eight or more hex digits |
//! | `{token}` | a JWT, 32 or more random letters and digits |
//! | `{pod}` | what Kubernetes appends to the name of a deployment, daemon set or job |
//! | `{email}` | an e-mail address, its `@` escaped or not |
//! | `{ip}` | an address of IPv4 or IPv6, with its port |
//! | `{mac}` | a hardware address |
//! | `{date}`, `{time}` | a date (`2024-01-15`, `2024.01.15`, `20240115`, `2024/01/15`, `2024-01`), a time of day or both (RFC 3339, ISO 8601) |
//! | `?` | a literal in SQL, as OpenTelemetry's conventions have it (`db.query.text`, "Sanitization of `db.query.text`") |
//! | `{var}` | a word in a position that has seen too many |
//!
//! What stays: words, also with digits (`http2`, `s3`, `sha256`, `x86_64`, `us-east-1`), one or two digits after a word (`worker-3`), versions
//! (`v1`, `v2beta1`, `3.6.0`, `/rest/api/2/`), endings of file names, and placeholders that are there (`{id}`, `:id`, `<id>`, `[id]`, `*`). A text that
//! has been templated is not changed by being templated again.
//!
//! A text costs O(length). Texts longer than [`MAX_LENGTH`] are left as they are: a limit on distinct values is what is for those.

mod fixed;
mod learned;
mod part;
mod random;
mod shape;
mod sql;

#[cfg(test)]
mod tests;

pub use fixed::fixed;
pub use learned::{Settings, Templater};

/// Longer texts are left alone: bytes.
pub const MAX_LENGTH: usize = 4096;
