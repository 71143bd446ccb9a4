//! gRPC and HTTP servers and clients, compression with caps, and an in-memory twin for tests.

pub mod auth;
pub mod client;
pub mod compression;
pub mod server;
pub mod status;
pub mod tls;
mod watch;

pub use watch::{FollowedFile, Stream, StreamedFile, check_file};
