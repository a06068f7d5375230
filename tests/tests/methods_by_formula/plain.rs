//! The formulas of the methods on plain numbers, by nothing but gradients at given weights. No code is shared with
//! the library: vectors are `Vec<f64>`, and each method keeps its own.

/// A method, with its numbers.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Sam { steps: usize },
    SecondOrder,
    Asam { eta: f64 },
    Usam,
    Gsam { alpha: f64 },
    Wsam { gamma: f64 },
    Stable,
    Fsam { sigma: f64, lambda: f64 },
    Vasso { theta: f64 },
    Esam { beta: f64 },
    LookSam { k: u64, alpha: f64 },
    Msam { momentum: f64 },
    Sampa { lambda: f64, lr: f64 },
}

/// A method in use, on one chunk.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub(crate) rule: Rule,
    pub(crate) rho: f64,
    pub(crate) p: f64,
    /// For each number whether it is perturbed.
    pub(crate) perturbed: Vec<bool>,
    /// For each number whether ASAM measures it by its size.
    pub(crate) is_scaled: Vec<bool>,
    /// For each number whether ESAM moves it in this step: random, so the test says it.
    pub(crate) moved: Vec<bool>,
    /// Steps so far.
    pub(crate) steps: u64,
    /// What is kept from step to step.
    pub(crate) kept: Vec<f64>,
}

/// `a + c b`.
pub(crate) fn plus(a: &[f64], c: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + c * b).collect()
}

pub(crate) fn times(c: f64, a: &[f64]) -> Vec<f64> {
    a.iter().map(|a| c * a).collect()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// What of `a` is at right angles to `b`.
fn across(a: &[f64], b: &[f64]) -> Vec<f64> {
    plus(a, -dot(a, b) / dot(b, b), b)
}

fn only(a: &[f64], which: &[bool]) -> Vec<f64> {
    let keep = |(a, which): (&f64, &bool)| if *which { *a } else { 0.0 };
    a.iter().zip(which).map(keep).collect()
}

impl Plain {
    /// The `e` of the paper's eq. 2 for the perturbed part of `v`.
    fn dual(&self, v: &[f64]) -> Vec<f64> {
        let v = only(v, &self.perturbed);
        if v.iter().all(|x| *x == 0.0) {
            return v;
        }
        sam_tests::perturbation(&v, self.p, self.rho)
    }

    /// The gradient that the update takes, where the loop's weights are `w`.
    pub(crate) fn update(&mut self, w: &[f64], grad: &dyn Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        if self.kept.is_empty() {
            self.kept = vec![0.0; w.len()];
        }
        let is_first = self.steps == 0;
        let at = |e: &[f64]| grad(&plus(w, 1.0, e));
        let result = match self.rule.clone() {
            Rule::Sam { steps } => {
                let mut e = vec![0.0; w.len()];
                for _ in 0..steps {
                    e = plus(&e, 1.0, &self.dual(&at(&e)));
                    let size = sam_tests::norm(&e, self.p);
                    e = times((self.rho / size).min(1.0), &e);
                }
                at(&e)
            }
            Rule::SecondOrder => {
                let g = grad(w);
                let adv = at(&self.dual(&g));
                let of_e = only(&g, &self.perturbed);
                let v = across(&only(&adv, &self.perturbed), &of_e);
                // H v, of fourth order.
                let h = 1e-3 / length(&v);
                let g = |c: f64| grad(&plus(w, c * h, &v));
                let near = plus(&g(1.0), -1.0, &g(-1.0));
                let far = plus(&g(2.0), -1.0, &g(-2.0));
                let product = times(1.0 / (12.0 * h), &plus(&times(8.0, &near), -1.0, &far));
                plus(&adv, self.rho / length(&of_e), &product)
            }
            Rule::Asam { eta } => {
                let size = |(w, is_scaled): (&f64, &bool)| match is_scaled {
                    true => w.abs() + eta,
                    false => 1.0,
                };
                let t: Vec<f64> = w.iter().zip(&self.is_scaled).map(size).collect();
                let by = |v: &[f64]| -> Vec<f64> { v.iter().zip(&t).map(|(v, t)| v * t).collect() };
                at(&by(&self.dual(&by(&grad(w)))))
            }
            Rule::Usam => at(&times(self.rho, &only(&grad(w), &self.perturbed))),
            Rule::Gsam { alpha } => {
                let g = grad(w);
                let adv = at(&self.dual(&g));
                plus(&adv, -alpha, &across(&g, &adv))
            }
            Rule::Wsam { gamma } => {
                let g = grad(w);
                let adv = at(&self.dual(&g));
                // L + gamma/(1-gamma) (L_SAM - L)
                plus(&g, gamma / (1.0 - gamma), &plus(&adv, -1.0, &g))
            }
            Rule::Stable => {
                let g = grad(w);
                let adv = at(&self.dual(&g));
                times(length(&g) / length(&adv), &adv)
            }
            Rule::Fsam { sigma, lambda } => {
                let g = grad(w);
                let (d, m) = match is_first {
                    true => (g.clone(), g),
                    false => (
                        plus(&g, -sigma, &self.kept),
                        plus(&times(lambda, &self.kept), 1.0 - lambda, &g),
                    ),
                };
                self.kept = m;
                at(&self.dual(&d))
            }
            Rule::Vasso { theta } => {
                let g = grad(w);
                self.kept = match is_first {
                    true => g,
                    false => plus(&times(1.0 - theta, &self.kept), theta, &g),
                };
                at(&self.dual(&self.kept))
            }
            Rule::Esam { beta } => {
                let g = only(&grad(w), &self.moved);
                at(&times(1.0 / beta, &self.dual(&g)))
            }
            Rule::LookSam { k, alpha } => {
                let g = grad(w);
                if self.steps.is_multiple_of(k) {
                    let adv = at(&self.dual(&g));
                    self.kept = across(&adv, &g);
                    adv
                } else {
                    plus(&g, alpha * length(&g) / length(&self.kept), &self.kept)
                }
            }
            Rule::Msam { momentum } => {
                let g = at(&times(-1.0, &self.dual(&self.kept)));
                self.kept = plus(&times(momentum, &self.kept), 1.0, &g);
                g
            }
            Rule::Sampa { lambda, lr } => {
                // In the loop's weights, u = x + lr lambda d; the paper's own x and y are in `trained`.
                let lambda_now = if is_first { 0.0 } else { lambda };
                let to_y = only(&times(lr, &self.kept), &self.perturbed);
                let d = at(&to_y);
                let to_x = only(&times(-lr * lambda_now, &d), &self.perturbed);
                let a = at(&plus(&to_x, 1.0, &self.dual(&d)));
                self.kept = plus(&times(1.0 - lambda, &a), -1.0, &d);
                plus(&times(1.0 - lambda, &a), lambda_now, &d)
            }
        };
        self.steps += 1;
        result
    }
}
