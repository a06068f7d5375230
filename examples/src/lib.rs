//! What the paper's experiments (the folder `paper`) share. Every other program is whole in its one file (`methods` in its
//! folder), to be copied.

#[cfg(feature = "plot")]
mod chart;
mod digits;
mod jobs;
mod noise;
mod spread;
mod table;
mod training;

#[cfg(feature = "plot")]
pub use chart::{Chart, Line};
pub use digits::{Digits, Noisy, Shape, Source};
pub use jobs::side_by_side;
pub use noise::{NOISE, print_by_noise};
pub use spread::Spread;
pub use table::print_table;
pub use training::{BATCH, Net, Plan, WideNet, accuracy_on, train, train_watched};
