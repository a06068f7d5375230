//! Arithmetic with a directed rounding, from the nearest result and the sign of its error.

/// How a result is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties to even.
    Nearest,
    Zero,
    Down,
    Up,
}

impl Rounding {
    /// The rounding that a modifier (`rn`, `rzi`, ..) names.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rn" | "rni" => Self::Nearest,
            "rz" | "rzi" => Self::Zero,
            "rm" | "rmi" => Self::Down,
            "rp" | "rpi" => Self::Up,
            _ => return None,
        })
    }

    /// Does the exact value `nearest + error` call for the neighbour above (1) or below (-1)?
    fn step(self, nearest: f64, error: f64) -> i32 {
        if !nearest.is_finite() || error == 0.0 || error.is_nan() {
            return 0;
        }
        // Toward zero is down for what is exactly above zero, and up below it.
        let positive = nearest > 0.0 || (nearest == 0.0 && error > 0.0);
        match self {
            Self::Nearest => 0,
            Self::Down => -i32::from(error < 0.0),
            Self::Up => i32::from(error > 0.0),
            Self::Zero if positive => -i32::from(error < 0.0),
            Self::Zero => i32::from(error > 0.0),
        }
    }
}

/// The exact sum is `.0 + .1`.
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// `a * b + c` as the nearest f64 and its error (Boldo & Muller, 2011), or its sign at least.
pub fn fma_with_error(a: f64, b: f64, c: f64) -> (f64, f64) {
    let nearest = a.mul_add(b, c);
    let (product, low) = two_product(a, b);
    let (alpha, alpha_error) = two_sum(c, low);
    let (beta, beta_error) = two_sum(product, alpha);
    let gamma = (beta - nearest) + beta_error;
    (nearest, gamma + alpha_error)
}

/// `value + error` as an f32.
pub fn to_f32(value: f64, error: f64, rounding: Rounding) -> f32 {
    if rounding == Rounding::Nearest {
        return odd(value, error) as f32;
    }
    let nearest = value as f32;
    if nearest.is_infinite() && value.is_finite() {
        // Beyond the largest finite value: directed roundings may stop at it.
        let inward = match rounding {
            Rounding::Zero => true,
            Rounding::Down => nearest > 0.0,
            _ => nearest < 0.0,
        };
        return if inward {
            f32::MAX.copysign(nearest)
        } else {
            nearest
        };
    }
    let left = (value - f64::from(nearest)) + error;
    match rounding.step(f64::from(nearest), left) {
        1 => nearest.next_up(),
        -1 => nearest.next_down(),
        _ => nearest,
    }
}

/// `value + error` as an f64.
pub fn to_f64(value: f64, error: f64, rounding: Rounding) -> f64 {
    match rounding.step(value, error) {
        1 => value.next_up(),
        -1 => value.next_down(),
        _ => value,
    }
}

/// `value + error` rounded to odd: what it is rounded to afterwards is as if rounded once.
pub fn odd(value: f64, error: f64) -> f64 {
    if error == 0.0 || !value.is_finite() || !error.is_finite() || value.to_bits() & 1 == 1 {
        return value;
    }
    if error > 0.0 {
        value.next_up()
    } else {
        value.next_down()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directed_sums_enclose_the_exact_one() {
        let (sum, error) = two_sum(1.0, 2f64.powi(-60));
        assert_eq!((sum, error), (1.0, 2f64.powi(-60)));
        assert_eq!(to_f64(sum, error, Rounding::Up), 1f64.next_up());
        assert_eq!(to_f64(sum, error, Rounding::Down), 1.0);
        assert_eq!(to_f64(-sum, -error, Rounding::Zero), -1.0);
        assert_eq!(to_f32(sum, error, Rounding::Up), 1f32.next_up());
        assert_eq!(to_f32(f64::MAX, 0.0, Rounding::Zero), f32::MAX);
    }

    #[test]
    fn an_exact_fma_has_no_error() {
        assert_eq!(fma_with_error(3.0, 5.0, -7.0), (8.0, 0.0));
        let tiny = 2f64.powi(-80);
        assert_eq!(fma_with_error(1.0, tiny, 1.0), (1.0, tiny));
    }
}
