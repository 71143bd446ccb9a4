//! A burst of junk does not push real traffic into the overflow series.

use super::flood::kept;
use super::traffic::{EPOCH, Kind, Point, Request, SECOND};
use super::world::{World, policy, settings};
use forebay_cardinality::limiter::{Admission, Policy};

const POINTS: usize = 500;

#[test]
fn of_delta_series() {
    let kept = kept(Kind::Delta, 100, 20_000);
    assert!(kept >= 0.99, "{kept}");
}

#[test]
fn of_cumulative_series() {
    let kept = kept(Kind::Cumulative, 100, 20_000);
    assert!(kept >= 0.99, "{kept}");
}

#[test]
fn many_that_come_equally_often_all_get_places_where_there_are_enough() {
    for kind in [Kind::Delta, Kind::Cumulative] {
        let policy = Policy {
            admission: Admission::HeavyHitters,
            ..policy(40_000)
        };
        let mut world = World::new(settings(policy, 64 << 20));
        let mut request = Request::new(kind, POINTS);
        for now in 0..10 {
            for first in (0..30_000).step_by(POINTS) {
                for number in 0..POINTS {
                    let (series, time) = (first + number as u64, EPOCH + now * 10 * SECOND);
                    request.set(
                        number,
                        Point {
                            series,
                            start: EPOCH,
                            time,
                            value: now + 1,
                        },
                    );
                }
                world.review(&request, now as u32 * 10);
            }
        }
        assert_eq!(world.live(), 30_000, "{kind:?}");
    }
}
