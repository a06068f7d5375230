/// A square window that slides over an image: a convolution's kernel, or what a pool covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Side of the window, in taps.
    pub size: usize,
    /// How far the window moves each time.
    pub stride: usize,
    /// Pixels added at each of the four sides.
    pub padding: usize,
    /// Distance between two taps.
    pub dilation: usize,
}

impl Window {
    /// A window of `size` x `size` that moves by one, without padding.
    pub const fn new(size: usize) -> Self {
        Self {
            size,
            stride: 1,
            padding: 0,
            dilation: 1,
        }
    }

    /// How many places the window has along a side of `input` pixels; `None` where it has none,
    /// and for a size, stride or dilation of 0.
    ///
    /// ```
    /// use sam_runtime::device::Window;
    /// let window = Window { size: 3, stride: 2, padding: 1, dilation: 1 };
    /// assert_eq!(window.places(32), Some(16));
    /// assert_eq!(Window::new(5).places(4), None);
    /// ```
    pub fn places(&self, input: usize) -> Option<usize> {
        if self.size == 0 || self.stride == 0 || self.dilation == 0 {
            return None;
        }
        let reach = self.dilation.checked_mul(self.size - 1)?.checked_add(1)?;
        let padded = self.padding.checked_mul(2)?.checked_add(input)?;
        Some(padded.checked_sub(reach)? / self.stride + 1)
    }
}
