//! What `/metrics` and `/status` say, and whether the books balance.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A page of the admin endpoint; nothing if it does not answer.
pub(crate) async fn page(admin: SocketAddr, path: &str) -> Option<(u16, String)> {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{admin}{path}"))
        .body(Empty::new())
        .unwrap();
    let response = client.request(request).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8(body.to_vec()).unwrap()))
}

/// `/status`.
pub(crate) async fn status(admin: SocketAddr) -> Value {
    let (code, body) = page(admin, "/status").await.unwrap();
    assert_eq!(code, 200);
    serde_json::from_str(&body).unwrap()
}

/// One scrape of `/metrics`: the samples of each metric by its name.
#[derive(Debug)]
pub(crate) struct Scrape(BTreeMap<String, Vec<Sample>>);

#[derive(Debug)]
struct Sample {
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Scrapes; nothing if the endpoint does not answer.
    pub(crate) async fn of(admin: SocketAddr) -> Option<Scrape> {
        let (code, text) = page(admin, "/metrics").await?;
        assert_eq!(code, 200);
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for (name, sample) in lines.map(Sample::parse) {
            samples.entry(name).or_default().push(sample);
        }
        Some(Scrape(samples))
    }

    /// The sum of all samples of a metric with all of these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matching = self.samples(name).iter().filter(|sample| sample.has(labels));
        matching.map(|sample| sample.value).sum()
    }

    fn samples(&self, name: &str) -> &[Sample] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Checks the identity of the books: for every node and signal, for the process, and by its own word.
    pub(crate) fn assert_balanced(&self) {
        let nodes: Vec<[(&str, &str); 2]> = self
            .samples("forebay_items_held")
            .iter()
            .map(|sample| {
                [
                    ("node", &*sample.labels["node"]),
                    ("signal", &*sample.labels["signal"]),
                ]
            })
            .collect();
        assert!(!nodes.is_empty(), "no books: {self:#?}");
        for labels in nodes {
            let came = self.sums(&["received_total", "copied_total", "entered_total"], &labels);
            let became = self.sums(&["left_total", "held"], &labels) + self.sums(&ENDS, &labels);
            assert_eq!(came, became, "{labels:?}: {self:#?}");
        }
        let came = self.sums(&["received_total", "copied_total"], &[]);
        let became = self.sums(&["held"], &[]) + self.sums(&ENDS, &[]);
        assert_eq!(came, became, "{self:#?}");
        assert_eq!(self.sum("forebay_items_unaccounted", &[]), 0.0);
    }

    fn sums(&self, names: &[&str], labels: &[(&str, &str)]) -> f64 {
        names
            .iter()
            .map(|name| self.sum(&format!("forebay_items_{name}"), labels))
            .sum()
    }
}

/// How items leave the graph.
const ENDS: [&str; 5] = [
    "delivered_total",
    "refused_total",
    "dropped_total",
    "sampled_out_total",
    "folded_total",
];

impl Sample {
    /// `name{label="value",...} value`. No label here has a comma or a quote in it, but for reasons that people read,
    /// which no test asks for.
    fn parse(line: &str) -> (String, Sample) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let pairs = labels
            .trim_end_matches('}')
            .split(',')
            .filter_map(|pair| pair.split_once('='));
        let sample = Sample {
            labels: pairs
                .map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()))
                .collect(),
            value: value.parse().unwrap(),
        };
        (name.to_owned(), sample)
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels
            .iter()
            .all(|(key, value)| self.labels.get(*key).is_some_and(|found| found == value))
    }
}
