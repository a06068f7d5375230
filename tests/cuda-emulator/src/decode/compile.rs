//! A kernel and what it calls, from parsed text to a [`Program`].

use std::collections::HashMap;

use super::Globals;
use super::op::{ALWAYS, Function, Instr, Op, Program, Slot, special};
use super::scope::{Scopes, Symbol, special_register};
use crate::ptx::PtxError;
use crate::ptx::module::Module;
use crate::ptx::operand::Operand;
use crate::ptx::statement::{Instruction, Statement, Variable, body};
use crate::ptx::types::{Space, Type};

/// Compiles the kernel `entry` of a module.
pub fn compile(module: &Module, globals: &Globals, entry: &str) -> Result<Program, PtxError> {
    let mut linker = Linker {
        module,
        globals,
        names: vec![entry.to_owned()],
        shared: HashMap::new(),
        shared_bytes: 0,
        sites: 0,
    };
    let shared = module.variables.iter().filter(|v| v.space == Space::Shared);
    for variable in shared {
        let symbol = linker.place_shared(variable);
        linker.shared.insert(variable.name.clone(), symbol);
    }
    let mut functions = Vec::new();
    // Each compiled function may add names that it calls.
    while let Some(name) = linker.names.get(functions.len()).cloned() {
        functions.push(Decoder::function(&mut linker, &name)?);
    }
    Ok(Program {
        functions,
        shared_bytes: linker.shared_bytes,
        sites: linker.sites,
        max_threads: module.functions[entry].max_threads,
    })
}

/// What the functions of a program share.
pub struct Linker<'a> {
    pub module: &'a Module,
    globals: &'a Globals,
    /// The functions, by number.
    pub names: Vec<String>,
    shared: HashMap<String, Symbol>,
    shared_bytes: usize,
    pub sites: u32,
}

impl Linker<'_> {
    fn place_shared(&mut self, variable: &Variable) -> Symbol {
        if variable.bytes == 0 {
            return Symbol::Dynamic;
        }
        let at = self.shared_bytes.next_multiple_of(variable.align);
        self.shared_bytes = at + variable.bytes;
        Symbol::Shared(at as u32)
    }
}

/// The decoder of one function.
pub struct Decoder<'a, 'm> {
    pub linker: &'a mut Linker<'m>,
    pub scopes: Scopes,
    pub out: Function,
    constants: HashMap<u64, Slot>,
    /// Where each label is, once it was seen.
    labels: Vec<Option<u32>>,
    /// Lists of labels.
    pub targets: Vec<Vec<u32>>,
    /// Where each parameter-space variable is: offset and bytes.
    pub params: HashMap<u32, u32>,
}

impl<'a, 'm> Decoder<'a, 'm> {
    fn function(linker: &'a mut Linker<'m>, name: &str) -> Result<Function, PtxError> {
        let Some(function) = linker.module.functions.get(name) else {
            return Err(PtxError::new(0, format!("there is no function `{name}`")));
        };
        let Some(tokens) = &function.body else {
            return Err(PtxError::new(
                function.line,
                format!("`{name}` has no body"),
            ));
        };
        let statements = body(tokens)?;
        let mut decoder = Decoder {
            linker,
            scopes: Scopes::new(),
            out: Function {
                name: name.to_owned(),
                template: vec![0; special::COUNT],
                ..Function::default()
            },
            constants: HashMap::new(),
            labels: Vec::new(),
            targets: Vec::new(),
            params: HashMap::new(),
        };
        for param in &function.params {
            let at = decoder.place_param(param);
            decoder.out.params.push(at);
        }
        for variable in &function.returns {
            let at = decoder.place_param(variable);
            decoder.out.returns.push(at);
        }
        decoder.block(&statements)?;
        let end = Op::Return;
        decoder.emit(end, ALWAYS, false, function.line);
        decoder.resolve_labels()
    }

