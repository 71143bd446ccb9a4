//! The level: water-filling.

/// The weights of all keys in ascending order, so that the level for any target is a binary search away.
#[derive(Debug, Default)]
pub(super) struct Levels {
    weights: Vec<f64>,
    /// `below[i]` is the sum of the weights before `weights[i]`.
    below: Vec<f64>,
    total: f64,
}

impl Levels {
    /// Whether there are no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// How many weights there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.weights.capacity().max(self.below.capacity())
    }

    /// Takes over the weights of all keys.
    pub(super) fn compute(&mut self, weights: impl Iterator<Item = f64>) {
        self.weights.clear();
        self.weights.extend(weights);
        self.weights.sort_unstable_by(f64::total_cmp);
        self.below.clear();
        self.total = 0.0;
        for weight in &self.weights {
            self.below.push(self.total);
            self.total += weight;
        }
    }

    /// The level at which the keys together give the `fraction` of what they have: the sum of `min(weight, level)` is `fraction`
    /// times the sum of the weights. As a share of that sum; infinite if all of everything is wanted.
    pub(super) fn at(&self, fraction: f64) -> f64 {
        if fraction.is_nan() || fraction >= 1.0 || self.total <= 0.0 {
            return f64::INFINITY;
        }
        let wanted = fraction * self.total;
        let (mut low, mut high) = (0, self.weights.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.given_at(middle) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(below) = self.below.get(low) else {
            return f64::INFINITY;
        };
        let above = (self.weights.len() - low) as f64;
        (wanted - below) / above / self.total
    }

    /// What the keys give with the level at the weight of the key at `index`.
    fn given_at(&self, index: usize) -> f64 {
        let above = (self.weights.len() - index) as f64;
        match (self.below.get(index), self.weights.get(index)) {
            (Some(below), Some(weight)) => below + weight * above,
            _ => self.total,
        }
    }
}
