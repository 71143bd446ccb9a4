//! Every item is accounted for: at every node and in total, whenever one looks, whatever fails.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Answer, Client, Export, Forebay, Load, Scrape, Shape, Sink, eventually};
use forebay_core::Signal;
use std::time::Duration;

const SHAPE: Shape = Shape {
    items: 9,
    padding: 50,
    signals: &Signal::ALL,
};

/// A filter in the middle, a fan-out behind it, and one destination before the filter as well.
fn config(flaky: &Sink, slow: &Sink) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.wanted]
        type = \"filter\"
        rules = [{{ names = [\"GET /health\"] }}]
        [exporters.flaky]
        type = \"otlp_grpc\"
        endpoint = \"http://{flaky}\"
        retry = {{ initial_interval = \"5ms\", max_interval = \"20ms\", max_age = \"2s\" }}
        [exporters.slow]
        type = \"otlp_http\"
        endpoint = \"http://{slow}\"
        queue = {{ max_items = 60, on_full = \"drop_oldest\" }}
        [exporters.small]
        type = \"otlp_http\"
        endpoint = \"http://{slow}\"
        queue = {{ max_items = 30, on_full = \"refuse\" }}
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"wanted\"]
        to = [\"flaky\", \"slow\"]
        [pipelines.raw]
        from = [\"otlp\"]
        to = [\"small\"]",
        flaky = flaky.grpc(),
        slow = slow.http(),
    )
}

/// Two in eleven requests fail, one of them for good, without a pattern that the senders could fall in step with.
fn fail_sometimes(request: u64) -> Answer {
    match request.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 {
        roll if roll % 11 == 0 => Answer::Retry(Duration::from_millis(1)),
        roll if roll % 11 == 1 => Answer::Never("not this one"),
        roll if roll % 11 == 2 => Answer::Partial(1, "not all of it"),
        roll if roll % 11 == 3 => Answer::TakeAfter(Duration::from_millis(10)),
        _ => Answer::Take,
    }
}

fn clients(forebay: &Forebay) -> Vec<Client> {
    let both = [Client::grpc(forebay.grpc()), Client::http(forebay.http())];
    both.into_iter()
        .flat_map(|client| std::iter::repeat_n(client, 6))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_balance_in_every_scrape_and_through_the_shutdown() {
    let (flaky, slow) = (Sink::counting(), Sink::counting());
    flaky.answer(fail_sometimes);
    slow.answer(|_| Answer::TakeAfter(Duration::from_millis(5)));
    let forebay = Forebay::start(&config(&flaky, &slow)).await;
    let load = Load::start(clients(&forebay), SHAPE);
    let mut scrapes = 0;
    eventually("enough is sent and looked at", async || {
        Scrape::of(forebay.admin()).await.unwrap().assert_balanced();
        scrapes += 1;
        scrapes >= 30 && load.taken() >= 100 && load.refused() >= 20
    })
    .await;
    forebay.terminate();
    // The endpoint answers until the very end.
    while let Some(scrape) = Scrape::of(forebay.admin()).await {
        scrape.assert_balanced();
    }
    let ended = forebay.end().await;
    assert!(ended.status.success(), "{ended:?}");
    load.finish().await;
}

#[tokio::test]
async fn the_books_say_what_happened() {
    let (flaky, slow) = (Sink::counting(), Sink::counting());
    flaky.answer(|request| {
        if request % 2 == 1 {
            Answer::Never("every second")
        } else {
            Answer::Take
        }
    });
    let forebay = Forebay::start(&config(&flaky, &slow)).await;
    let client = Client::grpc(forebay.grpc());
    for request in 0..10 {
        let first = 1 + 9 * request;
        // One after the other, so that each is one request at the destination as well.
        let reply = client
            .send(&Export::numbered(Signal::Traces, first..first + 9))
            .await;
        assert_eq!(reply.is_taken(), request % 2 == 0, "{reply:?}");
    }
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let sum = |name: &str, labels: &[(&str, &str)]| scrape.sum(&format!("forebay_items_{name}"), labels);
    assert_eq!(sum("received_total", &[("node", "otlp")]), 90.0);
    assert_eq!(
        sum("dropped_total", &[("node", "wanted"), ("reason", "filtered")]),
        30.0
    );
    assert_eq!(sum("delivered_total", &[("node", "flaky")]), 30.0);
    assert_eq!(
        sum("refused_total", &[("node", "flaky"), ("reason", "rejected")]),
        30.0
    );
    assert_eq!(sum("delivered_total", &[("node", "slow")]), 60.0);
    assert_eq!(sum("delivered_total", &[("node", "small")]), 90.0);
    assert_eq!(sum("held", &[]), 0.0);
}

#[tokio::test]
async fn the_last_line_of_the_log_balances() {
    let sink = Sink::counting();
    sink.answer(fail_sometimes);
    let config = format!(
        "{ADMIN}{RECEIVER}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        retry = {{ initial_interval = \"5ms\", max_interval = \"20ms\" }}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]",
        sink.grpc()
    );
    let forebay = Forebay::start(&config).await;
    let load = Load::start(clients(&forebay), SHAPE);
    load.until_taken(200).await;
    forebay.terminate();
    let ended = forebay.end().await;
    load.finish().await;
    assert!(ended.status.success(), "{ended:?}");
    let drained = ended.line("drained");
    let losses = ended.log.iter().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line["reason"].as_str().and(line["items"].as_u64())
    });
    let number = |key: &str| drained[key].as_u64().unwrap();
    assert_eq!(
        number("received"),
        number("delivered") + losses.sum::<u64>() + number("undelivered"),
        "{ended:?}"
    );
    assert_eq!(number("undelivered"), 0);
}
