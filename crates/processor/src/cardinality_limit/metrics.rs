//! Requests of metrics.

use super::state::State;
use forebay_cardinality::limiter::{Cause, Review, Verdict};
use forebay_core::component::Outputs;
use forebay_core::rewrite::{self, Fresh};
use forebay_core::{Batch, Outcome, Reason};
use forebay_otlp::WireError;
use forebay_otlp::edit::{self, Edit, Editor, ItemContext, Patch};

/// Limits the series of a batch, and moves it on.
pub(super) fn limit(state: &State, mut batch: Batch, out: &mut Outputs) {
    let input = batch.payload().contiguous();
    let mut editor = Editor::new();
    let items = usize::try_from(batch.items()).unwrap_or_default();
    let review = match state.limiter.review(&mut editor, &input, items, state.now()) {
        Ok(review) => review,
        Err(error) => return rewrite::fail(batch, &error),
    };
    if !review.is_changed() {
        return out.emit(batch);
    }
    let mut carry_out = CarryOut::new(&review);
    let edited = match editor.edit(batch.signal(), &input, &mut carry_out) {
        Ok(edited) => edited,
        Err(error) => return rewrite::fail(batch, &error),
    };
    let kept = edited.kept;
    let fresh = Fresh::of(&edited, &input, &batch);
    let gone = carry_out.gone;
    for (items, outcome) in [
        (gone.limited, Outcome::Dropped(Reason::Cardinality)),
        (gone.unsummable, Outcome::Dropped(Reason::Unsummable)),
        (gone.folded, Outcome::Folded),
    ] {
        if items > 0 {
            batch.discard_items(items, outcome);
        }
    }
    if kept == 0 {
        // Nothing is left that anybody would have to deliver.
        return batch.discard(Outcome::Folded);
    }
    fresh.replace(&mut batch);
    out.emit(batch);
}

/// Points that go.
#[derive(Clone, Copy, Debug, Default)]
struct Gone {
    folded: u64,
    limited: u64,
    unsummable: u64,
}

/// Does what the limiter has decided about each point.
struct CarryOut<'r> {
    review: &'r Review,
    verdicts: std::slice::Iter<'r, Verdict>,
    gone: Gone,
}

impl<'r> CarryOut<'r> {
    fn new(review: &'r Review) -> Self {
        CarryOut {
            review,
            verdicts: review.verdicts().iter(),
            gone: Gone::default(),
        }
    }
}

impl Edit for CarryOut<'_> {
    fn item(&mut self, _: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<edit::Verdict, WireError> {
        // As many points stand here as in the first pass, which was over the same bytes.
        let verdict = self.verdicts.next().copied().unwrap_or(Verdict::Keep);
        Ok(match verdict {
            Verdict::Keep => edit::Verdict::Keep,
            Verdict::Replace(start, end) => {
                item.replace(self.review.body(start, end));
                edit::Verdict::Keep
            }
            Verdict::Fold => {
                self.gone.folded += 1;
                edit::Verdict::Drop
            }
            Verdict::Drop(Cause::Limit) => {
                self.gone.limited += 1;
                edit::Verdict::Drop
            }
            Verdict::Drop(Cause::Unsummable) => {
                self.gone.unsummable += 1;
                edit::Verdict::Drop
            }
        })
    }
}
