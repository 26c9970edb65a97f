//! Machine operations on real registers to bytes.

mod codes;
mod elements;

pub(super) use codes::takes_word;

use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};

use super::super::error::CpuError;
use super::program::{Binary, Class, Compare, MaskOp, Unary, Width};
use crate::plan::ShiftOp;

/// The mask register with the odd lanes, where an AVX-512 kernel uses one.
pub(super) const ODD_LANES: Register = Register::K7;

/// A register or memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Register(u8),
    Memory(MemoryOperand),
}

/// A jump whose target was not known: the end of its instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forward(usize);

/// The bytes of a kernel in the making. Addresses count from its start.
pub(super) struct Assembler {
    pub(super) width: Width,
    encoder: Encoder,
    position: usize,
    /// Jumps and the targets that they got.
    patches: Vec<(Forward, usize)>,
}

type Made = Result<Instruction, IcedError>;

impl Assembler {
    /// An assembler whose first instruction stands at `start`.
    pub(super) fn new(width: Width, start: usize) -> Result<Assembler, CpuError> {
        let encoder = Encoder::try_with_capacity(64, 2_048).map_err(|e| refused(&e))?;
        Ok(Assembler { width, encoder, position: start, patches: Vec::new() })
    }

    /// Where the next instruction stands.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn push(&mut self, instruction: Made) -> Result<(), CpuError> {
        let encoded = instruction.and_then(|i| self.encoder.encode(&i, self.position as u64));
        self.position += encoded.map_err(|error| refused(&error))?;
        Ok(())
    }

    /// Fills up to a cache line, so that a loop starts at one.
    pub(super) fn align(&mut self) {
        // The long forms of `nop` from Intel's and AMD's manuals.
        const NOPS: [&[u8]; 8] = [
            &[0x90],
            &[0x66, 0x90],
            &[0x0f, 0x1f, 0x00],
            &[0x0f, 0x1f, 0x40, 0x00],
            &[0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
            &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        ];
        while !self.position.is_multiple_of(64) {
            let room = 64 - self.position % 64;
            let nop = NOPS[room.min(NOPS.len()) - 1];
            for byte in nop {
                self.encoder.write_u8(*byte);
            }
            self.position += nop.len();
        }
    }

    pub(super) fn jump_back(&mut self, code: Code, target: usize) -> Result<(), CpuError> {
        self.push(Instruction::with_branch(code, target as u64))
    }

    pub(super) fn jump_ahead(&mut self, code: Code) -> Result<Forward, CpuError> {
        self.push(Instruction::with_branch(code, self.position as u64))?;
        Ok(Forward(self.position))
    }

    /// Lets a jump lead to where the next instruction stands.
    pub(super) fn land(&mut self, jump: Forward) {
        self.patches.push((jump, self.position));
    }

    /// The bytes from `start` on.
    pub(super) fn finish(mut self, start: usize) -> Vec<u8> {
        let mut bytes = self.encoder.take_buffer();
        for (Forward(end), target) in self.patches {
            let distance = (target as i64 - end as i64) as i32;
            let at = end - start;
            bytes[at - 4..at].copy_from_slice(&distance.to_le_bytes());
        }
        bytes
    }

    /// A vector register by number.
    pub(super) fn vector(&self, number: u8) -> Register {
        match self.width {
            Width::Avx2 => Register::YMM0 + u32::from(number),
            Width::Avx512 => Register::ZMM0 + u32::from(number),
        }
    }

    /// A mask register by number; the first, which no operation can be masked with, is left out.
    pub(super) fn mask(number: u8) -> Register {
        Register::K1 + u32::from(number)
    }

    fn two(&mut self, code: Code, to: Register, source: Source) -> Result<(), CpuError> {
        match source {
            Source::Register(r) => self.push(Instruction::with2(code, to, self.vector(r))),
            Source::Memory(m) => self.push(Instruction::with2(code, to, m)),
        }
    }

    fn three(
        &mut self,
        code: Code,
        to: Register,
        a: u8,
        b: Source,
        masked: Option<Register>,
    ) -> Result<(), CpuError> {
        let a = self.vector(a);
        let mut made = match b {
            Source::Register(b) => Instruction::with3(code, to, a, self.vector(b)),
            Source::Memory(b) => Instruction::with3(code, to, a, b),
        };
        if let (Ok(instruction), Some(mask)) = (&mut made, masked) {
            instruction.set_op_mask(mask);
        }
        self.push(made)
    }

    fn three_and_number(
        &mut self,
        code: Code,
        to: Register,
        a: u8,
        b: Source,
        number: u8,
    ) -> Result<(), CpuError> {
        let (a, number) = (self.vector(a), u32::from(number));
        let made = match b {
            Source::Register(b) => Instruction::with4(code, to, a, self.vector(b), number),
            Source::Memory(b) => Instruction::with4(code, to, a, b, number),
        };
        self.push(made)
    }

    pub(super) fn binary(&mut self, op: Binary, to: u8, a: u8, b: Source) -> Result<(), CpuError> {
        let (code, to) = (codes::binary(op, self.width), self.vector(to));
        match op {
            Binary::BlendOdd => return self.three_and_number(code, to, a, b, 0b1010_1010),
            // No exceptions are asked for.
            Binary::Sign => return self.three_and_number(code, to, a, b, 0),
            _ => {}
        }
        self.three(code, to, a, b, None)
    }

    pub(super) fn unary(&mut self, op: Unary, to: u8, a: Source) -> Result<(), CpuError> {
        let (code, to) = (codes::unary(op, self.width), self.vector(to));
        self.two(code, to, a)
    }

    pub(super) fn shift(&mut self, op: ShiftOp, by: u8, to: u8, a: u8) -> Result<(), CpuError> {
        let (code, to, a) = (codes::shift(op, self.width), self.vector(to), self.vector(a));
        self.push(Instruction::with3(code, to, a, u32::from(by)))
    }

    /// `a op b`, or `b op a` if swapped.
    pub(super) fn compare(
        &mut self,
        (op, swapped): (Compare, bool),
        to: u8,
        a: u8,
        b: Source,
    ) -> Result<(), CpuError> {
        let (code, predicate) = codes::compare(op, swapped, self.width);
        let to = match self.width {
            Width::Avx2 => self.vector(to),
            Width::Avx512 => Assembler::mask(to),
        };
        match predicate {
            Some(predicate) => self.three_and_number(code, to, a, b, predicate),
            None => self.three(code, to, a, b, None),
        }
    }

    /// Operations of mask registers.
    pub(super) fn mask_operation(
        &mut self,
        op: MaskOp,
        to: u8,
        operands: &[u8],
    ) -> Result<(), CpuError> {
        let (to, first) = (Assembler::mask(to), Assembler::mask(operands[0]));
        let second = Assembler::mask(operands[operands.len() - 1]);
        self.push(match op {
            MaskOp::And => Instruction::with3(Code::VEX_Kandw_kr_kr_kr, to, first, second),
            MaskOp::Or => Instruction::with3(Code::VEX_Korw_kr_kr_kr, to, first, second),
            MaskOp::Not => Instruction::with2(Code::VEX_Knotw_kr_kr, to, first),
        })
    }

    /// `to = mask ? a : b`
    pub(super) fn select(&mut self, to: u8, mask: u8, a: Source, b: u8) -> Result<(), CpuError> {
        let code = codes::select(self.width);
        let to = self.vector(to);
        if self.width == Width::Avx512 {
            return self.three(code, to, b, a, Some(Assembler::mask(mask)));
        }
        let (b, mask) = (self.vector(b), self.vector(mask));
        self.push(match a {
            Source::Register(a) => Instruction::with4(code, to, b, self.vector(a), mask),
            Source::Memory(a) => Instruction::with4(code, to, b, a, mask),
        })
    }

    /// `to = mask ? a : 0`
    pub(super) fn select_or_zero(
        &mut self,
        to: u8,
        mask: u8,
        a: Source,
        one_word: bool,
    ) -> Result<(), CpuError> {
        let to = self.vector(to);
        if self.width == Width::Avx2 {
            return self.three(codes::binary(Binary::And, self.width), to, mask, a, None);
        }
        let code = match (one_word, a) {
            (true, _) => Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32,
            _ => Code::EVEX_Vmovups_zmm_k1z_zmmm512,
        };
        let mut made = match a {
            Source::Register(a) => Instruction::with2(code, to, self.vector(a)),
            Source::Memory(a) => Instruction::with2(code, to, a),
        };
        if let Ok(instruction) = &mut made {
            instruction.set_op_mask(Assembler::mask(mask));
            instruction.set_zeroing_masking(true);
        }
        self.push(made)
    }

    /// `to = mask ? 0 : b` with AVX2.
    pub(super) fn zero_or_select(&mut self, to: u8, mask: u8, b: Source) -> Result<(), CpuError> {
        let to = self.vector(to);
        self.three(Code::VEX_Vandnps_ymm_ymm_ymmm256, to, mask, b, None)
    }

    /// A fused multiply-add that overwrites its first operand; `form` is 132, 213 or 231.
    pub(super) fn multiply_add(
        &mut self,
        form: u8,
        signs: (bool, bool),
        to: u8,
        second: u8,
        third: Source,
    ) -> Result<(), CpuError> {
        let (code, to) = (codes::multiply_add(form, signs, self.width), self.vector(to));
        self.three(code, to, second, third, None)
    }

    /// `vpternlogd`, which overwrites its first operand.
    pub(super) fn logic(
        &mut self,
        table: u8,
        to: u8,
        second: u8,
        third: Source,
    ) -> Result<(), CpuError> {
        let to = self.vector(to);
        let code = Code::EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8;
        self.three_and_number(code, to, second, third, table)
    }

    /// Replaces the odd words of `to` by the even words of `from`.
    pub(super) fn merge_even_words(&mut self, to: u8, from: u8) -> Result<(), CpuError> {
        let code = Code::EVEX_Vmovsldup_zmm_k1z_zmmm512;
        let mut made = Instruction::with2(code, self.vector(to), self.vector(from));
        if let Ok(instruction) = &mut made {
            instruction.set_op_mask(ODD_LANES);
        }
        self.push(made)
    }

    /// Copies a register.
    pub(super) fn copy(&mut self, to: u8, from: u8) -> Result<(), CpuError> {
        let code = codes::moves(self.width).aligned;
        let (to, from) = (self.vector(to), self.vector(from));
        self.push(Instruction::with2(code, to, from))
    }

    /// Reads a register from memory; `full` if all lanes stand there.
    pub(super) fn read(
        &mut self,
        class: Class,
        to: u8,
        from: MemoryOperand,
        full: bool,
    ) -> Result<(), CpuError> {
        let moves = codes::moves(self.width);
        let (code, to) = match (class, full) {
            (Class::Mask, _) => (Code::VEX_Kmovw_kr_km16, Assembler::mask(to)),
            (Class::Vector, true) => (moves.load, self.vector(to)),
            (Class::Vector, false) => (moves.broadcast, self.vector(to)),
        };
        self.push(Instruction::with2(code, to, from))
    }

    /// Writes a register to memory; its first lane only, unless `full`.
    pub(super) fn write(
        &mut self,
        class: Class,
        to: MemoryOperand,
        from: u8,
        full: bool,
    ) -> Result<(), CpuError> {
        let moves = codes::moves(self.width);
        let first = Register::XMM0 + u32::from(from);
        let (code, from) = match (class, full) {
            (Class::Mask, _) => (Code::VEX_Kmovw_m16_kr, Assembler::mask(from)),
            (Class::Vector, true) => (moves.store, self.vector(from)),
            (Class::Vector, false) => (moves.store_first, first),
        };
        self.push(Instruction::with2(code, to, from))
    }
}

fn refused(error: &IcedError) -> CpuError {
    CpuError::Encoding(error.to_string())
}
