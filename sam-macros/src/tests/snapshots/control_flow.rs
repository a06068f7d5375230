// The expansion of `snapshots::control_flow`.

fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
    let mut grads = model.alloc_grads();
    '__sam_batches: for (x, y) in data {
        let __sam_settings = ::sam_runtime::__private::settings(0.05, 2f64, false);
        let __sam_input = &x;
        let __sam_start = grads.clone();
        let (__sam_result, (__sam_seen_0,)) = {
            let mut __sam_step = ::sam_runtime::__private::begin(
                &*model,
                __sam_start,
                __sam_settings,
            );
            if false {
                ::sam_runtime::__private::optimizes(&*opt, &*model, __sam_step.types());
            }
            let mut __sam_seen_0 = ::sam_runtime::__private::Seen::new();
            while let ::core::option::Option::Some(mut __sam_pass) = __sam_step
                .next_pass()
            {
                let y = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByReference as _,
                    };
                    ::sam_runtime::__private::used_twice(&y);
                    (&&&::sam_runtime::__private::Look(&y))
                        .__sam_for_pass(__sam_pass.fork())
                };
                let __sam_traced = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        InputByClone as _, InputByFork as _, InputByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(__sam_input))
                        .__sam_input(__sam_pass.fork())
                };
                let mut __sam_copy = __sam_pass.model();
                let model = &mut __sam_copy;
                let logits = match model
                    .try_forward_mut(__sam_traced.traced(__sam_pass.gradients()))
                {
                    Ok(logits) => logits,
                    Err(_) => continue '__sam_batches,
                };
                let loss = cross_entropy_with_logits_loss(logits, y);
                if __sam_pass.is_observed() {
                    __sam_seen_0.see(loss.array());
                }
                let __sam_loss = loss;
                {
                    use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                    (&&::sam_runtime::__private::Look(&__sam_loss))
                        .__sam_note(&mut __sam_pass);
                }
                let __sam_gradients = __sam_loss.backward();
                __sam_step.absorb(__sam_pass, &__sam_copy, __sam_gradients);
            }
            let __sam_result = match ::sam_runtime::__private::observed(
                __sam_step.is_observed(),
                __sam_step.finish(&mut *model),
            ) {
                ::core::result::Result::Ok(__sam_result) => __sam_result,
                ::core::result::Result::Err(__sam_error) => {
                    ::sam_runtime::__private::panic(__sam_error)
                }
            };
            (__sam_result, (__sam_seen_0.whole(),))
        };
        if __sam_seen_0 > 10.0 {
            break;
        }
        grads = match ::sam_runtime::__private::as_step(__sam_result) {
            ::core::result::Result::Ok(__sam_gradients) => __sam_gradients,
            ::core::result::Result::Err(__sam_error) => {
                ::sam_runtime::__private::panic(__sam_error)
            }
        };
        opt.update(model, &grads).unwrap();
    }
}
