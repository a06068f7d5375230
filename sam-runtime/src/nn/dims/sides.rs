//! The table behind [`Slide`].

use dfdx::shapes::{Const, Dim};

use super::Slide;

impl<const K: usize, const S: usize, const P: usize, const L: usize> Slide<K, S, P, L> for usize {
    type Out = usize;
}

/// Windows under which a side stays as it is.
macro_rules! same {
    ($(($k:literal, $p:literal, $l:literal))*) => {$(
        impl<const N: usize> Slide<$k, 1, $p, $l> for Const<N> {
            type Out = Self;
        }
    )*};
}

same!((1, 0, 1)(3, 1, 1)(5, 2, 1)(7, 3, 1)(3, 2, 2));

/// Sides and what they become, for all windows with one stride and one reach. A trait for each, because
/// the compiler compares all implementations of a trait with each other.
macro_rules! table {
    ($name:ident: $(($k:literal, $s:literal, $p:literal, $l:literal))*; $($side:literal $out:literal)*) => {
        #[doc(hidden)]
        #[diagnostic::on_unimplemented(
            message = "a window of {K} taps, with stride {S}, padding {P} and dilation {L}, can't slide along a side of `{Self}`",
            label = "this window doesn't fit this image",
            note = "the window must not be larger than the padded side; sides above 512 need dynamic sides (`usize`)"
        )]
        pub trait $name<const K: usize, const S: usize, const P: usize, const L: usize> {
            type Out: Dim;
        }
        $(
            impl<const K: usize, const S: usize, const P: usize, const L: usize> $name<K, S, P, L>
                for Const<$side>
            {
                type Out = Const<$out>;
            }
        )*
        $(
            impl<const N: usize> Slide<$k, $s, $p, $l> for Const<N>
            where
                Self: $name<$k, $s, $p, $l>,
            {
                type Out = <Self as $name<$k, $s, $p, $l>>::Out;
            }
        )*
    };
}

// Written by the build script.
include!(concat!(env!("OUT_DIR"), "/sides.rs"));

#[cfg(test)]
mod tests {
    use dfdx::shapes::ConstDim;

    use super::*;
    use crate::device::Window;

    fn agrees<const K: usize, const S: usize, const P: usize, const L: usize, D>(_: D)
    where
        D: ConstDim + Slide<K, S, P, L, Out: ConstDim>,
    {
        let window = Window {
            size: K,
            stride: S,
            padding: P,
            dilation: L,
        };
        assert_eq!(
            window.places(D::SIZE),
            Some(D::Out::SIZE),
            "{window:?} on {}",
            D::SIZE
        );
    }

    macro_rules! check {
        ($(($k:literal, $s:literal, $p:literal, $l:literal))* on $sides:tt) => {$(
            check!(@ ($k, $s, $p, $l) $sides);
        )*};
        (@ ($k:literal, $s:literal, $p:literal, $l:literal) ($($n:literal)*)) => {$(
            agrees::<$k, $s, $p, $l, _>(Const::<$n>);
        )*};
    }

    #[test]
    fn the_table_is_what_windows_do() {
        check!((1, 1, 0, 1) (3, 1, 1, 1) (5, 1, 2, 1) (7, 1, 3, 1) (3, 1, 2, 2) (1, 2, 0, 1)
            (3, 2, 1, 1) (5, 2, 2, 1) (7, 2, 3, 1) on (1 2 3 4 7 8 31 32 224 511 512));
        check!((2, 1, 0, 1) (3, 1, 0, 1) (4, 1, 0, 1) (5, 1, 0, 1) (6, 1, 0, 1) (7, 1, 0, 1)
            (3, 1, 0, 2) (2, 2, 0, 1) (3, 2, 0, 1) (4, 2, 0, 1) (4, 2, 1, 1) (5, 2, 0, 1) (5, 2, 1, 1)
            (7, 2, 0, 1) (3, 3, 0, 1) (4, 4, 0, 1) on (7 8 9 14 27 28 31 32 63 64 65 224 299 512));
        check!((8, 4, 0, 1) (11, 4, 2, 1) (8, 8, 0, 1) (16, 16, 0, 1) on
            (16 17 31 32 33 84 224 227 256 511 512));
        check!((7, 1, 0, 1) on (7)); // the smallest
        assert_eq!(7_usize.size(), 7);
    }
}
