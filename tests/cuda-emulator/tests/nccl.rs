//! Ranks that are threads: what they sum and send, and what is wrong between them.

mod gpu;

use std::ffi::c_int;
use std::thread;

use gpu::{Buffer, begin};

#[repr(C)]
#[derive(Clone, Copy)]
struct Id([u8; 128]);

const U8: c_int = 1;
const F64: c_int = 8;
const SUM: c_int = 0;
const MAX: c_int = 2;
const MEAN: c_int = 4;

struct Rank {
    comm: u64,
    number: usize,
}

impl Rank {
    fn all_reduce(&self, at: u64, count: usize, number: c_int, op: c_int) -> c_int {
        call!(ncclAllReduce(at => u64, at => u64, count => usize, number => c_int, op => c_int, self.comm => u64,
            0 => u64))
    }
}

impl Drop for Rank {
    fn drop(&mut self) {
        call!(ncclCommAbort(self.comm => u64));
    }
}

/// What each rank returns.
fn ranks<T: Send>(size: usize, rank: impl Fn(Rank) -> T + Sync) -> Vec<T> {
    let mut id = Id([0; 128]);
    assert_eq!(call!(ncclGetUniqueId(&mut id => *mut Id)), 0);
    let run = |number: usize| {
        begin();
        let mut comm = 0;
        let made = call!(ncclCommInitRank(&mut comm => *mut u64, size as c_int => c_int, id => Id,
            number as c_int => c_int));
        assert_eq!(made, 0);
        rank(Rank { comm, number })
    };
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..size)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn sums_and_means_are_where_the_numbers_were() {
    let found = ranks(3, |rank| {
        let own = rank.number as f64;
        let sum = Buffer::of(&[own, 1.0]);
        let mean = Buffer::of(&[own, 9.0, 2.0 * own]);
        let most = Buffer::of(&[rank.number as u8, 7]);
        assert_eq!(call!(ncclGroupStart()), 0);
        assert_eq!(rank.all_reduce(sum.address, 2, F64, SUM), 0);
        assert_eq!(rank.all_reduce(mean.address, 3, F64, MEAN), 0);
        assert_eq!(rank.all_reduce(most.address, 2, U8, MAX), 0);
        // Nothing happens before the end of the group.
        assert_eq!(sum.read(), [own, 1.0]);
        assert_eq!(call!(ncclGroupEnd()), 0);
        (sum.read(), mean.read(), most.read())
    });
    for (sum, mean, most) in found {
        assert_eq!((sum, most), (vec![3.0, 3.0], vec![2, 7]));
        assert!(
            mean.iter()
                .zip([1.0, 9.0, 2.0])
                .all(|(a, b)| (a - b).abs() < 1e-15)
        );
    }
}

#[test]
fn bytes_go_from_each_to_each() {
    let found = ranks(2, |rank| {
        let own = rank.number as u8;
        let (from, to) = (Buffer::of(&[own, own + 10]), Buffer::<u8>::fresh(2));
        assert_eq!(call!(ncclGroupStart()), 0);
        for peer in 0..2 {
            let (sent, received) = (from.address + peer, to.address + peer);
            let (peer, comm) = (peer as c_int, rank.comm);
            assert_eq!(
                call!(ncclSend(sent => u64, 1 => usize, U8 => c_int, peer => c_int, comm => u64, 0 => u64)),
                0
            );
            assert_eq!(
                call!(ncclRecv(received => u64, 1 => usize, U8 => c_int, peer => c_int, comm => u64, 0 => u64)),
                0
            );
        }
        assert_eq!(call!(ncclGroupEnd()), 0);
        let all = Buffer::<u8>::fresh(4);
        assert_eq!(
            call!(ncclAllGather(from.address => u64, all.address => u64, 2 => usize, U8 => c_int,
            rank.comm => u64, 0 => u64)),
            0
        );
        assert_eq!(
            call!(ncclBroadcast(from.address => u64, from.address => u64, 2 => usize, U8 => c_int, 1 => c_int,
            rank.comm => u64, 0 => u64)),
            0
        );
        (to.read(), all.read(), from.read())
    });
    assert_eq!(found[0], (vec![0, 1], vec![0, 10, 1, 11], vec![1, 11]));
    assert_eq!(found[1], (vec![10, 11], vec![0, 10, 1, 11], vec![1, 11]));
}

#[test]
fn ranks_that_ask_for_different_things_are_told() {
    let found = ranks(2, |rank| {
        let numbers = Buffer::of(&[0.0_f64; 4]);
        let differs = rank.all_reduce(numbers.address, 3 + rank.number, F64, SUM);
        let strays = rank.all_reduce(numbers.address + 8, 4, F64, SUM);
        (differs, strays)
    });
    assert_eq!(found, [(5, 5); 2]);
}

#[test]
fn a_rank_that_gives_up_ends_those_that_wait_for_it() {
    let found = ranks(2, |rank| {
        let numbers = Buffer::of(&[1.0_f64]);
        match rank.number {
            0 => rank.all_reduce(numbers.address, 1, F64, SUM),
            _ => 0,
        }
    });
    assert_eq!(found, [6, 0]);
}
