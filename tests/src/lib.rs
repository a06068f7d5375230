//! What crosses crates: the tests are in `tests/`. The code blocks of the README and of the book
//! are this crate's doctests.

/// The README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// The book.
#[cfg(doctest)]
#[doc = include_str!("../../book/src/introduction.md")]
mod introduction {}
