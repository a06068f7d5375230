//! Which pixel each tap of a window sees at each of its places.

use super::super::Window;

/// A window on an image of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    window: Window,
    /// Height and width of the image.
    image: (usize, usize),
    /// How many places the window has, down and across.
    places: (usize, usize),
}

impl Grid {
    /// `None` where the window has no place, or the numbers are too large to be sizes.
    pub(super) fn new(window: Window, image: (usize, usize)) -> Option<Self> {
        let places = (window.places(image.0)?, window.places(image.1)?);
        let count = places.0.checked_mul(places.1)?;
        let taps = window.size.checked_mul(window.size)?;
        // One index for each.
        let bytes = taps
            .checked_mul(count)?
            .checked_mul(size_of::<Option<usize>>())?;
        isize::try_from(bytes).ok()?;
        Some(Self {
            window,
            image,
            places,
        })
    }

    /// How many places there are, down and across: the size of what comes out.
    pub(super) fn places(&self) -> (usize, usize) {
        self.places
    }

    /// How many places there are in all.
    pub(super) fn count(&self) -> usize {
        self.places.0 * self.places.1
    }

    /// How many taps the window has.
    pub(super) fn taps(&self) -> usize {
        self.window.size * self.window.size
    }

    /// Whether each place sees its own pixel and nothing else.
    pub(super) fn is_identity(&self) -> bool {
        self.window.size == 1 && self.window.stride == 1 && self.window.padding == 0
    }

    /// The index of the pixel that a tap sees, tap by tap, for each tap place by place; `None` for
    /// padding.
    pub(super) fn pixels(&self) -> Vec<Option<usize>> {
        let side = 0..self.window.size;
        let mut pixels = Vec::with_capacity(self.taps() * self.count());
        for (down, across) in side.clone().flat_map(|d| side.clone().map(move |a| (d, a))) {
            for i in 0..self.places.0 {
                let row = self.along(i, down, self.image.0);
                for j in 0..self.places.1 {
                    let column = self.along(j, across, self.image.1);
                    pixels.push(row.zip(column).map(|(r, c)| r * self.image.1 + c));
                }
            }
        }
        pixels
    }

    /// Where tap `tap` of place `place` is, along a side of `length` pixels.
    fn along(&self, place: usize, tap: usize, length: usize) -> Option<usize> {
        (place * self.window.stride + tap * self.window.dilation)
            .checked_sub(self.window.padding)
            .filter(|&at| at < length)
    }
}
