//! Medians over rounds, and the table.

use super::{Cell, Expect, Measurement, Scenario, SystemSpec};
use crate::units;
use serde::Serialize;
use std::fmt::Write;

/// What a run has found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// Measured seconds per cell and round.
    pub seconds: f64,
    /// Rounds.
    pub rounds: usize,
    /// Processors of the machine, shared by generator, system and sink.
    pub processors: usize,
    /// One row per cell and system.
    pub rows: Vec<Row>,
    /// Systems that did not run and expectations that did not hold.
    pub failures: Vec<String>,
}

/// A system in a cell.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The cell.
    pub cell: Cell,
    /// The system's name.
    pub system: String,
    /// CPU per item over that of the first system in the same cell.
    pub over_first: Option<f64>,
    /// Medians over the rounds, each figure by itself.
    pub median: Measurement,
    /// Every round.
    pub rounds: Vec<Measurement>,
}

impl Outcome {
    pub(super) fn new(scenario: &Scenario) -> Outcome {
        Outcome {
            scenario: scenario.name.clone(),
            seconds: scenario.seconds.as_secs_f64(),
            rounds: scenario.rounds,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, scenario: &Scenario, cell: &Cell, spec: &SystemSpec, one: Measurement) {
        for expect in scenario
            .expect
            .iter()
            .filter(|expect| expect.is_about(&spec.name, cell))
        {
            self.failures
                .extend(broken(expect, &one).map(|what| format!("{}: {cell}: {what}", spec.name)));
        }
        let found = self
            .rows
            .iter_mut()
            .find(|row| row.cell == *cell && row.system == spec.name);
        match found {
            Some(row) => {
                row.rounds.push(one);
                row.median = median(&row.rounds);
            }
            None => self.rows.push(Row {
                cell: cell.clone(),
                system: spec.name.clone(),
                over_first: None,
                median: one.clone(),
                rounds: vec![one],
            }),
        }
        self.compare(scenario, cell);
    }

    /// Compares with the first system of the scenario; without its figures there is nothing to compare with.
    fn compare(&mut self, scenario: &Scenario, cell: &Cell) {
        let is_first = |row: &&Row| {
            scenario
                .systems
                .first()
                .is_some_and(|first| first.name == row.system)
        };
        let rows = || self.rows.iter().filter(|row| row.cell == *cell);
        let first = rows().find(is_first).map(|row| row.median.cpu_us_per_item);
        for row in self.rows.iter_mut().filter(|row| row.cell == *cell) {
            row.over_first = first.map(|first| row.median.cpu_us_per_item / first);
        }
    }

    /// Checks, at the end, what is expected of the medians.
    pub(super) fn judge(&mut self, scenario: &Scenario) {
        let rows = self.rows.iter();
        let pairs = rows.flat_map(|row| scenario.expect.iter().map(move |expect| (row, expect)));
        let failures: Vec<_> = pairs
            .filter(|(row, expect)| expect.is_about(&row.system, &row.cell))
            .flat_map(|(row, expect)| row.dear(expect))
            .collect();
        self.failures.extend(failures);
    }

    /// The table in Markdown, and the failures below it.
    pub fn markdown(&self) -> String {
        let mut out = format!(
            "{}: medians of {} rounds of {} s, {} processors\n\n",
            self.scenario, self.rounds, self.seconds, self.processors
        );
        out.push_str(HEADER);
        for row in &self.rows {
            row.write(&mut out);
        }
        for failure in &self.failures {
            // Writing to a String cannot fail.
            let _never = writeln!(out, "\nFAILED {failure}");
        }
        out
    }
}

const HEADER: &str = "\
| cell | system | CPU us/item | over first | delivered/s | acknowledged/s | start ms | idle MiB | peak MiB | drift % | p50 ms | p99 ms | p99.9 ms | lost | duplicates | refused (with delay) | failed |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

impl Row {
    /// The expectations of CPU time that the medians do not meet.
    fn dear(&self, expect: &Expect) -> impl Iterator<Item = String> {
        let cpu = self.median.cpu_us_per_item;
        let ratio = self.over_first.unwrap_or(f64::NAN);
        let above = cpu - cpu / ratio;
        let too_far = expect
            .cpu_above_first_max
            .filter(|most| above > *most || above.is_nan());
        let too_often = expect
            .cpu_over_first_max
            .filter(|most| ratio > *most || ratio.is_nan());
        let name = format!("{}: {}", self.system, self.cell);
        let far = too_far
            .map(|most| format!("{name}: {above:.3} us per item above the first system, allowed {most}"));
        let often =
            too_often.map(|most| format!("{name}: {ratio:.2} times the first system, allowed {most}"));
        far.into_iter().chain(often)
    }

