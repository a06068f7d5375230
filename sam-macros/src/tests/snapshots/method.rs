// The expansion of `snapshots::method`.

#[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
pub fn train(&mut self, batches: &Batches) -> Result<f32, TrainError> {
    let mut total = 0.0;
    for batch in batches.iter() {
        let grads = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
        let __sam_rho: ::core::primitive::f64 = 0.05;
        let __sam_settings = ::sam_runtime::__private::settings(__sam_rho, 2f64, false);
        let __sam_input = &batch.states;
        let __sam_start = grads;
        let (__sam_result, (__sam_seen_0,)) = {
            let mut __sam_step = ::sam_runtime::__private::begin(
                {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{Behind as _, Itself as _};
                    let __sam_outer = (&&::sam_runtime::__private::Look(&self.net))
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
                        let __sam_outer = (&&::sam_runtime::__private::Look(&self.net))
                            .__sam_owner();
                        (&&::sam_runtime::__private::Look(__sam_outer)).__sam_owner()
                    },
                    {
                        #[allow(unused_imports)]
                        use ::sam_runtime::__private::{Behind as _, Itself as _};
                        let __sam_outer = (&&::sam_runtime::__private::Look(&self.opt))
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
                let __sam_field_0 = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(&batch.actions))
                        .__sam_for_pass(
                            ::sam_runtime::__private::Pass::fork(&__sam_pass),
                        )
                };
                let __sam_field_1 = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(&batch.targets))
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
                #[allow(unused_mut)]
                let mut __sam_model = ::sam_runtime::__private::Pass::model(
                    &mut __sam_pass,
                );
                let q = __sam_model
                    .try_forward_mut(
                        __sam_traced
                            .trace(
                                ::sam_runtime::__private::Pass::gradients(&mut __sam_pass),
                            ),
                    )?;
                let loss = huber_loss(
                    q.select(__sam_field_0.clone()),
                    __sam_field_1.clone(),
                    1.0,
                );
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
                            &__sam_model,
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
                    ::core::option::Option::Some(&mut self.net),
                ),
            ) {
                ::core::result::Result::Ok(__sam_result) => __sam_result,
                ::core::result::Result::Err(__sam_error) => {
                    return {
                        use ::sam_runtime::__private::{
                            RaiseByFrom as _, RaiseByPanic as _,
                        };
                        (&&::sam_runtime::__private::Returns::<
                            Result<f32, TrainError>,
                        >::new())
                            .__sam_raise(__sam_error)
                    };
                }
            };
            (__sam_result, (::sam_runtime::__private::Seen::whole(__sam_seen_0),))
        };
        total += __sam_seen_0;
        self.grads = Some(
            match ::sam_runtime::__private::as_backward(__sam_result) {
                ::core::result::Result::Ok(__sam_gradients) => __sam_gradients,
                ::core::result::Result::Err(__sam_error) => {
                    return {
                        use ::sam_runtime::__private::{
                            RaiseByFrom as _, RaiseByPanic as _,
                        };
                        (&&::sam_runtime::__private::Returns::<
                            Result<f32, TrainError>,
                        >::new())
                            .__sam_raise(__sam_error)
                    };
                }
            }?,
        );
        self.opt.update(&mut self.net, self.grads.as_ref().unwrap())?;
    }
    Ok(total)
}
