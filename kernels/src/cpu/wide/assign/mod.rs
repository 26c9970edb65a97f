//! Registers for the vector program, assigned while it is written out.
//!
//! A part is a straight line, so one pass is enough: a value that is not needed for the longest time
//! leaves its register when one is wanted (Belady 1966). What has a home in memory leaves for nothing;
//! anything else is written to the frame once, and never again, because it does not change. Values in
//! memory are operands of machine operations where these allow it. Constants that are read often stay
//! in registers through the loop where some are left over.

mod arrays;
mod operation;

use iced_x86::{MemoryOperand, Register};

use super::super::error::CpuError;
use super::encode::{Assembler, Source};
use super::program::{Base, Class, Operation, Place, Program, Virtual, Width};

pub(super) use arrays::{INDEX, Pointers, SPARE};

/// Address registers that hold the same thing all through a kernel.
pub(super) const POOL: Register = Register::RDX;
pub(super) const FRAME: Register = Register::RSP;
/// Offset into the buffers of picked words.
pub(super) const PICKED: Register = Register::R10;
/// Arguments that are read before the loops.
pub(super) const SCALARS: Register = Register::RCX;
pub(super) const WORDS: Register = Register::R8;

/// The fewest registers of a class that every operation can be written with.
pub(super) const FEWEST: usize = 4;

/// The registers of a class.
#[derive(Debug)]
struct Bank {
    count: u8,
    holds: [Option<Virtual>; 32],
    /// Registers that an operand or result of the operation at hand is in.
    locked: u32,
    /// Registers that keep a constant through the loop.
    pinned: u32,
}

impl Bank {
    fn new(count: usize) -> Bank {
        Bank { count: count as u8, holds: [None; 32], locked: 0, pinned: 0 }
    }

    fn free(&self) -> Option<u8> {
        (0..self.count).find(|r| self.holds[usize::from(*r)].is_none() && self.locked >> r & 1 == 0)
    }
}

/// Where a virtual register's value is.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    register: Option<u8>,
    /// Offset in the frame.
    spilled: Option<i32>,
}

/// Writes a vector program out.
pub(super) struct Generator<'p> {
    pub(super) program: &'p Program,
    pub(super) assembler: Assembler,
    pub(super) pointers: Pointers,
    vectors: Bank,
    masks: Bank,
    states: Vec<State>,
    uses: Uses,
    /// Place of the operation at hand in its part.
    now: u32,
    /// End of the frame in use, its end at the highest, and places that are free again.
    frame: u32,
    highest: u32,
    free_places: [Vec<i32>; 2],
    /// Places that are free after the operation at hand, which still reads them.
    leaving: Vec<(Class, i32)>,
}

