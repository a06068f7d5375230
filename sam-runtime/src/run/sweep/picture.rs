//! A sweep as a picture. With the feature `plot`.

use std::sync::Arc;

use kuva::{
    plot::{LinePlot, ScatterPlot},
    render::{
        figure::Figure,
        layout::{Layout, TickFormat},
        plots::Plot,
    },
};

use super::{Row, SweepTable};
use crate::plot::{Picture, Theme};

/// Letters of a label at most.
const LETTERS: usize = 12;

impl SweepTable {
    /// A panel for each key: over its values, that of the goal for each trial as a point, and the mean of those with the same value of
    /// the key as a line. `None` where there is no goal, no key or no finite value.
    pub fn picture(&self) -> Option<Picture> {
        let (on, _) = self.goal.as_ref()?;
        let keys = self.keys();
        let panels = (0..keys.len()).filter_map(|key| panel(&self.rows, key, on));
        let (plots, layouts): (Vec<_>, Vec<_>) = panels.unzip();
        if plots.is_empty() {
            return None;
        }
        let columns = plots.len().min(2);
        let figure = Figure::new(plots.len().div_ceil(columns), columns)
            .with_cell_size(520.0, 320.0)
            .with_spacing(24.0)
            .with_padding(20.0)
            .with_plots(plots)
            .with_layouts(layouts);
        Some(Picture::of_figure(figure))
    }
}

fn panel(rows: &[Row], key: usize, on: &str) -> Option<(Vec<Plot>, Layout)> {
    let mut labels: Vec<&str> = Vec::new();
    for (_, label) in rows.iter().filter_map(|row| row.settings().get(key)) {
        if !labels.contains(&&**label) {
            labels.push(label);
        }
    }
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    let (low, high) = range(numbers.iter().flatten().copied());
    let is_log = numbers.is_some() && low > 0.0 && high / low > 20.0;
    // Names stand side by side, in the order of their names, whichever is the best.
    labels.sort_unstable();
    let place = |label: &str| match &numbers {
        Some(_) => label.parse().unwrap_or(0.0),
        None => labels.iter().position(|other| *other == label).unwrap_or(0) as f64,
    };
    let mut points: Vec<(f64, f64)> = Vec::new();
    for row in rows {
        let Some((_, label)) = row.settings().get(key) else {
            continue;
        };
        let values = row.values(on).filter(|value| value.is_finite());
        points.extend(values.map(|value| (place(label), value)));
    }
    if points.is_empty() {
        return None;
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let means: Vec<(f64, f64)> = points
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| {
            let sum: f64 = same.iter().map(|point| point.1).sum();
            (same[0].0, sum / same.len() as f64)
        })
        .collect();
    let colours = Theme::Light.colours();
    let line = LinePlot::new().with_data(means).with_color(colours[0]);
    let dots = ScatterPlot::new()
        .with_data(points.clone())
        .with_color(colours[1]);
    let x = apart(range(points.iter().map(|point| point.0)));
    let y = apart(range(points.iter().map(|point| point.1)));
    let name = &rows.first()?.settings().get(key)?.0;
    let mut layout = Layout::new(x, y)
        .with_theme(Theme::Light.of_kuva())
        .with_x_label(name)
        .with_y_label(on)
        .with_label_size(13);
    if is_log {
        layout = layout.with_log_x();
    }
    if numbers.is_none() {
        let labels: Vec<String> = labels.iter().map(|label| short(label)).collect();
        layout = layout.with_x_tick_format(TickFormat::Custom(Arc::new(move |tick| {
            let is_place = tick >= 0.0 && (tick - tick.round()).abs() < 1e-9;
            let label = labels.get(tick.round() as usize).filter(|_| is_place);
            label.cloned().unwrap_or_default()
        })));
    }
    Some((vec![line.into(), dots.into()], layout))
}

/// The least and the greatest; 0 and 1 of none.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = values.map(|x| (x, x));
    let ends = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    ends.unwrap_or((0.0, 1.0))
}

/// A range that is more than a point.
fn apart((low, high): (f64, f64)) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if high - low > 1e-9 * size {
        return (low, high);
    }
    let margin = if size == 0.0 { 1.0 } else { 0.1 * size };
    (low - margin, high + margin)
}

fn short(label: &str) -> String {
    match label.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}
