use std::fmt;

use serde::Serialize;

use crate::Trained;

/// The base optimizer and SAM, side by side. Displays as a table whose last line is JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Comparison {
    /// The base optimizer: the loop without the attribute.
    pub sgd: Trained,
    /// The same loop with the attribute.
    pub sam: Trained,
    /// Seconds from start to end.
    pub seconds: f64,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<38} {:>10} {:>10}", "", "SGD", "SAM")?;
        let mut row = |name: &str, show: &dyn Fn(&Trained) -> String| {
            writeln!(
                f,
                "{name:<38} {:>10} {:>10}",
                show(&self.sgd),
                show(&self.sam)
            )
        };
        row("test accuracy", &|t| percent(t.test_accuracy))?;
        row("train accuracy, wrong labels included", &|t| {
            percent(t.train_accuracy)
        })?;
        row("sharpness at rho", &|t| format!("{:.3}", t.sharpness))?;
        row("training time", &|t| format!("{:.1} s", t.seconds))?;
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
