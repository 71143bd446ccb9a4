//! What all points of a stream come to, for who stores them.

use crate::shown::{Amounts, Content, Shown};
use std::collections::HashMap;

/// How points of a stream add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Each point is a measurement of its own.
    Delta,
    /// Each point is a total of its series, which goes down only where the series begins anew.
    Total,
    /// Each point is what its series is at.
    Level,
}

/// One series, by its attributes.
#[derive(Clone, Debug, Default)]
struct Series {
    last: Option<Shown>,
    /// What its points come to, beginnings anew taken into account.
    sum: Amounts,
    /// Whether it went down without a new start time.
    has_fallen: bool,
}

/// The series of a stream.
#[derive(Clone, Debug, Default)]
pub struct Books {
    series: HashMap<String, Series>,
    /// What points of delta streams come to.
    sum: Amounts,
}

pub fn add(sum: &mut Amounts, more: &Amounts) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

impl Books {
    /// Takes a point in.
    pub fn enter(&mut self, manner: Manner, name: &str, point: &Shown) {
        if manner == Manner::Delta {
            if let Some(content) = &point.content {
                add(&mut self.sum, &content.amounts());
            }
            return;
        }
        let series = self.series.entry(name.to_owned()).or_default();
        let is_late = series
            .last
            .as_ref()
            .is_some_and(|last| last.time != 0 && point.time != 0 && point.time <= last.time);
        if is_late {
            return;
        }
        match (&point.content, manner) {
            // The end of a level; a total that ends stays what it is.
            (None, Manner::Level) => series.last = Some(point.clone()),
            (None, _) => {}
            (Some(content), _) => {
                let (grown, has_fallen) = grown(series.last.as_ref(), point, content);
                series.has_fallen |= has_fallen;
                add(&mut series.sum, &grown);
                series.last = Some(point.clone());
            }
        }
    }

    /// What all comes to: totals and measurements since the beginning, or levels as they are.
    pub fn total(&self, manner: Manner) -> Amounts {
        let mut total = self.sum;
        for series in self.series.values() {
            match (manner, &series.last) {
                (
                    Manner::Level,
                    Some(Shown {
                        content: Some(content),
                        ..
                    }),
                ) => add(&mut total, &content.amounts()),
                (Manner::Level, _) => {}
                _ => add(&mut total, &series.sum),
            }
        }
        total
    }

    /// Whether a series of totals went down without a new start time.
    pub fn has_fallen(&self, name: &str) -> bool {
        self.series.get(name).is_some_and(|series| series.has_fallen)
    }

    /// What series of levels are at.
    pub fn levels(&self) -> impl Iterator<Item = (&str, i128)> {
        self.series
            .iter()
            .filter_map(|(name, series)| match &series.last {
                Some(Shown {
                    content: Some(Content::Number(value)),
                    ..
                }) => Some((&**name, *value)),
                _ => None,
            })
    }
}

/// What a point of totals adds, and whether its series went down without a new start time.
fn grown(last: Option<&Shown>, point: &Shown, content: &Content) -> (Amounts, bool) {
    let mut grown = content.amounts();
    let Some((last, before)) = last.and_then(|last| Some((last, last.content.as_ref()?))) else {
        return (grown, false);
    };
    // A start time moves on, or comes to be known and is not before the last point.
    let is_known = last.start != 0 || last.time != 0 && point.start >= last.time;
    if is_known && point.start > last.start {
        return (grown, false);
    }
    if !content.continues(before) {
        return (grown, true);
    }
    for (grown, before) in grown.iter_mut().zip(before.amounts()) {
        *grown -= before;
    }
    (grown, false)
}
