//! One step of one network on all sides, in turns.

use anyhow::{Context, Result};
use sam_benches::{
    floor::{self, Work},
    median,
    quiet::Ticks,
    worker::{THREADS, Worker},
};

use crate::{
    Network,
    sides::{PEERS, Sides, Started},
};

/// A peer that takes so many times as long as the fastest is timed in [`SLOW_ROUNDS`] rounds alone.
const SLOW: f64 = 2.0;
const SLOW_ROUNDS: usize = 3;

/// A peer's median, in its faster layout.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    /// Milliseconds per step.
    pub(crate) ms: f64,
    pub(crate) layout: &'static str,
}

/// Medians of one step of one network.
pub(crate) struct Row {
    /// Milliseconds per step.
    pub(crate) here: f64,
    /// As [`PEERS`].
    pub(crate) peers: Vec<Option<Time>>,
    /// The least milliseconds, for products and for bytes.
    pub(crate) floor: [f64; 2],
    /// What other processes and the hypervisor took of the machine meanwhile, in percent.
    pub(crate) others: f64,
}

impl Row {
    /// The fastest peer, and its time.
    pub(crate) fn fastest(&self) -> Option<(usize, Time)> {
        let times = self.peers.iter().enumerate();
        times
            .filter_map(|(peer, time)| Some((peer, (*time)?)))
            .min_by(|(_, a), (_, b)| a.ms.total_cmp(&b.ms))
    }

    /// Our time over that of the fastest peer.
    pub(crate) fn over_fastest(&self) -> f64 {
        self.fastest()
            .map_or(f64::NAN, |(_, time)| self.here / time.ms)
    }

    /// Our time over the larger of the two floors.
    pub(crate) fn over_floor(&self) -> f64 {
        self.here / self.floor[0].max(self.floor[1])
    }
}

/// A peer in one layout.
struct Way {
    peer: usize,
    layout: &'static str,
    times: Vec<f64>,
    rounds: usize,
}

fn worker(sides: &mut Started, peer: usize) -> Result<&mut Worker> {
    sides.peers[peer].as_mut().context("it was left out")
}

/// Times one step of `network`, in turns: here, and each peer in each of its layouts.
pub(crate) fn race(
    network: &Network,
    step: &str,
    rounds: usize,
    work: &Work,
    sides: &mut Started,
) -> Result<Row> {
    let name = network.name;
    let steps = match step {
        "sam" => network.steps.div_ceil(2),
        _ => network.steps,
    };
    let warm = steps.clamp(1, 3);
    sides.here.run(name, "contiguous", step, warm)?;
    let mut ways = Vec::new();
    let mut fastest = f64::INFINITY;
    for (index, peer) in PEERS.iter().enumerate() {
        if sides.peers[index].is_none() {
            continue;
        }
        for layout in peer.layouts(network.has_images) {
            let ms = worker(sides, index)?.run(name, layout, step, warm)?;
            fastest = fastest.min(ms);
            ways.push((ms, index, *layout));
        }
    }
    let mut ways: Vec<Way> = ways
        .into_iter()
        .map(|(ms, peer, layout)| Way {
            peer,
            layout,
            times: Vec::new(),
            rounds: match ms > SLOW * fastest {
                true => rounds.min(SLOW_ROUNDS),
                false => rounds,
            },
        })
        .collect();
    let (operations, bytes) = match step {
        "sam" => (2.0 * work.operations(), work.sam_bytes()),
        _ => (work.operations(), work.base_bytes()),
    };
    let floor = [
        operations / floor::peak(THREADS) * 1e3,
        bytes / floor::bandwidth(bytes) * 1e3,
    ];
    let mut ours = Vec::with_capacity(rounds);
    let children = sides.ids();
    let start = Ticks::now(&children)?;
    for round in 0..rounds {
        ours.push(sides.here.time(name, "contiguous", step, steps)?);
        for way in ways.iter_mut().filter(|way| round < way.rounds) {
            let worker = worker(sides, way.peer)?;
            way.times.push(worker.time(name, way.layout, step, steps)?);
        }
    }
    let others = start.others_since(&children)? * 100.0;
    let mut peers = vec![None; PEERS.len()];
    for way in &mut ways {
        let ms = median(&mut way.times);
        let best: &mut Option<Time> = &mut peers[way.peer];
        if best.is_none_or(|best| ms < best.ms) {
            let layout = way.layout;
            *best = Some(Time { ms, layout });
        }
    }
    Ok(Row {
        here: median(&mut ours),
        peers,
        floor,
        others,
    })
}

/// Peak memory, in MiB, of fresh processes that do nothing else than this step: here, and the peers in their faster
/// layout.
pub(crate) fn peaks(
    network: &str,
    step: &str,
    row: &Row,
    sides: &Sides,
) -> Result<Vec<Option<f64>>> {
    let peak = |mut worker: Worker, layout: &str| {
        worker.run(network, layout, step, 3)?;
        worker.peak_mib()
    };
    let mut peaks = vec![Some(peak(sides.start_here()?, "contiguous")?)];
    for (peer, time) in PEERS.iter().zip(&row.peers) {
        peaks.push(match time {
            Some(time) => Some(peak(sides.start_peer(peer)?, time.layout)?),
            None => None,
        });
    }
    Ok(peaks)
}
