//! The types of PTX as Rust types over the 64 bits of a register.

use half::f16;

/// A type that lives in the low bits of a register.
pub trait Word: Copy + 'static {
    fn of(bits: u64) -> Self;
    /// Its bits, with zeros above.
    fn bits(self) -> u64;
}

macro_rules! integers {
    ($($t:ty as $unsigned:ty),*) => {$(
        impl Word for $t {
            #[inline(always)]
            fn of(bits: u64) -> Self {
                bits as $t
            }
            #[inline(always)]
            fn bits(self) -> u64 {
                self as $unsigned as u64
            }
        }
    )*};
}
integers!(
    u8 as u8, u16 as u16, u32 as u32, u64 as u64, i8 as u8, i16 as u16, i32 as u32, i64 as u64
);

macro_rules! floats {
    ($($t:ty as $bits:ty),*) => {$(
        impl Word for $t {
            #[inline(always)]
            fn of(bits: u64) -> Self {
                <$t>::from_bits(bits as $bits)
            }
            #[inline(always)]
            fn bits(self) -> u64 {
                self.to_bits() as u64
            }
        }
    )*};
}
floats!(f16 as u16, f32 as u32, f64 as u64);

/// A function of one register.
pub type Un = fn(u64) -> u64;
/// A function of two registers.
pub type Bin = fn(u64, u64) -> u64;
/// A function of three registers.
pub type Tri = fn(u64, u64, u64) -> u64;
