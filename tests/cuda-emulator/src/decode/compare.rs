//! Comparisons: `setp` and `set`.

use std::cmp::Ordering::{Equal, Greater, Less};

use half::f16;

use super::word::{Bin, Word};
use crate::ptx::types::Type;

/// The comparison `name` of two values of a type, giving 0 or 1.
pub fn comparison(name: &str, of: Type) -> Option<Bin> {
    macro_rules! integer {
        ($t:ty) => {
            match name {
                "eq" => Some(|a, b| u64::from(<$t>::of(a) == <$t>::of(b))),
                "ne" => Some(|a, b| u64::from(<$t>::of(a) != <$t>::of(b))),
                "lt" | "lo" => Some(|a, b| u64::from(<$t>::of(a) < <$t>::of(b))),
                "le" | "ls" => Some(|a, b| u64::from(<$t>::of(a) <= <$t>::of(b))),
                "gt" | "hi" => Some(|a, b| u64::from(<$t>::of(a) > <$t>::of(b))),
                "ge" | "hs" => Some(|a, b| u64::from(<$t>::of(a) >= <$t>::of(b))),
                _ => None,
            }
        };
    }
    // The plain ones are false of NaN, which has no order; those with `u` are true of it.
    macro_rules! float {
        ($t:ty) => {{
            macro_rules! order {
                ($p:pat) => {
                    Some(|a, b| u64::from(matches!(<$t>::of(a).partial_cmp(&<$t>::of(b)), $p)))
                };
            }
            match name {
                "eq" => order!(Some(Equal)),
                "ne" => order!(Some(Less | Greater)),
                "lt" => order!(Some(Less)),
                "le" => order!(Some(Less | Equal)),
                "gt" => order!(Some(Greater)),
                "ge" => order!(Some(Greater | Equal)),
                "equ" => order!(None | Some(Equal)),
                "neu" => order!(None | Some(Less | Greater)),
                "ltu" => order!(None | Some(Less)),
                "leu" => order!(None | Some(Less | Equal)),
                "gtu" => order!(None | Some(Greater)),
                "geu" => order!(None | Some(Greater | Equal)),
                "num" => Some(|a, b| u64::from(<$t>::of(a).partial_cmp(&<$t>::of(b)).is_some())),
                "nan" => Some(|a, b| u64::from(<$t>::of(a).partial_cmp(&<$t>::of(b)).is_none())),
                _ => None,
            }
        }};
    }
    match of {
        Type::B16 | Type::U16 => integer!(u16),
        Type::B32 | Type::U32 => integer!(u32),
        Type::B64 | Type::U64 => integer!(u64),
        Type::S16 => integer!(i16),
        Type::S32 => integer!(i32),
        Type::S64 => integer!(i64),
        Type::F16 => float!(f16),
        Type::F32 => float!(f32),
        Type::F64 => float!(f64),
        _ => None,
    }
}

/// What `set` writes for true in a type; 0 means false in all.
pub fn truth(of: Type) -> Option<u64> {
    Some(match of {
        Type::U32 | Type::S32 => 0xffff_ffff,
        Type::U16 | Type::S16 => 0xffff,
        Type::F16 => f16::ONE.bits(),
        Type::F32 => 1f32.bits(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_decides_by_the_comparison() {
        let nan = f32::NAN.bits();
        for (plain, unordered) in [
            ("eq", "equ"),
            ("ne", "neu"),
            ("lt", "ltu"),
            ("le", "leu"),
            ("gt", "gtu"),
            ("ge", "geu"),
        ] {
            let (plain, unordered) = (
                comparison(plain, Type::F32).unwrap(),
                comparison(unordered, Type::F32).unwrap(),
            );
            assert_eq!((plain(nan, 0), unordered(nan, 0)), (0, 1));
            // Without NaN they are the same.
            for (a, b) in [(1f32, 2f32), (2.0, 1.0), (1.0, 1.0)] {
                assert_eq!(plain(a.bits(), b.bits()), unordered(a.bits(), b.bits()));
            }
        }
        assert_eq!(comparison("num", Type::F64).unwrap()(0, f64::NAN.bits()), 0);
    }

    #[test]
    fn signs_matter_only_in_signed_types() {
        let minus_one = (-1i32).bits();
        assert_eq!(comparison("lt", Type::S32).unwrap()(minus_one, 0), 1);
        assert_eq!(comparison("lt", Type::U32).unwrap()(minus_one, 0), 0);
    }
}
