use half::{bf16, f16};
use safetensors::{Dtype as Kind, tensor::TensorView};

use super::*;

/// Two tensors that PyTorch's names don't tell apart.
#[derive(Clone, Debug)]
struct Both<E: Dtype, D: Storage<E>> {
    weight: Tensor<Rank1<1>, E, D>,
    scale: Tensor<Rank1<1>, E, D>,
}

impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Both<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Both<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let ones = || TensorOptions::reset_to_ones();
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, ones()),
                Self::tensor("scale", |s| &s.scale, |s| &mut s.scale, ones()),
            ),
            |(weight, scale)| Both { weight, scale },
        )
    }
}

#[test]
fn two_tensors_of_one_name_are_not_saved_as_one() {
    let dev = Cpu::default();
    let model = Both::<f32, Cpu> {
        weight: dev.zeros(),
        scale: dev.ones(),
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("both.safetensors");
    assert_eq!(
        save(&model, &path).unwrap_err().to_string(),
        "two tensors are called `weight` in files, so that one would be lost; rename one"
    );
    assert!(!path.exists());
}

type Net = (Linear<2, 3>, ReLU, Linear<3, 2>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;

/// All tensors, in the order of the network.
fn values(net: &Built) -> [Vec<f64>; 4] {
    let (body, _, head) = net;
    let vectors = [
        &body.weight.as_vec(),
        &body.bias.as_vec(),
        &head.weight.as_vec(),
    ];
    let [a, b, c] = vectors.map(Vec::clone);
    [a, b, c, head.bias.as_vec()]
}

/// A file of these tensors.
fn written(dir: &Path, tensors: &[(&str, &[usize], Kind, Vec<u8>)]) -> std::path::PathBuf {
    let views = tensors.iter().map(|(name, shape, kind, bytes)| {
        (
            *name,
            TensorView::new(*kind, shape.to_vec(), bytes).unwrap(),
        )
    });
    let path = dir.join("weights.safetensors");
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn elements_of_half_the_size_are_read_exactly() {
    let dir = tempfile::tempdir().unwrap();
    // The smallest of each, some in between, infinity.
    let halves = [
        0.0,
        -1.5,
        5.960_464_5e-8,
        65504.0,
        f32::INFINITY,
        0.333_251_95,
    ];
    let brains = [1.0, -9.183_55e-41, 3.389_531_4e38, 0.333_984_38, -0.0, 2.0];
    let sixteen = |f: fn(f32) -> [u8; 2], values: [f32; 6]| values.map(f).concat();
    let path = written(
        dir.path(),
        &[
            (
                "0.weight",
                &[3, 2],
                Kind::F16,
                sixteen(|v| f16::from_f32(v).to_le_bytes(), halves),
            ),
            ("0.bias", &[3], Kind::F32, f32s(&[1.0, 2.0, 3.0])),
            (
                "2.weight",
                &[2, 3],
                Kind::BF16,
                sixteen(|v| bf16::from_f32(v).to_le_bytes(), brains),
            ),
            (
                "2.bias",
                &[2],
                Kind::F64,
                [4.0_f64, 5.0].map(f64::to_le_bytes).concat(),
            ),
        ],
    );
    let mut net = Cpu::default().build_module::<Net, f64>();
    load(&mut net, path).unwrap();
    let wide = |values: [f32; 6]| values.map(f64::from).to_vec();
    let expected = [
        wide(halves),
        vec![1.0, 2.0, 3.0],
        wide(brains),
        vec![4.0, 5.0],
    ];
    assert_eq!(values(&net), expected);
}

#[test]
fn whole_numbers_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &[("0.bias", &[1], Kind::I32, vec![0; 4])]);
    let mut net = Cpu::default().build_module::<Net, f64>();
    let error = load(&mut net, path).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "`0.bias` has elements of type I32, but F64, F32, F16 and BF16 are read; convert the file"
        ),
        "{error}"
    );
}

/// A body for two numbers, and a head for five classes, as `DataParallel` of a compiled model names them.
fn wrapped(dir: &Path) -> std::path::PathBuf {
    let zeros = |len| f32s(&vec![0.5; len]);
    written(
        dir,
        &[
            ("_orig_mod.module.0.weight", &[3, 2], Kind::F32, zeros(6)),
            ("_orig_mod.module.0.bias", &[3], Kind::F32, zeros(3)),
            ("_orig_mod.module.2.weight", &[5, 3], Kind::F32, zeros(15)),
            ("_orig_mod.module.2.bias", &[5], Kind::F32, zeros(5)),
        ],
    )
}

#[test]
fn a_prefix_is_named_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = wrapped(dir.path());
    let mut net = Cpu::default().build_module::<Net, f64>();
    let before = values(&net);
    let error = load(&mut net, &path).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "has no `0.bias`, which the network has; the file calls it `_orig_mod.module.0.bias`: \
             read it with `LoadOptions::new().prefix(\"_orig_mod.module.\")`"
        ),
        "{error}"
    );
    let options = LoadOptions::new().prefix("_orig_mod.module.");
    let error = load_with(&mut net, &path, &options)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with(
            "`2.bias` has shape [5], but [2] in the network; has it another number of classes? \
             `LoadOptions::all_but` leaves such a layer as it is"
        ),
        "{error}"
    );
    assert_eq!(values(&net), before);
}

#[test]
fn all_but_the_head_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = wrapped(dir.path());
    let mut net = Cpu::default().build_module::<Net, f64>();
    let [_, _, weight, bias] = values(&net);
    let options = LoadOptions::new()
        .prefix("_orig_mod.module.")
        .all_but(|name| name.starts_with("2."));
    load_with(&mut net, &path, &options).unwrap();
    assert_eq!(values(&net), [vec![0.5; 6], vec![0.5; 3], weight, bias]);
}

#[test]
fn what_is_left_may_be_missing_and_the_rest_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(
        dir.path(),
        &[
            ("0.weight", &[3, 2], Kind::F32, f32s(&[0.5; 6])),
            ("0.bias", &[3], Kind::F32, f32s(&[0.5; 3])),
            ("1.extra", &[1], Kind::F32, f32s(&[0.5])),
        ],
    );
    let mut net = Cpu::default().build_module::<Net, f64>();
    let before = values(&net);
    let but_head = LoadOptions::new().all_but(|name| name.starts_with("2."));
    let error = load_with(&mut net, &path, &but_head).unwrap_err();
    assert!(
        matches!(&error, WeightsError::Unexpected { names, .. } if *names == ["1.extra"]),
        "{error}"
    );
    assert_eq!(values(&net), before);
    let but_more = LoadOptions::new().all_but(|name| !name.starts_with("0."));
    load_with(&mut net, &path, &but_more).unwrap();
    assert_eq!(values(&net)[0], vec![0.5; 6]);
}
