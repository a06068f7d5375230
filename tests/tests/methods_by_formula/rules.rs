//! Chunks, accumulation, bounds: under every method.

use dfdx::{optim::*, prelude::*};
use sam_runtime::Sam;
use sam_tests::*;

use crate::{every::*, plain::*, trained::moved, world::*};

/// A step with chunks: its gradient, and the weights of each pass.
fn chunked_step<const M: usize>(sam: &Sam, model: &mut Model, batch: &Data) -> Stepped
where
    Model: ModuleMut<
            Tensor<Rank2<M, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
            Output = Tensor<Rank2<M, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
        >,
{
    let (mut points, start) = (Vec::new(), model.alloc_grads());
    let sam = sam.clone().chunked::<M>();
    let grads = sam.step(model, batch.clone(), start, |model, (x, y), grads| {
        points.push(parameters(model));
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    let grads = grads.unwrap();
    let gradient = gradient(model, &grads);
    sgd(model, LR).update(model, &grads).unwrap();
    Stepped { gradient, points }
}

#[test]
fn one_chunk_is_none() {
    let batches = batches(4);
    for case in every() {
        let (expected, _) = train(&case.sam(), &batches);
        let mut model = start();
        for batch in &batches {
            chunked_step::<6>(&case.sam(), &mut model, batch);
        }
        assert_eq!(bits(parameters(&model)), bits(expected), "{}", case.name);
    }
}

/// The gradient of two rows of a batch.
fn gradient_of_chunk(w: &[f64], (x, y): &Data, chunk: usize) -> Vec<f64> {
    let dev = Cpu::default();
    let x: Tensor<Rank2<2, 4>, f64, Cpu> = tensor(&dev, &x.as_vec()[8 * chunk..8 * chunk + 8]);
    let y: Tensor<Rank2<2, 3>, f64, Cpu> = tensor(&dev, &y.as_vec()[6 * chunk..6 * chunk + 6]);
    let mut model = start();
    set_parameters(&mut model, w);
    let start = model.alloc_grads();
    let logits = model.forward_mut(x.traced(start));
    let grads = cross_entropy_with_logits_loss(logits, y).backward();
    gradient(&model, &grads)
}

#[test]
fn each_chunk_climbs_and_remembers_by_itself() {
    for case in every() {
        let (sam, mut model) = (case.sam(), start());
        let mut chunks = [case.plain(), case.plain(), case.plain()];
        let mut w = parameters(&model);
        for batch in &batches(4) {
            let found = chunked_step::<2>(&sam, &mut model, batch);
            let passes = found.points.len() / 3;
            assert_eq!(found.points.len(), 3 * passes, "{}", case.name);
            let mut mean = vec![0.0; w.len()];
            for (i, plain) in chunks.iter_mut().enumerate() {
                if case.is_random() {
                    plain.moved = moved(&found.points[2 * i], &found.points[2 * i + 1]);
                }
                let g = plain.update(&w, &|w| gradient_of_chunk(w, batch, i));
                mean = plus(&mean, 1.0 / 3.0, &g);
            }
            w = plus(&w, -LR, &mean);
        }
        assert_near(&parameters(&model), &w, case.tolerance, case.name);
    }
}

#[test]
fn gradients_add_up_and_are_bounded_behind() {
    let batches = batches(3);
    for case in every() {
        let (clip, clip_value) = (0.3, 0.05);
        let (mut alone, mut added) = (start(), start());
        let (mut short, mut flat) = (start(), start());
        for batch in &batches {
            // From the same weights in all of them.
            let w = parameters(&alone);
            for model in [&mut added, &mut short, &mut flat] {
                set_parameters(model, &w);
            }
            let sum = {
                let found = step(&case.sam(), &mut alone, batch).unwrap().gradient;
                let half = |(at, g): (usize, &f64)| if at < 20 { g + 0.5 } else { *g };
                found.iter().enumerate().map(half).collect::<Vec<f64>>()
            };
            let from = |sam: Sam, model: &mut Model| {
                let mut start = model.alloc_grads();
                start.get_or_alloc_mut(&model.0.weight).unwrap().fill(0.5);
                step_from(start, &sam, model, batch, &|_| 1.0)
                    .unwrap()
                    .gradient
            };
            let found = from(case.sam(), &mut added);
            assert_near(&found, &sum, 1e-13, case.name);
            let found = from(case.sam().clip(clip), &mut short);
            let bounded = times(clip / length(&sum), &sum);
            assert!(length(&sum) > clip);
            assert_near(&found, &bounded, 1e-13, case.name);
            let found = from(case.sam().clip_value(clip_value), &mut flat);
            let bounded: Vec<f64> = sum
                .iter()
                .map(|g| g.clamp(-clip_value, clip_value))
                .collect();
            assert_near(&found, &bounded, 1e-13, case.name);
        }
    }
}
