// The expansion of `snapshots::chunks`.

fn train(model: &mut Net, opt: &mut Opt, data: &Data) -> f32 {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (x, y) in data {
        let __sam_settings = ::sam_runtime::__private::settings(
            0.05,
            ::core::primitive::f64::INFINITY,
            false,
        );
        let __sam_input = &x;
        let __sam_start = grads;
        let (__sam_result, (__sam_seen_0,)) = {
            {
                struct __SamDivides<X, const M: ::core::primitive::usize>(
                    ::core::marker::PhantomData<X>,
                );
                impl<
                    X: ::sam_runtime::__private::Batch<M>,
                    const M: ::core::primitive::usize,
                > __SamDivides<X, M> {
                    const CHECK: () = ::sam_runtime::__private::assert_divides(
                        <X as ::sam_runtime::__private::SplitBatch<M>>::STATIC_ROWS,
                        M,
                    );
                    fn check(_: &X) {
                        let () = Self::CHECK;
                    }
                }
                __SamDivides::<_, { 4 }>::check(__sam_input);
            }
            let __sam_chunks = ::sam_runtime::__private::chunks::<{ 4 }, _>(__sam_input);
            let __sam_parts_0 = match ::sam_runtime::__private::split::<
                { 4 },
                _,
                _,
                _,
            >(&y, &__sam_chunks) {
                ::core::result::Result::Ok(__sam_parts_0) => __sam_parts_0,
                ::core::result::Result::Err(__sam_error) => {
                    ::sam_runtime::__private::panic(__sam_error)
                }
            };
            let __sam_input = match ::sam_runtime::__private::split::<
                { 4 },
                _,
                _,
                _,
            >(__sam_input, &__sam_chunks) {
                ::core::result::Result::Ok(__sam_input) => __sam_input,
                ::core::result::Result::Err(__sam_error) => {
                    ::sam_runtime::__private::panic(__sam_error)
                }
            };
            let mut __sam_step = ::sam_runtime::__private::begin_chunked(
                &*model,
                __sam_start,
                __sam_settings,
                &__sam_chunks,
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
                    ::sam_runtime::__private::used_twice(
                        &__sam_parts_0[__sam_pass.chunk()],
                    );
                    (&&&::sam_runtime::__private::Look(
                        &__sam_parts_0[__sam_pass.chunk()],
                    ))
                        .__sam_for_pass(__sam_pass.fork())
                };
                let __sam_traced = {
                    #[allow(unused_imports)]
                    use ::sam_runtime::__private::{
                        InputByClone as _, InputByFork as _, InputByReference as _,
                    };
                    (&&&::sam_runtime::__private::Look(&__sam_input[__sam_pass.chunk()]))
                        .__sam_input(__sam_pass.fork())
                };
                let mut __sam_copy = __sam_pass.model();
                let model = &mut __sam_copy;
                let logits = model
                    .forward_mut(__sam_traced.traced(__sam_pass.gradients()));
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
            (
                __sam_result,
                (
                    match __sam_seen_0.join(&__sam_chunks) {
                        ::core::result::Result::Ok(__sam_result) => __sam_result,
                        ::core::result::Result::Err(__sam_error) => {
                            ::sam_runtime::__private::panic(__sam_error)
                        }
                    },
                ),
            )
        };
        total += __sam_seen_0;
        grads = match ::sam_runtime::__private::as_step(__sam_result) {
            ::core::result::Result::Ok(__sam_gradients) => __sam_gradients,
            ::core::result::Result::Err(__sam_error) => {
                ::sam_runtime::__private::panic(__sam_error)
            }
        };
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    total
}
