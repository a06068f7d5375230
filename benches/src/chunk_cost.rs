//! What chunks cost: a SAM step on 128 samples with a perturbation for every 64 or 16 of them, the chunks one after the
//! other and at once, in turns. The argument is the number of rounds. Ends with one line of JSON.

use dfdx::prelude::*;
use sam_benches::{
    beside,
    networks::{BATCH, CLASSES, Cnn, Input, Mlp, Network, Training, batch},
};
use sam_runtime::{
    Sam,
    nn::{Built, ResNet20},
    step::{Batch, SplitBatch, Twin},
};

/// Rounds, where no argument says it.
const ROUNDS: usize = 21;

/// Of a step with its chunks at once: milliseconds, and their ratio to one with its chunks in turn.
struct Cost {
    network: &'static str,
    m: usize,
    at_once: f64,
    ratio: f64,
}

type Labels<const B: usize> = Input<Rank2<B, CLASSES>, Cpu>;

/// `Whole` is a batch, and `Part` a chunk of it.
fn cost<N, Whole, Part, const M: usize>(network: &'static str, rounds: usize) -> Cost
where
    N: BuildOnDevice<Cpu, f32>,
    Built<N>: Network<Part, M, Cpu> + Send,
    Whole: ConstShape,
    Part: Shape,
    Input<Whole, Cpu>: Batch<M> + SplitBatch<M, Chunk = Input<Part, Cpu>>,
    Labels<BATCH>: SplitBatch<M, Chunk = Labels<M>>,
    (Input<Part, Cpu>, Labels<M>): Twin,
{
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch::<Whole, BATCH, Cpu>(&dev);
    let loss = |model: &mut Built<N>, (x, y): (Input<Part, Cpu>, Labels<M>), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    };
    let in_turn = Sam::new(0.05).chunked::<M>();
    let at_once = in_turn.clone().parallel();
    let mut first = Training::new(dev.build_module::<N, f32>());
    let mut second = Training::new(dev.build_module::<N, f32>());
    let expect = "a batch of finite numbers";
    let run_first = || {
        first.step(|model, grads| {
            in_turn
                .step(model, (x.clone(), y.clone()), grads, loss)
                .expect(expect)
        });
    };
    let run_second = || {
        second.step(|model, grads| {
            at_once
                .step(model, (x.clone(), y.clone()), grads, loss)
                .expect(expect)
        });
    };
    let (at_once, ratio) = beside(run_first, run_second, rounds);
    Cost {
        network,
        m: M,
        at_once,
        ratio,
    }
}

/// That of a network with both sizes of chunks; its input is 1 or more dimensions behind the batch's.
macro_rules! costs {
    ($rounds:expr, $($name:literal $net:ty, $shape:ident<$($dim:literal),*>;)*) => {
        vec![$(
            cost::<$net, $shape<BATCH, $($dim),*>, $shape<64, $($dim),*>, 64>($name, $rounds),
            cost::<$net, $shape<BATCH, $($dim),*>, $shape<16, $($dim),*>, 16>($name, $rounds),
        )*]
    };
}

fn main() {
    sam_runtime::device::keep_freed_memory();
    let rounds = std::env::args()
        .nth(1)
        .map(|rounds| rounds.parse().expect("a number of rounds"));
    let costs = costs! { rounds.unwrap_or(ROUNDS),
        "MLP 784-512-512-10" Mlp, Rank2<784>;
        "small CNN" Cnn, Rank4<1, 28, 28>;
        "ResNet-20" ResNet20<CLASSES>, Rank4<3, 32, 32>;
    };
    println!("| | m | at once, ms | over one after the other |\n|---|---|---|---|");
    for Cost {
        network,
        m,
        at_once,
        ratio,
    } in &costs
    {
        println!("| {network} | {m} | {at_once:.2} | {ratio:.2} |");
    }
    let costs = costs.iter().map(|cost| {
        serde_json::json!({
            "network": cost.network,
            "m": cost.m,
            "at_once_ms": cost.at_once,
            "ratio": cost.ratio,
        })
    });
    println!("{}", serde_json::Value::from_iter(costs));
}
