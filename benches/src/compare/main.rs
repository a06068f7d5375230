//! The same training steps here and in PyTorch, eager and compiled, and in JAX, in turns: milliseconds, ratios, how far
//! it is to what the machine can do, peak memory. Run it with `../../compare.sh`, which sets the peers up. Ends with one
//! line of JSON.
//!
//! | file | what |
//! |---|---|
//! | `sides` | who is compared, and whether they make the same steps |
//! | `race` | one step of one network, in turns |
//! | `report` | the tables |

mod race;
mod report;
mod sides;

use std::{env, fs, path::PathBuf, process::Command, thread};

use anyhow::{Context, Result, bail};
use sam_benches::{floor, worker::THREADS};

use crate::{
    race::{Row, peaks, race},
    sides::{PEERS, STEPS, Sides},
};

const USAGE: &str = "usage: compare --python PROGRAM [--quick] [mlp] [cnn] [resnet20] [wrn-16-4]\n\
                     --quick: 5 rounds, not 11";

/// Percent of the machine that others may take.
const QUIET: f64 = 5.0;

/// What is trained, and how long.
struct Network {
    name: &'static str,
    /// In tables.
    title: &'static str,
    has_images: bool,
    /// Base steps in each round; half as many SAM steps.
    steps: usize,
}

const NETWORKS: [Network; 4] = [
    Network {
        name: "mlp",
        title: "MLP 784-512-512-10",
        has_images: false,
        steps: 20,
    },
    Network {
        name: "cnn",
        title: "small CNN, 28 x 28",
        has_images: true,
        steps: 10,
    },
    Network {
        name: "resnet20",
        title: "ResNet-20, 32 x 32",
        has_images: true,
        steps: 2,
    },
    Network {
        name: "wrn-16-4",
        title: "WRN-16-4, 32 x 32",
        has_images: true,
        steps: 1,
    },
];

/// What was found of a network.
struct Measured {
    network: &'static Network,
    /// As [`STEPS`].
    rows: Vec<Row>,
    /// MiB before the first step: here, and the peers.
    begin: Vec<f64>,
    /// MiB at the peak of a SAM step, alike; none for a peer that was left out.
    peaks: Vec<Option<f64>>,
}

struct Options {
    python: PathBuf,
    rounds: usize,
    networks: Vec<&'static Network>,
}

fn options() -> Result<Options> {
    let mut python = None;
    let mut rounds = 11;
    let mut networks = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" => python = arguments.next().map(PathBuf::from),
            "--quick" => rounds = 5,
            name => match NETWORKS.iter().find(|network| network.name == name) {
                Some(network) => networks.push(network),
                None => bail!("what is {name}?\n{USAGE}"),
            },
        }
    }
    if networks.is_empty() {
        networks.extend(&NETWORKS);
    }
    Ok(Options {
        python: python.context(USAGE)?,
        rounds,
        networks,
    })
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("CPU unknown", |(_, model)| model);
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let avx512 = if info.contains(" avx512f") {
        "with"
    } else {
        "without"
    };
    format!("{model}, {cores} logical cores, {avx512} AVX-512")
}

fn rustc() -> String {
    Command::new("rustc").arg("--version").output().map_or_else(
        |_| "rustc unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn versions(sides: &Sides) -> Result<String> {
    let mut versions = vec![sides.start_here()?.ask("versions")?, rustc()];
    for peer in &PEERS {
        let version = sides.start_peer(peer)?.ask("versions")?;
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    Ok(versions.join("; "))
}

fn measure(network: &'static Network, rounds: usize, sides: &Sides) -> Result<Measured> {
    let mut started = sides.start()?;
    let work = sides.check(&mut started, network.name, network.has_images)?;
    let mut rows = Vec::new();
    for step in STEPS {
        rows.push(race(network, step, rounds, &work, &mut started)?);
    }
    let begin = started.begin.clone();
    // What computes no longer needs no memory.
    drop(started);
    let [_, sam] = &rows[..] else {
        unreachable!("there are two steps")
    };
    Ok(Measured {
        network,
        peaks: peaks(network.name, "sam", sam, sides)?,
        rows,
        begin,
    })
}

fn main() -> Result<()> {
    let Options {
        python,
        rounds,
        networks,
    } = options()?;
    let sides = Sides::new(python)?;
    println!("{}; {THREADS} threads on each side", cpu());
    println!("{}", versions(&sides)?);
    println!(
        "{:.0} GFLOP/s in f32, {:.0} GB/s within 16 MB, {:.0} GB/s within 512 MB.",
        floor::peak(THREADS) / 1e9,
        floor::bandwidth(16e6) / 1e9,
        floor::bandwidth(512e6) / 1e9,
    );
    println!("Batches of 128, f32; medians of {rounds} rounds; peak memory of a process.");
    let mut measured = Vec::new();
    for network in networks {
        measured.push(measure(network, rounds, &sides)?);
    }
    println!();
    report::times(&measured);
    report::memory(&measured);
    report::notes(&measured, QUIET);
    report::summary(&measured);
    Ok(())
}
