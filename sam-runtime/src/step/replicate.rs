//! The inputs of one pass.

use dfdx::{
    shapes::{Shape, Unit},
    tensor::{Storage, Tensor, TensorFromVec},
};

use crate::device::{Fork, moved};

/// A value that can live on a fork of its device, so that what is computed from it draws the
/// fork's random numbers: dropout draws from the device of its input.
pub trait Replicate: Clone {
    /// A copy for a pass.
    fn replicate(&self, fork: Option<&Fork>) -> Self;
}

impl<S: Shape, E: Unit, D: Storage<E> + TensorFromVec<E>> Replicate for Tensor<S, E, D> {
    fn replicate(&self, fork: Option<&Fork>) -> Self {
        let moved = fork
            .and_then(Fork::device::<D>)
            .and_then(|device| moved(self, device).ok());
        moved.unwrap_or_else(|| self.clone())
    }
}

macro_rules! replicate_clone {
    ($($type:ty)*) => {$(
        impl Replicate for $type {
            fn replicate(&self, _: Option<&Fork>) -> Self {
                self.clone()
            }
        }
    )*};
}

replicate_clone!(
    f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool char String &'static str
);

impl Replicate for () {
    fn replicate(&self, _: Option<&Fork>) {}
}

impl<T: Replicate> Replicate for Vec<T> {
    fn replicate(&self, fork: Option<&Fork>) -> Self {
        self.iter().map(|x| x.replicate(fork)).collect()
    }
}

impl<T: Replicate> Replicate for Option<T> {
    fn replicate(&self, fork: Option<&Fork>) -> Self {
        self.as_ref().map(|x| x.replicate(fork))
    }
}

macro_rules! replicate_tuple {
    ($($part:ident $index:tt)*) => {
        impl<$($part: Replicate,)*> Replicate for ($($part,)*) {
            fn replicate(&self, fork: Option<&Fork>) -> Self {
                ($(self.$index.replicate(fork),)*)
            }
        }
    };
}

replicate_tuple!(T0 0 T1 1);
replicate_tuple!(T0 0 T1 1 T2 2);
replicate_tuple!(T0 0 T1 1 T2 2 T3 3);
replicate_tuple!(T0 0 T1 1 T2 2 T3 3 T4 4);
replicate_tuple!(T0 0 T1 1 T2 2 T3 3 T4 4 T5 5);
