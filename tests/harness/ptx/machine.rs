//! Carries out a kernel: thread after thread, instruction after instruction.

use super::error::{Fault, RunError};
use super::kernel::{Instruction, Kernel, SPECIAL, Transfer};
use super::memory::{Memory, Span};

/// Instructions that a thread may take.
pub const MOST_INSTRUCTIONS: u64 = 50_000_000;

/// Whose registers hold something whichever thread runs.
const ALWAYS: u64 = u64::MAX;

/// A register, and the thread that wrote it last.
#[derive(Debug, Clone, Copy, Default)]
struct Register {
    bits: u64,
    thread: u64,
}

/// Registers of a kernel.
#[derive(Debug, Clone)]
pub struct Machine<'a> {
    kernel: &'a Kernel,
    registers: Vec<Register>,
    /// The thread that runs, from 1.
    thread: u64,
    most_instructions: u64,
    instructions: u64,
    threads: u64,
}

impl<'a> Machine<'a> {
    /// A machine for a kernel.
    pub fn new(kernel: &'a Kernel) -> Machine<'a> {
        let mut registers = vec![Register::default(); kernel.slots as usize];
        for (slot, bits) in &kernel.constants {
            registers[*slot as usize] = Register { bits: *bits, thread: ALWAYS };
        }
        let most_instructions = MOST_INSTRUCTIONS;
        Machine { kernel, registers, thread: 0, most_instructions, instructions: 0, threads: 0 }
    }

    /// The same with another limit for the instructions of a thread.
    #[must_use]
    pub fn with_limit(mut self, most_instructions: u64) -> Machine<'a> {
        self.most_instructions = most_instructions;
        self
    }

    /// Instructions so far.
    pub fn instructions(&self) -> u64 {
        self.instructions
    }

    /// Threads so far.
    pub fn threads(&self) -> u64 {
        self.threads
    }

    /// Counts from 0 again.
    pub fn forget(&mut self) {
        (self.instructions, self.threads) = (0, 0);
    }

    /// Runs all threads of a launch. One that reads or writes what another one writes is stopped.
    ///
    /// # Errors
    ///
    /// The first fault of any thread.
    pub fn launch(
        &mut self,
        memory: &mut Memory,
        blocks: u32,
        threads: u32,
        arguments: &[u64],
    ) -> Result<(), RunError> {
        self.start(threads, arguments).map_err(|fault| RunError {
            block: 0,
            thread: 0,
            line: 0,
            fault,
        })?;
        memory.start_launch();
        for block in 0..blocks {
            for thread in 0..threads {
                self.thread += 1;
                self.threads += 1;
                memory.start_thread();
                self.set_special([thread, threads, block, blocks]);
                self.run(memory).map_err(|(at, fault)| {
                    let line = self.kernel.lines.get(at).copied().unwrap_or_default();
                    RunError { block, thread, line, fault }
                })?;
            }
        }
        Ok(())
    }

    fn start(&mut self, threads: u32, arguments: &[u64]) -> Result<(), Fault> {
        let wrong = |what, wanted, found| Err(Fault::Launch { what, wanted, found });
        let (most, parameters) = (self.kernel.most_threads, &self.kernel.parameters);
        if u64::from(threads) > most {
            return wrong("threads at most", most, threads.into());
        }
        if arguments.len() != parameters.len() {
            return wrong("arguments", parameters.len() as u64, arguments.len() as u64);
        }
        for ((bytes, slot), argument) in parameters.iter().zip(arguments) {
            if *bytes == 4 && u32::try_from(*argument).is_err() {
                return wrong("bytes of an argument", 4, 8);
            }
            self.registers[*slot as usize] = Register { bits: *argument, thread: ALWAYS };
        }
        Ok(())
    }

    fn set_special(&mut self, values: [u32; SPECIAL.len()]) {
        for (register, value) in self.registers.iter_mut().zip(values) {
            *register = Register { bits: value.into(), thread: ALWAYS };
        }
    }

