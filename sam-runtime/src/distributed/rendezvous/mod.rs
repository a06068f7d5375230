//! How ranks that nobody has introduced meet: rank 0 listens, the others come to it.
//!
//! | file | what |
//! |---|---|
//! | `listen` | rank 0: who comes, and what each gets |
//! | `visit` | the other ranks |
//! | `words` | what they say |

mod listen;
#[cfg(test)]
mod tests;
mod visit;
mod words;

use std::{
    env,
    time::{Duration, Instant},
};

use super::WorldError;

/// Where the ranks of a job meet, and which of them this is: what `torchrun` says to each process that it starts, and what is
/// set by hand without it.
///
/// | variable | what |
/// |---|---|
/// | `RANK` | which rank this is, from 0 |
/// | `WORLD_SIZE` | how many there are |
/// | `LOCAL_RANK` | which one of those on this machine: the number of its GPU |
/// | `MASTER_ADDR` | the machine of rank 0, by its name or address |
/// | `MASTER_PORT` | a port that is free there |
///
/// Under `torchrun`, its own store listens at `MASTER_PORT` (it then sets `TORCHELASTIC_USE_AGENT_STORE`); the ranks meet at the
/// next port.
///
/// Who reaches that port while the ranks meet can pass for one of them: it is for networks whose machines trust each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    /// Which rank this is.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// Which one of those on this machine.
    pub local_rank: usize,
    /// The machine of rank 0.
    pub host: String,
    /// Where rank 0 listens.
    pub port: u16,
    /// How long a rank waits for the others: five minutes, unless it is changed.
    pub timeout: Duration,
}

impl Rendezvous {
    /// As the environment has it.
    ///
    /// # Errors
    /// [`WorldError::NotMet`] with the variable that is missing or is no such number.
    pub fn from_env() -> Result<Self, WorldError> {
        Self::from(|name| env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self, WorldError> {
        let text = |name: &str| {
            let missing = || not_met(format!("the environment has no {name}"));
            variable(name)
                .filter(|text| !text.is_empty())
                .ok_or_else(missing)
        };
        let number = |name: &str| -> Result<usize, WorldError> {
            let text = text(name)?;
            let number = text.trim().parse();
            number.map_err(|_| {
                not_met(format!(
                    "{name} is {text:?}, which is no number of this kind"
                ))
            })
        };
        let (rank, size) = (number("RANK")?, number("WORLD_SIZE")?);
        if rank >= size {
            return Err(not_met(format!(
                "RANK is {rank}, and WORLD_SIZE {size}: ranks count from 0"
            )));
        }
        // The store of the launcher has the port itself.
        let is_taken = variable("TORCHELASTIC_USE_AGENT_STORE").as_deref() == Some("True");
        let port = number("MASTER_PORT")? + usize::from(is_taken);
        let no_port = |_| not_met(format!("{port} is no port"));
        Ok(Self {
            rank,
            size,
            local_rank: number("LOCAL_RANK")?,
            host: text("MASTER_ADDR")?,
            port: port.try_into().map_err(no_port)?,
            timeout: Duration::from_secs(300),
        })
    }

    /// `bytes` become those of rank 0, on all ranks. It returns when the ranks have them: on rank 0 when all have.
    ///
    /// # Errors
    /// [`WorldError::NotMet`], which says who is missing, or what differs between the ranks.
    ///
    /// ```no_run
    /// use sam_runtime::distributed::Rendezvous;
    ///
    /// let place = Rendezvous::from_env()?;
    /// let mut seed = [0; 8];
    /// if place.rank == 0 {
    ///     seed = 42_u64.to_le_bytes();
    /// }
    /// place.share(&mut seed)?;
    /// assert_eq!(u64::from_le_bytes(seed), 42);
    /// # Ok::<(), sam_runtime::distributed::WorldError>(())
    /// ```
    pub fn share(&self, bytes: &mut [u8]) -> Result<(), WorldError> {
        let until = Instant::now() + self.timeout;
        match (self.size, self.rank) {
            (size, rank) if rank >= size => {
                Err(not_met(format!("there is no rank {rank} of {size}")))
            }
            (1, _) => Ok(()),
            (size, 0) => listen::serve(&listen::at(&self.host, self.port)?, size, bytes, until),
            (_, _) => visit::fetch(self, bytes, until),
        }
    }
}

fn not_met(why: impl Into<String>) -> WorldError {
    WorldError::NotMet(why.into())
}
