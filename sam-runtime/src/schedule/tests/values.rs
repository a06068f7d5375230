//! Values that are known without running a schedule, and the errors of schedules that make none.

use super::{super::Schedule, assert_close};

#[test]
fn ends_are_exact() {
    // Among these are pairs for which `from + (to - from)` isn't `to`.
    for low in [0.07, 0.03, 0.3e-7, 1.1e-3] {
        let high = 0.1;
        for schedule in [
            Schedule::linear(high, low, 7),
            Schedule::linear(low, high, 7),
            Schedule::cosine(high, low, 7),
            Schedule::polynomial(high, low, 7, 1.7),
        ] {
            let (from, to) = (schedule.at(0), schedule.at(7));
            assert_eq!((from.max(to), from.min(to)), (high, low));
            assert_eq!((schedule.at(8), schedule.at(u64::MAX)), (to, to));
        }
    }
}

#[test]
fn one_cycle_stays_at_its_end() {
    let schedule = Schedule::one_cycle(0.1, 100);
    assert_close(schedule.at(0), 0.004);
    assert_eq!(schedule.at(29), 0.1);
    for step in [99, 100, u64::MAX] {
        assert_close(schedule.at(step), 4e-7);
    }
}

#[test]
fn one_cycle_of_one_step_is_its_end() {
    assert_close(Schedule::one_cycle(1.0, 1).at(0), 4e-6);
}

#[test]
fn cosine_passes_its_quarters() {
    let schedule = Schedule::cosine(1.0, 0.0, 12);
    assert_close(schedule.at(4), 0.75);
    assert_close(schedule.at(6), 0.5);
    assert_close(schedule.at(8), 0.25);
}

#[test]
fn restarts_come_when_their_periods_end() {
    let schedule = Schedule::cosine_restarts(0.1, 0.02, 10, 3);
    for restart in [0, 10, 40, 130, 400] {
        assert_eq!(schedule.at(restart), 0.1);
        assert!(restart == 0 || schedule.at(restart - 1) < 0.03);
    }
    // 10 + 30 / 2
    assert_close(schedule.at(25), 0.06);
}

#[test]
fn exponential_spreads_gamma_over_its_period() {
    let schedule = Schedule::exponential_per(0.1, 0.25, 100);
    assert_close(schedule.at(50), 0.05);
    assert_close(schedule.at(100), 0.025);
    assert_close(schedule.at(150), 0.0125);
}

#[test]
fn multi_step_may_grow() {
    let schedule = Schedule::multi_step(0.05, 2.0, [10, 20]);
    assert_eq!(schedule.validate(), Ok(()));
    assert_eq!(schedule.at(9), 0.05);
    assert_eq!(schedule.at(u64::MAX), 0.2);
}

#[test]
fn noam_peaks_where_the_paper_does() {
    // The base model of the paper: d = 512, 4000 steps of warm-up, 1/√(512 · 4000) at the peak.
    let schedule = Schedule::noam(512, 4000, 1.0);
    let peak = 1.0 / (512.0_f64 * 4000.0).sqrt();
    assert_close(schedule.at(3999), peak);
    assert_close(schedule.at(1999), peak / 2.0);
    assert_close(schedule.at(15_999), peak / 2.0);
}

#[test]
fn warmup_starts_where_it_is_told() {
    let inner = Schedule::linear(0.8, 0.0, 10);
    assert_eq!(inner.clone().with_warmup(4).at(0), 0.0);
    assert_eq!(inner.clone().with_warmup(4).at(1), 0.2);
    assert_eq!(inner.clone().with_warmup_factor(0.5, 4).at(0), 0.4);
    assert_close(inner.clone().with_warmup_from(0.2, 4).at(2), 0.5);
    assert_eq!(inner.clone().with_warmup(4).at(4), 0.8);
    assert_eq!(inner.with_warmup(4).at(14), 0.0);
}

#[test]
fn then_counts_the_schedule_before_it() {
    let (a, b, c) = (1.0, 2.0, 3.0);
    let schedule = Schedule::constant(a)
        .then(10, Schedule::constant(b))
        .then(20, Schedule::constant(c));
    for (step, value) in [(0, a), (9, a), (10, b), (29, b), (30, c), (u64::MAX, c)] {
        assert_eq!(schedule.at(step), value);
    }
}

#[track_caller]
fn assert_error(schedule: Schedule, message: &str) {
    assert_eq!(schedule.validate().unwrap_err().to_string(), message);
}

