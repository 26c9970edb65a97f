//! A kernel ready to run: instructions with the numbers of their registers, found once.

use std::collections::BTreeMap;

use super::error::{Mistake, Refusal, TextError};
use super::operations::{Compute, Operation, operation};
use super::registers::{Kind, Type};
use super::syntax::{Entry, Item, Operand, Statement, parse};

/// Registers that a kernel may declare.
const MOST_REGISTERS: u32 = 1 << 16;

/// Number of a register.
pub(super) type Slot = u32;

/// Special registers have the first numbers; they hold what differs between threads.
pub(super) const SPECIAL: [&str; 4] = ["%tid.x", "%ntid.x", "%ctaid.x", "%nctaid.x"];

/// An instruction that is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instruction {
    Copy { to: Slot, from: Slot },
    Unary { to: Slot, compute: fn(u64) -> u64, a: Slot },
    Binary { to: Slot, compute: fn(u64, u64) -> u64, a: Slot, b: Slot },
    Ternary { to: Slot, compute: fn(u64, u64, u64) -> u64, a: Slot, b: Slot, c: Slot },
    Load(Transfer),
    Store(Transfer),
    Branch { to: usize },
    BranchIf { predicate: Slot, wanted: bool, to: usize },
    Return,
}

/// Between registers and neighbouring places in global memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    pub(super) slots: [Slot; 4],
    pub(super) count: u8,
    /// Of each.
    pub(super) bytes: u8,
    pub(super) coherent: bool,
    pub(super) base: Slot,
    pub(super) offset: i64,
}

/// A kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    name: String,
    target: String,
    pub(super) most_threads: u64,
    /// Bytes and slot of each parameter.
    pub(super) parameters: Vec<(u32, Slot)>,
    pub(super) instructions: Vec<Instruction>,
    /// Of each instruction.
    pub(super) lines: Vec<u32>,
    /// Number of slots.
    pub(super) slots: u32,
    pub(super) constants: Vec<(Slot, u64)>,
    /// All instructions of the text, as they are spelled.
    spellings: Vec<String>,
}

impl Kernel {
    /// The kernel of a text that has this one and no other.
    ///
    /// # Errors
    ///
    /// If anything in the text is not known, or refused.
    pub fn parse(text: &str) -> Result<Kernel, TextError> {
        let module = parse(text)?;
        let mut entries = module.entries.iter();
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            let found = format!("{} kernels", module.entries.len());
            return Err(TextError { line: 1, mistake: Mistake::Expected { wanted: "one", found } });
        };
        Decoder::new().decode(entry, module.target)
    }

    /// The same, for tests: stops at the first mistake, and shows the text.
    pub fn parsed(text: &str) -> Kernel {
        Kernel::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The architecture that it is written for.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// How many instructions of the text are spelled in a certain way.
    pub fn count(&self, is_counted: impl Fn(&str) -> bool) -> usize {
        self.spellings.iter().filter(|spelling| is_counted(spelling)).count()
    }
}

/// A declaration: a name, or that many with a number behind it.
struct Declared<'a> {
    name: &'a str,
    count: Option<u32>,
    kind: Kind,
    first: Slot,
}

struct Decoder<'a> {
    /// Declarations of all scopes that are open, and how many there were when each was opened.
    declared: Vec<Declared<'a>>,
    scopes: Vec<usize>,
    slots: u32,
    constants: BTreeMap<u64, Slot>,
    labels: BTreeMap<&'a str, usize>,
    /// Branches whose label may come later, and their lines.
    branches: Vec<(usize, &'a str, u32)>,
    /// Bytes and slots.
    parameters: BTreeMap<&'a str, (u32, Slot)>,
    instructions: Vec<Instruction>,
    lines: Vec<u32>,
}

