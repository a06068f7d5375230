//! A learning rate that grows from step to step.

use std::error::Error;

use dfdx::{prelude::*, tensor_ops::Device};

use super::{FinderError, Sweep, restored::Restored, sweep::shown};

/// The learning rate range test (Smith, [Cyclical learning rates for training neural networks](https://arxiv.org/abs/1506.01186),
/// 2017, section 3.3): steps of training with a learning rate that grows by the same factor each time, until the loss
/// diverges.
///
/// It suggests the smaller one of where the loss falls fastest over the logarithm of the learning rate, and a tenth of where it is lowest. The
/// second is what keeps it stable: on the way to divergence the loss goes on to fall for a while, by directions of low curvature, where those of
/// the highest one grow already.
///
/// ```
/// use sam_runtime::{
///     dfdx::{optim::{Optimizer, SgdConfig}, prelude::*},
///     optim::Sgd,
///     prelude::*,
///     run::finder::LrFinder,
/// };
///
/// type Net = Built<Linear<4, 2>>;
///
/// #[sam_train(rho = 0.05)]
/// fn step(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: Tensor<Rank2<8, 4>, f32, Cpu>) -> f32 {
///     let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
///     let value = loss.array();
///     let grads = loss.backward();
///     opt.update(model, &grads).unwrap();
///     value
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let mut opt = Sgd::new(&model, SgdConfig { lr: 0.1, ..Default::default() });
/// let before = model.weight.array();
/// let batches: Vec<Tensor<Rank2<8, 4>, f32, _>> = (0..10).map(|_| dev.sample_normal()).collect();
/// let mut batches = batches.iter().cycle();
///
/// let sweep = LrFinder::default().run(&mut model, &mut opt, |model, opt, lr| {
///     opt.cfg.lr = lr;
///     step(model, opt, batches.next().unwrap().clone())
/// })?;
/// println!("{sweep}");
/// assert!((1e-3..1.0).contains(&sweep.suggestion.unwrap()));
/// // As they were.
/// assert_eq!(model.weight.array(), before);
/// assert_eq!(opt.cfg.lr, 0.1);
/// # Ok::<(), sam_runtime::run::finder::FinderError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LrFinder {
    /// The first learning rate; 1e-6 by default.
    pub from: f64,
    /// The last one; 10 by default.
    pub to: f64,
    /// How many there are, one for each step: at least 10; 140, which is 20 for each power of ten, by default. More steps average more noise
    /// out.
    pub steps: usize,
    /// The sweep ends where the loss has risen above its lowest value by this many times its first one, or what it has fallen by, if that is more; 2 by default.
    pub diverges: f64,
}

impl Default for LrFinder {
    fn default() -> Self {
        Self {
            from: 1e-6,
            to: 10.0,
            steps: 140,
            diverges: 2.0,
        }
    }
}

const NAME: &str = "learning rate";

impl LrFinder {
    /// Sweeps. `step` makes a step of training with the learning rate that it is given, on the next batch, and returns the loss of the batch before
    /// the update. Give it batches as training does, more than once round if there are few. A loss that is NaN or infinite ends the sweep.
    ///
    /// Afterwards, also after an error or a panic of `step`, `model` and its buffers, `opt` with its configuration, what the method of the steps keeps, and
    /// the random numbers of the model's device are what they were. Gradients that `step` keeps for itself are not: zero them.
    ///
    /// # Errors
    /// [`FinderError::Setting`], [`FinderError::Method`].
    pub fn run<M, O, E, D, L>(
        &self,
        model: &mut M,
        opt: &mut O,
        mut step: impl FnMut(&mut M, &mut O, f64) -> L,
    ) -> Result<Sweep, FinderError>
    where
        M: TensorCollection<E, D> + Clone,
        O: Clone,
        E: Dtype,
        D: Device<E>,
        L: Into<f64>,
    {
        self.try_run(model, opt, |model, opt, lr| {
            Ok::<_, std::convert::Infallible>(step(model, opt, lr))
        })
    }

    /// The same with a step that can fail.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`FinderError::Step`].
    pub fn try_run<M, O, E, D, L, X>(
        &self,
        model: &mut M,
        opt: &mut O,
        mut step: impl FnMut(&mut M, &mut O, f64) -> Result<L, X>,
    ) -> Result<Sweep, FinderError>
    where
        M: TensorCollection<E, D> + Clone,
        O: Clone,
        E: Dtype,
        D: Device<E>,
        L: Into<f64>,
        X: Into<Box<dyn Error + Send + Sync>>,
    {
        self.check()?;
        let kept = Restored::<M, O, E, D>::new(model, opt)?;
        let factor = (self.to / self.from).ln() / (self.steps - 1) as f64;
        let (mut values, mut losses, mut diverged) = (Vec::new(), Vec::new(), Vec::new());
        let mut lowest = f64::INFINITY;
        for i in 0..self.steps {
            let lr = self.from * (factor * i as f64).exp();
            let loss = step(kept.model, kept.opt, lr).map_err(|reason| FinderError::Step {
                name: NAME,
                value: lr,
                step: i,
                reason: reason.into(),
            })?;
            let loss: f64 = loss.into();
            lowest = lowest.min(loss);
            let first = losses.first().copied().unwrap_or(loss);
            let scale = f64::abs(first).max(first - lowest);
            if !loss.is_finite() || loss > lowest + self.diverges * scale {
                diverged.push(lr);
                break;
            }
            values.push(lr);
            losses.push(loss);
        }
        drop(kept);
        let smoothed = smooth(&losses);
        let (suggestion, reason) = suggest(&values, &losses, &smoothed, diverged.first());
        Ok(Sweep {
            name: NAME,
            values,
            losses,
            smoothed,
            diverged,
            suggestion,
            reason,
        })
    }