    /// A thread from start to end; a fault comes with the place of its instruction.
    fn run(&mut self, memory: &mut Memory) -> Result<(), (usize, Fault)> {
        let (kernel, most) = (self.kernel, self.most_instructions);
        let (mut at, mut taken) = (0, 0);
        while let Some(instruction) = kernel.instructions.get(at) {
            taken += 1;
            if taken > most {
                return Err((at, Fault::Endless(most)));
            }
            match self.step(*instruction, memory) {
                Ok(Next::Following) => at += 1,
                Ok(Next::Place(place)) => at = place,
                Ok(Next::Done) => {
                    self.instructions += taken;
                    return Ok(());
                }
                Err(fault) => return Err((at, *fault)),
            }
        }
        Err((at, Fault::End))
    }

    #[inline]
    fn step(&mut self, instruction: Instruction, memory: &mut Memory) -> Result<Next, Box<Fault>> {
        match instruction {
            Instruction::Copy { to, from } => {
                let bits = self.read(from)?;
                self.write(to, bits);
            }
            Instruction::Unary { to, compute, a } => {
                let bits = compute(self.read(a)?);
                self.write(to, bits);
            }
            Instruction::Binary { to, compute, a, b } => {
                let bits = compute(self.read(a)?, self.read(b)?);
                self.write(to, bits);
            }
            Instruction::Ternary { to, compute, a, b, c } => {
                let bits = compute(self.read(a)?, self.read(b)?, self.read(c)?);
                self.write(to, bits);
            }
            Instruction::Load(transfer) => self.load(&transfer, memory)?,
            Instruction::Store(transfer) => self.store(&transfer, memory)?,
            Instruction::Branch { to } => return Ok(Next::Place(to)),
            Instruction::BranchIf { predicate, wanted, to } => {
                if (self.read(predicate)? != 0) == wanted {
                    return Ok(Next::Place(to));
                }
            }
            Instruction::Return => return Ok(Next::Done),
        }
        Ok(Next::Following)
    }

    fn load(&mut self, transfer: &Transfer, memory: &mut Memory) -> Result<(), Box<Fault>> {
        let span = self.span(transfer)?;
        let bytes = memory
            .load(span, transfer.coherent)
            .map_err(|fault| Box::new(Fault::Access { span, fault }))?;
        let registers = transfer.slots.iter().zip(bytes.chunks_exact(transfer.bytes.into()));
        for (slot, bytes) in registers {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            let register = Register { bits: u64::from_le_bytes(word), thread: self.thread };
            self.registers[*slot as usize] = register;
        }
        Ok(())
    }

    fn store(&mut self, transfer: &Transfer, memory: &mut Memory) -> Result<(), Box<Fault>> {
        let span = self.span(transfer)?;
        let bytes = memory.store(span).map_err(|fault| Box::new(Fault::Access { span, fault }))?;
        let registers = transfer.slots.iter().zip(bytes.chunks_exact_mut(transfer.bytes.into()));
        for (slot, bytes) in registers {
            let word = self.read(*slot)?.to_le_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
        Ok(())
    }

    fn span(&self, transfer: &Transfer) -> Result<Span, Box<Fault>> {
        let address = self.read(transfer.base)?.wrapping_add_signed(transfer.offset);
        Ok(Span { address, bytes: u32::from(transfer.bytes) * u32::from(transfer.count) })
    }

    #[inline(always)]
    fn read(&self, slot: u32) -> Result<u64, Box<Fault>> {
        let register = &self.registers[slot as usize];
        // A later thread has a larger number.
        if register.thread < self.thread {
            return Err(Box::new(Fault::Nothing));
        }
        Ok(register.bits)
    }

    #[inline(always)]
    fn write(&mut self, slot: u32, bits: u64) {
        self.registers[slot as usize] = Register { bits, thread: self.thread };
    }
}

/// Where a thread goes on.
enum Next {
    Following,
    Place(usize),
    Done,
}
