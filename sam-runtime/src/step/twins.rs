//! Copies of devices with generators of their own, so that what runs at once draws the same numbers however its threads
//! are scheduled.

use std::fmt::Debug;

use dfdx::{
    shapes::{Shape, Unit},
    tensor::{Cpu, Tensor},
};

use crate::doors::generator::{generator, generator_id, set_generator};

/// A copy of each device that it was asked for. The copy's generator begins where the device's was then.
#[derive(Debug, Default)]
pub struct Twins {
    pairs: Vec<(Cpu, Cpu)>,
    /// Whether a device that has no copy yet stands for itself.
    is_complete: bool,
}

impl Twins {
    /// `twin` for `device`.
    pub(super) fn with(device: &Cpu, twin: &Cpu) -> Self {
        Self {
            pairs: vec![(device.clone(), twin.clone())],
            is_complete: false,
        }
    }

    /// Each device, and its copy.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Cpu, &Cpu)> {
        self.pairs.iter().map(|(device, twin)| (device, twin))
    }

    /// The way back: from each copy to its device.
    pub(crate) fn back(&self) -> Self {
        Self {
            pairs: self
                .pairs()
                .map(|(device, twin)| (twin.clone(), device.clone()))
                .collect(),
            is_complete: true,
        }
    }

    /// The copy of `device`: one for all devices that share a generator.
    pub fn of(&mut self, device: &Cpu) -> Cpu {
        let id = generator_id(device);
        if let Some((_, twin)) = self.pairs().find(|(known, _)| generator_id(*known) == id) {
            return twin.clone();
        }
        if self.is_complete {
            return device.clone();
        }
        let twin = Cpu::default();
        go_on_as(&twin, device);
        self.pairs.push((device.clone(), twin.clone()));
        twin
    }
}

/// Has `twin` draw what `device` would draw next.
pub(super) fn go_on_as(twin: &Cpu, device: &Cpu) {
    if let Some(state) = generator(device) {
        set_generator(twin, &state);
    }
}

/// A batch that can be copied to other devices on the CPU: tensors, `Vec`s, options, arrays and tuples of them, numbers. For a
/// type of your own, implement it part by part.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't go to another thread with a device of its own",
    label = "a chunk that runs beside others is on a thread and a device of its own",
    note = "tensors on the CPU, numbers, and tuples, arrays, `Vec`s and `Option`s of them can; implement `sam_runtime::step::Twin` for a type of your own",
    note = "see `errors/not-for-parallel` in sam-train's guide"
)]
pub trait Twin: Clone + Send + Sync {
    /// The copy, on the twins of the devices that this is on.
    fn twin(&self, twins: &mut Twins) -> Self;
}

impl<S: Shape, E: Unit> Twin for Tensor<S, E, Cpu> {
    fn twin(&self, twins: &mut Twins) -> Self {
        self.to_device(&twins.of(self.device()))
    }
}

impl<T: Twin> Twin for Vec<T> {
    fn twin(&self, twins: &mut Twins) -> Self {
        self.iter().map(|value| value.twin(twins)).collect()
    }
}

impl<T: Twin> Twin for Option<T> {
    fn twin(&self, twins: &mut Twins) -> Self {
        self.as_ref().map(|value| value.twin(twins))
    }
}

impl<T: Twin, const N: usize> Twin for [T; N] {
    fn twin(&self, twins: &mut Twins) -> Self {
        self.each_ref().map(|value| value.twin(twins))
    }
}

macro_rules! twin_tuple {
    ($($part:ident $index:tt)*) => {
        impl<$($part: Twin),*> Twin for ($($part,)*) {
            fn twin(&self, twins: &mut Twins) -> Self {
                ($(self.$index.twin(twins),)*)
            }
        }
    };
}

twin_tuple!(T0 0);
twin_tuple!(T0 0 T1 1);
twin_tuple!(T0 0 T1 1 T2 2);
twin_tuple!(T0 0 T1 1 T2 2 T3 3);
twin_tuple!(T0 0 T1 1 T2 2 T3 3 T4 4);
twin_tuple!(T0 0 T1 1 T2 2 T3 3 T4 4 T5 5);

macro_rules! same {
    ($($type:ty)*) => {$(
        impl Twin for $type {
            fn twin(&self, _: &mut Twins) -> Self {
                self.clone()
            }
        }
    )*};
}

same!(() f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool char String &'static str);
