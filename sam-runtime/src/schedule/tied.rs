use std::ops::RangeInclusive;

/// rho, tied to the learning rate as by GSAM (Zhuang et al. 2022, eq. 6): as far between the ends of its range as the
/// learning rate is between those of its own,
/// `rho_min + (rho_max - rho_min) (lr - lr_min) / (lr_max - lr_min)`. Beyond the ends it stays at them; where the
/// learning rate does not move, it is `rho_max`.
///
/// ```
/// use sam_runtime::schedule::{Schedule, rho_of_learning_rate};
///
/// let lr = Schedule::cosine(1.6, 0.0, 1000);
/// let rho = |step| rho_of_learning_rate(lr.at(step), 0.0..=1.6, 0.02..=0.04);
/// assert_eq!((rho(0), rho(1000)), (0.04, 0.02));
/// assert!((rho(500) - 0.03).abs() < 1e-12);
/// ```
pub fn rho_of_learning_rate(
    lr: f64,
    lr_range: RangeInclusive<f64>,
    rho_range: RangeInclusive<f64>,
) -> f64 {
    let (rho_min, rho_max) = rho_range.into_inner();
    let (lr_min, lr_max) = lr_range.into_inner();
    let way = (lr - lr_min) / (lr_max - lr_min);
    match lr_max > lr_min {
        true => rho_min + (rho_max - rho_min) * way.clamp(0.0, 1.0),
        false => rho_max,
    }
}
