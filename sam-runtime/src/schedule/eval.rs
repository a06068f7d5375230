//! The value at a step.

use std::f64::consts::PI;

use super::{Schedule, WarmupStart};

impl Schedule {
    /// The value at `step`, counted from 0.
    ///
    /// Never panics. Finite and at least 0 for every step if [`validate`](Self::validate) passes;
    /// otherwise the value means nothing.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Linear { from, to, steps } => between(from, to, progress(step, steps)),
            Self::Cosine { max, min, steps } => half_cosine(max, min, progress(step, steps)),
            Self::CosineRestarts {
                max,
                min,
                first_period,
                period_multiplier,
            } => {
                let (since, period) = restart(step, first_period, period_multiplier);
                half_cosine(max, min, progress(since, period))
            }
            Self::Step { base, gamma, every } => {
                let drops = step.checked_div(every).unwrap_or(0);
                base * gamma.powf(drops as f64)
            }
            Self::MultiStep {
                base,
                gamma,
                ref milestones,
            } => {
                let passed = milestones.partition_point(|&milestone| milestone <= step);
                base * gamma.powf(passed as f64)
            }
            Self::Exponential { base, gamma, per } => base * gamma.powf(step as f64 / per as f64),
            Self::Polynomial {
                from,
                to,
                steps,
                power,
            } => between(to, from, (1.0 - progress(step, steps)).powf(power)),
            Self::OneCycle {
                max,
                steps,
                div_factor,
                final_div_factor,
                pct_start,
            } => {
                let t = step as f64;
                // PyTorch puts both turning points one step early, and the peak between two
                // steps when the product isn't whole.
                let peak = pct_start * steps as f64 - 1.0;
                let end = steps as f64 - 1.0;
                if t < peak {
                    half_cosine(max / div_factor, max, t / peak)
                } else {
                    let last = max / (div_factor * final_div_factor);
                    half_cosine(max, last, share(t - peak, end - peak))
                }
            }
            Self::Noam {
                model_dim,
                warmup,
                factor,
            } => {
                let s = step as f64 + 1.0;
                let rise = s * (warmup as f64).powf(-1.5);
                factor * (model_dim as f64).powf(-0.5) * rise.min(s.powf(-0.5))
            }
            Self::Warmup {
                start,
                steps,
                ref schedule,
            } => match step.checked_sub(steps) {
                Some(since) => schedule.at(since),
                None => {
                    let target = schedule.at(0);
                    let from = match start {
                        WarmupStart::Factor(factor) => factor * target,
                        WarmupStart::Value(value) => value,
                    };
                    between(from, target, progress(step, steps))
                }
            },
            Self::Sequential {
                ref phases,
                ref last,
            } => {
                let mut since = step;
                for phase in phases {
                    match since.checked_sub(phase.steps) {
                        Some(rest) => since = rest,
                        None => return phase.schedule.at(since),
                    }
                }
                last.at(since)
            }
        }
    }
}

/// Share of `whole` that is done, from 0 to 1; 1 when there is nothing to do.
fn share(done: f64, whole: f64) -> f64 {
    if done < whole { done / whole } else { 1.0 }
}

fn progress(step: u64, steps: u64) -> f64 {
    share(step as f64, steps as f64)
}

/// The point at `share` of the way from `from` to `to`.
///
/// Exact at both ends, never outside of them, and monotone: rounding may cost any of these in the
/// plain formula.
fn between(from: f64, to: f64, share: f64) -> f64 {
    if share >= 1.0 {
        return to;
    }
    (from + (to - from) * share)
        .max(from.min(to))
        .min(from.max(to))
}

fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    between(from, to, (1.0 - (PI * share).cos()) / 2.0)
}

/// Steps since the last restart, and the length of the period that it began.
fn restart(step: u64, first_period: u64, period_multiplier: u64) -> (u64, u64) {
    let mut period = first_period.max(1);
    if period_multiplier <= 1 {
        return (step % period, period);
    }
    // At most 64 rounds, for the period at least doubles.
    let mut since = step;
    while let Some(rest) = since.checked_sub(period) {
        since = rest;
        period = period.saturating_mul(period_multiplier);
    }
    (since, period)
}
