//! How a SAM step's time and memory grow with the batch, the network's width and depth, and the number of chunks.
//!
//! ```console
//! cargo run --release -p sam-benches --bin growth                                        # 31 rounds
//! cargo run --release -p sam-benches --bin growth --features plot -- --plot growth.svg   # and a plot, SVG or PNG
//! ```
//!
//! `--quick`: 5 rounds. Each size is a process of its own, whose peak memory is read; they compute in turns. Two threads.
//!
//! | file | what |
//! |---|---|
//! | `points` | what is measured |
//! | `plot` | the plot, with the feature of that name |

#[cfg(feature = "plot")]
mod plot;
mod points;

use std::{env, io, path::PathBuf, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use sam_benches::worker::Worker;

use crate::points::series;

const USAGE: &str = "usage: growth [--quick] [--plot FILE]";

/// A run of steps is about so many milliseconds long: short enough to meet a moment in which nothing else runs.
const RUN: f64 = 30.0;

/// What was measured of a size.
struct Size {
    size: usize,
    /// What it should grow with.
    work: f64,
    /// Milliseconds of a step, in the fastest round: what else the machine does only adds to it.
    ms: f64,
    /// MiB at the peak, beyond what the process has before its first step.
    mib: f64,
}

/// What was measured of a series.
struct Growth {
    #[cfg_attr(not(feature = "plot"), expect(dead_code))]
    name: &'static str,
    title: &'static str,
    sizes: Vec<Size>,
}

/// The power of `x` with which `y` grows: the slope of the straight line through the logarithms that is closest to them.
fn power(points: &[(f64, f64)]) -> f64 {
    let points: Vec<_> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x_mean, y_mean) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| {
        let terms = points.iter().map(|(x, y)| of(x - x_mean, y - y_mean));
        terms.sum::<f64>()
    };
    sum(&|x, y| x * y) / sum(&|x, _| x * x)
}

impl Growth {
    /// The power with which what comes on top of the smallest size grows, with two decimals: 1 for any straight line, whatever
    /// it begins with. Nothing to tell where it doesn't grow.
    fn power(&self, of: fn(&Size) -> f64) -> String {
        let Some((first, larger)) = self.sizes.split_first() else {
            return String::new();
        };
        let more = |size: &Size| (size.work - first.work, of(size) - of(first));
        let points: Vec<_> = larger.iter().map(more).filter(|(_, y)| *y > 0.0).collect();
        match points.len() > larger.len() / 2 {
            true => format!("{:.2}", power(&points)),
            false => "–".into(),
        }
    }

    fn print(&self) {
        let list = |of: &dyn Fn(&Size) -> String| {
            let all: Vec<_> = self.sizes.iter().map(of).collect();
            all.join(", ")
        };
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            self.title,
            list(&|size| size.size.to_string()),
            list(&|size| format!("{:.1}", size.ms)),
            list(&|size| format!("{:.0}", size.mib)),
            self.power(|size| size.ms),
            self.power(|size| size.mib),
        );
    }
}

/// The process of one size: answers like those of `compare`'s workers.
fn serve(series_at: usize, at: usize) -> Result<()> {
    let all = series();
    let mut point = None;
    for line in io::stdin().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["begin"] => println!("ready"),
            // The arguments have said what.
            ["run", _, _, _, steps] => {
                let steps: u32 = steps.parse()?;
                let point = match &mut point {
                    Some(point) => point,
                    None => point.insert(all[series_at].point(at).context("no such size")?),
                };
                let start = Instant::now();
                for _ in 0..steps {
                    (point.step)();
                }
                println!("{}", start.elapsed().as_secs_f64() * 1e3 / f64::from(steps));
            }
            ["size"] => {
                let point = point.as_ref().context("it has not run")?;
                println!("{} {}", point.size, point.work);
            }
            _ => bail!("what is {line:?}?"),
        }
    }
    Ok(())
}

fn measure(series_at: usize, rounds: usize) -> Result<Growth> {
    let all = series();
    let series = &all[series_at];
    let program = env::current_exe()?;
    let mut workers = Vec::new();
    for at in 0..series.len() {
        let arguments = ["serve".into(), series_at.to_string(), at.to_string()];
        let arguments = arguments.map(PathBuf::from);
        let mut worker = Worker::start(&program, &arguments.each_ref().map(|path| &**path))?;
        worker.ask("begin")?;
        let before = worker.peak_mib()?;
        // The second one is as long as all that follow.
        worker.run("-", "-", "sam", 1)?;
        let ms = worker.run("-", "-", "sam", 1)?;
        let steps = (RUN / ms).clamp(1.0, 50.0) as usize;
        workers.push((worker, before, steps, Vec::new()));
    }
    for _ in 0..rounds {
        for (worker, _, steps, times) in &mut workers {
            times.push(worker.time("-", "-", "sam", *steps)?);
        }
    }
    let mut sizes = Vec::new();
    for (worker, before, _, times) in &mut workers {
        let answer = worker.ask("size")?;
        let (size, work) = answer.split_once(' ').context("two numbers")?;
        sizes.push(Size {
            size: size.parse()?,
            work: work.parse()?,
            ms: times.iter().copied().fold(f64::INFINITY, f64::min),
            mib: worker.peak_mib()? - *before,
        });
    }
    Ok(Growth {
        name: series.name,
        title: series.title,
        sizes,
    })
}

fn main() -> Result<()> {
    let mut rounds = 31;
    let mut plot: Option<PathBuf> = None;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "serve" => {
                let mut index =
                    || -> Result<usize> { Ok(arguments.next().context(USAGE)?.parse()?) };
                return serve(index()?, index()?);
            }
            "--quick" => rounds = 5,
            "--plot" => plot = Some(arguments.next().context(USAGE)?.into()),
            _ => bail!(USAGE),
        }
    }
    ensure!(
        cfg!(feature = "plot") || plot.is_none(),
        "a plot takes `--features plot`"
    );
    println!("<!-- ANCHOR: growth -->\n");
    println!("| a SAM step by | sizes | ms | MiB | power, time | power, memory |");
    println!("|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for at in 0..series().len() {
        let growth = measure(at, rounds)?;
        growth.print();
        all.push(growth);
    }
    println!("\n<!-- ANCHOR_END: growth -->");
    #[cfg(feature = "plot")]
    if let Some(path) = &plot {
        plot::save(&all, path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_found() {
        let square = [1.0, 2.0, 5.0].map(|x: f64| (x, 3.0 * x.powi(2)));
        assert!((power(&square) - 2.0).abs() < 1e-12);
        assert!(power(&[(1.0, 4.0), (2.0, 4.0)]).abs() < 1e-12);
    }
}
