//! Numbers, times and speeds in few letters.

use std::time::Duration;

use super::super::metrics::names;

/// `start, loss 1.234, accuracy 56.1 %`.
pub(super) fn line<'a>(start: String, values: impl IntoIterator<Item = (&'a str, f64)>) -> String {
    match values_between(values, ", ") {
        values if values.is_empty() => start,
        values => format!("{start}, {values}"),
    }
}

/// `loss 1.234  accuracy 56.1 %`.
pub(super) fn values<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> String {
    values_between(values, "  ")
}

fn values_between<'a>(values: impl IntoIterator<Item = (&'a str, f64)>, between: &str) -> String {
    // Of another part of the data, a name has that before it: `validation accuracy`.
    let values =
        values.into_iter().map(
            |(name, value)| match name.rsplit(' ').next().unwrap_or(name) {
                names::ACCURACY | names::TOP5 if value.is_finite() => {
                    format!("{name} {:.1} %", value * 100.0)
                }
                names::LEARNING_RATE if name == names::LEARNING_RATE => {
                    format!("lr {}", number(value))
                }
                _ => format!("{} {}", name.replace('_', " "), number(value)),
            },
        );
    values.collect::<Vec<_>>().join(between)
}

/// Steps per second, or samples.
pub(super) fn rate(steps: f64, samples_per_step: Option<usize>) -> String {
    let (rate, unit) = match samples_per_step {
        Some(samples) => (steps * samples as f64, "samples"),
        None => (steps, "steps"),
    };
    match rate {
        rate if !rate.is_finite() => format!("? {unit}/s"),
        rate if rate >= 100.0 => format!("{rate:.0} {unit}/s"),
        rate => format!("{} {unit}/s", significant(rate, 3)),
    }
}

/// `4.2 s`, `17 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Four significant digits.
pub(super) fn number(x: f64) -> String {
    match x.abs() {
        size if !size.is_finite() || size == 0.0 => format!("{x}"),
        size if (1e-3..1e5).contains(&size) => significant(x, 4),
        _ => format!("{x:.3e}"),
    }
}

fn significant(x: f64, digits: i32) -> String {
    let before = if x == 0.0 {
        0
    } else {
        x.abs().log10().floor() as i32
    };
    let decimals = (digits - 1 - before).max(0) as usize;
    let text = format!("{x:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        for (x, text) in [
            (0.05, "0.05"),
            (2.30251, "2.303"),
            (99999.4, "99999"),
            (0.00123456, "0.001235"),
            (123456.0, "1.235e5"),
            (-1e-7, "-1.000e-7"),
            (0.0, "0"),
            (100.0, "100"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::MAX, "1.798e308"),
        ] {
            assert_eq!(number(x), text);
        }
        assert_eq!(
            values([
                ("accuracy", 0.5678),
                ("learning_rate", 0.1),
                ("gradient_norm", 12.0),
                ("top5", f64::NAN)
            ]),
            "accuracy 56.8 %  lr 0.1  gradient norm 12  top5 NaN"
        );
        assert_eq!(
            values([("validation accuracy", 0.5), ("test loss", 2.5)]),
            "validation accuracy 50.0 %  test loss 2.5"
        );
        assert_eq!(line("end".into(), []), "end");
    }

    #[test]
    fn times_and_speeds() {
        let shown = |seconds| duration(Duration::from_secs_f64(seconds));
        let spans = [0.0, 4.24, 9.96, 17.2, 59.7, 200.0, 7500.0].map(shown);
        assert_eq!(
            spans,
            [
                "0.0 s",
                "4.2 s",
                "10 s",
                "17 s",
                "1 min 0 s",
                "3 min 20 s",
                "2 h 5 min"
            ]
        );
        assert_eq!(rate(0.5, None), "0.5 steps/s");
        assert_eq!(rate(10.0, Some(128)), "1280 samples/s");
        assert_eq!(rate(f64::INFINITY, None), "? steps/s");
        assert_eq!(rate(0.0, None), "0 steps/s");
        assert!(!duration(Duration::MAX).is_empty());
    }
}