    fn check(&self) -> Result<(), FinderError> {
        let wrong = |name, problem: String| Err(FinderError::Setting { name, problem });
        let is_positive = |x: f64| x.is_finite() && x > 0.0;
        if !is_positive(self.from) {
            return wrong(
                "from",
                format!("is {}; give a learning rate above 0", self.from),
            );
        }
        if !(is_positive(self.to) && self.to > self.from) {
            let problem = format!(
                "is {}; give a finite one above `from`, which is {}",
                self.to, self.from
            );
            return wrong("to", problem);
        }
        if self.steps < 10 {
            return wrong("steps", format!("is {}; give at least 10", self.steps));
        }
        if !is_positive(self.diverges) {
            return wrong(
                "diverges",
                format!("is {}; give a number above 0", self.diverges),
            );
        }
        Ok(())
    }
}

/// Losses on each side of one whose mean is taken.
fn reach(losses: usize) -> usize {
    losses / 40
}

/// Means over a twentieth of the sweep around each point, so that nothing is shifted as a running mean would.
fn smooth(losses: &[f64]) -> Vec<f64> {
    let reach = reach(losses.len());
    let means = (0..losses.len()).map(|i| {
        // As many on both sides, at the ends, too.
        let reach = reach.min(i).min(losses.len() - 1 - i);
        let around = &losses[i - reach..=i + reach];
        around.iter().sum::<f64>() / around.len() as f64
    });
    means.collect()
}

/// How far batches alone make the mean of a few losses differ.
fn noise(losses: &[f64], smoothed: &[f64]) -> f64 {
    let squares = losses.iter().zip(smoothed).map(|(a, b)| (a - b) * (a - b));
    let reach = reach(losses.len());
    let count = (losses.len() * (2 * reach + 1)) as f64;
    (squares.sum::<f64>() / count).sqrt()
}

fn suggest(
    values: &[f64],
    losses: &[f64],
    smoothed: &[f64],
    diverged: Option<&f64>,
) -> (Option<f64>, String) {
    if values.len() < 5 {
        let problem = "the loss diverged within the first steps: begin at a smaller learning rate, by `from`, or look for NaN in the data";
        return (None, problem.into());
    }
    let least = |of: &dyn Fn(usize) -> f64, places: std::ops::Range<usize>| {
        places.min_by(|a, b| of(*a).total_cmp(&of(*b))).unwrap_or(0)
    };
    let lowest = least(&|i| smoothed[i], 0..values.len());
    // Before it the mean is of fewer batches, and may be anything.
    let first = reach(losses.len()).min(lowest);
    // The highest before it: with a small learning rate, the loss is that of the start.
    let start = smoothed[first..=lowest]
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let fallen = start - smoothed[lowest];
    if lowest == 0 || fallen <= 3.0 * noise(losses, smoothed) {
        let problem = "the loss has not fallen by more than its noise at any learning rate: take more `steps` or larger batches, or a larger `to`";
        return (None, problem.into());
    }
    // Over a tenth of the sweep, of which what is left of the batches' noise makes little.
    let half = (losses.len() / 20).max(1);
    let slope = |i: usize| {
        let (before, after) = (i.saturating_sub(half).max(first), (i + half).min(lowest));
        (smoothed[after] - smoothed[before]) / (after - before) as f64
    };
    let steepest = values[least(&slope, first..lowest + 1)];
    let lowest_at = values[lowest];
    let tenth = lowest_at / 10.0;
    let which = match steepest < tenth {
        true => "where the loss falls fastest".to_owned(),
        false => "a tenth of where the loss is lowest".to_owned(),
    };
    let end = match diverged {
        Some(value) => format!("it diverged at {}", shown(*value)),
        None if lowest + 1 == values.len() => {
            "it still fell at the largest one: a sweep with a larger `to` may suggest more".into()
        }
        None => "it did not diverge".into(),
    };
    let reason = format!(
        "{which}; it fell fastest at {}, was lowest at {}, and {end}",
        shown(steepest),
        shown(lowest_at)
    );
    (Some(steepest.min(tenth)), reason)
}
