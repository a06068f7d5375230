//! The norms that bound a perturbation, and their duals.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The p of the neighbourhood `||e||_p <= rho` (SAM, eq. 1), `1 <= p <= inf`.
///
/// Written as text it is `l1`, `l2`, `linf`, `l1.5` and so on, as in the attribute's `norm` key.
///
/// ```
/// use sam_runtime::Norm;
/// assert_eq!("l2".parse::<Norm>().unwrap(), Norm::L2);
/// assert_eq!(Norm::new(3.0).unwrap().dual(), 1.5);
/// assert!("l0.5".parse::<Norm>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Norm {
    p: f64,
}

/// A `p` for which `||.||_p` is no norm.
#[derive(Clone, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a norm; write \"l1\", \"l2\", \"linf\" or \"l<p>\" with p >= 1, as in \"l1.5\""
)]
pub struct NormError(String);

crate::debug::debug_as_display!(NormError);

impl Norm {
    /// `p = 1`: the perturbation moves the one weight with the largest gradient.
    pub const L1: Self = Self { p: 1.0 };
    /// `p = 2`: the perturbation is the gradient, scaled to length rho. The paper's choice.
    pub const L2: Self = Self { p: 2.0 };
    /// `p = inf`: every weight moves by rho, in the direction of its gradient's sign.
    pub const LINF: Self = Self { p: f64::INFINITY };

    /// The norm with this `p`; an error below 1 or for NaN.
    pub fn new(p: f64) -> Result<Self, NormError> {
        if p >= 1.0 {
            Ok(Self { p })
        } else {
            Err(NormError(format!("l{p}")))
        }
    }

    /// The norm with a `p` that was checked before.
    ///
    /// # Panics
    /// If `p` is below 1 or NaN; in a `const`, that is a compile error.
    pub const fn from_p(p: f64) -> Self {
        assert!(p >= 1.0, "a norm needs p >= 1");
        Self { p }
    }

    /// `p`.
    pub const fn p(self) -> f64 {
        self.p
    }

    /// `q` with `1/p + 1/q = 1`: the norm in which the gradient is measured.
    pub fn dual(self) -> f64 {
        if self.p == 1.0 {
            f64::INFINITY
        } else if self.p.is_infinite() {
            1.0
        } else {
            self.p / (self.p - 1.0)
        }
    }
}

impl Default for Norm {
    fn default() -> Self {
        Self::L2
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}", self.p)
    }
}

impl FromStr for Norm {
    type Err = NormError;

    fn from_str(text: &str) -> Result<Self, NormError> {
        let refuse = || NormError(text.to_owned());
        let p = match text.strip_prefix('l').ok_or_else(refuse)? {
            "inf" => f64::INFINITY,
            // `f64::from_str` also reads "nan", "infinity" and signs.
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                digits.parse().map_err(|_| refuse())?
            }
            _ => return Err(refuse()),
        };
        Self::new(p).map_err(|_| refuse())
    }
}

impl TryFrom<String> for Norm {
    type Error = NormError;

    fn try_from(text: String) -> Result<Self, NormError> {
        text.parse()
    }
}

impl From<Norm> for String {
    fn from(norm: Norm) -> Self {
        norm.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duals_are_conjugate() {
        for p in [1.1, 1.5, 2.0, 3.0, 10.0] {
            let norm = Norm::new(p).unwrap();
            assert!((1.0 / norm.p() + 1.0 / norm.dual() - 1.0).abs() < 1e-15);
        }
        assert_eq!(Norm::L1.dual(), f64::INFINITY);
        assert_eq!(Norm::LINF.dual(), 1.0);
    }

    #[test]
    fn text_round_trips_and_refuses() {
        for text in ["l1", "l2", "linf", "l1.5", "l3"] {
            assert_eq!(text.parse::<Norm>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "l",
            "2",
            "l0",
            "l0.99",
            "l-2",
            "lnan",
            "l+2",
            "L2",
            "linfinity",
            "l2 ",
        ] {
            let error = text.parse::<Norm>().unwrap_err();
            assert!(error.to_string().contains("is not a norm"), "{text}");
        }
    }
}
