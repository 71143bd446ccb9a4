//! Walking over the data points of a metrics request, each with what identifies its series, and over the resources of any
//! request.
//!
//! What identifies a series: the attributes of its resource; name, version and attributes of its scope; name, unit, kind,
//! temporality and monotonicity of its metric; its own attributes. Source: metrics data model, "OpenTelemetry Protocol data
//! model", where the description of a metric is no part of the identity.

use crate::identity::IdentityHasher;
use crate::validate::count_in_envelope;
use crate::views::{
    Data, ExponentialHistogramDataPoint, HistogramDataPoint, KeyValue, Metric, NumberDataPoint, Repeated,
    Request, Resource, ResourceEnvelope, Scope, ScopeEnvelope, SummaryDataPoint, View,
};
use crate::{Signal, WireError, fields};

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

/// What the points of one metric have in common.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// Who sent the points.
    pub resource: Resource<'a>,
    /// What produced them.
    pub scope: Scope<'a>,
    /// The metric with all its points.
    pub metric: Metric<'a>,
    /// The name of the metric: bytes that validation has checked to be UTF-8.
    pub name: &'a [u8],
    /// The unit of the metric: bytes that validation has checked to be UTF-8.
    pub unit: &'a [u8],
    /// The kind of its data.
    pub kind: DataKind,
    /// `AggregationTemporality`: 0 unspecified or none, 1 delta, 2 cumulative.
    pub temporality: i32,
    /// Whether it is a sum that never goes down.
    pub is_monotonic: bool,
    /// The hash of all this but the data.
    pub hash: u64,
}

/// One data point.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// What it shares with the other points of its metric.
    pub stream: Stream<'a>,
    /// Its bytes, of the message that [`Stream::kind`] says.
    pub bytes: &'a [u8],
    hasher: IdentityHasher,
}

impl<'a> Point<'a> {
    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.bytes, self.stream.kind.attributes_field())
    }

    /// The hash of the series that it belongs to: the same for every point of the series, in whatever order its attributes
    /// are.
    ///
    /// # Errors
    ///
    /// That the bytes of the point cannot be read.
    #[inline]
    pub fn identity(&self) -> Result<u64, WireError> {
        Ok(self
            .hasher
            .pair(self.stream.hash, self.hasher.attributes(self.attributes())?))
    }

    /// The point as a view.
    pub fn view(&self) -> PointView<'a> {
        match self.stream.kind {
            DataKind::Gauge | DataKind::Sum => PointView::Number(View::new(self.bytes)),
            DataKind::Histogram => PointView::Histogram(View::new(self.bytes)),
            DataKind::ExponentialHistogram => PointView::ExponentialHistogram(View::new(self.bytes)),
            DataKind::Summary => PointView::Summary(View::new(self.bytes)),
        }
    }
}

