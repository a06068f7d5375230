//! Floating-point instructions as functions of registers. What GPUs approximate (`ex2.approx`,
//! `rcp.approx`, ..) is as exact here as the host's mathematics.

use half::f16;

use super::rounding::{self, Rounding, fma_with_error, two_sum};
use super::word::{Bin, Tri, Un, Word};
use crate::ptx::types::Type;

macro_rules! un {
    ($t:ty, |$a:ident| $e:expr) => {
        Some(|a| {
            let $a = <$t>::of(a);
            $e.bits()
        })
    };
}

macro_rules! bin {
    ($t:ty, |$a:ident, $b:ident| $e:expr) => {
        Some(|a, b| {
            let ($a, $b) = (<$t>::of(a), <$t>::of(b));
            $e.bits()
        })
    };
}

macro_rules! tri {
    ($t:ty, |$a:ident, $b:ident, $c:ident| $e:expr) => {
        Some(|a, b, c| {
            let ($a, $b, $c) = (<$t>::of(a), <$t>::of(b), <$t>::of(c));
            $e.bits()
        })
    };
}

/// Functions of one operand. `name` carries what is left of the modifiers: `sqrt.approx`.
pub fn unary(name: &str, of: Type) -> Option<Un> {
    match (name, of) {
        // Signs are bits: NaNs keep theirs, too.
        ("neg", Type::F16) => Some(|a| (a ^ 0x8000) & 0xffff),
        ("neg", Type::F32) => un!(f32, |a| -a),
        ("neg", Type::F64) => un!(f64, |a| -a),
        ("abs", Type::F16) => Some(|a| a & 0x7fff),
        ("abs", Type::F32) => un!(f32, |a| a.abs()),
        ("abs", Type::F64) => un!(f64, |a| a.abs()),
        ("sqrt" | "sqrt.approx", Type::F32) => un!(f32, |a| a.sqrt()),
        ("sqrt", Type::F64) => un!(f64, |a| a.sqrt()),
        ("rsqrt.approx", Type::F32) => un!(f32, |a| (1.0 / f64::from(a).sqrt()) as f32),
        ("rsqrt.approx", Type::F64) => un!(f64, |a| 1.0 / a.sqrt()),
        ("rsqrt.approx.ftz", Type::F64) => Some(|a| high(1.0 / f64::of(high_bits(a)).sqrt())),
        ("rcp" | "rcp.approx", Type::F32) => un!(f32, |a| 1.0 / a),
        ("rcp", Type::F64) => un!(f64, |a| 1.0 / a),
        ("rcp.approx.ftz", Type::F64) => Some(|a| high(1.0 / f64::of(high_bits(a)))),
        ("ex2.approx", Type::F32) => un!(f32, |a| f64::from(a).exp2() as f32),
        ("lg2.approx", Type::F32) => un!(f32, |a| f64::from(a).log2() as f32),
        ("sin.approx", Type::F32) => un!(f32, |a| f64::from(a).sin() as f32),
        ("cos.approx", Type::F32) => un!(f32, |a| f64::from(a).cos() as f32),
        ("tanh.approx", Type::F32) => un!(f32, |a| f64::from(a).tanh() as f32),
        _ => None,
    }
}

/// `*.approx.ftz.f64` reads and gives the high words alone, and no subnormals.
fn high_bits(a: u64) -> u64 {
    let kept = a & 0xffff_ffff_0000_0000;
    if f64::of(kept).is_subnormal() {
        kept & (1 << 63)
    } else {
        kept
    }
}

fn high(a: f64) -> u64 {
    high_bits(a.bits())
}

