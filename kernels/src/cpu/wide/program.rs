//! The vector program: a plan as machine operations on virtual registers, before registers are
//! assigned.
//!
//! Its parts are straight lines. `uniform` runs once a call, `block` once for four
//! vectors of elements, `element` once a vector, `pair` once
//! for two. A virtual register is written once. What is the
//! same in every pass has a *home* in memory, from where it can be read again at any time: constants
//! in the pool behind the code, uniform values and picked words in the stack frame.

use super::pool::Pool;
use crate::plan::{Array, ShiftOp};

/// Lanes of 32 bits that go through the loop together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// Eight, in the `ymm` registers of AVX2.
    Avx2,
    /// Sixteen, in the `zmm` registers of AVX-512, with masks in registers of their own.
    Avx512,
}

impl Width {
    /// Both.
    pub const ALL: [Width; 2] = [Width::Avx2, Width::Avx512];

    /// Elements of a vector.
    pub fn lanes(self) -> u32 {
        match self {
            Width::Avx2 => 8,
            Width::Avx512 => 16,
        }
    }

    /// Bytes of a vector.
    pub(super) fn bytes(self) -> u32 {
        self.lanes() * 4
    }

    /// Vector registers of the machine.
    pub(super) fn registers(self) -> usize {
        match self {
            Width::Avx2 => 16,
            Width::Avx512 => 32,
        }
    }

    /// What a C name of a variant ends in: `avx2` or `avx512`.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Width::Avx2 => "avx2",
            Width::Avx512 => "avx512",
        }
    }

    /// `AVX2` or `AVX-512`.
    pub fn name(self) -> &'static str {
        match self {
            Width::Avx2 => "AVX2",
            Width::Avx512 => "AVX-512",
        }
    }
}

/// A virtual register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Virtual(pub(super) u32);

impl Virtual {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which registers a virtual register may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A vector register.
    Vector,
    /// A mask register of AVX-512. With AVX2 masks are vectors of zeros and ones.
    Mask,
}

/// What an address starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The constant pool.
    Pool,
    /// The stack frame.
    Frame,
    /// The stack frame, moved on by a vector in each pass over a block's elements.
    Buffer,
    /// The step scalars that the kernel is called with.
    Scalars,
    /// The words that the kernel is called with.
    Words,
    /// The elements at hand of an array of binary32, by its number.
    Elements(u8),
}

/// Where in memory a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) base: Base,
    pub(super) offset: i32,
    /// All lanes stand there; else there is one word, to be copied to all lanes.
    pub(super) full: bool,
}

/// Operations of two vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `a < b ? a : b`
    Minimum,
    /// `b < a ? a : b`
    Maximum,
    /// The sign of the first, -1 or 1, a zero or a NaN itself; the second is the table of
    /// `vfixupimmps` that says so. AVX-512 only.
    Sign,
    And,
    Or,
    Xor,
    IntegerAdd,
    IntegerSubtract,
    IntegerMultiply,
    /// 64-bit products of the even words.
    MultiplyEven,
    /// The smaller, unsigned.
    IntegerMinimum,
    UnpackLow,
    UnpackHigh,
    UnpackLowPairs,
    UnpackHighPairs,
    /// Even words of the first, odd words of the second; AVX2 only.
    BlendOdd,
}

impl Binary {
    pub(super) fn commutes(self) -> bool {
        matches!(
            self,
            Binary::Add
                | Binary::Multiply
                | Binary::And
                | Binary::Or
                | Binary::Xor
                | Binary::IntegerAdd
                | Binary::IntegerMultiply
                | Binary::MultiplyEven
                | Binary::IntegerMinimum
        )
    }
}

/// Operations of one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    SquareRoot,
    ToFloat,
    /// Odd words, each over its even neighbour too.
    OddWords,
    /// Even words, each over its odd neighbour too.
    EvenWords,
}

/// Comparisons; the numbers of the first six are those of `vcmpps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    /// Floats: `<`, `<=` or `==`, false with a NaN.
    Float(FloatCompare),
    /// The same, negated: true with a NaN.
    FloatNot(FloatCompare),
    IntegerEqual,
    /// Signed.
    IntegerLess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FloatCompare {
    Less,
    LessEqual,
    Equal,
}

/// Operations of masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaskOp {
    And,
    Or,
    Not,
}

/// One machine operation, or a few that share their registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Binary(Binary),
    Unary(Unary),
    Shift(ShiftOp, u8),
    /// `±(a * b) ± c`, rounded once.
    MultiplyAdd {
        negate_product: bool,
        negate_addend: bool,
    },
    Compare(Compare),
    Mask(MaskOp),
    /// `mask ? a : b`, operands in this order.
    Select,
    /// `mask ? a : 0`
    SelectOrZero,
    /// `mask ? 0 : b`; AVX2 only.
    ZeroOrSelect,
    /// Any function of three bits, by its table; AVX-512 only.
    Logic(u8),
    /// First operand's odd words replaced by the even words of the second; AVX-512 only.
    MergeEvenWords,
    /// The elements of an array, some vectors further on.
    Load(Array, u8),
    /// Writes the elements of an array.
    Store(Array, u8),
    /// Writes binary64 parameters: old less scale times update.
    Descend(u8),
    /// Writes a value to its place in the frame.
    Keep(Place),
}

/// An operation with its operands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) op: Op,
    operands: [Virtual; 3],
    count: u8,
    pub(super) result: Option<Virtual>,
}

impl Operation {
    pub(super) fn new(op: Op, operands: &[Virtual], result: Option<Virtual>) -> Operation {
        let mut list = [Virtual(u32::MAX); 3];
        let count = operands.len().min(3);
        list[..count].copy_from_slice(&operands[..count]);
        Operation { op, operands: list, count: count as u8, result }
    }

    pub(super) fn operands(&self) -> &[Virtual] {
        &self.operands[..usize::from(self.count)]
    }
}

/// The whole vector program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) width: Width,
    /// By virtual register.
    pub(super) classes: Vec<Class>,
    /// By virtual register: where it can be read at any time.
    pub(super) homes: Vec<Option<Place>>,
    pub(super) uniform: Vec<Operation>,
    pub(super) block: Vec<Operation>,
    pub(super) element: Vec<Operation>,
    /// The same for two neighbouring vectors in turn; empty where that is not worth it.
    pub(super) pair: Vec<Operation>,
    pub(super) pool: Pool,
    /// Bytes of the frame that are taken already.
    pub(super) frame: u32,
    /// Whether draws are made: then the loop is two deep.
    pub(super) draws: bool,
    /// Vectors of blocks that are computed together; four times as many of elements follow.
    pub(super) block_vectors: u32,
}
