//! Runs a program on the data that each version of it gets, and notes all that it leaves behind.

use std::fmt::Debug;

use sam_runtime::last_report;
use sam_tests::parameters;

use crate::common::*;

/// What one version of a program did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// What it returned, printed, counted; or the text of its panic.
    pub(crate) said: String,
    /// The parameters before and after.
    pub(crate) weights: [Vec<f64>; 2],
    /// Whether SAM took a step.
    pub(crate) sam: bool,
}

/// A model that begins as the same for each version.
pub(crate) trait Begin: TensorCollection<f32, Cpu> {
    fn begin(dev: &Cpu) -> Self;
}

impl Begin for Net {
    fn begin(dev: &Cpu) -> Self {
        dev.build_module::<Arch, f32>()
    }
}

impl Begin for Counting {
    fn begin(dev: &Cpu) -> Self {
        Self {
            net: Net::begin(dev),
            calls: 0,
            last: None,
        }
    }
}

/// Trains on `batches` batches; `train` says what it saw.
pub(crate) fn observe<M: Begin>(
    batches: usize,
    train: impl FnOnce(&mut M, &mut Sgd<M, f32, Cpu>, &[(X, Y)]) -> String,
) -> Seen {
    let dev = Cpu::seed_from_u64(0);
    let mut model = M::begin(&dev);
    let config = SgdConfig {
        lr: 0.1,
        ..Default::default()
    };
    let mut opt = Sgd::new(&model, config);
    let data: Vec<(X, Y)> = (0..batches)
        .map(|_| (dev.sample_normal(), dev.sample_normal()))
        .collect();
    let before = parameters(&model);
    last_report();
    let said = train(&mut model, &mut opt, &data);
    Seen {
        said,
        weights: [before, parameters(&model)],
        sam: last_report().is_some(),
    }
}

/// The text of a value.
pub(crate) fn text(value: impl Debug) -> String {
    format!("{value:?}")
}
