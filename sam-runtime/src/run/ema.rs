//! A running mean of a model's weights.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor_ops::Device};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::checkpoint::{load_module, module_state};
use crate::{
    doors::walk::{Which, each, each_named, each_named_mut, each_pair},
    optim::{State, StateError},
};

/// What a mean of weights does with a model's buffers, which are BatchNorm's running statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmaBuffers {
    /// They are averaged as the weights are, as by timm: statistics of about the same weights.
    #[default]
    Average,
    /// They are those of the model.
    Copy,
}

/// An exponential moving average of a model (Polyak & Juditsky 1992; Szegedy et al. 2016):
/// `mean = decay * mean + (1 - decay) * weights` after each update. It often generalises better than the
/// weights themselves, and less noisily. Evaluate it in place of the model.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, run::Ema};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<1, 1>, f32>();
/// model.weight.copy_from(&[0.0]);
/// let mut mean = Ema::new(&model, 0.9);
/// model.weight.copy_from(&[1.0]);
/// mean.update(&model)?;
/// assert!((mean.model().weight.array()[0][0] - 0.1).abs() < 1e-7);
/// # Ok::<(), sam_runtime::optim::StateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ema<M> {
    mean: M,
    decay: f64,
    warmup: bool,
    buffers: EmaBuffers,
    updates: u64,
}

impl<M: Clone> Ema<M> {
    /// A mean that begins at `model`. `decay` is from 0, for the weights themselves, to 1; usual are 0.99
    /// to 0.9999. One that is outside, or NaN, counts as the nearest of these.
    pub fn new(model: &M, decay: f64) -> Self {
        Self {
            mean: model.clone(),
            decay: if decay.is_nan() {
                0.0
            } else {
                decay.clamp(0.0, 1.0)
            },
            warmup: false,
            buffers: EmaBuffers::Average,
            updates: 0,
        }
    }

    /// The same, whose first updates count for more: decay is at most `(1 + t) / (10 + t)` at update `t`,
    /// from 0, as in TensorFlow. Then the initial weights are soon forgotten.
    #[must_use]
    pub fn warmup(self) -> Self {
        Self {
            warmup: true,
            ..self
        }
    }

    /// The same, with this treatment of buffers.
    #[must_use]
    pub fn buffers(self, buffers: EmaBuffers) -> Self {
        Self { buffers, ..self }
    }

    /// The model with the mean weights.
    pub fn model(&self) -> &M {
        &self.mean
    }

    /// Takes the weights of `model` into the mean: to be called after each update of the optimizer.
    ///
    /// # Errors
    /// [`StateError::Device`].
    pub fn update<E: Dtype, D: Device<E>>(&mut self, model: &M) -> Result<(), StateError>
    where
        M: TensorCollection<E, D>,
    {
        let t = self.updates as f64;
        let decay = if self.warmup {
            self.decay.min((1.0 + t) / (10.0 + t))
        } else {
            self.decay
        };
        let mean = &mut self.mean;
        blend(mean, model, Which::Parameters, decay)
            .and_then(|()| match self.buffers {
                EmaBuffers::Average => blend(mean, model, Which::Buffers, decay),
                EmaBuffers::Copy => {
                    each_pair::<E, D, M>(mean, model, Which::Buffers, &mut |pair| {
                        pair.share();
                        Ok(())
                    })
                }
            })
            .map_err(|error: D::Err| StateError::Device(error.to_string()))?;
        self.updates = self.updates.saturating_add(1);
        Ok(())
    }

    /// Its state, for a checkpoint.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn state<E: Dtype, D: Device<E>>(&self) -> Result<State, StateError>
    where
        M: TensorCollection<E, D>,
    {
        self.state_as(&self.mean)
    }

    /// The same with `mean` in the place of its own.
    pub(super) fn state_as<E: Dtype, D: Device<E>>(&self, mean: &M) -> Result<State, StateError>
    where
        M: TensorCollection<E, D>,
    {
        let mut state = module_state(mean)?;
        state
            .numbers
            .insert(UPDATES.to_owned(), json!(self.updates));
        Ok(state)
    }

    /// Takes a state on. The mean is as it was where that fails.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn load_state<E: Dtype, D: Device<E>>(&mut self, state: &State) -> Result<(), StateError>
    where
        M: TensorCollection<E, D>,
    {
        let found = state.numbers.get(UPDATES);
        let updates = found.and_then(serde_json::Value::as_u64);
        let updates = updates.ok_or_else(|| StateError::Number {
            name: UPDATES.to_owned(),
            expected: "a number of updates",
            found: found.map_or("absent".to_owned(), ToString::to_string),
        })?;
        load_module(&mut self.mean, state)?;
        self.updates = updates;
        Ok(())
    }
}

const UPDATES: &str = "updates";

