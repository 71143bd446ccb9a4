//! Setting types that components share: what the user writes, with its unit, checked while it is read, so that an error
//! has a position.

mod delivery;
mod secret;
mod units;

pub use delivery::{BatchConfig, Compression, DeliverySettings, OnFull, QueueConfig, QueueKind, RetryConfig};
pub use secret::{Secret, names_secret};
pub use units::{Count, Period, Ratio, Size, parse_ratio, parse_size};

#[cfg(test)]
mod tests;
