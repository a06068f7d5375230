//! What a rank asks for, and what comes out.

use std::ffi::c_int;
use std::sync::Arc;

use super::status::{Failure, Status};
use crate::driver::device::Device;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// By this `ncclRedOp_t`.
    AllReduce(c_int),
    AllGather,
    /// From this rank.
    Broadcast(c_int),
    /// To this rank.
    Send(c_int),
    /// From this rank.
    Receive(c_int),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    U8,
    F32,
    F64,
}

impl Number {
    pub(super) fn of(number: c_int) -> Result<Self, Failure> {
        Ok(match number {
            1 => Self::U8,
            7 => Self::F32,
            8 => Self::F64,
            _ => {
                let what = format!("numbers of type {number} are not emulated");
                return Err(Failure::new(Status::InvalidArgument, what));
            }
        })
    }

    fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) op: Op,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) count: usize,
    pub(super) number: Number,
}

/// All calls of a group, with what each sends.
pub(super) type Said = Vec<(Call, Vec<u8>)>;

impl Call {
    fn bytes(&self) -> usize {
        self.count * self.number.size()
    }

    fn is_collective(&self) -> bool {
        !matches!(self.op, Op::Send(_) | Op::Receive(_))
    }

    fn name(&self) -> &'static str {
        match self.op {
            Op::AllReduce(_) => "ncclAllReduce",
            Op::AllGather => "ncclAllGather",
            Op::Broadcast(_) => "ncclBroadcast",
            Op::Send(_) => "ncclSend",
            Op::Receive(_) => "ncclRecv",
        }
    }

    fn in_words(&self) -> String {
        format!("{} of {} {:?}", self.name(), self.count, self.number)
    }
}

fn invalid(what: String) -> Failure {
    Failure::new(Status::InvalidUsage, what)
}

/// Reads what `calls` send.
pub(super) fn said(calls: &[Call], device: &mut Device) -> Result<Said, Failure> {
    let mut said = Said::new();
    for call in calls {
        let bytes = call.bytes();
        device
            .counts
            .nccl
            .entry(call.name())
            .or_default()
            .add(bytes);
        let mut sent = Vec::new();
        if !matches!(call.op, Op::Receive(_)) && bytes > 0 {
            sent.resize(bytes, 0);
            let read = device.memory.read(call.from, &mut sent);
            read.map_err(|error| invalid(format!("{}: {error}", call.name())))?;
            if let Some(first) = device.memory.unwritten(call.from, bytes) {
                device.counts.uninitialised_reads += 1;
                eprintln!(
                    "cuda-emulator: initcheck: {} reads byte {first:#x}, which was never written",
                    call.in_words()
                );
            }
        }
        said.push((*call, sent));
    }
    Ok(said)
}

/// Writes what `calls` of a rank receive, from what `all` ranks have said.
pub(super) fn take(
    calls: &[Call],
    rank: usize,
    all: &[Arc<Said>],
    device: &mut Device,
) -> Result<(), Failure> {
    let collectives =
        |said: &Arc<Said>| said.iter().filter(|(call, _)| call.is_collective()).count();
    let counts: Vec<usize> = all.iter().map(collectives).collect();
    if counts.iter().any(|count| *count != counts[0]) {
        return Err(invalid(format!(
            "the ranks have {counts:?} calls in a group"
        )));
    }
    let mut number = 0;
    let mut received = vec![0; all.len()];
    for call in calls {
        let result = match call.op {
            Op::Send(_) => continue,
            Op::Receive(peer) => {
                let nth = peer_of(peer, &mut received)?;
                received_from(call, rank, nth, &all[peer as usize])?
            }
            _ => {
                let parts = parts(call, number, all)?;
                number += 1;
                match call.op {
                    Op::AllReduce(reduction) => reduced(call.number, reduction, &parts)?,
                    Op::Broadcast(root) => match parts.get(root as usize) {
                        Some(part) => part.to_vec(),
                        None => return Err(invalid(format!("no rank {root}"))),
                    },
                    _ => parts.concat(),
                }
            }
        };
        if !result.is_empty() {
            let written = device.memory.write(call.to, &result);
            written.map_err(|error| invalid(format!("{}: {error}", call.name())))?;
        }
    }
    Ok(())
}