    fn write(&self, out: &mut String) {
        let m = &self.median;
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let ms = |us: f64| us / 1e3;
        // Writing to a String cannot fail.
        let _never = write!(
            out,
            "| {} | {} | {:.3} | {:.2} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} ",
            self.cell,
            self.system,
            m.cpu_us_per_item,
            self.over_first.unwrap_or(f64::NAN),
            m.delivered_per_second,
            m.acknowledged_per_second,
            m.start_ms,
            mib(m.idle_rss),
            mib(m.peak_rss),
            m.rss_drift * 100.0,
        );
        let _never = writeln!(
            out,
            "| {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} ({:.0}) | {:.0} |",
            ms(m.p50_us),
            ms(m.p99_us),
            ms(m.p999_us),
            m.lost,
            m.duplicates,
            m.refused,
            m.refused_with_delay,
            m.failed,
        );
    }
}

fn median(rounds: &[Measurement]) -> Measurement {
    let of = |figure: fn(&Measurement) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values
            .get(values.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(f64::NAN)
    };
    Measurement {
        cpu_us_per_item: of(|m| m.cpu_us_per_item),
        delivered_per_second: of(|m| m.delivered_per_second),
        acknowledged_per_second: of(|m| m.acknowledged_per_second),
        start_ms: of(|m| m.start_ms),
        idle_rss: of(|m| m.idle_rss),
        peak_rss: of(|m| m.peak_rss),
        rss_drift: of(|m| m.rss_drift),
        p50_us: of(|m| m.p50_us),
        p99_us: of(|m| m.p99_us),
        p999_us: of(|m| m.p999_us),
        // Loss is never a matter of the median.
        lost: rounds.iter().map(|m| m.lost).sum(),
        duplicates: rounds.iter().map(|m| m.duplicates).sum(),
        refused: of(|m| m.refused),
        refused_with_delay: of(|m| m.refused_with_delay),
        failed: of(|m| m.failed),
        given_up: of(|m| m.given_up),
        generator_us_per_item: of(|m| m.generator_us_per_item),
    }
}

/// The expectations that a measurement does not meet.
fn broken(expect: &Expect, one: &Measurement) -> impl Iterator<Item = String> {
    let peak_max = expect
        .peak_rss_max
        .as_deref()
        .and_then(|size| units::size(size).ok());
    let peak = peak_max
        .filter(|most| one.peak_rss > *most as f64)
        .map(|most| format!("peak RSS {} is above {most}", one.peak_rss));
    let drift = expect
        .rss_drift_max
        .filter(|most| one.rss_drift.abs() > *most || one.rss_drift.is_nan())
        .map(|most| format!("resident memory moved by {:.4}, allowed {most}", one.rss_drift));
    let lost = expect
        .lost_max
        .filter(|most| one.lost > *most as f64)
        .map(|most| format!("{} acknowledged items lost, allowed {most}", one.lost));
    let unhelpful = one.refused == 0.0 || one.refused_with_delay < one.refused;
    let refusals = (expect.refusals_retryable_with_delay && unhelpful).then(|| {
        format!(
            "{} refusals, {} retryable with a delay",
            one.refused, one.refused_with_delay
        )
    });
    [peak, drift, lost, refusals].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(cpu: f64) -> Measurement {
        Measurement {
            cpu_us_per_item: cpu,
            lost: 1.0,
            ..Measurement::default()
        }
    }

    #[test]
    fn medians_compare_with_the_first_system_and_losses_add_up() {
        let text = "name='t'\ncells=[{}]\nsystems=[{name='a',command='a'},{name='b',command='b'}]";
        let scenario = Scenario::parse(text).unwrap();
        let cell = scenario.cells().remove(0);
        let mut outcome = Outcome::new(&scenario);
        for (a, b) in [(1.0, 2.0), (9.0, 18.0), (2.0, 3.0)] {
            outcome.add(&scenario, &cell, &scenario.systems[0], one(a));
            outcome.add(&scenario, &cell, &scenario.systems[1], one(b));
        }
        assert_eq!(outcome.rows[1].median.cpu_us_per_item, 3.0);
        assert_eq!(outcome.rows[1].over_first, Some(1.5));
        assert_eq!(outcome.rows[0].median.lost, 3.0);
        assert!(outcome.markdown().contains("| b | 3.000 | 1.50 |"));
    }

    #[test]
    fn expectations_of_cpu_time_are_checked_by_the_medians() {
        let text = "name='t'\ncells=[{}]\nsystems=[{name='a',command='a'},{name='b',command='b'}]
            expect=[{system='b',cpu_above_first_max=0.5},{system='b',cpu_over_first_max=1.4}]";
        let scenario = Scenario::parse(text).unwrap();
        let cell = scenario.cells().remove(0);
        let failures = |b: f64| {
            let mut outcome = Outcome::new(&scenario);
            for (system, cpu) in [(0, 1.0), (1, b), (1, 9.0), (1, 0.0)] {
                outcome.add(&scenario, &cell, &scenario.systems[system], one(cpu));
            }
            outcome.judge(&scenario);
            outcome.failures.len()
        };
        assert_eq!((failures(1.3), failures(1.45), failures(1.6)), (0, 1, 2));
    }

    #[test]
    fn an_expectation_may_be_about_some_cells_only() {
        let text = "name='t'\ncells=[{items=[10,100]}]\nsystems=[{name='a',command='a'}]
            expect=[{system='a',cell='100 traces',lost_max=0}]";
        let scenario = Scenario::parse(text).unwrap();
        let mut outcome = Outcome::new(&scenario);
        for cell in scenario.cells() {
            outcome.add(&scenario, &cell, &scenario.systems[0], one(1.0));
        }
        assert_eq!(outcome.failures.len(), 1);
        assert!(
            outcome.failures[0].contains("100 traces"),
            "{:?}",
            outcome.failures
        );
    }

    #[test]
    fn expectations_are_checked() {
        let text = "system='a'\npeak_rss_max='1MiB'\nrss_drift_max=0.01\nlost_max=0\nrefusals_retryable_with_delay=true";
        let expect: Expect = toml::from_str(text).unwrap();
        let bad = Measurement {
            peak_rss: 2e6,
            rss_drift: -0.02,
            lost: 1.0,
            refused: 2.0,
            refused_with_delay: 1.0,
            ..one(1.0)
        };
        assert_eq!(broken(&expect, &bad).count(), 4);
        let good = Measurement {
            peak_rss: 1e6,
            rss_drift: 0.005,
            lost: 0.0,
            refused: 2.0,
            refused_with_delay: 2.0,
            ..one(1.0)
        };
        assert_eq!(broken(&expect, &good).count(), 0);
    }
}