/// Functions of two operands, rounded to the nearest.
pub fn binary(name: &str, of: Type) -> Option<Bin> {
    match (name, of) {
        ("add", Type::F16) => bin!(f16, |a, b| half_of(a.to_f64() + b.to_f64())),
        ("sub", Type::F16) => bin!(f16, |a, b| half_of(a.to_f64() - b.to_f64())),
        ("mul", Type::F16) => bin!(f16, |a, b| half_of(a.to_f64() * b.to_f64())),
        ("add", Type::F32) => bin!(f32, |a, b| a + b),
        ("add", Type::F64) => bin!(f64, |a, b| a + b),
        ("sub", Type::F32) => bin!(f32, |a, b| a - b),
        ("sub", Type::F64) => bin!(f64, |a, b| a - b),
        ("mul", Type::F32) => bin!(f32, |a, b| a * b),
        ("mul", Type::F64) => bin!(f64, |a, b| a * b),
        ("div" | "div.approx" | "div.full", Type::F32) => bin!(f32, |a, b| a / b),
        ("div", Type::F64) => bin!(f64, |a, b| a / b),
        ("min", Type::F16) => bin!(f16, |a, b| half_of(min(a.to_f64(), b.to_f64()))),
        ("max", Type::F16) => bin!(f16, |a, b| half_of(max(a.to_f64(), b.to_f64()))),
        ("min", Type::F32) => bin!(f32, |a, b| min(a.into(), b.into()) as f32),
        ("max", Type::F32) => bin!(f32, |a, b| max(a.into(), b.into()) as f32),
        ("min", Type::F64) => bin!(f64, |a, b| min(a, b)),
        ("max", Type::F64) => bin!(f64, |a, b| max(a, b)),
        ("min.NaN", Type::F16) => bin!(f16, |a, b| half_of(min_nan(a.to_f64(), b.to_f64()))),
        ("max.NaN", Type::F16) => bin!(f16, |a, b| half_of(max_nan(a.to_f64(), b.to_f64()))),
        ("min.NaN", Type::F32) => bin!(f32, |a, b| min_nan(a.into(), b.into()) as f32),
        ("max.NaN", Type::F32) => bin!(f32, |a, b| max_nan(a.into(), b.into()) as f32),
        // The sign of the first, the magnitude of the second.
        ("copysign", Type::F32) => bin!(f32, |a, b| b.copysign(a)),
        ("copysign", Type::F64) => bin!(f64, |a, b| b.copysign(a)),
        _ => None,
    }
}

/// The canonical NaN of a GPU's arithmetic in f16.
fn half_of(a: f64) -> f16 {
    if a.is_nan() {
        f16::from_bits(0x7fff)
    } else {
        f16::from_f64(a)
    }
}

/// The number if one is NaN; -0 is less than 0.
fn min(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if a == b && a.is_sign_negative() => a,
        _ if b < a || a == b => b,
        _ => a,
    }
}

fn max(a: f64, b: f64) -> f64 {
    -min(-a, -b)
}

fn min_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        min(a, b)
    }
}

fn max_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        max(a, b)
    }
}

/// `a * b + c`, rounded once, to the nearest.
pub fn fma(of: Type) -> Option<Tri> {
    match of {
        Type::F16 => tri!(f16, |a, b, c| {
            let (value, error) = fma_with_error(a.to_f64(), b.to_f64(), c.to_f64());
            half_of(rounding::odd(value, error))
        }),
        Type::F32 => tri!(f32, |a, b, c| a.mul_add(b, c)),
        Type::F64 => tri!(f64, |a, b, c| a.mul_add(b, c)),
        _ => None,
    }
}

macro_rules! directed {
    ($rounding:expr, $to:ident) => {
        match $rounding {
            Rounding::Nearest => None,
            Rounding::Zero => $to!(Rounding::Zero),
            Rounding::Down => $to!(Rounding::Down),
            Rounding::Up => $to!(Rounding::Up),
        }
    };
}

/// `add`, `sub`, `mul` with a directed rounding.
pub fn directed_binary(name: &str, of: Type, rounding: Rounding) -> Option<Bin> {
    macro_rules! pick {
        ($r:expr) => {
            match (name, of) {
                ("add", Type::F32) => bin!(f32, |a, b| sum32(a, b, $r)),
                ("sub", Type::F32) => bin!(f32, |a, b| sum32(a, -b, $r)),
                ("mul", Type::F32) => {
                    bin!(f32, |a, b| rounding::to_f32(
                        f64::from(a) * f64::from(b),
                        0.0,
                        $r
                    ))
                }
                ("add", Type::F64) => bin!(f64, |a, b| fma64(a, 1.0, b, $r)),
                ("sub", Type::F64) => bin!(f64, |a, b| fma64(a, 1.0, -b, $r)),
                ("mul", Type::F64) => bin!(f64, |a, b| fma64(a, b, 0.0, $r)),
                _ => None,
            }
        };
    }
    directed!(rounding, pick)
}

/// `fma` with a directed rounding.
pub fn directed_fma(of: Type, rounding: Rounding) -> Option<Tri> {
    macro_rules! pick {
        ($r:expr) => {
            match of {
                Type::F32 => tri!(f32, |a, b, c| {
                    let product = f64::from(a) * f64::from(b);
                    let (value, error) = two_sum(product, c.into());
                    rounding::to_f32(value, error, $r)
                }),
                Type::F64 => tri!(f64, |a, b, c| fma64(a, b, c, $r)),
                _ => None,
            }
        };
    }
    directed!(rounding, pick)
}

