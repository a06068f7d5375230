//! The graph that layers write themselves into.

use std::collections::HashSet;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, HasShape, Shape},
    tensor::Tensor,
};

use super::{OnnxError, proto::*};
use crate::named::{HostDtype, HostTensor, Refused, in_file};

/// Something that is computed: an input of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub(super) name: String,
    shape: Vec<usize>,
}

impl Value {
    /// Its name in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its sizes without the batch's, which comes first and is any. Of a tensor of the network, all of them.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// A constant of a node, such as the stride of a convolution.
#[derive(Clone, Debug)]
pub struct Attribute(AttributeProto);

impl Attribute {
    fn of_kind(name: &str, kind: i32) -> AttributeProto {
        AttributeProto {
            name: Some(name.into()),
            r#type: Some(kind),
            ..Default::default()
        }
    }

    /// A whole number.
    pub fn int(name: &str, value: i64) -> Self {
        let i = Some(value);
        Self(AttributeProto {
            i,
            ..Self::of_kind(name, attribute_type::INT)
        })
    }

    /// Whole numbers.
    pub fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> Self {
        let ints = values.into_iter().map(size).collect();
        Self(AttributeProto {
            ints,
            ..Self::of_kind(name, attribute_type::INTS)
        })
    }

    /// A number.
    pub fn float(name: &str, value: f64) -> Self {
        let f = Some(value as f32);
        Self(AttributeProto {
            f,
            ..Self::of_kind(name, attribute_type::FLOAT)
        })
    }

    /// A text.
    pub fn string(name: &str, value: &str) -> Self {
        let s = Some(value.as_bytes().to_vec());
        Self(AttributeProto {
            s,
            ..Self::of_kind(name, attribute_type::STRING)
        })
    }
}

/// A graph while layers write themselves into it: nodes, the operators of ONNX, one behind the other, and the network's
/// tensors under the names that they have in [weight files](crate::nn::weights).
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
    names: HashSet<String>,
    /// The layers that the one that writes is a part of.
    scope: Vec<String>,
    element: HostDtype,
}

const INPUT: &str = "input";
const OUTPUT: &str = "output";

impl Graph {
    pub(super) fn new(element: HostDtype) -> Self {
        Self {
            nodes: Vec::new(),
            tensors: Vec::new(),
            names: HashSet::from([INPUT.to_owned(), OUTPUT.to_owned()]),
            scope: Vec::new(),
            element,
        }
    }

    pub(super) fn input(shape: &[usize]) -> Value {
        Value {
            name: INPUT.into(),
            shape: shape.into(),
        }
    }

    /// What `write` writes belongs to the part of this layer that has this name: the tensors' names begin with it.
    pub fn within<R>(&mut self, name: &str, write: impl FnOnce(&mut Self) -> R) -> R {
        self.scope.push(name.into());
        let result = write(self);
        self.scope.pop();
        result
    }

    /// A tensor of the layer that writes, called as in [`TensorCollection`](dfdx::nn::TensorCollection); `scale` becomes
    /// PyTorch's `weight`, as in weight files.
    ///
    /// # Errors
    /// [`OnnxError::SameName`], [`OnnxError::Elements`].
    pub fn tensor<S: Shape, E: Dtype, D: Device<E>>(
        &mut self,
        name: &str,
        tensor: &Tensor<S, E, D>,
    ) -> Result<Value, OnnxError> {
        let shape: Vec<usize> = tensor.shape().concrete().into();
        let host = HostTensor::of(shape, tensor.as_vec()).map_err(elements::<E>)?;
        let name = in_file(self.full(name));
        if !self.names.insert(name.clone()) {
            return Err(OnnxError::SameName { name });
        }
        Ok(self.hold(name, data_type_of(host.dtype), host.shape, host.bytes))
    }

    /// A number, of the network's type of elements.
    pub fn number(&mut self, value: f64) -> Value {
        self.numbers(&[], &[value])
    }

    /// Numbers of this shape, row by row, of the network's type of elements.
    pub fn numbers(&mut self, shape: &[usize], values: &[f64]) -> Value {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let host = HostTensor {
            dtype: HostDtype::F64,
            shape: shape.into(),
            bytes,
        };
        let host = host.cast(self.element);
        let name = self.unused("constant");
        self.hold(name, data_type_of(host.dtype), host.shape, host.bytes)
    }

