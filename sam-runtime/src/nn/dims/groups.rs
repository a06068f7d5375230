//! The table behind [`Groups`].

use dfdx::shapes::Const;

use super::Groups;

impl<const N: usize> Groups<1> for Const<N> {
    type PerGroup = Self;
}

/// `groups` groups of 1 to 64 channels each.
macro_rules! groups {
    ($($g:literal)*) => {$(
        groups!(@ $g 0 1 2 3 4 5 6 7);
    )*};
    (@ $g:literal $($a:literal)*) => {$(
        group!($g $a 0);
        group!($g $a 1);
        group!($g $a 2);
        group!($g $a 3);
        group!($g $a 4);
        group!($g $a 5);
        group!($g $a 6);
        group!($g $a 7);
    )*};
}

macro_rules! group {
    ($g:literal $a:literal $b:literal) => {
        impl Groups<$g> for Const<{ $g * ($a * 8 + $b + 1) }> {
            type PerGroup = Const<{ $a * 8 + $b + 1 }>;
        }
    };
}

groups!(2 4 8 16 32 64);

/// A group for each channel.
macro_rules! depthwise {
    ($($n:literal)*) => {$(
        impl Groups<$n> for Const<$n> {
            type PerGroup = Const<1>;
        }
    )*};
}

// Those that are not above already.
depthwise!(3 6 12 20 24 28 36 40 44 48 52 56 60 72 80 88 96 112 120 128 144 160 168 176 192 200 224
    240 256 288 320 336 352 384 400 416 448 480 512 528 544 576 640 672 704 768 832 864 896 960 1024);
