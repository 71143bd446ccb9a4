//! What arrived of a key, by how much it had been thinned before.

use crate::probability::Threshold;

/// Classes of adjusted counts: 1 to 2 (above 1), 2 to 4, and so on; the last one is open.
const CLASSES: usize = 16;

/// The weight of items that had been thinned alike.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    /// The weight that arrived.
    weight: f64,
    /// The weight that it stands for.
    adjusted: f64,
}

/// Weights by thresholds on arrival. Takes more than a few words only for a key of which anything had been thinned.
#[derive(Clone, Debug, Default)]
pub(super) struct Mixture {
    total: f64,
    /// Of that, what had not been thinned.
    whole: f64,
    thinned: Option<Box<[Class; CLASSES]>>,
}

impl Mixture {
    /// All that arrived.
    pub(super) fn weight(&self) -> f64 {
        self.total
    }

    /// Adds an item that arrived with this threshold.
    #[inline]
    pub(super) fn add(&mut self, weight: f64, arrived: Threshold) {
        self.total += weight;
        if arrived == Threshold::ALWAYS {
            self.whole += weight;
        } else {
            self.add_thinned(weight, arrived.adjusted_count());
        }
    }

    fn add_thinned(&mut self, weight: f64, adjusted_count: f64) {
        let class = (adjusted_count.log2() as usize).min(CLASSES - 1);
        if let Some(class) = self.thinned.get_or_insert_default().get_mut(class) {
            class.weight += weight;
            class.adjusted += weight * adjusted_count;
        }
    }

    /// Adds all of `other`, times `factor`.
    pub(super) fn merge(&mut self, other: &Mixture, factor: f64) {
        self.total += other.total * factor;
        self.whole += other.whole * factor;
        if let Some(thinned) = &other.thinned {
            let own = self.thinned.get_or_insert_default();
            for (own, other) in own.iter_mut().zip(thinned.iter()) {
                own.weight += other.weight * factor;
                own.adjusted += other.adjusted * factor;
            }
        }
    }

    /// Multiplies everything.
    pub(super) fn scale(&mut self, factor: f64) {
        self.total *= factor;
        self.whole *= factor;
        for class in self.thinned.iter_mut().flat_map(|classes| classes.iter_mut()) {
            class.weight *= factor;
            class.adjusted *= factor;
        }
    }

    /// The probability that lets `allowed` of the weight through.
    ///
    /// Of an item that stands for `a` items, a stage with the probability `p` lets through `min(1, p * a)`. Starting from all that was
    /// thinned most, what passes whole at the probability sought is set aside.
    pub(super) fn probability(&self, allowed: f64) -> f64 {
        if allowed >= self.total {
            return 1.0;
        }
        let classes = self.thinned.as_deref().map_or(&[][..], |classes| &classes[..]);
        let mut slope = self.whole + classes.iter().map(|class| class.adjusted).sum::<f64>();
        let mut passes = 0.0;
        for class in classes.iter().rev().filter(|class| class.weight > 0.0) {
            let sought = (allowed - passes) / slope;
            if sought * class.adjusted <= class.weight {
                return sought;
            }
            passes += class.weight;
            slope -= class.adjusted;
        }
        // Only the whole is left; rounding may have left nothing of it.
        let sought = (allowed - passes) / self.whole;
        if sought.is_nan() {
            1.0
        } else {
            sought.clamp(0.0, 1.0)
        }
    }
}
