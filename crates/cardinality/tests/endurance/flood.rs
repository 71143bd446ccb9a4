//! Series that come often, and a flood of such that come once.

use super::traffic::{EPOCH, Kind, Point, Request, SECOND};
use super::world::{World, has_own_series, policy, settings};
use forebay_cardinality::limiter::{Admission, Policy};

const POINTS: usize = 500;
/// Numbers of series that come once begin here.
const ONCE: u64 = 1 << 40;

/// The share of the points of `real` series that keep their own, while nine of ten points are of these and the others of
/// series that come once; of those a burst comes before all others.
pub(crate) fn kept(kind: Kind, real: u64, once: u64) -> f64 {
    let policy = Policy {
        admission: Admission::HeavyHitters,
        ..policy(real as u32 * 2)
    };
    let mut world = World::new(settings(policy, 64 << 20));
    let mut random = fastrand::Rng::with_seed(1);
    let mut request = Request::new(kind, POINTS);
    let (mut of_real, mut own, mut junk) = (0_u64, 0_u64, 0);
    let burst = once / 10;
    for now in 0.. {
        for number in 0..POINTS {
            let series = if junk < burst || random.u8(..10) == 0 {
                junk += 1;
                ONCE + junk
            } else {
                random.u64(..real)
            };
            let (start, time) = (
                EPOCH,
                EPOCH + SECOND * (u64::from(now) * 1000 + number as u64) / 1000,
            );
            let value = 1 + u64::from(now) * POINTS as u64 + number as u64;
            request.set(
                number,
                Point {
                    series,
                    start,
                    time,
                    value,
                },
            );
            of_real += u64::from(series < ONCE);
        }
        let review = world.review(&request, now / 10);
        own += (0..POINTS)
            .filter(|number| request.series(*number) < ONCE && has_own_series(&review, *number))
            .count() as u64;
        if junk >= once {
            break;
        }
    }
    own as f64 / of_real as f64
}
