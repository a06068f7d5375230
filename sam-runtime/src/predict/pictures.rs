//! Predictions of pictures.

use std::path::Path;

use dfdx::{
    nn::{BuildOnDevice, Module},
    prelude::Device,
};
use rayon::prelude::*;

use super::{
    Input, Outputs, PredictError, Prediction, Predictor, Preprocessing, input::BatchOf,
    predictor::in_batches,
};
use crate::data::{ImageShape, PictureInput};

/// With the feature `image`.
impl<Net, S, D> Predictor<Net, S, D>
where
    D: Device<f32>,
    S: ImageShape,
    Net: BuildOnDevice<D, f32>,
    Net::Built: Module<BatchOf<S, D>, Output: Outputs>,
{
    /// The prediction of the picture in a JPEG or PNG file: decoded, turned upright, fitted and normalized as the model's file says.
    ///
    /// # Errors
    /// [`PredictError::Data`] for a file that can't be read; [`PredictError::NotFinite`], [`PredictError::Device`].
    pub fn picture(&self, path: impl AsRef<Path>) -> Result<Prediction, PredictError> {
        self.one(self.picture_input()?.read(path)?)
    }

    /// The same of a file that is in memory, as a server receives it. Errors call it `picture`.
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn picture_in(&self, file: &[u8]) -> Result<Prediction, PredictError> {
        self.one(self.picture_input()?.decode(file)?)
    }

    /// A prediction for each of many files, in their order. They are decoded on all threads, and the network gets
    /// [a batch](Self::batch) of them at once; no more than that is in memory. A file that can't be read is an error in its place, and the others go on.
    pub fn pictures<P: AsRef<Path> + Sync>(
        &self,
        paths: impl IntoIterator<Item = P>,
    ) -> impl Iterator<Item = Result<Prediction, PredictError>> {
        in_batches(paths.into_iter(), self.batch, move |paths| {
            let input = match self.picture_input() {
                Ok(input) => input,
                Err(error) => return vec![Err(error)],
            };
            let read = paths.par_iter().map(|path| input.read(path));
            self.all(read.collect())
        })
    }

    /// What is done to a picture; `open` and `new` have seen that there is something.
    fn picture_input(&self) -> Result<&PictureInput, PredictError> {
        let preprocessing = &self.description().preprocessing;
        match preprocessing {
            Preprocessing::Pictures(input) => Ok(input),
            other => {
                let wanted = <S as Input<Net::Built, D>>::check(other);
                let wanted = wanted.err().unwrap_or_default();
                Err(other.refused(Path::new("description"), wanted))
            }
        }
    }
}
