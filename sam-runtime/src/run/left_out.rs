//! Batches that steps have left out, counted.

use std::{mem, sync::Arc};

use crate::{device::Numbers, step::StepReport};

/// What steps have said, and devices have not said yet.
#[derive(Default)]
pub(super) struct LeftOut {
    count: u64,
    /// To be read when it is asked for: reading waits for the device.
    verdicts: Vec<Arc<dyn Numbers>>,
}

impl LeftOut {
    /// Takes a step's report.
    pub(super) fn see(&mut self, report: &StepReport) {
        match report.skipped_or_verdict() {
            Ok(is_skipped) => self.count += u64::from(is_skipped),
            Err(verdict) => self.verdicts.push(verdict),
        }
    }

    /// How many there were since this was last asked.
    pub(super) fn take(&mut self) -> u64 {
        let noted = self.verdicts.drain(..);
        let noted = noted.filter(|verdict| verdict.read()[0] != 0.0).count();
        mem::take(&mut self.count) + noted as u64
    }
}
