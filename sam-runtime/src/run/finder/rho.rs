//! A few steps with each of several radii.

use std::error::Error;

use dfdx::{prelude::*, tensor_ops::Device};

use super::{FinderError, Sweep, restored::Restored};

/// A few steps with each of several radii, each time from the same weights, the same state of the optimizer and the same random numbers, and the
/// loss on held-out data after them.
///
/// A few steps from the start of a training tell which radii are too large for it, and little about which of the others ends in the best
/// minimum. From weights that are half trained, and with a hundred steps or more, the held-out loss tells more. It may as well be
/// another measure that should be low, such as the loss with a measured sharpness added.
///
/// ```
/// use sam_runtime::{
///     dfdx::{optim::{Optimizer, SgdConfig}, prelude::*},
///     optim::Sgd,
///     prelude::*,
///     run::finder::RhoFinder,
/// };
///
/// type Net = Built<Linear<4, 2>>;
///
/// #[sam_train(rho = rho)]
/// fn step(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: Tensor<Rank2<8, 4>, f32, Cpu>, rho: f64) {
///     let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
///     let grads = loss.backward();
///     opt.update(model, &grads).unwrap();
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let mut opt = Sgd::new(&model, SgdConfig { lr: 0.1, ..Default::default() });
/// let batches: Vec<Tensor<Rank2<8, 4>, f32, _>> = (0..10).map(|_| dev.sample_normal()).collect();
/// let held_out: Tensor<Rank2<64, 4>, f32, _> = dev.sample_normal();
///
/// let finder = RhoFinder { steps: 30, ..Default::default() };
/// let sweep = finder.run(
///     &mut model,
///     &mut opt,
///     |model, opt, rho, i| step(model, opt, batches[i % 10].clone(), rho),
///     |model| {
///         let loss: Tensor<Rank0, f32, _> = model.forward(held_out.clone()).square().mean();
///         loss.array()
///     },
/// )?;
/// assert_eq!(sweep.values.len(), finder.rhos.len());
/// println!("{sweep}");
/// # Ok::<(), sam_runtime::run::finder::FinderError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RhoFinder {
    /// The radii, which may have 0, the base optimizer, among them to compare with; by default 0 and those of the paper's grid, 0.01, 0.02, 0.05, 0.1, 0.2
    /// and 0.5.
    pub rhos: Vec<f64>,
    /// Steps with each; 20 by default.
    pub steps: usize,
}

impl Default for RhoFinder {
    fn default() -> Self {
        Self {
            rhos: vec![0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
            steps: 20,
        }
    }
}

const NAME: &str = "rho";

impl RhoFinder {
    /// Sweeps. `step` makes a step of training with the radius that it is given; its last argument counts the steps with this radius from 0: take
    /// the same batch for the same number. `held_out` returns the loss on data that the steps don't train on.
    ///
    /// Afterwards, `model`, `opt` and the rest are what they were, as after [`LrFinder::run`](super::LrFinder::run).
    ///
    /// # Errors
    /// [`FinderError::Setting`], [`FinderError::Method`].
    pub fn run<M, O, E, D, L>(
        &self,
        model: &mut M,
        opt: &mut O,
        mut step: impl FnMut(&mut M, &mut O, f64, usize),
        mut held_out: impl FnMut(&M) -> L,
    ) -> Result<Sweep, FinderError>
    where
        M: TensorCollection<E, D> + Clone,
        O: Clone,
        E: Dtype,
        D: Device<E>,
        L: Into<f64>,
    {
        type Never = std::convert::Infallible;
        self.try_run(
            model,
            opt,
            |model, opt, rho, i| {
                step(model, opt, rho, i);
                Ok::<(), Never>(())
            },
            |model| Ok(held_out(model)),
        )
    }

    /// The same with a step and an evaluation that can fail.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`FinderError::Step`].
    pub fn try_run<M, O, E, D, L, X>(
        &self,
        model: &mut M,
        opt: &mut O,
        mut step: impl FnMut(&mut M, &mut O, f64, usize) -> Result<(), X>,
        mut held_out: impl FnMut(&M) -> Result<L, X>,
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
        let mut kept = Restored::<M, O, E, D>::new(model, opt)?;
        let (mut values, mut losses, mut diverged) = (Vec::new(), Vec::new(), Vec::new());
        for &rho in &self.rhos {
            let failed = |step, reason: X| FinderError::Step {
                name: NAME,
                value: rho,
                step,
                reason: reason.into(),
            };
            for i in 0..self.steps {
                step(kept.model, kept.opt, rho, i).map_err(|reason| failed(i, reason))?;
            }
            let loss = held_out(kept.model).map_err(|reason| failed(self.steps, reason))?;
            let loss: f64 = loss.into();
            match loss.is_finite() {
                true => {
                    values.push(rho);
                    losses.push(loss);
                }
                false => diverged.push(rho),
            }
            kept.restore()?;
        }
        drop(kept);
        let (suggestion, reason) = suggest(&values, &losses, &self.rhos);
        Ok(Sweep {
            name: NAME,
            values,
            smoothed: losses.clone(),
            losses,
            diverged,
            suggestion,
            reason,
        })
    }

    fn check(&self) -> Result<(), FinderError> {
        let wrong = |name, problem: String| Err(FinderError::Setting { name, problem });
        if self.rhos.is_empty() {
            return wrong("rhos", "is empty; give some to try".into());
        }
        let is_radius = |rho: &f64| rho.is_finite() && *rho >= 0.0;
        if let Some(rho) = self.rhos.iter().find(|rho| !is_radius(rho)) {
            return wrong(
                "rhos",
                format!("has {rho}; a rho is finite and not negative"),
            );
        }
        if self.steps == 0 {
            return wrong("steps", "is 0; give at least 1".into());
        }
        Ok(())
    }
}

fn suggest(values: &[f64], losses: &[f64], all: &[f64]) -> (Option<f64>, String) {
    let points = values.iter().copied().zip(losses.iter().copied());
    let Some((best, loss)) = points.clone().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        let problem = "the held-out loss was not finite at any: lower the learning rate, or look for NaN in the data";
        return (None, problem.into());
    };
    let of_zero = points.clone().find(|point| point.0 == 0.0);
    if best == 0.0 {
        let problem = format!(
            "the held-out loss is lowest without SAM, {loss:.5}: take more steps, or weights that are further trained; the usual \
             beginning is 0.05"
        );
        return (None, problem);
    }
    let mut reason = format!("the held-out loss is lowest there, {loss:.5}");
    if let Some((_, without)) = of_zero {
        reason += &format!(", and {without:.5} without SAM");
    }
    let largest = all.iter().copied().fold(0.0, f64::max);
    if best == largest && all.len() > 1 {
        reason += "; it is the largest one that was tried, and a larger one may be better still";
    }
    (Some(best), reason)
}
