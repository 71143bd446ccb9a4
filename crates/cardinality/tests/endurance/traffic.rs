//! Requests of one metric, made once and written over for each use: fast enough for hundreds of millions of points.

use bytes::Bytes;

/// When it all begins, in nanoseconds since 1970.
pub(crate) const EPOCH: u64 = 1_700_000_000 * SECOND;
/// Nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// Buckets of a histogram.
pub(crate) const BUCKETS: usize = 15;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A monotonic sum of integers, delta.
    Delta,
    /// A monotonic sum of integers, cumulative.
    Cumulative,
    /// A gauge of integers.
    Gauge,
    /// An explicit histogram, cumulative.
    Histogram,
}

/// What one point says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// Which series of the metric.
    pub series: u64,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub time: u64,
    /// The value; of a histogram, the count of its first bucket, of which each further one has some less.
    pub value: u64,
}

/// A request with a fixed number of points of ten attributes each.
pub(crate) struct Request {
    kind: Kind,
    bytes: Vec<u8>,
    /// Where the points begin, and the bytes of each, its tag and length included.
    first: usize,
    each: usize,
    /// Where in a point the fields of `changing` begin.
    head: usize,
    /// The series of each point.
    series: Vec<u64>,
}

impl Request {
    /// With points that say nothing yet.
    pub(crate) fn new(kind: Kind, points: usize) -> Self {
        let blank = Point {
            series: 0,
            start: 0,
            time: 0,
            value: 0,
        };
        let mut body = Vec::new();
        changing(kind, blank, &mut body);
        let length = body.len();
        body.extend(constant(kind));
        let body = nested(1, &body);
        let data = [body.repeat(points), aggregation(kind)].concat();
        let field = match kind {
            Kind::Delta | Kind::Cumulative => 7,
            Kind::Gauge => 5,
            Kind::Histogram => 9,
        };
        let metric = [
            nested(1, b"http.server.requests"),
            nested(3, b"{request}"),
            nested(field, &data),
        ];
        let scope = [
            nested(1, &nested(1, b"instrumentation")),
            nested(2, &metric.concat()),
        ];
        let resource = nested(1, &nested(1, &attribute("service.name", "checkout")));
        let bytes = nested(1, &[resource, nested(2, &scope.concat())].concat());
        Request {
            kind,
            first: bytes.len() - aggregation(kind).len() - body.len() * points,
            each: body.len(),
            head: body.len() - length - constant(kind).len(),
            series: vec![0; points],
            bytes,
        }
    }

    /// How many points it has.
    pub(crate) fn points(&self) -> usize {
        self.series.len()
    }

    /// The series of a point.
    pub(crate) fn series(&self, number: usize) -> u64 {
        self.series[number]
    }

    /// Writes a point.
    pub(crate) fn set(&mut self, number: usize, point: Point) {
        let mut place = &mut self.bytes[self.first + number * self.each + self.head..];
        changing(self.kind, point, &mut place);
        self.series[number] = point.series;
    }

    /// The request as it is now.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }
}

/// The fields of a point that differ: of one length, whatever they say.
fn changing(kind: Kind, point: Point, out: &mut impl std::io::Write) {
    let mut write = |bytes: &[u8]| out.write_all(bytes).unwrap();
    let digits = std::array::from_fn::<u8, 16, _>(|at| {
        b"0123456789abcdef"[(point.series >> (60 - 4 * at)) as usize % 16]
    });
    // An attribute of the key "user.id".
    let field = if kind == Kind::Histogram { 9 } else { 7 };
    write(&[field << 3 | 2, 29]);
    write(b"\x0a\x07user.id\x12\x12\x0a\x10");
    write(&digits);
    let mut fixed = |tag: &[u8], word: u64| {
        write(tag);
        write(&word.to_le_bytes());
    };
    fixed(&[2 << 3 | 1], point.start);
    fixed(&[3 << 3 | 1], point.time);
    if kind != Kind::Histogram {
        return fixed(&[6 << 3 | 1], point.value);
    }
    let counts: [u64; BUCKETS] = std::array::from_fn(|bucket| point.value.saturating_sub(3 * bucket as u64));
    fixed(&[4 << 3 | 1], counts.iter().sum());
    fixed(&[5 << 3 | 1], (point.value as f64 * 1.5).to_bits());
    fixed(&[6 << 3 | 2, 8 * BUCKETS as u8], counts[0]);
    for count in &counts[1..] {
        fixed(&[], *count);
    }
}

/// The fields of a point that are always the same: bounds, and nine attributes.
fn constant(kind: Kind) -> Vec<u8> {
    let mut out = Vec::new();
    if kind == Kind::Histogram {
        let bounds = (1..BUCKETS).flat_map(|bound| (bound as f64 * 0.25).to_le_bytes());
        out.extend(nested(7, &bounds.collect::<Vec<_>>()));
    }
    let values = [
        "GET",
        "200",
        "/api/v1/orders/{id}",
        "https",
        "http",
        "1.1",
        "eu-west-1",
        "shop.example.com",
        "a",
    ];
    let keys = [
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "url.scheme",
        "network.protocol.name",
        "network.protocol.version",
        "cloud.region",
        "server.address",
        "deployment.ring",
    ];
    for (key, value) in keys.into_iter().zip(values) {
        out.extend(nested(
            if kind == Kind::Histogram { 9 } else { 7 },
            &attribute(key, value),
        ));
    }
    out
}

/// What a metric's data say of themselves.
fn aggregation(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Delta => vec![2 << 3, 1, 3 << 3, 1],
        Kind::Cumulative => vec![2 << 3, 2, 3 << 3, 1],
        Kind::Histogram => vec![2 << 3, 2],
        Kind::Gauge => Vec::new(),
    }
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    [nested(1, key.as_bytes()), nested(2, &nested(1, value.as_bytes()))].concat()
}

/// A field of bytes.
fn nested(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = body.len();
    while length > 127 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(body);
    out
}
