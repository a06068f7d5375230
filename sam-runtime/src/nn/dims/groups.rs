//! Channels of a group.

use dfdx::shapes::{Const, ConstDim};

/// Channels that can be divided into `G` groups of equal size.
///
/// There are 1 group; 2, 4, 8, 16, 32 or 64 groups of up to 16 channels, or of 20, 24, 28, 32, 40, 48, 56, 64,
/// 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512; and groups of one channel each
/// (depthwise convolution), up to 64 of them and then for each multiple of 8 up to 1536.
#[diagnostic::on_unimplemented(
    message = "`{Self}` channels are not known to make {G} groups",
    note = "the groups must be of equal size; which numbers are known stands at \
            `sam_runtime::nn::dims::Grouped`",
    note = "see `errors/groups-of-unequal-size` in sam-train's guide"
)]
pub trait Grouped<const G: usize>: ConstDim {
    /// The channels of each group.
    type Each: ConstDim;
}

impl<const C: usize> Grouped<1> for Const<C> {
    type Each = Const<C>;
}

macro_rules! groups_of {
    ($($g:literal)*: $each:tt) => { $( groups_of!(@each $g $each); )* };
    (@each $g:literal [$($each:literal)*]) => {$(
        impl Grouped<$g> for Const<{ $g * $each }> {
            type Each = Const<$each>;
        }
    )*};
}

groups_of!(2 4 8 16 32 64: [
    2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 20 24 28 32 40 48 56 64
    80 96 112 128 160 192 224 256 320 384 448 512
]);

macro_rules! depthwise {
    ($($g:literal)*) => {$(
        impl Grouped<$g> for Const<$g> {
            type Each = Const<1>;
        }
    )*};
}

depthwise! {
    2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
    33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
    72 80 88 96 104 112 120 128 136 144 152 160 168 176 184 192 200 208 216 224 232 240 248 256
    264 272 280 288 296 304 312 320 328 336 344 352 360 368 376 384 392 400 408 416 424 432 440
    448 456 464 472 480 488 496 504 512 520 528 536 544 552 560 568 576 584 592 600 608 616 624
    632 640 648 656 664 672 680 688 696 704 712 720 728 736 744 752 760 768 776 784 792 800 808
    816 824 832 840 848 856 864 872 880 888 896 904 912 920 928 936 944 952 960 968 976 984 992
    1000 1008 1016 1024 1032 1040 1048 1056 1064 1072 1080 1088 1096 1104 1112 1120 1128 1136
    1144 1152 1160 1168 1176 1184 1192 1200 1208 1216 1224 1232 1240 1248 1256 1264 1272 1280
    1288 1296 1304 1312 1320 1328 1336 1344 1352 1360 1368 1376 1384 1392 1400 1408 1416 1424
    1432 1440 1448 1456 1464 1472 1480 1488 1496 1504 1512 1520 1528 1536
}
