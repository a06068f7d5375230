//! A confusion matrix as a picture.

use kuva::render::{
    color::Color,
    render::{Primitive, Scene, TextAnchor},
};

use super::{Average, ConfusionMatrix, text::short};
use crate::plot::{Picture, Theme};

/// The matrix is about as wide as this, and cells are no larger than that.
const WIDTH: f64 = 640.0;
const CELL: f64 = 64.0;
/// Cells from this size on hold their counts.
const COUNTED: f64 = 21.0;
/// Lines of text stand at least so far apart.
const LINE: f64 = 11.0;
/// Letters of a name at most.
const NAME: usize = 18;

impl ConfusionMatrix {
    /// Targets down, predictions across. A cell's colour is the share of its target's samples; where there is room, its count stands in it. Of many classes, some
    /// are named. With the feature `plot`.
    pub fn picture(&self) -> Picture {
        self.picture_in(Theme::Light)
    }

    /// [`picture`](Self::picture) in a theme.
    pub fn picture_in(&self, theme: Theme) -> Picture {
        Picture::of_scene(Drawing::of(self, theme).draw())
    }
}

/// Where what is, in units of the SVG.
struct Drawing<'a> {
    matrix: &'a ConfusionMatrix,
    theme: Theme,
    names: Vec<String>,
    cell: f64,
    /// The size of names.
    size: f64,
    /// The upper left corner of the matrix.
    left: f64,
    top: f64,
    /// Names across stand upright where they are wider than cells.
    is_upright: bool,
}

impl<'a> Drawing<'a> {
    fn of(matrix: &'a ConfusionMatrix, theme: Theme) -> Self {
        let names: Vec<String> = matrix
            .names()
            .iter()
            .map(|name| short(name, NAME))
            .collect();
        let cell = (WIDTH / names.len().max(1) as f64).clamp(1.0, CELL);
        let size = (0.8 * cell).clamp(9.0, 13.0);
        let widest = names.iter().map(|name| width(name, size));
        let widest = widest.fold(0.0, f64::max);
        Self {
            matrix,
            theme,
            cell,
            size,
            left: 42.0 + widest,
            top: 46.0,
            is_upright: widest > 0.9 * cell,
            names,
        }
    }

    fn draw(&self) -> Scene {
        let side = self.cell * self.names.len() as f64;
        let widest = self.left - 42.0;
        let below = if self.is_upright { widest } else { self.size };
        // Room for the line at the top, and for the bar at the right.
        let size = (
            (self.left + side + 96.0).max(460.0),
            (self.top + side + below + 46.0).max(220.0),
        );
        let mut scene = Scene::new(size.0, size.1).with_background(Some(self.theme.background()));
        scene.text_color = Some(self.theme.text().into());
        scene.font_family = Some("DejaVu Sans, Arial, sans-serif".into());
        self.heading(&mut scene);
        self.cells(&mut scene);
        self.frame(&mut scene, side);
        self.names(&mut scene, side, below);
        self.bar(&mut scene, side);
        scene
    }

    fn heading(&self, scene: &mut Scene) {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let line = match self.matrix.samples() {
            0 => "no samples".into(),
            samples => format!(
                "accuracy {}, macro F1 {}; {samples} samples",
                percent(self.matrix.accuracy()),
                percent(self.matrix.f1(Average::Macro)),
            ),
        };
        let place = (self.left, self.top - 18.0);
        self.text(scene, line, place, 14.0, (TextAnchor::Start, None));
    }

    fn cells(&self, scene: &mut Scene) {
        let gap = if self.cell > 8.0 { 1.0 } else { 0.0 };
        let rows = self.matrix.rows().enumerate();
        for (target, row) in rows.filter(|(_, row)| row.iter().any(|count| *count > 0)) {
            let all: u64 = row.iter().sum();
            for (predicted, count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
                let (x, y) = self.corner(target, predicted);
                let share = *count as f64 / all as f64;
                scene.add(Primitive::Rect {
                    x,
                    y,
                    width: self.cell - gap,
                    height: self.cell - gap,
                    fill: self.colour(share),
                    stroke: None,
                    stroke_width: None,
                    opacity: None,
                });
                if self.cell >= COUNTED {
                    self.count(scene, *count, (x, y), share);
                }
            }
        }
    }

    fn count(&self, scene: &mut Scene, count: u64, (x, y): (f64, f64), share: f64) {
        let count = count.to_string();
        let fitting = 0.88 * self.cell / width(&count, 1.0);
        let size = fitting.min(14.0).floor();
        if size < 6.0 {
            return;
        }
        // The numbers of a light cell are dark, and those of a dark one light.
        let is_full = share.sqrt() > 0.6;
        let is_light = is_full == (self.theme == Theme::Dark);
        let colour = if is_light { "#101010" } else { "#ffffff" };
        scene.add(Primitive::Text {
            x: x + self.cell / 2.0,
            y: y + self.cell / 2.0 + 0.36 * size,
            content: count,
            size: size as u32,
            anchor: TextAnchor::Middle,
            rotate: None,
            bold: false,
            color: Some(colour.into()),
        });
    }

    fn frame(&self, scene: &mut Scene, side: f64) {
        scene.add(Primitive::Rect {
            x: self.left - 1.0,
            y: self.top - 1.0,
            width: side + 1.0,
            height: side + 1.0,
            fill: Color::None,
            stroke: Some(self.theme.line().into()),
            stroke_width: Some(1.0),
            opacity: None,
        });
    }

