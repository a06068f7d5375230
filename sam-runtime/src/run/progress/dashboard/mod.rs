//! A dashboard on the terminal, in place of the bar. With the feature `dashboard`.
//!
//! | | |
//! |---|---|
//! | `board` | what it knows: where the run is, its curves, its last lines |
//! | `history` | the values of one curve in bounded memory |
//! | `panels` | which curves share a panel, and in which order |
//! | `view` | what stands where on a screen of some size |
//! | `chart` | one panel |
//! | `screen` | taking the terminal, and giving it back whatever happens |
//! | `terminal` | the board on the terminal, drawn by a thread of its own |

mod board;
mod chart;
mod history;
mod panels;
mod screen;
mod terminal;
mod view;

pub use board::Board;
pub use terminal::Dashboard;
