//! The networks against PyTorch: how many parameters they have, what these are called, and that weights
//! written by torchvision, timm and the widespread CIFAR version give the same logits here.
//! `tests/peers/resnet.py` wrote the files, and `tests/peers/networks.py` the sizes of some.

use std::{collections::BTreeMap, env, fs, path::Path};

use dfdx::{nn::tensor_collection::*, prelude::*};
use safetensors::SafeTensors;
use sam_runtime::nn::{
    PyramidNet110, PyramidNet272, ResNet18, ResNet20, ResNet32, ResNet34, ResNet44, ResNet50,
    ResNet56, ResNet101, ResNet152, ShakeShake26x96, WideResNet16x4, WideResNet28x10,
    WideResNet40x10,
    weights::{self, WeightsError},
};
use serde_json::Value;

fn names() -> Value {
    serde_json::from_str(include_str!("../fixtures/resnet_names.json")).unwrap()
}

/// The shapes of a network's tensors, without their memory.
struct Shapes {
    found: BTreeMap<String, Vec<usize>>,
    parameters: usize,
}

impl TensorVisitor<f32, Cpu> for Shapes {
    type Viewer = ViewTensorName;
    type Err = dfdx::tensor::CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        name: String,
    ) -> Result<Option<Tensor<S, f32, Cpu>>, Self::Err> {
        if options.do_gradient_update {
            self.parameters += options.shape.num_elements();
        }
        let name = name.replace(".scale", ".weight");
        let before = self.found.insert(name, options.shape.concrete().into());
        assert!(before.is_none(), "two tensors have one name");
        Ok(None)
    }
}

fn shapes<N: BuildOnDevice<Cpu, f32>>() -> Shapes {
    let mut shapes = Shapes {
        found: BTreeMap::new(),
        parameters: 0,
    };
    N::Built::iter_tensors(&mut RecursiveWalker {
        m: String::new(),
        f: &mut shapes,
    })
    .unwrap();
    shapes
}

#[test]
fn sizes_are_the_published_ones() {
    let names = names();
    let others: Value = serde_json::from_str(include_str!("../fixtures/networks.json")).unwrap();
    let expected = |network: &str| -> usize {
        let found = &names["sizes"][network]["parameters"];
        let found = found.as_u64().or(others["sizes"][network].as_u64());
        found.unwrap() as usize
    };
    let all = [
        ("resnet20_cifar", shapes::<ResNet20<10>>()),
        ("resnet32_cifar", shapes::<ResNet32<10>>()),
        ("resnet44_cifar", shapes::<ResNet44<10>>()),
        ("resnet56_cifar", shapes::<ResNet56<10>>()),
        ("resnet18", shapes::<ResNet18<1000>>()),
        ("resnet34", shapes::<ResNet34<1000>>()),
        ("resnet50", shapes::<ResNet50<1000>>()),
        ("resnet101", shapes::<ResNet101<1000>>()),
        ("resnet152", shapes::<ResNet152<1000>>()),
        ("wrn_16_4", shapes::<WideResNet16x4<10>>()),
        ("wrn_28_10", shapes::<WideResNet28x10<10>>()),
        ("wrn_40_10", shapes::<WideResNet40x10<10>>()),
        ("pyramidnet_110_270", shapes::<PyramidNet110<10>>()),
        ("pyramidnet_272_200", shapes::<PyramidNet272<10>>()),
        ("shakeshake_26_96", shapes::<ShakeShake26x96<10>>()),
    ];
    for (network, shapes) in all {
        assert_eq!(shapes.parameters, expected(network), "{network}");
    }
}

#[test]
fn names_are_those_of_torchvision_and_timm() {
    let names = names();
    let expected = |network: &str| -> BTreeMap<String, Vec<usize>> {
        let list: Vec<(String, Vec<usize>)> =
            serde_json::from_value(names["names"][network].clone()).unwrap();
        let counted = |name: &str| name.ends_with("num_batches_tracked");
        list.into_iter()
            .filter(|(name, _)| !counted(name))
            .collect()
    };
    let (resnet18, resnet34) = (shapes::<ResNet18<1000>>(), shapes::<ResNet34<1000>>());
    assert_eq!(resnet18.found, expected("torchvision_resnet18"));
    assert_eq!(resnet18.found, expected("timm_resnet18"));
    assert_eq!(resnet34.found, expected("torchvision_resnet34"));
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// A tensor of a file.
fn tensor<S: Shape>(dev: &Cpu, file: &SafeTensors<'_>, name: &str) -> Tensor<S, f32, Cpu> {
    let view = file.tensor(name).unwrap();
    let (chunks, rest) = view.data().as_chunks::<4>();
    assert!(rest.is_empty());
    let values = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let mut sizes = S::Concrete::default();
    for (axis, size) in view.shape().iter().enumerate() {
        sizes[axis] = *size;
    }
    dev.tensor_from_vec(values.collect(), S::from_concrete(&sizes).unwrap())
}

type Images = (usize, Const<3>, usize, usize);
type Logits = (usize, Const<10>);

/// Loads `weights` into a network, and compares its logits for the input in `expect` to those there.
fn agrees<N>(weights: &Path, expect: &Path, prefix: &str) -> N::Built
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: Module<Tensor<Images, f32, Cpu>, Output = Tensor<Logits, f32, Cpu>>,
{
    let dev = Cpu::default();
    let mut network = N::build_on_device(&dev);
    weights::load(&mut network, weights).unwrap();
    let bytes = fs::read(expect).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let input = tensor(&dev, &file, &format!("{prefix}input"));
    let expected: Tensor<Logits, _, _> = tensor(&dev, &file, &format!("{prefix}logits"));
    let (found, expected) = (network.forward(input).as_vec(), expected.as_vec());
    let largest = expected.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-4 * largest, "{found:?} {expected:?}");
    }
    network
}

