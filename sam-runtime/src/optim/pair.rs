//! Two optimizers as one that a checkpoint holds.

use serde_json::Value;

use super::{SaveState, State, StateError};
use crate::named::HostTensor;

/// The names of what is the first one's, and the second one's, as dfdx names the parts of a pair of modules.
const NAMES: [&str; 2] = ["0.", "1."];

/// Two that are saved together, such as the optimizers of a generator and a discriminator, beside a pair of their models. All that is of
/// the first has `0.` in front of its name, of the second `1.`.
///
/// ```
/// use sam_runtime::{dfdx::{optim::*, prelude::*}, optim::{Adam, SaveState, Sgd}};
///
/// let dev = Cpu::default();
/// let models = dev.build_module::<(Linear<2, 4>, Linear<4, 1>), f32>();
/// let mut opts = (
///     Adam::new(&models.0, AdamConfig::default()),
///     Sgd::new(&models.1, SgdConfig::default()),
/// );
/// let state = opts.state()?;
/// assert_eq!(state.numbers["0.step"], 0);
/// opts.load_state(&state)?;
/// # Ok::<(), sam_runtime::optim::StateError>(())
/// ```
impl<A: SaveState, B: SaveState> SaveState for (A, B) {
    fn state(&self) -> Result<State, StateError> {
        let mut both = State::default();
        for (state, name) in [self.0.state()?, self.1.state()?].into_iter().zip(NAMES) {
            let called = |own: String| format!("{name}{own}");
            both.tensors
                .extend(state.tensors.into_iter().map(|(own, t)| (called(own), t)));
            both.numbers
                .extend(state.numbers.into_iter().map(|(own, n)| (called(own), n)));
        }
        Ok(both)
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let [first, second] = parts(state)?;
        let before = self.0.state()?;
        self.0.load_state(&first)?;
        self.1.load_state(&second).inspect_err(|_| {
            // It was its own a moment ago.
            let _ = self.0.load_state(&before);
        })
    }
}

/// What is of each.
fn parts(both: &State) -> Result<[State; 2], StateError> {
    let mut parts = [State::default(), State::default()];
    let mut unknown = Vec::new();
    for (name, tensor) in &both.tensors {
        match part(name) {
            Some((i, own)) => {
                let tensor: HostTensor = tensor.clone();
                parts[i].tensors.insert(own.to_owned(), tensor);
            }
            None => unknown.push(name.clone()),
        }
    }
    for (name, number) in &both.numbers {
        match part(name) {
            Some((i, own)) => {
                let number: Value = number.clone();
                parts[i].numbers.insert(own.to_owned(), number);
            }
            None => unknown.push(name.clone()),
        }
    }
    match unknown.is_empty() {
        true => Ok(parts),
        false => Err(StateError::Unexpected { names: unknown }),
    }
}

fn part(name: &str) -> Option<(usize, &str)> {
    let of = |i: usize| name.strip_prefix(NAMES[i]).map(|own| (i, own));
    of(0).or_else(|| of(1))
}
