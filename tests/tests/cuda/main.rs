//! What must be the same on a GPU as on the host: the step under every key, layers, whole networks; and
//! that a step on a GPU reads nothing back. With the feature `nccl`, that several ranks with a GPU each train as one
//! process. Run by `tests/gpu.sh`.

mod generator;
mod loader;
mod nonfinite;
#[cfg(feature = "nccl")]
mod ranks;
mod read_back;
mod same;
mod world;
