//! What a model file says beside the weights.

use std::path::Path;

#[cfg(feature = "table")]
use crate::data::table::TableEncoder;
#[cfg(feature = "image")]
use crate::data::{ImageFolder, ImageShape, PictureInput};

use super::PredictError;

/// What a model file says beside the weights: the names of the classes, and what is done to inputs before the network gets them.
///
/// An image folder and the encoder of a table become one by themselves, where [`save`](super::save) asks for it.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, predict::{self, Description, Predictor}};
///
/// type Net = Linear<3, 2>;
///
/// let dev = Cpu::default();
/// let net = dev.build_module::<Net, f32>();
/// let file = std::env::temp_dir().join("sam-train-model-of-tensors.safetensors");
/// predict::save(&net, &file, Description::new().classes(["off", "on"]))?;
///
/// let predictor = Predictor::<Net>::open(&file, &dev)?;
/// let predictions = predictor.tensor(dev.tensor([[1.0_f32, 0.0, 2.0], [0.0, 3.0, 1.0]]))?;
/// for row in &predictions {
///     println!("{}: {:.2}", row.name(), row.probability());
/// }
/// # assert_eq!(predictions.len(), 2);
/// # std::fs::remove_file(file).unwrap();
/// # Ok::<(), predict::PredictError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    pub(super) classes: Vec<String>,
    pub(super) preprocessing: Preprocessing,
}

/// What is done to inputs before a network gets them, as in training.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Preprocessing {
    /// Nothing: inputs are tensors.
    #[default]
    None,
    /// Pictures are decoded, fitted and normalized. With the feature `image`.
    #[cfg(feature = "image")]
    Pictures(PictureInput),
    /// Rows of a table are encoded. With the feature `table`.
    #[cfg(feature = "table")]
    Rows(TableEncoder),
}

impl Description {
    /// Of a network for tensors, whose outputs have no names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with names for the classes, in the order of the network's outputs. Of a network that says yes or no by a single logit they are
    /// two: no and yes.
    pub fn classes<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        let classes = names.into_iter().map(Into::into).collect();
        Self { classes, ..self }
    }

    /// The same, with inputs that are pictures.
    #[cfg(feature = "image")]
    pub fn pictures(self, input: PictureInput) -> Self {
        let preprocessing = Preprocessing::Pictures(input);
        Self {
            preprocessing,
            ..self
        }
    }

    /// The same, with inputs that are rows of a table; the names of the classes are the encoder's, if its target is a class.
    #[cfg(feature = "table")]
    pub fn rows(self, encoder: TableEncoder) -> Self {
        let classes = match encoder.classes() {
            [] => self.classes,
            classes => classes.to_vec(),
        };
        let preprocessing = Preprocessing::Rows(encoder);
        Self {
            classes,
            preprocessing,
        }
    }

    /// The names of the classes; none where nobody named them, as in a regression.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// What is done to inputs.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Whether the names are as many as the encoder has classes.
    pub(super) fn check(&self) -> Result<(), PredictError> {
        #[cfg(feature = "table")]
        if let Preprocessing::Rows(encoder) = &self.preprocessing {
            let (names, classes) = (self.classes.len(), encoder.classes().len());
            // Without a target, the table says nothing about them.
            let is_free = classes == 0 && encoder.targets().is_none();
            if names != classes && !is_free {
                return Err(PredictError::Names { names, classes });
            }
        }
        Ok(())
    }

    /// Whether a network with so many outputs is described.
    pub(super) fn check_outputs(&self, outputs: usize) -> Result<(), PredictError> {
        if let Some(targets) = self.preprocessing.targets()
            && targets != outputs
        {
            let (what, named) = ("target(s)", targets);
            return Err(PredictError::Outputs {
                what,
                named,
                outputs,
            });
        }
        let named = self.classes.len();
        if named == 0 || named == outputs || self.says_yes_or_no(outputs) {
            return Ok(());
        }
        let what = "class(es)";
        Err(PredictError::Outputs {
            what,
            named,
            outputs,
        })
    }

    /// Whether a single logit decides between two classes.
    pub(super) fn says_yes_or_no(&self, outputs: usize) -> bool {
        outputs == 1 && self.classes.len() == 2
    }
}

impl Preprocessing {
    /// The numbers that are predicted of a row, where the encoder has some.
    fn targets(&self) -> Option<usize> {
        match self {
            Self::None => None,
            #[cfg(feature = "image")]
            Self::Pictures(_) => None,
            #[cfg(feature = "table")]
            Self::Rows(encoder) => encoder.targets(),
        }
    }

    /// The numbers that outputs stand for.
    pub(super) fn values(&self, outputs: &[f32]) -> Vec<f64> {
        match self {
            #[cfg(feature = "table")]
            Self::Rows(encoder) => encoder.unscaled(outputs),
            _ => outputs.iter().map(|&x| x.into()).collect(),
        }
    }

    /// What it takes, in words.
    fn takes(&self) -> String {
        match self {
            Self::None => "tensors".into(),
            #[cfg(feature = "image")]
            Self::Pictures(input) => {
                let [channels, height, width] = input.shape();
                format!("pictures of {channels} x {height} x {width}")
            }
            #[cfg(feature = "table")]
            Self::Rows(encoder) => format!("rows that make {} numbers", encoder.width()),
        }
    }

    /// That a predictor takes `wanted`, and not this of the file `path`.
    pub(super) fn refused(&self, path: &Path, wanted: String) -> PredictError {
        PredictError::Inputs {
            path: path.into(),
            found: self.takes(),
            wanted,
            predictor: self.predictor(),
        }
    }

    /// The predictor that takes it.
    fn predictor(&self) -> String {
        match self {
            Self::None => "Predictor::<Net>".into(),
            #[cfg(feature = "image")]
            Self::Pictures(input) => {
                let [channels, height, width] = input.shape();
                format!("Predictor::<Net, Rank3<{channels}, {height}, {width}>>")
            }
            #[cfg(feature = "table")]
            Self::Rows(encoder) => format!("Predictor::<Net, Rank1<{}>>", encoder.width()),
        }
    }
}

/// Its pictures, and the names of its classes.
#[cfg(feature = "image")]
impl<S: ImageShape, const CLASSES: usize> From<&ImageFolder<S, CLASSES>> for Description {
    fn from(folder: &ImageFolder<S, CLASSES>) -> Self {
        let input = folder.input().clone();
        Self::new().classes(folder.classes()).pictures(input)
    }
}

/// Its rows, and the names of its classes.
#[cfg(feature = "table")]
impl From<&TableEncoder> for Description {
    fn from(encoder: &TableEncoder) -> Self {
        Self::new().rows(encoder.clone())
    }
}

impl From<&Self> for Description {
    fn from(description: &Self) -> Self {
        description.clone()
    }
}