/// How many were received from this rank before.
fn peer_of(peer: c_int, received: &mut [usize]) -> Result<usize, Failure> {
    let count = received.get_mut(peer as usize);
    let count = count.ok_or_else(|| invalid(format!("no rank {peer}")))?;
    *count += 1;
    Ok(*count - 1)
}

/// What a rank has sent to `rank` as its `nth`.
fn received_from(call: &Call, rank: usize, nth: usize, said: &Said) -> Result<Vec<u8>, Failure> {
    let to_me = |(call, _): &&(Call, Vec<u8>)| call.op == Op::Send(rank as c_int);
    match said.iter().filter(to_me).nth(nth) {
        Some((sent, bytes)) if sent.bytes() == call.bytes() => Ok(bytes.clone()),
        Some((sent, _)) => Err(invalid(format!(
            "{} for {}",
            sent.in_words(),
            call.in_words()
        ))),
        None => Err(invalid(format!("nobody sends for {}", call.in_words()))),
    }
}

/// What each rank has for this collective call.
fn parts<'a>(call: &Call, number: usize, all: &'a [Arc<Said>]) -> Result<Vec<&'a [u8]>, Failure> {
    let mut parts = Vec::new();
    for said in all {
        let mut collectives = said.iter().filter(|(call, _)| call.is_collective());
        let Some((other, bytes)) = collectives.nth(number) else {
            return Err(invalid(format!("{} of some ranks only", call.in_words())));
        };
        if (other.op, other.count, other.number) != (call.op, call.count, call.number) {
            let (this, other) = (call.in_words(), other.in_words());
            return Err(invalid(format!("{this} on this rank, {other} on another")));
        }
        parts.push(&bytes[..]);
    }
    Ok(parts)
}

/// In the order of the ranks. A mean is a sum of what each rank has times its weight, as NCCL takes it.
fn reduced(number: Number, reduction: c_int, parts: &[&[u8]]) -> Result<Vec<u8>, Failure> {
    const SUM: c_int = 0;
    const MAX: c_int = 2;
    const MEAN: c_int = 4;
    macro_rules! of {
        ($T:ty, $fold:expr) => {{
            let values = |part: &[u8]| -> Vec<$T> {
                let numbers = part.chunks_exact(size_of::<$T>());
                numbers
                    .map(|bytes| <$T>::from_le_bytes(bytes.try_into().expect("so many bytes")))
                    .collect()
            };
            let mut parts = parts.iter().map(|part| values(part));
            let first = parts.next().unwrap_or_default();
            let result = parts.fold(first, |sum, part| {
                sum.into_iter().zip(part).map($fold).collect()
            });
            result.into_iter().flat_map(<$T>::to_le_bytes).collect()
        }};
    }
    macro_rules! mean {
        ($T:ty) => {{
            let weight = 1.0 / parts.len() as $T;
            let weighted: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let numbers = part.chunks_exact(size_of::<$T>());
                    numbers
                        .flat_map(|bytes| {
                            let x = <$T>::from_le_bytes(bytes.try_into().expect("so many bytes"));
                            (x * weight).to_le_bytes()
                        })
                        .collect()
                })
                .collect();
            let weighted: Vec<&[u8]> = weighted.iter().map(|part| &part[..]).collect();
            return reduced(number, SUM, &weighted);
        }};
    }
    Ok(match (number, reduction) {
        (Number::U8, MAX) => of!(u8, |(a, b)| a.max(b)),
        (Number::F32, SUM) => of!(f32, |(a, b)| a + b),
        (Number::F64, SUM) => of!(f64, |(a, b)| a + b),
        (Number::F32, MEAN) => mean!(f32),
        (Number::F64, MEAN) => mean!(f64),
        _ => {
            let what = format!("the reduction {reduction} of {number:?} is not emulated");
            return Err(Failure::new(Status::InvalidArgument, what));
        }
    })
}