fn sum32(a: f32, b: f32, r: Rounding) -> f32 {
    let (value, error) = two_sum(a.into(), b.into());
    rounding::to_f32(value, error, r)
}

fn fma64(a: f64, b: f64, c: f64, r: Rounding) -> f64 {
    let (value, error) = fma_with_error(a, b, c);
    rounding::to_f64(value, error, r)
}

/// `testp`: a predicate of one number.
pub fn test(name: &str, of: Type) -> Option<Un> {
    macro_rules! pick {
        ($t:ty) => {
            match name {
                "finite" => Some(|a| u64::from(<$t>::of(a).is_finite())),
                "infinite" => Some(|a| u64::from(<$t>::of(a).is_infinite())),
                "number" => Some(|a| u64::from(!<$t>::of(a).is_nan())),
                "notanumber" => Some(|a| u64::from(<$t>::of(a).is_nan())),
                "normal" => Some(|a| u64::from(<$t>::of(a).is_normal())),
                "subnormal" => Some(|a| u64::from(<$t>::of(a).is_subnormal())),
                _ => None,
            }
        };
    }
    match of {
        Type::F32 => pick!(f32),
        Type::F64 => pick!(f64),
        _ => None,
    }
}

/// `.ftz`: a subnormal f32 becomes zero of its sign.
#[inline]
pub fn flush(a: u64) -> u64 {
    if f32::of(a).is_subnormal() {
        a & 0x8000_0000
    } else {
        a
    }
}

/// `.sat` of a result: into 0..=1, NaN to 0.
pub fn saturate(of: Type, a: u64) -> u64 {
    match of {
        Type::F32 => {
            let a = f32::of(a);
            if a > 0.0 { a.min(1.0) } else { 0.0 }.bits()
        }
        _ => {
            let a = f64::of(a);
            if a > 0.0 { a.min(1.0) } else { 0.0 }.bits()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_and_max_prefer_numbers_and_know_signed_zeros() {
        let f = binary("min", Type::F32).unwrap();
        assert_eq!(f(f32::NAN.bits(), 2f32.bits()), 2f32.bits());
        assert_eq!(f(0f32.bits(), (-0f32).bits()), (-0f32).bits());
        assert_eq!(f(1f32.bits(), 2f32.bits()), 1f32.bits());
        let f = binary("max", Type::F64).unwrap();
        assert_eq!(f((-0f64).bits(), 0f64.bits()), 0f64.bits());
        assert_eq!(f(1f64.bits(), f64::NAN.bits()), 1f64.bits());
        let f = binary("max.NaN", Type::F32).unwrap();
        assert!(f32::of(f(1f32.bits(), f32::NAN.bits())).is_nan());
    }

    #[test]
    fn directed_roundings_are_neighbours() {
        let third = (1.0f32, 3.0f32);
        let q = third.0 / third.1;
        let down = directed_fma(Type::F32, Rounding::Down).unwrap();
        let up = directed_fma(Type::F32, Rounding::Up).unwrap();
        // q * 3 + 2^-60 is not representable: its neighbours enclose it.
        let args = (q.bits(), 3f32.bits(), 2f32.powi(-60).bits());
        let (low, high) = (
            f32::of(down(args.0, args.1, args.2)),
            f32::of(up(args.0, args.1, args.2)),
        );
        assert_eq!(low.next_up(), high);
        let exact = f64::from(q) * 3.0;
        assert!(f64::from(low) <= exact && exact <= f64::from(high));
    }

    #[test]
    fn subnormals_flush_and_results_saturate() {
        assert_eq!(flush(f32::from_bits(0x8000_0001).bits()), (-0f32).bits());
        assert_eq!(flush(1f32.bits()), 1f32.bits());
        for (from, to) in [(f32::NAN, 0f32), (-1.0, 0.0), (0.5, 0.5), (7.0, 1.0)] {
            assert_eq!(saturate(Type::F32, from.bits()), to.bits());
        }
    }

    #[test]
    fn half_precision_rounds_once() {
        let f = binary("add", Type::F16).unwrap();
        let of = |x: f32| f16::from_f32(x).bits();
        assert_eq!(f(of(2048.0), of(1.0)), of(2048.0));
        assert_eq!(f(of(2048.0), of(3.0)), of(2052.0));
        assert_eq!(f(of(60000.0), of(60000.0)), f16::INFINITY.bits());
    }
}
