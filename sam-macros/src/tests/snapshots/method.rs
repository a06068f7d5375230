// The expansion of `snapshots::method`.

pub fn train(&mut self, batches: &Batches) -> Result<f32, TrainError> {
    let mut total = 0.0;
    for batch in batches.iter() {
        let grads = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
        let __sam_settings = ::sam_runtime::__private::settings(0.05, 2f64, false);
        let __sam_input = &batch.states;
        let __sam_start = grads;
        let (__sam_result, (__sam_seen_0,)) = {
            let mut __sam_step = ::sam_runtime::__private::begin(
                &self.net,
                __sam_start,
                __sam_settings,
            );
            let mut __sam_seen_0 = ::sam_runtime::__private::Seen::new();
            while let ::core::option::Option::Some(mut __sam_pass) = __sam_step
                .next_pass()
            {
                let __sam_field_0 = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(&batch.actions))
                        .__sam_for_pass(__sam_pass.fork())
                };
                let __sam_field_1 = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        ByClone as _, ByFork as _, ByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(&batch.targets))
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
                #[allow(unused_mut)]
                let mut __sam_model = __sam_pass.model();
                let q = __sam_model
                    .try_forward_mut(__sam_traced.trace(__sam_pass.gradients()))?;
                let loss = huber_loss(
                    q.select(__sam_field_0.clone()),
                    __sam_field_1.clone(),
                    1.0,
                );
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
                        __sam_step.absorb(__sam_pass, &__sam_model, __sam_gradients)
                    }
                    ::core::result::Result::Err(__sam_error) => {
                        __sam_step.fail_backward(__sam_error)
                    }
                }
            }
            let __sam_result = match ::sam_runtime::__private::observed(
                __sam_step.is_observed(),
                __sam_step.finish(&mut self.net),
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
            (__sam_result, (__sam_seen_0.whole(),))
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
