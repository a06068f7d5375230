//! Numbers that an operation finds: on the host, or in the memory of a device that works off a queue, as a GPU
//! does. Reading one from there waits for all work before it, so a step reads none: its numbers go from
//! kernel to kernel.

use std::{fmt, sync::Arc};

/// A few numbers in the memory of a device.
pub(crate) trait DeviceScalars {
    /// Where they are.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    fn address(&self) -> u64;

    /// What they are now; this waits for the device. NaN where the device fails.
    fn read(&self) -> Vec<f64>;
}

/// A number that an operation on vectors has found: a norm, a dot product.
#[derive(Clone)]
pub struct Scalar(pub(super) Place);

#[derive(Clone)]
pub(super) enum Place {
    Host(f64),
    /// One of a device's numbers.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    Device(Arc<dyn DeviceScalars>, usize),
}

impl Scalar {
    /// The number. On a GPU this waits for the device.
    pub fn value(&self) -> f64 {
        match &self.0 {
            Place::Host(value) => *value,
            Place::Device(scalars, at) => scalars.read()[*at],
        }
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self(Place::Host(value))
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Host(value) => write!(f, "{value}"),
            Place::Device(..) => f.write_str("a number on the device"),
        }
    }
}

/// The factor of a vector in a linear combination: a number, times or over [`Scalar`]s.
///
/// ```
/// use sam_runtime::step::methods::{Coefficient, Scalar};
///
/// let norm = Scalar::from(4.0);
/// assert_eq!(Coefficient::from(0.5).over(&norm).value(), 0.125);
/// // A vector of length 0 has no direction: what is divided by its norm is 0.
/// assert_eq!(Coefficient::from(0.5).over(&Scalar::from(0.0)).value(), 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Coefficient {
    pub(super) factor: f64,
    pub(super) times: Option<Scalar>,
    pub(super) over: Option<Scalar>,
}

impl Coefficient {
    /// 0: the vector plays no part, whatever its elements are.
    pub const ZERO: Self = Self::number(0.0);
    /// 1.
    pub const ONE: Self = Self::number(1.0);

    const fn number(factor: f64) -> Self {
        Self {
            factor,
            times: None,
            over: None,
        }
    }

    /// The same, multiplied by `scalar`.
    #[must_use]
    pub fn times(mut self, scalar: &Scalar) -> Self {
        self.times = Some(scalar.clone());
        self
    }

    /// The same, divided by `scalar`; 0 where that is 0.
    #[must_use]
    pub fn over(mut self, scalar: &Scalar) -> Self {
        self.over = Some(scalar.clone());
        self
    }

    /// The number. On a GPU this may wait for the device.
    pub fn value(&self) -> f64 {
        let times = self.times.as_ref().map_or(1.0, Scalar::value);
        match self.over.as_ref().map(Scalar::value) {
            Some(0.0) => 0.0,
            Some(over) => self.factor * times / over,
            None => self.factor * times,
        }
    }
}

impl From<f64> for Coefficient {
    fn from(factor: f64) -> Self {
        Self::number(factor)
    }
}
