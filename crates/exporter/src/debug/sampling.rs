//! Which requests are printed: the first ones of each second, and every so many of the rest.

use forebay_core::Time;
use forebay_core::settings::Count;

/// Counts requests within the second, and those that were not printed.
#[derive(Debug)]
pub(super) struct Sampling {
    initial: u64,
    thereafter: u64,
    second: u64,
    seen: u64,
    hidden: Hidden,
}

/// What was not printed since the last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) requests: u64,
    pub(super) items: u64,
}

impl Sampling {
    pub(super) fn new(initial: Count, thereafter: Count) -> Self {
        Sampling {
            initial: initial.0,
            thereafter: thereafter.0,
            second: 0,
            seen: 0,
            hidden: Hidden::default(),
        }
    }

    /// Whether a request of `items` items that comes `now` is printed; if so, with what was not printed before it.
    pub(super) fn show(&mut self, now: Time, items: u64) -> Option<Hidden> {
        let second = now.0.as_secs();
        if second != self.second {
            self.second = second;
            self.seen = 0;
        }
        self.seen += 1;
        let after = self.seen.saturating_sub(self.initial);
        if after == 0 || (self.thereafter > 0 && after.is_multiple_of(self.thereafter)) {
            return Some(self.take_hidden());
        }
        self.hide(Hidden { requests: 1, items });
        None
    }

    /// Notes what was not printed.
    pub(super) fn hide(&mut self, more: Hidden) {
        self.hidden.requests += more.requests;
        self.hidden.items += more.items;
    }

    pub(super) fn take_hidden(&mut self) -> Hidden {
        std::mem::take(&mut self.hidden)
    }
}
