//! What the lanes of a warp do together: shuffles, votes, matches, reductions.

use super::Fault;
use super::block::Block;
use super::thread::{State, Thread};
use crate::decode::mask;
use crate::decode::op::{Op, Shuffle, Together, Vote};

/// Lanes of a warp.
pub const WARP: usize = 32;

impl Block<'_> {
    fn waits_for<'a>(&'a self, t: &Thread) -> Option<(&'a Together, u32)> {
        if t.state != State::Together {
            return None;
        }
        let code = &self.program.functions[t.function as usize].code;
        match &code[t.pc as usize - 1].op {
            Op::Together { what, mask } => Some((what, t.get(*mask) as u32)),
            _ => None,
        }
    }

    /// Lets one group of lanes that all wait for each other go on. False if there is none.
    ///
    /// # Errors
    /// The lane and its fault.
    pub fn meet(&self, warp: &mut [Thread]) -> Result<bool, (usize, Fault)> {
        for first in 0..warp.len() {
            let Some((&what, mask)) = self.waits_for(&warp[first]) else {
                continue;
            };
            let same_place = |t: &Thread| {
                t.state == State::Together
                    && (t.function, t.pc) == (warp[first].function, warp[first].pc)
            };
            let members: Vec<usize> = if let Together::Active { .. } = what {
                (0..warp.len()).filter(|l| same_place(&warp[*l])).collect()
            } else {
                if mask >> first & 1 == 0 {
                    let lane = first as u32;
                    return Err((first, Fault::Mask { lane, mask }));
                }
                // Lanes that have ended, or that the block does not have, are not waited for.
                let named = (0..warp.len()).filter(|l| mask >> l & 1 == 1);
                named.filter(|l| warp[*l].state != State::Done).collect()
            };
            let all_here = members.iter().all(|l| match self.waits_for(&warp[*l]) {
                Some((other, its_mask)) => its_mask == mask && alike(&what, other),
                None => false,
            });
            if all_here {
                self.exchange(warp, &members);
                for lane in members {
                    warp[lane].state = State::Ready;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Each lane's own instruction says its slots: they may be copies of one another.
    fn exchange(&self, warp: &mut [Thread], members: &[usize]) {
        let own: Vec<(usize, Together)> = members
            .iter()
            .filter_map(|l| Some((*l, *self.waits_for(&warp[*l])?.0)))
            .collect();
        let bits = |of: &dyn Fn(&Thread, &Together) -> bool| {
            own.iter().fold(0u32, |all, (lane, what)| {
                all | u32::from(of(&warp[*lane], what)) << lane
            })
        };
        let here = bits(&|_, _| true);
        let mut results: Vec<(usize, u32, u64)> = Vec::new();
        match own.first() {
            Some((_, Together::Vote { .. })) => {
                let holds = bits(&|t, what| match what {
                    Together::Vote { p, negated, .. } => (t.get(*p) != 0) != *negated,
                    _ => false,
                });
                for (lane, what) in &own {
                    if let Together::Vote { kind, d, .. } = what {
                        let value = match kind {
                            Vote::All => u64::from(holds == here),
                            Vote::Any => u64::from(holds != 0),
                            Vote::Uniform => u64::from(holds == here || holds == 0),
                            Vote::Ballot => holds.into(),
                        };
                        results.push((*lane, *d, value));
                    }
                }
            }
            Some((_, Together::Reduce { .. })) => {
                let mut values = own.iter().filter_map(|(lane, what)| match what {
                    Together::Reduce { a, f, .. } => Some((warp[*lane].get(*a), *f)),
                    _ => None,
                });
                let begin = values.next().map_or(0, |v| v.0);
                let value = values.fold(begin, |all, (v, f)| f(all, v));
                for (lane, what) in &own {
                    if let Together::Reduce { d, .. } = what {
                        results.push((*lane, *d, value));
                    }
                }
            }
            _ => {
                for (lane, what) in &own {
                    match what {
                        Together::Active { d } => results.push((*lane, *d, here.into())),
                        Together::Match { all, of, d, p, a } => {
                            let ones = mask(*of);
                            let mine = warp[*lane].get(*a) & ones;
                            let equal = bits(&|t, what| match what {
                                Together::Match { a, .. } => t.get(*a) & ones == mine,
                                _ => false,
                            });
                            let same = equal == here;
                            let value = if *all && !same { 0 } else { equal };
                            results.push((*lane, *d, value.into()));
                            results.push((*lane, *p, u64::from(same)));
                        }
                        Together::Shuffle {
                            kind, d, p, b, c, ..
                        } => {
                            let t = &warp[*lane];
                            let (from, inside) = source(*kind, *lane as u32, t.get(*b), t.get(*c));
                            let sender = own.iter().find(|(l, _)| *l == from as usize);
                            let value = match sender {
                                Some((l, Together::Shuffle { a, .. })) => warp[*l].get(*a),
                                // From a lane that is not there: unspecified, so made visible.
                                _ => u32::MAX.into(),
                            };
                            results.push((*lane, *d, value & 0xffff_ffff));
                            results.push((*lane, *p, u64::from(inside)));
                        }
                        _ => {}
                    }
                }
            }
        }
        for (lane, slot, value) in results {
            warp[lane].set(slot, value);
        }
    }
}

fn alike(a: &Together, b: &Together) -> bool {
    match (a, b) {
        (Together::Shuffle { kind: a, .. }, Together::Shuffle { kind: b, .. }) => a == b,
        (Together::Vote { kind: a, .. }, Together::Vote { kind: b, .. }) => a == b,
        (Together::Reduce { f: a, .. }, Together::Reduce { f: b, .. }) => {
            std::ptr::fn_addr_eq(*a, *b)
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// The lane that `shfl` reads from, and its predicate.
fn source(kind: Shuffle, lane: u32, b: u64, c: u64) -> (u32, bool) {
    let b = b as u32 & 31;
    let clamp = c as u32 & 31;
    let segment = c as u32 >> 8 & 31;
    let most = (lane & segment) | (clamp & !segment);
    let least = lane & segment;
    let (from, inside) = match kind {
        Shuffle::Up => (lane.wrapping_sub(b), lane as i32 - b as i32 >= most as i32),
        Shuffle::Down => (lane + b, lane + b <= most),
        Shuffle::Butterfly => (lane ^ b, lane ^ b <= most),
        Shuffle::Index => {
            let from = least | (b & !segment);
            (from, from <= most)
        }
    };
    (if inside { from } else { lane }, inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_whole_warps_and_of_segments() {
        // __shfl_down_sync(m, v, 4): c = 0x1f.
        assert_eq!(source(Shuffle::Down, 3, 4, 0x1f), (7, true));
        assert_eq!(source(Shuffle::Down, 30, 4, 0x1f), (30, false));
        // __shfl_up_sync: c = 0.
        assert_eq!(source(Shuffle::Up, 3, 1, 0), (2, true));
        assert_eq!(source(Shuffle::Up, 0, 1, 0), (0, false));
        // Width 8: c = (32 - 8) << 8 | 0x1f.
        assert_eq!(source(Shuffle::Index, 19, 2, 0x181f), (18, true));
        assert_eq!(source(Shuffle::Down, 15, 1, 0x181f), (15, false));
        assert_eq!(source(Shuffle::Butterfly, 9, 4, 0x181f), (13, true));
    }
}
