//! Integer and bit instructions as functions of registers.

use super::word::{Bin, Tri, Un, Word};
use crate::ptx::types::Type;

/// `$e` with `T` bound to the Rust type of an integer type of PTX.
macro_rules! for_integer {
    ($kind:ty, $of:expr, [$($p:pat => $t:ty),*], $e:expr) => {
        match $of {
            $($p => {
                #[allow(dead_code)]
                type T = $t;
                let f: $kind = $e;
                Some(f)
            })*
            _ => None,
        }
    };
    ($kind:ty, $of:expr, $e:expr) => {
        for_integer!($kind, $of, [
            Type::U8 | Type::B8 => u8, Type::U16 | Type::B16 => u16,
            Type::U32 | Type::B32 => u32, Type::U64 | Type::B64 => u64,
            Type::S8 => i8, Type::S16 => i16, Type::S32 => i32, Type::S64 => i64
        ], $e)
    };
}

/// Integer functions of one operand.
pub fn unary(name: &str, of: Type) -> Option<Un> {
    match name {
        "neg" => for_integer!(Un, of, |a| T::of(a).wrapping_neg().bits()),
        "abs" => for_integer!(Un, of, [Type::S16 => i16, Type::S32 => i32, Type::S64 => i64],
            |a| T::of(a).wrapping_abs().bits()),
        "not" if of == Type::Pred => Some(|a| u64::from(a == 0)),
        "not" => for_integer!(Un, of, |a| (!T::of(a)).bits()),
        "cnot" => for_integer!(Un, of, |a| u64::from(T::of(a) == 0)),
        "popc" => for_integer!(Un, of, |a| u64::from(T::of(a).count_ones())),
        "clz" => for_integer!(Un, of, |a| u64::from(T::of(a).leading_zeros())),
        "brev" => for_integer!(Un, of, |a| T::of(a).reverse_bits().bits()),
        "bfind" => for_integer!(Un, of, [Type::U32 => u32, Type::U64 => u64], |a| {
            u64::from(T::of(a).checked_ilog2().unwrap_or(u32::MAX))
        })
        .or_else(|| {
            for_integer!(Un, of, [Type::S32 => i32, Type::S64 => i64], |a| {
                let a = T::of(a);
                let magnitude = if a < 0 { !a } else { a };
                u64::from(magnitude.checked_ilog2().unwrap_or(u32::MAX))
            })
        }),
        // How far to shift left to bring the found bit to the top.
        "bfind.shiftamt" => for_integer!(Un, of, [Type::U32 => u32, Type::U64 => u64], |a| {
            let a = T::of(a);
            u64::from(if a == 0 { u32::MAX } else { a.leading_zeros() })
        }),
        _ => None,
    }
}

/// Integer functions of two operands.
pub fn binary(name: &str, of: Type) -> Option<Bin> {
    match name {
        "add" => for_integer!(Bin, of, |a, b| T::of(a).wrapping_add(T::of(b)).bits()),
        "sub" => for_integer!(Bin, of, |a, b| T::of(a).wrapping_sub(T::of(b)).bits()),
        "mul.lo" => for_integer!(Bin, of, |a, b| T::of(a).wrapping_mul(T::of(b)).bits()),
        "mul.hi" => for_integer!(Bin, of, |a, b| {
            let wide = (T::of(a) as i128).wrapping_mul(T::of(b) as i128);
            ((wide >> T::BITS) as T).bits()
        }),
        "mul.wide" => wide_product(of),
        // Division by zero is unspecified in PTX; GPUs give all ones.
        "div" => for_integer!(Bin, of, |a, b| {
            let (a, b) = (T::of(a), T::of(b));
            if b == 0 {
                T::of(u64::MAX)
            } else {
                a.wrapping_div(b)
            }
            .bits()
        }),
        "rem" => for_integer!(Bin, of, |a, b| {
            let (a, b) = (T::of(a), T::of(b));
            if b == 0 { a } else { a.wrapping_rem(b) }.bits()
        }),
        "min" => for_integer!(Bin, of, |a, b| T::of(a).min(T::of(b)).bits()),
        "max" => for_integer!(Bin, of, |a, b| T::of(a).max(T::of(b)).bits()),
        "and" if of == Type::Pred => Some(|a, b| a & b),
        "or" if of == Type::Pred => Some(|a, b| a | b),
        "xor" if of == Type::Pred => Some(|a, b| a ^ b),
        "and" => for_integer!(Bin, of, |a, b| (T::of(a) & T::of(b)).bits()),
        "or" => for_integer!(Bin, of, |a, b| (T::of(a) | T::of(b)).bits()),
        "xor" => for_integer!(Bin, of, |a, b| (T::of(a) ^ T::of(b)).bits()),
        // Shifts by the width or more give what is shifted in.
        "shl" => for_integer!(Bin, of, |a, b| {
            T::of(a).checked_shl(b as u32).unwrap_or(0).bits()
        }),
        "shr" => for_integer!(Bin, of, |a, b| {
            let a = T::of(a);
            let gone = a >> (T::BITS - 1) >> 1;
            a.checked_shr(b as u32).unwrap_or(gone).bits()
        }),
        "add.sat" if of == Type::S32 => Some(|a, b| i32::of(a).saturating_add(i32::of(b)).bits()),
        "sub.sat" if of == Type::S32 => Some(|a, b| i32::of(a).saturating_sub(i32::of(b)).bits()),
        _ => None,
    }
}

