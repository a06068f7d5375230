//! Names: the user's are the user's, whatever they are and wherever they come from.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{last_report, sam_train};

type Dev = Cpu;
type Linears = (Linear<4, 8>, ReLU, Linear<8, 3>);
type Net = <Linears as BuildOnDevice<Dev, f32>>::Built;
type Sgd32 = Sgd<Net, f32, Dev>;
type X = Tensor<Rank2<8, 4>, f32, Dev>;
type Y = Tensor<Rank2<8, 3>, f32, Dev>;
type Data = Vec<(X, Y)>;

fn setup() -> (Net, Sgd32, Data) {
    let dev = Dev::seed_from_u64(0);
    let net = dev.build_module::<Linears, f32>();
    let opt = Sgd::new(
        &net,
        SgdConfig {
            lr: 0.1,
            momentum: None,
            weight_decay: None,
        },
    );
    let x = dev.sample_normal();
    let y = dev.sample_normal::<Rank2<8, 3>>().softmax::<Axis<1>>();
    (net, opt, vec![(x, y); 20])
}

/// Trains, by SAM, to a lower loss.
#[track_caller]
fn learns(train: impl FnOnce(&mut Net, &mut Sgd32, Data) -> Vec<f32>) {
    let (mut net, mut opt, data) = setup();
    last_report();
    let losses = train(&mut net, &mut opt, data);
    assert!(last_report().is_some());
    assert!(losses.last() < losses.first(), "{losses:?}");
}

/// Every name that the expansion uses for something of its own, without its prefix.
mod our_names {
    use super::*;

    #[sam_train(rho = 0.05, m = 4)]
    fn train(model: &mut Net, step: &mut Sgd32, pass: Data) -> Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut result = Vec::new();
        let settings = 1.0_f32;
        let copy = 0.0_f32;
        for (input, e) in pass {
            let rt = settings;
            let chunks = (rt, settings);
            let traced = model.forward_mut(input.traced(grads));
            let gradients = cross_entropy_with_logits_loss(traced, e);
            let seen = gradients.array();
            let loss = gradients * (chunks.0 + copy);
            let start = loss.array();
            let error = loss.backward();
            step.update(model, &error).unwrap();
            grads = error;
            model.zero_grads(&mut grads);
            result.push(start.min(seen));
        }
        result
    }

    /// With their prefix. Nobody writes these, but who does is not in our way.
    #[sam_train(rho = 0.05, m = 4)]
    fn prefixed(__sam_model: &mut Net, __sam_step: &mut Sgd32, __sam_chunks: Data) -> Vec<f32> {
        let mut __sam_result = Vec::new();
        for (__sam_input, __sam_traced) in __sam_chunks {
            let __sam_start = __sam_model.alloc_grads();
            let __sam_pass = __sam_model.forward_mut(__sam_input.traced(__sam_start));
            let __sam_loss = cross_entropy_with_logits_loss(__sam_pass, __sam_traced);
            let __sam_observed_0 = __sam_loss.array();
            let __sam_gradients = __sam_loss.backward();
            __sam_step.update(__sam_model, &__sam_gradients).unwrap();
            __sam_result.push(__sam_observed_0);
        }
        __sam_result
    }

    #[test]
    fn are_the_users_too() {
        learns(train);
        learns(prefixed);
    }
}

/// Types, variants and functions of the standard prelude, meaning something else.
mod shadowed_prelude {
    #![allow(dead_code)]

    use super::*;

    enum Option<T> {
        Nothing(T),
    }
    enum Result<T> {
        Fine(T),
    }
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct Vec;
    struct Box;
    struct PhantomData;
    trait Clone {
        fn clone(&self) -> u8 {
            0
        }
    }
    impl<T> Clone for T {}
    trait Iterator {}
    trait Into<T> {}
    trait From<T> {}
    trait Default {}
    fn drop(_: u8) {}
    mod core {}
    mod std {}
    #[allow(non_camel_case_types)]
    type f64 = u8;
    #[allow(non_camel_case_types)]
    type usize = u8;
    #[allow(non_camel_case_types)]
    type bool = u8;

    #[sam_train(rho = 0.05, m = 4, norm = "linf", nonfinite = "skip")]
    fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> ::std::vec::Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut losses = ::std::vec::Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            losses.push(loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    }

    #[test]
    fn does_no_harm() {
        learns(train);
    }
}

/// Variants glob-imported over the prelude's.
mod glob_imports {
    #![allow(dead_code, unused_imports)]

    use super::*;

    mod outcome {
        pub(super) enum Outcome {
            Ok,
            Err,
            Some,
            None,
        }
        pub(super) use Outcome::*;
    }
    use outcome::*;

    #[sam_train(rho = 0.05, m = 4)]
    fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut losses = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            losses.push(loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    }

    #[test]
    fn do_no_harm() {
        learns(train);
    }
}

/// No prelude at all: everything that the user writes is imported, and nothing that we write is.
mod no_prelude {
    #![no_implicit_prelude]

    use ::dfdx::{
        losses::cross_entropy_with_logits_loss,
        nn::{ModuleMut, ZeroGrads},
        optim::Optimizer,
        tensor::{AsArray, Trace},
        tensor_ops::Backward,
    };
    use ::std::{iter::IntoIterator, vec::Vec};

