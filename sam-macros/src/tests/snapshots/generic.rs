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
    Criterion: FnMut(Model::Output, Lbl) -> Loss + ::core::clone::Clone,
{
    let mut grads = model.try_alloc_grads()?;
    for (i, (inp, lbl)) in data.enumerate() {
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
        let y = model
            .try_forward_mut(
                match inp {
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
            (&&::sam_runtime::__private::ByType(&criterion)).__sam_meet(&__sam_step_0);
        }
        let mut __sam_record_0_1_0 = {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{
                RecordByClone as _, RecordConsumed as _, RecordMutReference as _,
                RecordOwn as _,
            };
            ::sam_runtime::__private::checked(
                (&&&&::sam_runtime::__private::ByType(&criterion))
                    .__sam_record(&__sam_step_0),
            )
        };
        {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{MeetDevice as _, MeetNothing as _};
            (&&::sam_runtime::__private::ByType(&lbl)).__sam_meet(&__sam_step_0);
        }
        let mut __sam_record_0_1_1 = {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{
                RecordByClone as _, RecordConsumed as _, RecordMutReference as _,
                RecordOwn as _,
            };
            ::sam_runtime::__private::checked(
                (&&&&::sam_runtime::__private::ByType(&lbl)).__sam_record(&__sam_step_0),
            )
        };
        let loss = criterion(y, lbl);
        let loss_value = loss.array();
        grads = {
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
                            let model = &mut __sam_copy_0;
                            ::sam_runtime::__private::Driver::rewind(
                                &__sam_step_0,
                                0usize,
                                0,
                            );
                            let y = model
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
                            let mut criterion = ::sam_runtime::__private::Recorded::bind(
                                &mut __sam_record_0_1_0,
                            );
                            let lbl = ::sam_runtime::__private::Recorded::bind(
                                &mut __sam_record_0_1_1,
                            );
                            let loss = criterion(y, lbl);
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
                                        &__sam_copy_0,
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
                ::sam_runtime::__private::Driver::finish_with(&__sam_step_0, &mut *model),
            ) {
                ::core::result::Result::Ok(__sam_gradients_0) => __sam_gradients_0,
                ::core::result::Result::Err(__sam_error_0) => {
                    return {
                        use ::sam_runtime::__private::{
                            RaiseByFrom as _, RaiseByPanic as _,
                        };
                        (&&::sam_runtime::__private::Returns::<
                            Result<(), D::Err>,
                        >::new())
                            .__sam_raise(__sam_error_0)
                    };
                }
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
