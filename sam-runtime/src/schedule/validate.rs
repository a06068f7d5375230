//! What makes a schedule valid.

use std::fmt::Display;

use super::{Phase, Schedule, WarmupStart};

const AMOUNT: &str = "finite and at least 0";
const COUNT: &str = "at least 1";

/// A field of a [`Schedule`] has a value that makes no sense.
///
/// ```
/// use sam_runtime::schedule::Schedule;
///
/// let error = Schedule::constant(f64::NAN).validate().unwrap_err();
/// assert!(error.to_string().contains("NaN"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}, but must be {allowed}")]
#[non_exhaustive]
pub struct ScheduleError {
    /// The field, with the way to it from the outermost schedule: `phases[1].schedule.gamma`.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

crate::debug::debug_as_display!(ScheduleError);

impl ScheduleError {
    fn inside(mut self, outer: impl Display) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

impl Schedule {
    /// Checks every field, those of inner schedules included. A valid schedule is finite and at
    /// least 0 at every step. Deserialising runs this by itself.
    ///
    /// # Errors
    /// The first field found that isn't allowed. Values are finite and at least 0, counts at
    /// least 1; the variants' fields say what else they ask for.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        match *self {
            Self::Constant { value } => amount("value", value),
            Self::Linear { from, to, steps } => {
                amount("from", from)?;
                amount("to", to)?;
                count("steps", steps)
            }
            Self::Cosine { max, min, steps } => {
                range(max, min)?;
                count("steps", steps)
            }
            Self::CosineRestarts {
                max,
                min,
                first_period,
                period_multiplier,
            } => {
                range(max, min)?;
                count("first_period", first_period)?;
                count("period_multiplier", period_multiplier)
            }
            Self::Step { base, gamma, every } => {
                amount("base", base)?;
                endless_gamma(gamma)?;
                count("every", every)
            }
            Self::MultiStep {
                base,
                gamma,
                ref milestones,
            } => multi_step(base, gamma, milestones),
            Self::Exponential { base, gamma, per } => {
                amount("base", base)?;
                endless_gamma(gamma)?;
                count("per", per)
            }
            Self::Polynomial {
                from,
                to,
                steps,
                power,
            } => {
                amount("from", from)?;
                amount("to", to)?;
                count("steps", steps)?;
                positive("power", power)
            }
            Self::OneCycle {
                max,
                steps,
                div_factor,
                final_div_factor,
                pct_start,
            } => {
                amount("max", max)?;
                count("steps", steps)?;
                ensure(
                    div_factor.is_finite() && div_factor >= 1.0,
                    "div_factor",
                    div_factor,
                    "finite and at least 1",
                )?;
                ensure(
                    final_div_factor.is_finite() && div_factor * final_div_factor >= 1.0,
                    "final_div_factor",
                    final_div_factor,
                    "finite and at least 1 / `div_factor`, so that the end isn't above `max`",
                )?;
                ensure(
                    (0.0..1.0).contains(&pct_start),
                    "pct_start",
                    pct_start,
                    "at least 0 and below 1",
                )
            }
            Self::Noam {
                model_dim,
                warmup,
                factor,
            } => {
                count("model_dim", model_dim)?;
                count("warmup", warmup)?;
                amount("factor", factor)
            }
            Self::Warmup {
                start,
                steps,
                ref schedule,
            } => {
                match start {
                    WarmupStart::Factor(factor) => ensure(
                        (0.0..=1.0).contains(&factor),
                        "start.factor",
                        factor,
                        "from 0 to 1",
                    ),
                    WarmupStart::Value(value) => amount("start.value", value),
                }?;
                count("steps", steps)?;
                schedule.validate().map_err(|e| e.inside("schedule"))
            }
            Self::Sequential {
                ref phases,
                ref last,
            } => {
                for (index, phase) in phases.iter().enumerate() {
                    phase
                        .validate()
                        .map_err(|e| e.inside(format_args!("phases[{index}]")))?;
                }
                last.validate().map_err(|e| e.inside("last"))
            }
        }
    }
}

impl Phase {
    fn validate(&self) -> Result<(), ScheduleError> {
        count("steps", self.steps)?;
        self.schedule.validate().map_err(|e| e.inside("schedule"))
    }
}

fn multi_step(base: f64, gamma: f64, milestones: &[u64]) -> Result<(), ScheduleError> {
    amount("base", base)?;
    positive("gamma", gamma)?;
    for (index, pair) in milestones.windows(2).enumerate() {
        ensure(
            pair[0] < pair[1],
            format_args!("milestones[{}]", index + 1),
            pair[1],
            "above the milestone before it",
        )?;
    }
    // The values before it lie between it and `base`.
    ensure(
        (base * gamma.powf(milestones.len() as f64)).is_finite(),
        "gamma",
        gamma,
        "small enough that the value after the last milestone is finite",
    )
}

fn ensure(
    holds: bool,
    field: impl Display,
    value: impl Display,
    allowed: &'static str,
) -> Result<(), ScheduleError> {
    if holds {
        return Ok(());
    }
    Err(ScheduleError {
        field: field.to_string(),
        value: value.to_string(),
        allowed,
    })
}

fn amount(field: &str, value: f64) -> Result<(), ScheduleError> {
    ensure(value.is_finite() && value >= 0.0, field, value, AMOUNT)
}

fn positive(field: &str, value: f64) -> Result<(), ScheduleError> {
    ensure(
        value.is_finite() && value > 0.0,
        field,
        value,
        "finite and above 0",
    )
}

fn count(field: &str, value: u64) -> Result<(), ScheduleError> {
    ensure(value >= 1, field, value, COUNT)
}

fn range(max: f64, min: f64) -> Result<(), ScheduleError> {
    amount("max", max)?;
    amount("min", min)?;
    ensure(min <= max, "min", min, "at most `max`")
}

/// Without an end, a factor above 1 would grow beyond every bound.
fn endless_gamma(gamma: f64) -> Result<(), ScheduleError> {
    ensure(
        gamma > 0.0 && gamma <= 1.0,
        "gamma",
        gamma,
        "above 0 and at most 1",
    )
}
