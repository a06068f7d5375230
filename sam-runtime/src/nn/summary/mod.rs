//! A network layer by layer: names, shapes of what layers give, how many parameters they have, as torchinfo prints it
//! for PyTorch.
//!
//! ```
//! use sam_runtime::{dfdx::prelude::*, nn::{ResNet20, summary}};
//!
//! let dev = Cpu::default();
//! let net = dev.build_module::<ResNet20<10>, f32>();
//! let images: Tensor<Rank4<1, 3, 32, 32>, f32, _> = dev.zeros();
//! let summary = summary::of(&net, images)?;
//! println!("{summary}");
//! assert_eq!(summary.parameters(), 269_722);
//! let stem = &summary.rows[0];
//! assert_eq!((&*stem.name, stem.layer), ("conv1", Some("Conv2D")));
//! assert_eq!(stem.output, Some(vec![1, 16, 32, 32]));
//! # Ok::<(), dfdx::tensor::CpuError>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `observed` | what ran, layer by layer |
//! | `table` | the lines that are printed |

mod observed;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::UniqueId};

pub(in crate::nn) use observed::note;
use observed::{Observed, observe};

use crate::doors::walk::{self, Which};

/// A network, layer by layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The layers, in the order in which they ran.
    pub rows: Vec<Row>,
}

/// A layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What comes before the last dot in the names of its tensors, such as `layer1.0.conv2`; empty for a layer without
    /// any.
    pub name: String,
    /// Its type, where it is one of [`nn`](crate::nn) and has run.
    pub layer: Option<&'static str>,
    /// The shape of what it gave, where it is one of [`nn`](crate::nn) and has run.
    pub output: Option<Vec<usize>>,
    /// Its tensors: the last part of their names, and their shapes. Where a layer runs again, none.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Numbers that the optimizer updates.
    pub parameters: usize,
    /// Numbers that it doesn't: running statistics.
    pub buffers: usize,
    /// Multiplications, each with an addition, of convolutions and linear layers.
    pub multiplications: u64,
}

impl Summary {
    /// Numbers that the optimizer updates.
    pub fn parameters(&self) -> usize {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// Numbers that it doesn't: running statistics.
    pub fn buffers(&self) -> usize {
        self.rows.iter().map(|row| row.buffers).sum()
    }

    /// Multiplications, each with an addition, of convolutions and linear layers, for the whole batch.
    pub fn multiplications(&self) -> u64 {
        self.rows.iter().map(|row| row.multiplications).sum()
    }
}

/// The tensors of `net` by layer, and what its layers give for `x`: it runs `forward`, which changes nothing.
///
/// Layers of [`nn`](crate::nn), and so its networks, are there with the shapes that they gave, in the order in which
/// they ran; ReLU and sums are not. Layers of other crates, dfdx's among them, are there if they have tensors, without
/// the shape that they gave.
///
/// # Errors
/// The network's, for an `x` that doesn't fit.
pub fn of<M, E, D, X>(net: &M, x: X) -> Result<Summary, D::Err>
where
    M: TensorCollection<E, D> + Module<X, Error = D::Err>,
    E: Dtype,
    D: Device<E>,
{
    let (result, observed) = observe(|| net.try_forward(x));
    result?;
    summary(net, observed)
}

/// The tensors of any network by layer, without running it: see [`of`].
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::summary};
///
/// let net = Cpu::default().build_module::<(Linear<4, 8>, ReLU, Linear<8, 2>), f32>();
/// let summary = summary::of_tensors::<_, f32, Cpu>(&net)?;
/// assert_eq!(summary.rows[1].name, "2");
/// assert_eq!(summary.rows[1].tensors[0], ("weight".into(), vec![2, 8]));
/// assert_eq!(summary.parameters(), 58);
/// # Ok::<(), dfdx::tensor::CpuError>(())
/// ```
///
/// # Errors
/// The device's.
pub fn of_tensors<M, E, D>(net: &M) -> Result<Summary, D::Err>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    summary(net, Vec::new())
}

/// The tensors of one layer.
#[derive(Default)]
struct Group {
    row: Row,
    ids: Vec<UniqueId>,
    /// It has a row already.
    is_shown: bool,
}

fn summary<M, E, D>(net: &M, observed: Vec<Observed>) -> Result<Summary, D::Err>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let mut groups = groups(net)?;
    let mut rows = Vec::new();
    for layer in observed {
        let group = groups
            .iter_mut()
            .find(|group| layer.tensor.is_some_and(|id| group.ids.contains(&id)));
        let row = match group {
            None => Row::default(),
            Some(group) if group.is_shown => Row {
                name: group.row.name.clone(),
                ..Row::default()
            },
            Some(group) => {
                group.is_shown = true;
                group.row.clone()
            }
        };
        rows.push(Row {
            layer: Some(layer.layer),
            output: Some(layer.output),
            multiplications: layer.multiplications,
            ..row
        });
    }
    // What didn't run here stands behind the layer that is before it in the network.
    let mut next = 0;
    for group in groups {
        if group.is_shown {
            let shown = rows.iter().position(|row| row.name == group.row.name);
            next = shown.map_or(next, |at| at + 1);
        } else {
            rows.insert(next, group.row);
            next += 1;
        }
    }
    Ok(Summary { rows })
}

/// The tensors of `net`, put together by what comes before the last dot in their names, in the network's order.
fn groups<M, E, D>(net: &M) -> Result<Vec<Group>, D::Err>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    let parameters = walk::names::<E, D, M>(net, Which::Parameters)?;
    let parameters: HashSet<String> = parameters.into_iter().collect();
    let mut groups: Vec<Group> = Vec::new();
    walk::each_named(net, Which::All, &mut |name, tensor| {
        let (layer, field) = name.rsplit_once('.').unwrap_or(("", &name));
        if groups.last().is_none_or(|group| group.row.name != layer) {
            groups.push(Group::default());
        }
        if let Some(group) = groups.last_mut() {
            group.row.name = layer.to_owned();
            group.row.tensors.push((field.to_owned(), tensor.shape()));
            let numbers = match parameters.contains(&name) {
                true => &mut group.row.parameters,
                false => &mut group.row.buffers,
            };
            *numbers += tensor.len();
            group.ids.push(tensor.id());
        }
        Ok(())
    })?;
    Ok(groups)
}
