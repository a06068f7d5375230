//! Training loops as people write them, each compiled and trained with and without the attribute.
//!
//! | file | what |
//! |---|---|
//! | `supervised` | loops over labelled batches |
//! | `structured` | models and gradients in structs, custom modules, generic functions |
//! | `control` | early stops, skipped batches, odd places for the step |
//! | `composed` | several networks, heads and tapes; policies and value functions |

mod composed;
mod control;
mod structured;
mod supervised;

use dfdx::{optim::*, prelude::*};
use sam_runtime::last_report;

/// Emits what it is given twice: in a module `plain` without the attribute, and in a module `sam`
/// with it.
macro_rules! both {
    (#[sam_train($($keys:tt)*)] $($function:tt)*) => {
        mod plain {
            use super::*;
            $($function)*
        }
        mod sam {
            use super::*;
            #[sam_runtime::sam_train($($keys)*)]
            $($function)*
        }
    };
    (
        struct $name:ident { $($fields:tt)* }
        impl $same:ident {
            #[sam_train($($keys:tt)*)]
            $($method:tt)*
        }
    ) => {
        mod plain {
            use super::*;
            pub(super) struct $name { $($fields)* }
            impl $same {
                $($method)*
            }
        }
        mod sam {
            use super::*;
            pub(super) struct $name { $($fields)* }
            impl $same {
                #[sam_runtime::sam_train($($keys)*)]
                $($method)*
            }
        }
    };
}
use both;

type Dev = Cpu;
type Mlp = (Linear<4, 16>, ReLU, Linear<16, 3>);
type Net = <Mlp as BuildOnDevice<Dev, f32>>::Built;
type Images = Tensor<Rank2<8, 4>, f32, Dev>;
type Labels = Tensor<Rank2<8, 3>, f32, Dev>;

/// The same network for each of the two versions.
fn network(dev: &Dev) -> Net {
    dev.build_module::<Mlp, f32>()
}

fn device() -> Dev {
    Dev::seed_from_u64(0)
}

fn sgd<M: TensorCollection<f32, Dev>>(model: &M, lr: f64) -> Sgd<M, f32, Dev> {
    Sgd::new(
        model,
        SgdConfig {
            lr,
            momentum: None,
            weight_decay: None,
        },
    )
}

/// Batches whose class is the largest of the first three features.
fn batches(dev: &Dev) -> Vec<(Images, Labels)> {
    let batch = |_| {
        let x: Images = dev.sample_normal();
        let labels = x.array().map(|row| {
            let best = (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            core::array::from_fn(|class| if class == best { 1.0 } else { 0.0 })
        });
        (x, dev.tensor(labels))
    };
    (0..4).map(batch).collect()
}

/// Both versions start at the same loss and end at a lower one; only one of them was SAM.
#[track_caller]
fn both_learn(mut train: impl FnMut(bool) -> Vec<f32>) {
    last_report();
    let plain = train(false);
    assert!(last_report().is_none(), "the plain loop takes no SAM step");
    let sam = train(true);
    assert!(last_report().is_some(), "the attribute's loop does");
    assert_eq!(plain.len(), sam.len(), "{plain:?}\n{sam:?}");
    assert!((plain[0] - sam[0]).abs() < 1e-5, "{plain:?}\n{sam:?}");
    for losses in [&plain, &sam] {
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < 0.9 * first, "the loss falls: {losses:?}");
    }
    assert_ne!(plain, sam);
}
