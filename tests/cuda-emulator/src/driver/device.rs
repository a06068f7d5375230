//! The one device: its memory, modules, handles and counts, behind one lock.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::log::trace;
use super::status::{Failure, Status};
use crate::counts::Counts;
use crate::decode::op::Program;
use crate::decode::{Globals, compile};
use crate::execute::{Fault, Launch, LaunchError, launch};
use crate::memory::{Memory, MemoryError};
use crate::ptx::PtxError;
use crate::ptx::module::Module;
use crate::ptx::types::Space;

/// Threads of a block, at most.
pub const MAX_THREADS: u32 = 1024;
/// Dynamic and static shared memory of a block, at most, as on Hopper.
pub const MAX_SHARED: usize = 227 << 10;
/// The same without `cuFuncSetAttribute`.
pub const PLAIN_SHARED: usize = 48 << 10;

/// The device.
#[derive(Default)]
pub struct Device {
    pub memory: Memory,
    pub counts: Counts,
    modules: HashMap<u64, Loaded>,
    functions: HashMap<u64, Kernel>,
    pub streams: HashSet<u64>,
    /// When each event was recorded.
    pub events: HashMap<u64, Option<Instant>>,
    /// The mode of each handle of cuBLAS, where one was set.
    pub math: HashMap<u64, i32>,
    last_handle: u64,
    pub initialized: bool,
    limit: Option<u64>,
}

struct Loaded {
    source: Arc<str>,
    module: Arc<Module>,
    globals: Globals,
}

struct Kernel {
    module: u64,
    name: String,
    /// Compiled at the first launch.
    program: Option<Arc<Program>>,
    max_shared: usize,
}

static DEVICE: LazyLock<Mutex<Device>> = LazyLock::new(|| Mutex::new(Device::from_env()));

/// Locks the device.
pub fn device() -> MutexGuard<'static, Device> {
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        let status = match error {
            MemoryError::Exhausted { bytes: 0, .. } => Status::InvalidValue,
            MemoryError::Exhausted { .. } => Status::OutOfMemory,
            _ => Status::InvalidValue,
        };
        Self::new(status, error.to_string())
    }
}

impl From<PtxError> for Failure {
    fn from(error: PtxError) -> Self {
        Self::new(Status::InvalidPtx, error.to_string())
    }
}

impl From<Box<LaunchError>> for Failure {
    fn from(error: Box<LaunchError>) -> Self {
        let status = match &error.fault {
            Fault::Memory {
                source: MemoryError::Misaligned { .. },
                ..
            } => Status::Misaligned,
            Fault::Memory { .. } | Fault::Space { .. } => Status::IllegalAddress,
            Fault::Assert(_) => Status::Assert,
            Fault::Depth(_) => Status::StackError,
            Fault::External(_) | Fault::Mask { .. } => Status::IllegalInstruction,
            Fault::Limit(_) | Fault::Deadlock(_) => Status::Timeout,
            Fault::Trap | Fault::Branch { .. } => Status::LaunchFailed,
        };
        Self::new(status, error.to_string())
    }
}

impl Device {
    /// A device that does what the environment says.
    pub fn from_env() -> Self {
        let on = |name| std::env::var_os(name).is_some_and(|v| v != "0" && !v.is_empty());
        let limit = std::env::var("SAM_EMULATOR_LIMIT").ok();
        Self {
            memory: Memory::new(on("SAM_EMULATOR_INITCHECK")),
            limit: limit.and_then(|l| l.parse().ok()),
            ..Self::default()
        }
    }

    /// A handle that was not given before.
    pub fn handle(&mut self) -> u64 {
        // Far from small numbers, which are streams of their own in CUDA.
        self.last_handle += 0x100;
        self.last_handle
    }

    /// A stream must be one of CUDA's own (null, legacy, per-thread) or have been created.
    pub fn check_stream(&self, stream: u64) -> Result<(), Failure> {
        match stream <= 2 || self.streams.contains(&stream) {
            true => Ok(()),
            false => Err(unknown("stream", stream)),
        }
    }

    /// Loads a PTX module and places its variables.
    pub fn load(&mut self, text: &str) -> Result<u64, Failure> {
        let module = Module::parse(text)?;
        let mut globals = Globals::new();
        let placed = |v: &&crate::ptx::statement::Variable| {
            matches!(v.space, Space::Global | Space::Const) && v.bytes > 0
        };
        for variable in module.variables.iter().filter(placed) {
            let address = match &variable.initial {
                Err(why) => Err(why.clone()),
                Ok(initial) => {
                    let address = self.memory.allocate(variable.bytes)?;
                    let mut bytes = initial.clone();
                    bytes.resize(variable.bytes, 0);
                    self.memory.write(address, &bytes)?;
                    Ok(address)
                }
            };
            globals.insert(variable.name.clone(), address);
        }
        let handle = self.handle();
        let loaded = Loaded {
            source: text.into(),
            module: Arc::new(module),
            globals,
        };
        self.modules.insert(handle, loaded);
        self.counts.modules_loaded += 1;
        Ok(handle)
    }

    /// Unloads a module, its variables and its functions.
    pub fn unload(&mut self, module: u64) -> Result<(), Failure> {
        let Some(loaded) = self.modules.remove(&module) else {
            return Err(unknown("module", module));
        };
        for address in loaded.globals.into_values().flatten() {
            self.memory.free(address)?;
        }
        self.functions.retain(|_, kernel| kernel.module != module);
        Ok(())
    }

