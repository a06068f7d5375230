// The expansion of `snapshots::control_flow`.

#[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
    let mut grads = model.alloc_grads();
    for (x, y) in data {
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
                let __sam_outer = (&&::sam_runtime::__private::ByType(&*model))
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
                    let __sam_outer = (&&::sam_runtime::__private::ByType(&opt))
                        .__sam_owner();
                    (&&::sam_runtime::__private::ByType(__sam_outer)).__sam_owner()
                },
            );
        }
        ::sam_runtime::__private::Driver::mark(&__sam_step_0, 0usize, 0);
        let mut __sam_input_0 = ::core::option::Option::None;
        let logits = match model
            .try_forward_mut(
                match x {
                    __sam_x => {
                        __sam_input_0 = ::core::option::Option::Some({
                            #[allow(unused_imports)]
                            use ::sam_runtime::__private::{
                                KeepTensor as _, KeepTensorReference as _, KeepValue as _,
                            };
                            (&&&::sam_runtime::__private::ByType(&__sam_x))
                                .__sam_keep(&__sam_step_0)
                        });
                        __sam_x
                            .traced(
                                ::sam_runtime::__private::Driver::start(
                                    &__sam_step_0,
                                    grads.clone(),
                                ),
                            )
                    }
                },
            )
        {
            Ok(logits) => logits,
            Err(_) => continue,
        };
        ::sam_runtime::__private::Driver::mark(&__sam_step_0, 1usize, 0);
        {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{MeetDevice as _, MeetNothing as _};
            (&&::sam_runtime::__private::ByType(&y)).__sam_meet(&__sam_step_0);
        }
        let mut __sam_record_0_1_0 = {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{
                RecordByClone as _, RecordConsumed as _, RecordMutReference as _,
                RecordOwn as _,
            };
            ::sam_runtime::__private::checked(
                (&&&&::sam_runtime::__private::ByType(&y)).__sam_record(&__sam_step_0),
            )
        };
        let loss = cross_entropy_with_logits_loss(logits, y);
        if loss.array() > 10.0 {
            break;
        }
        grads = {
            ::sam_runtime::__private::Driver::mark(&__sam_step_0, 2usize, 0);
            let __sam_loss_0 = loss;
            {
                #[allow(unused_imports)]
                use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                (&&::sam_runtime::__private::ByType(&__sam_loss_0))
                    .__sam_note(&__sam_step_0, false);
            }
            let __sam_gradients_0 = ::sam_runtime::__private::Driver::taken(
                &__sam_step_0,
                __sam_loss_0.backward(),
            );
            if let ::core::option::Option::Some(mut __sam_copy_0) = ::sam_runtime::__private::Driver::climb(
                &__sam_step_0,
                __sam_gradients_0,
                0,
            ) {
                #[allow(warnings, clippy::all)]
                let () = {
                    let model = &mut __sam_copy_0;
                    ::sam_runtime::__private::Driver::rewind(&__sam_step_0, 0usize, 0);
                    let logits = match model
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
                        )
                    {
                        Ok(logits) => logits,
                        Err(_) => continue,
                    };
                    ::sam_runtime::__private::Driver::rewind(&__sam_step_0, 1usize, 0);
                    let y = ::sam_runtime::__private::Recorded::bind(
                        &mut __sam_record_0_1_0,
                    );
                    let loss = cross_entropy_with_logits_loss(logits, y);
                    ::sam_runtime::__private::Driver::rewind(&__sam_step_0, 2usize, 0);
                    let __sam_loss_0 = loss;
                    {
                        #[allow(unused_imports)]
                        use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                        (&&::sam_runtime::__private::ByType(&__sam_loss_0))
                            .__sam_note(&__sam_step_0, true);
                    }
                    let __sam_gradients_0 = ::sam_runtime::__private::Driver::taken(
                        &__sam_step_0,
                        __sam_loss_0.backward(),
                    );
                    ::sam_runtime::__private::Driver::absorb(
                        &__sam_step_0,
                        &__sam_copy_0,
                        __sam_gradients_0,
                        0,
                    );
                };
            }
            match ::sam_runtime::__private::as_step(
                ::sam_runtime::__private::Driver::finish_with(&__sam_step_0, &mut *model),
            ) {
                ::core::result::Result::Ok(__sam_gradients_0) => __sam_gradients_0,
                ::core::result::Result::Err(__sam_error_0) => {
                    ::sam_runtime::__private::panic(__sam_error_0)
                }
            }
        };
        opt.update(model, &grads).unwrap();
    }
}