    fn place_param(&mut self, variable: &Variable) -> (u32, u32) {
        let at = self.out.param_bytes.next_multiple_of(variable.align);
        self.out.param_bytes = at + variable.bytes;
        let place = (at as u32, variable.bytes as u32);
        let symbol = Symbol::Frame(Space::Param, place.0);
        self.scopes.insert(&variable.name, symbol);
        self.params.insert(place.0, place.1);
        place
    }

    fn block(&mut self, statements: &[Statement]) -> Result<(), PtxError> {
        // Branches may come before their labels.
        for statement in statements {
            match statement {
                Statement::Label(name) => {
                    let number = self.labels.len() as u32;
                    self.labels.push(None);
                    self.scopes.insert(name, Symbol::Label(number));
                }
                Statement::Targets(name, _) => {
                    let number = self.targets.len() as u32;
                    self.targets.push(Vec::new());
                    self.scopes.insert(name, Symbol::Targets(number));
                }
                _ => {}
            }
        }
        for statement in statements {
            match statement {
                Statement::Targets(name, labels) => {
                    let labels: Result<Vec<_>, _> =
                        labels.iter().map(|l| self.label(l, 0)).collect();
                    if let Some(Symbol::Targets(number)) = self.scopes.find(name) {
                        self.targets[number as usize] = labels?;
                    }
                }
                Statement::Label(name) => {
                    if let Some(Symbol::Label(number)) = self.scopes.find(name) {
                        self.labels[number as usize] = Some(self.out.code.len() as u32);
                    }
                }
                Statement::Block(inner) => {
                    self.scopes.open();
                    self.block(inner)?;
                    self.scopes.close();
                }
                Statement::Registers(of, names) => self.registers(*of, names),
                Statement::Variable(variable) => self.variable(variable)?,
                Statement::Instruction(instruction) => self.guarded(instruction)?,
            }
        }
        Ok(())
    }

    fn registers(&mut self, of: Type, names: &[(String, Option<u64>)]) {
        let bits = if of == Type::Pred {
            1
        } else {
            of.bytes() as u8 * 8
        };
        for (name, count) in names {
            let first = self.out.template.len() as Slot;
            let count_or_one = count.unwrap_or(1) as usize;
            self.out.template.resize(first as usize + count_or_one, 0);
            match count {
                Some(count) => self.scopes.insert_range(name, *count, first, bits),
                None => self.scopes.insert(name, Symbol::Register(first, bits)),
            }
        }
    }

    fn variable(&mut self, variable: &Variable) -> Result<(), PtxError> {
        match variable.space {
            Space::Param => {
                self.place_param(variable);
            }
            Space::Local => {
                let at = self.out.local_bytes.next_multiple_of(variable.align);
                self.out.local_bytes = at + variable.bytes;
                let symbol = Symbol::Frame(Space::Local, at as u32);
                self.scopes.insert(&variable.name, symbol);
            }
            Space::Shared => {
                let symbol = self.linker.place_shared(variable);
                self.scopes.insert(&variable.name, symbol);
            }
            other => {
                let what = format!("a variable of the space {other:?} within a function");
                return Err(PtxError::new(variable.line, what));
            }
        }
        Ok(())
    }

    fn guarded(&mut self, instruction: &Instruction) -> Result<(), PtxError> {
        let op = self.instruction(instruction)?;
        let (guard, negated) = match &instruction.guard {
            None => (ALWAYS, false),
            Some((name, negated)) => (self.register(name, instruction.line)?.0, *negated),
        };
        self.emit(op, guard, negated, instruction.line);
        Ok(())
    }

    fn emit(&mut self, op: Op, guard: Slot, negated: bool, line: u32) {
        self.out.code.push(Instr {
            op,
            guard,
            negated,
            line,
        });
    }

