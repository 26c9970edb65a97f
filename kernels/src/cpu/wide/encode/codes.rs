//! Which instruction each machine operation is, for both widths.

use iced_x86::Code;

use super::super::program::{Binary, Compare, FloatCompare, Unary, Width};
use crate::plan::ShiftOp;

pub(super) fn binary(op: Binary, width: Width) -> Code {
    match width {
        Width::Avx2 => binary_avx2(op),
        Width::Avx512 => binary_avx512(op),
    }
}

fn binary_avx2(op: Binary) -> Code {
    match op {
        Binary::Add => Code::VEX_Vaddps_ymm_ymm_ymmm256,
        Binary::Subtract => Code::VEX_Vsubps_ymm_ymm_ymmm256,
        Binary::Multiply => Code::VEX_Vmulps_ymm_ymm_ymmm256,
        Binary::Divide => Code::VEX_Vdivps_ymm_ymm_ymmm256,
        Binary::Minimum => Code::VEX_Vminps_ymm_ymm_ymmm256,
        Binary::Maximum => Code::VEX_Vmaxps_ymm_ymm_ymmm256,
        Binary::And => Code::VEX_Vandps_ymm_ymm_ymmm256,
        Binary::Or => Code::VEX_Vorps_ymm_ymm_ymmm256,
        Binary::Xor => Code::VEX_Vxorps_ymm_ymm_ymmm256,
        Binary::IntegerAdd => Code::VEX_Vpaddd_ymm_ymm_ymmm256,
        Binary::IntegerSubtract => Code::VEX_Vpsubd_ymm_ymm_ymmm256,
        Binary::IntegerMultiply => Code::VEX_Vpmulld_ymm_ymm_ymmm256,
        Binary::MultiplyEven => Code::VEX_Vpmuludq_ymm_ymm_ymmm256,
        Binary::IntegerMinimum => Code::VEX_Vpminud_ymm_ymm_ymmm256,
        Binary::UnpackLow => Code::VEX_Vunpcklps_ymm_ymm_ymmm256,
        Binary::UnpackHigh => Code::VEX_Vunpckhps_ymm_ymm_ymmm256,
        Binary::UnpackLowPairs => Code::VEX_Vunpcklpd_ymm_ymm_ymmm256,
        Binary::UnpackHighPairs => Code::VEX_Vunpckhpd_ymm_ymm_ymmm256,
        Binary::BlendOdd => Code::VEX_Vpblendd_ymm_ymm_ymmm256_imm8,
        // Made for AVX-512 only.
        Binary::Sign => Code::INVALID,
    }
}

fn binary_avx512(op: Binary) -> Code {
    match op {
        Binary::Add => Code::EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er,
        Binary::Subtract => Code::EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er,
        Binary::Multiply => Code::EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er,
        Binary::Divide => Code::EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er,
        Binary::Minimum => Code::EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae,
        Binary::Maximum => Code::EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae,
        Binary::Sign => Code::EVEX_Vfixupimmps_zmm_k1z_zmm_zmmm512b32_imm8_sae,
        Binary::And => Code::EVEX_Vandps_zmm_k1z_zmm_zmmm512b32,
        Binary::Or => Code::EVEX_Vorps_zmm_k1z_zmm_zmmm512b32,
        Binary::Xor => Code::EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32,
        Binary::IntegerAdd => Code::EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32,
        Binary::IntegerSubtract => Code::EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32,
        Binary::IntegerMultiply => Code::EVEX_Vpmulld_zmm_k1z_zmm_zmmm512b32,
        Binary::MultiplyEven => Code::EVEX_Vpmuludq_zmm_k1z_zmm_zmmm512b64,
        Binary::IntegerMinimum => Code::EVEX_Vpminud_zmm_k1z_zmm_zmmm512b32,
        Binary::UnpackLow => Code::EVEX_Vunpcklps_zmm_k1z_zmm_zmmm512b32,
        Binary::UnpackHigh => Code::EVEX_Vunpckhps_zmm_k1z_zmm_zmmm512b32,
        Binary::UnpackLowPairs => Code::EVEX_Vunpcklpd_zmm_k1z_zmm_zmmm512b64,
        Binary::UnpackHighPairs => Code::EVEX_Vunpckhpd_zmm_k1z_zmm_zmmm512b64,
        // Made for AVX2 only.
        Binary::BlendOdd => Code::INVALID,
    }
}

