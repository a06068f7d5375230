use super::{Algebra, Method, Moment, Next, Norm, Perturbation, Vector, in_range};

/// ASAM (Kwon et al. 2021, eq. 3 and 10): the ball is measured in `|w| + eta`, weight by weight, so that what
/// it holds doesn't change where a layer is scaled up and the next one down. With `T = |w| + eta`,
/// `e = rho T^2 g / ||T g||` in the L2 norm; in others, `T` times what is dual to `T g`. Biases are
/// measured as they are (`T = 1`), as in the authors' code.
///
/// rho is larger than SAM's by about 10: the authors take 0.5 on CIFAR-10, 1.0 on CIFAR-100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asam {
    /// Added to the size of each weight; finite, not negative.
    pub eta: f64,
}

impl Default for Asam {
    /// `eta = 0.01`, the authors' value.
    fn default() -> Self {
        Self { eta: 0.01 }
    }
}

impl Method for Asam {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let g = Vector::Gradient;
        algebra.scale_by_size(g, self.eta, &is_scaled);
        let norm = algebra.dual_norm(g, moment.ball.norm);
        algebra.make_dual(g, &norm, moment.ball.rho);
        algebra.scale_by_size(g, self.eta, &is_scaled);
        Next::Last(Perturbation::vector(g))
    }

    fn check(&self, _: Norm) -> Result<(), String> {
        in_range("eta", self.eta, 0.0..)
    }
}

/// All but dfdx's biases: `bias`, and that of a layer norm, `beta`.
fn is_scaled(name: &str) -> bool {
    !matches!(name.rsplit('.').next(), Some("bias" | "beta"))
}

#[cfg(test)]
mod tests {
    use dfdx::{nn::modules, prelude::*};

    use super::*;
    use crate::{Norm, Sam};

    type Net = modules::Linear<3, 2, f64, Cpu>;
    type Batch = Tensor<Rank2<4, 3>, f64, Cpu>;
    const RHO: f64 = 0.3;

    fn start(weight: [f64; 6]) -> (Net, Batch) {
        let dev = Cpu::seed_from_u64(1);
        let mut net = dev.build_module::<Linear<3, 2>, f64>();
        net.weight.copy_from(&weight);
        net.bias.copy_from(&[0.5, -2.0]);
        (net, dev.sample_normal())
    }

    /// The gradients of the weights, and then of the biases: at `net`, or by a step from there.
    fn gradient(net: &Net, x: &Batch, sam: &Sam) -> Vec<f64> {
        let (mut net, start) = (net.clone(), net.alloc_grads());
        let grads = sam.step(&mut net, x.clone(), start, |net, x, grads| {
            net.forward_mut(x.traced(grads)).exp().mean()
        });
        let grads = grads.unwrap();
        [
            grads.get(&net.weight).as_vec(),
            grads.get(&net.bias).as_vec(),
        ]
        .concat()
    }

    #[test]
    fn it_is_the_formula_of_the_authors() {
        let (net, x) = start([0.3, -1.5, 0.0, 2.0, -0.1, 0.7]);
        let g = gradient(&net, &x, &Sam::new(0.0));
        let w = [net.weight.as_vec(), net.bias.as_vec()].concat();
        let t: Vec<f64> = w
            .iter()
            .map(|w| w.abs() + 0.01)
            .take(6)
            .chain([1.0; 2])
            .collect();
        let norm = g
            .iter()
            .zip(&t)
            .map(|(g, t)| (g * t).powi(2))
            .sum::<f64>()
            .sqrt();
        let moved = w
            .iter()
            .zip(&g)
            .zip(&t)
            .map(|((w, g), t)| w + RHO * t * t * g / norm);
        let moved: Vec<f64> = moved.collect();
        let mut at = net.clone();
        at.weight.copy_from(&moved[..6]);
        at.bias.copy_from(&moved[6..]);
        let found = gradient(&net, &x, &Sam::new(RHO).method(Asam::default()));
        for (found, expected) in found.iter().zip(gradient(&at, &x, &Sam::new(0.0))) {
            assert!(
                (found / expected - 1.0).abs() < 1e-13,
                "{found}, {expected}"
            );
        }
    }

    #[test]
    fn it_is_sam_where_all_weights_are_of_size_one() {
        let (net, x) = start([0.75, -0.75, 0.75, 0.75, -0.75, 0.75]);
        for norm in [Norm::L1, Norm::L2, Norm::LINF, Norm::new(3.0).unwrap()] {
            let sam = Sam::new(RHO).norm(norm);
            let asam = sam.clone().method(Asam { eta: 0.25 });
            assert_eq!(
                gradient(&net, &x, &asam),
                gradient(&net, &x, &sam),
                "{norm}"
            );
        }
    }
}
