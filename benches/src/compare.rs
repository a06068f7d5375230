//! The same training steps here and in PyTorch, in turns: milliseconds, ratios, peak memory. Run it with
//! `../compare.sh`, which sets PyTorch up. Ends with one line of JSON.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use sam_benches::{
    median,
    quiet::Ticks,
    worker::{THREADS, Worker},
};
use serde_json::{Map, json};

const USAGE: &str =
    "usage: compare --python PROGRAM [--quick] [mlp] [cnn] [resnet20]\n--quick: 5 rounds, not 11";

/// Percent of the machine that others may take.
const QUIET: f64 = 5.0;

/// The two steps, as the workers call them.
const STEPS: [&str; 2] = ["base", "sam"];

/// What is trained, and how long.
struct Network {
    name: &'static str,
    /// PyTorch's ways to lay out its tensors.
    layouts: &'static [&'static str],
    /// Base steps in each round; half as many SAM steps.
    steps: usize,
}

const NETWORKS: [Network; 3] = [
    Network {
        name: "mlp",
        layouts: &["contiguous"],
        steps: 20,
    },
    Network {
        name: "cnn",
        layouts: &["contiguous", "channels_last"],
        steps: 10,
    },
    Network {
        name: "resnet20",
        layouts: &["contiguous", "channels_last"],
        steps: 2,
    },
];

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

/// Where the two workers are.
struct Sides {
    here: PathBuf,
    python: PathBuf,
    script: PathBuf,
}

impl Sides {
    fn new(python: PathBuf) -> Result<Self> {
        let here = env::current_exe()?.with_file_name("steps");
        ensure!(
            here.exists(),
            "{} is not built: cargo build --release -p sam-benches",
            here.display()
        );
        Ok(Self {
            here,
            python,
            script: Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/torch_steps.py"),
        })
    }

    fn start_here(&self) -> Result<Worker> {
        Worker::start(&self.here, &[])
    }

    fn start_torch(&self) -> Result<Worker> {
        Worker::start(&self.python, &[&self.script])
    }
}

/// Medians of one step of one network.
struct Row {
    here: f64,
    /// In PyTorch's faster layout.
    torch: f64,
    layout: &'static str,
    /// What other processes and the hypervisor took of the machine meanwhile, in percent.
    others: f64,
}

impl Row {
    fn vs_torch(&self) -> f64 {
        self.here / self.torch
    }
}

/// Times one step of `network`, in turns: here, and PyTorch in each of its layouts.
fn race(
    network: &Network,
    step: &str,
    rounds: usize,
    here: &mut Worker,
    torch: &mut Worker,
) -> Result<Row> {
    let name = network.name;
    let steps = match step {
        "sam" => network.steps.div_ceil(2),
        _ => network.steps,
    };
    here.run(name, "contiguous", step, steps.max(3))?;
    for layout in network.layouts {
        torch.run(name, layout, step, steps.max(3))?;
    }
    let mut ours = Vec::with_capacity(rounds);
    let mut theirs = vec![Vec::with_capacity(rounds); network.layouts.len()];
    let children = [here.id(), torch.id()];
    let start = Ticks::now(&children)?;
    for _ in 0..rounds {
        ours.push(here.time(name, "contiguous", step, steps)?);
        for (layout, times) in network.layouts.iter().zip(&mut theirs) {
            times.push(torch.time(name, layout, step, steps)?);
        }
    }
    let others = start.others_since(&children)? * 100.0;
    let (torch, layout) = theirs
        .iter_mut()
        .map(|times| median(times))
        .zip(network.layouts)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .context("no layout")?;
    Ok(Row {
        here: median(&mut ours),
        torch,
        layout,
        others,
    })
}

/// Peak memory, in MiB, of a fresh process that does nothing else than this step.
fn peak(mut worker: Worker, network: &str, layout: &str, step: &str) -> Result<f64> {
    worker.run(network, layout, step, 5)?;
    worker.peak_mib()
}

/// Refuses to compare networks of different sizes.
fn check_sizes(networks: &[&Network], here: &mut Worker, torch: &mut Worker) -> Result<()> {
    for network in networks {
        let ours = here.parameters(network.name, "contiguous")?;
        let theirs = torch.parameters(network.name, "contiguous")?;
        ensure!(
            ours == theirs,
            "{} has {ours} parameters here and {theirs} in PyTorch",
            network.name
        );
    }
    Ok(())
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

fn main() -> Result<()> {
    let Options {
        python,
        rounds,
        networks,
    } = options()?;
    let sides = Sides::new(python)?;
    let (mut here, mut torch) = (sides.start_here()?, sides.start_torch()?);
    println!("{}; {THREADS} threads on each side", cpu());
    let (ours, theirs) = (here.ask("versions")?, torch.ask("versions")?);
    println!("{ours}, {}; {theirs}", rustc());
    println!(
        "Before the first step, a worker holds {:.0} MiB here, {:.0} MiB with PyTorch.",
        here.peak_mib()?,
        torch.peak_mib()?
    );
    check_sizes(&networks, &mut here, &mut torch)?;
    println!("Batches of 128, f32; medians of {rounds} rounds; peak memory of a process.\n");
    println!(
        "| network | step | ms here | ms PyTorch | ratio | MiB here | MiB PyTorch | layout | others |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut summary = Map::new();
    let mut most_others = 0_f64;
    for network in networks {
        let name = network.name;
        let mut rows = Vec::new();
        for step in STEPS {
            let row = race(network, step, rounds, &mut here, &mut torch)?;
            let our_peak = peak(sides.start_here()?, name, "contiguous", step)?;
            let their_peak = peak(sides.start_torch()?, name, row.layout, step)?;
            println!(
                "| {name} | {step} | {:.2} | {:.2} | {:.2} | {our_peak:.0} | {their_peak:.0} | {} | {:.0} % |",
                row.here,
                row.torch,
                row.vs_torch(),
                row.layout,
                row.others,
            );
            most_others = most_others.max(row.others);
            rows.push(row);
        }
        let rounded = |ratio: f64| (ratio * 1e3).round() / 1e3;
        summary.insert(
            name.to_owned(),
            json!({
                "sam_vs_torch": rounded(rows[1].vs_torch()),
                "base_vs_torch": rounded(rows[0].vs_torch()),
                "sam_vs_base": rounded(rows[1].here / rows[0].here),
            }),
        );
    }
    println!();
    if most_others > QUIET {
        println!(
            "Others took up to {most_others:.0} % of the machine: measure again when it is quiet."
        );
    }
    println!("{}", json!(summary));
    Ok(())
}
