//! The last elements, fewer than a vector: copies of them in the frame, and back.
//!
//! AVX-512 and, for elements of 32 and 64 bits, AVX2 move a part of a vector under a mask; what is
//! masked out is not touched. Elements of 16 bits go one by one with AVX2.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::super::error::CpuError;
use super::assign::{FRAME, INDEX, Pointers, SPARE};
use super::function::{Function, LEFT, REST};
use super::pool::Pool;
use super::program::{Base, Place, Width};
use crate::plan::{ElementType, Plan};

/// With AVX2, the number of the element that each word belongs to, from which masks are made: for
/// elements of 32 bits, and for the lower and upper half of those of 64.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestMasks {
    width: Width,
    numbers: [Option<Place>; 3],
}

/// Registers that no constant stays in.
const DATA: u32 = 0;
const COUNT: u32 = 1;
const MASK: u32 = 2;

/// Mask registers for all elements of 32 bits, the first eight of which are the first of 64, and for
/// the second eight.
const LANES: Register = Register::K1;
const UPPER_LANES: Register = Register::K2;

impl RestMasks {
    pub(super) fn new(plan: &Plan, width: Width, pool: &mut Pool) -> RestMasks {
        let mut numbers = [None; 3];
        if width == Width::Avx2 {
            numbers[0] = Some(pool.vector(&[0, 1, 2, 3, 4, 5, 6, 7]));
            if [plan.parameter, plan.gradient].contains(&ElementType::F64) {
                numbers[1] = Some(pool.vector(&[0, 0, 1, 1, 2, 2, 3, 3]));
                numbers[2] = Some(pool.vector(&[4, 4, 5, 5, 6, 6, 7, 7]));
            }
        }
        RestMasks { width, numbers }
    }
}

/// Copies the rests of all arrays into the frame and lets the pointers lead there. [`LEFT`] elements
/// from [`INDEX`] on are left.
pub(super) fn copy_in(function: &mut Function<'_>) -> Result<(), CpuError> {
    masks(function, LEFT)?;
    for number in 0..function.generator.pointers.count {
        let rest = function.generator.pointers.rest(number);
        if function.reads(number) {
            let base = function.generator.pointer(number)?;
            copy(function, number, base, true)?;
        }
        let copies = MemoryOperand::with_base_displ(FRAME, i64::from(rest));
        let register = Pointers::held(number).unwrap_or(SPARE);
        function.push(Instruction::with2(Code::Lea_r64_m, register, copies))?;
        if Pointers::held(number).is_none() {
            let current = i64::from(function.generator.pointers.current) + number as i64 * 8;
            let current = MemoryOperand::with_base_displ(FRAME, current);
            function.push(Instruction::with2(Code::Mov_rm64_r64, current, register))?;
        }
    }
    Ok(())
}

/// Copies the rests of what was written back to the arrays.
pub(super) fn copy_back(function: &mut Function<'_>) -> Result<(), CpuError> {
    masks(function, REST)?;
    for number in 0..function.generator.pointers.count {
        if function.writes(number) {
            let given = i64::from(function.generator.pointers.given) + number as i64 * 8;
            let given = MemoryOperand::with_base_displ(FRAME, given);
            function.push(Instruction::with2(Code::Mov_r64_rm64, SPARE, given))?;
            copy(function, number, SPARE, false)?;
        }
    }
    Ok(())
}

/// Sets the masks for a number of elements in a register. [`REST`] may change before it is set.
fn masks(function: &mut Function<'_>, count: Register) -> Result<(), CpuError> {
    // The register that is not in use serves to make the mask.
    let (word, other) = if count == LEFT {
        (Register::R11D, Register::R8D)
    } else {
        (Register::R8D, Register::R11D)
    };
    match function.masks.width {
        Width::Avx2 => {
            let (narrow, wide) = (Register::XMM0 + COUNT, Register::YMM0 + COUNT);
            function.push(Instruction::with2(Code::VEX_Vmovd_xmm_rm32, narrow, word))?;
            function.push(Instruction::with2(Code::VEX_Vpbroadcastd_ymm_xmmm32, wide, narrow))
        }
        Width::Avx512 => {
            function.push(Instruction::with2(Code::Mov_r32_rm32, Register::ECX, word))?;
            function.push(Instruction::with2(Code::Mov_r32_imm32, other, u32::MAX))?;
            function.push(Instruction::with2(Code::Shl_rm32_CL, other, Register::CL))?;
            function.push(Instruction::with1(Code::Not_rm32, other))?;
            function.push(Instruction::with2(Code::VEX_Kmovw_kr_r32, LANES, other))?;
            let shift = Code::VEX_Kshiftrw_kr_kr_imm8;
            function.push(Instruction::with3(shift, UPPER_LANES, LANES, 8_u32))
        }
    }
}

