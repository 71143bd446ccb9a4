//! Two new series a second, for hours.

use super::traffic::{EPOCH, Kind, Point, Request, SECOND};
use super::world::{World, has_own_series, policy, settings};
use forebay_cardinality::limiter::Verdict;

const LIMIT: u32 = 2_000;
const HOURS: u32 = 2;
/// Series that were there first and report every ten seconds.
const GOOD: u64 = 20;
/// Each series of the leak reports once a minute for ten minutes.
const REPORTS: u32 = 10;

fn leak(kind: Kind) {
    let mut world = World::new(settings(policy(LIMIT), 64 << 20));
    let mut good = Request::new(kind, GOOD as usize);
    let mut bad = Request::new(kind, 2 * REPORTS as usize);
    let mut first_limited = None;
    for now in 0..HOURS * 3600 {
        let time = EPOCH + u64::from(now) * SECOND;
        if now % 10 == 0 {
            for series in 0..GOOD {
                let value = u64::from(now);
                good.set(
                    series as usize,
                    Point {
                        series,
                        start: EPOCH,
                        time,
                        value,
                    },
                );
            }
            let review = world.review(&good, now);
            assert!(!review.is_changed(), "a good series at {now}");
        }
        for number in 0..bad.points() {
            let age = number as u32 / 2 * 60;
            let born = now.saturating_sub(age);
            let series = 1_000 + 2 * u64::from(born) + number as u64 % 2;
            let start = EPOCH + u64::from(born) * SECOND;
            bad.set(
                number,
                Point {
                    series,
                    start,
                    time,
                    value: u64::from(age) + 1,
                },
            );
        }
        let review = world.review(&bad, now);
        assert!(
            review
                .verdicts()
                .iter()
                .all(|verdict| !matches!(verdict, Verdict::Drop(_)))
        );
        if !(0..bad.points()).all(|number| has_own_series(&review, number)) {
            first_limited.get_or_insert(now);
        }
        let live = world.live();
        assert!(live <= u64::from(LIMIT), "{live} at {now}");
        // Places of series that ended are given on after a while, never more than there are.
        assert!(
            first_limited.is_none() || live + 400 >= u64::from(LIMIT),
            "{live} at {now}"
        );
    }
    let first_limited = first_limited.unwrap_or(u32::MAX);
    assert!(
        (LIMIT / 2 - 20..=LIMIT / 2).contains(&first_limited),
        "{first_limited}"
    );
}

#[test]
fn of_delta_series_is_limited_and_stays_so() {
    leak(Kind::Delta);
}

#[test]
fn of_cumulative_series_is_limited_and_stays_so() {
    leak(Kind::Cumulative);
}

#[test]
fn of_gauges_is_limited_and_stays_so() {
    leak(Kind::Gauge);
}
