//! The curves of a run, as SVG and PNG. With the feature `plot`.

mod kinds;
mod panel;
mod series;
mod spread;
#[cfg(test)]
mod tests;

use std::path::Path;

use kuva::render::figure::Figure;

use super::metrics::Record;
use crate::plot::Picture;
pub use crate::plot::{PlotError, Theme};
use panel::Panel;
pub use spread::Spread;

/// A figure with a panel for each of loss, accuracy, learning rate, rho, sharpness, gradient norm, `lambda_max` and
/// m-sharpness that the records have, over the epochs, with a line for each split. Then come panels for all other names, those of your own metrics: one
/// for each, or one for all names that have the same word in front of a `/`, such as `f1/cat` and `f1/dog`.
///
/// [`over`](Self::over) draws the mean of several runs, as with several seeds, and how far they lie apart.
///
/// A panel has a logarithmic axis where its values are positive and span more than two decades. Lines
/// have gaps where values are not finite or beyond 1e100, and the panel says how many. Of long runs, what
/// is drawn keeps every peak.
///
/// ```
/// use sam_runtime::run::{metrics::Record, plot::Curves};
///
/// let records: Vec<Record> = (1..=30)
///     .map(|epoch| Record::new(390 * epoch, epoch as f64, "train").with("loss", 2.3 / epoch as f64))
///     .collect();
/// let svg = Curves::new(&records).title("ResNet-20 with SAM").svg()?;
/// assert!(svg.contains("ResNet-20 with SAM"));
/// # Ok::<(), sam_runtime::run::plot::PlotError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Curves {
    title: Option<String>,
    theme: Theme,
    panels: Vec<Panel>,
}

/// Runs that are drawn as one.
struct Group<'a> {
    name: String,
    runs: Vec<&'a [Record]>,
}

impl Curves {
    /// The curves in `records`, as from [`read_jsonl`](super::metrics::read_jsonl).
    pub fn new(records: &[Record]) -> Self {
        let name = String::new();
        let runs = vec![records];
        Self::of(&[Group { name, runs }], Spread::default())
    }

    /// The mean of runs that differ in their seed, and a band that shows how far they lie apart: for each of several groups of runs, with a
    /// name that may be empty where there is one group. Runs may have their values at different epochs: at each of them, a run's value is
    /// on the straight line between those that it has. Where some runs have ended, it is the mean of those that go on.
    ///
    /// ```
    /// use sam_runtime::run::{metrics::Record, plot::{Curves, Spread}};
    ///
    /// // As `read_jsonl` gives them.
    /// let run = |seed: u64, loss: f64| -> Vec<Record> {
    ///     (1..=10)
    ///         .map(|epoch| {
    ///             let loss = loss / epoch as f64 + 0.01 * (seed * epoch % 3) as f64;
    ///             Record::new(100 * epoch, epoch as f64, "test").with("loss", loss)
    ///         })
    ///         .collect()
    /// };
    /// let sgd: Vec<Vec<Record>> = (1..=3).map(|seed| run(seed, 2.0)).collect();
    /// let sam: Vec<Vec<Record>> = (1..=3).map(|seed| run(seed, 1.5)).collect();
    /// let curves = Curves::over([("SGD", &sgd), ("SAM", &sam)], Spread::StandardDeviation);
    /// assert!(curves.svg()?.contains("SAM, test"));
    /// # Ok::<(), sam_runtime::run::plot::PlotError>(())
    /// ```
    pub fn over<N: Into<String>, R: AsRef<[Vec<Record>]>>(
        groups: impl IntoIterator<Item = (N, R)>,
        spread: Spread,
    ) -> Self {
        let groups: Vec<(String, R)> = groups.into_iter().map(|(n, r)| (n.into(), r)).collect();
        let groups: Vec<Group<'_>> = groups
            .iter()
            .map(|(name, runs)| Group {
                name: name.clone(),
                runs: runs.as_ref().iter().map(Vec::as_slice).collect(),
            })
            .collect();
        Self::of(&groups, spread)
    }

    fn of(groups: &[Group<'_>], spread: Spread) -> Self {
        Self {
            title: None,
            theme: Theme::default(),
            panels: panel::panels(groups, spread),
        }
    }

    /// The same under this title.
    pub fn title(self, title: impl Into<String>) -> Self {
        let title = Some(title.into());
        Self { title, ..self }
    }

    /// The same on this ground.
    pub fn theme(self, theme: Theme) -> Self {
        Self { theme, ..self }
    }

    /// The figure as SVG.
    ///
    /// # Errors
    /// [`PlotError::Empty`].
    pub fn svg(&self) -> Result<String, PlotError> {
        Ok(self.picture()?.svg())
    }

    /// The figure as a PNG image, two pixels for each unit of the SVG. Its font comes with the crate.
    ///
    /// # Errors
    /// [`PlotError::Empty`], [`PlotError::Image`].
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        self.picture()?.png()
    }

    /// Writes the figure, as its name says: `.svg` or `.png`.
    ///
    /// # Errors
    /// See [`PlotError`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        self.picture()?.save(path)
    }

    fn picture(&self) -> Result<Picture, PlotError> {
        if self.panels.is_empty() {
            return Err(PlotError::Empty);
        }
        let columns = self.panels.len().min(2);
        let (plots, layouts) = self
            .panels
            .iter()
            .map(|panel| panel.draw(self.theme))
            .unzip();
        let mut figure = Figure::new(self.panels.len().div_ceil(columns), columns)
            .with_cell_size(520.0, 320.0)
            .with_spacing(24.0)
            .with_padding(20.0)
            .with_plots(plots)
            .with_layouts(layouts);
        if let Some(title) = &self.title {
            figure = figure.with_title(title);
        }
        Ok(Picture::of_figure(figure))
    }
}