    fn names(&self, scene: &mut Scene, side: f64, below: f64) {
        let every = (LINE / self.cell).ceil().max(1.0) as usize;
        for (class, name) in self.names.iter().enumerate().step_by(every) {
            let (x, y) = self.corner(class, class);
            let middle = 0.5 * self.cell;
            let lower = 0.36 * self.size;
            let place = (self.left - 7.0, y + middle + lower);
            self.text(
                scene,
                name.clone(),
                place,
                self.size,
                (TextAnchor::End, None),
            );
            let end = self.top + side;
            let (place, how) = match self.is_upright {
                true => (
                    (x + middle + lower, end + 7.0),
                    (TextAnchor::End, Some(-90.0)),
                ),
                false => (
                    (x + middle, end + 5.0 + self.size),
                    (TextAnchor::Middle, None),
                ),
            };
            self.text(scene, name.clone(), place, self.size, how);
        }
        let middle = side / 2.0;
        let place = (self.left + middle, self.top + side + below + 30.0);
        self.text(
            scene,
            "predicted".into(),
            place,
            13.0,
            (TextAnchor::Middle, None),
        );
        let place = (20.0, self.top + middle);
        self.text(
            scene,
            "target".into(),
            place,
            13.0,
            (TextAnchor::Middle, Some(-90.0)),
        );
    }

    /// What the colours mean.
    fn bar(&self, scene: &mut Scene, side: f64) {
        const STEPS: usize = 50;
        let height = side.clamp(100.0, 200.0);
        let (x, step) = (self.left + side + 20.0, height / STEPS as f64);
        for i in 0..STEPS {
            scene.add(Primitive::Rect {
                x,
                y: self.top + i as f64 * step,
                width: 12.0,
                // Without a gap between it and the next.
                height: step + 0.5,
                fill: self.colour(1.0 - (i as f64 + 0.5) / STEPS as f64),
                stroke: None,
                stroke_width: None,
                opacity: None,
            });
        }
        for (share, text) in [(1.0, "100 %"), (0.5, "50 %"), (0.0, "0 %")] {
            let place = (x + 18.0, self.top + (1.0 - share) * height + 4.0);
            self.text(scene, text.into(), place, 11.0, (TextAnchor::Start, None));
        }
    }

    fn text(
        &self,
        scene: &mut Scene,
        content: String,
        (x, y): (f64, f64),
        size: f64,
        (anchor, rotate): (TextAnchor, Option<f64>),
    ) {
        scene.add(Primitive::Text {
            x,
            y,
            content,
            size: size as u32,
            anchor,
            rotate,
            bold: false,
            color: Some(self.theme.text().into()),
        });
    }

    fn corner(&self, target: usize, predicted: usize) -> (f64, f64) {
        let [x, y] = [predicted, target].map(|class| class as f64 * self.cell);
        (self.left + x, self.top + y)
    }

    /// From the background to full; its root, so that rare confusions show.
    fn colour(&self, share: f64) -> Color {
        let (from, to) = match self.theme {
            Theme::Light => ([247.0, 251.0, 255.0], [0.0, 72.0, 130.0]),
            Theme::Dark => ([38.0, 42.0, 48.0], [140.0, 214.0, 255.0]),
        };
        let share = share.clamp(0.0, 1.0).sqrt();
        let [r, g, b] = [0, 1, 2].map(|i: usize| (from[i] + share * (to[i] - from[i])) as u8);
        Color::Rgb(r, g, b)
    }
}

/// About how wide a text is.
fn width(text: &str, size: f64) -> f64 {
    0.62 * size * text.chars().count() as f64
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// Some are right, some are taken for the next class. With `SAM_TRAIN_PLOTS=FOLDER` the pictures are left there.
    fn drawn(classes: usize, theme: Theme) -> String {
        let mut matrix = ConfusionMatrix::named((0..classes).map(|i| format!("class <{i}>")));
        let targets: Vec<usize> = (0..classes * 40).map(|i| i % classes.max(1)).collect();
        let predicted = targets.iter().enumerate().map(|(i, target)| match i % 7 {
            0 => (target + 1) % classes,
            3 => i * i % classes,
            _ => *target,
        });
        let predicted: Vec<usize> = predicted.collect();
        matrix.add_classes(&predicted, &targets).unwrap();
        let picture = matrix.picture_in(theme);
        let (svg, png) = (picture.svg(), picture.png().unwrap());
        if let Some(dir) = std::env::var_os("SAM_TRAIN_PLOTS") {
            let dir = PathBuf::from(dir);
            fs::create_dir_all(&dir).unwrap();
            let name = format!("confusion of {classes}, {theme:?}.png");
            fs::write(dir.join(name), &png).unwrap();
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        svg
    }

    #[test]
    fn matrices_of_any_size_are_drawn() {
        for theme in [Theme::Light, Theme::Dark] {
            for classes in [0, 1, 2, 3, 10, 30, 100, 300] {
                let svg = drawn(classes, theme);
                assert!(svg.contains(theme.background()), "{classes}");
                assert!(svg.contains(">predicted<") && svg.contains(">target<"));
                let names = svg.matches("class &lt;").count();
                // Every name down and across while they are legible, some of them beyond.
                match classes {
                    0..=30 => assert_eq!(names, 2 * classes),
                    _ => assert!((20..=140).contains(&names), "{classes}: {names}"),
                }
            }
        }
        // Counts are in cells that have room.
        let mut matrix = ConfusionMatrix::new(2);
        matrix.add_classes(&[1; 123], &[0; 123]).unwrap();
        assert!(matrix.picture().svg().contains(">123<"));
    }
}