/// Whether the second operand may be a word in memory, copied to all lanes. The one instruction on
/// 64-bit lanes reads the word after it too, and ignores it.
pub(in super::super) fn takes_word(op: Binary) -> bool {
    !matches!(op, Binary::UnpackLowPairs | Binary::UnpackHighPairs | Binary::BlendOdd)
}

pub(super) fn unary(op: Unary, width: Width) -> Code {
    match (width, op) {
        (Width::Avx2, Unary::SquareRoot) => Code::VEX_Vsqrtps_ymm_ymmm256,
        (Width::Avx2, Unary::ToFloat) => Code::VEX_Vcvtdq2ps_ymm_ymmm256,
        (Width::Avx2, Unary::OddWords) => Code::VEX_Vmovshdup_ymm_ymmm256,
        (Width::Avx2, Unary::EvenWords) => Code::VEX_Vmovsldup_ymm_ymmm256,
        (Width::Avx512, Unary::SquareRoot) => Code::EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er,
        (Width::Avx512, Unary::ToFloat) => Code::EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er,
        (Width::Avx512, Unary::OddWords) => Code::EVEX_Vmovshdup_zmm_k1z_zmmm512,
        (Width::Avx512, Unary::EvenWords) => Code::EVEX_Vmovsldup_zmm_k1z_zmmm512,
    }
}

pub(super) fn shift(op: ShiftOp, width: Width) -> Code {
    match (width, op) {
        (Width::Avx2, ShiftOp::Left) => Code::VEX_Vpslld_ymm_ymm_imm8,
        (Width::Avx2, ShiftOp::RightLogical) => Code::VEX_Vpsrld_ymm_ymm_imm8,
        (Width::Avx2, ShiftOp::RightArithmetic) => Code::VEX_Vpsrad_ymm_ymm_imm8,
        (Width::Avx512, ShiftOp::Left) => Code::EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8,
        (Width::Avx512, ShiftOp::RightLogical) => Code::EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8,
        (Width::Avx512, ShiftOp::RightArithmetic) => Code::EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8,
    }
}

/// A comparison and its predicate, which those of AVX2 have in the name. `swapped` compares the second
/// operand with the first; `IntegerLess` of AVX2 is "greater", so it is there swapped only.
pub(super) fn compare(op: Compare, swapped: bool, width: Width) -> (Code, Option<u8>) {
    let floats = match width {
        Width::Avx2 => Code::VEX_Vcmpps_ymm_ymm_ymmm256_imm8,
        Width::Avx512 => Code::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae,
    };
    let integers = Code::EVEX_Vpcmpd_kr_k1_zmm_zmmm512b32_imm8;
    let predicate = match (op, swapped) {
        (Compare::Float(FloatCompare::Equal) | Compare::IntegerEqual, _) => 0,
        (Compare::Float(FloatCompare::Less) | Compare::IntegerLess, false) => 1,
        (Compare::Float(FloatCompare::LessEqual), false) => 2,
        (Compare::FloatNot(FloatCompare::Equal), _) => 4,
        (Compare::FloatNot(FloatCompare::Less), false) => 5,
        (Compare::FloatNot(FloatCompare::LessEqual), false) | (Compare::IntegerLess, true) => 6,
        (Compare::FloatNot(FloatCompare::LessEqual), true) => 9,
        (Compare::FloatNot(FloatCompare::Less), true) => 10,
        (Compare::Float(FloatCompare::LessEqual), true) => 13,
        (Compare::Float(FloatCompare::Less), true) => 14,
    };
    match (op, width) {
        (Compare::IntegerEqual, Width::Avx2) => (Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, None),
        (Compare::IntegerLess, Width::Avx2) => (Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, None),
        (Compare::IntegerEqual | Compare::IntegerLess, Width::Avx512) => {
            (integers, Some(predicate))
        }
        (Compare::Float(_) | Compare::FloatNot(_), _) => (floats, Some(predicate)),
    }
}

