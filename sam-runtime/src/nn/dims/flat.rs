//! Channels times height times width.

use dfdx::shapes::{Const, Dim};

/// Channels of images of `H` x `W` pixels, and how many numbers that makes.
///
/// Static sizes have it if the image is one pixel; if there is one channel, or a usual number of
/// them (see the table in the source: multiples of 8 up to 128, of 64 up to 1024, and more), and the
/// image is a square of up to 16 pixels, of 28 or 32. If a size is dynamic, so is the product.
pub trait Flat<H: Dim, W: Dim>: Dim {
    /// The product.
    type Features: Dim;
}

impl<H: Dim, W: Dim> Flat<H, W> for usize {
    type Features = usize;
}

impl<const C: usize> Flat<usize, usize> for Const<C> {
    type Features = usize;
}

impl<const C: usize, const H: usize> Flat<Const<H>, usize> for Const<C> {
    type Features = usize;
}

impl<const C: usize, const W: usize> Flat<usize, Const<W>> for Const<C> {
    type Features = usize;
}

impl<const C: usize> Flat<Const<1>, Const<1>> for Const<C> {
    type Features = Const<C>;
}

macro_rules! squares {
    ($sides:tt $($c:literal)*) => { $( squares!(@of $c $sides); )* };
    (@of $c:literal [$($side:literal)*]) => {$(
        impl Flat<Const<$side>, Const<$side>> for Const<$c> {
            type Features = Const<{ $c * $side * $side }>;
        }
    )*};
}

squares! {
    [2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 28 32]
    1 2 3 4 5 6 8 10 12 16 20 24 28 30 32 36 40 48 50 56 60 64 72 80 84 88 96 100 104 112 120 128
    144 160 176 192 200 224 256 288 320 384 448 512 576 640 704 768 832 896 960 1024 1280 1536 2048
}