impl<'p> Generator<'p> {
    pub(super) fn new(
        program: &'p Program,
        assembler: Assembler,
        pointers: Pointers,
        frame: u32,
        limit: usize,
    ) -> Generator<'p> {
        let limit = limit.max(FEWEST);
        Generator {
            program,
            assembler,
            pointers,
            vectors: Bank::new(limit.min(program.width.registers())),
            masks: Bank::new(limit.min(5)),
            states: vec![State::default(); program.classes.len()],
            uses: Uses::default(),
            now: 0,
            frame,
            highest: frame,
            free_places: [Vec::new(), Vec::new()],
            leaving: Vec::new(),
        }
    }

    /// Bytes of the frame at the highest.
    pub(super) fn frame_bytes(&self) -> u32 {
        self.highest
    }

    /// Writes a part out, from a state in which nothing but pinned constants is in registers.
    pub(super) fn part(&mut self, code: &[Operation], frame: u32) -> Result<(), CpuError> {
        self.uses = Uses::of(code, self.states.len());
        self.frame = frame;
        self.free_places = [Vec::new(), Vec::new()];
        for (place, operation) in code.iter().enumerate() {
            self.now = place as u32;
            self.operation(operation)?;
        }
        self.forget();
        Ok(())
    }

    /// Forgets what is in registers and in spilled places, pinned constants apart.
    fn forget(&mut self) {
        let pinned = self.vectors.pinned;
        for (register, held) in self.vectors.holds.iter_mut().enumerate() {
            if pinned >> register & 1 == 0 {
                *held = None;
            }
        }
        self.masks.holds = [None; 32];
        for state in &mut self.states {
            let stays = state.register.is_some_and(|r| pinned >> r & 1 == 1);
            *state = State { register: state.register.filter(|_| stays), spilled: None };
        }
        // A mask register's number says nothing about vector registers.
        for (index, class) in self.program.classes.iter().enumerate() {
            if *class == Class::Mask {
                self.states[index] = State::default();
            }
        }
    }

    /// Loads the constants that a loop over `code` reads most often into registers that it leaves.
    pub(super) fn pin(&mut self, code: &[Operation]) -> Result<(), CpuError> {
        let uses = Uses::of(code, self.states.len());
        let highest = pressure(code, self.program, &uses) + 1;
        let room = usize::from(self.vectors.count).saturating_sub(highest);
        let mut candidates: Vec<(usize, Virtual)> = Vec::new();
        for index in 0..self.states.len() {
            let register = Virtual(index as u32);
            let count = uses.count(register);
            let fixed = self.program.homes[index]
                .is_some_and(|place| matches!(place.base, Base::Pool | Base::Frame));
            if fixed && count > 0 && self.program.classes[index] == Class::Vector {
                candidates.push((count, register));
            }
        }
        candidates.sort_by_key(|(count, register)| (std::cmp::Reverse(*count), register.0));
        for (place, (_, register)) in candidates.into_iter().take(room).enumerate() {
            let number = self.vectors.count - 1 - place as u8;
            if let Some(place) = self.program.homes[register.index()] {
                let memory = self.memory(place, false);
                self.assembler.read(Class::Vector, number, memory, place.full)?;
            }
            self.vectors.holds[usize::from(number)] = Some(register);
            self.vectors.pinned |= 1 << number;
            self.states[register.index()].register = Some(number);
        }
        Ok(())
    }

    fn class(&self, register: Virtual) -> Class {
        self.program.classes[register.index()]
    }

    fn bank(&mut self, class: Class) -> &mut Bank {
        match class {
            Class::Vector => &mut self.vectors,
            Class::Mask => &mut self.masks,
        }
    }

    fn held(&self, register: Virtual) -> Option<u8> {
        self.states[register.index()].register
    }

    fn lock(&mut self, class: Class, number: u8) {
        self.bank(class).locked |= 1 << number;
    }

    /// Where in memory a value can be read.
    fn place(&self, register: Virtual) -> Option<Place> {
        self.program.homes[register.index()].or_else(|| {
            let offset = self.states[register.index()].spilled?;
            Some(Place { base: Base::Frame, offset, full: true })
        })
    }

    fn memory(&self, place: Place, to_all_lanes: bool) -> MemoryOperand {
        let offset = i64::from(place.offset);
        let size = u32::from(offset != 0);
        if let Base::Elements(number) = place.base {
            let base = Pointers::held(usize::from(number)).unwrap_or_default();
            return self.elements(base, usize::from(number), offset);
        }
        let (base, index) = match place.base {
            Base::Pool => (POOL, Register::None),
            Base::Frame => (FRAME, Register::None),
            Base::Buffer => (FRAME, PICKED),
            Base::Scalars => (SCALARS, Register::None),
            Base::Words => (WORDS, Register::None),
            Base::Elements(_) => (Register::None, Register::None),
        };
        MemoryOperand::new(base, index, 1, offset, size, to_all_lanes, Register::None)
    }

    /// A register of a class that nothing at hand is in, emptied if need be. It comes locked.
    fn take(&mut self, class: Class) -> Result<u8, CpuError> {
        let number = match self.bank(class).free() {
            Some(number) => number,
            None => self.evict(class)?,
        };
        self.lock(class, number);
        Ok(number)
    }

    /// Empties the register whose value is not needed for the longest time.
    fn evict(&mut self, class: Class) -> Result<u8, CpuError> {
        let bank = match class {
            Class::Vector => &self.vectors,
            Class::Mask => &self.masks,
        };
        let busy = bank.locked | bank.pinned;
        let held = (0..bank.count).filter(|r| busy >> r & 1 == 0);
        let held = held.filter_map(|r| bank.holds[usize::from(r)].map(|v| (r, v)));
        // What need not be written leaves before what is needed a little later.
        let cost = |v: Virtual| {
            let away = self.uses.next(v, self.now).map_or(u32::MAX, |next| next - self.now);
            if self.place(v).is_some() { away.saturating_mul(2) } else { away }
        };
        let Some((number, victim)) = held.max_by_key(|(_, v)| cost(*v)) else {
            return Err(CpuError::Encoding("an operation needs too many registers".to_owned()));
        };
        if self.place(victim).is_none() {
            let offset = self.reserve(class);
            let place = Place { base: Base::Frame, offset, full: true };
            let memory = self.memory(place, false);
            self.assembler.write(class, memory, number, true)?;
            self.states[victim.index()].spilled = Some(offset);
        }
        self.states[victim.index()].register = None;
        self.bank(class).holds[usize::from(number)] = None;
        Ok(number)
    }

    /// Room in the frame for a register.
    fn reserve(&mut self, class: Class) -> i32 {
        if let Some(offset) = self.free_places[class as usize].pop() {
            return offset;
        }
        let bytes = match class {
            Class::Vector => self.program.width.bytes(),
            Class::Mask => 8,
        };
        let offset = self.frame.next_multiple_of(bytes);
        self.frame = offset + bytes;
        self.highest = self.highest.max(self.frame);
        offset as i32
    }

    /// The register that a value is in, read from memory if need be. It comes locked.
    fn register_of(&mut self, register: Virtual) -> Result<u8, CpuError> {
        let class = self.class(register);
        if let Some(number) = self.held(register) {
            self.lock(class, number);
            return Ok(number);
        }
        let number = self.take(class)?;
        self.read(register, number)?;
        self.bank(class).holds[usize::from(number)] = Some(register);
        self.states[register.index()].register = Some(number);
        Ok(number)
    }

    /// Reads a value into a register that need not be its own.
    fn read(&mut self, register: Virtual, number: u8) -> Result<(), CpuError> {
        let Some(place) = self.place(register) else {
            return Err(CpuError::Encoding(format!("v{} is read before it is made", register.0)));
        };
        let memory = self.memory(place, false);
        self.assembler.read(self.class(register), number, memory, place.full)
    }

    /// Whether a value is in memory alone and an operation can take it from there.
    fn is_readable(&self, register: Virtual, takes_word: bool) -> bool {
        self.held(register).is_none()
            && self.place(register).is_some_and(|place| {
                place.full || (takes_word && self.program.width == Width::Avx512)
            })
    }

    /// An operand from where it is. A spilled value that is needed again returns to a register.
    fn source(&mut self, register: Virtual, takes_word: bool) -> Result<Source, CpuError> {
        let returns = self.program.homes[register.index()].is_none()
            && self.uses.next(register, self.now).is_some()
            && self.vectors.free().is_some();
        if let Some(place) = self.place(register)
            && self.is_readable(register, takes_word)
            && !returns
        {
            return Ok(Source::Memory(self.memory(place, !place.full)));
        }
        Ok(Source::Register(self.register_of(register)?))
    }

    /// Whether a value's register can be overwritten by the operation at hand.
    fn dies(&self, register: Virtual) -> bool {
        let pinned =
            |r: u8| self.vectors.pinned >> r & 1 == 1 && self.class(register) == Class::Vector;
        self.held(register).is_some_and(|r| !pinned(r))
            && self.uses.next(register, self.now).is_none()
    }

    /// Frees what the operands that are not needed again are in.
    fn retire(&mut self, operands: &[Virtual]) {
        for operand in operands {
            if self.uses.next(*operand, self.now).is_some() {
                continue;
            }
            let class = self.class(*operand);
            if self.dies(*operand)
                && let Some(number) = self.held(*operand)
            {
                let bank = self.bank(class);
                bank.holds[usize::from(number)] = None;
                bank.locked &= !(1 << number);
                self.states[operand.index()].register = None;
            }
            if let Some(offset) = self.states[operand.index()].spilled.take() {
                self.leaving.push((class, offset));
            }
        }
    }

    /// Gives a result its register.
    fn define(&mut self, result: Option<Virtual>) -> Result<u8, CpuError> {
        let class = result.map_or(Class::Vector, |result| self.class(result));
        let number = self.take(class)?;
        self.settle(result, number);
        Ok(number)
    }

    fn settle(&mut self, result: Option<Virtual>, number: u8) {
        if let Some(result) = result {
            let class = self.class(result);
            self.bank(class).holds[usize::from(number)] = Some(result);
            self.states[result.index()].register = Some(number);
        }
    }

    /// The register of a value that is overwritten: its own if it is not needed again, else a copy.
    fn overwritten(&mut self, register: Virtual) -> Result<u8, CpuError> {
        if self.dies(register)
            && let Some(number) = self.held(register)
        {
            let class = self.class(register);
            self.bank(class).holds[usize::from(number)] = None;
            self.states[register.index()].register = None;
            self.lock(class, number);
            return Ok(number);
        }
        let number = self.take(self.class(register))?;
        match self.held(register) {
            Some(from) => self.assembler.copy(number, from)?,
            None => self.read(register, number)?,
        }
        Ok(number)
    }
}

