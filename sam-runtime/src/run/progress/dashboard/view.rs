//! What stands where on a screen of some size.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Borders, Widget},
};

use super::{
    super::text,
    board::{Board, Curve},
    chart::chart,
};

/// A panel is no smaller than that.
const WIDTH: u16 = 26;
const HEIGHT: u16 = 6;

impl Board {
    /// The board on a screen of that size, as text without colours.
    pub fn text(&self, columns: u16, rows: u16) -> String {
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        self.render(area, &mut buffer);
        let width = usize::from(columns).max(1);
        let rows = buffer.content.chunks(width).map(|row| {
            let row: String = row.iter().map(|cell| cell.symbol()).collect();
            row.trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    /// The panels, the most important ones first.
    fn panels(&self) -> Vec<Vec<&Curve>> {
        let mut panels: Vec<Vec<&Curve>> = Vec::new();
        for curve in &self.curves {
            let same = |panel: &&mut Vec<&Curve>| panel[0].place.title == curve.place.title;
            match panels.iter_mut().find(same) {
                Some(panel) => panel.push(curve),
                None => panels.push(vec![curve]),
            }
        }
        panels.sort_by_key(|panel| panel[0].place.rank);
        panels
    }

    fn title_line(&self) -> (Line<'_>, String) {
        let left = self.run_left().map(|left| format!(", {left} left"));
        let time = format!("{}{}", self.elapsed(), left.unwrap_or_default());
        (Line::from(self.title.as_str().bold()), time)
    }

    /// `epoch 3/30 ━━━━━━━━━━━━──────── 210/390  12.5 steps/s  17 s left`
    fn epoch_line(&self, width: u16) -> Line<'_> {
        if self.epochs == 0 {
            return Line::from("waiting for the first epoch");
        }
        let start = format!("epoch {}/{} ", self.epoch + 1, self.epochs);
        let left = self.epoch_left().map(|left| format!("  {left} left"));
        let (done, batches, rate) = (self.done, self.batches, self.rate());
        let end = format!(" {done}/{batches}  {rate}{}", left.unwrap_or_default());
        let taken = start.chars().count() + end.chars().count();
        let bar = usize::from(width).saturating_sub(taken).min(60);
        let full = (self.share() * bar as f64).floor() as usize;
        Line::from(vec![
            Span::raw(start),
            Span::styled("━".repeat(full), Style::new().fg(Color::Cyan)),
            Span::raw("─".repeat(bar - full)),
            Span::raw(end),
        ])
    }

    fn head(&self, area: Rect, buffer: &mut Buffer) {
        let (title, time) = self.title_line();
        let width = time.chars().count() as u16;
        let row = |y: u16| {
            Rect {
                y,
                height: 1,
                ..area
            }
            .intersection(area)
        };
        let first = row(area.y);
        if width + 12 < area.width {
            let gap = width + 2;
            title.render(
                Rect {
                    width: first.width - gap,
                    ..first
                },
                buffer,
            );
            Line::from(time).right_aligned().render(first, buffer);
        } else {
            title.render(first, buffer);
        }
        self.epoch_line(area.width).render(row(area.y + 1), buffer);
        let values = self.values.iter().map(|(name, value)| (&**name, *value));
        Line::from(text::values(values)).render(row(area.y + 2), buffer);
    }

    fn lines(&self, area: Rect, buffer: &mut Buffer) {
        let block = Block::new()
            .borders(Borders::TOP)
            .title("last lines ".bold());
        let inner = block.inner(area);
        block.render(area, buffer);
        for (y, line) in self.last_lines(usize::from(inner.height)).enumerate() {
            let row = Rect {
                y: inner.y + y as u16,
                height: 1,
                ..inner
            };
            Line::from(line).render(row, buffer);
        }
    }

    fn curves(&self, area: Rect, buffer: &mut Buffer) {
        let panels = self.panels();
        if panels.is_empty() {
            if area.height > 0 {
                Line::from("no values were recorded yet")
                    .render(Rect { height: 1, ..area }, buffer);
            }
            return;
        }
        let mut area = area;
        let (columns, mut rows) = grid(panels.len(), area);
        let mut room = usize::from(columns * rows);
        if room < panels.len() && area.height > 0 {
            area.height -= 1;
            rows = rows.min(area.height / HEIGHT);
            room = usize::from(columns * rows);
            let others = Rect {
                y: area.bottom(),
                height: 1,
                ..area
            };
            not_shown(&panels[room..]).render(others, buffer);
        }
        for (i, panel) in panels.iter().take(room).enumerate() {
            let (column, row) = (i as u16 % columns, i as u16 / columns);
            let part = |whole: u16, parts: u16, i: u16| {
                (u32::from(whole) * u32::from(i) / u32::from(parts)) as u16
            };
            let (x, y) = (
                part(area.width, columns, column),
                part(area.height, rows, row),
            );
            let right = part(area.width, columns, column + 1);
            let bottom = part(area.height, rows, row + 1);
            // One column between two panels.
            let gap = u16::from(column + 1 < columns);
            let place = Rect {
                x: area.x + x,
                y: area.y + y,
                width: (right - x).saturating_sub(gap),
                height: bottom - y,
            };
            chart(panel, place, buffer);
        }
    }
}

/// As few columns as hold all panels; if none do, as many panels as there is room for.
fn grid(panels: usize, area: Rect) -> (u16, u16) {
    let (columns, rows) = ((area.width / WIDTH).max(1), area.height / HEIGHT);
    let needed = |columns: u16| panels.div_ceil(usize::from(columns));
    let fits = (1..=columns).find(|columns| needed(*columns) <= usize::from(rows));
    match fits {
        Some(columns) => (columns, needed(columns) as u16),
        None => (columns, rows),
    }
}

/// The last values of the panels that there is no room for.
fn not_shown(panels: &[Vec<&Curve>]) -> Line<'static> {
    let values = panels.iter().map(|panel| {
        let of = |curve: &&Curve| text::number(curve.history.last);
        let values: Vec<String> = panel.iter().map(of).collect();
        format!("{} {}", panel[0].place.title, values.join(", "))
    });
    Line::from(values.collect::<Vec<_>>().join("  "))
}

impl Widget for &Board {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let head = area.height.min(3);
        self.head(
            Rect {
                height: head,
                ..area
            },
            buffer,
        );
        let rest = area.height - head;
        let lines = match rest {
            0..=8 => 0,
            rest => (rest / 5).clamp(3, 10),
        };
        let middle = Rect {
            y: area.y + head,
            height: rest - lines,
            ..area
        };
        self.curves(middle, buffer);
        if lines > 0 {
            self.lines(
                Rect {
                    y: middle.bottom(),
                    height: lines,
                    ..area
                },
                buffer,
            );
        }
    }
}
