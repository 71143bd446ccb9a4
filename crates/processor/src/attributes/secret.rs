//! The key of keyed hashes.

use forebay_core::settings::Secret;
use forebay_redaction::HashKey;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A key for hashes. It prints, and is written into every dump, as `***`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct HashSecret(Secret);

/// The least bytes of a key.
const LEAST_BYTES: usize = 16;

impl HashSecret {
    /// Hashes with this key.
    pub(super) fn started(&self) -> Result<HashKey, String> {
        HashKey::new(self.0.reveal().as_bytes(), HashKey::MOST_DIGITS).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for HashSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = Secret::deserialize(deserializer)?;
        if secret.reveal().len() < LEAST_BYTES {
            return Err(D::Error::custom(format!(
                "a key of fewer than {LEAST_BYTES} bytes could be tried out: make one at random"
            )));
        }
        Ok(HashSecret(secret))
    }
}
