//! What the examples share beside their training loops: networks, the command line, a comparison of two
//! ways to train, and its table.

mod compare;
mod device;
mod evaluate;
mod network;
mod options;
mod table;

pub use compare::{Run, bar, compare};
pub use device::{Kind, OnDevice, Trainer};
pub use evaluate::{Trained, accuracy, evaluate};
pub use network::Network;
pub use options::Options;
pub use table::Comparison;

use dfdx::{nn::builders::*, tensor::Cpu};
use sam_runtime::prelude::*;

/// The network that the examples train.
pub type Mlp = (
    (Linear<784, 256>, ReLU),
    (Linear<256, 256>, ReLU),
    Linear<256, 10>,
);

/// It on the CPU.
pub type Net = <Mlp as BuildOnDevice<Cpu, f32>>::Built;

/// Images with wrong labels among them.
pub type Noisy = LabelNoise<TakeFirst<Images<dfdx::shapes::Rank1<784>, 10>>>;

/// Images per step.
pub const BATCH: usize = 100;

/// As `println!`, but for a reader that has gone, as in `| head -1`: that is no reason to end a training.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}
