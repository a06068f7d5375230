//! Who is compared: the process here, and those of the peers.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sam_benches::{floor::Work, weights, worker::Worker};

/// How a peer trains.
pub(crate) struct Peer {
    /// In tables.
    pub(crate) name: &'static str,
    /// The script in `benches/peers`, and its argument.
    script: &'static [&'static str],
    /// In which layouts of images it is tried.
    layouts: &'static [&'static str],
    /// It needs a compiler, which may be missing or fail.
    may_fail: bool,
}

/// PyTorch in both of its layouts; what compiles, in the one that is made for it.
pub(crate) const PEERS: [Peer; 3] = [
    Peer {
        name: "PyTorch",
        script: &["torch_steps.py", "eager"],
        layouts: &["contiguous", "channels_last"],
        may_fail: false,
    },
    Peer {
        name: "torch.compile",
        script: &["torch_steps.py", "compiled"],
        layouts: &["channels_last"],
        may_fail: true,
    },
    Peer {
        name: "JAX",
        script: &["jax_steps.py"],
        layouts: &["channels_last"],
        may_fail: false,
    },
];

/// The two steps, as the workers call them.
pub(crate) const STEPS: [&str; 2] = ["base", "sam"];

/// How far a peer's step may be from ours, as a share of our step's length. Rounding makes some 1e-5 in the MLP and up to
/// 2e-2 in WRN-16-4, between any two sides; a step without SAM's perturbation is off by 0.1 and more.
const TOLERANCE: f64 = 0.05;

/// What starts workers.
pub(crate) struct Sides {
    here: PathBuf,
    python: PathBuf,
    /// Where all of them read and write.
    folder: tempfile::TempDir,
}

/// A network's workers.
pub(crate) struct Started {
    pub(crate) here: Worker,
    /// As [`PEERS`]; none for a peer that can't.
    pub(crate) peers: Vec<Option<Worker>>,
    /// The most memory that each holds before its first step, in MiB: here, and the peers.
    pub(crate) begin: Vec<f64>,
}

impl Started {
    /// The system's numbers of the processes.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let peers = self.peers.iter().flatten().map(Worker::id);
        peers.chain([self.here.id()]).collect()
    }
}

impl Peer {
    /// In which layouts it is tried; vectors have one.
    pub(crate) fn layouts(&self, has_images: bool) -> &'static [&'static str] {
        match has_images {
            true => self.layouts,
            false => &["contiguous"],
        }
    }
}

impl Sides {
    pub(crate) fn new(python: PathBuf) -> Result<Self> {
        let here = env::current_exe()?.with_file_name("steps");
        ensure!(
            here.exists(),
            "{} is not built: cargo build --release -p sam-benches",
            here.display()
        );
        Ok(Self {
            here,
            python,
            folder: tempfile::tempdir()?,
        })
    }

    pub(crate) fn start_here(&self) -> Result<Worker> {
        Worker::start(&self.here, &[self.folder.path()])
    }

    pub(crate) fn start_peer(&self, peer: &Peer) -> Result<Worker> {
        let [script, arguments @ ..] = peer.script else {
            unreachable!("each peer has a script")
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("peers")
            .join(script);
        let mut all = vec![script.as_path()];
        all.extend(arguments.iter().map(Path::new));
        all.push(self.folder.path());
        Worker::start(&self.python, &all)
    }

    /// Starts all of them.
    pub(crate) fn start(&self) -> Result<Started> {
        let mut here = self.start_here()?;
        here.ask("versions")?;
        let mut begin = vec![here.peak_mib()?];
        let mut peers = Vec::new();
        for peer in &PEERS {
            let mut worker = self.start_peer(peer)?;
            worker.ask("versions")?;
            begin.push(worker.peak_mib()?);
            peers.push(Some(worker));
        }
        Ok(Started { here, peers, begin })
    }

    /// Has all begin with the same weights and images, make one of each step, and compares their weights. Peers that
    /// can't are told and left out. Gives what a step must do.
    pub(crate) fn check(
        &self,
        sides: &mut Started,
        network: &str,
        has_images: bool,
    ) -> Result<Work> {
        let work = Work::from_line(&sides.here.ask(&format!("begin {network}"))?)?;
        let begin = self.read(&format!("{network}.weights"))?;
        let mut farthest = 0_f64;
        for step in STEPS {
            let ours = self.stepped(&mut sides.here, network, "contiguous", step)?;
            for (peer, worker) in PEERS.iter().zip(&mut sides.peers) {
                for layout in peer.layouts(has_images) {
                    let Some(running) = worker else { continue };
                    let theirs = match self.stepped(running, network, layout, step) {
                        Err(error) if peer.may_fail => {
                            println!("{} is left out of {network}: {error:#}", peer.name);
                            *worker = None;
                            continue;
                        }
                        theirs => theirs.with_context(|| peer.name)?,
                    };
                    let away = away(&begin, &ours, &theirs)
                        .with_context(|| format!("{network} in {}", peer.name))?;
                    ensure!(
                        away < TOLERANCE,
                        "{network}, {step}: the step of {} differs by {away:.1e} of ours",
                        peer.name
                    );
                    farthest = farthest.max(away);
                }
            }
        }
        println!("{network}: the first steps differ by at most {farthest:.0e} of their length.");
        Ok(work)
    }

    /// The weights after a first step.
    fn stepped(
        &self,
        worker: &mut Worker,
        network: &str,
        layout: &str,
        step: &str,
    ) -> Result<Vec<f32>> {
        worker.run(network, layout, step, 1)?;
        worker.ask(&format!("save {network} {layout} {step} after"))?;
        self.read("after")
    }

    fn read(&self, file: &str) -> Result<Vec<f32>> {
        Ok(weights::read(self.folder.path().join(file))?)
    }
}

/// The distance of two steps from `begin`, over the length of ours.
fn away(begin: &[f32], ours: &[f32], theirs: &[f32]) -> Result<f64> {
    ensure!(
        ours.len() == theirs.len(),
        "{} parameters here and {} there",
        ours.len(),
        theirs.len()
    );
    let distance = |left: &[f32], right: &[f32]| {
        let squares = left
            .iter()
            .zip(right)
            .map(|(l, r)| f64::from(l - r).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let away = distance(ours, theirs) / distance(begin, ours);
    ensure!(
        away.is_finite(),
        "weights are no numbers, or have not moved"
    );
    Ok(away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_apart() {
        assert_eq!(away(&[0.0; 2], &[3.0, 4.0], &[3.0, 4.5]).unwrap(), 0.1);
        assert!(away(&[0.0], &[0.0], &[0.0]).is_err());
        assert!(away(&[0.0], &[1.0], &[1.0, 1.0]).is_err());
    }
}
