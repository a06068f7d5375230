//! Loads, stores and atomics: from an address to checked bytes of the host.

use super::Fault;
use super::block::Block;
use super::thread::Thread;
use crate::decode::movement::SPACE_SHIFT;
use crate::decode::op::{Address, Place};
use crate::memory::MemoryError;

/// Which way an access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Load,
    Store,
    Atomic,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Load => "a load",
            Self::Store => "a store",
            Self::Atomic => "an atomic",
        }
    }
}

impl Block<'_> {
    /// The host's pointer to `bytes` at an address. It is valid until the next access.
    #[inline]
    pub fn locate(
        &mut self,
        thread: &mut Thread,
        address: &Address,
        bytes: usize,
        kind: Kind,
    ) -> Result<*mut u8, Fault> {
        let base = thread.get(address.base);
        let at = base.wrapping_add(address.offset as u64);
        let untagged = at & ((1 << SPACE_SHIFT) - 1);
        let (place, at) = match address.place {
            Place::Generic => match at >> SPACE_SHIFT {
                1 => (Place::Shared, untagged),
                2 => (Place::Local, untagged),
                3 => (Place::Param, untagged),
                _ => (Place::Global, at),
            },
            Place::FrameLocal => (Place::Local, at.wrapping_add(thread.local_base as u64)),
            Place::FrameParam => (Place::Param, at.wrapping_add(thread.param_base as u64)),
            // Addresses of shared memory mostly have 32 bits, and so do their sums.
            Place::Shared if base <= u32::MAX.into() => (Place::Shared, at & 0xffff_ffff),
            place => (place, at),
        };
        if !bytes.is_power_of_two() || at & (bytes as u64 - 1) != 0 {
            return Err(Fault::Memory {
                kind: kind.name(),
                bytes,
                source: MemoryError::Misaligned { address: at, bytes },
            });
        }
        match place {
            Place::Global => self.global(address.site, at, bytes, kind),
            Place::Shared => within(&mut self.shared, "shared", at, bytes, kind),
            Place::Local => within(&mut thread.locals, "local", at, bytes, kind),
            _ => within(&mut thread.params, "parameter", at, bytes, kind),
        }
    }

    #[inline]
    fn global(&mut self, site: u32, at: u64, bytes: usize, kind: Kind) -> Result<*mut u8, Fault> {
        // The allocation that this instruction found the last time is mostly the right one.
        let cached = &mut self.cache[site as usize];
        if at < cached.0 || at.saturating_add(bytes as u64) > cached.1 {
            *cached = self
                .memory
                .holding(at, bytes)
                .map_err(|source| Fault::Memory {
                    kind: kind.name(),
                    bytes,
                    source,
                })?;
        }
        if kind != Kind::Store {
            self.counts.bytes_read += bytes as u64;
        }
        if kind != Kind::Load {
            self.counts.bytes_written += bytes as u64;
        }
        if self.memory.initcheck {
            self.initcheck(site, at, bytes, kind);
        }
        Ok(at as *mut u8)
    }

    #[cold]
    fn initcheck(&mut self, site: u32, at: u64, bytes: usize, kind: Kind) {
        if kind != Kind::Store
            && let Some(first) = self.memory.unwritten(at, bytes)
        {
            self.uninitialised.entry(site).or_insert(first);
        }
        if kind != Kind::Load {
            self.memory.mark_written(at, bytes);
        }
    }
}

fn within(
    memory: &mut [u8],
    space: &'static str,
    at: u64,
    bytes: usize,
    kind: Kind,
) -> Result<*mut u8, Fault> {
    let range = usize::try_from(at)
        .ok()
        .and_then(|at| memory.get_mut(at..at.checked_add(bytes)?));
    match range {
        Some(range) => Ok(range.as_mut_ptr()),
        None => Err(Fault::Space {
            kind: kind.name(),
            bytes,
            space,
            at,
            size: memory.len(),
        }),
    }
}

/// Reads `bytes` (1, 2, 4, 8) as the low bits of a register.
///
/// # Safety
/// As many bytes are readable at `at`.
#[inline(always)]
pub unsafe fn read(at: *const u8, bytes: u8) -> u64 {
    unsafe {
        match bytes {
            1 => u64::from(at.read()),
            2 => u64::from(at.cast::<u16>().read_unaligned()),
            4 => u64::from(at.cast::<u32>().read_unaligned()),
            _ => at.cast::<u64>().read_unaligned(),
        }
    }
}

/// Writes the low `bytes` (1, 2, 4, 8) of a register.
///
/// # Safety
/// As many bytes are writable at `at`.
#[inline(always)]
pub unsafe fn write(at: *mut u8, bytes: u8, value: u64) {
    unsafe {
        match bytes {
            1 => at.write(value as u8),
            2 => at.cast::<u16>().write_unaligned(value as u16),
            4 => at.cast::<u32>().write_unaligned(value as u32),
            _ => at.cast::<u64>().write_unaligned(value),
        }
    }
}
