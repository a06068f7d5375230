//! `optimizer-not-in-scope`, mended.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Mlp = (Linear<784, 32>, ReLU, Linear<32, 10>);

fn main() {
    let dev = Cpu::seed_from_u64(0);
    let model = dev.build_module::<Mlp, f32>();
    let opt: Sgd<Built<Mlp>, f32, Cpu> = Sgd::new(&model, SgdConfig::default());
    println!("{}", opt.cfg.lr);
}
