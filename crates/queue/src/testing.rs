//! Batches for the tests of this crate, and the books that they stand in.

use forebay_core::{
    Accounts, Balance, Batch, Delivery, DeliveryToken, Entry, Ledger, NodeId, Payload, Signal, Time,
};
use forebay_testkit::requests;
use std::sync::Arc;

/// The books and the budget of a test.
pub(crate) struct Desk {
    accounts: Accounts,
    ledger: Ledger,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Desk {
            accounts: Accounts::new(1),
            ledger: Ledger::new(64 << 20),
        }
    }

    /// A batch of `items` items, and its sender's answer.
    pub(crate) fn batch(&self, signal: Signal, items: u64) -> (Batch, Delivery) {
        let payload = Payload::from(requests::encoded(signal, 0, items));
        let bytes = payload.len() as u64;
        let (token, delivery) = DeliveryToken::new();
        let entry = Entry {
            custody: self.accounts.receive(NodeId(0), signal, items, bytes),
            lease: self.ledger.lease(bytes).unwrap(),
            token,
            origin: Arc::default(),
            received_at: Time::default(),
        };
        (Batch::new(signal, payload, entry), delivery)
    }

    /// A batch of spans whose sender does not wait.
    pub(crate) fn spans(&self, items: u64) -> Batch {
        let (mut batch, _) = self.batch(Signal::Traces, items);
        batch.take_custody();
        batch
    }

    /// The books. Asserts that everything is accounted for.
    pub(crate) fn total(&self) -> Balance {
        let total = self.accounts.total();
        assert_eq!(total.unaccounted(), 0, "{total:#?}");
        total
    }

    /// Bytes leased now.
    pub(crate) fn leased(&self) -> u64 {
        self.ledger.read().used
    }
}
