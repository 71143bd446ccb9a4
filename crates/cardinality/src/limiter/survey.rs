//! The first look at a request, before anything is locked: which points there are, and what identifies them.

use super::group;
use crate::{Identity, SeriesHasher};
use forebay_otlp::DataKind;
use forebay_otlp::edit::{Edit, ItemContext, MetricContext, Patch, Verdict};
use forebay_otlp::views::{Data, KeyValue, Metric, Repeated, Resource, Scope, View};
use forebay_otlp::{Cursor, Value, WireError, fields};
use std::ops::Range;

/// A point: where its body is in the request, and the identity of its attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PointSeen {
    pub(super) set: Identity,
    start: u32,
    end: u32,
}

impl PointSeen {
    /// Bytes of its body.
    pub(super) fn len(&self) -> u32 {
        self.end.wrapping_sub(self.start)
    }

    pub(super) fn body<'r>(&self, request: &'r [u8]) -> &'r [u8] {
        request
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// What the points of a metric have in common.
#[derive(Clone, Debug)]
pub(super) struct StreamSeen {
    pub(super) identity: Identity,
    /// That of its metric in its group.
    pub(super) metric: Identity,
    pub(super) resource: usize,
    /// Where the metric's name is in the request.
    pub(super) name: Range<usize>,
    pub(super) kind: DataKind,
    /// `AggregationTemporality`: 0 unspecified or none, 1 delta, 2 cumulative.
    pub(super) temporality: i32,
    pub(super) is_monotonic: bool,
    pub(super) points: Range<usize>,
}

/// A resource: its group, and where its body is in [`Survey::heads`].
#[derive(Clone, Debug)]
pub(super) struct ResourceSeen {
    pub(super) identity: Identity,
    pub(super) group: Identity,
    head: Range<usize>,
}

/// What there is in a request.
#[derive(Debug)]
pub(super) struct Survey<'s> {
    hasher: &'s SeriesHasher,
    group_by: &'s [String],
    /// The address of the request: places in it are differences.
    base: usize,
    pub(super) resources: Vec<ResourceSeen>,
    pub(super) streams: Vec<StreamSeen>,
    pub(super) points: Vec<PointSeen>,
    heads: Vec<u8>,
    scope: Identity,
    /// The metric that the last point was of: its place and the field of its data.
    last: (usize, u32),
}

impl<'s> Survey<'s> {
    pub(super) fn new(
        hasher: &'s SeriesHasher,
        group_by: &'s [String],
        request: &[u8],
        items: usize,
    ) -> Self {
        Survey {
            hasher,
            group_by,
            base: request.as_ptr().addr(),
            resources: Vec::new(),
            streams: Vec::new(),
            points: Vec::with_capacity(items),
            heads: Vec::new(),
            scope: Identity::default(),
            last: (usize::MAX, 0),
        }
    }

    pub(super) fn resource(&self, number: usize) -> Resource<'_> {
        let head = self.resources.get(number).map(|seen| seen.head.clone());
        View::new(head.and_then(|head| self.heads.get(head)).unwrap_or_default())
    }

    fn place(&self, part: &[u8]) -> Range<usize> {
        let start = part.as_ptr().addr().wrapping_sub(self.base);
        start..start.wrapping_add(part.len())
    }

    /// Takes note of a metric. One with several data fields, of which protobuf keeps the last, is one stream for each.
    fn metric(&mut self, context: MetricContext<'_>) -> Result<(), WireError> {
        let metric: Metric<'_> = View::new(context.metric);
        let (name, unit) = (metric.name()?.as_bytes(), metric.unit()?.as_bytes());
        let kind = DataKind::of_field(context.data).unwrap_or(DataKind::Gauge);
        let (mut temporality, mut is_monotonic) = (0, false);
        if let Some(data) = metric.data()?
            && number_of(data) == context.data
        {
            (temporality, is_monotonic) = order(data)?;
        }
        let hasher = self.hasher;
        let words = hasher.then(hasher.bytes(name), hasher.bytes(unit));
        let shape = u128::from(kind as u8)
            | u128::from(is_monotonic) << 8
            | u128::from(temporality.cast_unsigned()) << 32;
        let words = hasher.then(words, Identity(shape));
        let group = self.resources.last().map(|seen| seen.group).unwrap_or_default();
        let name = self.place(name);
        let first = self.points.len();
        self.streams.push(StreamSeen {
            identity: hasher.then(self.scope, words),
            metric: hasher.then(group, words),
            resource: self.resources.len().saturating_sub(1),
            name,
            kind,
            temporality,
            is_monotonic,
            points: first..first,
        });
        Ok(())
    }
}

