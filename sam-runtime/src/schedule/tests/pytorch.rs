//! PyTorch's schedulers carry the value from step to step. These tests run its recurrences (from
//! `torch/optim/lr_scheduler.py`) beside our closed forms, and repeat the targets of its own tests.

use std::f64::consts::PI;

use super::{super::Schedule, assert_close};

/// Compares with the recurrence `lr[t] = next(t, lr[t - 1])`.
#[track_caller]
fn assert_recurrence(schedule: &Schedule, start: f64, steps: u64, next: impl Fn(f64, f64) -> f64) {
    let mut lr = start;
    assert_close(schedule.at(0), lr);
    for t in 1..=steps {
        lr = next(t as f64, lr);
        assert_close(schedule.at(t), lr);
    }
}

#[track_caller]
fn assert_targets(schedule: &Schedule, targets: &[f64]) {
    for (t, &target) in targets.iter().enumerate() {
        assert_close(schedule.at(t as u64), target);
    }
}

#[test]
fn linear_is_linear_lr() {
    let (base, start, end, total) = (0.5, 0.2, 0.7, 9);
    let schedule = Schedule::linear(base * start, base * end, total);
    assert_recurrence(&schedule, base * start, 20, |t, lr| {
        if t > total as f64 {
            return lr;
        }
        lr * (1.0 + (end - start) / (total as f64 * start + (t - 1.0) * (end - start)))
    });
}

#[test]
fn cosine_is_cosine_annealing_lr() {
    let (base, eta_min, t_max) = (0.05, 1e-10, 10);
    let schedule = Schedule::cosine(base, eta_min, t_max);
    assert_recurrence(&schedule, base, t_max, |t, lr| {
        let cos = |t: f64| (PI * t / t_max as f64).cos();
        (1.0 + cos(t)) / (1.0 + cos(t - 1.0)) * (lr - eta_min) + eta_min
    });
}

#[test]
fn cosine_restarts_is_cosine_annealing_warm_restarts() {
    for t_mult in [1, 2, 4] {
        let (base, eta_min, mut t_i, mut t_cur) = (0.5, 1e-10, 10, 0);
        let schedule = Schedule::cosine_restarts(base, eta_min, t_i, t_mult);
        for t in 0..300 {
            let cos = (PI * t_cur as f64 / t_i as f64).cos();
            assert_close(
                schedule.at(t),
                eta_min + (base - eta_min) * (1.0 + cos) / 2.0,
            );
            t_cur += 1;
            if t_cur >= t_i {
                t_cur -= t_i;
                t_i *= t_mult;
            }
        }
    }
}

#[test]
fn step_is_step_lr() {
    let schedule = Schedule::step(0.05, 0.1, 3);
    assert_recurrence(&schedule, 0.05, 30, |t, lr| {
        if t % 3.0 == 0.0 { lr * 0.1 } else { lr }
    });
}

#[test]
fn multi_step_is_multi_step_lr() {
    let schedule = Schedule::multi_step(0.05, 0.1, [2, 5, 9]);
    let targets = [0.05; 2]
        .into_iter()
        .chain([0.005; 3])
        .chain([0.0005; 4])
        .chain([0.00005; 3]);
    assert_targets(&schedule, &targets.collect::<Vec<_>>());
}

#[test]
fn exponential_is_exponential_lr() {
    let schedule = Schedule::exponential(0.05, 0.9);
    assert_recurrence(&schedule, 0.05, 200, |_, lr| lr * 0.9);
}

#[test]
fn polynomial_is_polynomial_lr() {
    let (base, power, total) = (0.05, 0.9, 5);
    let schedule = Schedule::polynomial(base, 0.0, total, power);
    assert_recurrence(&schedule, base, 10, |t, lr| {
        if t > total as f64 {
            return lr;
        }
        let left = |t: f64| 1.0 - t / total as f64;
        lr * (left(t) / left(t - 1.0)).powf(power)
    });
}

#[test]
fn one_cycle_is_one_cycle_lr() {
    let schedule = Schedule::OneCycle {
        max: 25.0,
        steps: 10,
        div_factor: 25.0,
        final_div_factor: 2.0,
        pct_start: 0.3,
    };
    let down = |pct: f64| 0.5 + (25.0 - 0.5) / 2.0 * ((PI * pct).cos() + 1.0);
    let mut targets = vec![1.0, 13.0, 25.0];
    targets.extend((1..7).map(|t| down(t as f64 / 7.0)));
    targets.push(0.5);
    assert_targets(&schedule, &targets);
}

#[test]
fn one_cycle_peaks_between_steps_as_one_cycle_lr() {
    // With 8 steps PyTorch's peak is at 0.3 · 8 - 1 = 1.4, its end at 7.
    let schedule = Schedule::one_cycle(1.0, 8);
    let cos = |from: f64, to: f64, pct: f64| to + (from - to) / 2.0 * ((PI * pct).cos() + 1.0);
    let (initial, last) = (0.04, 0.04 / 1e4);
    assert_close(schedule.at(0), initial);
    assert_close(schedule.at(1), cos(initial, 1.0, 1.0 / 1.4));
    assert_close(schedule.at(2), cos(1.0, last, 0.6 / 5.6));
    assert_close(schedule.at(6), cos(1.0, last, 4.6 / 5.6));
    assert_close(schedule.at(7), last);
}

#[test]
fn sequential_is_sequential_lr() {
    let schedule = Schedule::constant(0.005)
        .then(3, Schedule::exponential(0.05, 0.8))
        .then(3, Schedule::step(0.05, 0.1, 2));
    let targets = [
        0.005, 0.005, 0.005, 0.05, 0.04, 0.032, 0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005,
    ];
    assert_targets(&schedule, &targets);
}

#[test]
fn warmup_is_sequential_lr_of_linear_lr() {
    let (base, start, total) = (0.4, 0.25, 8);
    let schedule = Schedule::exponential(base, 0.9).with_warmup_factor(start, total);
    assert_recurrence(&schedule, base * start, 40, |t, lr| {
        if t > total as f64 {
            return lr * 0.9;
        }
        lr * (1.0 + (1.0 - start) / (total as f64 * start + (t - 1.0) * (1.0 - start)))
    });
}
