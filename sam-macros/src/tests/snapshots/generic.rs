// The expansion of `snapshots::generic`.

#[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
fn train<
    Model: ::core::clone::Clone,
    Opt,
    Data,
    Inp: ::core::clone::Clone,
    Lbl: ::core::clone::Clone,
    Criterion,
    Loss,
    E,
    D,
>(
    model: &mut Model,
    opt: &mut Opt,
    mut criterion: Criterion,
    data: Data,
    batch_accum: usize,
) -> Result<(), D::Err>
where
    Data: Iterator<Item = (Inp, Lbl)>,
    Criterion: FnMut(Model::Output, Lbl) -> Loss,
{
    let mut grads = model.try_alloc_grads()?;
    for (i, (inp, lbl)) in data.enumerate() {
        let __sam_rho: ::core::primitive::f64 = 0.05;
        let __sam_settings = ::sam_runtime::__private::settings(__sam_rho, 2f64, false);
        let __sam_input = &inp;
        let __sam_start = grads;
        let (__sam_result, (__sam_seen_0,)) = {
            let mut __sam_step = ::sam_runtime::__private::begin(
                {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{Behind as _, Itself as _};
                    let __sam_outer = (&&::sam_runtime::__private::Look(&*model))
                        .__sam_owner();
                    (&&::sam_runtime::__private::Look(__sam_outer)).__sam_owner()
                },
                __sam_start,
                __sam_settings,
            );
            if false {
                ::sam_runtime::__private::optimizes(
                    {
                        #[allow(unused_imports)]
                        use ::sam_runtime::__private::{Behind as _, Itself as _};
                        let __sam_outer = (&&::sam_runtime::__private::Look(&*model))
                            .__sam_owner();
                        (&&::sam_runtime::__private::Look(__sam_outer)).__sam_owner()
                    },
                    {
                        #[allow(unused_imports)]
                        use ::sam_runtime::__private::{Behind as _, Itself as _};
                        let __sam_outer = (&&::sam_runtime::__private::Look(&opt))
                            .__sam_owner();
                        (&&::sam_runtime::__private::Look(__sam_outer)).__sam_owner()
                    },
                    ::sam_runtime::__private::Driver::types(&__sam_step),
                );
            }
            let mut __sam_seen_0 = ::sam_runtime::__private::Seen::new();
            while let ::core::option::Option::Some(mut __sam_pass) = ::sam_runtime::__private::Driver::next_pass(
                &mut __sam_step,
            ) {
                let lbl = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByNothing as _,
                    };
                    ::sam_runtime::__private::used_twice(&lbl);
                    (&&&::sam_runtime::__private::Look(&lbl))
                        .__sam_for_pass(
                            ::sam_runtime::__private::Pass::fork(&__sam_pass),
                        )
                };
                let __sam_traced = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        InputByClone as _, InputByFork as _, InputByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(__sam_input))
                        .__sam_input(::sam_runtime::__private::Pass::fork(&__sam_pass))
                };
                let mut __sam_copy = ::sam_runtime::__private::Pass::model(
                    &mut __sam_pass,
                );
                let model = &mut __sam_copy;
                let y = model
                    .try_forward_mut(
                        __sam_traced
                            .traced(
                                ::sam_runtime::__private::Pass::gradients(&mut __sam_pass),
                            ),
                    )?;
                let loss = criterion(y, lbl);
                if ::sam_runtime::__private::Pass::is_observed(&__sam_pass) {
                    ::sam_runtime::__private::Seen::see(&mut __sam_seen_0, loss.array());
                }
                let __sam_loss = loss;
                {
                    use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                    (&&::sam_runtime::__private::Look(&__sam_loss))
                        .__sam_note(&mut __sam_pass);
                }
                match __sam_loss.try_backward() {
                    ::core::result::Result::Ok(__sam_gradients) => {
                        ::sam_runtime::__private::Driver::absorb(
                            &mut __sam_step,
                            __sam_pass,
                            &__sam_copy,
                            __sam_gradients,
                        )
                    }
                    ::core::result::Result::Err(__sam_error) => {
                        ::sam_runtime::__private::Driver::fail_backward(
                            &mut __sam_step,
                            __sam_error,
                        )
                    }
                }
            }
            let __sam_result = match ::sam_runtime::__private::observed(
                ::sam_runtime::__private::Driver::is_observed(&__sam_step),
                ::sam_runtime::__private::Driver::finish(
                    __sam_step,
                    ::core::option::Option::Some(&mut *model),
                ),
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
            (__sam_result, (::sam_runtime::__private::Seen::whole(__sam_seen_0),))
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
