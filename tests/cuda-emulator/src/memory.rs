//! The device's memory: host memory behind a table of allocations. Every access is looked up in
//! the table; red zones keep allocations apart, and freed ones stay unused for a while, so that a
//! stray or stale pointer finds nothing.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::{BTreeMap, VecDeque};

/// What the device says it has: 16 GiB.
pub const TOTAL: usize = 16 << 30;
/// Bytes around each allocation that belong to nobody.
const RED_ZONE: usize = 256;
/// As the driver's, allocations begin at multiples of this.
const ALIGN: usize = 256;
/// Fresh memory holds this: as floats NaN, as indices far out of range.
pub const FRESH: u8 = 0xff;
/// Freed bytes that are kept from reuse.
const QUARANTINE: usize = 64 << 20;

/// Why an access is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    #[error("{bytes} bytes at {address:#x} are not within one allocation{hint}")]
    Outside {
        address: u64,
        bytes: usize,
        /// The nearest allocation, in words.
        hint: String,
    },
    #[error("{bytes} bytes at {address:#x} are not aligned to their size")]
    Misaligned { address: u64, bytes: usize },
    #[error("{address:#x} is not the begin of a live allocation{hint}")]
    NotAllocated { address: u64, hint: String },
    #[error("no memory for {bytes} bytes: {used} of {TOTAL} are in use")]
    Exhausted { bytes: usize, used: usize },
}

struct Block {
    len: usize,
    base: *mut u8,
    layout: Layout,
    /// Which bytes were ever written; None where that is not watched.
    written: Option<Vec<bool>>,
}

// The pointer is owned by the table, and the table is behind a lock.
unsafe impl Send for Block {}

/// The table of allocations.
#[derive(Default)]
pub struct Memory {
    live: BTreeMap<u64, Block>,
    freed: VecDeque<(u64, Block)>,
    freed_bytes: usize,
    used: usize,
    /// Watch for reads of bytes that were never written.
    pub initcheck: bool,
}

impl Memory {
    /// A memory that watches, or does not, for reads of bytes that were never written.
    pub fn new(initcheck: bool) -> Self {
        let mut memory = Self::default();
        memory.initcheck = initcheck;
        memory
    }

    /// Bytes in live allocations.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The number of live allocations.
    pub fn allocations(&self) -> usize {
        self.live.len()
    }