/// `mean = decay * mean + (1 - decay) * model`.
fn blend<E: Dtype, D: Device<E>, M: TensorCollection<E, D>>(
    mean: &mut M,
    model: &M,
    which: Which,
    decay: f64,
) -> Result<(), D::Err> {
    let mut is_in_order = true;
    for model in [&*mean, model] {
        each::<E, D, M>(model, which, &mut |t| {
            is_in_order &= !t.lies_otherwise();
            Ok(())
        })?;
    }
    if is_in_order {
        return each_pair::<E, D, M>(mean, model, which, &mut |pair| {
            pair.blend(decay, 1.0 - decay)
        });
    }
    let [keep, add] = [decay, 1.0 - decay].map(|x| E::from_f64(x).unwrap_or_default());
    let mut all = Vec::new();
    each_named::<E, D, M>(model, which, &mut |_, t| {
        all.push(t.values());
        Ok(())
    })?;
    let mut all = all.into_iter();
    each_named_mut::<E, D, M>(mean, which, &mut |_, t| {
        let pairs = t.values().into_iter().zip(all.next().unwrap_or_default());
        t.write(&pairs.map(|(m, x)| m * keep + x * add).collect::<Vec<E>>())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Net = (Linear<3, 2>, BatchNorm1D<2>);
    type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;

    fn model(x: f64) -> Built {
        let mut model = Cpu::default().build_module::<Net, f64>();
        model
            .0
            .weight
            .copy_from(&[x, 2.0 * x, 3.0 * x, 4.0 * x, 5.0 * x, 6.0 * x]);
        model.1.running_mean.copy_from(&[x, -x]);
        model
    }

    /// The recursion, on one number.
    fn by_hand(xs: &[f64], decay: impl Fn(f64) -> f64) -> f64 {
        let steps = xs[1..].iter().enumerate();
        steps.fold(xs[0], |mean, (t, x)| {
            let decay = decay(t as f64);
            decay * mean + (1.0 - decay) * x
        })
    }

    #[test]
    fn weights_follow_the_recursion_and_buffers_their_rule() {
        let xs = [0.5, -2.0, 1.0, 4.0, 0.25];
        for (buffers, warmup) in [
            (EmaBuffers::Average, false),
            (EmaBuffers::Copy, false),
            (EmaBuffers::Copy, true),
        ] {
            let mut ema = Ema::new(&model(xs[0]), 0.7).buffers(buffers);
            if warmup {
                ema = ema.warmup();
            }
            for x in &xs[1..] {
                ema.update(&model(*x)).unwrap();
            }
            let mean = by_hand(&xs, |t| {
                let start = (1.0 + t) / (10.0 + t);
                if warmup { f64::min(0.7, start) } else { 0.7 }
            });
            let weight = ema.model().0.weight.as_vec();
            for (i, w) in weight.iter().enumerate() {
                assert!((w - (i + 1) as f64 * mean).abs() < 1e-12);
            }
            let expected = match buffers {
                EmaBuffers::Average => mean,
                EmaBuffers::Copy => xs[4],
            };
            assert!((ema.model().1.running_mean.array()[0] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_weight_that_lies_column_by_column_is_averaged_in_its_own_order() {
        let turned = |x: f64| {
            let mut model = model(x);
            let columns: Tensor<Rank2<3, 2>, f64, Cpu> = model.0.weight.clone().permute();
            let columns: Vec<f64> = columns.as_vec();
            let dev = Cpu::default();
            model.0.weight = dev
                .tensor_from_vec(columns, (Const::<3>, Const::<2>))
                .permute();
            model
        };
        for (first, second) in [(true, true), (true, false), (false, true)] {
            let of = |is_turned, x| if is_turned { turned(x) } else { model(x) };
            let mut ema = Ema::new(&of(first, 1.0), 0.5);
            ema.update(&of(second, 3.0)).unwrap();
            assert_eq!(ema.model().0.weight.as_vec(), model(2.0).0.weight.as_vec());
        }
    }

    #[test]
    fn the_model_is_left_alone() {
        let first = model(1.0);
        let mut ema = Ema::new(&first, 0.5);
        ema.update(&model(3.0)).unwrap();
        assert_eq!(first.0.weight.as_vec(), model(1.0).0.weight.as_vec());
    }

    #[test]
    fn it_goes_on_from_its_state() {
        let mut ema = Ema::new(&model(1.0), 0.9).warmup();
        for x in [2.0, 5.0] {
            ema.update(&model(x)).unwrap();
        }
        let state = ema.state().unwrap();
        let mut other = Ema::new(&model(0.0), 0.9).warmup();
        other.load_state(&state).unwrap();
        for ema in [&mut ema, &mut other] {
            ema.update(&model(-1.0)).unwrap();
        }
        assert_eq!(ema.state().unwrap(), other.state().unwrap());
        let without = State {
            numbers: Default::default(),
            ..state
        };
        let error = other.load_state(&without).unwrap_err();
        assert!(error.to_string().contains("`updates` is absent"));
    }
}
