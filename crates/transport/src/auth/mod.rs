//! Credentials: who may send to a server, and how a client proves who it is.

mod credentials;
mod guard;
mod oauth2;
mod secret;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use guard::{Denied, Guard};
