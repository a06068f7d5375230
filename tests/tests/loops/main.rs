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

/// Emits what it is given three times: in a module `plain` without the attribute, in a module
/// `near` with a radius too small to be felt, and in a module `sam` as it stands.
macro_rules! both {
    (
        #[sam_train(rho = $rho:expr $(, $key:ident = $value:expr)*)]
        $($function:tt)*
    ) => {
        mod plain {
            use super::*;
            $($function)*
        }
        mod near {
            use super::*;
            #[sam_runtime::sam_train(rho = 1e-30 $(, $key = $value)*)]
            $($function)*
        }
        mod sam {
            use super::*;
            #[sam_runtime::sam_train(rho = $rho $(, $key = $value)*)]
            $($function)*
        }
    };
    (
        struct $name:ident { $($fields:tt)* }
        impl $same:ident {
            #[sam_train(rho = $rho:expr $(, $key:ident = $value:expr)*)]
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
        mod near {
            use super::*;
            pub(super) struct $name { $($fields)* }
            impl $same {
                #[sam_runtime::sam_train(rho = 1e-30 $(, $key = $value)*)]
                $($method)*
            }
        }
        mod sam {
            use super::*;
            pub(super) struct $name { $($fields)* }
            impl $same {
                #[sam_runtime::sam_train(rho = $rho $(, $key = $value)*)]
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

/// The same network for each of the versions.
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

/// Runs the versions `plain`, `near` and `sam`, by number. Where the radius can't be felt, the
/// loop does what it does without the attribute; where it can, it starts at the same loss. All of
/// them learn, but only those with the attribute by SAM.
#[track_caller]
fn both_learn(mut train: impl FnMut(usize) -> Vec<f32>) {
    last_report();
    let plain = train(0);
    assert!(last_report().is_none(), "the plain loop takes no SAM step");
    let near = train(1);
    assert!(last_report().is_some(), "the attribute's loop does");
    let sam = train(2);
    let alike = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * a.abs().max(1.0);
    assert_eq!(plain.len(), near.len());
    assert!(plain.iter().zip(&near).all(alike), "{plain:?}\n{near:?}");
    assert_eq!(plain.len(), sam.len());
    assert!(alike((&plain[0], &sam[0])), "{plain:?}\n{sam:?}");
    for losses in [&plain, &sam] {
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < 0.9 * first, "the loss falls: {losses:?}");
    }
    assert_ne!(plain, sam);
}
