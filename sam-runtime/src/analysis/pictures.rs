//! What the measures found, as pictures.

use kuva::{
    plot::{ContourPlot, LinePlot, ScatterPlot},
    render::{layout::Layout, plots::Plot},
};

#[cfg(feature = "spectrum")]
use super::SpectralDensity;
use super::{LossLine, LossPlane};
use crate::plot::{COLOURS, Picture};

/// Contour lines of a [`LossPlane`].
const LEVELS: usize = 14;

impl LossLine {
    /// The loss along the line, with both ends marked. Points at which it is not finite are left out.
    pub fn picture(&self) -> Picture {
        let points: Vec<(f64, f64)> =
            finite(self.at.iter().copied().zip(self.losses.iter().copied()));
        let ends = points
            .iter()
            .copied()
            .filter(|(t, _)| *t == 0.0 || *t == 1.0)
            .collect();
        let y = apart(range(points.iter().map(|point| point.1)));
        let layout = Layout::new(apart(range(points.iter().map(|point| point.0))), y)
            .with_x_label("0: the model, 1: the other one")
            .with_y_label("loss");
        let line = LinePlot::new()
            .with_data(points)
            .with_color(COLOURS[0])
            .with_stroke_width(2.0);
        Picture::of(vec![line.into(), marks(ends)], layout)
    }
}

impl LossPlane {
    /// A map of the loss, the model marked in its middle. Where the loss is above 0 everywhere and spans more than a decade,
    /// the contours are those of its logarithm. Where it is not finite, it is as high as at its highest elsewhere.
    pub fn picture(&self) -> Picture {
        let losses = || self.losses.iter().flatten().copied();
        let (low, high) = range(losses().filter(|loss| loss.is_finite()));
        let is_log = low > 0.0 && high / low > 10.0;
        let height = |loss: f64| {
            let loss = if loss.is_finite() { loss } else { high };
            if is_log { loss.log10() } else { loss }
        };
        let rows = self.losses.iter();
        let rows = rows.map(|row| row.iter().copied().map(height).collect());
        let label = if is_log { "log10 of the loss" } else { "loss" };
        let map = ContourPlot::new()
            .with_grid(rows.collect(), self.at.clone(), self.at.clone())
            .with_n_levels(LEVELS)
            .with_filled()
            .with_legend(label);
        let side = apart(range(self.at.iter().copied()));
        let mut layout = Layout::new(side, side)
            .with_width(560.0)
            .with_height(440.0)
            .with_x_label("first direction")
            .with_y_label("second direction");
        layout.show_colorbar = true;
        Picture::of(vec![Plot::Contour(map), marks(vec![(0.0, 0.0)])], layout)
    }
}

#[cfg(feature = "spectrum")]
impl SpectralDensity {
    /// The density on a logarithmic axis, smoothed by a hundredth of the range of the eigenvalues, or by `sigma`.
    pub fn picture(&self, sigma: Option<f64>) -> Picture {
        /// What is less likely is not drawn.
        const FLOOR: f64 = 1e-7;
        const POINTS: usize = 1000;
        let (low, high) = apart(self.range().unwrap_or((0.0, 1.0)));
        let sigma = sigma.unwrap_or((high - low) / 100.0);
        let (low, high) = (low - 4.0 * sigma, high + 4.0 * sigma);
        let at = |i: usize| low + (high - low) * i as f64 / (POINTS - 1) as f64;
        let points = (0..POINTS).map(|i| (at(i), self.at(at(i), sigma).max(FLOOR)));
        let points: Vec<(f64, f64)> = points.collect();
        let (_, top) = range(points.iter().map(|point| point.1));
        let layout = Layout::new((low, high), (FLOOR, top.max(10.0 * FLOOR)))
            .with_x_label("eigenvalue of the Hessian")
            .with_y_label("density")
            .with_log_y();
        let line = LinePlot::new()
            .with_data(points)
            .with_color(COLOURS[0])
            .with_stroke_width(1.5);
        Picture::of(vec![line.into()], layout)
    }
}

fn marks(points: Vec<(f64, f64)>) -> Plot {
    ScatterPlot::new()
        .with_data(points)
        .with_color(COLOURS[1])
        .with_size(5.0)
        .into()
}

fn finite(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    points
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect()
}

/// The smallest and the largest.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    })
}

/// The same with something between them.
fn apart((low, high): (f64, f64)) -> (f64, f64) {
    match (low.is_finite() && high.is_finite(), low < high) {
        (true, true) => (low, high),
        (true, false) => (low - 0.5, high + 0.5),
        (false, _) => (0.0, 1.0),
    }
}