impl<'a> Decoder<'a> {
    fn new() -> Decoder<'a> {
        Decoder {
            declared: Vec::new(),
            scopes: Vec::new(),
            slots: SPECIAL.len() as u32,
            constants: BTreeMap::new(),
            labels: BTreeMap::new(),
            branches: Vec::new(),
            parameters: BTreeMap::new(),
            instructions: Vec::new(),
            lines: Vec::new(),
        }
    }

    fn decode(mut self, entry: &Entry<'a>, target: &str) -> Result<Kernel, TextError> {
        let mut parameters = Vec::new();
        for parameter in &entry.parameters {
            let slot = (parameter.bytes, self.slots);
            self.slots += 1;
            parameters.push(slot);
            if self.parameters.insert(parameter.name, slot).is_some() {
                let mistake = Mistake::Twice(parameter.name.to_owned());
                return Err(TextError { line: parameter.line, mistake });
            }
        }
        let mut spellings = Vec::new();
        for (item, line) in &entry.body {
            self.item(item, *line).map_err(|mistake| TextError { line: *line, mistake })?;
            self.lines.resize(self.instructions.len(), *line);
            if let Item::Statement(statement) = item {
                spellings.push(statement.spelling.to_owned());
            }
        }
        for (at, label, line) in std::mem::take(&mut self.branches) {
            let Some(place) = self.labels.get(label) else {
                return Err(TextError { line, mistake: Mistake::Unknown(label.to_owned()) });
            };
            match &mut self.instructions[at] {
                Instruction::Branch { to } | Instruction::BranchIf { to, .. } => *to = *place,
                _ => {}
            }
        }
        Ok(Kernel {
            name: entry.name.to_owned(),
            target: target.to_owned(),
            most_threads: entry.most_threads,
            parameters,
            instructions: self.instructions,
            lines: self.lines,
            slots: self.slots,
            constants: self.constants.into_iter().map(|(bits, slot)| (slot, bits)).collect(),
            spellings,
        })
    }

    fn item(&mut self, item: &Item<'a>, line: u32) -> Result<(), Mistake> {
        match item {
            Item::Open => self.scopes.push(self.declared.len()),
            Item::Close => {
                if let Some(outer) = self.scopes.pop() {
                    self.declared.truncate(outer);
                }
            }
            Item::Registers { kind, name, count } => self.declare(*kind, name, *count)?,
            Item::Label(label) => {
                if self.labels.insert(label, self.instructions.len()).is_some() {
                    return Err(Mistake::Twice((*label).to_owned()));
                }
            }
            Item::Statement(statement) => self.statement(statement, line)?,
        }
        Ok(())
    }

    fn declare(&mut self, kind: Kind, name: &'a str, count: Option<u32>) -> Result<(), Mistake> {
        if self.declared.iter().any(|known| known.name == name) {
            return Err(Mistake::Twice(name.to_owned()));
        }
        self.declared.push(Declared { name, count, kind, first: self.slots });
        self.slots = self.slots.saturating_add(count.unwrap_or(1));
        if self.slots > MOST_REGISTERS {
            return Err(Mistake::Registers(MOST_REGISTERS));
        }
        Ok(())
    }

    /// A guarded instruction is one that a branch goes around.
    fn statement(&mut self, statement: &Statement<'a>, line: u32) -> Result<(), Mistake> {
        let guard = match statement.guard {
            Some((name, wanted)) => Some((self.register(name, Type::Predicate)?, wanted)),
            None => None,
        };
        if matches!(statement.spelling, "bra" | "bra.uni") {
            let [label] = operands::<1>(statement)?;
            let Operand::Name(label) = label else { return Err(wrong("a label", label)) };
            self.branches.push((self.instructions.len(), label, line));
            self.instructions.push(match guard {
                Some((predicate, wanted)) => Instruction::BranchIf { predicate, wanted, to: 0 },
                None => Instruction::Branch { to: 0 },
            });
            return Ok(());
        }
        let around = self.instructions.len();
        if let Some((predicate, wanted)) = guard {
            self.instructions.push(Instruction::BranchIf { predicate, wanted: !wanted, to: 0 });
        }
        self.unguarded(statement)?;
        let after = self.instructions.len();
        if let (Some(_), Instruction::BranchIf { to, .. }) = (guard, &mut self.instructions[around])
        {
            *to = after;
        }
        Ok(())
    }

    fn unguarded(&mut self, statement: &Statement<'a>) -> Result<(), Mistake> {
        let instruction = match statement.spelling {
            "ret" => {
                operands::<0>(statement)?;
                Instruction::Return
            }
            "mov.b32" if matches!(statement.operands.first(), Some(Operand::Vector(_))) => {
                return self.halves(statement);
            }
            spelling if spelling.starts_with("ld.param.") => self.parameter(statement)?,
            spelling if spelling.starts_with("ld.") => {
                let [registers, address] = operands(statement)?;
                Instruction::Load(self.transfer(spelling, registers, address)?)
            }
            spelling if spelling.starts_with("st.") => {
                let [address, registers] = operands(statement)?;
                Instruction::Store(self.transfer(spelling, registers, address)?)
            }
            spelling => {
                let operation = operation(spelling).ok_or_else(|| not_known(spelling))?;
                self.operation(operation, statement)?
            }
        };
        self.instructions.push(instruction);
        Ok(())
    }

    fn operation(
        &mut self,
        operation: &Operation,
        statement: &Statement<'a>,
    ) -> Result<Instruction, Mistake> {
        let Operation { to, from, compute } = operation;
        let wanted = from.len() + 1;
        let Some((first, others)) = statement.operands.split_first() else {
            return Err(count(statement, wanted));
        };
        if others.len() != from.len() {
            return Err(count(statement, wanted));
        }
        let mut slots = [0; 3];
        for ((slot, operand), of) in slots.iter_mut().zip(others).zip(*from) {
            *slot = self.source(operand, *of)?;
        }
        let Operand::Name(name) = first else { return Err(operand(*to, first)) };
        let (to, [a, b, c]) = (self.written(name, *to)?, slots);
        Ok(match *compute {
            Compute::Copy => Instruction::Copy { to, from: a },
            Compute::Unary(compute) => Instruction::Unary { to, compute, a },
            Compute::Binary(compute) => Instruction::Binary { to, compute, a, b },
            Compute::Ternary(compute) => Instruction::Ternary { to, compute, a, b, c },
        })
    }

    /// `mov.b32 {low, high}, %r1;`, where `_` is nobody.
    fn halves(&mut self, statement: &Statement<'a>) -> Result<(), Mistake> {
        let [to, from] = operands(statement)?;
        let from = self.source(from, Type::B32)?;
        let Operand::Vector(names) = to else { return Err(operand(Type::B16, to)) };
        let [low, high] = names[..] else { return Err(operand(Type::B16, to)) };
        for (name, half) in [(low, Half::Low), (high, Half::High)] {
            if name != "_" {
                let to = self.written(name, Type::B16)?;
                self.instructions.push(Instruction::Unary { to, compute: half.compute(), a: from });
            }
        }
        Ok(())
    }

    /// Parameters are read as a whole.
    fn parameter(&mut self, statement: &Statement<'a>) -> Result<Instruction, Mistake> {
        let (wanted, of) = match statement.spelling {
            "ld.param.b32" | "ld.param.u32" => (4, Type::U32),
            "ld.param.b64" | "ld.param.u64" => (8, Type::U64),
            other => return Err(not_known(other)),
        };
        let [to, address] = operands(statement)?;
        let Operand::Name(name) = to else { return Err(operand(of, to)) };
        let Operand::Address(parameter, 0) = address else {
            return Err(wrong("a parameter", address));
        };
        let known = self.parameters.get(parameter);
        let (bytes, from) = *known.ok_or_else(|| Mistake::Unknown((*parameter).to_owned()))?;
        if bytes != wanted {
            return Err(wrong("a parameter of this size", address));
        }
        Ok(Instruction::Copy { to: self.written(name, of)?, from })
    }

    fn transfer(
        &self,
        spelling: &str,
        registers: &Operand<'a>,
        address: &Operand<'a>,
    ) -> Result<Transfer, Mistake> {
        let access = Access::of(spelling).ok_or_else(|| not_known(spelling))?;
        let single;
        let names = match registers {
            Operand::Name(name) if access.count == 1 => {
                single = [*name];
                &single[..]
            }
            Operand::Vector(names) if access.count > 1 && names.len() == access.count => names,
            other => return Err(operand(access.of, other)),
        };
        let mut slots = [0; 4];
        for (slot, name) in slots.iter_mut().zip(names) {
            *slot = match self.find(name)? {
                (slot, kind) if access.of.takes(kind) && !is_special(slot) => slot,
                // What is loaded to a wider register is extended by zeros, as it is here anyway.
                (slot, Kind::B64) if access.widens => slot,
                _ => return Err(operand(access.of, &Operand::Name(name))),
            };
        }
        let Operand::Address(base, offset) = address else {
            return Err(wrong("an address", address));
        };
        let (count, bytes) = (access.count as u8, access.bytes);
        let (base, offset) = (self.register(base, Type::U64)?, *offset);
        Ok(Transfer { slots, count, bytes, coherent: access.coherent, base, offset })
    }

    fn source(&mut self, from: &Operand<'a>, of: Type) -> Result<Slot, Mistake> {
        let bits = match *from {
            Operand::Name(name) => return self.register(name, of),
            Operand::Integer(number) => of.integer(number),
            Operand::Single(bits) => matches!(of, Type::F32 | Type::B32).then_some(bits.into()),
            Operand::Double(bits) => matches!(of, Type::F64 | Type::B64).then_some(bits),
            Operand::Address(..) | Operand::Vector(_) => None,
        };
        let bits = bits.ok_or_else(|| operand(of, from))?;
        let next = self.slots;
        let slot = *self.constants.entry(bits).or_insert(next);
        self.slots += u32::from(slot == next);
        Ok(slot)
    }

    fn register(&self, name: &str, of: Type) -> Result<Slot, Mistake> {
        let (slot, kind) = self.find(name)?;
        if of.takes(kind) { Ok(slot) } else { Err(operand(of, &Operand::Name(name))) }
    }

    /// Special registers may only be read.
    fn written(&self, name: &str, of: Type) -> Result<Slot, Mistake> {
        let slot = self.register(name, of)?;
        if is_special(slot) { Err(operand(of, &Operand::Name(name))) } else { Ok(slot) }
    }

    fn find(&self, name: &str) -> Result<(Slot, Kind), Mistake> {
        if let Some(slot) = SPECIAL.iter().position(|special| *special == name) {
            return Ok((slot as u32, Kind::B32));
        }
        for Declared { name: declared, count, kind, first } in &self.declared {
            let Some(rest) = name.strip_prefix(declared) else { continue };
            match count {
                None if rest.is_empty() => return Ok((*first, *kind)),
                Some(count) if rest == "0" || !rest.starts_with('0') => {
                    if let Some(number) = rest.parse().ok().filter(|number: &u32| number < count) {
                        return Ok((first + number, *kind));
                    }
                }
                _ => {}
            }
        }
        Err(Mistake::Unknown(name.to_owned()))
    }
}

