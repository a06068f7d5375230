//! What a step was made with: the loop sets it, and it may be something else than the configuration says.

use super::Run;
use crate::step::StepReport;

/// What the run has said already, so that it says it once.
#[derive(Default)]
pub(super) struct Said {
    learning_rate: bool,
    rho: bool,
}

impl<M> Run<M> {
    /// The learning rate and rho of the step that was made: the optimizer's, where it has one, and the report's, if there was a
    /// SAM step; else the configuration's. Where a schedule stands there and was not followed, a line says so.
    pub(super) fn used(&mut self, opt: Option<f64>, report: Option<&StepReport>) -> (f64, f64) {
        let configured = (self.lr(), self.rho());
        let used = (
            opt.unwrap_or(configured.0),
            report.map_or(configured.1, |report| report.rho),
        );
        if self.config.lr.is_some() && differ(used.0, configured.0) && !self.said.learning_rate {
            self.said.learning_rate = true;
            self.say_unlike(
                "learning rate",
                (used.0, configured.0),
                "write `opt.set_lr(run.lr())` before the update",
            );
        }
        if differ(used.1, configured.1) && !self.said.rho {
            self.said.rho = true;
            self.say_unlike(
                "rho",
                (used.1, configured.1),
                "write `#[sam_train(rho = run.rho())]`",
            );
        }
        used
    }

    fn say_unlike(&mut self, what: &str, (used, configured): (f64, f64), advice: &str) {
        let step = self.kept.step;
        self.output.say(&format!(
            "the {what} of step {step} was {used}, and the run's is {configured}; {advice}, or leave it as it is meant: \
             records have what was used"
        ));
    }
}

/// Whether two numbers differ by more than rounding.
fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > 1e-6 * a.abs().max(b.abs())
}