fn wide_product(of: Type) -> Option<Bin> {
    Some(match of {
        Type::U16 => |a, b| (u32::from(a as u16) * u32::from(b as u16)).bits(),
        Type::S16 => |a, b| (i32::from(a as i16) * i32::from(b as i16)).bits(),
        Type::U32 => |a, b| u64::from(a as u32) * u64::from(b as u32),
        Type::S32 => |a, b| (i64::from(a as i32) * i64::from(b as i32)).bits(),
        _ => return None,
    })
}

/// Integer functions of three operands.
pub fn ternary(name: &str, of: Type) -> Option<Tri> {
    match name {
        "mad.lo" => for_integer!(Tri, of, |a, b, c| {
            T::of(a)
                .wrapping_mul(T::of(b))
                .wrapping_add(T::of(c))
                .bits()
        }),
        "mad.hi" => for_integer!(Tri, of, |a, b, c| {
            let wide = (T::of(a) as i128).wrapping_mul(T::of(b) as i128);
            ((wide >> T::BITS) as T).wrapping_add(T::of(c)).bits()
        }),
        "mad.wide" => Some(match of {
            Type::U16 => |a, b, c| (wide::<u16>(a, b).wrapping_add(c as u32 as i128) as u32).bits(),
            Type::S16 => |a, b, c| (wide::<i16>(a, b).wrapping_add(c as u32 as i128) as u32).bits(),
            Type::U32 => |a, b, c| wide::<u32>(a, b).wrapping_add(c as i128) as u64,
            Type::S32 => |a, b, c| wide::<i32>(a, b).wrapping_add(c as i128) as u64,
            _ => return None,
        }),
        "sad" => for_integer!(Tri, of, |a, b, c| {
            let apart = (T::of(a) as i128 - T::of(b) as i128).unsigned_abs();
            T::of(c).wrapping_add(apart as T).bits()
        }),
        "selp" => None,
        "bfe" => {
            for_integer!(Tri, of, [Type::U32 => u32, Type::U64 => u64, Type::S32 => i32, Type::S64 => i64],
            |a, pos, len| bit_field(T::of(a) as i128, T::BITS, T::of(0).wrapping_sub(1) as i128, pos, len))
        }
        "prmt" if of == Type::B32 => Some(permute),
        "shf.l.wrap" => Some(|a, b, c| funnel(a, b, c & 31) >> 32),
        "shf.l.clamp" => Some(|a, b, c| funnel(a, b, (c & 0xffff_ffff).min(32)) >> 32),
        "shf.r.wrap" => Some(|a, b, c| (pair(a, b) >> (c & 31)) & 0xffff_ffff),
        "shf.r.clamp" => Some(|a, b, c| (pair(a, b) >> (c & 0xffff_ffff).min(32)) & 0xffff_ffff),
        _ => None,
    }
}

fn wide<T: Word + Into<i128>>(a: u64, b: u64) -> i128 {
    T::of(a).into().wrapping_mul(T::of(b).into())
}

fn pair(low: u64, high: u64) -> u64 {
    high << 32 | (low & 0xffff_ffff)
}

fn funnel(low: u64, high: u64, by: u64) -> u64 {
    // By 32 the low word becomes the high one.
    pair(low, high) << by
}

