//! Arithmetic on static sizes, in types.
//!
//! The side of a convolution's output is computed from the side of its input, and stable Rust computes
//! no constant from another in a type (`generic_const_exprs` is not stable). What networks use is
//! therefore written down in tables; a size that is not there can be dynamic (`usize`), and is then
//! computed at run time.

mod flat;
mod groups;
#[macro_use]
mod sides;
#[cfg(test)]
mod tests;
mod window;

pub use flat::Flat;
pub use groups::Grouped;
pub use window::Slide;
