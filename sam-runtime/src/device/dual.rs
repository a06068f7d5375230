use super::Norm;

/// The dual norm of a gradient, kept in the scaled form in which eq. 2 is evaluated without
/// overflow: with `M = max |g|` and `a = |g| / M`, `||g||_q = M (sum a^q)^(1/q)` and
/// `e = rho sign(g) a^(q-1) / (sum a^q)^(1/p)`.
#[derive(Clone, Debug)]
pub struct DualNorm {
    pub(in crate::device) norm: Norm,
    /// `M`; 1 where no scaling was needed.
    pub(in crate::device) scale: f64,
    /// `sum a^q`; for `q = inf` the number of elements with `|g| = M` plays no part and this is 1.
    pub(in crate::device) sum: f64,
}

impl DualNorm {
    /// `||g||_q`. NaN or infinite when an element of the gradient is.
    pub fn value(&self) -> f64 {
        match self.norm.dual() {
            q if q.is_infinite() => self.scale * self.sum,
            q => self.scale * self.sum.powf(1.0 / q),
        }
    }

    /// The denominator `(sum a^q)^(1/p)` of eq. 2.
    pub(in crate::device) fn denominator(&self) -> f64 {
        self.sum.powf(1.0 / self.norm.p())
    }
}
