//! Elements of other types than binary32, and copies of the last elements of an array.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::super::super::error::CpuError;
use super::super::program::Width;
use super::Assembler;

impl Assembler {
    /// A vector register's lower half.
    fn half(&self, number: u8) -> Register {
        match self.width {
            Width::Avx2 => Register::XMM0 + u32::from(number),
            Width::Avx512 => Register::YMM0 + u32::from(number),
        }
    }

    /// `to` = the binary64 elements of two places as binary32, rounded to nearest even.
    pub(in super::super) fn load_doubles(
        &mut self,
        to: u8,
        scratch: u8,
        [low, high]: [MemoryOperand; 2],
    ) -> Result<(), CpuError> {
        let (narrow, insert) = match self.width {
            Width::Avx2 => {
                (Code::VEX_Vcvtpd2ps_xmm_ymmm256, Code::VEX_Vinsertf128_ymm_ymm_xmmm128_imm8)
            }
            Width::Avx512 => (
                Code::EVEX_Vcvtpd2ps_ymm_k1z_zmmm512b64_er,
                Code::EVEX_Vinsertf32x8_zmm_k1z_zmm_ymmm256_imm8,
            ),
        };
        self.push(Instruction::with2(narrow, self.half(to), low))?;
        self.push(Instruction::with2(narrow, self.half(scratch), high))?;
        let to = self.vector(to);
        self.push(Instruction::with4(insert, to, to, self.half(scratch), 1_u32))
    }

    /// `to` = 16-bit elements, zero-extended.
    pub(in super::super) fn load_halves(
        &mut self,
        to: u8,
        from: MemoryOperand,
    ) -> Result<(), CpuError> {
        let code = match self.width {
            Width::Avx2 => Code::VEX_Vpmovzxwd_ymm_xmmm128,
            Width::Avx512 => Code::EVEX_Vpmovzxwd_zmm_k1z_ymmm256,
        };
        self.push(Instruction::with2(code, self.vector(to), from))
    }

    /// Writes the low halves of words.
    pub(in super::super) fn store_halves(
        &mut self,
        to: MemoryOperand,
        from: u8,
        scratch: [u8; 2],
    ) -> Result<(), CpuError> {
        if self.width == Width::Avx512 {
            let code = Code::EVEX_Vpmovdw_ymmm256_k1z_zmm;
            return self.push(Instruction::with2(code, to, self.vector(from)));
        }
        // Packing saturates, so the upper halves are cleared first.
        let low = Register::YMM0 + u32::from(scratch[0]);
        let [low_half, high_half] = scratch.map(|r| Register::XMM0 + u32::from(r));
        let from = self.vector(from);
        self.push(Instruction::with3(Code::VEX_Vpslld_ymm_ymm_imm8, low, from, 16_u32))?;
        self.push(Instruction::with3(Code::VEX_Vpsrld_ymm_ymm_imm8, low, low, 16_u32))?;
        let extract = Code::VEX_Vextractf128_xmmm128_ymm_imm8;
        self.push(Instruction::with3(extract, high_half, low, 1_u32))?;
        let pack = Code::VEX_Vpackusdw_xmm_xmm_xmmm128;
        self.push(Instruction::with3(pack, low_half, low_half, high_half))?;
        self.push(Instruction::with2(Code::VEX_Vmovdqu_xmmm128_xmm, to, low_half))
    }

    /// Old binary64 elements less `scale * update`, for half a vector of the two.
    pub(in super::super) fn descend(
        &mut self,
        upper: bool,
        [scale, update]: [u8; 2],
        scratch: [u8; 2],
        memory: MemoryOperand,
    ) -> Result<(), CpuError> {
        let (extract, widen) = match self.width {
            Width::Avx2 => {
                (Code::VEX_Vextractf128_xmmm128_ymm_imm8, Code::VEX_Vcvtps2pd_ymm_xmmm128)
            }
            Width::Avx512 => (
                Code::EVEX_Vextractf32x8_ymmm256_k1z_zmm_imm8,
                Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae,
            ),
        };
        for (from, to) in [(scale, scratch[0]), (update, scratch[1])] {
            let mut half = self.half(from);
            if upper {
                half = self.half(to);
                self.push(Instruction::with3(extract, half, self.vector(from), 1_u32))?;
            }
            self.push(Instruction::with2(widen, self.vector(to), half))?;
        }
        let (multiply, subtract, load, store) = match self.width {
            Width::Avx2 => (
                Code::VEX_Vmulpd_ymm_ymm_ymmm256,
                Code::VEX_Vsubpd_ymm_ymm_ymmm256,
                Code::VEX_Vmovupd_ymm_ymmm256,
                Code::VEX_Vmovupd_ymmm256_ymm,
            ),
            Width::Avx512 => (
                Code::EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er,
                Code::EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er,
                Code::EVEX_Vmovupd_zmm_k1z_zmmm512,
                Code::EVEX_Vmovupd_zmmm512_k1z_zmm,
            ),
        };
        let [product, old] = scratch.map(|r| self.vector(r));
        self.push(Instruction::with3(multiply, product, product, old))?;
        self.push(Instruction::with2(load, old, memory))?;
        self.push(Instruction::with3(subtract, old, old, product))?;
        self.push(Instruction::with2(store, memory, old))
    }
}
