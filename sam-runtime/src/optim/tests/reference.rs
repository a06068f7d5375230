//! Optimizers as PyTorch's documentation writes them, in f64 and for one parameter at a time.

/// The rule and its numbers, without learning rate and weight decay.
#[derive(Clone, Copy)]
pub(super) enum Formula {
    /// `torch.optim.SGD(dampening=0)`.
    Sgd { momentum: f64, nesterov: bool },
    /// `torch.optim.Adam`; with decoupled decay, `torch.optim.AdamW`.
    Adam { betas: [f64; 2], eps: f64 },
    /// `timm.optim.RMSpropTF(lr_in_momentum=False)`: squares start at 1, `eps` under the root.
    RMSprop {
        alpha: f64,
        eps: f64,
        momentum: f64,
        centered: bool,
    },
}

/// One parameter in training.
pub(super) struct Reference {
    formula: Formula,
    pub(super) p: Vec<f64>,
    buffers: [Vec<f64>; 3],
    t: i32,
}

impl Reference {
    pub(super) fn new(formula: Formula, p: Vec<f64>) -> Self {
        let zeros = vec![0.0; p.len()];
        let buffers = [zeros.clone(), zeros.clone(), zeros];
        Self {
            formula,
            p,
            buffers,
            t: 0,
        }
    }

    /// One update. `decoupled` is the kind of `weight_decay`.
    pub(super) fn update(&mut self, g: &[f64], lr: f64, weight_decay: f64, decoupled: bool) {
        self.t += 1;
        for (i, &g) in g.iter().enumerate() {
            let mut g = g;
            if decoupled {
                self.p[i] *= 1.0 - lr * weight_decay;
            } else {
                g += weight_decay * self.p[i];
            }
            self.p[i] -= lr * self.direction(i, g);
        }
    }

    fn direction(&mut self, i: usize, g: f64) -> f64 {
        let t = self.t;
        let [a, b, c] = self.buffers.each_mut().map(|buffer| &mut buffer[i]);
        match self.formula {
            Formula::Sgd { momentum, nesterov } => {
                // PyTorch's first buffer is a copy of the gradient.
                *a = if t == 1 { g } else { momentum * *a + g };
                if nesterov { g + momentum * *a } else { *a }
            }
            Formula::Adam { betas, eps } => {
                *a = betas[0] * *a + (1.0 - betas[0]) * g;
                *b = betas[1] * *b + (1.0 - betas[1]) * g * g;
                let bias = betas.map(|beta| 1.0 - beta.powi(t));
                (*a / bias[0]) / (b.sqrt() / bias[1].sqrt() + eps)
            }
            Formula::RMSprop {
                alpha,
                eps,
                momentum,
                centered,
            } => {
                let before = if t == 1 { 1.0 } else { *a };
                *a = alpha * before + (1.0 - alpha) * g * g;
                let mut variance = *a;
                if centered {
                    *b = alpha * *b + (1.0 - alpha) * g;
                    variance -= *b * *b;
                }
                *c = momentum * *c + g / (variance + eps).sqrt();
                *c
            }
        }
    }
}

/// Asserts that two lists of numbers are equal up to rounding.
#[track_caller]
pub(super) fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let off = (found - expected).abs();
        assert!(
            off <= 1e-9 * expected.abs().max(1e-3),
            "{what}: {found} is not {expected}"
        );
    }
}
