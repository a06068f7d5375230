//! The sum with a branch that is multiplied against its definition, and the factors of the way back.

use dfdx::{
    prelude::Backward,
    shapes::Dtype,
    tensor::{Gradients, Trace},
    tensor_ops::{SumTo, TryMul},
};

use super::{Factors, TryAddScaled};
use crate::device::{
    Channels, Image, LayerTape,
    layers::checks::{
        Four, Numbers, Operation, assert_close, check, check_shared, flat, of_gradient,
        on_every_device, refused, strided_images, values,
    },
};

on_every_device! { add_scaled, strided, another_way_back, of_itself, misfits }

/// The sum with `x`, of which `to` counts as a parameter.
struct AddScaled<E: Dtype, D: TryAddScaled<E>> {
    to: Image<E, D>,
    factors: Factors<E, D>,
}

impl<E: Dtype, D: TryAddScaled<E>> Operation<E, D> for AddScaled<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_add_scaled(self.to.retaped(), x, &self.factors)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        vec![flat(&self.to)]
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let factors = values(&self.factors.forward);
        let image = shape.1 * shape.2 * shape.3;
        let pairs = x.iter().zip(&parameters[0]).enumerate();
        pairs
            .map(|(i, (x, to))| to + factors[i / image] * x)
            .collect()
    }
}

/// With the same factors on both ways, so that the gradient is the sum's.
fn operation<E: Dtype, D: TryAddScaled<E>>(
    numbers: &mut Numbers,
    dev: &D,
    shape: Four,
) -> AddScaled<E, D> {
    let forward: Channels<E, D> = numbers.tensor(dev, (shape.0,));
    AddScaled {
        to: numbers.tensor(dev, shape),
        factors: Factors {
            backward: forward.clone(),
            forward,
        },
    }
}

fn add_scaled<E: Dtype, D: TryAddScaled<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(21));
    for shape in [(3, 2, 4, 5), (1, 3, 1, 1), (4, 1, 7, 3)] {
        let op = operation::<E, D>(&mut numbers, &dev, shape);
        let x = numbers.tensor(&dev, shape);
        check(&format!("{shape:?}"), &op, &x);
    }
}

fn strided<E: Dtype, D: TryAddScaled<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    for (label, x, times) in strided_images::<E, D>(&mut numbers, &dev) {
        let op = operation::<E, D>(&mut numbers, &dev, *dfdx::shapes::HasShape::shape(&x));
        check_shared(label, &op, &x, times);
    }
}

/// The gradient of `x` is that of a sum with the other factors; what comes out is not.
fn another_way_back<E: Dtype, D: TryAddScaled<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(4));
    let shape = (3, 2, 4, 4);
    let [there, back] = [(); 2].map(|()| numbers.tensor::<_, E, D>(&dev, (3,)));
    let [to, x, r] = [(); 3].map(|()| numbers.tensor::<_, E, D>(&dev, shape));
    let factors = Factors {
        forward: there.clone(),
        backward: back.clone(),
    };
    let y = D::try_add_scaled(to.leaky_trace(), x.leaky_trace(), &factors).unwrap();
    let plain = |factors: &Channels<E, D>| -> Vec<f64> {
        let (to, x, factors) = (values(&to), values(&x), values(factors));
        let sums = to.iter().zip(&x).enumerate();
        sums.map(|(i, (to, x))| to + factors[i / 32] * x).collect()
    };
    assert_close("y", &values(&y), &plain(&there), of_gradient::<E>());
    let gradients = y.try_mul(r.clone()).unwrap().sum::<(), _>().backward();
    let (r, back) = (values(&r), values(&back));
    let want: Vec<f64> = r
        .iter()
        .enumerate()
        .map(|(i, r)| back[i / 32] * r)
        .collect();
    let tolerance = of_gradient::<E>();
    assert_close("d x", &values(&gradients.get(&x)), &want, tolerance);
    assert_close("d to", &values(&gradients.get(&to)), &r, tolerance);
}

/// Both operands are one tensor, whose gradient takes both parts.
fn of_itself<E: Dtype, D: TryAddScaled<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(6));
    let x: Image<E, D> = numbers.tensor(&dev, (2, 1, 3, 3));
    let factors = Factors {
        forward: numbers.tensor(&dev, (2,)),
        backward: numbers.tensor(&dev, (2,)),
    };
    let traced = x.trace(Gradients::leaky());
    let y = D::try_add_scaled(traced, x.retaped(), &factors).unwrap();
    let gradients = y.sum::<(), _>().backward();
    let back = values(&factors.backward);
    let want: Vec<f64> = (0..18).map(|i| 1.0 + back[i / 9]).collect();
    let found = values(&gradients.get(&x));
    assert_close("d x", &found, &want, of_gradient::<E>());
}

fn misfits<E: Dtype, D: TryAddScaled<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(15));
    let image = |numbers: &mut Numbers, shape| -> Image<E, D> { numbers.tensor(&dev, shape) };
    let x = image(&mut numbers, (2, 3, 4, 4));
    let fitting = operation::<E, D>(&mut numbers, &dev, (2, 3, 4, 4));
    let short = operation::<E, D>(&mut numbers, &dev, (1, 3, 4, 4));
    let narrow = image(&mut numbers, (2, 2, 4, 4));
    for (what, to, forward, backward) in [
        ("channels", &narrow, &fitting, &fitting),
        ("factors there", &fitting.to, &short, &fitting),
        ("factors back", &fitting.to, &fitting, &short),
    ] {
        let factors = Factors {
            forward: forward.factors.forward.clone(),
            backward: backward.factors.backward.clone(),
        };
        refused(what, D::try_add_scaled(to.clone(), x.clone(), &factors));
    }
}
