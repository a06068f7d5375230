//! Test accuracy against rho, with right labels and with 40 % wrong ones.

use kuva::plot::LegendPosition;

use crate::{
    Arguments,
    chart::{Frame, Line, percent, save, table},
    experiment::{BATCH, Setting, runs, spread},
};

/// The paper's grid, without its smallest steps, and one beyond it.
const RADII: [f64; 7] = [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

pub(crate) fn draw(arguments: &Arguments) -> anyhow::Result<()> {
    let mut lines = [(0.0, "right labels"), (0.4, "40 % wrong labels")].map(|(noise, name)| {
        let line = Line {
            name,
            points: Vec::new(),
            dashed: false,
        };
        (noise, line)
    });
    let mut rows = Vec::new();
    for (i, rho) in RADII.into_iter().enumerate() {
        let mut row = vec![match rho {
            0.0 => "0 (SGD)".to_owned(),
            rho => rho.to_string(),
        }];
        for (noise, line) in &mut lines {
            let setting = Setting {
                rho,
                m: BATCH,
                noise: *noise,
                epochs: arguments.epochs,
                seed: 0,
            };
            let runs = runs(&arguments.data, arguments.seeds, setting)?;
            let (mean, least, most) = spread(runs.iter().map(|run| run.last().test));
            line.points.push((i as f64, 100.0 * mean));
            row.push(format!(
                "{} ({:.1} to {:.1})",
                percent(mean),
                100.0 * least,
                100.0 * most
            ));
        }
        rows.push(row);
    }
    save(
        &arguments.to.join("radius.svg"),
        Frame {
            x: "rho",
            y: "test accuracy (%)",
            legend: LegendPosition::OutsideBottomCenter,
            names: Some(RADII.map(|rho| rho.to_string()).to_vec()),
        },
        &lines.map(|(_, line)| line),
    )?;
    table(
        &arguments.to.join("radius.md"),
        &["rho", "right labels", "40 % wrong labels"],
        &rows,
    )
}