#[test]
fn errors_name_field_value_and_what_is_allowed() {
    let lin = Schedule::linear;
    let amount = "must be finite and at least 0";
    assert_error(
        Schedule::constant(f64::NAN),
        &format!("`value` is NaN, but {amount}"),
    );
    assert_error(lin(-0.5, 0.0, 1), &format!("`from` is -0.5, but {amount}"));
    assert_error(
        lin(0.0, f64::INFINITY, 1),
        &format!("`to` is inf, but {amount}"),
    );
    assert_error(lin(1.0, 0.0, 0), "`steps` is 0, but must be at least 1");
    assert_error(
        Schedule::cosine(0.1, 0.2, 5),
        "`min` is 0.2, but must be at most `max`",
    );
    assert_error(
        Schedule::cosine_restarts(0.1, 0.0, 0, 1),
        "`first_period` is 0, but must be at least 1",
    );
    assert_error(
        Schedule::cosine_restarts(0.1, 0.0, 1, 0),
        "`period_multiplier` is 0, but must be at least 1",
    );
    assert_error(
        Schedule::step(0.1, 0.0, 1),
        "`gamma` is 0, but must be above 0 and at most 1",
    );
    assert_error(
        Schedule::step(0.1, 0.5, 0),
        "`every` is 0, but must be at least 1",
    );
    assert_error(
        Schedule::exponential(0.1, 1.1),
        "`gamma` is 1.1, but must be above 0 and at most 1",
    );
    assert_error(
        Schedule::multi_step(0.1, 0.5, [3, 7, 7]),
        "`milestones[2]` is 7, but must be above the milestone before it",
    );
    assert_error(
        Schedule::multi_step(0.1, 1e200, [3, 7]),
        &format!(
            "`gamma` is {}, but must be small enough that the value after the last milestone is \
             finite",
            1e200
        ),
    );
    assert_error(
        Schedule::polynomial(0.1, 0.0, 5, 0.0),
        "`power` is 0, but must be finite and above 0",
    );
    assert_error(
        Schedule::noam(0, 1, 1.0),
        "`model_dim` is 0, but must be at least 1",
    );
    assert_error(
        Schedule::constant(0.1).with_warmup_factor(1.5, 3),
        "`start.factor` is 1.5, but must be from 0 to 1",
    );
}

#[test]
fn one_cycle_never_leaves_its_peak_below() {
    let cycle = |div_factor, final_div_factor, pct_start| Schedule::OneCycle {
        max: 0.1,
        steps: 50,
        div_factor,
        final_div_factor,
        pct_start,
    };
    assert_eq!(cycle(25.0, 0.04, 0.0).validate(), Ok(()));
    assert_eq!(cycle(25.0, 0.04, 0.0).at(49), 0.1);
    for (invalid, field) in [
        (cycle(0.5, 1e4, 0.3), "div_factor"),
        (cycle(25.0, 0.03, 0.3), "final_div_factor"),
        (cycle(25.0, f64::NAN, 0.3), "final_div_factor"),
        (cycle(25.0, 1e4, 1.0), "pct_start"),
    ] {
        assert_eq!(invalid.validate().unwrap_err().field, field);
    }
}

#[test]
fn errors_tell_the_way_to_the_field() {
    let schedule = Schedule::constant(0.1)
        .then(5, Schedule::exponential(0.1, -0.5).with_warmup(3))
        .then(5, Schedule::constant(0.0));
    let error = schedule.validate().unwrap_err();
    assert_eq!(error.field, "phases[1].schedule.schedule.gamma");

    let schedule = Schedule::constant(0.1).then(0, Schedule::constant(0.0));
    assert_eq!(schedule.validate().unwrap_err().field, "phases[0].steps");

    let schedule = Schedule::constant(0.1).then(1, Schedule::constant(-1.0));
    assert_eq!(schedule.validate().unwrap_err().field, "last.value");
}

#[test]
fn a_range_ends_where_the_values_do() {
    let cosine = || Schedule::cosine(0.1, 0.01, 50);
    let schedules = [
        Schedule::constant(0.3),
        Schedule::linear(0.1, 0.4, 70),
        cosine(),
        Schedule::cosine_restarts(0.2, 0.05, 1000, 2),
        Schedule::step(0.1, 0.5, 10),
        Schedule::step(0.1, 1.0, 10),
        Schedule::multi_step(0.1, 2.0, [5, 9]),
        Schedule::multi_step(0.1, 0.3, [5, 9]),
        Schedule::exponential(0.1, 0.9),
        Schedule::polynomial(0.1, 0.02, 30, 2.0),
        Schedule::one_cycle(0.5, 1000),
        Schedule::noam(64, 100, 1.0),
        cosine().with_warmup(20),
        cosine().with_warmup_from(0.7, 20),
        cosine().with_warmup_factor(0.05, 20),
        Schedule::constant(0.2)
            .then(10, Schedule::linear(0.3, 0.1, 20))
            .then(30, cosine()),
    ];
    for schedule in schedules {
        let values: Vec<f64> = (0..100_000).map(|step| schedule.at(step)).collect();
        let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = values.iter().copied().fold(0.0, f64::max);
        let range = schedule.range();
        // Noam's has no end, and restarts come near theirs only.
        let near = 0.02 * range.end();
        assert!(
            (lowest - range.start()).abs() < near,
            "{schedule:?}: {lowest} {range:?}"
        );
        assert!(
            (highest - range.end()).abs() < near,
            "{schedule:?}: {highest} {range:?}"
        );
    }
}
