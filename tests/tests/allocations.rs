//! After the first steps, a SAM step over the whole batch allocates nothing the size of a parameter.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;
use sam_tests::*;

/// Rows are few and layers wide, so that an activation is smaller than the smallest weight.
const B: usize = 4;
const WIDTH: usize = 256;
const INPUTS: usize = 16;
const PARAMETER: usize = INPUTS * WIDTH * size_of::<f32>();
/// Those of `Net` that are so large, and the chunks of a batch.
const PARAMETERS: usize = 3;
const CHUNKS: usize = 2;

thread_local! {
    static LARGE: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count(size: usize) {
    if size >= PARAMETER {
        // The allocator is also called while a thread ends and its counter is gone.
        let _ = LARGE.try_with(|large| large.set(large.get() + 1));
    }
}

// SAFETY: every call is handed on to the system's allocator as it is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

type Net = (
    Linear<INPUTS, WIDTH>,
    ReLU,
    Linear<WIDTH, WIDTH>,
    BatchNorm1D<WIDTH>,
    Dropout,
    Linear<WIDTH, 16>,
);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;
type Data = Classes<B, INPUTS, 16, f32>;

macro_rules! training_loop {
    ($(#[$attribute:meta])* $name:ident) => {
        /// The large allocations of each step, `update` included.
        $(#[$attribute])*
        fn $name(model: &mut Built, data: &[Data]) -> Vec<usize> {
            let mut opt = Sgd::new(model, SgdConfig { momentum: Some(Momentum::Nesterov(0.9)), ..Default::default() });
            let mut grads = model.alloc_grads();
            let mut large = Vec::new();
            for (x, y) in data.iter().cloned() {
                let before = LARGE.get();
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
                large.push(LARGE.get() - before);
            }
            large
        }
    };
}

training_loop!(plain);
training_loop!(
    #[sam_train(rho = 0.05)]
    whole
);
training_loop!(
    #[sam_train(rho = 0.05, norm = "l1.5")]
    whole_l1_5
);
training_loop!(
    #[sam_train(rho = 0.05, m = 2)]
    in_pairs
);
training_loop!(
    #[sam_train(rho = 0.05, nonfinite = "skip")]
    skipping
);
training_loop!(
    #[sam_train(rho = 0.05, m = 2, nonfinite = "skip")]
    skipping_in_pairs
);

fn run(train: fn(&mut Built, &[Data]) -> Vec<usize>) -> Vec<usize> {
    run_on(Cpu::seed_from_u64(1), train)
}

fn run_on(dev: Cpu, train: fn(&mut Built, &[Data]) -> Vec<usize>) -> Vec<usize> {
    let mut model = dev.build_module::<Net, f32>();
    let data: Vec<Data> = (0..6).map(|seed| classes(&dev, seed)).collect();
    train(&mut model, &data)
}

#[test]
fn the_allocator_counts() {
    let before = LARGE.get();
    let large: Vec<u8> = std::hint::black_box(Vec::with_capacity(PARAMETER));
    assert_eq!(LARGE.get(), before + 1);
    drop(large);
    // The velocity of the momentum is made in the first step.
    assert!(run(plain)[0] > 0);
}

#[test]
fn after_the_first_steps_neither_sam_nor_the_base_step_allocates_anything_large() {
    let base = run(plain);
    assert_eq!(base[1..], [0; 5]);
    for train in [whole, whole_l1_5, skipping] {
        let steps = run(train);
        assert!(steps[0] > base[0], "the first step makes the workspace");
        // The first two are checked, on memory of their own.
        assert_eq!(steps[3..], [0; 3]);
    }
    // The tapes of the chunks wait for each other: all but one allocate the gradients of the parameters.
    for train in [in_pairs, skipping_in_pairs] {
        let steps = run(train);
        assert!(
            steps[3..]
                .iter()
                .all(|large| *large <= (CHUNKS - 1) * PARAMETERS)
        );
    }
}

#[test]
fn the_same_holds_where_dfdx_caches_what_it_frees() {
    for train in [plain, whole, skipping] {
        let dev = Cpu::seed_from_u64(1);
        dev.enable_cache();
        assert_eq!(run_on(dev, train)[3..], [0; 3]);
    }
}

#[test]
fn weights_that_something_still_shared_at_the_update_would_be_noticed() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Net, f32>();
    let mut large = || {
        let before = LARGE.get();
        plain(&mut model, &[classes(&dev, 1)]);
        let alone = LARGE.get() - before;
        let shared = model.clone();
        let before = LARGE.get();
        plain(&mut model, &[classes(&dev, 1)]);
        drop(shared);
        (alone, LARGE.get() - before)
    };
    large();
    let (alone, shared) = large();
    // A copy of each of the three weights.
    assert_eq!(shared, alone + 3);
}

#[test]
fn a_function_that_is_called_once_per_batch_keeps_its_memory_too() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    let mut grads = model.alloc_grads();

    #[sam_train(rho = 0.05)]
    fn step(
        model: &mut Built,
        opt: &mut Sgd<Built, f32, Cpu>,
        (x, y): Data,
        grads: Gradients,
    ) -> Gradients {
        let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
        let mut grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
        grads
    }
    type Gradients = dfdx::tensor::Gradients<f32, Cpu>;

    for seed in 0..5 {
        let before = LARGE.get();
        grads = step(&mut model, &mut opt, classes(&dev, seed), grads);
        assert!(seed < 3 || LARGE.get() == before, "step {seed}");
    }
}

#[test]
fn released_memory_is_made_anew() {
    let dev = Cpu::seed_from_u64(1);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = sgd(&model, 0.1);
    let mut grads = model.alloc_grads();
    let mut large = || {
        let before = LARGE.get();
        let batch: Data = classes(&dev, 1);
        grads = sam_runtime::Sam::new(0.05)
            .step(&mut model, batch, grads.clone(), |model, (x, y), grads| {
                cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
            })
            .unwrap();
        opt.update(&mut model, &grads).unwrap();
        LARGE.get() - before
    };
    for _ in 0..3 {
        large();
    }
    let warm = large();
    assert_eq!(large(), warm);
    sam_runtime::step::release_memory();
    assert!(large() > warm);
}
