//! Constructors. They never fail; [`Schedule::validate`] judges what they were given.

use super::{Phase, Schedule, WarmupStart};

/// PyTorch's defaults of `OneCycleLR`, here and for configurations.
pub(super) const DIV_FACTOR: f64 = 25.0;
pub(super) const FINAL_DIV_FACTOR: f64 = 1e4;
pub(super) const PCT_START: f64 = 0.3;

impl Schedule {
    /// `value` at every step.
    pub fn constant(value: f64) -> Self {
        Self::Constant { value }
    }

    /// `from + (to - from) · t / steps`, then `to`: PyTorch's `LinearLR` with absolute ends.
    pub fn linear(from: f64, to: f64, steps: u64) -> Self {
        Self::Linear { from, to, steps }
    }

    /// `min + (max - min) · (1 + cos(π t / steps)) / 2`, then `min`: PyTorch's
    /// `CosineAnnealingLR` up to its `T_max`.
    pub fn cosine(max: f64, min: f64, steps: u64) -> Self {
        Self::Cosine { max, min, steps }
    }

    /// [`cosine`](Self::cosine) that starts anew after `first_period` steps and then after
    /// periods that grow by `period_multiplier`: Loshchilov & Hutter, SGDR (2017); PyTorch's
    /// `CosineAnnealingWarmRestarts(T_0, T_mult)`.
    pub fn cosine_restarts(max: f64, min: f64, first_period: u64, period_multiplier: u64) -> Self {
        Self::CosineRestarts {
            max,
            min,
            first_period,
            period_multiplier,
        }
    }

    /// `base · gamma^⌊t / every⌋`: PyTorch's `StepLR`.
    pub fn step(base: f64, gamma: f64, every: u64) -> Self {
        Self::Step { base, gamma, every }
    }

    /// `base · gamma^n`, where `n` is the number of milestones at or before `t`: PyTorch's
    /// `MultiStepLR`.
    pub fn multi_step(base: f64, gamma: f64, milestones: impl Into<Vec<u64>>) -> Self {
        Self::MultiStep {
            base,
            gamma,
            milestones: milestones.into(),
        }
    }

    /// `base · gamma^t`: PyTorch's `ExponentialLR`.
    pub fn exponential(base: f64, gamma: f64) -> Self {
        Self::exponential_per(base, gamma, 1)
    }

    /// `base · gamma^(t / per)`: Keras' `ExponentialDecay(decay_steps=per)`, which falls smoothly
    /// where [`step`](Self::step) drops.
    pub fn exponential_per(base: f64, gamma: f64, per: u64) -> Self {
        Self::Exponential { base, gamma, per }
    }

    /// `to + (from - to) · (1 - t / steps)^power`, then `to`: PyTorch's `PolynomialLR` when `to`
    /// is 0, Keras' `PolynomialDecay` otherwise.
    pub fn polynomial(from: f64, to: f64, steps: u64, power: f64) -> Self {
        Self::Polynomial {
            from,
            to,
            steps,
            power,
        }
    }

    /// Up to `max` and down again along half cosines, within `steps`: the learning rate of PyTorch's
    /// `OneCycleLR` with its `div_factor` of 25, `final_div_factor` of 10 000 and `pct_start` of 0.3. Build
    /// [`Schedule::OneCycle`] itself for others. A schedule is one number: the momentum stays, which PyTorch
    /// cycles against the learning rate unless told `cycle_momentum=False`.
    pub fn one_cycle(max: f64, steps: u64) -> Self {
        Self::OneCycle {
            max,
            steps,
            div_factor: DIV_FACTOR,
            final_div_factor: FINAL_DIV_FACTOR,
            pct_start: PCT_START,
        }
    }

    /// `factor · model_dim^(-1/2) · min(s^(-1/2), s · warmup^(-3/2))` with `s = t + 1`: Vaswani
    /// et al., Attention Is All You Need (2017), equation 3.
    pub fn noam(model_dim: u64, warmup: u64, factor: f64) -> Self {
        Self::Noam {
            model_dim,
            warmup,
            factor,
        }
    }

    /// Rises linearly from 0 to this schedule's first value within `steps`, then follows it from
    /// its own step 0. The very first step has value 0, as in most Transformer recipes;
    /// [`with_warmup_factor`](Self::with_warmup_factor) and
    /// [`with_warmup_from`](Self::with_warmup_from) start elsewhere.
    #[must_use]
    pub fn with_warmup(self, steps: u64) -> Self {
        self.with_warmup_factor(0.0, steps)
    }

    /// [`with_warmup`](Self::with_warmup) that starts at `start_factor` times this schedule's
    /// first value: PyTorch's `LinearLR(start_factor, total_iters=steps)` before it.
    #[must_use]
    pub fn with_warmup_factor(self, start_factor: f64, steps: u64) -> Self {
        self.warmed_up(WarmupStart::Factor(start_factor), steps)
    }

    /// [`with_warmup`](Self::with_warmup) that starts at the value `start`: timm's `--warmup-lr`
    /// with `--warmup-prefix`.
    #[must_use]
    pub fn with_warmup_from(self, start: f64, steps: u64) -> Self {
        self.warmed_up(WarmupStart::Value(start), steps)
    }

    fn warmed_up(self, start: WarmupStart, steps: u64) -> Self {
        Self::Warmup {
            start,
            steps,
            schedule: Box::new(self),
        }
    }

    /// Follows this schedule for `steps`, then `next` from its own step 0: PyTorch's
    /// `SequentialLR`. In a chain each count belongs to the schedule named just before it:
    /// `a.then(10, b).then(20, c)` is 10 steps of `a`, 20 of `b`, and `c` from step 30 on. The count
    /// of a schedule with warm-up includes the warm-up.
    #[must_use]
    pub fn then(self, steps: u64, next: Schedule) -> Self {
        let (mut phases, schedule) = match self {
            Self::Sequential { phases, last } => (phases, *last),
            single => (Vec::new(), single),
        };
        phases.push(Phase { schedule, steps });
        Self::Sequential {
            phases,
            last: Box::new(next),
        }
    }
}
