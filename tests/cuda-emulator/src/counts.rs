//! What the program did so far, as numbers: for tests that bound launches, copies or waiting.

use std::collections::BTreeMap;

use serde::Serialize;

/// Launches of one kernel and what they moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Kernel {
    pub launches: u64,
    /// Bytes of global memory that its threads read, each access counted.
    pub bytes_read: u64,
    /// Bytes of global memory that its threads wrote; an atomic counts in both.
    pub bytes_written: u64,
    /// PTX instructions that its threads ran, those with a false guard included.
    pub instructions: u64,
}

/// Calls of a kind, with the bytes that they moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transfers {
    pub calls: u64,
    pub bytes: u64,
}

impl Transfers {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.calls += 1;
        self.bytes += bytes as u64;
    }
}

/// Calls of one cuBLAS function.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Blas {
    pub calls: u64,
    /// Multiplications and additions: 2mnk of a product.
    pub operations: u64,
}

/// All counts since the program began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// By the kernel's name in the PTX.
    pub kernels: BTreeMap<String, Kernel>,
    /// By the function's name.
    pub blas: BTreeMap<String, Blas>,
    /// By the function's name: calls of all ranks, and what each takes.
    pub nccl: BTreeMap<&'static str, Transfers>,
    pub launches: u64,
    pub host_to_device: Transfers,
    pub device_to_host: Transfers,
    pub device_to_device: Transfers,
    pub memsets: Transfers,
    pub allocations: Transfers,
    pub frees: u64,
    /// Calls that wait: `cuStreamSynchronize`, `cuCtxSynchronize`, `cuEventSynchronize`.
    pub synchronizations: u64,
    pub modules_loaded: u64,
    /// Launches that were aborted.
    pub failed_launches: u64,
    /// With initcheck: places in kernels, and copies, that read bytes which were never written.
    pub uninitialised_reads: u64,
}

impl Counts {
    /// The counts as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
    }
}
