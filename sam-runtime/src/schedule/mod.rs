//! Schedules: pure functions of the step number, for learning rate and rho alike.
//!
//! A [`Schedule`] holds no counter. Whoever trains owns the step number and asks for the value,
//! so a resumed run needs nothing but that number, and two schedules can never drift apart.
//!
//! ```
//! use sam_runtime::schedule::Schedule;
//!
//! let lr = Schedule::cosine(0.1, 0.0, 1000).with_warmup(100);
//! assert_eq!(lr.at(0), 0.0);
//! assert_eq!(lr.at(50), 0.05);
//! assert_eq!(lr.at(100), 0.1);
//! assert_eq!(lr.at(1100), 0.0);
//!
//! // Warm-up, plateau, decay.
//! let lr = Schedule::constant(0.1)
//!     .with_warmup(100)
//!     .then(900, Schedule::linear(0.1, 0.0, 200));
//! assert_eq!(lr.at(899), 0.1);
//! assert_eq!(lr.at(1000), 0.05);
//! ```
//!
//! Configuration files name the variant with `kind`; a number alone is a constant schedule. Reading one
//! validates it:
//!
//! ```
//! use sam_runtime::schedule::Schedule;
//!
//! let rho: Schedule = toml::from_str(
//!     r#"
//!     kind = "warmup"
//!     steps = 100
//!     start = { factor = 0.5 }
//!     schedule = 0.05
//!     "#,
//! )?;
//! assert_eq!(rho.at(0), 0.025);
//!
//! let error = toml::from_str::<Schedule>("kind = 'exponential'\nbase = 0.1\ngamma = -1.0");
//! assert!(error.unwrap_err().to_string().contains("`gamma` is -1"));
//! # Ok::<(), toml::de::Error>(())
//! ```

mod construct;
mod eval;
mod form;
mod range;
mod tied;
mod validate;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use tied::rho_of_learning_rate;
pub use validate::ScheduleError;

