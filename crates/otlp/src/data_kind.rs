//! The kinds of data that points belong to.

use crate::fields;

/// What kind of data a point belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DataKind {
    /// A point of a gauge.
    Gauge,
    /// A point of a sum.
    Sum,
    /// A point of a histogram with explicit bounds.
    Histogram,
    /// A point of an exponential histogram.
    ExponentialHistogram,
    /// A point of a summary.
    Summary,
}

impl DataKind {
    /// That of the points in the field of a metric that has this number; nothing for fields that have no points.
    #[inline]
    pub const fn of_field(number: u32) -> Option<Self> {
        Some(match number {
            fields::metric::GAUGE => DataKind::Gauge,
            fields::metric::SUM => DataKind::Sum,
            fields::metric::HISTOGRAM => DataKind::Histogram,
            fields::metric::EXPONENTIAL_HISTOGRAM => DataKind::ExponentialHistogram,
            fields::metric::SUMMARY => DataKind::Summary,
            _ => return None,
        })
    }

    /// The number of the attributes in a point of this kind.
    #[inline]
    pub const fn attributes_field(self) -> u32 {
        match self {
            DataKind::Gauge | DataKind::Sum => fields::number_data_point::ATTRIBUTES,
            DataKind::Histogram => fields::histogram_data_point::ATTRIBUTES,
            DataKind::ExponentialHistogram => fields::exponential_histogram_data_point::ATTRIBUTES,
            DataKind::Summary => fields::summary_data_point::ATTRIBUTES,
        }
    }
}