/// Copies an array's rest from its place behind `base` into the frame, or back.
fn copy(
    function: &mut Function<'_>,
    number: usize,
    base: Register,
    into_frame: bool,
) -> Result<(), CpuError> {
    let rest = i64::from(function.generator.pointers.rest(number));
    let kind = function.generator.pointers.kind(number);
    let width = function.masks.width;
    if width == Width::Avx2 && kind.bytes() == 2 {
        return copy_one_by_one(function, base, rest, into_frame);
    }
    let halves = if kind == ElementType::F64 { 2 } else { 1 };
    for half in 0..halves {
        let offset = half as i64 * i64::from(width.lanes()) * 4;
        let memory = function.generator.elements(base, number, offset);
        let copies = MemoryOperand::with_base_displ(FRAME, rest + offset);
        match width {
            Width::Avx2 => {
                let which = if halves == 2 { 1 + half } else { 0 };
                move_avx2(function, which, memory, copies, into_frame)?;
            }
            Width::Avx512 => move_avx512(function, kind, half, memory, copies, into_frame)?,
        }
    }
    Ok(())
}

fn move_avx2(
    function: &mut Function<'_>,
    which: usize,
    memory: MemoryOperand,
    copies: MemoryOperand,
    into_frame: bool,
) -> Result<(), CpuError> {
    let [data, count, mask] = [DATA, COUNT, MASK].map(|number| Register::YMM0 + number);
    let Some(Place { base: Base::Pool, offset, .. }) = function.masks.numbers[which] else {
        return Err(CpuError::Encoding("a mask of the rest is not there".to_owned()));
    };
    let numbers = MemoryOperand::with_base_displ(super::assign::POOL, i64::from(offset));
    let greater = Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256;
    function.push(Instruction::with3(greater, mask, count, numbers))?;
    if into_frame {
        let load = Code::VEX_Vmaskmovps_ymm_ymm_m256;
        function.push(Instruction::with3(load, data, mask, memory))?;
        function.push(Instruction::with2(Code::VEX_Vmovups_ymmm256_ymm, copies, data))
    } else {
        function.push(Instruction::with2(Code::VEX_Vmovups_ymm_ymmm256, data, copies))?;
        let store = Code::VEX_Vmaskmovps_m256_ymm_ymm;
        function.push(Instruction::with3(store, memory, mask, data))
    }
}

fn move_avx512(
    function: &mut Function<'_>,
    kind: ElementType,
    half: usize,
    memory: MemoryOperand,
    copies: MemoryOperand,
    into_frame: bool,
) -> Result<(), CpuError> {
    let mask = if half == 0 { LANES } else { UPPER_LANES };
    let (load, store, data) = match kind {
        ElementType::F32 => (
            Code::EVEX_Vmovups_zmm_k1z_zmmm512,
            Code::EVEX_Vmovups_zmmm512_k1z_zmm,
            Register::ZMM0 + DATA,
        ),
        ElementType::F64 => (
            Code::EVEX_Vmovupd_zmm_k1z_zmmm512,
            Code::EVEX_Vmovupd_zmmm512_k1z_zmm,
            Register::ZMM0 + DATA,
        ),
        ElementType::F16 | ElementType::Bf16 => (
            Code::EVEX_Vmovdqu16_ymm_k1z_ymmm256,
            Code::EVEX_Vmovdqu16_ymmm256_k1z_ymm,
            Register::YMM0 + DATA,
        ),
    };
    let masked = |made: Result<Instruction, iced_x86::IcedError>, zeroing| {
        made.map(|mut instruction| {
            instruction.set_op_mask(mask);
            instruction.set_zeroing_masking(zeroing);
            instruction
        })
    };
    if into_frame {
        function.push(masked(Instruction::with2(load, data, memory), true))?;
        function.push(Instruction::with2(store, copies, data))
    } else {
        function.push(Instruction::with2(load, data, copies))?;
        function.push(masked(Instruction::with2(store, memory, data), false))
    }
}

/// Elements of 16 bits from the last to the first. Overwrites `base`.
fn copy_one_by_one(
    function: &mut Function<'_>,
    base: Register,
    rest: i64,
    into_frame: bool,
) -> Result<(), CpuError> {
    let from = MemoryOperand::new(base, INDEX, 2, 0, 0, false, Register::None);
    function.push(Instruction::with2(Code::Lea_r64_m, base, from))?;
    // The register that is not in use: the count is in the other.
    let (counter, counter_word, data, data_half, count) = if into_frame {
        (SPARE, Register::ECX, Register::R8D, Register::R8W, Register::R11D)
    } else {
        (LEFT, Register::R11D, Register::R10D, Register::R10W, Register::R8D)
    };
    function.push(Instruction::with2(Code::Mov_r32_rm32, counter_word, count))?;
    let again = function.generator.assembler.position();
    let place =
        |base, offset| MemoryOperand::new(base, counter, 2, offset - 2, 1, false, Register::None);
    let (array, copies) = (place(base, 0), place(FRAME, rest));
    let (source, target) = if into_frame { (array, copies) } else { (copies, array) };
    function.push(Instruction::with2(Code::Movzx_r32_rm16, data, source))?;
    function.push(Instruction::with2(Code::Mov_rm16_r16, target, data_half))?;
    function.push(Instruction::with2(Code::Sub_rm32_imm8, counter_word, 1_u32))?;
    function.generator.assembler.jump_back(Code::Jne_rel32_64, again)
}
