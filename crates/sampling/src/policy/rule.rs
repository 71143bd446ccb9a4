//! What a policy asks: the tree that a [`Plan`](super::Plan) is made from.

use super::text::TextTest;

/// A rule with a name.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The name: in records, metrics and logs.
    pub name: String,
    /// What it asks.
    pub rule: Rule,
}

/// A question about a trace. In a policy's rule, the answer "yes" keeps the trace.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Yes.
    Always,
    /// Whether something in the trace has such an attribute.
    Attribute(AttributeRule),
    /// Whether a span has one of these statuses. No status is [`StatusSet::UNSET`].
    Status(StatusSet),
    /// Whether the `tracestate` of a span has a member of this key with one of these values.
    TraceState {
        /// The key of the member.
        key: String,
        /// The values, compared whole, without white space around them.
        values: Vec<String>,
    },
    /// Whether a span has the sampled flag (W3C Trace Context, "trace-flags", bit 0 of the span's `flags`).
    SampledFlag,
    /// Whether the trace takes this long: from its earliest start to its latest end.
    Duration {
        /// The least, in nanoseconds.
        min: u64,
        /// The most, in nanoseconds.
        max: Option<u64>,
    },
    /// Whether the trace has this many spans.
    Spans {
        /// The least.
        min: u32,
        /// The most.
        max: Option<u32>,
    },
    /// Yes, for a share of all traces.
    Share(Share),
    /// Whether the answer is no. What is in it must not limit rates.
    Not(Box<Rule>),
    /// Whether all say yes. At least one.
    And(Vec<Rule>),
    /// Whether one says yes. At least one; none may limit rates.
    Or(Vec<Rule>),
    /// Only as the rule of a policy: where all say yes, the trace is dropped, whatever other policies say. At least one; none may limit
    /// rates.
    Drop(Vec<Rule>),
    /// Whether the trace fits into a number of spans for each second.
    SpanRate {
        /// Spans that pass in a second, counted from each full second on.
        spans_per_second: u32,
    },
    /// Whether the trace fits into a number of bytes for each second.
    ByteRate {
        /// Bytes that are added to the allowance in a second.
        bytes_per_second: u64,
        /// The most that the allowance can grow to. A trace that is larger never passes.
        burst: u64,
    },
    /// Several rules with a number of spans for each second between them.
    Composite(Composite),
}

/// A condition on an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeRule {
    /// The key, exactly.
    pub key: String,
    /// Where it is looked for.
    pub places: Places,
    /// What its value must be.
    pub test: AttributeTest,
}

/// What the value of an attribute must be. Of several attributes of one key in one list, the first counts.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeTest {
    /// A string that is not empty and passes the test.
    Text(TextTest),
    /// An integer or a double within bounds, which are included.
    Number {
        /// The least.
        min: Option<i64>,
        /// The most.
        max: Option<i64>,
    },
    /// This boolean.
    Bool(bool),
}

/// Where in a trace an attribute is looked for: a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places(u8);

impl Places {
    /// Resources.
    pub const RESOURCE: Places = Places(1);
    /// Instrumentation scopes.
    pub const SCOPE: Places = Places(2);
    /// Spans.
    pub const SPAN: Places = Places(4);
    /// Events of spans.
    pub const EVENT: Places = Places(8);

    /// The places of both sets.
    pub const fn and(self, other: Places) -> Places {
        Places(self.0 | other.0)
    }

    /// Whether a place of `other` is in this set.
    pub const fn includes(self, other: Places) -> bool {
        self.0 & other.0 != 0
    }
}

/// Where the Collector looks: resources and spans.
impl Default for Places {
    fn default() -> Self {
        Places::RESOURCE.and(Places::SPAN)
    }
}

/// Statuses of a span: a set (`trace.v1.Status.StatusCode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusSet(u8);

impl StatusSet {
    /// No status, or the one that says so.
    pub const UNSET: StatusSet = StatusSet(1);
    /// Said to be a success.
    pub const OK: StatusSet = StatusSet(2);
    /// Failed.
    pub const ERROR: StatusSet = StatusSet(4);

    /// The statuses of both sets.
    pub const fn and(self, other: StatusSet) -> StatusSet {
        StatusSet(self.0 | other.0)
    }

    /// Whether the status of this number is in the set. Numbers that have no meaning yet are in none.
    pub(super) const fn includes(self, code: u64) -> bool {
        code < 3 && self.0 >> code & 1 != 0
    }
}

/// A share of all traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// How large it is, 0 to 1; more counts as 1, less and what is no number as 0.
    pub ratio: f64,
    /// How its traces are chosen. Nothing: by the trace's randomness and a threshold, which kept spans carry as `th`. A text: as the
    /// Collector does, by `FNV-1a-64(salt + trace id) <= (2^64 - 1) * ratio`, bit for bit; the probability is then not consistent with that
    /// of any other sampler, and `th` is erased.
    pub hash_salt: Option<String>,
}

/// Several rules with a number of spans for each second between them. The first rule that says yes decides: the trace passes if it
/// fits into what is left for this rule and into what is left for all of them.
#[derive(Clone, Debug)]
pub struct Composite {
    /// Spans of all rules that pass in a second, counted from each full second on.
    pub spans_per_second: u32,
    /// The rules, in the order in which they are asked. At least one; none may limit rates.
    pub policies: Vec<CompositePolicy>,
}

/// A rule of a [`Composite`].
#[derive(Clone, Debug)]
pub struct CompositePolicy {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub rule: Rule,
    /// Spans that pass by this rule in a second.
    pub spans_per_second: u32,
}
