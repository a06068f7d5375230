// The expansion of `snapshots::chunks`.

#[allow(clippy::needless_pass_by_value, clippy::unnecessary_to_owned)]
fn train(model: &mut Net, opt: &mut Opt, data: &Data) -> f32 {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (x, y) in data {
        let __sam_rho_0: ::core::primitive::f64 = 0.05;
        let __sam_settings_0 = ::sam_runtime::__private::settings(
            __sam_rho_0,
            ::core::primitive::f64::INFINITY,
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
        let __sam_input_0 = &x;
        let __sam_chunks_0 = {
            struct __SamDivides<__SamX, const __SAM_M: ::core::primitive::usize>(
                ::core::marker::PhantomData<__SamX>,
            );
            impl<
                __SamX: ::sam_runtime::__private::Batch<__SAM_M>,
                const __SAM_M: ::core::primitive::usize,
            > __SamDivides<__SamX, __SAM_M> {
                const CHECK: () = ::sam_runtime::__private::assert_divides(
                    <__SamX as ::sam_runtime::__private::SplitBatch<
                        __SAM_M,
                    >>::STATIC_ROWS,
                    __SAM_M,
                );
            }
            fn __sam_chunks<
                __SamX: ::sam_runtime::__private::Batch<
                        __SAM_M,
                        ChunkRows = __SamC,
                        Rows = __SamR,
                    >,
                const __SAM_M: ::core::primitive::usize,
                __SamC,
                __SamR,
            >(x: &__SamX) -> ::sam_runtime::__private::Chunks<__SamC, __SamR> {
                let () = __SamDivides::<__SamX, __SAM_M>::CHECK;
                ::sam_runtime::__private::chunks::<__SAM_M, __SamX>(x)
            }
            __sam_chunks::<_, { 4 }, _, _>(__sam_input_0)
        };
        match ::sam_runtime::__private::Driver::cut(&__sam_step_0, &__sam_chunks_0) {
            ::core::result::Result::Ok(()) => {}
            ::core::result::Result::Err(__sam_error_0) => {
                ::sam_runtime::__private::Driver::give_up(&__sam_step_0, &mut *model);
                ::sam_runtime::__private::panic(__sam_error_0)
            }
        }
        let __sam_cut_0_0_0 = match ::sam_runtime::__private::split::<
            { 4 },
            _,
            _,
            _,
        >(__sam_input_0, &__sam_chunks_0) {
            ::core::result::Result::Ok(__sam_cut_0_0_0) => __sam_cut_0_0_0,
            ::core::result::Result::Err(__sam_error_0) => {
                ::sam_runtime::__private::Driver::give_up(&__sam_step_0, &mut *model);
                ::sam_runtime::__private::panic(__sam_error_0)
            }
        };
        ::sam_runtime::__private::Driver::keep(&__sam_step_0, grads);
        let mut __sam_anew_0_logits = ::std::vec::Vec::new();
        for __sam_chunk_0 in 0..::sam_runtime::__private::Chunks::len(&__sam_chunks_0) {
            ::sam_runtime::__private::Driver::mark(&__sam_step_0, 0usize, __sam_chunk_0);
            let mut __sam_copy_0 = ::sam_runtime::__private::Driver::chunk_model(
                &__sam_step_0,
                &*model,
                __sam_chunk_0,
            );
            let model = &mut __sam_copy_0;
            let logits = model
                .forward_mut({
                    __sam_cut_0_0_0[__sam_chunk_0]
                        .trace(
                            ::sam_runtime::__private::Driver::chunk_start(&__sam_step_0),
                        )
                });
            __sam_anew_0_logits.push(::core::option::Option::Some(logits));
            ::sam_runtime::__private::Driver::advanced(
                &__sam_step_0,
                &__sam_copy_0,
                __sam_chunk_0,
            );
        }
        ::sam_runtime::__private::Driver::go_on(&__sam_step_0);
        let mut __sam_parts_0_logits = __sam_anew_0_logits;
        ::sam_runtime::__private::Driver::write_back(&__sam_step_0, &mut *model);
        {
            #[allow(unused_imports)]
            use ::sam_runtime::__private::{MeetDevice as _, MeetNothing as _};
            (&&::sam_runtime::__private::ByType(&y)).__sam_meet(&__sam_step_0);
        }
        let __sam_record_0_1_0 = (
            {
                #[allow(unused_imports)]
                use ::sam_runtime::__private::{LendClone as _, LendReference as _};
                (&&::sam_runtime::__private::ByType(&y)).__sam_lend()
            },
            match ::sam_runtime::__private::split::<
                { 4 },
                _,
                _,
                _,
            >(&y, &__sam_chunks_0) {
                ::core::result::Result::Ok(__sam_record_0_1_0) => __sam_record_0_1_0,
                ::core::result::Result::Err(__sam_error_0) => {
                    ::sam_runtime::__private::Driver::give_up(
                        &__sam_step_0,
                        &mut *model,
                    );
                    ::sam_runtime::__private::panic(__sam_error_0)
                }
            },
        );
        let mut __sam_anew_0_loss = ::std::vec::Vec::new();
        let mut __sam_observed_0_loss = ::sam_runtime::__private::Observed::new();
        for __sam_chunk_0 in 0..::sam_runtime::__private::Chunks::len(&__sam_chunks_0) {
            ::sam_runtime::__private::Driver::mark(&__sam_step_0, 1usize, __sam_chunk_0);
            let logits = __sam_parts_0_logits[__sam_chunk_0]
                .take()
                .expect("a value for each chunk");
            let y = ::sam_runtime::__private::Lend::lend(
                &__sam_record_0_1_0.0,
                &__sam_record_0_1_0.1[__sam_chunk_0],
            );
            let loss = cross_entropy_with_logits_loss(logits, y);
            ::sam_runtime::__private::is_loss(&loss, &__sam_step_0);
            ::sam_runtime::__private::Observed::add(
                &mut __sam_observed_0_loss,
                ::sam_runtime::__private::observe(&loss),
            );
            __sam_anew_0_loss.push(::core::option::Option::Some(loss));
        }
        ::sam_runtime::__private::Driver::go_on(&__sam_step_0);
        let mut __sam_parts_0_loss = __sam_anew_0_loss;
        let loss = match ::sam_runtime::__private::join(
            __sam_observed_0_loss,
            &__sam_chunks_0,
        ) {
            ::core::result::Result::Ok(__sam_observed_0_loss) => __sam_observed_0_loss,
            ::core::result::Result::Err(__sam_error_0) => {
                ::sam_runtime::__private::Driver::give_up(&__sam_step_0, &mut *model);
                ::sam_runtime::__private::panic(__sam_error_0)
            }
        };
        total += loss.array();
        grads = {
            for __sam_chunk_0 in 0..::sam_runtime::__private::Chunks::len(
                &__sam_chunks_0,
            ) {
                ::sam_runtime::__private::Driver::mark(
                    &__sam_step_0,
                    2usize,
                    __sam_chunk_0,
                );
                let loss = __sam_parts_0_loss[__sam_chunk_0]
                    .take()
                    .expect("a value for each chunk");
                let __sam_loss_0 = loss;
                {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{NoteLoss as _, PassOverLoss as _};
                    ::sam_runtime::__private::Driver::at_chunk(
                        &__sam_step_0,
                        __sam_chunk_0,
                    );
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
                    __sam_chunk_0,
                ) {
                    #[allow(warnings, clippy::all)]
                    let () = {
                        let model = &mut __sam_copy_0;
                        let mut __sam_input_0 = ::core::option::Option::Some(
                            ::core::clone::Clone::clone(&__sam_cut_0_0_0[__sam_chunk_0]),
                        );
                        ::sam_runtime::__private::Driver::rewind(
                            &__sam_step_0,
                            0usize,
                            __sam_chunk_0,
                        );
                        let logits = model
                            .forward_mut(
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
                            );
                        ::sam_runtime::__private::Driver::rewind(
                            &__sam_step_0,
                            1usize,
                            __sam_chunk_0,
                        );
                        let y = ::sam_runtime::__private::Lend::lend(
                            &__sam_record_0_1_0.0,
                            &__sam_record_0_1_0.1[__sam_chunk_0],
                        );
                        let loss = cross_entropy_with_logits_loss(logits, y);
                        ::sam_runtime::__private::Driver::rewind(
                            &__sam_step_0,
                            2usize,
                            __sam_chunk_0,
                        );
                        let __sam_loss_0 = loss;
                        {
                            #[allow(unused_imports)]
                            use ::sam_runtime::__private::{
                                NoteLoss as _, PassOverLoss as _,
                            };
                            ::sam_runtime::__private::Driver::at_chunk(
                                &__sam_step_0,
                                __sam_chunk_0,
                            );
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
                            __sam_chunk_0,
                        );
                    };
                }
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
        model.zero_grads(&mut grads);
    }
    total
}