/// A view on a point of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointView<'a> {
    /// Of a gauge or a sum.
    Number(NumberDataPoint<'a>),
    /// Of a histogram.
    Histogram(HistogramDataPoint<'a>),
    /// Of an exponential histogram.
    ExponentialHistogram(ExponentialHistogramDataPoint<'a>),
    /// Of a summary.
    Summary(SummaryDataPoint<'a>),
}

/// The data points of an `ExportMetricsServiceRequest`, in order, with their identities by `hasher`.
///
/// The iterator ends after the first error, whose offset counts from the start of the message that it was found in.
pub fn points(request: &[u8], hasher: IdentityHasher) -> Points<'_> {
    Points {
        hasher,
        envelopes: Request::new(request).resource_envelopes(),
        resource: (Resource::default(), 0),
        scopes: Repeated::new(&[], 1),
        scope: (Scope::default(), 0),
        metrics: Repeated::new(&[], 1),
        stream: None,
        points: Repeated::new(&[], 1),
    }
}

/// See [`points`].
#[derive(Clone, Debug)]
pub struct Points<'a> {
    hasher: IdentityHasher,
    envelopes: Repeated<'a, ResourceEnvelope<'a>>,
    resource: (Resource<'a>, u64),
    scopes: Repeated<'a, ScopeEnvelope<'a>>,
    scope: (Scope<'a>, u64),
    metrics: Repeated<'a, Metric<'a>>,
    stream: Option<Stream<'a>>,
    points: Repeated<'a, &'a [u8]>,
}

impl<'a> Points<'a> {
    /// The next metric that has data: its points come next. False at the end.
    fn next_metric(&mut self) -> Result<bool, WireError> {
        loop {
            if let Some(metric) = self.metrics.next() {
                self.stream = self.read_metric(metric?)?;
            } else if let Some(envelope) = self.scopes.next() {
                self.read_scope(envelope?)?;
                continue;
            } else if let Some(envelope) = self.envelopes.next() {
                self.read_resource(envelope?)?;
                continue;
            } else {
                return Ok(false);
            }
            if self.stream.is_some() {
                return Ok(true);
            }
        }
    }

    fn read_resource(&mut self, envelope: ResourceEnvelope<'a>) -> Result<(), WireError> {
        let resource = envelope.resource()?;
        self.resource = (resource, self.hasher.attributes(resource.attributes())?);
        self.scopes = envelope.scope_envelopes();
        Ok(())
    }

    fn read_scope(&mut self, envelope: ScopeEnvelope<'a>) -> Result<(), WireError> {
        let scope = envelope.scope()?;
        self.scope = (
            scope,
            self.hasher
                .pair(self.resource.1, scope_hash(scope, &self.hasher)?),
        );
        self.metrics = envelope.metrics();
        Ok(())
    }

    fn read_metric(&mut self, metric: Metric<'a>) -> Result<Option<Stream<'a>>, WireError> {
        let Some(data) = metric.data()? else {
            return Ok(None);
        };
        let (kind, temporality) = (data_kind(data), data.aggregation_temporality()?);
        let is_monotonic = data.is_monotonic()?;
        let (name, unit) = (metric.name()?.as_bytes(), metric.unit()?.as_bytes());
        let hasher = &self.hasher;
        let shape = u64::from(kind as u8)
            | u64::from(is_monotonic) << 8
            | u64::from(temporality.cast_unsigned()) << 32;
        let words = hasher.pair(hasher.bytes(name), hasher.bytes(unit));
        let hash = hasher.pair(hasher.pair(self.scope.1, words), shape);
        self.points = data.points();
        let (resource, scope) = (self.resource.0, self.scope.0);
        Ok(Some(Stream {
            resource,
            scope,
            metric,
            name,
            unit,
            kind,
            temporality,
            is_monotonic,
            hash,
        }))
    }

    fn stop(&mut self, error: WireError) -> Option<Result<Point<'a>, WireError>> {
        *self = points(&[], self.hasher);
        Some(Err(error))
    }
}

impl<'a> Iterator for Points<'a> {
    type Item = Result<Point<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(stream) = self.stream
                && let Some(point) = self.points.next()
            {
                return match point {
                    Ok(bytes) => Some(Ok(Point {
                        stream,
                        bytes,
                        hasher: self.hasher,
                    })),
                    Err(error) => self.stop(error),
                };
            }
            self.stream = None;
            match self.next_metric() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return self.stop(error),
            }
        }
    }
}

fn data_kind(data: Data<'_>) -> DataKind {
    match data {
        Data::Gauge(_) => DataKind::Gauge,
        Data::Sum(_) => DataKind::Sum,
        Data::Histogram(_) => DataKind::Histogram,
        Data::ExponentialHistogram(_) => DataKind::ExponentialHistogram,
        Data::Summary(_) => DataKind::Summary,
    }
}

/// Name, version and attributes.
fn scope_hash(scope: Scope<'_>, hasher: &IdentityHasher) -> Result<u64, WireError> {
    let name = hasher.bytes(scope.name()?.as_bytes());
    let version = hasher.bytes(scope.version()?.as_bytes());
    Ok(hasher.pair(hasher.pair(name, version), hasher.attributes(scope.attributes())?))
}

/// The items of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceGroup<'a> {
    /// The envelope with everything in it, without tag and length.
    pub envelope: ResourceEnvelope<'a>,
    /// The resource.
    pub resource: Resource<'a>,
    /// How many items are in the envelope.
    pub items: u64,
    /// The hash of the resource's attributes, in whatever order, and of the envelope's schema URL.
    pub hash: u64,
}

/// The resource envelopes of a request, in order, each with its items counted and its resource hashed by `hasher`. Envelopes of
/// one resource are not merged: equal hashes tell.
///
/// The iterator ends after the first error, whose offset counts from the start of the message that it was found in.
pub fn resources(
    signal: Signal,
    request: &[u8],
    hasher: IdentityHasher,
) -> impl Iterator<Item = Result<ResourceGroup<'_>, WireError>> {
    let mut envelopes = Request::new(request).resource_envelopes();
    std::iter::from_fn(move || {
        let group = envelopes
            .next()?
            .and_then(|envelope| resource_group(signal, envelope, &hasher));
        if group.is_err() {
            envelopes = Repeated::new(&[], 1);
        }
        Some(group)
    })
}

fn resource_group<'a>(
    signal: Signal,
    envelope: ResourceEnvelope<'a>,
    hasher: &IdentityHasher,
) -> Result<ResourceGroup<'a>, WireError> {
    let resource = envelope.resource()?;
    let schema = hasher.bytes(envelope.schema_url()?.as_bytes());
    let hash = hasher.pair(hasher.attributes(resource.attributes())?, schema);
    Ok(ResourceGroup {
        envelope,
        resource,
        items: count_in_envelope(signal, envelope.bytes())?,
        hash,
    })
}

#[cfg(test)]
mod tests;
