//! The book as its tests see it: pages, their blocks of code, links and headings. Its blocks of Rust,
//! and the README's, are this crate's doctests.

pub mod command;
pub mod include;
pub mod page;
pub mod program;
pub mod resolve;

#[cfg(doctest)]
mod pages {
    include!(concat!(env!("OUT_DIR"), "/pages.rs"));
}
