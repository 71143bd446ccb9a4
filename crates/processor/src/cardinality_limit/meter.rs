//! What operators scrape.

use super::state::State;
use forebay_cardinality::limiter::{Counts, Question, Report, Usage};
use forebay_cardinality::measure::Flaw;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::cardinality::{
    ADMITTED, FORGOTTEN, GROUPS, LIMITED_POINTS, LIVE_SERIES, MEMBERS, MEMORY, MEMORY_MAX, OFFENDER_POINTS,
    OFFENDERS, OVERFLOW_POINTS, OVERFLOWED_VALUES, OVERFLOWING, RETIRED, SERIES_MAX, STREAMS,
    TEMPLATED_VALUES, UNSUMMABLE_POINTS, VALUES,
};
use forebay_telemetry::{Family, Instruments};
use std::collections::BTreeMap;
use std::sync::PoisonError;

impl Instruments for State {
    fn families(&self) -> &'static [&'static Metric] {
        &[
            &LIVE_SERIES,
            &SERIES_MAX,
            &MEMBERS,
            &STREAMS,
            &OVERFLOWING,
            &GROUPS,
            &MEMORY,
            &MEMORY_MAX,
            &LIMITED_POINTS,
            &OVERFLOW_POINTS,
            &UNSUMMABLE_POINTS,
            &ADMITTED,
            &RETIRED,
            &FORGOTTEN,
            &OFFENDER_POINTS,
            &VALUES,
            &OVERFLOWED_VALUES,
            &TEMPLATED_VALUES,
        ]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        if [VALUES, OVERFLOWED_VALUES, TEMPLATED_VALUES].contains(metric) {
            return self.write_values(metric, node, family);
        }
        if *metric == OFFENDER_POINTS {
            return self.write_offenders(node, family);
        }
        let (counts, usage) = self.reading(*metric == LIVE_SERIES);
        if let Some(value) = self.gauge(metric, &counts, usage) {
            return family.sample(&[node], value as f64);
        }
        for (label, count) in labelled(metric, &counts) {
            family.count(&[node, label], count);
        }
        if let Some(count) = plain(metric, &counts) {
            family.count(&[node], count);
        }
    }
}

impl State {
    /// What is counted. A scrape reads it once, for the first of its families, and shows the same reading in the others.
    fn reading(&self, is_first: bool) -> (Counts, Usage) {
        let mut scraped = self.scraped.lock().unwrap_or_else(PoisonError::into_inner);
        match *scraped {
            Some(reading) if !is_first => reading,
            _ => *scraped.insert((self.limiter.counts(self.now()), self.limiter.usage())),
        }
    }

    fn gauge(&self, metric: &'static Metric, counts: &Counts, usage: Usage) -> Option<u64> {
        Some(match metric {
            metric if *metric == LIVE_SERIES => usage.live,
            metric if *metric == SERIES_MAX => self.total_limit,
            metric if *metric == MEMBERS => counts.slots.saturating_sub(usage.live),
            metric if *metric == STREAMS => counts.streams,
            metric if *metric == OVERFLOWING => counts.overflowing,
            metric if *metric == GROUPS => counts.groups,
            metric if *metric == MEMORY => usage.bytes + self.item_bytes(),
            metric if *metric == MEMORY_MAX => usage.max_bytes + self.item_bytes_max(),
            _ => return None,
        })
    }

    /// What there is of names and values of spans and log records, where they are limited.
    fn write_values(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        for limits in self.all_items() {
            let reading = limits.reading();
            let labels = [node, limits.signal().as_str()];
            match metric {
                metric if *metric == VALUES => family.sample(&labels, reading.values as f64),
                metric if *metric == OVERFLOWED_VALUES => family.count(&labels, reading.overflowed),
                _ => family.count(&labels, reading.templated),
            }
        }
    }

    /// The metrics that are above their limits now, those first of which most points found no place.
    fn write_offenders(&self, node: &str, family: &mut Family<'_>) {
        let question = Question {
            top: OFFENDERS,
            group: &|_| true,
            weight: &|metric| metric.is_overflowing.then_some((metric.exceeded, 0)),
        };
        let Report { mut metrics, .. } = self.limiter.report(&question, self.now());
        metrics.sort_by_key(|metric| std::cmp::Reverse(metric.exceeded));
        // Two that people cannot tell apart, as resources may be, are one sample.
        let mut samples: BTreeMap<[String; 3], u64> = BTreeMap::new();
        for metric in metrics.into_iter().take(OFFENDERS) {
            let worst = metric.blame.first().filter(|blame| blame.saved > 0.0);
            let attribute = worst.map(|blame| blame.keys.join(", ")).unwrap_or_default();
            let labels = [metric.name, attribute, metric.group];
            *samples.entry(labels).or_default() += metric.exceeded;
        }
        for ([metric, attribute, group], points) in samples {
            family.sample(&[node, &metric, &attribute, &group], points as f64);
        }
    }
}

fn labelled(metric: &'static Metric, counts: &Counts) -> Vec<(&'static str, u64)> {
    match metric {
        metric if *metric == LIMITED_POINTS => vec![
            ("folded", counts.folded),
            ("dropped", counts.limited),
            ("observed", counts.observed),
        ],
        metric if *metric == RETIRED => vec![("idle", counts.idle), ("displaced", counts.displaced)],
        metric if *metric == UNSUMMABLE_POINTS => {
            let flaws = Flaw::ALL.iter().zip(counts.flawed);
            let flaws = flaws.map(|(flaw, count)| (flaw.as_str(), count));
            flaws.chain([("unremembered", counts.unremembered)]).collect()
        }
        _ => Vec::new(),
    }
}

fn plain(metric: &'static Metric, counts: &Counts) -> Option<u64> {
    Some(match metric {
        metric if *metric == OVERFLOW_POINTS => counts.overflow_points,
        metric if *metric == ADMITTED => counts.admitted,
        metric if *metric == FORGOTTEN => counts.forgotten,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
