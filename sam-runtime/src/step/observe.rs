//! Values of the chunks as the rest of the loop sees them: without a tape.

use dfdx::{
    shapes::{Const, Shape},
    tensor::{NoneTape, Storage, Tensor},
};

/// A value of the slice that statements outside it may read. It carries no tape.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is computed by the forward pass or the loss, and can't be handed to the statements outside them",
    label = "the loop reads this outside the forward pass and the loss",
    note = "tensors, numbers, and tuples, arrays, `Vec`s and `Option`s of them can; implement `sam_runtime::step::Observe` for a type of your own",
    note = "see `errors/observed-cannot-be-handed-out` in sam-train's guide"
)]
pub trait Observe {
    /// The value without its tape.
    type Clean;

    /// A copy without its tape. A tensor shares its data with the copy.
    fn observe(&self) -> Self::Clean;
}

impl<S: Shape, E, D: Storage<E>, T> Observe for Tensor<S, E, D, T> {
    type Clean = Tensor<S, E, D>;

    fn observe(&self) -> Self::Clean {
        self.retaped::<NoneTape>()
    }
}

macro_rules! observe_clone {
    ($($type:ty)*) => {$(
        impl Observe for $type {
            type Clean = Self;

            fn observe(&self) -> Self {
                self.clone()
            }
        }
    )*};
}

observe_clone!(
    f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool char String &'static str
);

impl Observe for () {
    type Clean = ();

    fn observe(&self) {}
}

impl<const N: usize> Observe for Const<N> {
    type Clean = Self;

    fn observe(&self) -> Self {
        *self
    }
}

impl<T: Observe, const N: usize> Observe for [T; N] {
    type Clean = [T::Clean; N];

    fn observe(&self) -> Self::Clean {
        self.each_ref().map(T::observe)
    }
}

impl<T: Observe> Observe for Vec<T> {
    type Clean = Vec<T::Clean>;

    fn observe(&self) -> Self::Clean {
        self.iter().map(T::observe).collect()
    }
}

impl<T: Observe> Observe for Option<T> {
    type Clean = Option<T::Clean>;

    fn observe(&self) -> Self::Clean {
        self.as_ref().map(T::observe)
    }
}

macro_rules! observe_tuple {
    ($($part:ident $index:tt)*) => {
        impl<$($part: Observe,)*> Observe for ($($part,)*) {
            type Clean = ($($part::Clean,)*);

            fn observe(&self) -> Self::Clean {
                ($(self.$index.observe(),)*)
            }
        }
    };
}

observe_tuple!(T0 0);
observe_tuple!(T0 0 T1 1);
observe_tuple!(T0 0 T1 1 T2 2);
observe_tuple!(T0 0 T1 1 T2 2 T3 3);
observe_tuple!(T0 0 T1 1 T2 2 T3 3 T4 4);
observe_tuple!(T0 0 T1 1 T2 2 T3 3 T4 4 T5 5);
