//! What is left behind: tensors, and the random numbers to come.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::CpuError};

#[derive(Default)]
struct Numbers(Vec<f32>);

impl TensorVisitor<f32, Cpu> for Numbers {
    type Viewer = ViewTensorRef;
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, Cpu>,
        t: &Tensor<S, f32, Cpu>,
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        self.0.extend(t.as_vec());
        Ok(None)
    }
}

/// Weights and running statistics.
pub fn weights<M: TensorCollection<f32, Cpu>>(model: &M) -> Vec<f32> {
    let mut numbers = Numbers::default();
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut numbers,
    })
    .expect("reading can't fail");
    numbers.0
}

struct Scatter(u32);

impl TensorVisitor<f32, Cpu> for Scatter {
    type Viewer = ViewTensorMut;
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        t: &mut Tensor<S, f32, Cpu>,
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        if options.do_gradient_update {
            let moved = t.as_vec().into_iter().map(|w| {
                self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                w + 0.1 + (self.0 >> 16) as f32 * 1e-6
            });
            let moved: Vec<f32> = moved.collect();
            t.copy_from(&moved);
        }
        Ok(None)
    }
}

/// Moves every weight off 0, where the smallest of perturbations could be felt.
pub fn scattered<M: TensorCollection<f32, Cpu>>(mut model: M) -> M {
    let mut scatter = Scatter(1);
    M::iter_tensors(&mut RecursiveWalker {
        m: &mut model,
        f: &mut scatter,
    })
    .expect("writing can't fail");
    model
}

/// The random number that the device hands out next.
pub fn next_of(dev: &Cpu) -> u64 {
    dev.random_u64()
}