/// `bfe`: bits `pos .. pos + len`, zero- or sign-extended. `ones` is -1 for a signed type.
fn bit_field(a: i128, width: u32, ones: i128, pos: u64, len: u64) -> u64 {
    let (pos, len) = ((pos & 0xff) as u32, (len & 0xff) as u32);
    let signed = ones == -1;
    if len == 0 {
        return 0;
    }
    // `a` is sign-extended (zero-extended if unsigned), so bits from above are right of themselves.
    let shifted = a >> pos.min(127);
    let kept = len.min(width.saturating_sub(pos).max(u32::from(signed)));
    let mask = (1i128 << kept) - 1;
    let field = shifted & mask;
    let negative = signed && field >> (kept - u32::from(kept > 0)) & 1 == 1;
    let extended = if negative { field | !mask } else { field };
    (extended as u64) & (u64::MAX >> (64 - width))
}

/// `bfi`: the low `len` bits of `a` placed into `b` from `pos` on.
pub fn insert_bits(of: Type, a: u64, b: u64, pos: u64, len: u64) -> u64 {
    let width = of.bytes() as u32 * 8;
    let (pos, len) = ((pos & 0xff) as u32, (len & 0xff) as u32);
    let mask = ((1u128 << len.min(64)) - 1) << pos.min(64);
    let moved = (u128::from(a) << pos.min(64)) & mask;
    ((u128::from(b) & !mask | moved) as u64) & (u64::MAX >> (64 - width))
}

/// `lop3`: the bit of `table` that the three bits say.
pub fn lop3(a: u64, b: u64, c: u64, table: u64) -> u64 {
    (0..32).fold(0, |out, i| {
        let index = (a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1);
        out | (table >> index & 1) << i
    })
}

fn permute(a: u64, b: u64, selector: u64) -> u64 {
    let bytes = pair(a, b);
    (0..4).fold(0, |out, i| {
        let select = selector >> (4 * i) & 15;
        let byte = bytes >> (8 * (select & 7)) & 0xff;
        let byte = match select & 8 {
            0 => byte,
            // The sign of the byte, everywhere.
            _ => (byte >> 7) * 0xff,
        };
        out | byte << (8 * i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_clamp_and_keep_the_sign() {
        let shr = binary("shr", Type::S32).unwrap();
        assert_eq!(shr((-8i32).bits(), 1), (-4i32).bits());
        assert_eq!(shr((-8i32).bits(), 40), (-1i32).bits());
        assert_eq!(binary("shl", Type::B64).unwrap()(1, 64), 0);
    }

    #[test]
    fn high_products() {
        assert_eq!(
            binary("mul.hi", Type::U64).unwrap()(u64::MAX, u64::MAX),
            u64::MAX - 1
        );
        assert_eq!(
            binary("mul.hi", Type::S32).unwrap()((-1i32).bits(), 1),
            (-1i32).bits()
        );
        assert_eq!(
            binary("mul.wide", Type::S32).unwrap()((-3i32).bits(), 5),
            (-15i64).bits()
        );
        let mad = ternary("mad.wide", Type::U32).unwrap();
        assert_eq!(
            mad(u32::MAX.bits(), 2, u64::MAX),
            2 * u64::from(u32::MAX) - 1
        );
    }

    #[test]
    fn bit_fields() {
        let u = ternary("bfe", Type::U32).unwrap();
        let s = ternary("bfe", Type::S32).unwrap();
        assert_eq!(u(0xabcd_1234, 8, 8), 0x12);
        assert_eq!(s(0x0000_8000, 8, 8), (-128i32).bits());
        assert_eq!(u(0xf000_0000, 28, 32), 0xf);
        assert_eq!(s(0xf000_0000, 28, 32), (-1i32).bits());
        assert_eq!(u(1, 0, 0), 0);
        assert_eq!(insert_bits(Type::B32, 0xff, 0, 8, 4), 0xf00);
        assert_eq!(insert_bits(Type::B64, 1, 0, 63, 1), 1 << 63);
    }

    #[test]
    fn permutations_and_funnels() {
        let p = ternary("prmt", Type::B32).unwrap();
        assert_eq!(p(0x3322_1100, 0x7766_5544, 0x7531), 0x7755_3311);
        assert_eq!(p(0x80, 0, 0x8888), 0xffff_ffff);
        let left = ternary("shf.l.wrap", Type::B32).unwrap();
        assert_eq!(left(0x8000_0000, 1, 1) & 0xffff_ffff, 3);
        assert_eq!(lop3(0xff00, 0xf0f0, 0xcccc, 0xe8) & 0xffff, 0xfcc0 & 0xffff);
    }
}
