//! One panel: which values it shows, and how.

use std::sync::Arc;

use kuva::{
    plot::{BandPlot, LegendPosition, LinePlot, ScatterPlot, line::LineStyle},
    render::{
        layout::{Layout, TickFormat},
        plots::Plot,
    },
};

use super::{
    Group,
    kinds::{Kind, kinds},
    series::{Point, Series},
    spread::Spread,
};
use crate::plot::Theme;

/// More lines than this have no names beside them: there is no room.
const NAMED: usize = 16;

/// Letters at most of a line's name, and of a title.
const NAME: usize = 28;
const TITLE: usize = 44;

/// A panel and its lines.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    title: String,
    label: String,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    name: String,
    /// The number of its colour.
    colour: usize,
    style: usize,
    series: Series,
}

/// The panels that have anything to show.
pub(super) fn panels(groups: &[Group<'_>], spread: Spread) -> Vec<Panel> {
    let records = || {
        groups
            .iter()
            .flat_map(|group| group.runs.iter().copied().flatten())
    };
    let mut splits: Vec<&str> = Vec::new();
    for record in records() {
        if !splits.contains(&&*record.split) {
            splits.push(&record.split);
        }
    }
    let kinds = kinds(records());
    let panels = kinds
        .iter()
        .filter_map(|kind| panel(groups, &splits, kind, spread));
    panels.collect()
}

fn panel(groups: &[Group<'_>], splits: &[&str], kind: &Kind, spread: Spread) -> Option<Panel> {
    let mut lines = Vec::new();
    for (of_group, group) in groups.iter().enumerate() {
        let mut style = 0;
        for (of_split, split) in splits.iter().enumerate() {
            for (of_value, (name, suffix)) in kind.values.iter().enumerate() {
                let series = Series::of(&group.runs, (split, name), kind.scale, spread);
                let Some(series) = series else { continue };
                // Groups by colour where there are several; else splits; else, with many values, each line by its own.
                let (colour, style) = if groups.len() > 1 {
                    style += 1;
                    (of_group, style - 1)
                } else if kind.values.len() <= 2 {
                    (of_split, of_value)
                } else {
                    (lines.len(), lines.len() / Theme::Light.colours().len())
                };
                let line = format!("{split}{suffix}");
                let name = match &group.name[..] {
                    "" => line,
                    group => format!("{group}, {line}"),
                };
                lines.push(Line {
                    name: short(&name, NAME),
                    colour,
                    style,
                    series,
                });
            }
        }
    }
    let title = short(&kind.title, TITLE);
    let title = match lines.iter().map(|line| line.series.missing).sum() {
        0 => title,
        1_usize => format!("{title} (1 value not drawn)"),
        n => format!("{title} ({n} values not drawn)"),
    };
    (!lines.is_empty()).then_some(Panel {
        title,
        label: short(&kind.label, NAME),
        lines,
    })
}

impl Panel {
    /// The panel in kuva's terms.
    pub(super) fn draw(&self, theme: Theme) -> (Vec<Plot>, Layout) {
        let points = || {
            let lines = self.lines.iter();
            lines.flat_map(|line| line.series.segments.iter().flatten())
        };
        let x = apart(range(points().map(|point| point.x)));
        let values = range(points().map(|point| point.y));
        let axis = Axis::of(values);
        let floor = axis.floor(values);
        let bands = || points().flat_map(|point| [point.low.max(floor), point.high, point.y]);
        let (low, high) = range(bands());
        let y = apart((axis.map(low), axis.map(high)));
        let legend = (2..=NAMED).contains(&self.lines.len());
        let mut plots: Vec<Plot> = Vec::new();
        // Bands are behind all lines.
        for line in &self.lines {
            for segment in &line.series.segments {
                plots.extend(draw_band(segment, line.colour(theme), axis, floor));
            }
        }
        for line in &self.lines {
            // One entry in the legend, however many segments.
            let mut name = legend.then_some(&line.name);
            for segment in &line.series.segments {
                let segment = segment.iter().map(|point| (point.x, axis.map(point.y)));
                plots.push(draw_segment(line, theme, segment.collect(), name.take()));
            }
        }
        if plots.is_empty() {
            // Axes with nothing between them, rather than no axes.
            plots.push(LinePlot::new().with_data([(0.0, 0.0); 0]).into());
        }
        let label = match axis {
            Axis::Exponent => format!("log10 of {}", self.label),
            _ => self.label.clone(),
        };
        let mut layout = Layout::new(x, y)
            .with_theme(theme.of_kuva())
            .with_title(&self.title)
            .with_title_size(15)
            .with_x_label("epoch")
            .with_y_label(label)
            .with_label_size(13);
        match axis {
            Axis::Log => layout = layout.with_log_y(),
            Axis::Linear => layout = layout.with_y_tick_format(ticks(y)),
            Axis::Exponent => {}
        }
        if legend {
            let letters = self.lines.iter().map(|line| line.name.chars().count());
            let width = 55.0 + 7.0 * letters.max().unwrap_or(0) as f64;
            layout = layout
                .with_legend_position(LegendPosition::OutsideRightTop)
                .with_legend_width(width)
                .with_legend_box(false);
            layout.show_legend = true;
        }
        (plots, layout)
    }
}

impl Line {
    fn colour(&self, theme: Theme) -> &'static str {
        let colours = theme.colours();
        colours[self.colour % colours.len()]
    }
}

/// Labels of ticks with as many digits as tell them apart, and no more.
fn ticks((low, high): (f64, f64)) -> TickFormat {
    let size = low.abs().max(high.abs());
    let digits = ((size / (high - low)).log10().max(0.0) + 3.0) as usize;
    let plain = (1e-3..1e6).contains(&size);
    TickFormat::Custom(Arc::new(move |tick| {
        // What is left of a sum that should be 0 is none.
        let tick = if tick.abs() < 1e-9 * (high - low) {
            0.0
        } else {
            tick
        };
        let rounded: f64 = format!("{tick:.digits$e}").parse().unwrap_or(tick);
        if plain || rounded == 0.0 {
            format!("{rounded}")
        } else {
            format!("{rounded:e}")
        }
    }))
}

/// How values stand on the vertical axis.
#[derive(Clone, Copy)]
enum Axis {
    Linear,
    /// Logarithmic, a tick for each decade.
    Log,
    /// The logarithms, where there are too many decades for that.
    Exponent,
}

impl Axis {
    /// The axis for values of this range.
    fn of((low, high): (f64, f64)) -> Self {
        match high / low {
            _ if low <= 0.0 => Self::Linear,
            ratio if ratio > 1e12 => Self::Exponent,
            ratio if ratio > 100.0 => Self::Log,
            _ => Self::Linear,
        }
    }

    /// What a band goes down to at most, for values of this range: a logarithmic axis has no 0.
    fn floor(self, (low, _): (f64, f64)) -> f64 {
        match self {
            Self::Linear => f64::NEG_INFINITY,
            Self::Log | Self::Exponent => low / 2.0,
        }
    }

    fn map(self, value: f64) -> f64 {
        match self {
            Self::Exponent => value.log10(),
            Self::Linear | Self::Log => value,
        }
    }
}

/// What is between the ends of the band, if there is anything.
fn draw_band(segment: &[Point], colour: &str, axis: Axis, floor: f64) -> Option<Plot> {
    if segment.iter().all(|point| point.low == point.high) {
        return None;
    }
    let x = segment.iter().map(|point| point.x);
    let low = segment.iter().map(|point| axis.map(point.low.max(floor)));
    let high = segment.iter().map(|point| axis.map(point.high.max(floor)));
    let band = BandPlot::new(x, low, high).with_color(colour);
    Some(band.with_opacity(0.22).into())
}

fn draw_segment(
    line: &Line,
    theme: Theme,
    segment: Vec<(f64, f64)>,
    name: Option<&String>,
) -> Plot {
    let colour = line.colour(theme);
    if let [point] = segment[..] {
        let plot = ScatterPlot::new().with_data([point]).with_color(colour);
        return match name {
            Some(name) => plot.with_legend(name),
            None => plot,
        }
        .into();
    }
    let plot = LinePlot::new()
        .with_data(segment)
        .with_color(colour)
        .with_stroke_width(1.5)
        .with_line_style(match line.style {
            0 => LineStyle::Solid,
            1 => LineStyle::Dashed,
            2 => LineStyle::Dotted,
            _ => LineStyle::DashDot,
        });
    match name {
        Some(name) => plot.with_legend(name),
        None => plot,
    }
    .into()
}

/// A name that leaves room for the lines.
fn short(name: &str, most: usize) -> String {
    match name.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    }
}

/// The least and the greatest; 0 and 1 of none.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let range = values
        .map(|x| (x, x))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    range.unwrap_or((0.0, 1.0))
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
