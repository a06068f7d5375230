//! A CUDA driver that runs PTX on the CPU. Loaded in the place of `libcuda.so.1` and
//! `libcublas.so.13` (and of `libnccl.so.2`), it lets a program that was built for a GPU run, unchanged, on a machine
//! without one: slowly, exactly, in a fixed order, and with every access checked. For tests.
//!
//! | module | what |
//! |---|---|
//! | [`ptx`] | PTX text to statements |
//! | [`decode`] | statements to operations over numbered slots |
//! | [`execute`] | the interpreter |
//! | [`memory`] | the device's memory and its checks |
//! | [`counts`] | launches, copies, waits, as numbers |
//! | [`driver`] | the driver's C functions |
//! | [`cublas`] | cuBLAS' C functions |
//! | [`nccl`] | NCCL's C functions |

pub mod counts;
pub mod cublas;
pub mod decode;
pub mod driver;
pub mod execute;
pub mod memory;
pub mod nccl;
pub mod ptx;
