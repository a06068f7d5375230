//! Between which values a schedule moves.

use std::ops::RangeInclusive;

use super::{Schedule, WarmupStart};

impl Schedule {
    /// The lowest and the highest value that this takes or comes near, however long it is followed. Of a
    /// [sequence](Self::Sequential), those of its parts, whole.
    ///
    /// ```
    /// use sam_runtime::schedule::Schedule;
    ///
    /// let lr = Schedule::cosine(0.1, 0.01, 1000);
    /// assert_eq!(lr.range(), 0.01..=0.1);
    /// assert_eq!(lr.with_warmup(100).range(), 0.0..=0.1);
    /// ```
    pub fn range(&self) -> RangeInclusive<f64> {
        match *self {
            Self::Constant { value } => value..=value,
            Self::Linear { from, to, .. } | Self::Polynomial { from, to, .. } => between(from, to),
            Self::Cosine { max, min, .. } | Self::CosineRestarts { max, min, .. } => min..=max,
            Self::Step { base, gamma, .. } | Self::Exponential { base, gamma, .. } => {
                let end = if gamma < 1.0 { 0.0 } else { base };
                end..=base
            }
            Self::MultiStep {
                base,
                gamma,
                ref milestones,
            } => between(base, base * gamma.powf(milestones.len() as f64)),
            Self::OneCycle {
                max,
                div_factor,
                final_div_factor,
                ..
            } => {
                let first = max / div_factor;
                first.min(first / final_div_factor)..=max
            }
            Self::Noam {
                model_dim,
                warmup,
                factor,
            } => 0.0..=factor / (model_dim as f64 * warmup as f64).sqrt(),
            Self::Warmup {
                start,
                ref schedule,
                ..
            } => {
                let from = match start {
                    WarmupStart::Factor(factor) => factor * schedule.at(0),
                    WarmupStart::Value(value) => value,
                };
                both(from..=from, schedule.range())
            }
            Self::Sequential {
                ref phases,
                ref last,
            } => {
                let ranges = phases.iter().map(|phase| phase.schedule.range());
                ranges.fold(last.range(), both)
            }
        }
    }
}

fn between(a: f64, b: f64) -> RangeInclusive<f64> {
    a.min(b)..=a.max(b)
}

fn both(a: RangeInclusive<f64>, b: RangeInclusive<f64>) -> RangeInclusive<f64> {
    a.start().min(*b.start())..=a.end().max(*b.end())
}
