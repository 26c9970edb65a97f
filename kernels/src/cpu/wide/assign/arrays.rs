//! Arrays: where their pointers are, and how elements of each type are read and written.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::super::super::error::CpuError;
use super::super::program::{Op, Operation, Width};
use super::Generator;
use crate::plan::{Array, ElementType, Plan};

/// Index of the first element of the vector at hand.
pub(in super::super) const INDEX: Register = Register::RAX;
/// A register for a moment.
pub(in super::super) const SPARE: Register = Register::RCX;

/// Registers that pointers stay in.
const HELD: [Register; 8] = [
    Register::RDI,
    Register::RSI,
    Register::RBX,
    Register::RBP,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

/// Pointers to the arrays. The first few are in registers; all are in the frame, twice: as they came,
/// and as the loop reads them, because the last pass works on copies of the rests.
#[derive(Debug, Clone)]
pub(in super::super) struct Pointers {
    types: [ElementType; 2],
    pub(in super::super) count: usize,
    /// Offset in the frame of the pointers as they came.
    pub(in super::super) given: i32,
    /// Offset in the frame of those that the loop reads.
    pub(in super::super) current: i32,
    /// Offset in the frame of the copies, each with room for a vector of 64-bit elements.
    pub(in super::super) rests: i32,
    width: Width,
}

impl Pointers {
    /// Lays the pointers out from `frame` on, and moves it.
    pub(in super::super) fn new(plan: &Plan, width: Width, frame: &mut u32) -> Pointers {
        let count = 2 + usize::from(plan.states);
        let table = (count as u32 * 8).next_multiple_of(64);
        let given = *frame;
        let rests = given + 2 * table;
        let types = [plan.parameter, plan.gradient];
        let pointers = Pointers {
            types,
            count,
            given: given as i32,
            current: (given + table) as i32,
            rests: rests as i32,
            width,
        };
        *frame = rests + (0..count).map(|number| pointers.rest_bytes(number)).sum::<u32>();
        pointers
    }

    pub(in super::super) fn number(array: Array) -> usize {
        match array {
            Array::Parameter => 0,
            Array::Gradient => 1,
            Array::State(slot) => 2 + usize::from(slot),
        }
    }

    /// Type of the elements of an array.
    pub(in super::super) fn kind(&self, number: usize) -> ElementType {
        self.types.get(number).copied().unwrap_or_default()
    }

    fn rest_bytes(&self, number: usize) -> u32 {
        (self.kind(number).bytes() as u32 * self.width.lanes()).next_multiple_of(64)
    }

    /// Offset in the frame of an array's rest.
    pub(in super::super) fn rest(&self, number: usize) -> i32 {
        self.rests + (0..number).map(|n| self.rest_bytes(n)).sum::<u32>() as i32
    }

    /// The register that a pointer stays in.
    pub(in super::super) fn held(number: usize) -> Option<Register> {
        HELD.get(number).copied()
    }
}

impl Generator<'_> {
    /// The register with the pointer to an array as the loop reads it; it may be [`SPARE`].
    pub(in super::super) fn pointer(&mut self, number: usize) -> Result<Register, CpuError> {
        if let Some(register) = Pointers::held(number) {
            return Ok(register);
        }
        let offset = i64::from(self.pointers.current) + number as i64 * 8;
        let memory = MemoryOperand::with_base_displ(super::FRAME, offset);
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, SPARE, memory))?;
        Ok(SPARE)
    }

    /// The elements at hand, `bytes` further on.
    pub(in super::super) fn elements(
        &self,
        base: Register,
        number: usize,
        bytes: i64,
    ) -> MemoryOperand {
        let scale = self.pointers.kind(number).bytes() as u32;
        let size = u32::from(bytes != 0);
        MemoryOperand::new(base, INDEX, scale, bytes, size, false, Register::None)
    }

    pub(super) fn array_operation(&mut self, operation: &Operation) -> Result<(), CpuError> {
        match (operation.op, operation.operands()) {
            (Op::Load(array, unit), []) => self.load(operation, array, unit),
            (Op::Store(array, unit), &[value]) => {
                let from = self.register_of(value)?;
                let number = Pointers::number(array);
                let kind = self.pointers.kind(number);
                let base = self.pointer(number)?;
                let memory = self.elements(base, number, self.unit(unit, kind));
                if kind == ElementType::F32 {
                    let class = super::Class::Vector;
                    self.assembler.write(class, memory, from, true)?;
                } else {
                    let scratch = match self.program.width {
                        Width::Avx2 => [self.scratch()?, self.scratch()?],
                        Width::Avx512 => [0; 2],
                    };
                    self.assembler.store_halves(memory, from, scratch)?;
                }
                self.retire(&[value]);
                Ok(())
            }
            (Op::Descend(unit), &[scale, update]) => {
                let operands = [self.register_of(scale)?, self.register_of(update)?];
                let scratch = [self.scratch()?, self.scratch()?];
                let base = self.pointer(0)?;
                let start = self.unit(unit, ElementType::F64);
                let bytes = i64::from(self.program.width.bytes());
                for upper in [false, true] {
                    let offset = start + if upper { bytes } else { 0 };
                    let memory = self.elements(base, 0, offset);
                    self.assembler.descend(upper, operands, scratch, memory)?;
                }
                self.retire(&[scale, update]);
                Ok(())
            }
            (op, _) => Err(CpuError::Encoding(format!("{op:?} with other operands"))),
        }
    }

    fn unit(&self, unit: u8, kind: ElementType) -> i64 {
        i64::from(unit) * i64::from(self.program.width.lanes()) * kind.bytes() as i64
    }

    fn load(&mut self, operation: &Operation, array: Array, unit: u8) -> Result<(), CpuError> {
        let number = Pointers::number(array);
        let kind = self.pointers.kind(number);
        let base = self.pointer(number)?;
        let start = self.unit(unit, kind);
        let memory = self.elements(base, number, start);
        let to = self.define(operation.result)?;
        match kind {
            ElementType::F32 => self.assembler.read(super::Class::Vector, to, memory, true),
            ElementType::F16 | ElementType::Bf16 => self.assembler.load_halves(to, memory),
            ElementType::F64 => {
                let bytes = i64::from(self.program.width.bytes());
                let upper = self.elements(base, number, start + bytes);
                let scratch = self.scratch()?;
                self.assembler.load_doubles(to, scratch, [memory, upper])
            }
        }
    }
}
