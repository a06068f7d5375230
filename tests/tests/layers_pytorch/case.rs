//! What the file says of one layer, and how it is compared.

use dfdx::{prelude::*, tensor::Gradients};
use sam_tests::distance;
use serde_json::Value;

/// f32 against PyTorch's f64, relative to the largest number of each tensor.
const TOLERANCE: f64 = 1e-4;

pub(super) type Plain<S> = Tensor<S, f32, Cpu>;
pub(super) type Traced<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;

/// What PyTorch says of one layer.
pub(super) struct Case<'a> {
    pub(super) name: &'a str,
    pub(super) tensors: &'a Value,
    pub(super) dev: Cpu,
}

impl Case<'_> {
    /// The tensor under `key`. Static sizes of `S` must be those of the file.
    pub(super) fn tensor<S: Shape>(&self, key: &str) -> Plain<S> {
        let found = &self.tensors[key];
        let sizes = found["shape"].as_array().unwrap();
        let mut concrete = S::Concrete::default();
        assert_eq!(sizes.len(), S::NUM_DIMS, "{}: {key}", self.name);
        for (i, size) in sizes.iter().enumerate() {
            concrete[i] = size.as_u64().unwrap() as usize;
        }
        let shape = S::from_concrete(&concrete)
            .unwrap_or_else(|| panic!("{}: {key} has shape {concrete:?}", self.name));
        let values = found["values"].as_array().unwrap();
        let values = values.iter().map(|x| x.as_f64().unwrap() as f32);
        self.dev.tensor_from_vec(values.collect(), shape)
    }

    /// Ours against the tensor under `key`, shape and numbers.
    pub(super) fn compare<S: Shape>(&self, key: &str, ours: &Plain<S>) {
        let theirs: Plain<S> = self.tensor(key);
        assert_eq!(
            ours.shape().concrete(),
            theirs.shape().concrete(),
            "{}: {key}",
            self.name
        );
        let wide = |t: &Plain<S>| t.as_vec().into_iter().map(f64::from).collect::<Vec<_>>();
        let (ours, theirs) = (wide(ours), wide(&theirs));
        let found = distance(&ours, &theirs);
        assert!(found < TOLERANCE, "{}: {key}: {found:e}", self.name);
    }

    /// The gradients of sum(y r), of everything on the tape that `y` has.
    pub(super) fn backward<S: Shape>(&self, y: Traced<S>) -> Gradients<f32, Cpu> {
        let product = y * self.tensor::<S>("r");
        let all = (product.shape().num_elements(),);
        product.reshape_like(&all).sum::<Rank0, _>().backward()
    }
}
