//! The one visitor, and what it meets in each walk.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{Each, EachNamed, EachNamedMut, EachPair, Which};

/// A way to meet a tensor of any shape.
pub(super) trait Meet<E: Dtype, D: Device<E>> {
    type Viewer: TensorViewer;
    fn meet<S: Shape>(
        &mut self,
        view: View<'_, Self::Viewer, Tensor<S, E, D>>,
    ) -> Result<(), D::Err>;
}

pub(super) type View<'a, V, M> = <V as TensorViewer>::View<'a, M>;

/// The view and the visitor live equally long, because dfdx has it so.
pub(super) fn walk<'a, E: Dtype, D: Device<E>, M: TensorCollection<E, D>, F: Meet<E, D>>(
    view: View<'a, F::Viewer, M>,
    f: &'a mut Visitor<F>,
) -> Result<(), D::Err> {
    M::iter_tensors(&mut RecursiveWalker { m: view, f })?;
    Ok(())
}

pub(super) struct Visitor<F>(pub(super) Which, pub(super) F);

impl<E: Dtype, D: Device<E>, F: Meet<E, D>> TensorVisitor<E, D> for Visitor<F> {
    type Viewer = F::Viewer;
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        view: View<'_, F::Viewer, Tensor<S, E, D>>,
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        let is_met = match self.0 {
            Which::All => true,
            Which::Parameters => options.do_gradient_update,
            Which::Buffers => !options.do_gradient_update,
        };
        if is_met {
            self.1.meet(view)?;
        }
        Ok(None)
    }
}

impl<E: Dtype, D: Device<E>> Meet<E, D> for Each<'_, E, D> {
    type Viewer = ViewTensorRef;
    fn meet<S: Shape>(&mut self, t: &Tensor<S, E, D>) -> Result<(), D::Err> {
        self(t)
    }
}

pub(super) struct Names(pub(super) Vec<String>);

impl<E: Dtype, D: Device<E>> Meet<E, D> for Names {
    type Viewer = ViewTensorName;
    fn meet<S: Shape>(&mut self, name: String) -> Result<(), D::Err> {
        self.0.push(name);
        Ok(())
    }
}

impl<E: Dtype, D: Device<E>> Meet<E, D> for EachNamed<'_, E, D> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    fn meet<S: Shape>(&mut self, (t, name): (&Tensor<S, E, D>, String)) -> Result<(), D::Err> {
        self(name, t)
    }
}

impl<E: Dtype, D: Device<E>> Meet<E, D> for EachNamedMut<'_, E, D> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    fn meet<S: Shape>(&mut self, (t, name): (&mut Tensor<S, E, D>, String)) -> Result<(), D::Err> {
        self(name, t)
    }
}

impl<E: Dtype, D: Device<E>> Meet<E, D> for EachPair<'_, E, D> {
    type Viewer = (ViewTensorMut, ViewTensorRef);
    fn meet<S: Shape>(
        &mut self,
        mut pair: (&mut Tensor<S, E, D>, &Tensor<S, E, D>),
    ) -> Result<(), D::Err> {
        self(&mut pair)
    }
}
