use dfdx::prelude::*;

/// `sum(of)`, where what is summed may be the samples of a chunk. The loss of a batch is the mean of the
/// losses of its chunks, weighted by their sizes: a sum over the samples would be divided by the number of
/// chunks without a word.
pub fn sum<T, S: KeepsSamples<T>>(of: T, sum: impl FnOnce(T) -> S) -> S {
    sum(of)
}

/// What a `sum` makes of `Of` has still each of its samples.
#[diagnostic::on_unimplemented(
    message = "with `m`, it is not known whether this is a sum over the samples of a chunk",
    label = "`{Self}`, of `{Of}`",
    note = "put it into a function of yours that takes the mean over the samples, or leave out `m`",
    note = "see `errors/summed-over-samples` in sam-train's guide"
)]
pub trait KeepsSamples<Of> {}

impl<S: Shape, R: Shape + FirstOf<S>, E: Dtype, D: Storage<E>, T, U>
    KeepsSamples<Tensor<S, E, D, T>> for Tensor<R, E, D, U>
{
}

impl<S: KeepsSamples<Of>, Of, Err> KeepsSamples<Of> for Result<S, Err> {}

macro_rules! numbers {
    ($($name:ident)*) => {$(
        // Of an iterator.
        impl<Of> KeepsSamples<Of> for $name {}
    )*};
}

numbers!(f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// A shape that begins with the dimension that `S` begins with.
#[diagnostic::on_unimplemented(
    message = "with `m`, this is a sum over the samples of each chunk",
    label = "a loss must be a mean over the samples: that of a batch is the mean of its chunks' losses",
    note = "write `.mean()`, times the number of samples where the loss is to be their sum; a sum over other axes is right, as in `.sum::<_, Axis<1>>().mean()`",
    note = "see `errors/summed-over-samples` in sam-train's guide"
)]
pub trait FirstOf<S> {}

macro_rules! first_of {
    ($(($($of:ident)*))*) => {$(
        first_of!(@ ($($of)*) ());
        first_of!(@ ($($of)*) (P));
        first_of!(@ ($($of)*) (P Q));
        first_of!(@ ($($of)*) (P Q R));
        first_of!(@ ($($of)*) (P Q R S));
        first_of!(@ ($($of)*) (P Q R S T));
    )*};
    (@ ($($of:ident)*) ($($to:ident)*)) => {
        #[diagnostic::do_not_recommend]
        impl<A, $($of,)* $($to,)*> FirstOf<(A, $($of,)*)> for (A, $($to,)*) {}
    };
}

first_of! { () (B) (B C) (B C D) (B C D E) (B C D E F) }

#[diagnostic::do_not_recommend]
impl<const N: usize, const K: usize> FirstOf<[usize; N]> for [usize; K] {}