fn is_special(slot: Slot) -> bool {
    (slot as usize) < SPECIAL.len()
}

/// A half of a word.
#[derive(Clone, Copy)]
enum Half {
    Low,
    High,
}

impl Half {
    fn compute(self) -> fn(u64) -> u64 {
        match self {
            Half::Low => |word| word & 0xffff,
            Half::High => |word| (word >> 16) & 0xffff,
        }
    }
}

/// What the spelling of a load or store says.
struct Access {
    coherent: bool,
    count: usize,
    of: Type,
    bytes: u8,
    /// Whether it may load to a wider register.
    widens: bool,
}

impl Access {
    /// `ld.global.nc.v4.f32`: `.nc` for loads only, and no other modifier.
    fn of(spelling: &str) -> Option<Access> {
        let (loads, rest) = match spelling.split_once('.')? {
            ("ld", rest) => (true, rest),
            ("st", rest) => (false, rest),
            _ => return None,
        };
        let rest = rest.strip_prefix("global.")?;
        let (coherent, rest) = match rest.strip_prefix("nc.") {
            Some(rest) if loads => (false, rest),
            _ => (true, rest),
        };
        let (count, rest) = match rest.split_once('.') {
            Some(("v2", rest)) => (2, rest),
            Some(("v4", rest)) => (4, rest),
            _ => (1, rest),
        };
        let (of, bytes) = match rest {
            "b16" | "u16" | "s16" => (Type::B16, 2),
            "b32" => (Type::B32, 4),
            "u32" | "s32" => (Type::U32, 4),
            "f32" => (Type::F32, 4),
            "b64" => (Type::B64, 8),
            "u64" | "s64" => (Type::U64, 8),
            "f64" => (Type::F64, 8),
            _ => return None,
        };
        let widens = loads && count == 1 && matches!(rest, "b32" | "u32");
        // The widest accesses have 16 bytes.
        (count * usize::from(bytes) <= 16).then_some(Access { coherent, count, of, bytes, widens })
    }
}

