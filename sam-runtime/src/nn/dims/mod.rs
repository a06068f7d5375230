//! Sizes as types: what the sides of an image become under a window, the channels of a group, the
//! length of a flattened image.
//!
//! Stable Rust can't compute with const parameters, so what the layers need is written down: for the
//! windows that are in use, and sides up to 512. For anything else there are dynamic sides (`usize`),
//! which are computed when the program runs.

mod groups;
mod product;
mod sides;

use dfdx::shapes::Dim;

pub(super) use product::length;

/// A side of an image, in pixels, along which a window of `K` taps slides, with stride `S`, padding `P`
/// and dilation `L`.
///
/// Known for static sides up to 512 and these windows; for `usize` and any window.
///
/// | stride | `K` (padding, dilation if not 1) |
/// |---|---|
/// | 1 | 1; 2 to 7; 3 (1), 5 (2), 7 (3): the side stays; 3 (2, 2): the side stays; 3 (0, 2) |
/// | 2 | 1; 2; 3; 3 (1); 4; 4 (1); 5; 5 (1); 5 (2); 7; 7 (3) |
/// | 3, 4, 8, 16 | as large as the stride |
/// | 4 | 8; 11 (2) |
#[diagnostic::on_unimplemented(
    message = "a window of {K} taps, with stride {S}, padding {P} and dilation {L}, can't slide along a side of `{Self}`",
    label = "this window doesn't fit this image",
    note = "the window must not be larger than the padded side; sides above 512, and windows out of the ordinary, need dynamic sides (`usize`)"
)]
pub trait Slide<const K: usize, const S: usize, const P: usize, const L: usize>: Dim {
    /// How many places the window has.
    type Out: Dim;
}

/// Channels that are dealt out to `G` groups of equal size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` channels can't be dealt out to {G} groups",
    note = "the number of channels must be a multiple of the number of groups; known are 2, 4, 8, 16, 32 and 64 groups, and a group for each channel, of up to 1024 channels"
)]
pub trait Groups<const G: usize>: dfdx::shapes::ConstDim {
    /// Channels of one group.
    type PerGroup: dfdx::shapes::ConstDim;
}

/// Channels of a height and a width, which together are the length of a flattened image.
#[diagnostic::on_unimplemented(
    message = "the length of a flattened image of `{Self}` (channels, height, width) is not known",
    note = "known are square images of up to 16 x 16, 28 x 28 and 32 x 32, with common numbers of channels; pool first, or use dynamic sides (`usize`)"
)]
pub trait Flat {
    /// The product.
    type Length: Dim;
}
