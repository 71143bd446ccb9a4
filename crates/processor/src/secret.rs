//! The key of keyed hashes, wherever a config has one.

use forebay_core::settings::Secret;
use forebay_redaction::HashKey;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A key for hashes. It prints, and is written into every dump, as `***`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct HashSecret(Secret);

/// The least bytes of a key. What has fewer can be tried out.
const LEAST_BYTES: usize = 16;

impl HashSecret {
    /// The key itself.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.reveal().as_bytes()
    }

    /// Hashes of all their digits with this key.
    pub(crate) fn started(&self) -> Result<HashKey, String> {
        HashKey::new(self.bytes(), HashKey::MOST_DIGITS).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for HashSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = Secret::deserialize(deserializer)?;
        if secret.reveal().len() < LEAST_BYTES {
            return Err(D::Error::custom(format!(
                "a key of fewer than {LEAST_BYTES} bytes can be tried out: give {LEAST_BYTES} or more, made at random"
            )));
        }
        Ok(HashSecret(secret))
    }
}
