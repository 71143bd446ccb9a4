//! What it costs to follow a cluster: how long until everything is known, the memory of a pod, the CPU under churn.
//!
//! ```text
//! cargo run --profile quick -p forebay-kubernetes --example churn -- [PODS] [CHANGES_PER_SECOND] [SECONDS]
//! ```
//!
//! The API server is made up, and runs in a process of its own, so that what it takes is not counted.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement prints what it has measured, and ends where it cannot go on"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use forebay_testkit::kubernetes::{FakeCluster, Population};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn argument(index: usize, default: u64) -> u64 {
    std::env::args()
        .nth(index)
        .map_or(default, |text| text.parse().unwrap())
}

#[tokio::main]
async fn main() {
    if std::env::args().nth(4).is_some_and(|role| role == "serve") {
        serve(argument(1, 0), argument(2, 0)).await;
    }
    let (pods, rate, seconds) = (argument(1, 10_000), argument(2, 100), argument(3, 30));
    let (mut server, url) = server(pods, rate);
    let resident = resident();
    let began = (Instant::now(), cpu());
    let following = support::everything(&url);
    following.known.synced().await;
    let synced = (began.0.elapsed(), cpu() - began.1);
    println!(
        "{pods} pods known after {:.2?}, with {:.2?} of CPU",
        synced.0, synced.1
    );
    let accounted = support::accounted(&following.context) / pods as f64;
    let resident = (self::resident() - resident) as f64 / pods as f64;
    println!(
        "bytes for each pod: {accounted:.0} accounted for, {resident:.0} resident, the process itself among them"
    );

    // It begins when it is told to.
    server.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let began = (Instant::now(), cpu());
    forebay_core::Clock::system()
        .sleep(Duration::from_secs(seconds))
        .await;
    let share = (cpu() - began.1).as_secs_f64() / began.0.elapsed().as_secs_f64();
    println!("{:.2} % of a core at {rate} changes a second", share * 100.0);
    println!(
        "bytes for each pod then: {:.0}",
        support::accounted(&following.context) / pods as f64
    );
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Starts the API server, and waits until it is filled.
fn server(pods: u64, rate: u64) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([&pods.to_string(), &rate.to_string(), "0", "serve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    (child, url.trim().to_owned())
}

async fn serve(pods: u64, rate: u64) {
    let cluster = FakeCluster::start().await.unwrap();
    let population = Population::settle(&cluster, pods);
    println!("{}", cluster.url());
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()))
        .await
        .unwrap()
        .unwrap();
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate as f64));
    for turn in 0.. {
        ticks.tick().await;
        population.churn(&cluster, turn);
        if turn % (60 * rate) == 0 {
            cluster.bookmark();
        }
    }
}

/// The CPU time of this process.
fn cpu() -> Duration {
    let times = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = times.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}
