//! Accuracy and sharpness over the epochs, of SGD and SAM, with 40 % wrong labels.

use kuva::plot::LegendPosition;

use crate::{
    Arguments,
    chart::{Frame, Line, percent, save, table},
    experiment::{BATCH, Epoch, MEASURED_AT, Outcome, Setting, runs, spread},
};

/// SAM's radius here: the best one in [`radius`](crate::radius).
const RHO: f64 = 0.5;

pub(crate) fn draw(arguments: &Arguments) -> anyhow::Result<()> {
    let train = |rho| {
        let setting = Setting {
            rho,
            m: BATCH,
            noise: 0.4,
            epochs: arguments.epochs,
            seed: 0,
        };
        runs(&arguments.data, arguments.seeds, setting)
    };
    let (sgd, sam) = (train(0.0)?, train(RHO)?);
    let accuracy = [
        line("SGD, test", &sgd, |e| 100.0 * e.test, false),
        line("SGD, training", &sgd, |e| 100.0 * e.train, true),
        line("SAM, test", &sam, |e| 100.0 * e.test, false),
        line("SAM, training", &sam, |e| 100.0 * e.train, true),
    ];
    let frame = |y| Frame {
        x: "epoch",
        y,
        legend: LegendPosition::OutsideBottomCenter,
        names: None,
    };
    save(
        &arguments.to.join("noise-accuracy.svg"),
        frame("accuracy (%)"),
        &accuracy,
    )?;
    let sharpness = [
        line("SGD", &sgd, |e| e.sharpness, false),
        line("SAM", &sam, |e| e.sharpness, false),
    ];
    save(
        &arguments.to.join("noise-sharpness.svg"),
        frame(&format!("sharpness at {MEASURED_AT}")),
        &sharpness,
    )?;
    let best = |e: &Outcome| e.epochs.iter().map(|e| e.test).fold(0.0, f64::max);
    let row = |name: &str, runs: &[Outcome]| {
        let last = |f: fn(Epoch) -> f64| spread(runs.iter().map(|run| f(run.last()))).0;
        vec![
            name.to_owned(),
            percent(last(|e| e.test)),
            percent(spread(runs.iter().map(best)).0),
            percent(last(|e| e.train)),
            format!("{:.3}", last(|e| e.sharpness)),
            format!("{:.1} s", spread(runs.iter().map(|run| run.seconds)).0),
        ]
    };
    table(
        &arguments.to.join("noise.md"),
        &[
            "",
            "test, last epoch",
            "test, best epoch",
            "training, wrong labels included",
            &format!("sharpness at {MEASURED_AT}"),
            "training time",
        ],
        &[row("SGD", &sgd), row(&format!("SAM, rho = {RHO}"), &sam)],
    )
}

/// The mean over the runs, epoch by epoch.
fn line<'a>(name: &'a str, runs: &[Outcome], value: fn(Epoch) -> f64, dashed: bool) -> Line<'a> {
    let epochs = runs.first().map_or(0, |run| run.epochs.len());
    let points = (0..epochs).map(|epoch| {
        let mean = spread(runs.iter().map(|run| value(run.epochs[epoch]))).0;
        (epoch as f64 + 1.0, mean)
    });
    Line {
        name,
        points: points.collect(),
        dashed,
    }
}