    /// The handle of a kernel of a module.
    pub fn function(&mut self, module: u64, name: &str) -> Result<u64, Failure> {
        let Some(loaded) = self.modules.get(&module) else {
            return Err(unknown("module", module));
        };
        if !loaded.module.functions.get(name).is_some_and(|f| f.entry) {
            let what = format!("the module has no kernel `{name}`");
            return Err(Failure::new(Status::NotFound, what));
        }
        let known = self.functions.iter();
        let mut known = known.filter(|(_, k)| k.module == module && k.name == name);
        if let Some((handle, _)) = known.next() {
            return Ok(*handle);
        }
        let handle = self.handle();
        let kernel = Kernel {
            module,
            name: name.to_owned(),
            program: None,
            max_shared: PLAIN_SHARED,
        };
        self.functions.insert(handle, kernel);
        Ok(handle)
    }

    /// The address and size of a variable of a module.
    pub fn global(&self, module: u64, name: &str) -> Result<(u64, usize), Failure> {
        let Some(loaded) = self.modules.get(&module) else {
            return Err(unknown("module", module));
        };
        let address = loaded.globals.get(name).and_then(|a| a.as_ref().ok());
        let variable = loaded.module.variables.iter().find(|v| v.name == name);
        match (address, variable) {
            (Some(address), Some(variable)) => Ok((*address, variable.bytes)),
            _ => {
                let what = format!("the module has no variable `{name}`");
                Err(Failure::new(Status::NotFound, what))
            }
        }
    }

    /// Sets how much dynamic shared memory a kernel may be launched with.
    pub fn allow_shared(&mut self, function: u64, bytes: usize) -> Result<(), Failure> {
        match self.functions.get_mut(&function) {
            Some(kernel) if bytes <= MAX_SHARED => {
                kernel.max_shared = kernel.max_shared.max(bytes);
                Ok(())
            }
            Some(_) => {
                let what = format!("{bytes} bytes of shared memory; the most is {MAX_SHARED}");
                Err(Failure::new(Status::InvalidValue, what))
            }
            None => Err(unknown("function", function)),
        }
    }

    /// The compiled program of a kernel.
    pub fn program(&mut self, function: u64) -> Result<Arc<Program>, Failure> {
        let Some(kernel) = self.functions.get_mut(&function) else {
            return Err(unknown("function", function));
        };
        if let Some(program) = &kernel.program {
            return Ok(program.clone());
        }
        let loaded = &self.modules[&kernel.module];
        let program = compile(&loaded.module, &loaded.globals, &kernel.name).map_err(|e| {
            Failure::new(Status::InvalidPtx, format!("kernel `{}`, {e}", kernel.name))
        })?;
        Ok(kernel.program.insert(Arc::new(program)).clone())
    }

    /// Launches a kernel and runs it to its end.
    pub fn launch(
        &mut self,
        function: u64,
        grid: [u32; 3],
        block: [u32; 3],
        dynamic: usize,
        params: &[u8],
    ) -> Result<(), Failure> {
        let program = self.program(function)?;
        let kernel = &self.functions[&function];
        let threads = block.iter().map(|n| u64::from(*n)).product::<u64>();
        let invalid = |what: String| Err(Failure::new(Status::InvalidValue, what));
        if threads == 0 || grid.contains(&0) {
            return invalid(format!("an empty launch: grid {grid:?}, block {block:?}"));
        }
        if threads > MAX_THREADS.into() || block[2] > 64 || grid[1] > 65535 || grid[2] > 65535 {
            return invalid(format!(
                "too large a launch: grid {grid:?}, block {block:?}"
            ));
        }
        if program.max_threads.is_some_and(|most| threads > most) {
            let what = format!("{threads} threads in a block are more than the kernel allows");
            return Err(Failure::new(Status::OutOfResources, what));
        }
        if program.shared_bytes + dynamic > kernel.max_shared {
            return invalid(format!(
                "{} + {dynamic} bytes of shared memory are more than {}",
                program.shared_bytes, kernel.max_shared
            ));
        }
        let source = self.modules[&kernel.module].source.clone();
        let how = Launch {
            program: &program,
            source: &source,
            grid,
            block,
            dynamic,
            params,
            limit: self.limit.unwrap_or(100_000_000_000),
        };
        self.counts.launches += 1;
        match launch(&mut self.memory, &how) {
            Ok(done) => {
                trace(
                    &kernel.name,
                    done.counts.bytes_read + done.counts.bytes_written,
                );
                let counts = self.counts.kernels.entry(kernel.name.clone()).or_default();
                counts.launches += 1;
                counts.bytes_read += done.counts.bytes_read;
                counts.bytes_written += done.counts.bytes_written;
                counts.instructions += done.counts.instructions;
                for what in done.uninitialised {
                    eprintln!("cuda-emulator: initcheck: {what}");
                    self.counts.uninitialised_reads += 1;
                }
                Ok(())
            }
            Err(error) => {
                self.counts.failed_launches += 1;
                Err(error.into())
            }
        }
    }
}

/// The failure for a handle that is none.
pub fn unknown(what: &str, handle: u64) -> Failure {
    Failure::new(Status::InvalidHandle, format!("{handle:#x} is no {what}"))
}
