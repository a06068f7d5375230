//! The curve of a sweep as a picture. With the feature `plot`.

use kuva::{
    plot::{LinePlot, ScatterPlot},
    render::{layout::Layout, plots::Plot},
};

use super::Sweep;
use crate::plot::{COLOURS, Picture};

impl Sweep {
    /// The losses over what was swept, on a logarithmic axis, and the suggestion as a mark on them. A rho of 0 has no place on such an axis and
    /// is left out.
    pub fn picture(&self) -> Picture {
        let on = |losses: &[f64]| -> Vec<(f64, f64)> {
            let points = self.values.iter().copied().zip(losses.iter().copied());
            points.filter(|(value, _)| *value > 0.0).collect()
        };
        let (points, line) = (on(&self.losses), on(&self.smoothed));
        let range = |of: fn(&(f64, f64)) -> f64| {
            let all = points.iter().map(of);
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
                (low.min(x), high.max(x))
            })
        };
        let (mut x, mut y) = (range(|point| point.0), range(|point| point.1));
        if points.is_empty() {
            (x, y) = ((0.1, 1.0), (0.0, 1.0));
        }
        if x.0 == x.1 {
            x = (x.0 / 2.0, x.1 * 2.0);
        }
        if y.0 == y.1 {
            y = (y.0 - 0.5, y.1 + 0.5);
        }
        let layout = Layout::new(x, y)
            .with_log_x()
            .with_x_label(self.name)
            .with_y_label("loss")
            .with_width(640.0)
            .with_height(400.0);
        let place = |value: f64| {
            line.iter().copied().min_by(|a, b| {
                (a.0 / value)
                    .ln()
                    .abs()
                    .total_cmp(&(b.0 / value).ln().abs())
            })
        };
        let mark = self.suggestion.and_then(place);
        let dots = ScatterPlot::new()
            .with_data(points.clone())
            .with_color(COLOURS[5])
            .with_size(2.5);
        let mut plots: Vec<Plot> = vec![
            dots.into(),
            LinePlot::new()
                .with_data(line.clone())
                .with_color(COLOURS[0])
                .with_stroke_width(2.0)
                .into(),
        ];
        if let Some(mark) = mark {
            let marks = ScatterPlot::new().with_data(vec![mark]);
            plots.push(marks.with_color(COLOURS[1]).with_size(6.0).into());
        }
        Picture::of(plots, layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(values: &[f64], losses: &[f64], suggestion: Option<f64>) -> Sweep {
        Sweep {
            name: "rho",
            values: values.into(),
            losses: losses.into(),
            smoothed: losses.into(),
            diverged: vec![],
            suggestion,
            reason: String::new(),
        }
    }

    #[test]
    fn every_sweep_has_a_picture_of_finite_numbers() {
        let whole = sweep(&[0.0, 0.01, 0.05, 0.5], &[1.0, 0.9, 0.8, 2.0], Some(0.05));
        let svg = whole.picture().svg();
        assert!(svg.contains("rho") && svg.contains(COLOURS[1]), "the mark");
        for sweep in [
            whole,
            sweep(&[], &[], None),
            sweep(&[0.1], &[1.0], None),
            sweep(&[0.0], &[1.0], None),
        ] {
            let svg = sweep.picture().svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{sweep}");
        }
    }
}
