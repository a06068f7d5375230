//! The ranks that a run is on, and what they tell each other.

use dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor_ops::Device};

use super::{
    RunError,
    checkpoint::{Checkpoint, CheckpointError},
    metrics::Mean,
    start::METHOD,
    stop::Stop,
};
use crate::{
    distributed::{World, WorldError, sync_buffers},
    optim::State,
    step::{chunks_of_rank, joined},
};

/// The ranks of a run. One that is alone hears itself, and sends nothing.
pub(super) struct Ranks(Box<dyn World + Send>);

/// The length of what isn't there.
const NOTHING: u64 = u64::MAX;

impl Ranks {
    pub(super) fn new(world: impl World + Send + 'static) -> Self {
        Self(Box::new(world))
    }

    pub(super) fn rank(&self) -> usize {
        self.0.rank()
    }

    pub(super) fn size(&self) -> usize {
        self.0.size()
    }

    pub(super) fn is_alone(&self) -> bool {
        self.size() == 1
    }

    /// Whether this one writes files, and tells what there is to tell.
    pub(super) fn writes(&self) -> bool {
        self.rank() == 0
    }

    /// What each rank says, in their order: as many bytes each.
    fn gather(&self, said: &[u8]) -> Result<Vec<Vec<u8>>, WorldError> {
        let mut all = vec![0; said.len() * self.size()];
        self.0.all_gather(said, &mut all)?;
        Ok(all.chunks_exact(said.len()).map(<[u8]>::to_vec).collect())
    }

    /// The same, of any length each.
    fn gather_any(&self, said: &[u8]) -> Result<Vec<Vec<u8>>, WorldError> {
        let len = said.len() as u64;
        let lengths = self.gather(&len.to_le_bytes())?.into_iter();
        let lengths: Vec<usize> = lengths.map(|len| number(&len) as usize).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
        let mut padded = said.to_vec();
        padded.resize(longest, 0);
        let mut all = self.gather(&padded)?;
        for (said, len) in all.iter_mut().zip(lengths) {
            said.truncate(len);
        }
        Ok(all)
    }

    /// What rank 0 has.
    pub(super) fn of_the_first(
        &self,
        bytes: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, WorldError> {
        let mut len = bytes
            .as_ref()
            .map_or(NOTHING, |bytes| bytes.len() as u64)
            .to_le_bytes();
        self.0.broadcast(&mut len)?;
        let len = u64::from_le_bytes(len);
        if len == NOTHING {
            return Ok(None);
        }
        let mut bytes = bytes.unwrap_or_default();
        bytes.resize(len as usize, 0);
        self.0.broadcast(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// The checkpoint of rank 0.
    pub(super) fn checkpoint(
        &self,
        own: Option<Checkpoint>,
    ) -> Result<Option<Checkpoint>, RunError> {
        if self.is_alone() {
            return Ok(own);
        }
        let bytes = own.as_ref().map(Checkpoint::to_bytes).transpose()?;
        let bytes = self.of_the_first(bytes)?;
        Ok(match own {
            None => bytes
                .map(|bytes| Checkpoint::from_bytes(&bytes))
                .transpose()?,
            own => own,
        })
    }

    /// Numbers of rank 0.
    pub(super) fn numbers(&self, own: &mut [f64]) -> Result<(), WorldError> {
        if self.is_alone() {
            return Ok(());
        }
        let mut bytes: Vec<u8> = own.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.0.broadcast(&mut bytes)?;
        let (all, _) = bytes.as_chunks();
        for (own, bytes) in own.iter_mut().zip(all) {
            *own = f64::from_le_bytes(*bytes);
        }
        Ok(())
    }

    /// Over what all ranks have seen.
    pub(super) fn mean(&self, own: Mean) -> Result<Mean, WorldError> {
        if self.is_alone() {
            return Ok(own);
        }
        let mut all = Mean::new();
        for bytes in self.gather(&own.to_bytes())? {
            all.merge(&Mean::from_bytes(&bytes));
        }
        Ok(all)
    }

    /// The mean of what each rank has; none has it, or all have.
    pub(super) fn mean_of(&self, own: Option<f64>) -> Result<Option<f64>, WorldError> {
        let mut mean = Mean::new();
        if let Some(own) = own {
            mean.add(own, 1);
        }
        let mean = self.mean(mean)?;
        Ok((mean.samples() > 0).then(|| mean.value()))
    }

    /// Why one of the ranks must stop, and a loss of one of them that is not finite.
    pub(super) fn agree(
        &self,
        stop: Option<Stop>,
        lost: Option<f64>,
    ) -> Result<(Option<Stop>, Option<f64>), WorldError> {
        if self.is_alone() {
            return Ok((stop, lost));
        }
        let code = stop.map_or(0, |stop| {
            let place = REASONS.iter().position(|reason| *reason == stop);
            place.map_or(0, |at| at as u8 + 1)
        });
        let mut said = vec![code, u8::from(lost.is_some())];
        said.extend(lost.unwrap_or(0.0).to_le_bytes());
        let all = self.gather(&said)?;
        let stop = all
            .iter()
            .filter_map(|said| REASONS.get((said[0] as usize).checked_sub(1)?))
            .next();
        let other = all.iter().find(|said| said[1] == 1);
        let lost = lost.or_else(|| other.map(|said| f64::from_bits(number(&said[2..]))));
        Ok((stop.copied(), lost))
    }

    /// `model` with the mean of the ranks' buffers; `None` where it has that anyway.
    pub(super) fn with_mean_buffers<M, E, D>(&self, model: &M) -> Result<Option<M>, WorldError>
    where
        M: TensorCollection<E, D> + Clone,
        E: Dtype,
        D: Device<E>,
    {
        if self.is_alone() {
            return Ok(None);
        }
        let mut mean = model.clone();
        sync_buffers(&*self.0, &mut mean)?;
        Ok(Some(mean))
    }

    /// What a method keeps of the chunks of all ranks.
    pub(super) fn joined(&self, own: Option<State>) -> Result<Option<State>, RunError> {
        let own = match own {
            Some(own) if !self.is_alone() => own,
            own => return Ok(own),
        };
        let part = Checkpoint::new(0).with_part(METHOD, own);
        let all = self.gather_any(&part.to_bytes()?)?.into_iter();
        let all = all.map(|bytes| Checkpoint::from_bytes(&bytes)?.into_part(METHOD));
        Ok(Some(joined(all.collect::<Result<_, CheckpointError>>()?)))
    }

    /// Of that, what this rank's chunks take.
    pub(super) fn own_chunks(&self, all: &State) -> State {
        chunks_of_rank(all, self.rank(), self.size())
    }
}

/// The reasons to stop that one rank may have, and the others not.
const REASONS: [Stop; 3] = [Stop::DryRun, Stop::Interrupted, Stop::TimeLimit];

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
