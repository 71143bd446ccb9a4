//! What there is to look at in each message: the one table of where attributes, texts and messages within stand.

use super::config::Level;
use forebay_otlp::Signal;
use forebay_otlp::edit::{FieldSet, ItemContext};
use forebay_otlp::fields::{
    exemplar, exponential_histogram_data_point, histogram_data_point, instrumentation_scope, log_record,
    metric, number_data_point, resource, span, span_event, span_link, status, summary_data_point,
};

/// A kind of message.
#[derive(Debug)]
pub(super) struct Shape {
    /// Where its attributes are.
    pub(super) level: Level,
    /// The fields that are looked at, and what each is.
    pub(super) fields: FieldSet,
    roles: &'static [(u32, Role)],
    /// The field that counts attributes which were dropped, 0 if there is none.
    pub(super) dropped: u32,
    /// Which limit on the number of attributes holds.
    pub(super) limit: Option<Counted>,
    /// Whether it may say what was changed in it.
    pub(super) summarises: bool,
}

/// What a field is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// An attribute.
    Attribute,
    /// A text.
    Text(Level),
    /// A text in a syntax that cannot be kept if a part of it is replaced: it stays or goes as a whole.
    Token(Level),
    /// The body of a log record.
    Body,
    /// A message.
    Child(&'static Shape),
    /// One of several messages that are limited in number, and the field that counts those that were dropped.
    Counted(&'static Shape, Counted, u32),
}

/// What is limited in number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Attributes,
    Events,
    Links,
    EventAttributes,
    LinkAttributes,
}

impl Shape {
    const fn new(level: Level, roles: &'static [(u32, Role)]) -> Self {
        let mut fields = FieldSet::of(&[]);
        let mut rest = roles;
        while let [(number, _), more @ ..] = rest {
            fields = fields.with(*number);
            rest = more;
        }
        Shape {
            level,
            fields,
            roles,
            dropped: 0,
            limit: None,
            summarises: false,
        }
    }

    const fn counting(self, dropped: u32, limit: Option<Counted>) -> Self {
        Shape {
            dropped,
            limit,
            ..self
        }
    }

    const fn summarising(self) -> Self {
        Shape {
            summarises: true,
            ..self
        }
    }

    /// What the field of this number is.
    #[inline]
    pub(super) fn role(&self, number: u32) -> Option<Role> {
        let role = self.roles.iter().find(|(of, _)| *of == number);
        role.map(|(_, role)| *role)
    }
}

pub(super) static RESOURCE: Shape = Shape::new(Level::Resource, &[(resource::ATTRIBUTES, Role::Attribute)])
    .counting(resource::DROPPED_ATTRIBUTES_COUNT, None)
    .summarising();

pub(super) static SCOPE: Shape = Shape::new(
    Level::Scope,
    &[
        (instrumentation_scope::NAME, Role::Text(Level::Scope)),
        (instrumentation_scope::VERSION, Role::Text(Level::Scope)),
        (instrumentation_scope::ATTRIBUTES, Role::Attribute),
    ],
)
.counting(instrumentation_scope::DROPPED_ATTRIBUTES_COUNT, None);

pub(super) static METRIC: Shape = Shape::new(
    Level::Metric,
    &[
        (metric::NAME, Role::Text(Level::Metric)),
        (metric::DESCRIPTION, Role::Text(Level::Metric)),
        (metric::UNIT, Role::Text(Level::Metric)),
        (metric::METADATA, Role::Attribute),
    ],
);

static SPAN: Shape = Shape::new(
    Level::Item,
    &[
        (span::ATTRIBUTES, Role::Attribute),
        (span::NAME, Role::Text(Level::Name)),
        (
            span::EVENTS,
            Role::Counted(&EVENT, Counted::Events, span::DROPPED_EVENTS_COUNT),
        ),
        (
            span::LINKS,
            Role::Counted(&LINK, Counted::Links, span::DROPPED_LINKS_COUNT),
        ),
        (span::STATUS, Role::Child(&STATUS)),
        (span::TRACE_STATE, Role::Token(Level::Item)),
    ],
)
.counting(span::DROPPED_ATTRIBUTES_COUNT, Some(Counted::Attributes))
.summarising();

static EVENT: Shape = Shape::new(
    Level::Event,
    &[
        (span_event::ATTRIBUTES, Role::Attribute),
        (span_event::NAME, Role::Text(Level::Event)),
    ],
)
.counting(
    span_event::DROPPED_ATTRIBUTES_COUNT,
    Some(Counted::EventAttributes),
);

static LINK: Shape = Shape::new(
    Level::Link,
    &[
        (span_link::ATTRIBUTES, Role::Attribute),
        (span_link::TRACE_STATE, Role::Token(Level::Link)),
    ],
)
.counting(span_link::DROPPED_ATTRIBUTES_COUNT, Some(Counted::LinkAttributes));

static STATUS: Shape = Shape::new(Level::Status, &[(status::MESSAGE, Role::Text(Level::Status))]);

static RECORD: Shape = Shape::new(
    Level::Item,
    &[
        (log_record::ATTRIBUTES, Role::Attribute),
        (log_record::BODY, Role::Body),
        (log_record::EVENT_NAME, Role::Text(Level::Name)),
        (log_record::SEVERITY_TEXT, Role::Text(Level::Item)),
    ],
)
.counting(log_record::DROPPED_ATTRIBUTES_COUNT, Some(Counted::Attributes))
.summarising();

static NUMBER: Shape = Shape::new(
    Level::Item,
    &[
        (number_data_point::ATTRIBUTES, Role::Attribute),
        (number_data_point::EXEMPLARS, Role::Child(&EXEMPLAR)),
    ],
);

static HISTOGRAM: Shape = Shape::new(
    Level::Item,
    &[
        (histogram_data_point::ATTRIBUTES, Role::Attribute),
        (histogram_data_point::EXEMPLARS, Role::Child(&EXEMPLAR)),
    ],
);

static EXPONENTIAL: Shape = Shape::new(
    Level::Item,
    &[
        (exponential_histogram_data_point::ATTRIBUTES, Role::Attribute),
        (
            exponential_histogram_data_point::EXEMPLARS,
            Role::Child(&EXEMPLAR),
        ),
    ],
);

static SUMMARY: Shape = Shape::new(Level::Item, &[(summary_data_point::ATTRIBUTES, Role::Attribute)]);

static EXEMPLAR: Shape = Shape::new(
    Level::Exemplar,
    &[(exemplar::FILTERED_ATTRIBUTES, Role::Attribute)],
);

/// The shape of an item.
#[inline]
pub(super) fn of_item(context: &ItemContext<'_>) -> &'static Shape {
    match (context.signal, context.metric.map(|metric| metric.data)) {
        (Signal::Traces, _) => &SPAN,
        (Signal::Logs, _) => &RECORD,
        (Signal::Metrics, Some(metric::HISTOGRAM)) => &HISTOGRAM,
        (Signal::Metrics, Some(metric::EXPONENTIAL_HISTOGRAM)) => &EXPONENTIAL,
        (Signal::Metrics, Some(metric::SUMMARY)) => &SUMMARY,
        (Signal::Metrics, _) => &NUMBER,
    }
}
