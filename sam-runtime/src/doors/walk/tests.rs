use dfdx::prelude::*;

use super::*;

type Net = (Linear<2, 3>, (ReLU, BatchNorm1D<3>));
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;

fn model() -> Built {
    Cpu::default().build_module::<Net, f64>()
}

const PARAMETERS: [&str; 4] = ["0.weight", "0.bias", "1.1.scale", "1.1.bias"];
const BUFFERS: [&str; 2] = ["1.1.running_mean", "1.1.running_var"];

#[test]
fn parameters_and_buffers_are_told_apart() {
    let model = model();
    assert_eq!(
        names(&model, Which::Parameters).unwrap(),
        PARAMETERS,
        "this dfdx does not tell running statistics from parameters, or has other names for tensors"
    );
    assert_eq!(names(&model, Which::Buffers).unwrap(), BUFFERS);
    assert_eq!(
        names(&model, Which::All).unwrap(),
        [&PARAMETERS[..], &BUFFERS].concat()
    );
    let mut shapes = Vec::new();
    each(&model, Which::Parameters, &mut |t| {
        shapes.push(t.shape());
        Ok(())
    })
    .unwrap();
    assert_eq!(shapes, [vec![3, 2], vec![3], vec![3], vec![3]]);
}

#[test]
fn a_model_that_is_one_tensor_has_no_name() {
    let w: Tensor<Rank1<4>, f64, Cpu> = Cpu::default().zeros();
    assert_eq!(names(&w, Which::All).unwrap(), [""]);
}

#[test]
fn what_is_written_is_read_in_the_order_of_the_names() {
    let mut model = model();
    let mut next = 0.0;
    let mut written = Vec::new();
    each_named_mut(&mut model, Which::All, &mut |name, t| {
        let len = t.shape().iter().product();
        let values: Vec<f64> = (0..len).map(|i| next + i as f64).collect();
        next += 100.0;
        t.write(&values)?;
        written.push((name, values));
        Ok(())
    })
    .unwrap();
    let mut read = Vec::new();
    each_named(&model, Which::All, &mut |name, t| {
        read.push((name, t.values()));
        Ok(())
    })
    .unwrap();
    assert_eq!(read, written);
    assert_eq!(model.0.weight.as_vec(), written[0].1);
}

#[test]
fn ids_tell_tensors_apart_and_not_their_copies() {
    let ids = |model: &Built| {
        let mut ids = Vec::new();
        each(model, Which::All, &mut |t| {
            ids.push(t.id());
            Ok(())
        })
        .unwrap();
        ids
    };
    let (first, second) = (model(), model());
    assert_eq!(ids(&first), ids(&first.clone()));
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
}

#[test]
fn pairs_are_blended_and_shared() {
    let of = |x| {
        let mut model = model();
        model.0.weight.copy_from(&[x; 6]);
        model.1.1.running_mean.copy_from(&[x; 3]);
        model
    };
    let mut target = of(1.0);
    each_pair(&mut target, &of(2.0), Which::Parameters, &mut |pair| {
        pair.blend(0.5, 0.25)
    })
    .unwrap();
    assert_eq!(target.0.weight.as_vec(), [1.0; 6]);
    assert_eq!(target.1.1.running_mean.as_vec(), [1.0; 3]);
    each_pair(&mut target, &of(2.0), Which::Buffers, &mut |pair| {
        pair.share();
        Ok(())
    })
    .unwrap();
    assert_eq!(target.0.weight.as_vec(), [1.0; 6]);
    assert_eq!(target.1.1.running_mean.as_vec(), [2.0; 3]);
}

#[test]
fn an_error_ends_the_walk() {
    let mut met = 0;
    let result = each(&model(), Which::All, &mut |_| {
        met += 1;
        Err(CpuError::WrongNumElements)
    });
    assert!(result.is_err());
    assert_eq!(met, 1);
}
