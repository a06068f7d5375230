//! Gradients that are not finite, on a device where reading means waiting.

use std::{cell::Cell, rc::Rc, sync::Arc};

use super::{StepError, error::Pass};
use crate::device::vectors::{DeviceScalars, NonFiniteFlags, PassCode};

/// Steps after which the host looks, at the latest.
const STEPS: u32 = 100;

/// How many numbers a check keeps on the device: see [`NonFiniteFlags::since`].
pub(super) const NUMBERS: usize = 3;

/// What a device has noted of the steps of one model.
pub(super) struct NonFiniteCheck {
    since: Arc<dyn DeviceScalars>,
    steps: u32,
    /// Whether the host has waited for the device since it last looked, so that looking costs little.
    waited: Rc<Cell<bool>>,
}

impl NonFiniteCheck {
    /// A check that has found nothing yet: `since` is [`NUMBERS`] zeros.
    pub(super) fn new(since: Arc<dyn DeviceScalars>) -> Self {
        Self {
            since,
            steps: 0,
            waited: Rc::default(),
        }
    }

    /// The flags of one step. `step` is one zero.
    pub(super) fn flags(&self, step: Arc<dyn DeviceScalars>) -> NonFiniteFlags {
        let since = self.since.clone();
        NonFiniteFlags { step, since }
    }

    /// To be set where the host waits for the device.
    pub(super) fn waited(&self) -> Rc<Cell<bool>> {
        self.waited.clone()
    }

    /// Ends a step: whether it is time to look.
    pub(super) fn is_due(&mut self) -> bool {
        self.steps += 1;
        self.steps >= STEPS || self.waited.get()
    }

    /// What the device has noted since the last time, if it is something. A check that has found something
    /// is to be replaced.
    pub(super) fn read(&mut self) -> Option<StepError> {
        self.steps = 0;
        self.waited.set(false);
        let since = self.since.read();
        let pass = pass_of(since[0])?;
        Some(StepError::NonFinite {
            pass,
            norm: since[1],
        })
    }
}

/// What a device has noted of the step that ends; waits for it.
pub(super) fn read(flags: &NonFiniteFlags) -> Option<StepError> {
    let pass = pass_of(flags.step.read()[0])?;
    let norm = flags.since.read()[1];
    Some(StepError::NonFinite { pass, norm })
}

/// The code of a pass in a device's flags.
pub(super) fn code(pass: Pass) -> PassCode {
    match pass {
        Pass::Clean => 1.0,
        Pass::Perturbed => 2.0,
    }
}

/// The pass with this code; `None` for 0. A device that failed has NaN, which is taken for the clean one.
pub(super) fn pass_of(code: PassCode) -> Option<Pass> {
    match code {
        0.0 => None,
        2.0 => Some(Pass::Perturbed),
        _ => Some(Pass::Clean),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Fake(Mutex<Vec<f64>>);

    impl DeviceScalars for Fake {
        fn address(&self) -> u64 {
            1
        }
        fn read(&self) -> Vec<f64> {
            self.0.lock().unwrap().clone()
        }
    }

    fn check(fake: &Arc<Fake>) -> NonFiniteCheck {
        *fake.0.lock().unwrap() = vec![0.0; NUMBERS];
        NonFiniteCheck::new(fake.clone())
    }

    #[test]
    fn it_is_time_after_a_hundred_steps_or_once_somebody_has_waited() {
        let mut check = check(&Arc::default());
        for step in 1..=250 {
            assert_eq!(check.is_due(), step % 100 == 0, "step {step}");
            if step % 100 == 0 {
                assert_eq!(check.read(), None);
            }
        }
        check.waited().set(true);
        assert!(check.is_due());
        check.read();
        assert!(!check.is_due());
    }

    #[test]
    fn what_the_device_noted_is_an_error_that_names_the_pass() {
        let fake = Arc::default();
        let mut check = check(&fake);
        *fake.0.lock().unwrap() = vec![code(Pass::Perturbed), f64::INFINITY, 4.0];
        let error = check.read().unwrap();
        let (pass, norm) = (Pass::Perturbed, f64::INFINITY);
        assert_eq!(error, StepError::NonFinite { pass, norm });
    }
}
