//! Batches that steps have left out, counted.

use std::{mem, sync::Arc};

use crate::{device::vectors::DeviceScalars, step::StepReport};

/// What steps have said, and devices have not said yet.
#[derive(Default)]
pub(super) struct LeftOut {
    count: u64,
    /// To be read when it is asked for: reading waits for the device.
    flags: Vec<Arc<dyn DeviceScalars>>,
}

impl LeftOut {
    /// Takes a step's report.
    pub(super) fn count(&mut self, report: &StepReport) {
        match report.skipped_or_flag() {
            Ok(is_skipped) => self.count += u64::from(is_skipped),
            Err(flag) => self.flags.push(flag),
        }
    }

    /// How many there were since this was last asked.
    pub(super) fn take(&mut self) -> u64 {
        let flags = self.flags.drain(..);
        let noted = flags.filter(|flag| flag.read()[0] != 0.0).count();
        mem::take(&mut self.count) + noted as u64
    }
}
