//! A launch: a grid of blocks over a program, with what went wrong in words.

use std::fmt;

use super::Fault;
use super::block::Block;
use super::thread::Thread;
use super::warp::WARP;
use crate::counts::Kernel;
use crate::decode::op::{Program, special};
use crate::memory::{FRESH, Memory};

/// What a kernel is launched with.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    pub program: &'a Program,
    /// The module's text, to quote from.
    pub source: &'a str,
    pub grid: [u32; 3],
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub dynamic: usize,
    /// The parameters as they lie in the kernel's parameter space.
    pub params: &'a [u8],
    /// The most instructions that it may run.
    pub limit: u64,
}

/// A launch that was aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchError {
    pub kernel: String,
    /// The line of the module's PTX text, and what stands there.
    pub line: u32,
    pub text: String,
    pub block: [u32; 3],
    pub thread: [u32; 3],
    pub fault: Fault,
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([bx, by, bz], [x, y, z]) = (self.block, self.thread);
        write!(
            f,
            "kernel `{}`, PTX line {} (`{}`), block ({bx}, {by}, {bz}), thread ({x}, {y}, {z}): {}",
            self.kernel, self.line, self.text, self.fault
        )
    }
}

impl std::error::Error for LaunchError {}

/// What a launch did.
#[derive(Debug, Clone, Default)]
pub struct Done {
    pub counts: Kernel,
    /// With initcheck: reads of bytes that were never written, in words.
    pub uninitialised: Vec<String>,
}

/// Runs a kernel to its end.
///
/// # Errors
/// The first fault of a thread, which ends the launch; what was written before stays.
pub fn launch(memory: &mut Memory, launch: &Launch) -> Result<Done, Box<LaunchError>> {
    let program = launch.program;
    let kernel = &program.functions[0];
    // Dynamic shared memory follows the static.
    let dynamic_begin = program.shared_bytes.next_multiple_of(16);
    let mut block = Block {
        program,
        memory,
        shared: vec![FRESH; dynamic_begin + launch.dynamic],
        cache: vec![(1, 0); program.sites as usize],
        counts: Kernel {
            launches: 1,
            ..Kernel::default()
        },
        limit: launch.limit,
        uninitialised: Default::default(),
    };
    let [nx, ny, nz] = launch.block;
    let mut threads: Vec<Thread> = (0..nx * ny * nz)
        .map(|i| Thread::new([i % nx, i / nx % ny, i / nx / ny], i % WARP as u32))
        .collect();
    let [gx, gy, gz] = launch.grid.map(u64::from);
    for number in 0..gx * gy * gz {
        let at = [number % gx, number / gx % gy, number / gx / gy].map(|i| i as u32);
        block.shared.fill(FRESH);
        for (i, thread) in threads.iter_mut().enumerate() {
            let mut own = specials(launch, at, thread);
            own[special::WARP as usize] = (i / WARP) as u64;
            own[special::DYNAMIC as usize] = dynamic_begin as u64;
            thread.begin(kernel, launch.params, &own);
        }
        if let Err((number, fault)) = block.run_all(&mut threads) {
            let thread = &threads[number];
            let function = &program.functions[thread.function as usize];
            let line = function.code[(thread.pc as usize).saturating_sub(1)].line;
            return Err(Box::new(LaunchError {
                kernel: kernel.name.clone(),
                line,
                text: quoted(launch.source, line),
                block: at,
                thread: thread.index,
                fault,
            }));
        }
    }
    let uninitialised = block
        .uninitialised
        .iter()
        .map(|(site, address)| {
            let line = line_of(program, *site);
            format!(
                "kernel `{}`, PTX line {line} (`{}`) reads bytes at {address:#x} that were never written",
                kernel.name,
                quoted(launch.source, line)
            )
        })
        .collect();
    Ok(Done {
        counts: block.counts,
        uninitialised,
    })
}

fn specials(launch: &Launch, at: [u32; 3], thread: &Thread) -> [u64; special::COUNT] {
    let mut out = [0; special::COUNT];
    let axes = [
        (special::TID, thread.index),
        (special::NTID, launch.block),
        (special::CTAID, at),
        (special::NCTAID, launch.grid),
    ];
    for (base, values) in axes {
        for (i, value) in values.into_iter().enumerate() {
            out[base as usize + i] = value.into();
        }
    }
    let lane = thread.lane;
    out[special::LANE as usize] = lane.into();
    let threads: u32 = launch.block.iter().product();
    out[special::WARPS as usize] = u64::from(threads.div_ceil(WARP as u32));
    let below = (1u32 << lane) - 1;
    let own = 1u32 << lane;
    for (i, mask) in [own, below | own, below, !below, !(below | own)]
        .into_iter()
        .enumerate()
    {
        out[special::LANEMASK as usize + i] = mask.into();
    }
    out[special::DYNAMIC_BYTES as usize] = launch.dynamic as u64;
    out
}

fn quoted(source: &str, line: u32) -> String {
    let text = source.lines().nth((line as usize).saturating_sub(1));
    text.unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn line_of(program: &Program, site: u32) -> u32 {
    use crate::decode::op::Op;
    let instrs = program.functions.iter().flat_map(|f| &f.code);
    let mut lines = instrs.filter_map(|instr| match &instr.op {
        Op::Load { address, .. } | Op::Store { address, .. } | Op::Atomic { address, .. } => {
            (address.site == site).then_some(instr.line)
        }
        _ => None,
    });
    lines.next().unwrap_or_default()
}