/// A value that depends on the step number and on nothing else.
///
/// Steps are counted from 0: [`at(0)`](Schedule::at) is the value of the first update. What a
/// step is (an update, an epoch) is the caller's choice. A schedule that has an end stays at its
/// final value after it, where PyTorch's class may rise again (`CosineAnnealingLR`) or fail
/// (`OneCycleLR`).
///
/// Below, `t` is the step and `T` the field `steps`.
///
/// ```
/// use sam_runtime::schedule::Schedule;
///
/// let lr = Schedule::cosine(0.1, 0.0, 1000);
/// assert_eq!((lr.at(0), lr.at(2000)), (0.1, 0.0));
/// assert!((lr.at(500) - 0.05).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// `value` at every step.
    Constant {
        /// The value.
        value: f64,
    },
    /// `from + (to - from) · t / T`, then `to`. PyTorch's `LinearLR` with absolute ends.
    Linear {
        /// Value at step 0.
        from: f64,
        /// Value from step `steps` on.
        to: f64,
        /// Steps between the two.
        steps: u64,
    },
    /// `min + (max - min) · (1 + cos(π t / T)) / 2`, then `min`. PyTorch's `CosineAnnealingLR`
    /// up to its `T_max`; Loshchilov & Hutter, SGDR (2017), equation 5 without restarts.
    Cosine {
        /// Value at step 0.
        max: f64,
        /// Value from step `steps` on; 0 if a configuration leaves it out.
        min: f64,
        /// Steps between the two.
        steps: u64,
    },
    /// `min + (max - min) · (1 + cos(π t_i / T_i)) / 2`, where `t_i` counts from the last restart,
    /// `T_0 = first_period` and `T_{i+1} = period_multiplier · T_i`. Loshchilov & Hutter, SGDR
    /// (2017), equation 5; PyTorch's `CosineAnnealingWarmRestarts`. Has no end.
    CosineRestarts {
        /// Value at step 0 and at every restart.
        max: f64,
        /// Value that each period falls towards; 0 if a configuration leaves it out.
        min: f64,
        /// Steps of the first period.
        first_period: u64,
        /// How many times longer each period is than the one before; 1 if a configuration leaves
        /// it out.
        period_multiplier: u64,
    },
    /// `base · gamma^⌊t / every⌋`. PyTorch's `StepLR`. Has no end, so `gamma` is at most 1.
    Step {
        /// Value at step 0.
        base: f64,
        /// Factor of each drop, above 0 and at most 1.
        gamma: f64,
        /// Steps from one drop to the next.
        every: u64,
    },
    /// `base · gamma^n`, where `n` is the number of milestones at or before `t`. PyTorch's
    /// `MultiStepLR`. `gamma` may exceed 1.
    MultiStep {
        /// Value before the first milestone.
        base: f64,
        /// Factor at each milestone.
        gamma: f64,
        /// The steps at which the value changes, in strictly increasing order.
        milestones: Vec<u64>,
    },
    /// `base · gamma^(t / per)`. PyTorch's `ExponentialLR` when `per` is 1. Has no end, so
    /// `gamma` is at most 1.
    Exponential {
        /// Value at step 0.
        base: f64,
        /// Factor per `per` steps, above 0 and at most 1.
        gamma: f64,
        /// Steps in which the value changes by `gamma`, smoothly; 1 if a configuration leaves it
        /// out.
        per: u64,
    },
    /// `to + (from - to) · (1 - t / T)^power`, then `to`. PyTorch's `PolynomialLR` when `to` is 0.
    Polynomial {
        /// Value at step 0.
        from: f64,
        /// Value from step `steps` on.
        to: f64,
        /// Steps between the two.
        steps: u64,
        /// The exponent; 1 is linear.
        power: f64,
    },
    /// Up from `max / div_factor` to `max`, then down to `max / (div_factor · final_div_factor)`,
    /// both along a half cosine. The peak is at `pct_start · T - 1` and the end at `T - 1`.
    /// Smith & Topin, Super-Convergence (2018); PyTorch's `OneCycleLR` with its default
    /// `three_phase=False` and `anneal_strategy="cos"`.
    OneCycle {
        /// The peak.
        max: f64,
        /// Steps of the whole cycle.
        steps: u64,
        /// `max` over the first value, at least 1; 25 if a configuration leaves it out.
        div_factor: f64,
        /// The first value over the final one; 10 000 if a configuration leaves it out. May be
        /// below 1, as long as the final value isn't above `max`.
        final_div_factor: f64,
        /// Share of the steps spent going up, at least 0 and below 1; 0.3 if a configuration
        /// leaves it out.
        pct_start: f64,
    },
    /// `factor · model_dim^(-1/2) · min(s^(-1/2), s · warmup^(-3/2))` with `s = t + 1`, since the
    /// paper counts steps from 1. Vaswani et al., Attention Is All You Need (2017), equation 3.
    /// The peak, `factor / √(model_dim · warmup)`, is at `t = warmup - 1`. Has no end.
    Noam {
        /// Width of the model.
        model_dim: u64,
        /// Steps of linear rise.
        warmup: u64,
        /// Scale of the whole schedule; 1 if a configuration leaves it out.
        factor: f64,
    },
    /// `start + (schedule(0) - start) · t / T` for `t < T`, then `schedule(t - T)`. PyTorch's
    /// `SequentialLR` of a `LinearLR` and another scheduler; Goyal et al., Accurate, Large
    /// Minibatch SGD (2017), section 2.2.
    Warmup {
        /// Value at step 0; factor 0 if a configuration leaves it out.
        start: WarmupStart,
        /// Steps of the warm-up.
        steps: u64,
        /// What follows, counted from its own step 0.
        schedule: Box<Schedule>,
    },
    /// One schedule after another, each counted from its own step 0; `last` goes on for ever.
    /// PyTorch's `SequentialLR`.
    Sequential {
        /// The schedules that end, in order.
        phases: Vec<Phase>,
        /// The schedule after them.
        last: Box<Schedule>,
    },
}

/// Where a warm-up starts.
///
/// ```
/// use sam_runtime::schedule::{Schedule, WarmupStart};
///
/// let from = |start| Schedule::Warmup {
///     steps: 10,
///     start,
///     schedule: Box::new(Schedule::constant(0.4)),
/// };
/// assert_eq!(from(WarmupStart::Factor(0.5)).at(0), 0.2);
/// assert_eq!(from(WarmupStart::Value(0.1)).at(0), 0.1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmupStart {
    /// This factor, from 0 to 1, of the following schedule's first value.
    Factor(f64),
    /// This value.
    Value(f64),
}

/// One part of [`Schedule::Sequential`]: a schedule and for how long it is followed.
///
/// ```
/// use sam_runtime::schedule::{Phase, Schedule};
///
/// let schedule = Schedule::Sequential {
///     phases: vec![Phase { schedule: Schedule::constant(0.1), steps: 100 }],
///     last: Box::new(Schedule::constant(0.01)),
/// };
/// assert_eq!((schedule.at(99), schedule.at(100)), (0.1, 0.01));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// What to follow, counted from its own step 0.
    pub schedule: Schedule,
    /// For how many steps.
    pub steps: u64,
}
