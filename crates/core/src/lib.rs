//! The contracts of the house: batch, custody, delivery token, memory ledger, component traits, registry, setting types.
