//! Training steps here, for `compare`: the same networks, batches and optimizer as in `../peers/torch_steps.py`.
//!
//! Speaks lines on stdin and stdout, and sleeps in between:
//!
//! ```text
//! versions                                  -> sam-runtime 0.1.0
//! begin NETWORK                             -> what a step must do: the fields of `floor::Work`
//! run NETWORK contiguous base|sam STEPS     -> milliseconds per step
//! save NETWORK contiguous base|sam FILE     -> how many numbers are trained; they are then in the file
//! quit
//! ```
//!
//! NETWORK is mlp, cnn, resnet20 or wrn-16-4. Files lie in the folder that the argument names; `begin` writes the
//! weights and the images that all sides begin with, `NETWORK.weights` and `NETWORK.images`, as numbers in
//! PyTorch's order.

use std::{collections::HashMap, env, io, path::PathBuf, time::Instant};

use anyhow::{Context, Result, bail};
use dfdx::{prelude::*, tensor::CpuError};
use sam_benches::{
    floor,
    networks::{BATCH, CLASSES, Cnn, Input, Mlp, Network, Training, batch},
    weights,
};
use sam_runtime::nn::{ResNet20, WideResNet16x4, summary};

/// A network with its data. Each of the two steps has its own copy of the weights, made when it is first
/// asked for, so that memory is that of one.
struct Work<M, S: Shape> {
    build: fn(&Cpu) -> M,
    trainings: HashMap<String, Training<M, Cpu>>,
    x: Input<S, Cpu>,
    y: Input<Rank2<BATCH, CLASSES>, Cpu>,
}

/// Any [`Work`].
trait Steps {
    /// What a step must do, and the weights and images that it begins with.
    fn begin(&self) -> Result<(floor::Work, [Vec<f32>; 2])>;
    fn run(&mut self, step: &str) -> Result<()>;
    /// The weights as they are.
    fn weights(&self, step: &str) -> Result<Vec<f32>>;
}

impl<M, S: Shape> Work<M, S> {
    /// The same weights each time.
    fn model(&self) -> M {
        (self.build)(&Cpu::seed_from_u64(1))
    }
}

impl<M, S: Shape> Steps for Work<M, S>
where
    M: Network<S, BATCH, Cpu> + Module<Input<S, Cpu>, Error = CpuError>,
{
    fn begin(&self) -> Result<(floor::Work, [Vec<f32>; 2])> {
        let model = self.model();
        let rows = summary::of(&model, self.x.clone())?.rows;
        let products = || rows.iter().filter(|row| row.multiplications > 0);
        let given = |row: &summary::Row| row.output.iter().flatten().product::<usize>();
        let first = products().next().context("it multiplies nothing")?;
        let weights = weights::numbers(&model)?;
        let images = self.x.as_vec();
        let work = floor::Work {
            forward: products().map(|row| row.multiplications as f64).sum(),
            first: first.multiplications as f64,
            parameters: weights.len() as f64,
            activations: products().map(|row| given(row) as f64).sum(),
            inputs: images.len() as f64,
        };
        Ok((work, [weights, images]))
    }

    fn run(&mut self, step: &str) -> Result<()> {
        if !self.trainings.contains_key(step) {
            let training = Training::new(self.model());
            self.trainings.insert(step.to_owned(), training);
        }
        let training = self.trainings.get_mut(step).expect("it was just made");
        let (x, y) = (self.x.clone(), self.y.clone());
        match step {
            "base" => training.base(x, y),
            "sam" => training.sam(x, y),
            _ => bail!("no step is named {step}"),
        }
        Ok(())
    }

    fn weights(&self, step: &str) -> Result<Vec<f32>> {
        let training = self.trainings.get(step).context("it has not begun")?;
        Ok(weights::numbers(&training.model)?)
    }
}

fn work<N, S>() -> Box<dyn Steps>
where
    N: BuildOnDevice<Cpu, f32> + 'static,
    N::Built: Network<S, BATCH, Cpu> + Module<Input<S, Cpu>, Error = CpuError> + 'static,
    S: ConstShape,
{
    let (x, y) = batch(&Cpu::seed_from_u64(0));
    Box::new(Work {
        build: |dev| dev.build_module::<N, f32>(),
        trainings: HashMap::new(),
        x,
        y,
    })
}

fn named(network: &str) -> Result<Box<dyn Steps>> {
    Ok(match network {
        "mlp" => work::<Mlp, Rank2<BATCH, 784>>(),
        "cnn" => work::<Cnn, Rank4<BATCH, 1, 28, 28>>(),
        "resnet20" => work::<ResNet20<CLASSES>, Rank4<BATCH, 3, 32, 32>>(),
        "wrn-16-4" => work::<WideResNet16x4<CLASSES>, Rank4<BATCH, 3, 32, 32>>(),
        _ => bail!("no network is named {network}"),
    })
}

type Works = HashMap<String, Box<dyn Steps>>;

/// The network of that name, made when it is first asked for.
fn made<'a>(works: &'a mut Works, network: &str) -> Result<&'a mut dyn Steps> {
    if !works.contains_key(network) {
        works.insert(network.to_owned(), named(network)?);
    }
    Ok(&mut **works.get_mut(network).expect("it was just made"))
}

fn main() -> Result<()> {
    let folder = env::args().nth(1).context("usage: steps FOLDER")?;
    let folder = PathBuf::from(folder);
    let mut works = Works::new();
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["versions"] => println!("sam-runtime {}", env!("CARGO_PKG_VERSION")),
            ["begin", network] => {
                let (needs, [weights, images]) = made(&mut works, network)?.begin()?;
                weights::write(folder.join(format!("{network}.weights")), &weights)?;
                weights::write(folder.join(format!("{network}.images")), &images)?;
                println!("{}", needs.line());
            }
            ["run", network, "contiguous", step, steps] => {
                let steps: u32 = steps.parse().context("STEPS is a number")?;
                let work = made(&mut works, network)?;
                let start = Instant::now();
                for _ in 0..steps {
                    work.run(step)?;
                }
                println!("{}", start.elapsed().as_secs_f64() * 1e3 / f64::from(steps));
            }
            ["save", network, "contiguous", step, file] => {
                let weights = made(&mut works, network)?.weights(step)?;
                weights::write(folder.join(file), &weights)?;
                println!("{}", weights.len());
            }
            ["quit"] => break,
            _ => bail!("what is {line:?}?"),
        }
    }
    Ok(())
}