    /// Whole numbers in a row: shapes, axes and the like.
    pub fn integers(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let name = self.unused("integers");
        self.hold(name, data_type::INT64, vec![values.len()], bytes)
    }

    /// A node: this operator of ONNX, its inputs and constants, and the sizes of what it gives, without the batch's.
    ///
    /// The operators are described at [onnx.ai](https://onnx.ai/onnx/operators/); they are those of version
    /// [`OPSET`](super::OPSET).
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = Attribute>,
        shape: impl Into<Vec<usize>>,
    ) -> Value {
        let name = self.unused(operator);
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|value| value.name.clone()).collect(),
            output: vec![name.clone()],
            name: Some(name.clone()),
            op_type: Some(operator.into()),
            attribute: attributes
                .into_iter()
                .map(|attribute| attribute.0)
                .collect(),
        });
        Value {
            name,
            shape: shape.into(),
        }
    }

    /// A node of one input, which keeps its shape.
    pub fn map(&mut self, operator: &str, x: &Value) -> Value {
        self.node(operator, &[x], [], x.shape.clone())
    }

    /// The sum of two values of one shape.
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], [], a.shape.clone())
    }

    /// The graph from its input to `last`, which becomes its output.
    pub(super) fn finish(mut self, input: &Value, mut last: Value) -> GraphProto {
        // A network may give what it is given, or a value that others use, too.
        let makes = |node: &NodeProto| node.output.first() == Some(&last.name);
        match self.nodes.iter_mut().find(|node| makes(node)) {
            Some(node) => node.output = vec![OUTPUT.into()],
            None => {
                self.node("Identity", &[&last], [], last.shape.clone());
                let node = self.nodes.last_mut().expect("the one that was put there");
                node.output = vec![OUTPUT.into()];
            }
        }
        for used in self.nodes.iter_mut().flat_map(|node| &mut node.input) {
            if *used == last.name && last.name != input.name {
                *used = OUTPUT.into();
            }
        }
        last.name = OUTPUT.into();
        let element = data_type_of(self.element);
        GraphProto {
            node: self.nodes,
            name: Some("network".into()),
            initializer: self.tensors,
            input: vec![about(input, element)],
            output: vec![about(&last, element)],
        }
    }

    fn hold(&mut self, name: String, kind: i32, shape: Vec<usize>, bytes: Vec<u8>) -> Value {
        self.tensors.push(TensorProto {
            dims: shape.iter().copied().map(size).collect(),
            data_type: Some(kind),
            name: Some(name.clone()),
            raw_data: Some(bytes),
        });
        Value { name, shape }
    }

    fn full(&self, name: &str) -> String {
        let mut parts = self.scope.clone();
        parts.push(name.into());
        parts.join(".")
    }

    /// A name that nothing has.
    fn unused(&mut self, name: &str) -> String {
        let first = self.full(name);
        let others = (2..).map(|i| format!("{first}_{i}"));
        let mut all = std::iter::once(first.clone()).chain(others);
        let name = all.find(|name| !self.names.contains(name));
        let name = name.expect("numbers don't end");
        self.names.insert(name.clone());
        name
    }
}

pub(super) fn elements<E>(refused: Refused) -> OnnxError {
    let dtype = match refused {
        Refused::Unsupported { dtype } => dtype,
        _ => std::any::type_name::<E>(),
    };
    OnnxError::Elements { dtype }
}

fn data_type_of(element: HostDtype) -> i32 {
    match element {
        HostDtype::F16 => data_type::FLOAT16,
        HostDtype::F32 => data_type::FLOAT,
        HostDtype::F64 => data_type::DOUBLE,
    }
}

/// A size in ONNX's type; none is as large as that.
pub(super) fn size(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// What a value is, with a batch of any size.
fn about(value: &Value, element: i32) -> ValueInfoProto {
    let batch = Size::Param("batch".into());
    let sizes = value.shape.iter().map(|n| Size::Value(size(*n)));
    let dim = std::iter::once(batch)
        .chain(sizes)
        .map(|value| Dimension { value: Some(value) });
    ValueInfoProto {
        name: Some(value.name.clone()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(element),
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
    }
}
