//! How the time of a step grows with the number of ranks, on paper: arithmetic, the slowest of all ranks, latency, bandwidth.
//!
//! ```console
//! cargo run --release --features plot --example scaling -- --plot scaling.svg
//! ```
//!
//! Each rank takes as many samples as one alone would (weak scaling). A step lasts as long as its slowest rank computes, and then
//! as `sam_runtime::distributed` sums: an all-to-all of `W - 1` messages, an all-gather in `log2 W`, and two words of a few bytes.

use clap::Parser;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_distr::StandardNormal;
use sam_examples::Spread;

/// What ranks train, and how they hear each other.
struct Setting {
    name: &'static str,
    /// Seconds of a step on one rank.
    step: f64,
    /// Bytes of the gradients.
    bytes: f64,
    /// Bits per second between two ranks, and the seconds until the first one is there.
    network: (f64, f64),
    /// Bytes that are summed in a second.
    summed: f64,
}

/// 10 Gb/s Ethernet, and 100 Gb/s of the kind that clusters have.
const ETHERNET: (f64, f64) = (10e9, 30e-6);
const CLUSTER: (f64, f64) = (100e9, 10e-6);

/// The first two were measured (`benches/scale.sh`, one core a rank, 128 samples); of ResNet-50 a rank computes 800 images a
/// second, which is an assumption. SAM takes two passes, SGD one.
const SETTINGS: [Setting; 6] = [
    Setting {
        name: "MLP, SAM",
        step: MLP_STEP,
        bytes: 4.0 * 669_706.0,
        network: ETHERNET,
        summed: BY_CORES,
    },
    Setting {
        name: "ResNet-20, SAM",
        step: RESNET20_STEP,
        bytes: 4.0 * 272_474.0,
        network: ETHERNET,
        summed: BY_CORES,
    },
    Setting {
        name: "ResNet-50 x 128, SAM",
        step: 2.0 * 128.0 / 800.0,
        bytes: 4.0 * 25_557_032.0,
        network: CLUSTER,
        summed: BY_CARDS,
    },
    Setting {
        name: "ResNet-50 x 128, SGD",
        step: 128.0 / 800.0,
        bytes: 4.0 * 25_557_032.0,
        network: CLUSTER,
        summed: BY_CARDS,
    },
    Setting {
        name: "ResNet-50 x 32, SAM",
        step: 2.0 * 32.0 / 800.0,
        bytes: 4.0 * 25_557_032.0,
        network: CLUSTER,
        summed: BY_CARDS,
    },
    Setting {
        name: "ResNet-50 x 32, SGD",
        step: 32.0 / 800.0,
        bytes: 4.0 * 25_557_032.0,
        network: CLUSTER,
        summed: BY_CARDS,
    },
];

/// Seconds, measured.
const MLP_STEP: f64 = 0.0087;
const RESNET20_STEP: f64 = 0.787;
/// Bytes that ranks sum in a second, the network aside: two on one machine, measured (670,000 numbers in 1.27 ms); and cards, a
/// fraction of what they read from their memory.
const BY_CORES: f64 = 2.1e9;
const BY_CARDS: f64 = 200e9;

/// Steps that are simulated for each row.
const STEPS: usize = 500;

/// How the time of a step grows with the number of ranks, on paper.
#[derive(Parser)]
struct Options {
    /// The deviation of a rank's time from its mean, as a share
    #[arg(long, default_value_t = 0.02)]
    deviation: f64,
    /// The largest number of ranks is 2 to this power
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=14))]
    doublings: u32,
    /// Draws the efficiency into this SVG or PNG file
    #[cfg(feature = "plot")]
    #[arg(long)]
    plot: Option<std::path::PathBuf>,
}

impl Setting {
    /// Seconds in which `ranks` ranks sum their gradients.
    fn sum(&self, ranks: f64) -> f64 {
        if ranks < 2.0 {
            return 0.0;
        }
        let (bits, latency) = self.network;
        let others = ranks - 1.0;
        let sent = 2.0 * 8.0 * self.bytes * others / ranks / bits;
        let messages = others + ranks.log2().ceil() + 2.0 * ranks.log2().ceil();
        sent + messages * latency + self.bytes / self.summed
    }

    /// Seconds of steps on `ranks` ranks: of each, the slowest counts.
    fn steps(&self, ranks: usize, deviation: f64) -> Spread {
        let mut random = StdRng::seed_from_u64(ranks as u64);
        let sum = self.sum(ranks as f64);
        let times: Vec<f64> = (0..STEPS)
            .map(|_| {
                let normal = (&mut random).sample_iter(StandardNormal).take(ranks);
                let slowest: f64 = normal.fold(f64::NEG_INFINITY, f64::max);
                self.step * (1.0 + deviation * slowest).max(0.0) + sum
            })
            .collect();
        Spread::of(&times)
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let ranks: Vec<usize> = (0..=options.doublings).map(|power| 1 << power).collect();
    let rows: Vec<Vec<Spread>> = SETTINGS
        .iter()
        .map(|setting| {
            ranks
                .iter()
                .map(|&ranks| setting.steps(ranks, options.deviation))
                .collect()
        })
        .collect();
    let efficiency = |row: &[Spread], at: usize| 100.0 * row[0].mean / row[at].mean;

    let head: Vec<String> = ranks.iter().map(usize::to_string).collect();
    println!("| ms of a step (efficiency, %) | {} |", head.join(" | "));
    println!("|---|{}", "---|".repeat(ranks.len()));
    for (setting, row) in SETTINGS.iter().zip(&rows) {
        let cells: Vec<String> = (0..ranks.len())
            .map(|at| format!("{:.1} ({:.0})", 1e3 * row[at].mean, efficiency(row, at)))
            .collect();
        println!("| {} | {} |", setting.name, cells.join(" | "));
    }
    #[cfg(feature = "plot")]
    if let Some(path) = &options.plot {
        use sam_examples::{Chart, Line};

        let lines = SETTINGS.iter().zip(&rows).map(|(setting, row)| Line {
            name: setting.name.to_owned(),
            points: (0..ranks.len())
                .map(|at| {
                    let mean = efficiency(row, at);
                    (ranks[at] as f64, Spread { mean, std: 0.0 })
                })
                .collect(),
        });
        let chart = Chart {
            title: "Weak scaling, on paper".to_owned(),
            x_label: "ranks",
            y_label: "efficiency, %",
            log: (true, false),
            lines: lines.collect(),
        };
        Chart::save(&[chart], path)?;
    }
    Ok(())
}
