//! Gradients that are not finite, on a device where looking means waiting.

use std::{cell::Cell, rc::Rc, sync::Arc};

use super::{StepError, error::Pass};
use crate::device::{Notes, Numbers, PassNumber};

/// Steps after which the host looks, at the latest.
const STEPS: u32 = 100;

/// The numbers that a device keeps: see [`Notes::seen`].
const SEEN: usize = 3;

/// What a device has noted of the steps of one model.
pub(super) struct Watch {
    seen: Arc<dyn Numbers>,
    steps: u32,
    /// Whether the host has waited for the device since it last looked, so that looking costs little.
    waited: Rc<Cell<bool>>,
}

impl Watch {
    /// A watch that has seen nothing; `zeros` makes numbers on the device.
    pub(super) fn new<Err>(
        zeros: impl FnOnce(usize) -> Result<Arc<dyn Numbers>, Err>,
    ) -> Result<Self, Err> {
        Ok(Self {
            seen: zeros(SEEN)?,
            steps: 0,
            waited: Rc::default(),
        })
    }

    /// The notes of one step. `verdict` is one zero.
    pub(super) fn notes(&self, verdict: Arc<dyn Numbers>) -> Notes {
        let seen = self.seen.clone();
        Notes { verdict, seen }
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

    /// What the device has noted since the last time, if it is something. A watch that has seen something
    /// is to be replaced.
    pub(super) fn look(&mut self) -> Option<StepError> {
        self.steps = 0;
        self.waited.set(false);
        let seen = self.seen.read();
        let pass = of_number(seen[0])?;
        Some(StepError::NonFinite {
            pass,
            norm: seen[1],
        })
    }
}

/// The number of a pass in a device's notes.
pub(super) fn number(pass: Pass) -> PassNumber {
    match pass {
        Pass::Clean => 1.0,
        Pass::Perturbed => 2.0,
    }
}

/// The pass with this number; `None` for 0. A device that failed has NaN, which is taken for the clean one.
pub(super) fn of_number(number: PassNumber) -> Option<Pass> {
    match number {
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

    impl Numbers for Fake {
        fn address(&self) -> u64 {
            1
        }
        fn read(&self) -> Vec<f64> {
            self.0.lock().unwrap().clone()
        }
    }

    fn watch(fake: &Arc<Fake>) -> Watch {
        Watch::new(|len| {
            *fake.0.lock().unwrap() = vec![0.0; len];
            Ok::<_, ()>(fake.clone())
        })
        .unwrap()
    }

    #[test]
    fn it_is_time_after_a_hundred_steps_or_once_somebody_has_waited() {
        let mut watch = watch(&Arc::default());
        for step in 1..=250 {
            assert_eq!(watch.is_due(), step % 100 == 0, "step {step}");
            if step % 100 == 0 {
                assert_eq!(watch.look(), None);
            }
        }
        watch.waited().set(true);
        assert!(watch.is_due());
        watch.look();
        assert!(!watch.is_due());
    }

    #[test]
    fn what_the_device_noted_is_an_error_that_names_the_pass() {
        let fake = Arc::default();
        let mut watch = watch(&fake);
        *fake.0.lock().unwrap() = vec![number(Pass::Perturbed), f64::INFINITY, 4.0];
        let error = watch.look().unwrap();
        let (pass, norm) = (Pass::Perturbed, f64::INFINITY);
        assert_eq!(error, StepError::NonFinite { pass, norm });
    }
}
