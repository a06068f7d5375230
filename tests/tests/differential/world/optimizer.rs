//! An optimizer that sees which gradient it was handed, to hold the step's report against it.

use std::cell::Cell;

use dfdx::{
    nn::tensor_collection::*,
    optim::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};

thread_local! {
    /// The norm of the last gradient, and what the step's report said then.
    static NORMS: Cell<Option<(f64, Option<f64>)>> = const { Cell::new(None) };
}

pub type Plain<M> = Sgd<M, f32, Cpu>;

pub fn sgd<M>(model: &M) -> Plain<M> {
    let config = SgdConfig {
        lr: 0.05,
        momentum: Some(Momentum::Classic(0.5)),
        weight_decay: None,
    };
    Sgd::new(model, config)
}

/// Stochastic gradient descent that keeps the l2 norm of the last gradient and counts its steps.
#[derive(Clone, Debug)]
pub struct Watched<M> {
    inner: Plain<M>,
    pub steps: usize,
}

impl<M> Watched<M> {
    pub fn new(model: &M) -> Self {
        Self {
            inner: sgd(model),
            steps: 0,
        }
    }
}

impl<M: TensorCollection<f32, Cpu>> Optimizer<M, Cpu, f32> for Watched<M> {
    fn update(
        &mut self,
        model: &mut M,
        gradients: &Gradients<f32, Cpu>,
    ) -> Result<(), OptimizerUpdateError<CpuError>> {
        let reported = sam_runtime::last_report().and_then(|report| report.gradient_norm());
        NORMS.set(Some((norm(model, gradients), reported)));
        self.steps += 1;
        self.inner.update(model, gradients)
    }
}

struct Squares {
    gradients: Gradients<f32, Cpu>,
    sum: f64,
}

impl TensorVisitor<f32, Cpu> for Squares {
    type Viewer = ViewTensorRef;
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        t: &Tensor<S, f32, Cpu>,
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        if options.do_gradient_update {
            self.gradients.try_alloc_for(t)?;
            let gradient = self.gradients.get(t).as_vec();
            self.sum += gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>();
        }
        Ok(None)
    }
}

fn norm<M: TensorCollection<f32, Cpu>>(model: &M, gradients: &Gradients<f32, Cpu>) -> f64 {
    let mut squares = Squares {
        gradients: gradients.clone(),
        sum: 0.0,
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut squares,
    })
    .expect("reading can't fail");
    squares.sum.sqrt()
}

/// Says so where the gradient of the last update had another norm than the step's report said. Where the attribute
/// isn't, there is no report.
pub fn check_report() {
    let Some((norm, Some(reported))) = NORMS.take() else {
        return;
    };
    if (reported - norm).abs() > 1e-4 * norm {
        super::log::record(format!(
            "the report's gradient norm is {reported}, not {norm}"
        ));
    }
}
