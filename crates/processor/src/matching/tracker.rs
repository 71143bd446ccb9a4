//! Which of some selectors hold, kept up to date along one pass over a request.

use super::selector::Selector;
use forebay_core::Signal;
use forebay_otlp::WireError;
use forebay_otlp::edit::ItemContext;

/// The most selectors that one tracker takes: one bit each.
pub(crate) const SELECTORS_MAX: usize = 64;

/// Selectors in one pass, as sets of one bit each: those that can still hold after what was seen of the signal, the
/// resource, the scope and the metric. Conditions on an envelope are evaluated once for it, and only by selectors that
/// still can hold.
///
/// It sees the data as it came in: changes made in the same pass do not show.
#[derive(Debug)]
pub(crate) struct Tracker<'s> {
    selectors: &'s [Selector],
    /// Those that need to read items of the signal.
    readers: u64,
    signal: u64,
    resource: u64,
    scope: u64,
    metric: u64,
}

impl<'s> Tracker<'s> {
    /// A tracker at the start of a request of `signal`. Of more than [`SELECTORS_MAX`] selectors, the rest never hold.
    pub(crate) fn new(selectors: &'s [Selector], signal: Signal) -> Self {
        let mut tracker = Tracker {
            selectors,
            readers: 0,
            signal: 0,
            resource: 0,
            scope: 0,
            metric: 0,
        };
        for (index, selector) in selectors.iter().take(SELECTORS_MAX).enumerate() {
            tracker.signal |= u64::from(selector.signals().contains(signal)) << index;
            tracker.readers |= u64::from(selector.reads_items(signal)) << index;
        }
        tracker
    }

    /// The selectors that can hold for the signal.
    pub(crate) fn for_signal(&self) -> u64 {
        self.signal
    }

    /// Enters a resource envelope. Returns the selectors that can hold in it.
    pub(crate) fn enter_resource(&mut self, resource: &[u8]) -> Result<u64, WireError> {
        self.resource = self.narrow(self.signal, |selector| selector.holds_for_resource(resource))?;
        Ok(self.resource)
    }

    /// Enters a scope envelope. Returns the selectors that can hold in it.
    pub(crate) fn enter_scope(&mut self, scope: &[u8]) -> Result<u64, WireError> {
        self.scope = self.narrow(self.resource, |selector| selector.holds_for_scope(scope))?;
        self.metric = self.scope;
        Ok(self.scope)
    }

    /// Enters a metric.
    pub(crate) fn enter_metric(&mut self, metric: &[u8]) -> Result<(), WireError> {
        self.metric = self.narrow(self.scope, |selector| selector.holds_for_metric(metric))?;
        Ok(())
    }

    /// Whether any selector holds for the item.
    #[inline]
    pub(crate) fn any(&self, item: &ItemContext<'_>) -> Result<bool, WireError> {
        if self.metric & !self.readers != 0 {
            return Ok(true);
        }
        for (index, selector) in self.selectors.iter().enumerate() {
            if self.metric >> index & 1 == 1 && selector.holds_for_item(item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The selectors that hold for the item.
    #[inline]
    pub(crate) fn all(&self, item: &ItemContext<'_>) -> Result<u64, WireError> {
        let unread = self.metric & self.readers;
        if unread == 0 {
            return Ok(self.metric);
        }
        let read = self.narrow(unread, |selector| selector.holds_for_item(item))?;
        Ok(self.metric & !self.readers | read)
    }

    /// Those of `among` for which `holds`.
    fn narrow(
        &self,
        among: u64,
        holds: impl Fn(&Selector) -> Result<bool, WireError>,
    ) -> Result<u64, WireError> {
        let mut left = among;
        for (index, selector) in self.selectors.iter().take(SELECTORS_MAX).enumerate() {
            if among >> index & 1 == 1 && !holds(selector)? {
                left &= !(1 << index);
            }
        }
        Ok(left)
    }
}
