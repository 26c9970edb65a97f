//! A function that hands its call to the widest variant that the processor has, for object files.
//!
//! ```text
//! entry:    jump to what the slot holds, if it holds something
//! resolve:  ask the processor and the operating system, write the slot, jump there
//! ```
//!
//! The question is asked once a process: `cpuid` is slow, above all in a virtual machine. Threads that
//! ask at once write the same answer. What is asked is in Intel's manual, volume 1, sections 14.3 and
//! 15.2: AVX needs `OSXSAVE` and the state bits 1 and 2 of `XCR0`, AVX-512 also 5 to 7.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::super::error::CpuError;
use super::encode::{Assembler, Forward};
use super::function::{self, Image};
use super::program::Width;
use crate::plan::Plan;

/// What an instruction of the dispatcher refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Symbol {
    /// A pointer, null at first.
    Slot,
    /// The variant for every processor.
    Baseline,
    /// The variant for a width.
    Wide(Width),
}

/// Machine code with places for the distances to symbols: 32 bits from the end of the place.
#[derive(Debug)]
pub(in super::super) struct Dispatcher {
    pub(in super::super) bytes: Vec<u8>,
    /// Offsets of the places.
    pub(in super::super) places: Vec<(usize, Symbol)>,
}

/// Bits of `cpuid` leaf 1, ECX: FMA, OSXSAVE, AVX.
const LEAF_1: u32 = 1 << 12 | 1 << 27 | 1 << 28;
/// Leaf 7, EBX: AVX2.
const AVX2: u32 = 1 << 5;
/// Leaf 7, EBX: AVX-512 F, DQ, BW, VL.
const AVX512: u32 = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;
/// `XCR0`: states of AVX, and those with AVX-512.
const STATE_AVX: u32 = 0x06;
const STATE_AVX512: u32 = 0xe6;

/// The machine code of a variant as a function that starts with its first byte and needs to stand at a
/// multiple of 64.
///
/// # Errors
///
/// Those of [`super::WideKernel::compile`].
pub(in super::super) fn variant(plan: &Plan, width: Width) -> Result<Vec<u8>, CpuError> {
    super::kernel::check(plan)?;
    let Image { bytes, entry, .. } = function::write(plan, width, usize::MAX)?;
    // A jump over the constants.
    let mut code = Assembler::new(width, 0)?;
    code.jump_back(Code::Jmp_rel32_64, 64 + entry)?;
    code.align();
    let mut out = code.finish(0);
    out.extend(bytes);
    Ok(out)
}

impl Dispatcher {
    /// The code of the dispatcher. It leaves the arguments of the call as they are.
    pub(in super::super) fn new() -> Result<Dispatcher, CpuError> {
        let mut writer = Writer { code: Assembler::new(Width::Avx2, 0)?, places: Vec::new() };
        writer.entry()?;
        let failed = writer.resolve()?;
        for jump in failed {
            writer.code.land(jump);
        }
        writer.done()?;
        let mut dispatcher = Dispatcher { bytes: writer.code.finish(0), places: writer.places };
        for (place, _) in &dispatcher.places {
            dispatcher.bytes[*place..*place + 4].fill(0);
        }
        Ok(dispatcher)
    }
}

struct Writer {
    code: Assembler,
    places: Vec<(usize, Symbol)>,
}

/// The variant that the call goes to.
const CHOICE: Register = Register::R11;
/// `XCR0`.
const STATE: Register = Register::R10D;
/// What `cpuid` overwrites and the caller or the call needs.
const SAVED: [Register; 3] = [Register::RBX, Register::RCX, Register::RDX];

impl Writer {
    fn push(&mut self, made: Result<Instruction, iced_x86::IcedError>) -> Result<(), CpuError> {
        self.code.push(made)
    }

    /// An instruction whose last four bytes are the distance to a symbol.
    fn to(
        &mut self,
        symbol: Symbol,
        made: impl FnOnce(MemoryOperand) -> Result<Instruction, iced_x86::IcedError>,
    ) -> Result<(), CpuError> {
        // Any address: the place is filled by the linker.
        let memory = MemoryOperand::with_base_displ(Register::RIP, 0x1000);
        self.push(made(memory))?;
        self.places.push((self.code.position() - 4, symbol));
        Ok(())
    }

    fn entry(&mut self) -> Result<(), CpuError> {
        self.to(Symbol::Slot, |slot| Instruction::with2(Code::Mov_r64_rm64, Register::RAX, slot))?;
        self.push(Instruction::with2(Code::Test_rm64_r64, Register::RAX, Register::RAX))?;
        let unknown = self.code.jump_ahead(Code::Je_rel32_64)?;
        self.push(Instruction::with1(Code::Jmp_rm64, Register::RAX))?;
        self.code.land(unknown);
        Ok(())
    }

    /// Asks step by step; the jumps are taken when there is nothing wider than what is chosen.
    fn resolve(&mut self) -> Result<Vec<Forward>, CpuError> {
        for register in SAVED {
            self.push(Instruction::with1(Code::Push_r64, register))?;
        }
        let mut failed = Vec::new();
        self.choose(Symbol::Baseline)?;
        self.cpuid(0)?;
        self.push(Instruction::with2(Code::Cmp_rm32_imm8, Register::EAX, 7))?;
        failed.push(self.code.jump_ahead(Code::Jb_rel32_64)?);
        self.cpuid(1)?;
        failed.push(self.unless_all(Register::ECX, LEAF_1)?);
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::ECX, Register::ECX))?;
        self.push(Ok(Instruction::with(Code::Xgetbv)))?;
        self.push(Instruction::with2(Code::Mov_r32_rm32, STATE, Register::EAX))?;
        failed.push(self.unless_all(Register::EAX, STATE_AVX)?);
        self.cpuid(7)?;
        self.push(Instruction::with2(Code::Mov_r32_rm32, Register::EAX, Register::EBX))?;
        failed.push(self.unless_all(Register::EAX, AVX2)?);
        self.choose(Symbol::Wide(Width::Avx2))?;
        failed.push(self.unless_all(STATE, STATE_AVX512)?);
        failed.push(self.unless_all(Register::EBX, AVX512)?);
        self.choose(Symbol::Wide(Width::Avx512))?;
        Ok(failed)
    }

    fn choose(&mut self, symbol: Symbol) -> Result<(), CpuError> {
        self.to(symbol, |variant| Instruction::with2(Code::Lea_r64_m, CHOICE, variant))
    }

    fn cpuid(&mut self, leaf: u32) -> Result<(), CpuError> {
        self.push(Instruction::with2(Code::Mov_r32_imm32, Register::EAX, leaf))?;
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::ECX, Register::ECX))?;
        self.push(Ok(Instruction::with(Code::Cpuid)))
    }

    /// A jump if one of the bits is missing. The register is overwritten.
    fn unless_all(&mut self, register: Register, bits: u32) -> Result<Forward, CpuError> {
        self.push(Instruction::with2(Code::And_rm32_imm32, register, bits))?;
        self.push(Instruction::with2(Code::Cmp_rm32_imm32, register, bits))?;
        self.code.jump_ahead(Code::Jne_rel32_64)
    }

    fn done(&mut self) -> Result<(), CpuError> {
        self.to(Symbol::Slot, |slot| Instruction::with2(Code::Mov_rm64_r64, slot, CHOICE))?;
        for register in SAVED.into_iter().rev() {
            self.push(Instruction::with1(Code::Pop_r64, register))?;
        }
        self.push(Instruction::with1(Code::Jmp_rm64, CHOICE))
    }
}
