//! Which parameters are perturbed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a parameter of this name belongs; dfdx's names, such as `0.weight`.
pub(super) type ByName = fn(&str) -> bool;

/// The parameters that a step perturbs. The norms of its ball are over these alone, and the update takes the
/// gradient of all, at the perturbed point.
///
/// `Norm` is SAM-ON (Mueller et al. 2023), whose rho is larger than SAM's by about 5 to 20.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// All.
    #[default]
    All,
    /// Scale and shift of normalisation layers: `scale` and `gamma`, and the `bias` or `beta` beside one.
    Norm,
    /// All but those and the biases: what is called `weight`, and tensors of one's own.
    Weights,
    /// Those of these names.
    #[serde(skip)]
    Named(Names),
}

/// A function of a parameter's name.
#[derive(Clone, Copy)]
pub struct Names(pub(super) ByName);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names(..)")
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Names {}

impl From<ByName> for On {
    fn from(is_perturbed: ByName) -> Self {
        Self::Named(Names(is_perturbed))
    }
}

impl On {
    /// For each parameter whether it is perturbed; `None` for all.
    pub(super) fn of(self, names: &[String]) -> Option<Vec<bool>> {
        let is_of_norm = |name: &String| {
            let (parent, own) = name.rsplit_once('.').unwrap_or(("", name));
            let beside = |own: &str| match parent {
                "" => own.to_owned(),
                _ => format!("{parent}.{own}"),
            };
            match own {
                "scale" | "gamma" => true,
                "bias" => names.contains(&beside("scale")),
                "beta" => names.contains(&beside("gamma")),
                _ => false,
            }
        };
        let is_bias = |name: &String| matches!(name.rsplit('.').next(), Some("bias" | "beta"));
        let each = |f: &dyn Fn(&String) -> bool| Some(names.iter().map(f).collect());
        match self {
            Self::All => None,
            Self::Norm => each(&is_of_norm),
            Self::Weights => each(&|name| !is_bias(name) && !is_of_norm(name)),
            Self::Named(Names(is_perturbed)) => each(&|name| is_perturbed(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_network_are_told_by_their_names() {
        let names = [
            "0.weight", "0.bias", "1.scale", "1.bias", "2.gamma", "2.beta", "scale", "bias", "mix",
        ];
        let names = names.map(str::to_owned);
        let of = |on: On| {
            let is_in = on.of(&names).unwrap();
            let named = names.iter().zip(is_in).filter(|(_, is_in)| *is_in);
            named.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(On::All.of(&names), None);
        let norm = ["1.scale", "1.bias", "2.gamma", "2.beta", "scale", "bias"];
        assert_eq!(of(On::Norm), norm);
        assert_eq!(of(On::Weights), ["0.weight", "mix"]);
        let first: ByName = |name| name.starts_with("0.");
        assert_eq!(of(first.into()), ["0.weight", "0.bias"]);
    }
}
