//! Winograd's minimal filtering (Lavin & Gray 2016, [arXiv:1509.09308](https://arxiv.org/abs/1509.09308)): convolutions
//! of 3 x 3 by fewer multiplications, 4/9 of the direct ones with F(2 x 2, 3 x 3), 1/4 with F(4 x 4, 3 x 3).
//!
//! The output is cut into tiles of 2 x 2 or 4 x 4 places. A linear map takes the image under each, 4 x 4 or 6 x 6 points,
//! and another one the kernels to as many numbers; these are multiplied point by point, summed over the input's channels,
//! and a third map takes the sums to the tile's places. So each point is a product of two matrices, tiles x inputs and
//! inputs x outputs. The way back to the input is the same with the kernels turned; that to the weight sums over the
//! tiles instead: transformed images times the gradient under the third map's transpose, summed, and back by that of
//! the kernels' map.
//!
//! | file | what |
//! |---|---|
//! | `lines` | the maps, in one dimension |
//! | `images` | images, and their places as vectors of channels |
//! | `fours` | vectors as pieces of four elements |
//! | `tiles` | tiles of images, and memory for transformed ones |
//! | `transform`, `places` | images to transformed tiles, products back to images |
//! | `kernels` | kernels, transformed once a pass, and their gradient back |
//! | `products` | the products |
//! | `forward`, `backward` | a convolution and its gradients, some samples at a time |
//! | `single` | elements of a generic type, where they are `f32` |
//! | `tests` | against the definition |
//!
//! What is transformed at one time stays in the second-level cache; no whole batch is ever transformed. All sums are in
//! the same order whatever samples are beside one another, and on any number of threads.
//!
//! Results differ from the direct way's in three respects. They are rounded otherwise (`precision` has the bounds). A
//! place whose window covers zeros alone may be a rounding error away from zero, if other pixels of its tile are not
//! zero; where all are, it is zero. And what is infinite or NaN reaches any place of the tiles that it is in, not only
//! those whose windows cover it.

mod backward;
mod forward;
mod fours;
mod images;
mod kernels;
mod lines;
mod places;
mod products;
mod single;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;

pub(super) use backward::backward;
pub(super) use forward::forward;