/// Where in a part each value is read.
#[derive(Debug, Default)]
struct Uses {
    /// By virtual register, and one more: where its row begins.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Uses {
    fn of(code: &[Operation], registers: usize) -> Uses {
        let mut starts = vec![0_u32; registers + 1];
        let operands = || code.iter().flat_map(Operation::operands);
        operands().for_each(|v| starts[v.index() + 1] += 1);
        for index in 0..registers {
            starts[index + 1] += starts[index];
        }
        let mut ends = starts.clone();
        let mut places = vec![0; starts[registers] as usize];
        for (place, operation) in code.iter().enumerate() {
            for operand in operation.operands() {
                places[ends[operand.index()] as usize] = place as u32;
                ends[operand.index()] += 1;
            }
        }
        Uses { starts, places }
    }

    fn row(&self, register: Virtual) -> &[u32] {
        let index = register.index();
        &self.places[self.starts[index] as usize..self.starts[index + 1] as usize]
    }

    fn count(&self, register: Virtual) -> usize {
        self.row(register).len()
    }

    /// The first use after a place.
    fn next(&self, register: Virtual, after: u32) -> Option<u32> {
        let row = self.row(register);
        row.get(row.partition_point(|place| *place <= after)).copied()
    }
}

/// How many vectors that have no home are alive at once, at most.
fn pressure(code: &[Operation], program: &Program, uses: &Uses) -> usize {
    let mut alive = 0_usize;
    let mut highest = 0;
    for (place, operation) in code.iter().enumerate() {
        let is_vector = |v: Virtual| {
            program.classes[v.index()] == Class::Vector && program.homes[v.index()].is_none()
        };
        let result = operation.result.is_some_and(is_vector);
        // An operand in memory may need a register for a moment.
        highest = highest.max(alive + usize::from(result) + 1);
        let mut ended: Vec<Virtual> = operation.operands().to_vec();
        ended.dedup();
        let ended = ended
            .into_iter()
            .filter(|v| is_vector(*v) && uses.next(*v, place as u32).is_none())
            .count();
        alive = (alive + usize::from(result)).saturating_sub(ended);
    }
    highest
}
