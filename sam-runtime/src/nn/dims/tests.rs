//! The tables against arithmetic, entry by entry.

use std::marker::PhantomData;

use dfdx::shapes::{Const, ConstDim};

use super::{Flat, Grouped, Slide};
use crate::device::Window;

/// Of windows: how many places each has on sides of 1 to 512 pixels, in types.
macro_rules! windows {
    ([$($a:tt)*] [$($b:tt)*] [$($c:tt)*]) => {
        windows! {
            @all [$($a)* $($b)* $($c)*]
            (1, 1, 0, 1) (3, 1, 1, 1) (5, 1, 2, 1) (7, 1, 3, 1) (9, 1, 4, 1) (11, 1, 5, 1)
            (3, 1, 2, 2) (3, 1, 3, 3) (3, 1, 4, 4) (3, 1, 6, 6) (3, 1, 12, 12) (3, 1, 18, 18)
            (5, 1, 4, 2)
            (2, 1, 0, 1) (3, 1, 0, 1) (4, 1, 0, 1) (5, 1, 0, 1) (6, 1, 0, 1) (7, 1, 0, 1)
            (3, 1, 0, 2)
            (1, 2, 0, 1) (2, 2, 0, 1) (3, 2, 0, 1) (3, 2, 1, 1) (4, 2, 0, 1) (4, 2, 1, 1)
            (5, 2, 0, 1) (5, 2, 1, 1) (5, 2, 2, 1) (7, 2, 0, 1) (7, 2, 2, 1) (7, 2, 3, 1)
            (3, 3, 0, 1) (4, 4, 0, 1) (8, 4, 0, 1) (11, 4, 2, 1) (8, 8, 0, 1) (16, 16, 0, 1)
        }
    };
    (@all $sides:tt $($window:tt)*) => {
        [$(windows!(@one $sides $window)),*]
    };
    (@one [$($h:tt)*] ($k:literal, $s:literal, $p:literal, $l:literal)) => {{
        // A method of the type goes before one of a trait, and is there only where its bounds hold.
        struct Probe<H>(PhantomData<H>);
        #[allow(dead_code, reason = "some windows have places on every side")]
        trait Otherwise {
            fn places(&self) -> Option<usize> {
                None
            }
        }
        impl<H> Otherwise for Probe<H> {}
        impl<H: Slide<$k, $s, $p, $l, Out: ConstDim>> Probe<H> {
            fn places(&self) -> Option<usize> {
                Some(<H::Out as ConstDim>::SIZE)
            }
        }
        let window = Window { size: $k, stride: $s, padding: $p, dilation: $l };
        (window, vec![$(Probe::<Const<$h>>(PhantomData).places()),*])
    }};
}

#[test]
fn places_in_types_are_those_of_the_window() {
    for (window, places) in numbers!(windows) {
        assert_eq!(places.len(), 512);
        for (side, &found) in (1..).zip(&places) {
            assert_eq!(found, window.places(side), "{window:?} on {side}");
        }
    }
}

fn size<D: ConstDim>() -> usize {
    D::SIZE
}

#[test]
fn groups_are_of_equal_size() {
    fn each<const C: usize, const G: usize>() -> [usize; 3]
    where
        Const<C>: Grouped<G>,
    {
        [C, G, size::<<Const<C> as Grouped<G>>::Each>()]
    }
    let found = [
        each::<7, 1>(),
        each::<4, 2>(),
        each::<256, 64>(),
        each::<1024, 32>(),
        each::<64, 64>(),
        each::<63, 63>(),
        each::<1536, 1536>(),
    ];
    for [channels, groups, each] in found {
        assert_eq!(groups * each, channels);
    }
}

#[test]
fn products_are_products() {
    fn product<const C: usize, const H: usize, const W: usize>() -> [usize; 4]
    where
        Const<C>: Flat<Const<H>, Const<W>, Features: ConstDim>,
    {
        [
            C,
            H,
            W,
            size::<<Const<C> as Flat<Const<H>, Const<W>>>::Features>(),
        ]
    }
    let found = [
        product::<9999, 1, 1>(),
        product::<1, 28, 28>(),
        product::<3, 32, 32>(),
        product::<50, 4, 4>(),
        product::<512, 7, 7>(),
        product::<2048, 16, 16>(),
    ];
    for [c, h, w, features] in found {
        assert_eq!(c * h * w, features);
    }
}
