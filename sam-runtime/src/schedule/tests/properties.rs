//! What holds for every schedule and every step.

use proptest::{collection::btree_set, prelude::*};

use super::super::{Phase, Schedule, WarmupStart};

/// Few digits, as in a configuration: serde_json may miss the last bit of longer numbers unless it
/// is built with `float_roundtrip`.
fn amount() -> impl Strategy<Value = f64> + Clone {
    (0_u32..=20_000).prop_map(|n| f64::from(n) / 1000.0)
}

fn gamma() -> impl Strategy<Value = f64> + Clone {
    (1_u32..=1000).prop_map(|n| f64::from(n) / 1000.0)
}

/// TOML's integers end at `i64::MAX`.
fn count() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![4 => 1_u64..=200, 1 => 1_u64..=i64::MAX as u64]
}

fn step() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![2 => 0_u64..=1000, 1 => any::<u64>(), 1 => u64::MAX - 2..=u64::MAX]
}

fn high_low() -> impl Strategy<Value = (f64, f64)> {
    (amount(), amount()).prop_map(|(a, b)| (a.max(b), a.min(b)))
}

/// Schedules that never rise, with the two values that they stay between.
fn falling() -> impl Strategy<Value = (Schedule, f64, f64)> {
    let factors = (amount(), gamma());
    prop_oneof![
        (high_low(), count()).prop_map(|((a, b), n)| (Schedule::linear(a, b, n), a, b)),
        (high_low(), count()).prop_map(|((a, b), n)| (Schedule::cosine(a, b, n), a, b)),
        (high_low(), count(), 1_u32..50)
            .prop_map(|((a, b), n, p)| { (Schedule::polynomial(a, b, n, p.into()), a, b) }),
        (factors.clone(), count()).prop_map(|((a, g), n)| (Schedule::step(a, g, n), a, 0.0)),
        (factors.clone(), count()).prop_map(|((a, g), n)| (
            Schedule::exponential_per(a, g, n),
            a,
            0.0
        )),
        (factors, btree_set(count(), 0..5)).prop_map(|((a, g), m)| {
            let milestones = m.into_iter().collect::<Vec<_>>();
            (Schedule::multi_step(a, g, milestones), a, 0.0)
        }),
    ]
}

/// Single schedules with the two values that they stay between.
fn single() -> impl Strategy<Value = (Schedule, f64, f64)> {
    prop_oneof![
        3 => falling(),
        1 => amount().prop_map(|a| (Schedule::constant(a), a, a)),
        1 => (high_low(), count()).prop_map(|((a, b), n)| (Schedule::linear(b, a, n), a, b)),
        1 => (high_low(), count(), count())
            .prop_map(|((a, b), n, m)| (Schedule::cosine_restarts(a, b, n, m), a, b)),
        1 => (amount(), count(), 10_u32..500, 1_u32..1000, 0_u32..1000).prop_map(
            |(max, steps, div, final_div, pct)| {
                let cycle = Schedule::OneCycle {
                    max,
                    steps,
                    div_factor: f64::from(div),
                    final_div_factor: f64::from(final_div) / 10.0,
                    pct_start: f64::from(pct) / 1000.0,
                };
                (cycle, max, 0.0)
            },
        ),
        1 => (count(), count(), amount())
            .prop_map(|(d, w, f)| (Schedule::noam(d, w, f), f, 0.0)),
    ]
}

fn start() -> impl Strategy<Value = WarmupStart> {
    prop_oneof![
        gamma().prop_map(WarmupStart::Factor),
        amount().prop_map(WarmupStart::Value),
    ]
}

/// Any valid schedule.
fn schedule() -> impl Strategy<Value = Schedule> {
    single()
        .prop_map(|(s, ..)| s)
        .prop_recursive(3, 12, 4, |inner| {
            let phase =
                (inner.clone(), count()).prop_map(|(schedule, steps)| Phase { schedule, steps });
            prop_oneof![
                (start(), count(), inner.clone()).prop_map(|(start, steps, inner)| {
                    Schedule::Warmup {
                        start,
                        steps,
                        schedule: Box::new(inner),
                    }
                }),
                (proptest::collection::vec(phase, 0..4), inner).prop_map(|(phases, last)| {
                    Schedule::Sequential {
                        phases,
                        last: Box::new(last),
                    }
                }),
            ]
        })
}

/// Any number at all, but often one that a field allows.
fn wild() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        any::<f64>(),
        0.0..=1.0,
        1.0..=1e4,
        proptest::sample::select(vec![
            0.0,
            1.0,
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            f64::NAN
        ]),
    ]
}

fn wild_count() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![0_u64..=3, any::<u64>(), Just(u64::MAX)]
}

