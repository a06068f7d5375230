//! Tiles of images, and memory for transformed ones.

use super::images::Images;
use crate::device::cpu::{buffer::Aligned, order::Order, simd::Real};

/// How an image is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Tiles of an image: down, across.
    pub(super) tiles: [usize; 2],
}

impl Grid {
    /// Tiles with `side` places of an output of this size.
    pub(super) fn new(size: [usize; 2], side: usize) -> Self {
        Self {
            tiles: size.map(|size| size.div_ceil(side)),
        }
    }

    /// Tiles of an image.
    pub(super) fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }
}

/// Transformed tiles, which have `POINTS` x `POINTS` points: for each vector of channels, for each tile, a vector for each
/// point.
pub(super) struct Transformed<E, const POINTS: usize> {
    elements: Aligned<E>,
    /// Channels, in whole vectors.
    pub(super) channels: usize,
    /// Tiles that there is room for, a multiple of [`ROWS`].
    pub(super) tiles: usize,
}

/// Tiles that the products take at once.
pub(super) const ROWS: usize = 16;

impl<E: Real, const POINTS: usize> Transformed<E, POINTS> {
    pub(super) fn new(tiles: usize, channels: usize, lanes: usize) -> Self {
        let channels = channels.next_multiple_of(lanes);
        let tiles = tiles.next_multiple_of(ROWS);
        Self {
            elements: Aligned::any(POINTS * POINTS * tiles * channels),
            channels,
            tiles,
        }
    }

    /// Where the points of a tile begin, for a vector of channels.
    #[inline(always)]
    pub(super) fn at(&self, channel: usize, tile: usize, lanes: usize) -> usize {
        POINTS * POINTS * (channel * self.tiles + tile * lanes)
    }

    pub(super) fn as_ptr(&self) -> *const E {
        self.elements.as_ptr()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut E {
        self.elements.as_mut_ptr()
    }

    /// Whether there is room for so many tiles with these channels.
    pub(super) fn holds(&self, tiles: usize, channels: usize) -> bool {
        channels <= self.channels && tiles <= self.tiles
    }
}

/// Rows of vectors between the transform down and that across.
pub(super) struct Band<E> {
    pub(super) elements: Aligned<E>,
    pub(super) columns: usize,
    /// Whether it is lines of places, [`LINE`] of them for each channel of a vector, instead of vectors of channels.
    pub(super) has_lines: bool,
    /// A row of pixels, where images lie by pixels.
    pub(super) zeros: Aligned<E>,
}

/// Elements of a line of places: a constant, so that addresses are.
pub(super) const LINE: usize = 72;

impl<E: Real> Band<E> {
    /// Zeros, `rows` x `columns` vectors.
    pub(super) fn new(rows: usize, columns: usize, lanes: usize) -> Self {
        Self {
            elements: Aligned::zeros(rows * columns * lanes),
            columns,
            has_lines: false,
            zeros: Aligned::zeros(0),
        }
    }

    /// For tiles of `grid`, each `SIDE` behind the one before and `FROM` long, of images that begin behind the padding.
    pub(super) fn of_image<const FROM: usize, const TO: usize, const SIDE: usize>(
        grid: Grid,
        images: &Images,
        padding: usize,
        lanes: usize,
    ) -> Self {
        let width = images.size[1];
        let columns = (grid.tiles[1] * SIDE + FROM.next_multiple_of(4)).max(padding + width);
        let has_lines =
            images.order == Order::Planes && width.is_multiple_of(lanes) && columns <= LINE;
        let columns = if has_lines { LINE } else { columns };
        let zeros = match images.order {
            Order::Planes => 0,
            Order::Pixels => width * images.channels,
        };
        Self {
            has_lines,
            zeros: Aligned::zeros(zeros),
            ..Self::new(TO, columns, lanes)
        }
    }
}
