//! `cvt`: between all fundamental types.

use half::f16;

use super::rounding::{self, Rounding};
use super::word::Word;
use crate::ptx::types::Type;

/// A conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convert {
    pub from: Type,
    pub to: Type,
    pub rounding: Rounding,
    /// Round to an integer (`rni`, `rzi`, ..) even where the result is a float.
    pub integral: bool,
    pub saturate: bool,
    pub flush: bool,
}

impl Convert {
    /// The converted bits of `a`.
    pub fn apply(self, a: u64) -> u64 {
        match (self.from.float(), self.to.float()) {
            (false, false) => self.integer_to_integer(a),
            (false, true) => self.integer_to_float(a),
            (true, false) => self.float_to_integer(self.read(a)),
            (true, true) => self.float_to_float(a),
        }
    }

    /// An integer with its sign.
    fn integer(self, a: u64) -> i128 {
        match self.from {
            Type::S8 => i8::of(a).into(),
            Type::S16 => i16::of(a).into(),
            Type::S32 => i32::of(a).into(),
            Type::S64 => i64::of(a).into(),
            _ => (a & mask(self.from)).into(),
        }
    }

    /// A float; every one is an f64.
    fn read(self, a: u64) -> f64 {
        match self.from {
            Type::F16 => f16::of(a).to_f64(),
            Type::F32 => f32::of(if self.flush {
                super::float::flush(a)
            } else {
                a
            })
            .into(),
            _ => f64::of(a),
        }
    }

    fn write(self, a: f64) -> u64 {
        match self.to {
            Type::F16 if a.is_nan() => 0x7fff,
            Type::F16 => f16::from_f64(a).bits(),
            Type::F32 => {
                let bits = rounding::to_f32(a, 0.0, self.rounding).bits();
                if self.flush {
                    super::float::flush(bits)
                } else {
                    bits
                }
            }
            _ => a.bits(),
        }
    }

    fn integer_to_integer(self, a: u64) -> u64 {
        let value = self.integer(a);
        let value = match self.saturate {
            true => {
                let (least, most) = range(self.to);
                value.clamp(least, most)
            }
            false => value,
        };
        value as u64 & mask(self.to)
    }

    fn integer_to_float(self, a: u64) -> u64 {
        let value = self.integer(a);
        // Not exact in f64 from 2^53 on: the error is an integer, and known.
        let nearest = value as f64;
        let error = (value - nearest as i128) as f64;
        match self.to {
            Type::F64 => rounding::to_f64(nearest, error, self.rounding).bits(),
            Type::F32 => rounding::to_f32(nearest, error, self.rounding).bits(),
            _ => f16::from_f64(rounding::odd(nearest, error)).bits(),
        }
    }

    fn float_to_integer(self, a: f64) -> u64 {
        if a.is_nan() {
            let wide = self.from == Type::F64 || self.to.bytes() == 8;
            return if wide {
                1 << (self.to.bytes() * 8 - 1)
            } else {
                0
            };
        }
        let (least, most) = range(self.to);
        // `as` clamps, and i128 holds every bound.
        (integral(a, self.rounding) as i128).clamp(least, most) as u64 & mask(self.to)
    }

    fn float_to_float(self, a: u64) -> u64 {
        if self.from == self.to && !self.integral && !self.saturate {
            return if self.flush {
                super::float::flush(a)
            } else {
                a & mask(self.to)
            };
        }
        let value = self.read(a);
        let value = match self.integral {
            true => integral(value, self.rounding),
            false => value,
        };
        let value = match self.saturate {
            true if value > 0.0 => value.min(1.0),
            true => 0.0,
            false => value,
        };
        self.write(value)
    }
}

fn integral(a: f64, rounding: Rounding) -> f64 {
    match rounding {
        Rounding::Nearest => a.round_ties_even(),
        Rounding::Zero => a.trunc(),
        Rounding::Down => a.floor(),
        Rounding::Up => a.ceil(),
    }
}

/// All ones in the bits of a type.
pub fn mask(of: Type) -> u64 {
    match of {
        Type::Pred => 1,
        _ => u64::MAX >> (64 - 8 * of.bytes()),
    }
}

fn range(of: Type) -> (i128, i128) {
    let bits = of.bytes() as u32 * 8;
    match of.signed() {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(from: Type, to: Type, rounding: Rounding) -> Convert {
        Convert {
            from,
            to,
            rounding,
            integral: false,
            saturate: false,
            flush: false,
        }
    }

    #[test]
    fn integers_extend_truncate_and_saturate() {
        let c = plain(Type::S8, Type::S32, Rounding::Nearest);
        assert_eq!(c.apply(0xff), (-1i32).bits());
        assert_eq!(
            plain(Type::U8, Type::S32, Rounding::Nearest).apply(0x1ff),
            0xff
        );
        assert_eq!(
            plain(Type::U64, Type::U32, Rounding::Nearest).apply(1 << 32 | 7),
            7
        );
        let c = Convert {
            saturate: true,
            ..plain(Type::S32, Type::U8, Rounding::Nearest)
        };
        assert_eq!((c.apply((-4i32).bits()), c.apply(999)), (0, 255));
    }

    #[test]
    fn floats_clamp_to_integers() {
        let c = plain(Type::F32, Type::S32, Rounding::Zero);
        for x in [1.9f32, -1.9, 3e9, -3e9, f32::INFINITY, f32::NAN] {
            assert_eq!(c.apply(x.bits()), (x as i32).bits(), "{x}");
        }
        let nearest = plain(Type::F64, Type::S32, Rounding::Nearest);
        assert_eq!(nearest.apply(2.5f64.bits()), 2);
        let up = plain(Type::F64, Type::U64, Rounding::Up);
        assert_eq!(up.apply(2.1f64.bits()), 3);
        assert_eq!(up.apply(f64::NAN.bits()), 1 << 63);
    }

    #[test]
    fn integers_become_floats_rounded_once() {
        let c = plain(Type::U64, Type::F32, Rounding::Nearest);
        for x in [
            0u64,
            1,
            (1 << 24) + 1,
            u64::MAX,
            (1 << 40) + (1 << 16) + 1,
            (1 << 62) + 1,
        ] {
            assert_eq!(c.apply(x), (x as f32).bits(), "{x}");
        }
        let down = plain(Type::U64, Type::F64, Rounding::Down);
        assert_eq!(down.apply(u64::MAX), (2f64.powi(64)).next_down().bits());
    }

    #[test]
    fn narrowing_rounds_as_asked() {
        let x = 1.0 + 2f64.powi(-30);
        let narrow = |r| f32::of(plain(Type::F64, Type::F32, r).apply(x.bits()));
        assert_eq!(narrow(Rounding::Nearest), 1.0);
        assert_eq!(narrow(Rounding::Up), 1f32.next_up());
        let c = Convert {
            integral: true,
            ..plain(Type::F32, Type::F32, Rounding::Down)
        };
        assert_eq!(c.apply((-1.5f32).bits()), (-2f32).bits());
    }
}
