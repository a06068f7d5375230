// The expansion of `snapshots::method`.

#[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
pub fn train(&mut self, batches: &Batches) -> Result<f32, TrainError> {
    let mut total = 0.0;
    for batch in batches.iter() {
        let grads = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
        let __sam_rho_0: ::core::primitive::f64 = 0.05;
        let __sam_settings_0 = ::sam_runtime::__private::settings(
            __sam_rho_0,
            2f64,
            false,
        );
        let __sam_step_0 = ::sam_runtime::__private::begin(
            {
                #[allow(unused_imports)]
                use ::sam_runtime::__private::{Behind as _, Itself as _};
                let __sam_outer = (&&::sam_runtime::__private::ByType(&self.net))
                    .__sam_owner();
                (&&::sam_runtime::__private::ByType(__sam_outer)).__sam_owner()
            },
            __sam_settings_0,
            ::core::concat!(
                ::core::file!(), ":", ::core::line!(), ":", ::core::column!()
            ),
        );
        if false {
            ::sam_runtime::__private::optimizes(
                &__sam_step_0,
                {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{Behind as _, Itself as _};
                    let __sam_outer = (&&::sam_runtime::__private::ByType(&self.opt))
                        .__sam_owner();
                    (&&::sam_runtime::__private::ByType(__sam_outer)).__sam_owner()
                },
            );
        }
        ::sam_runtime::__private::Driver::mark(&__sam_step_0, 0usize, 0);
        let mut __sam_input_0 = ::core::option::Option::None;
        let q = self
            .net
            .try_forward_mut(
                match &batch.states {
                    __sam_x => {
                        __sam_input_0 = ::core::option::Option::Some({
                            #[allow(unused_imports)]
                            use ::sam_runtime::__private::{
                                KeepTensor as _, KeepTensorReference as _, KeepValue as _,
                            };
                            (&&&::sam_runtime::__private::ByType(__sam_x))
                                .__sam_keep(&__sam_step_0)
                        });
                        __sam_x
                            .trace(
                                ::sam_runtime::__private::Driver::start(
                                    &__sam_step_0,
                                    grads,
                                ),
                            )
                    }
                },
            )?;
        ::sam_runtime::__private::Driver::mark(&__sam_step_0, 1usize, 0);
        {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{MeetDevice as _, MeetNothing as _};
            (&&::sam_runtime::__private::ByType(&batch.actions))
                .__sam_meet(&__sam_step_0);
        }
        let mut __sam_record_0_1_0 = {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{
                ViewAsIs as _, ViewClone as _, ViewOwn as _, ViewShared as _,
            };
            ::sam_runtime::__private::allowed(
                (&&&&::sam_runtime::__private::ByType(&batch.actions)).__sam_view(),
            )
        };
        {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{MeetDevice as _, MeetNothing as _};
            (&&::sam_runtime::__private::ByType(&batch.targets))
                .__sam_meet(&__sam_step_0);
        }
        let mut __sam_record_0_1_1 = {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{
                ViewAsIs as _, ViewClone as _, ViewOwn as _, ViewShared as _,
            };
            ::sam_runtime::__private::allowed(
                (&&&&::sam_runtime::__private::ByType(&batch.targets)).__sam_view(),
            )
        };
        let loss = huber_loss(
            q.select(batch.actions.clone()),
            batch.targets.clone(),
            1.0,
        );
        total += loss.array();
        self.grads = Some(
            {
                ::sam_runtime::__private::Driver::mark(&__sam_step_0, 2usize, 0);
                let __sam_loss_0 = loss;
                {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                    (&&::sam_runtime::__private::ByType(&__sam_loss_0))
                        .__sam_note(&__sam_step_0, false);
                }
                match __sam_loss_0.try_backward() {
                    ::core::result::Result::Ok(__sam_gradients_0) => {
                        let __sam_gradients_0 = ::sam_runtime::__private::Driver::taken(
                            &__sam_step_0,
                            __sam_gradients_0,
                        );
                        if let ::core::option::Option::Some(mut __sam_copy_0) = ::sam_runtime::__private::Driver::climb(
                            &__sam_step_0,
                            __sam_gradients_0,
                            0,
                        ) {
                            #[allow(warnings, clippy::all)]
                            let () = {
                                let mut __sam_model_0 = __sam_copy_0;
                                ::sam_runtime::__private::Driver::rewind(
                                    &__sam_step_0,
                                    0usize,
                                    0,
                                );
                                let q = __sam_model_0
                                    .try_forward_mut(
                                        match __sam_input_0.take() {
                                            ::core::option::Option::Some(__sam_x) => {
                                                #[allow(unused_imports)]
                                                use ::sam_runtime::__private::Trace as _;
                                                __sam_x
                                                    .trace(
                                                        ::sam_runtime::__private::Driver::again(&__sam_step_0),
                                                    )
                                            }
                                            ::core::option::Option::None => {
                                                ::sam_runtime::__private::missing()
                                            }
                                        },
                                    )?;
                                ::sam_runtime::__private::Driver::rewind(
                                    &__sam_step_0,
                                    1usize,
                                    0,
                                );
                                let __sam_field_0_1_0 = ::sam_runtime::__private::View::at(
                                    &__sam_record_0_1_0,
                                    &batch.actions,
                                );
                                let __sam_field_0_1_1 = ::sam_runtime::__private::View::at(
                                    &__sam_record_0_1_1,
                                    &batch.targets,
                                );
                                let loss = huber_loss(
                                    q.select((*__sam_field_0_1_0).clone()),
                                    (*__sam_field_0_1_1).clone(),
                                    1.0,
                                );
                                ::sam_runtime::__private::Driver::rewind(
                                    &__sam_step_0,
                                    2usize,
                                    0,
                                );
                                let __sam_loss_0 = loss;
                                {
                                    #[allow(unused_imports)]
                                    use ::sam_runtime::__private::{
                                        NoteLoss as _, PassOverLoss as _,
                                    };
                                    (&&::sam_runtime::__private::ByType(&__sam_loss_0))
                                        .__sam_note(&__sam_step_0, true);
                                }
                                match __sam_loss_0.try_backward() {
                                    ::core::result::Result::Ok(__sam_gradients_0) => {
                                        let __sam_gradients_0 = ::sam_runtime::__private::Driver::taken(
                                            &__sam_step_0,
                                            __sam_gradients_0,
                                        );
                                        ::sam_runtime::__private::Driver::absorb(
                                            &__sam_step_0,
                                            &__sam_model_0,
                                            __sam_gradients_0,
                                            0,
                                        );
                                    }
                                    ::core::result::Result::Err(__sam_error_0) => {
                                        ::sam_runtime::__private::Driver::fail_backward(
                                            &__sam_step_0,
                                            __sam_error_0,
                                        )
                                    }
                                }
                            };
                        }
                    }
                    ::core::result::Result::Err(__sam_error_0) => {
                        ::sam_runtime::__private::Driver::fail_backward(
                            &__sam_step_0,
                            __sam_error_0,
                        )
                    }
                }
                match ::sam_runtime::__private::as_backward(
                    ::sam_runtime::__private::Driver::finish_with(
                        &__sam_step_0,
                        &mut self.net,
                    ),
                ) {
                    ::core::result::Result::Ok(__sam_gradients_0) => __sam_gradients_0,
                    ::core::result::Result::Err(__sam_error_0) => {
                        return {
                            use ::sam_runtime::__private::{
                                RaiseByFrom as _, RaiseByPanic as _,
                            };
                            (&&::sam_runtime::__private::Returns::<
                                Result<f32, TrainError>,
                            >::new())
                                .__sam_raise(__sam_error_0)
                        };
                    }
                }
            }?,
        );
        self.opt.update(&mut self.net, self.grads.as_ref().unwrap())?;
    }
    Ok(total)
}
