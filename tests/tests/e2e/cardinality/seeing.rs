//! Who has how many series, and what ends it: the page, the command, and the line of config that the command prints.

use super::application::Application;
use super::totals::Totals;
use super::{balanced, config};
use crate::support::spans::insist;
use crate::support::{Client, Forebay, Sink, admin, binary, eventually};
use serde_json::Value;
use std::process::Command;

/// What the command says of a running Forebay.
fn says(forebay: &Forebay, words: &[&str]) -> String {
    let address = forebay.admin().to_string();
    let mut command = Command::new(binary::path());
    let output = command
        .arg("cardinality")
        .args(words)
        .args(["--admin", &address])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn page(forebay: &Forebay, question: &str) -> Value {
    let path = format!("/status/cardinality{question}");
    let (code, body) = admin::page(forebay.admin(), &path).await.unwrap();
    assert_eq!(code, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The metric of this name in a report.
fn metric<'p>(page: &'p Value, name: &str) -> &'p Value {
    let metrics = page[0]["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["metric"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {page:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metric_and_the_attribute_to_blame_are_named() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 20")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    for _ in 0..3 {
        insist(&client, &application.export(0..200)).await;
    }
    let page = page(&forebay, "?by=overflow&top=100").await;
    assert_eq!(
        (&page[0]["node"], page.as_array().unwrap().len()),
        (&"guard".into(), 1)
    );
    assert_eq!(page[0]["live_series"], 20 * 9, "{page:#}");
    let orders = metric(&page, "orders");
    assert_eq!(
        (&orders["live"], &orders["limit"]),
        (&20.into(), &20.into()),
        "{page:#}"
    );
    assert_eq!(
        (&orders["folded"], &orders["overflowing"]),
        (&(180 * 3).into(), &true.into())
    );
    let blamed = &orders["attributes"][0];
    assert_eq!(blamed["keys"][0], "enduser.id", "{page:#}");
    assert!(
        blamed["examples"][0].as_str().unwrap().starts_with("1"),
        "{page:#}"
    );
    let used = page[0]["used_bytes"].as_u64().unwrap();
    assert!(
        used > 0 && used <= page[0]["max_bytes"].as_u64().unwrap(),
        "{page:#}"
    );
    let group = &page[0]["groups"][0];
    assert_eq!(group["points"], 200 * 3 * 9, "{page:#}");
    assert!(group["bytes"].as_u64().unwrap() > 0, "{page:#}");
    let text = says(&forebay, &["--by", "overflow"]);
    assert!(
        text.contains("orders") && text.contains("without enduser.id"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&says(&forebay, &["--json", "--top", "1"])).unwrap();
    assert_eq!(json[0]["metrics"].as_array().unwrap().len(), 1, "{json:#}");
    balanced(&forebay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_of_config_that_the_command_prints_ends_the_overflow() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 20")).await;
    let mut application = Application::start();
    insist(&Client::grpc(forebay.grpc()), &application.export(0..200)).await;
    let text = says(&forebay, &["--by", "overflow"]);
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("rules = "));
    let line = line.unwrap_or_else(|| panic!("no line of config: {text}"));
    // The worst metric is the one that it is about.
    let name = line.split('"').nth(1).unwrap().to_owned();
    let other = Sink::start();
    let mended = Forebay::start(&config(&other, &format!("limit = 20\n{line}"))).await;
    let mut application = Application::start();
    insist(&Client::grpc(mended.grpc()), &application.export(0..200)).await;
    let totals = Totals::of(&other);
    totals.assert_are_of(&application);
    assert!(
        !totals.overflows(&name) && totals.overflows("open") != (name == "open"),
        "{name}"
    );
    // A route, and two channels.
    assert_eq!(totals.series(&name), 2, "{name}");
    eventually("the report says so", async || {
        metric(&page(&mended, "?top=100").await, &name)["overflowing"] == false
    })
    .await;
    balanced(&mended).await;
}