#[test]
fn weights_of_pytorch_give_its_logits_and_come_back_as_they_were() {
    let weights_file = fixture("resnet20.safetensors");
    let network =
        agrees::<ResNet20<10>>(&weights_file, &fixture("resnet20_expect.safetensors"), "");
    let dir = tempfile::tempdir().unwrap();
    let written = dir.path().join("out.safetensors");
    weights::save(&network, &written).unwrap();
    let (before, after) = (
        fs::read(&weights_file).unwrap(),
        fs::read(&written).unwrap(),
    );
    let (before, after) = (
        SafeTensors::deserialize(&before).unwrap(),
        SafeTensors::deserialize(&after).unwrap(),
    );
    for (name, view) in before.iter() {
        if !name.ends_with("num_batches_tracked") {
            let written = after.tensor(name).unwrap();
            assert_eq!(
                (view.shape(), view.data()),
                (written.shape(), written.data())
            );
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Larger files are not kept here: `python tests/peers/resnet.py FOLDER` writes them, and with
/// `RESNET_WEIGHTS=FOLDER` in the environment they are read.
#[test]
fn weights_of_torchvision_and_timm_give_their_logits() {
    let Some(folder) = env::var_os("RESNET_WEIGHTS") else {
        return;
    };
    let file = |name: &str| Path::new(&folder).join(format!("{name}.safetensors"));
    for name in ["resnet18", "timm_resnet18"] {
        agrees::<ResNet18<10>>(&file(name), &file("expect"), &format!("{name}."));
    }
    agrees::<ResNet50<10>>(&file("resnet50"), &file("expect"), "resnet50.");
}

#[test]
fn a_file_that_does_not_fit_is_refused_and_nothing_changes() {
    let dev = Cpu::default();
    let mut network = dev.build_module::<ResNet20<10>, f32>();
    let before = sam_tests::state(&network);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weights.safetensors");
    let mut refused = |what: &str| -> WeightsError {
        let error = weights::load(&mut network, &file).expect_err(what);
        assert_eq!(sam_tests::state(&network), before, "{what}");
        assert!(error.to_string().contains("weights.safetensors"), "{error}");
        error
    };
    assert!(matches!(refused("no file"), WeightsError::File { .. }));
    let whole = fs::read(fixture("resnet20.safetensors")).unwrap();
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(matches!(refused("truncated"), WeightsError::Format { .. }));
    }
    weights::save(&dev.build_module::<ResNet20<7>, f32>(), &file).unwrap();
    let error = refused("classes").to_string();
    assert!(
        error.contains("`linear.bias` has shape [7], but [10]"),
        "{error}"
    );
    weights::save(&dev.build_module::<ResNet32<10>, f32>(), &file).unwrap();
    let error = refused("more blocks").to_string();
    assert!(error.contains("layer1.3.bn1.bias"), "{error}");
    weights::save(&dev.build_module::<Linear<3, 2>, f32>(), &file).unwrap();
    assert!(matches!(refused("another"), WeightsError::Missing { .. }));
}

#[test]
fn images_of_other_sizes_and_dynamic_ones_go_through() {
    let dev = Cpu::default();
    let network = dev.build_module::<ResNet20<10>, f32>();
    let images: Tensor<Rank4<2, 3, 20, 28>, f32, _> = dev.sample_normal();
    let fixed: Tensor<Rank2<2, 10>, f32, _> = network.forward(images.clone());
    let dynamic = network.forward(images.realize::<Images>());
    assert_eq!(fixed.as_vec(), dynamic.as_vec());
    let wide = dev.build_module::<WideResNet16x4<10>, f32>();
    let images: Tensor<Rank4<1, 3, 8, 8>, f32, _> = dev.sample_normal();
    let logits: Tensor<Rank2<1, 10>, f32, _> = wide.forward(images);
    assert!(logits.as_vec().iter().all(|x| x.is_finite()));
}