/// Schedules of any kind, valid or not.
fn unchecked() -> impl Strategy<Value = Schedule> {
    let numbers = (wild(), wild(), wild(), wild());
    let counts = (wild_count(), wild_count());
    (0..12, numbers, counts).prop_map(|(kind, (a, b, c, d), (m, n))| match kind {
        0 => Schedule::constant(a),
        1 => Schedule::linear(a, b, n),
        2 => Schedule::cosine(a, b, n),
        3 => Schedule::cosine_restarts(a, b, m, n),
        4 => Schedule::step(a, b, n),
        5 => Schedule::multi_step(a, b, [m, n]),
        6 => Schedule::exponential_per(a, b, n),
        7 => Schedule::polynomial(a, b, n, c),
        8 => Schedule::OneCycle {
            max: a,
            steps: n,
            div_factor: b,
            final_div_factor: c,
            pct_start: d,
        },
        9 => Schedule::noam(m, n, a),
        10 => Schedule::linear(a, b, m).with_warmup_from(c, n),
        _ => Schedule::cosine(a, b, m).then(n, Schedule::noam(m, n, c).with_warmup_factor(d, n)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn never_panics_and_is_finite_if_valid(schedule in unchecked(), step in step()) {
        let value = schedule.at(step);
        if schedule.validate().is_ok() {
            prop_assert!(value.is_finite() && value >= 0.0, "{value}");
        }
    }

    #[test]
    fn valid_at_every_depth(schedule in schedule(), step in step()) {
        prop_assert_eq!(schedule.validate(), Ok(()));
        let value = schedule.at(step);
        prop_assert!(value.is_finite() && value >= 0.0, "{value}");
    }

    #[test]
    fn stays_between_its_ends((schedule, high, low) in single(), step in step()) {
        let value = schedule.at(step);
        prop_assert!(low <= value && value <= high, "{value}");
    }

    #[test]
    fn a_range_holds_all_values(schedule in schedule(), steps in proptest::collection::vec(step(), 1..20)) {
        let (lowest, highest) = schedule.range().into_inner();
        let slack = highest * 1e-14;
        for step in steps {
            let value = schedule.at(step);
            prop_assert!(lowest - slack <= value && value <= highest + slack, "{value}");
        }
    }

    #[test]
    fn falls((schedule, high, _) in falling(), a in step(), b in step()) {
        // The library's cos and pow are only nearly monotone.
        let slack = high * 1e-14;
        prop_assert!(schedule.at(a.min(b)) + slack >= schedule.at(a.max(b)));
    }

    #[test]
    fn depends_on_the_step_alone(schedule in schedule(), a in step(), b in step()) {
        let first = schedule.at(a);
        schedule.at(b);
        prop_assert_eq!(first.to_bits(), schedule.clone().at(a).to_bits());
    }

    #[test]
    fn warmup_joins_what_follows(
        (inner, high, _) in single(),
        start in amount(),
        steps in 1_u64..=1000,
        after in step(),
    ) {
        let target = inner.at(0);
        let warmed = inner.clone().with_warmup_from(start, steps);
        prop_assert_eq!(warmed.at(0), start);
        let mut before = start;
        for step in 1..=steps {
            let value = warmed.at(step);
            // Every step, the one over the joint included, is as long as the others.
            let slope = (target - start) / steps as f64;
            prop_assert!((value - before - slope).abs() <= 1e-12 * (high + start + 1.0));
            before = value;
        }
        prop_assert_eq!(before, target);
        prop_assert_eq!(warmed.at(steps.saturating_add(after)), inner.at(after.min(u64::MAX - steps)));
    }

    #[test]
    fn sequence_counts_each_from_its_own_start(
        parts in proptest::collection::vec((schedule(), 1_u64..=1000), 1..4),
        last in schedule(),
        after in 0_u64..=1000,
    ) {
        let phases = parts.iter().cloned().map(|(schedule, steps)| Phase { schedule, steps });
        let sequence = Schedule::Sequential {
            phases: phases.collect(),
            last: Box::new(last.clone()),
        };
        let mut begin = 0;
        for (part, steps) in &parts {
            for since in [0, after % steps, steps - 1] {
                prop_assert_eq!(sequence.at(begin + since), part.at(since));
            }
            begin += steps;
        }
        prop_assert_eq!(sequence.at(begin + after), last.at(after));
    }

    #[test]
    fn sequence_of_touching_lines_has_no_jump(
        (a, b, c) in (amount(), amount(), amount()),
        (m, n) in (1_u64..=1000, 1_u64..=1000),
    ) {
        let line = Schedule::linear(a, b, m).then(m, Schedule::linear(b, c, n));
        let steepest = ((b - a) / m as f64).abs().max(((c - b) / n as f64).abs());
        for step in 0..m + n {
            prop_assert!((line.at(step + 1) - line.at(step)).abs() <= steepest + 1e-12);
        }
    }

    #[test]
    fn round_trips_through_json_and_toml(schedule in schedule()) {
        let json = serde_json::to_string(&schedule).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Schedule>(&json).unwrap(), &schedule);
        let toml = toml::to_string(&schedule).unwrap();
        prop_assert_eq!(&toml::from_str::<Schedule>(&toml).unwrap(), &schedule);
    }
}
