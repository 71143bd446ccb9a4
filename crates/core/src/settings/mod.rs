//! Setting types that components share: what the user writes, with its unit, checked while it is read, so that an error
//! has a position.

mod auth;
mod budget;
mod delivery;
mod rate;
mod secret;
mod tls;
mod units;
mod within;

pub use auth::{
    AuthConfig, BasicConfig, BasicCredentialsConfig, BearerConfig, ClientCertificateConfig,
    CredentialsConfig, OAuth2Config,
};
pub use budget::Budget;
pub use delivery::{
    BatchConfig, CircuitBreakerConfig, Compression, DELAY_MAX, DeliverySettings, OnFull, PoisonConfig,
    QueueConfig, QueueKind, RetryConfig,
};
pub use rate::Rate;
pub use secret::{Secret, names_secret};
pub use tls::{TlsClientConfig, TlsServerConfig, TlsVersion};
pub use units::{Count, Period, Ratio, Size, parse_ratio, parse_size};
pub use within::Within;

#[cfg(test)]
mod tests;
