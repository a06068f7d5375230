//! The table behind [`Flat`].

use dfdx::shapes::{Const, Dim};

use super::Flat;

impl<const C: usize> Flat for (Const<C>, usize, usize) {
    type Length = usize;
}

/// Channels of 1 x 1 images, which is what they are flattened to.
impl<const C: usize> Flat for (Const<C>, Const<1>, Const<1>) {
    type Length = Const<C>;
}

macro_rules! flat {
    ($($channels:literal)*) => {$(
        flat!(@ $channels 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 28 32);
    )*};
    (@ $channels:literal $($side:literal)*) => {$(
        impl Flat for (Const<$channels>, Const<$side>, Const<$side>) {
            type Length = Const<{ $channels * $side * $side }>;
        }
    )*};
}

flat!(1 2 3 4 5 6 8 10 12 16 20 24 32 40 48 50 64 80 96 100 120 128 160 192 256 320 384 512 640 768
    1024 1280 2048);

/// The length of a flattened image, from its sides as they are.
pub(in crate::nn) fn length(channels: &impl Dim, height: &impl Dim, width: &impl Dim) -> usize {
    channels.size() * height.size() * width.size()
}
