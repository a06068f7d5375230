//! A process that runs training steps when it is told to, and sleeps otherwise.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};

/// Threads that a worker computes on.
pub const THREADS: usize = 2;

/// For glibc's thresholds: freed memory below this stays with the process.
const KEPT_BYTES: &str = "8589934592";

/// Threads that have just computed may spin for a while (OpenMP's do): how long they get to fall asleep.
const PAUSE: Duration = Duration::from_millis(50);

/// Milliseconds of a step that brings its caches with it.
const LONG_STEP: f64 = 1000.0;

/// The process, and the lines to and from it.
pub struct Worker {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts `program` on [`THREADS`] threads, with an allocator that keeps what it was given.
    ///
    /// # Errors
    /// Where it doesn't start.
    pub fn start(program: &Path, arguments: &[&Path]) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("MALLOC_TRIM_THRESHOLD_", KEPT_BYTES)
            .env("MALLOC_MMAP_MAX_", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // NPROC is XLA's.
        for variable in [
            "RAYON_NUM_THREADS",
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NPROC",
        ] {
            command.env(variable, THREADS.to_string());
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("{} doesn't start", program.display()))?;
        Ok(Self {
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().context("no stdout")?),
            child,
        })
    }

    /// Starts the peer `script` of `benches/peers`, by the Python that the command line names first
    /// (`--python PYTHON`), and prints its versions. What follows on the command line, too.
    ///
    /// # Errors
    /// Where none is named, or it doesn't start; `usage` says how it is named.
    pub fn peer(script: &str, usage: &str) -> Result<(Self, impl Iterator<Item = String> + use<>)> {
        let mut arguments = env::args().skip(1);
        ensure!(arguments.next().as_deref() == Some("--python"), "{usage}");
        let python = arguments.next().context("which Python?")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("peers")
            .join(script);
        let mut peer = Self::start(python.as_ref(), &[&script])?;
        println!("{}", peer.ask("versions")?);
        Ok((peer, arguments))
    }

    /// What it answers to `line`.
    ///
    /// # Errors
    /// Where it has ended: what was wrong stands on its stderr, which is that of this process.
    pub fn ask(&mut self, line: &str) -> Result<String> {
        let to = self.to.as_mut().context("the worker has no stdin")?;
        writeln!(to, "{line}").with_context(|| format!("a worker ended before {line:?}"))?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        if answer.is_empty() {
            bail!("a worker ended at {line:?}");
        }
        Ok(answer.trim_end().to_owned())
    }

    /// Milliseconds per step, over `steps` of them.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and what it says where it can't run.
    pub fn run(&mut self, network: &str, layout: &str, step: &str, steps: usize) -> Result<f64> {
        let answer = self.ask(&format!("run {network} {layout} {step} {steps}"))?;
        answer.parse().map_err(|_| anyhow!(answer))
    }

    /// As [`run`](Self::run), once every other process has come to rest, and after one step that warms
    /// the caches, unless it takes more than a second.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn time(&mut self, network: &str, layout: &str, step: &str, steps: usize) -> Result<f64> {
        thread::sleep(PAUSE);
        let first = self.run(network, layout, step, 1)?;
        match first > LONG_STEP && steps == 1 {
            true => Ok(first),
            false => self.run(network, layout, step, steps),
        }
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has held so far, in MiB (`VmHWM`: resident, shared libraries included).
    ///
    /// # Errors
    /// Where the system has no `/proc`.
    pub fn peak_mib(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.id());
        let status = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
        let kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
            .context("no VmHWM in the process's status")?
            .trim()
            .parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Worker {
    /// Closes its stdin, at which it ends, and waits for that.
    fn drop(&mut self) {
        drop(self.to.take());
        // Nothing is left to do about a process that can't be waited for.
        let _ = self.child.wait();
    }
}
