//! NVIDIA GPUs.

mod layers;
