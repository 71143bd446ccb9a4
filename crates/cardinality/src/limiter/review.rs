//! What is to become of the points of a request.

/// Why a point is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Its series has no place, and the policy says to drop it.
    Limit,
    /// It would have to be folded and cannot be: it has no finite value, contradicts itself, or it cannot be known how much of it was
    /// counted before.
    Unsummable,
}

impl Cause {
    /// How many there are.
    pub const COUNT: usize = 2;
}

/// What is to become of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// It stays with another body, at this place in [`Review::body`].
    Replace(usize, usize),
    /// It goes; what it measured is in another point of the request.
    Fold,
    /// It goes.
    Drop(Cause),
}

/// What is to become of the points of a request, in their order.
#[derive(Debug, Default)]
pub struct Review {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) bodies: Vec<u8>,
    changed: bool,
}

impl Review {
    pub(super) fn of(points: usize) -> Self {
        Review {
            verdicts: vec![Verdict::Keep; points],
            bodies: Vec::new(),
            changed: false,
        }
    }

    /// Whether anything is not kept as it is.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The verdicts, one for each point.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// The body of a point that is replaced.
    pub fn body(&self, start: usize, end: usize) -> &[u8] {
        self.bodies.get(start..end).unwrap_or_default()
    }

    pub(super) fn set(&mut self, point: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(point) {
            *place = verdict;
            self.changed = true;
        }
    }

    /// Gives a point the body that `write` appends.
    pub(super) fn replace(&mut self, point: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bodies.len();
        write(&mut self.bodies);
        self.set(point, Verdict::Replace(start, self.bodies.len()));
    }

    /// [`Review::replace`], if `write` succeeds.
    pub(super) fn try_replace<E>(
        &mut self,
        point: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> bool {
        let start = self.bodies.len();
        let written = write(&mut self.bodies).is_ok();
        if written {
            self.set(point, Verdict::Replace(start, self.bodies.len()));
        } else {
            self.bodies.truncate(start);
        }
        written
    }
}