/// The temporality, and whether it is a sum that never goes down: found in one walk, as all points may lie before them.
fn order(data: Data<'_>) -> Result<(i32, bool), WireError> {
    let (mut temporality, mut is_monotonic) = (0, false);
    if matches!(data, Data::Gauge(_) | Data::Summary(_)) {
        return Ok((temporality, is_monotonic));
    }
    let mut cursor = Cursor::new(data.bytes());
    while let Some(field) = cursor.next_field()? {
        match (field.number, field.value) {
            // The same in histograms of both kinds.
            (fields::sum::AGGREGATION_TEMPORALITY, Value::Varint(value)) => temporality = value as i32,
            (fields::sum::IS_MONOTONIC, Value::Varint(value)) => {
                is_monotonic = value != 0 && matches!(data, Data::Sum(_));
            }
            _ => {}
        }
    }
    Ok((temporality, is_monotonic))
}

impl Edit for Survey<'_> {
    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        let body = resource.message();
        let view: Resource<'_> = View::new(body);
        let identity = self.hasher.attributes(view.attributes())?;
        let start = self.heads.len();
        self.heads.extend_from_slice(body);
        self.resources.push(ResourceSeen {
            identity,
            group: group::identity(view, self.group_by, self.hasher)?.unwrap_or(identity),
            head: start..self.heads.len(),
        });
        Ok(())
    }

    fn scope(&mut self, scope: &mut Patch<'_>) -> Result<(), WireError> {
        let (hasher, view) = (self.hasher, Scope::new(scope.message()));
        let name = hasher.bytes(view.name()?.as_bytes());
        let version = hasher.bytes(view.version()?.as_bytes());
        let own = hasher.then(hasher.then(name, version), hasher.attributes(view.attributes())?);
        let resource = self
            .resources
            .last()
            .map(|seen| seen.identity)
            .unwrap_or_default();
        self.scope = hasher.then(resource, own);
        self.last = (usize::MAX, 0);
        Ok(())
    }

    fn changes_items(&self) -> bool {
        false
    }

    #[inline]
    fn decide(&mut self, context: &ItemContext<'_>) -> Result<Verdict, WireError> {
        if let Some(metric) = context.metric {
            let at = (metric.metric.as_ptr().addr(), metric.data);
            if at != self.last {
                self.metric(metric)?;
                self.last = at;
            }
        }
        let attributes = Repeated::<KeyValue<'_>>::new(context.item, context.attributes);
        let set = self.hasher.attributes(attributes)?;
        let place = self.place(context.item);
        // A request is smaller than 4 GiB: the length of a message takes an i32.
        self.points.push(PointSeen {
            set,
            start: place.start as u32,
            end: place.end as u32,
        });
        if let Some(stream) = self.streams.last_mut() {
            stream.points.end += 1;
        }
        Ok(Verdict::Keep)
    }
}

const fn number_of(data: Data<'_>) -> u32 {
    match data {
        Data::Gauge(_) => fields::metric::GAUGE,
        Data::Sum(_) => fields::metric::SUM,
        Data::Histogram(_) => fields::metric::HISTOGRAM,
        Data::ExponentialHistogram(_) => fields::metric::EXPONENTIAL_HISTOGRAM,
        Data::Summary(_) => fields::metric::SUMMARY,
    }
}