    /// Allocates `len` bytes, filled with [`FRESH`]; returns their address.
    pub fn allocate(&mut self, len: usize) -> Result<u64, MemoryError> {
        let exhausted = MemoryError::Exhausted {
            bytes: len,
            used: self.used,
        };
        if len == 0 || len > TOTAL - self.used {
            return Err(exhausted);
        }
        let Ok(layout) = Layout::from_size_align(len + 2 * RED_ZONE, ALIGN) else {
            return Err(exhausted);
        };
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            return Err(exhausted);
        }
        // SAFETY: `base` has as many bytes.
        unsafe { base.write_bytes(FRESH, layout.size()) };
        let address = base as u64 + RED_ZONE as u64;
        let block = Block {
            len,
            base,
            layout,
            written: self.initcheck.then(|| vec![false; len]),
        };
        self.live.insert(address, block);
        self.used += len;
        Ok(address)
    }

    /// Frees an allocation by its address.
    pub fn free(&mut self, address: u64) -> Result<(), MemoryError> {
        let Some(block) = self.live.remove(&address) else {
            let hint = self.hint(address);
            return Err(MemoryError::NotAllocated { address, hint });
        };
        self.used -= block.len;
        self.freed_bytes += block.layout.size();
        self.freed.push_back((address, block));
        while self.freed_bytes > QUARANTINE {
            let Some((_, old)) = self.freed.pop_front() else {
                break;
            };
            self.freed_bytes -= old.layout.size();
            // SAFETY: allocated with this layout, and no longer in the table.
            unsafe { dealloc(old.base, old.layout) };
        }
        Ok(())
    }

    /// The allocation (begin, end) that holds all of `bytes` at `address`.
    pub fn holding(&self, address: u64, bytes: usize) -> Result<(u64, u64), MemoryError> {
        if let Some((&begin, block)) = self.live.range(..=address).next_back() {
            let end = begin + block.len as u64;
            if address < end && bytes as u64 <= end - address {
                return Ok((begin, end));
            }
        }
        Err(MemoryError::Outside {
            address,
            bytes,
            hint: self.hint(address),
        })
    }

    /// The nearest allocation in words, if one is near; a live one rather than a freed one.
    fn hint(&self, address: u64) -> String {
        let below = self.live.range(..=address).next_back();
        let above = self.live.range(address..).next();
        let live = below.into_iter().chain(above);
        let live = live.map(|(begin, block)| (*begin, block.len, ""));
        let freed = self.freed.iter().rev();
        let freed = freed.map(|(begin, block)| (*begin, block.len, ", freed"));
        let distance = |begin: u64, len: usize| match begin.checked_sub(address) {
            Some(before) => before,
            None => address.saturating_add(1).saturating_sub(begin + len as u64),
        };
        let nearest = live
            .chain(freed)
            .min_by_key(|(begin, len, _)| distance(*begin, *len))
            .filter(|(begin, len, _)| distance(*begin, *len) < 4096);
        let Some((begin, len, state)) = nearest else {
            return String::new();
        };
        let end = begin + len as u64;
        let place = match address {
            _ if address < begin => format!("{} bytes before the begin of", begin - address),
            _ if address < end => format!("{} bytes into", address - begin),
            _ => format!("{} bytes past the end of", address - end),
        };
        format!(": {place} an allocation of {len} bytes{state}")
    }

    /// Notes that these bytes were written.
    pub fn mark_written(&mut self, address: u64, bytes: usize) {
        if let Some((&begin, block)) = self.live.range_mut(..=address).next_back()
            && let Some(written) = &mut block.written
        {
            let from = ((address - begin) as usize).min(written.len());
            let to = (from + bytes).min(written.len());
            written[from..to].fill(true);
        }
    }

    /// The first of these bytes that was never written, if one is watched and was not.
    pub fn unwritten(&self, address: u64, bytes: usize) -> Option<u64> {
        let (&begin, block) = self.live.range(..=address).next_back()?;
        let written = block.written.as_ref()?;
        let from = (address - begin) as usize;
        let to = (from + bytes).min(written.len());
        let at = written.get(from..to)?.iter().position(|w| !w)?;
        Some(address + at as u64)
    }

    /// Copies within the device; what was never written stays so. Overlaps are fine.
    pub fn copy(&mut self, to: u64, from: u64, bytes: usize) -> Result<(), MemoryError> {
        self.holding(from, bytes)?;
        self.holding(to, bytes)?;
        // SAFETY: both ranges are live.
        unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) };
        if self.initcheck {
            let written: Vec<bool> = (0..bytes as u64)
                .map(|i| self.unwritten(from + i, 1).is_none())
                .collect();
            if let Some((&begin, block)) = self.live.range_mut(..=to).next_back()
                && let Some(own) = &mut block.written
            {
                let at = (to - begin) as usize;
                own[at..at + bytes].copy_from_slice(&written);
            }
        }
        Ok(())
    }

    /// Writes bytes from the host.
    pub fn write(&mut self, to: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        self.holding(to, bytes.len())?;
        // SAFETY: the range is live, and no host slice lies in it.
        unsafe { std::ptr::copy(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        self.mark_written(to, bytes.len());
        Ok(())
    }

    /// Reads bytes to the host.
    pub fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), MemoryError> {
        self.holding(from, bytes.len())?;
        // SAFETY: as above.
        unsafe { std::ptr::copy(from as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let live = std::mem::take(&mut self.live).into_values();
        let freed = std::mem::take(&mut self.freed).into_iter().map(|(_, b)| b);
        for block in live.chain(freed) {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(block.base, block.layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_must_lie_in_one_live_allocation() {
        let mut memory = Memory::default();
        let a = memory.allocate(100).unwrap();
        assert_eq!(a % 256, 0);
        assert!(memory.holding(a, 100).is_ok());
        assert!(memory.holding(a + 96, 4).is_ok());
        let past = memory.holding(a + 97, 4).unwrap_err().to_string();
        assert!(
            past.contains("97 bytes into an allocation of 100"),
            "{past}"
        );
        assert!(memory.holding(a - 1, 1).is_err());
        assert!(memory.holding(u64::MAX, 8).is_err());
        assert!(memory.holding(0, 8).is_err());
        memory.free(a).unwrap();
        let stale = memory.holding(a, 4).unwrap_err().to_string();
        assert!(stale.contains("freed"), "{stale}");
        assert!(memory.free(a).is_err());
    }

    #[test]
    fn fresh_memory_is_nan_and_freed_memory_does_not_return_at_once() {
        let mut memory = Memory::default();
        let a = memory.allocate(4).unwrap();
        let mut bytes = [0; 4];
        memory.read(a, &mut bytes).unwrap();
        assert!(f32::from_le_bytes(bytes).is_nan());
        memory.free(a).unwrap();
        assert_ne!(memory.allocate(4).unwrap(), a);
    }

    #[test]
    fn unwritten_bytes_are_known_and_copies_keep_them_so() {
        let mut memory = Memory::new(true);
        let a = memory.allocate(8).unwrap();
        let b = memory.allocate(8).unwrap();
        memory.write(a, &[1, 2, 3]).unwrap();
        assert_eq!(memory.unwritten(a, 8), Some(a + 3));
        memory.copy(b, a, 8).unwrap();
        assert_eq!(memory.unwritten(b, 3), None);
        assert_eq!(memory.unwritten(b, 4), Some(b + 3));
    }

    #[test]
    fn an_impossible_size_is_refused() {
        let mut memory = Memory::default();
        assert!(memory.allocate(0).is_err());
        assert!(memory.allocate(TOTAL + 1).is_err());
        assert!(memory.allocate(usize::MAX).is_err());
        assert_eq!((memory.used(), memory.allocations()), (0, 0));
    }
}
