use dfdx::tensor::CpuError;

use super::*;
use crate::nn::{
    BatchNorm2D, Conv2D, Conv2DBatchNormReLU, Flatten2D, GlobalAvgPool2D, MaxPool2D, PyramidNet,
    ResNet20, ResNet50, ShakeShake, WideResNet16x4, modules,
};

fn images<const N: usize, const SIDE: usize>() -> Tensor<Rank4<N, 3, SIDE, SIDE>, f32, Cpu> {
    Cpu::default().zeros()
}

/// The names of layers with tensors, each once.
fn names(summary: &Summary) -> Vec<&str> {
    let named = summary.rows.iter().filter(|row| !row.tensors.is_empty());
    named.map(|row| &*row.name).collect()
}

#[test]
fn a_network_is_listed_in_the_order_in_which_it_ran() {
    type Net = (
        (Conv2D<3, 4, 3, 1, 1>, BatchNorm2D<4>, ReLU, MaxPool2D<2, 2>),
        (Flatten2D, dfdx::nn::builders::Linear<64, 5>),
        crate::nn::Linear<5, 2>,
    );
    let net = Cpu::default().build_module::<Net, f32>();
    let summary = of(&net, images::<2, 8>()).unwrap();
    let listed: Vec<_> = summary
        .rows
        .iter()
        .map(|row| {
            let output = row.output.clone().unwrap_or_default();
            (&*row.name, row.layer, output, row.parameters, row.buffers)
        })
        .collect();
    let expected = [
        ("0.0", Some("Conv2D"), vec![2, 4, 8, 8], 108, 0),
        ("0.1", Some("BatchNorm2D"), vec![2, 4, 8, 8], 8, 8),
        ("", Some("MaxPool2D"), vec![2, 4, 4, 4], 0, 0),
        ("", Some("Flatten2D"), vec![2, 64], 0, 0),
        // dfdx's own: it doesn't say that it runs.
        ("1.1", None, vec![], 325, 0),
        ("2", Some("Linear"), vec![2, 2], 12, 0),
    ];
    // The one that was not seen stands behind the layer before it that has tensors.
    let order = [0, 1, 4, 2, 3, 5];
    assert_eq!(listed, order.map(|i| expected[i].clone()));
    assert_eq!(summary.multiplications(), 2 * (108 * 64 + 10));
}

#[test]
fn nothing_is_seen_when_no_one_looks() {
    let dev = Cpu::default();
    let net = dev.build_module::<MaxPool2D<2, 2>, f32>();
    net.forward(images::<1, 4>());
    let (_, observed) = observe(|| ());
    assert!(observed.is_empty());
    // A network that panics, or is given what doesn't fit, leaves nothing behind.
    let global = dev.build_module::<(GlobalAvgPool2D, crate::nn::Linear<3, 2>), f32>();
    let panics = || {
        observe(|| {
            global.forward(images::<1, 4>());
            panic!("a layer");
        })
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
    global.forward(images::<1, 4>());
    assert!(observe(|| ()).1.is_empty());
}

#[test]
fn every_network_is_seen_whole_and_counted_as_by_dfdx() {
    macro_rules! whole {
        ($($net:ty),*) => {$(
            let net = Cpu::default().build_module::<$net, f32>();
            let seen = of(&net, images::<1, 32>()).unwrap();
            assert_eq!(seen.parameters(), net.num_trainable_params());
            assert!(seen.rows.iter().all(|row| row.output.is_some()), "{seen}");
            // Each layer once, and none is missing.
            let tensors = of_tensors::<_, f32, Cpu>(&net).unwrap();
            let (mut run, mut all) = (names(&seen), names(&tensors));
            run.sort_unstable();
            all.sort_unstable();
            assert_eq!(run, all);
            assert_eq!(seen.buffers(), tensors.buffers());
        )*};
    }
    whole!(
        ResNet20<10>,
        WideResNet16x4<10>,
        PyramidNet<20, 12, 10>,
        PyramidNet<11, 6, 10, true>,
        ShakeShake<8, 4, 10>,
        (Conv2DBatchNormReLU<3, 8, 3>, GlobalAvgPool2D)
    );
}

#[test]
fn resnet_50_has_the_published_number_of_multiplications() {
    let net = Cpu::default().build_module::<ResNet50<1000>, f32>();
    let summary = of(&net, images::<1, 224>()).unwrap();
    assert_eq!(summary.parameters(), 25_557_032);
    // 4.09 G, torchvision says.
    assert_eq!(summary.multiplications(), 4_089_184_256);
    let last = summary.rows.last().unwrap();
    assert_eq!(last.output, Some(vec![1, 1000]));
    let text = summary.to_string();
    assert!(text.contains("\nparameters  25,557,032\n"), "{text}");
    assert!(
        text.contains("\nlayer1.0.downsample.0  Conv2D           [1, 256, 56, 56]"),
        "{text}"
    );
}

#[test]
fn a_layer_that_runs_twice_has_its_parameters_once() {
    struct Twice(modules::Linear<3, 3, f32, Cpu>);

    impl TensorCollection<f32, Cpu> for Twice {
        type To<E2: Dtype, D2: Device<E2>> = modules::Linear<3, 3, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let layer = Self::module("layer", |s| &s.0, |s| &mut s.0);
            visitor.visit_fields(layer, |layer| layer)
        }
    }

    impl Module<Tensor<Rank2<1, 3>, f32, Cpu>> for Twice {
        type Output = Tensor<Rank2<1, 3>, f32, Cpu>;
        type Error = CpuError;

        fn try_forward(&self, x: Tensor<Rank2<1, 3>, f32, Cpu>) -> Result<Self::Output, CpuError> {
            self.0.try_forward(self.0.try_forward(x)?)
        }
    }

    let dev = Cpu::default();
    let twice = Twice(dev.build_module::<crate::nn::Linear<3, 3>, f32>());
    let summary = of(&twice, dev.zeros()).unwrap();
    assert_eq!(summary.rows.len(), 2);
    assert!(summary.rows.iter().all(|row| row.name == "layer"));
    assert_eq!((summary.parameters(), summary.multiplications()), (12, 18));
}

#[test]
fn columns_are_aligned() {
    let net = Cpu::default().build_module::<crate::nn::Linear<300, 4>, f32>();
    let summary = of_tensors::<_, f32, Cpu>(&net).unwrap();
    let expected = "\
name  layer                      output  parameters  mult-adds
--------------------------------------------------------------
      weight [4, 300], bias [4]               1,204
--------------------------------------------------------------
parameters  1,204
buffers     0
mult-adds   0";
    assert_eq!(summary.to_string(), expected);
}
