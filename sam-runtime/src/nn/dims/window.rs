//! Where a window has how many places.

use dfdx::shapes::{Const, Dim};

use super::sides::{HalfDown, HalfUp, LessFour, LessOne, LessTwo, ThirdDown};

/// A side over which a window of `K` pixels slides, `S` at a time, with a padding of `P` at either
/// end and `L` from tap to tap: [`Window::places`](crate::device::Window::places) in types.
///
/// A static side, `Const<H>`, has it
/// - for windows that leave the side as it is (stride 1, padding `L (K - 1) / 2`), of 1, 3, 5, 7, 9
///   and 11 pixels, and dilated ones of 3 and 5;
/// - for sides up to 512 (at least) and these: stride 1 and 2 to 7 pixels, unpadded; `(3, 1, 0, 2)`;
///   stride 2 and `(K, P)` of (1, 0), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (5, 0), (5, 1), (5, 2),
///   (7, 0), (7, 2), (7, 3); `(3, 3, 0)`, `(4, 4, 0)`, `(8, 4, 0)`, `(11, 4, 2)`, `(8, 8, 0)`,
///   `(16, 16, 0)`.
///
/// A dynamic side, `usize`, has it for every window, and an error at run time where the window has no
/// place.
///
/// `Layer` is who asks, for the error message.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` has no place on images with a side of `{Self}`",
    label = "a window of size {K}, stride {S}, padding {P}, dilation {L} doesn't slide over `{Self}`",
    note = "a window must not be larger than the padded image; which windows static sides know \
            stands at `sam_runtime::nn::dims::Slide`, and dynamic sides (`usize`) take every window",
    note = "see `errors/window-larger-than-image` in sam-train's guide"
)]
pub trait Slide<const K: usize, const S: usize, const P: usize, const L: usize, Layer: ?Sized = ()>:
    Dim
{
    /// The number of places, which is the side of what comes out.
    type Out: Dim;
}

impl<const K: usize, const S: usize, const P: usize, const L: usize, Layer: ?Sized>
    Slide<K, S, P, L, Layer> for usize
{
    type Out = usize;
}

macro_rules! same {
    ($(($k:literal, $p:literal, $l:literal))*) => {$(
        impl<const H: usize, Layer: ?Sized> Slide<$k, 1, $p, $l, Layer> for Const<H> {
            type Out = Const<H>;
        }
    )*};
}

same! {
    (1, 0, 1) (3, 1, 1) (5, 2, 1) (7, 3, 1) (9, 4, 1) (11, 5, 1)
    (3, 2, 2) (3, 3, 3) (3, 4, 4) (3, 6, 6) (3, 12, 12) (3, 18, 18) (5, 4, 2)
}

/// `windows => operation after operation`. A window of reach `r = L (K - 1)` has
/// `ceil((H - r + 2 P) / S)` places.
macro_rules! slide {
    ($($(($k:literal, $s:literal, $p:literal, $l:literal))* => $($op:ident)*;)*) => {$(
        slide!(@each [$($op)*] $(($k, $s, $p, $l))*);
    )*};
    (@each $ops:tt $($window:tt)*) => { $(slide!(@one $window $ops);)* };
    (@one $w:tt [$a:ident]) => {
        slide!(@impl $w [$a] <Const<H> as $a>::Out);
    };
    (@one $w:tt [$a:ident $b:ident]) => {
        slide!(@impl $w [$a<Out: $b>] <<Const<H> as $a>::Out as $b>::Out);
    };
    (@one $w:tt [$a:ident $b:ident $c:ident]) => {
        slide!(@impl $w [$a<Out: $b<Out: $c>>]
            <<<Const<H> as $a>::Out as $b>::Out as $c>::Out);
    };
    (@one $w:tt [$a:ident $b:ident $c:ident $d:ident]) => {
        slide!(@impl $w [$a<Out: $b<Out: $c<Out: $d>>>]
            <<<<Const<H> as $a>::Out as $b>::Out as $c>::Out as $d>::Out);
    };
    (@one $w:tt [$a:ident $b:ident $c:ident $d:ident $e:ident]) => {
        slide!(@impl $w [$a<Out: $b<Out: $c<Out: $d<Out: $e>>>>]
            <<<<<Const<H> as $a>::Out as $b>::Out as $c>::Out as $d>::Out as $e>::Out);
    };
    (@impl ($k:literal, $s:literal, $p:literal, $l:literal) [$($bound:tt)*] $out:ty) => {
        // The error is that the window has no place, not which step of the arithmetic failed.
        #[diagnostic::do_not_recommend]
        impl<const H: usize, Layer: ?Sized> Slide<$k, $s, $p, $l, Layer> for Const<H>
        where
            Const<H>: $($bound)*,
        {
            type Out = $out;
        }
    };
}

slide! {
    (2, 1, 0, 1) => LessOne;
    (3, 1, 0, 1) => LessTwo;
    (4, 1, 0, 1) => LessTwo LessOne;
    (5, 1, 0, 1) (3, 1, 0, 2) => LessFour;
    (6, 1, 0, 1) => LessFour LessOne;
    (7, 1, 0, 1) => LessFour LessTwo;
    (1, 2, 0, 1) (3, 2, 1, 1) (5, 2, 2, 1) (7, 2, 3, 1) => HalfUp;
    (2, 2, 0, 1) (4, 2, 1, 1) => HalfDown;
    (3, 2, 0, 1) (5, 2, 1, 1) (7, 2, 2, 1) => LessTwo HalfUp;
    (4, 2, 0, 1) => LessTwo HalfDown;
    (5, 2, 0, 1) => LessFour HalfUp;
    (7, 2, 0, 1) => LessFour LessTwo HalfUp;
    (3, 3, 0, 1) => ThirdDown;
    (4, 4, 0, 1) => HalfDown HalfDown;
    (8, 4, 0, 1) => LessFour HalfDown HalfDown;
    (11, 4, 2, 1) => LessFour LessTwo HalfUp HalfUp;
    (8, 8, 0, 1) => HalfDown HalfDown HalfDown;
    (16, 16, 0, 1) => HalfDown HalfDown HalfDown HalfDown;
}
