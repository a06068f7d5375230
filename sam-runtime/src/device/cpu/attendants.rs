//! Threads of rayon's that stay awake for a moment behind a task, since the next one mostly follows.
//!
//! A training step has dozens of operations of some ten to some hundred microseconds, and to wake a sleeping thread takes
//! some ten of them, more on a virtual machine. OpenMP's threads spin between two of its loops for that reason; rayon's
//! fall asleep at once. So what is spawned on rayon's pool here is an attendant: it takes tasks from a board until none has
//! been there for [`PATIENCE`]. It lets rayon's own jobs run meanwhile, and other threads where cores are few.
#![allow(unsafe_code)]

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr::null_mut,
    sync::{
        Mutex, TryLockError,
        atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// How long an attendant waits for the next tasks.
const PATIENCE: Duration = Duration::from_micros(200);

/// How long of that it doesn't offer its core to others.
const ALERT: Duration = Duration::from_micros(20);

/// Seats of attendants. More threads than these don't take part.
const SEATS: usize = 63;

/// Looks at the board between two at the clock.
const LOOKS: usize = 16;

/// What is done by several threads at once, each in a seat of its own: `work` returns when nothing is left to do.
struct Job<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    seats: usize,
    /// What a thread panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The job of the moment. One caller has the board at a time.
struct Board {
    caller: Mutex<()>,
    job: AtomicPtr<Job<'static>>,
    /// How many jobs there were.
    jobs: AtomicUsize,
    /// Attendants that may be looking at the job.
    inside: AtomicUsize,
    /// The seats of the attendants that there are, from 1 on; in a set of bits.
    present: AtomicU64,
}

static BOARD: Board = Board {
    caller: Mutex::new(()),
    job: AtomicPtr::new(null_mut()),
    jobs: AtomicUsize::new(0),
    inside: AtomicUsize::new(0),
    present: AtomicU64::new(0),
};

/// Takes a job from the board when it is dropped, and waits until nobody looks at it any more.
struct Posted;

impl Drop for Posted {
    fn drop(&mut self) {
        BOARD.job.store(null_mut(), SeqCst);
        while BOARD.inside.load(SeqCst) > 0 {
            std::hint::spin_loop();
        }
    }
}

/// Has `work` done by this thread, which is none of rayon's, in seat 0, and by up to so many others at once; `false` if
/// somebody else has the board.
pub(super) fn attended(others: usize, work: &(dyn Fn(usize) + Sync)) -> bool {
    let _caller = match BOARD.caller.try_lock() {
        Ok(caller) => caller,
        // A caller before has panicked in its own part; the board was cleared behind it.
        Err(TryLockError::Poisoned(caller)) => caller.into_inner(),
        Err(TryLockError::WouldBlock) => return false,
    };
    let job = Job {
        work,
        seats: others + 1,
        panic: Mutex::new(None),
    };
    {
        let job = std::ptr::from_ref(&job).cast_mut();
        BOARD.job.store(job.cast(), SeqCst);
        BOARD.jobs.fetch_add(1, SeqCst);
        let _posted = Posted;
        let present = BOARD.present.load(SeqCst);
        for seat in (1..=others.min(SEATS)).filter(|seat| present & (1 << seat) == 0) {
            BOARD.present.fetch_or(1 << seat, SeqCst);
            rayon::spawn(move || attend(seat));
        }
        work(0);
    }
    if let Some(panic) = job.panic.into_inner().unwrap_or(None) {
        resume_unwind(panic);
    }
    true
}

/// Takes jobs from the board as long as there are any.
fn attend(seat: usize) {
    let (mut idle, mut done) = (None, None);
    loop {
        for _ in 0..LOOKS {
            let jobs = BOARD.jobs.load(SeqCst);
            // One that has nothing left for this thread may stand there for a while.
            if done != Some(jobs) && take_part(seat) {
                (idle, done) = (None, Some(jobs));
            }
            std::hint::spin_loop();
        }
        // Jobs that others gave to rayon would wait for this thread.
        rayon::yield_now();
        let waited = idle.get_or_insert_with(Instant::now).elapsed();
        if waited > PATIENCE {
            break;
        }
        if waited > ALERT {
            thread::yield_now();
        }
    }
    BOARD.present.fetch_and(!(1 << seat), SeqCst);
}

/// Does what there is to do; whether there was a job.
fn take_part(seat: usize) -> bool {
    if BOARD.job.load(SeqCst).is_null() {
        return false;
    }
    BOARD.inside.fetch_add(1, SeqCst);
    let job = BOARD.job.load(SeqCst);
    let is_there = !job.is_null();
    if is_there {
        // SAFETY: the job was on the board after this thread was counted, so that its caller has not yet seen nobody there:
        // it waits in `Posted::drop`, and the job with all that it borrows outlives this.
        let job = unsafe { &*job };
        if seat < job.seats
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| (job.work)(seat)))
            && let Ok(mut first) = job.panic.lock()
        {
            first.get_or_insert(panic);
        }
    }
    BOARD.inside.fetch_sub(1, SeqCst);
    is_there
}
