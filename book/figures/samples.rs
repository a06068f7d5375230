//! Test accuracy and time against m, the number of samples that share a perturbation.

use kuva::plot::LegendPosition;

use crate::{
    Arguments,
    chart::{Frame, Line, percent, save, table},
    experiment::{BATCH, Setting, runs, spread},
};

const SAMPLES: [usize; 3] = [BATCH, 32, 8];
const RADII: [f64; 3] = [0.1, 0.2, 0.5];

pub(crate) fn draw(arguments: &Arguments) -> anyhow::Result<()> {
    let names = SAMPLES.map(|m| format!("m = {m}"));
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for (m, name) in SAMPLES.into_iter().zip(&names) {
        let mut row = vec![m.to_string()];
        let mut points = Vec::new();
        let mut seconds = Vec::new();
        for (i, rho) in RADII.into_iter().enumerate() {
            let setting = Setting {
                rho,
                m,
                noise: 0.4,
                epochs: arguments.epochs,
                seed: 0,
            };
            let runs = runs(&arguments.data, arguments.seeds, setting)?;
            let mean = spread(runs.iter().map(|run| run.last().test)).0;
            points.push((i as f64, 100.0 * mean));
            row.push(percent(mean));
            seconds.extend(runs.iter().map(|run| run.seconds));
        }
        row.push(format!("{:.1} s", spread(seconds.into_iter()).0));
        rows.push(row);
        lines.push(Line {
            name,
            points,
            dashed: false,
        });
    }
    save(
        &arguments.to.join("samples.svg"),
        Frame {
            x: "rho",
            y: "test accuracy (%)",
            legend: LegendPosition::OutsideBottomCenter,
            names: Some(RADII.map(|rho| rho.to_string()).to_vec()),
        },
        &lines,
    )?;
    let radii = RADII.map(|rho| format!("rho = {rho}"));
    let mut head = vec!["m"];
    head.extend(radii.iter().map(String::as_str));
    head.push("training time");
    table(&arguments.to.join("samples.md"), &head, &rows)
}
