//! One panel: its curves, their last values, its axes.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style, Stylize},
    symbols::Marker,
    text::{Line, Span},
    widgets::{Axis, Block, Borders, Chart, Dataset, GraphType, Widget},
};

use super::{super::text, board::Curve};

/// The terminal's own, as its user has set them for his background. White, black and the greys are left out: one of them
/// is the background.
const COLOURS: [Color; 6] = [
    Color::Cyan,
    Color::Magenta,
    Color::Green,
    Color::Red,
    Color::Blue,
    Color::Yellow,
];

/// The curve of what is recorded step by step.
const TRAIN: &str = "train";

/// Curves with no more points have a mark at each.
const FEW: usize = 40;

/// That of curve `i`: of training the first one in all panels, and so of test data mostly the second.
fn colour(curves: &[&Curve], i: usize) -> Style {
    let others = curves[..i].iter().filter(|c| c.place.label != TRAIN);
    let at = match curves[i].place.label == TRAIN {
        true => 0,
        false => 1 + others.count() % (COLOURS.len() - 1),
    };
    Style::new().fg(COLOURS[at])
}

/// The vertical axis.
struct Scale {
    is_log: bool,
    factor: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(curves: &[&Curve]) -> Option<Self> {
        let ranges = curves.iter().filter_map(|curve| curve.history.range());
        let (low, high) = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(Self {
            // As the curves of a picture have it.
            is_log: low > 0.0 && high / low > 100.0,
            factor: if curves[0].place.is_share { 100.0 } else { 1.0 },
            low,
            high,
        })
    }

    fn at(&self, y: f64) -> f64 {
        if self.is_log { y.log10() } else { y }
    }

    fn bounds(&self) -> [f64; 2] {
        let (low, high) = (self.at(self.low), self.at(self.high));
        if low < high {
            return [low, high];
        }
        let around = if low == 0.0 { 1.0 } else { low.abs() / 10.0 };
        [low - around, high + around]
    }

    fn labels(&self) -> Vec<String> {
        let ends = self.bounds().map(|end| {
            let value = if self.is_log { 10f64.powf(end) } else { end };
            short(value * self.factor)
        });
        ends.into()
    }
}

/// A number of few letters.
fn short(x: f64) -> String {
    let size = x.abs();
    let text = match size {
        _ if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{x:.1e}"),
        _ if size >= 100.0 => format!("{x:.0}"),
        _ if size >= 1.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    };
    // Of equal width, so that neighbours begin in line.
    format!("{text:>7}")
}

/// `loss ━ train 1.23 ━ test 1.41`, or, where that is too wide, without the names of the curves.
fn title<'a>(curves: &[&'a Curve], width: u16) -> Line<'a> {
    let named = title_with(curves, true);
    match named.width() <= usize::from(width) {
        true => named,
        false => title_with(curves, false),
    }
}

fn title_with<'a>(curves: &[&'a Curve], with_names: bool) -> Line<'a> {
    let mut spans: Vec<Span<'a>> = vec![curves[0].place.title.as_str().bold()];
    for (i, curve) in curves.iter().enumerate() {
        let value = match curve.place.is_share {
            true if curve.history.last.is_finite() => {
                format!("{:.1} %", curve.history.last * 100.0)
            }
            _ => text::number(curve.history.last),
        };
        let colour = colour(curves, i);
        spans.push(Span::raw(" "));
        // A curve alone needs no name but where it isn't of training.
        let is_plain = curve.place.label == TRAIN && curves.len() == 1;
        let name = match with_names && !is_plain {
            true => format!(" {}", curve.place.label),
            false => String::new(),
        };
        spans.push(Span::styled(format!("━{name}"), colour));
        spans.push(Span::raw(" "));
        spans.push(match curve.history.last.is_finite() {
            true => Span::raw(value),
            false => value.bold().reversed(),
        });
    }
    let lost: u64 = curves.iter().map(|curve| curve.history.lost).sum();
    if lost > 0 {
        spans.push(Span::raw(format!(" ({lost} not finite)")));
    }
    spans.push(Span::raw(" "));
    Line::from(spans)
}

/// Draws the panel of these curves, of which there is at least one.
pub(super) fn chart(curves: &[&Curve], area: Rect, buffer: &mut Buffer) {
    let block = Block::new()
        .borders(Borders::TOP)
        .title(title(curves, area.width));
    let inner = block.inner(area);
    block.render(area, buffer);
    let Some(scale) = Scale::of(curves) else {
        if !inner.is_empty() {
            Line::from("no finite value yet").render(Rect { height: 1, ..inner }, buffer);
        }
        return;
    };
    let spans = curves.iter().filter_map(|curve| curve.history.span());
    let (from, to) = spans
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        .unwrap_or_default();
    let x_bounds = if from < to {
        [from, to]
    } else {
        [from - 0.5, to + 0.5]
    };
    // Each line with the place of its curve.
    let mut lines: Vec<(usize, Vec<(f64, f64)>)> = Vec::new();
    for (i, curve) in curves.iter().enumerate() {
        for mut line in curve.history.lines() {
            for point in &mut line {
                point.1 = scale.at(point.1);
            }
            lines.push((i, line));
        }
    }
    let dataset = |i: usize, line| Dataset::default().style(colour(curves, i)).data(line);
    let mut datasets: Vec<Dataset<'_>> = Vec::new();
    for (i, line) in &lines {
        let drawn = dataset(*i, line).marker(Marker::Braille);
        datasets.push(drawn.graph_type(GraphType::Line));
    }
    for (i, line) in &lines {
        // Those of evaluations, of which there are few.
        let is_of_steps = curves[*i].place.label == TRAIN;
        let is_few = line.len() == 1 || (line.len() <= FEW && !is_of_steps);
        if is_few {
            let marks = dataset(*i, line).marker(Marker::Dot);
            datasets.push(marks.graph_type(GraphType::Scatter));
        }
    }
    let mut x_axis = Axis::default().bounds(x_bounds);
    if inner.height >= 6 {
        let ends = x_bounds.map(|end| format!("{end:.1}"));
        let unit = if inner.width >= 40 { " epochs" } else { "" };
        x_axis = x_axis.labels([ends[0].clone(), format!("{}{unit}", ends[1])]);
    }
    let y_axis = Axis::default()
        .bounds(scale.bounds())
        .labels(scale.labels());
    Chart::new(datasets)
        .x_axis(x_axis)
        .y_axis(y_axis)
        .legend_position(None)
        .render(inner, buffer);
}