    use super::{Data, Net, Sgd32};

    #[::sam_runtime::sam_train(rho = 0.05, m = 4)]
    fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut losses = Vec::new();
        for (x, y) in IntoIterator::into_iter(data) {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            losses.push(loss.array());
            grads = loss.try_backward().unwrap();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    }

    #[test]
    fn is_needed() {
        super::learns(train);
    }
}

/// A function whose tokens come from a `macro_rules!`, as a whole.
mod wrapped_whole {
    use super::*;

    macro_rules! training {
        ($($function:item)*) => {
            $(
                #[sam_train(rho = 0.05, m = 4)]
                $function
            )*
        };
    }

    training! {
        fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
            let mut grads = model.alloc_grads();
            let mut losses = Vec::new();
            for (x, y) in data {
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                losses.push(loss.array());
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            losses
        }
    }

    #[test]
    fn trains() {
        learns(train);
    }
}

/// A function that a `macro_rules!` writes, with some names passed in and the others its own.
mod wrapped_with_names {
    use super::*;

    macro_rules! training {
        ($name:ident, $model:ident, $grads:ident, $loss:path, $rho:expr, $m:literal) => {
            #[sam_train(rho = $rho, m = $m)]
            fn $name($model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
                let mut $grads = $model.alloc_grads();
                let mut losses = Vec::new();
                for (x, y) in data {
                    let logits = $model.forward_mut(x.traced($grads));
                    let loss = $loss(logits, y);
                    let value = loss.array();
                    losses.push(value);
                    $grads = loss.backward();
                    opt.update($model, &$grads).unwrap();
                    $model.zero_grads(&mut $grads);
                }
                losses
            }
        };
    }

    training!(cross, net, grads, cross_entropy_with_logits_loss, 0.05, 4);
    training!(squares, step, pass, mse_loss, 0.01 + 0.01, 8);

    #[test]
    fn trains() {
        learns(cross);
        learns(squares);
    }
}

/// A statement of the step that a `macro_rules!` expands to.
mod statements_by_macro {
    use super::*;

    macro_rules! loss {
        ($logits:expr, $y:expr) => {{
            let model = cross_entropy_with_logits_loss($logits, $y);
            model * 0.5
        }};
    }

    macro_rules! record {
        ($losses:ident <- $loss:expr) => {
            let value = $loss.array();
            $losses.push(value)
        };
    }

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut losses = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.traced(grads));
            let loss = loss!(logits, y);
            record!(losses <- loss);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    }

    #[test]
    fn trains() {
        learns(train);
    }
}

/// The runtime under another name, behind a re-export.
mod renamed {
    use super::*;

    mod deps {
        pub(super) mod sam {
            pub(in super::super) use sam_runtime::__private;
            pub(in super::super) use sam_runtime::*;
        }
    }

    #[allow(dead_code)]
    mod sam_runtime_is_something_else {}

    #[deps::sam::sam_train(rho = 0.05, m = 4, crate = deps::sam)]
    fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut losses = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            losses.push(loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    }

    #[test]
    fn trains() {
        learns(train);
    }
}

/// A trait of the user's own, for every type, with methods named like those that we call.
mod methods_of_the_same_name {
    #![allow(dead_code)]

    use super::*;

    trait Everything {
        fn next_pass(&mut self) {}
        fn absorb(&mut self) {}
        fn fail_backward(&mut self) {}
        fn finish(&self) {}
        fn finish_shared(&self) {}
        fn is_observed(&self) {}
        fn model(&mut self) {}
        fn gradients(&mut self) {}
        fn fork(&self) {}
        fn chunk(&self) {}
        fn types(&self) {}
        fn see(&mut self) {}
        fn whole(&self) {}
        fn join(&self) {}
        fn observe(&self) {}
        fn replicate(&self) {}
        fn note(&self) {}
        fn split(&self) {}
    }

    impl<T: ?Sized> Everything for T {}

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd32, data: Data) -> Vec<f32> {
        let mut grads = model.alloc_grads();
        let mut losses = Vec::new();
        for (x, y) in data {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            losses.push(loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        losses
    }

    #[test]
    fn trains() {
        learns(train);
    }
}

/// Raw identifiers, and names that are keywords elsewhere.
mod raw_names {
    use super::*;

    #[sam_train(rho = 0.05, m = 4, split = [r#in, r#final])]
    fn train(r#mod: &mut Net, r#do: &mut Sgd32, data: Data) -> Vec<f32> {
        let mut r#box = r#mod.alloc_grads();
        let mut losses = Vec::new();
        for (r#in, r#final) in data {
            let r#yield = r#mod.forward_mut(r#in.clone().traced(r#box));
            let r#loop = cross_entropy_with_logits_loss(r#yield, r#final);
            losses.push(r#loop.array());
            r#box = r#loop.backward();
            r#do.update(r#mod, &r#box).unwrap();
            r#mod.zero_grads(&mut r#box);
        }
        losses
    }

    #[test]
    fn train_like_others() {
        learns(train);
    }
}