pub(super) fn select(width: Width) -> Code {
    match width {
        Width::Avx2 => Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm,
        Width::Avx512 => Code::EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
    }
}

/// `±(a * b) ± c`: the three forms by the number in their names, the signs in the order of product
/// and addend.
pub(super) fn multiply_add(form: u8, signs: (bool, bool), width: Width) -> Code {
    let row: [Code; 3] = match (width, signs) {
        (Width::Avx2, (false, false)) => [
            Code::VEX_Vfmadd132ps_ymm_ymm_ymmm256,
            Code::VEX_Vfmadd213ps_ymm_ymm_ymmm256,
            Code::VEX_Vfmadd231ps_ymm_ymm_ymmm256,
        ],
        (Width::Avx2, (false, true)) => [
            Code::VEX_Vfmsub132ps_ymm_ymm_ymmm256,
            Code::VEX_Vfmsub213ps_ymm_ymm_ymmm256,
            Code::VEX_Vfmsub231ps_ymm_ymm_ymmm256,
        ],
        (Width::Avx2, (true, false)) => [
            Code::VEX_Vfnmadd132ps_ymm_ymm_ymmm256,
            Code::VEX_Vfnmadd213ps_ymm_ymm_ymmm256,
            Code::VEX_Vfnmadd231ps_ymm_ymm_ymmm256,
        ],
        (Width::Avx2, (true, true)) => [
            Code::VEX_Vfnmsub132ps_ymm_ymm_ymmm256,
            Code::VEX_Vfnmsub213ps_ymm_ymm_ymmm256,
            Code::VEX_Vfnmsub231ps_ymm_ymm_ymmm256,
        ],
        (Width::Avx512, (false, false)) => [
            Code::EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er,
        ],
        (Width::Avx512, (false, true)) => [
            Code::EVEX_Vfmsub132ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfmsub213ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfmsub231ps_zmm_k1z_zmm_zmmm512b32_er,
        ],
        (Width::Avx512, (true, false)) => [
            Code::EVEX_Vfnmadd132ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfnmadd231ps_zmm_k1z_zmm_zmmm512b32_er,
        ],
        (Width::Avx512, (true, true)) => [
            Code::EVEX_Vfnmsub132ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfnmsub213ps_zmm_k1z_zmm_zmmm512b32_er,
            Code::EVEX_Vfnmsub231ps_zmm_k1z_zmm_zmmm512b32_er,
        ],
    };
    match form {
        132 => row[0],
        213 => row[1],
        _ => row[2],
    }
}

/// Moves of whole vectors, and of one word.
pub(super) struct Moves {
    pub(super) aligned: Code,
    pub(super) load: Code,
    pub(super) store: Code,
    pub(super) broadcast: Code,
    pub(super) store_first: Code,
}

pub(super) fn moves(width: Width) -> Moves {
    match width {
        Width::Avx2 => Moves {
            aligned: Code::VEX_Vmovaps_ymm_ymmm256,
            load: Code::VEX_Vmovups_ymm_ymmm256,
            store: Code::VEX_Vmovups_ymmm256_ymm,
            broadcast: Code::VEX_Vbroadcastss_ymm_m32,
            store_first: Code::VEX_Vmovss_m32_xmm,
        },
        Width::Avx512 => Moves {
            aligned: Code::EVEX_Vmovaps_zmm_k1z_zmmm512,
            load: Code::EVEX_Vmovups_zmm_k1z_zmmm512,
            store: Code::EVEX_Vmovups_zmmm512_k1z_zmm,
            broadcast: Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32,
            store_first: Code::EVEX_Vmovss_m32_k1_xmm,
        },
    }
}