/// Whether it is refused, or just not known.
fn not_known(spelling: &str) -> Mistake {
    let mut parts = spelling.split('.');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let has = |modifier| spelling.split('.').any(|part| part == modifier);
    let reason = match first {
        "call" => Refusal::Calls,
        _ if has("approx") => Refusal::Approximates,
        _ if has("ftz") => Refusal::Flushes,
        "ld" | "st" => match second {
            Some("local" | "shared" | "const") => Refusal::Space,
            Some("global" | "param") => return Mistake::Instruction(spelling.to_owned()),
            _ => Refusal::Generic,
        },
        _ => return Mistake::Instruction(spelling.to_owned()),
    };
    Mistake::Refused { instruction: spelling.to_owned(), reason }
}

fn operands<'s, 'a, const N: usize>(
    statement: &'s Statement<'a>,
) -> Result<&'s [Operand<'a>; N], Mistake> {
    statement.operands.as_slice().try_into().map_err(|_| count(statement, N))
}

fn count(statement: &Statement<'_>, wanted: usize) -> Mistake {
    let instruction = statement.spelling.to_owned();
    Mistake::Operands { instruction, wanted, found: statement.operands.len() }
}

fn operand(wanted: Type, found: &Operand<'_>) -> Mistake {
    Mistake::Operand { wanted, found: found.to_string() }
}

fn wrong(wanted: &'static str, found: &Operand<'_>) -> Mistake {
    Mistake::Expected { wanted, found: found.to_string() }
}