    fn resolve_labels(mut self) -> Result<Function, PtxError> {
        let labels = &self.labels;
        let at = |label: u32| {
            // A label is declared only where it stands, so it was seen.
            labels[label as usize].unwrap_or_default()
        };
        for instr in &mut self.out.code {
            match &mut instr.op {
                Op::Branch { target } => *target = at(*target),
                Op::BranchIndexed { targets, .. } => {
                    targets.iter_mut().for_each(|t| *t = at(*t));
                }
                _ => {}
            }
        }
        Ok(self.out)
    }

    /// The slot of a constant.
    pub fn constant(&mut self, bits: u64) -> Slot {
        *self.constants.entry(bits).or_insert_with(|| {
            self.out.template.push(bits);
            self.out.template.len() as Slot - 1
        })
    }

    pub fn label(&self, name: &str, line: u32) -> Result<u32, PtxError> {
        match self.scopes.find(name) {
            Some(Symbol::Label(number)) => Ok(number),
            _ => Err(PtxError::new(line, format!("there is no label `{name}`"))),
        }
    }

    /// The slot and the bits of a register.
    pub fn register(&self, name: &str, line: u32) -> Result<(Slot, u8), PtxError> {
        match self.scopes.find(name) {
            Some(Symbol::Register(slot, bits)) => Ok((slot, bits)),
            _ if name == "_" => Ok((special::SINK, 64)),
            _ => Err(PtxError::new(line, format!("`{name}` is no register"))),
        }
    }

    /// The slot that an instruction writes to.
    pub fn target(&self, operand: &Operand, line: u32) -> Result<Slot, PtxError> {
        match operand {
            Operand::Name(name) => Ok(self.register(name, line)?.0),
            other => Err(PtxError::new(line, format!("{other:?} is no destination"))),
        }
    }

    /// A symbol that is not a register, if the name is one.
    pub fn symbol(&self, name: &str, line: u32) -> Result<Option<Place>, PtxError> {
        let found = self.scopes.find(name);
        let found = found.or_else(|| self.linker.shared.get(name).copied());
        Ok(match found {
            Some(Symbol::Frame(space, offset)) => Some(Place::Frame(space, offset)),
            Some(Symbol::Shared(at)) => Some(Place::Fixed(Space::Shared, at.into())),
            Some(Symbol::Dynamic) => Some(Place::Dynamic),
            Some(_) => None,
            None => match self.linker.globals.get(name) {
                Some(Ok(address)) => Some(Place::Fixed(Space::Global, *address)),
                Some(Err(why)) => {
                    return Err(PtxError::new(line, format!("the variable `{name}`: {why}")));
                }
                None => None,
            },
        })
    }

    /// The slot that an instruction reads an operand of a type from.
    pub fn source(&mut self, operand: &Operand, of: Type, line: u32) -> Result<Slot, PtxError> {
        Ok(match operand {
            Operand::Int(bits) => self.constant(*bits),
            Operand::F32(bits) if of == Type::F64 => {
                self.constant(f64::from(f32::from_bits(*bits)).to_bits())
            }
            Operand::F32(bits) => self.constant((*bits).into()),
            Operand::F64(bits) if of == Type::F32 => {
                self.constant((f64::from_bits(*bits) as f32).to_bits().into())
            }
            Operand::F64(bits) => self.constant(*bits),
            Operand::Name(name) => {
                if let Some(Symbol::Register(slot, _)) = self.scopes.find(name) {
                    return Ok(slot);
                }
                if let Some(slot) = special_register(name) {
                    return Ok(slot);
                }
                match self.symbol(name, line)? {
                    Some(Place::Fixed(_, address)) => self.constant(address),
                    Some(Place::Dynamic) => special::DYNAMIC,
                    _ if name == "WARP_SZ" => self.constant(32),
                    _ => {
                        let what = format!("`{name}` is not a value that is emulated");
                        return Err(PtxError::new(line, what));
                    }
                }
            }
            other => {
                let what = format!("{other:?} is not a value here");
                return Err(PtxError::new(line, what));
            }
        })
    }
}

/// Where a variable lies.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Frame(Space, u32),
    Fixed(Space, u64),
    Dynamic,
}
