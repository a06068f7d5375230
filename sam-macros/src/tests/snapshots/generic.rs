// The expansion of `snapshots::generic`.

fn train<Model, Opt, Data, Inp, Lbl, Criterion, Loss, E, D>(
    model: &mut Model,
    opt: &mut Opt,
    mut criterion: Criterion,
    data: Data,
    batch_accum: usize,
) -> Result<(), D::Err>
where
    Data: Iterator<Item = (Inp, Lbl)>,
    Criterion: FnMut(Model::Output, Lbl) -> Loss,
    Model: ::core::clone::Clone,
    Inp: ::core::clone::Clone,
    Lbl: ::core::clone::Clone,
{
    let mut grads = model.try_alloc_grads()?;
    for (i, (inp, lbl)) in data.enumerate() {
        let __sam_settings = ::sam_runtime::__private::settings(0.05, 2f64, false);
        let __sam_input = &inp;
        let __sam_start = grads;
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
                let lbl = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByReference as _,
                    };
                    ::sam_runtime::__private::used_twice(&lbl);
                    (&&&::sam_runtime::__private::Look(&lbl))
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
                let y = model
                    .try_forward_mut(__sam_traced.traced(__sam_pass.gradients()))?;
                let loss = criterion(y, lbl);
                if __sam_pass.is_observed() {
                    __sam_seen_0.see(loss.array());
                }
                let __sam_loss = loss;
                {
                    use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                    (&&::sam_runtime::__private::Look(&__sam_loss))
                        .__sam_note(&mut __sam_pass);
                }
                match __sam_loss.try_backward() {
                    ::core::result::Result::Ok(__sam_gradients) => {
                        __sam_step.absorb(__sam_pass, &__sam_copy, __sam_gradients)
                    }
                    ::core::result::Result::Err(__sam_error) => {
                        __sam_step.fail_backward(__sam_error)
                    }
                }
            }
            let __sam_result = match ::sam_runtime::__private::observed(
                __sam_step.is_observed(),
                __sam_step.finish(&mut *model),
            ) {
                ::core::result::Result::Ok(__sam_result) => __sam_result,
                ::core::result::Result::Err(__sam_error) => {
                    return {
                        use ::sam_runtime::__private::{
                            RaiseByFrom as _, RaiseByPanic as _,
                        };
                        (&&::sam_runtime::__private::Returns::<
                            Result<(), D::Err>,
                        >::new())
                            .__sam_raise(__sam_error)
                    };
                }
            };
            (__sam_result, (__sam_seen_0.whole(),))
        };
        let loss_value = __sam_seen_0;
        grads = match ::sam_runtime::__private::as_backward(__sam_result) {
            ::core::result::Result::Ok(__sam_gradients) => __sam_gradients,
            ::core::result::Result::Err(__sam_error) => {
                return {
                    use ::sam_runtime::__private::{RaiseByFrom as _, RaiseByPanic as _};
                    (&&::sam_runtime::__private::Returns::<Result<(), D::Err>>::new())
                        .__sam_raise(__sam_error)
                };
            }
        }?;
        if i % batch_accum == 0 {
            opt.update(model, &grads).unwrap();
            model.try_zero_grads(&mut grads)?;
        }
        println!("batch {i} | loss = {loss_value:?}");
    }
    Ok(())
}
