//! Registers: their kinds, the types of operands, and how a Rust type stands for one.

use thiserror::Error;

/// What a register is declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Predicate,
    B16,
    B32,
    B64,
    F32,
    F64,
}

/// What an instruction takes an operand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Type {
    /// `.pred`
    #[error(".pred")]
    Predicate,
    /// `.b16`, `.u16` and `.s16`
    #[error(".b16")]
    B16,
    /// `.b32`: of integers or floats.
    #[error(".b32")]
    B32,
    /// `.b64`: of integers or floats.
    #[error(".b64")]
    B64,
    /// `.u32` and `.s32`
    #[error(".u32")]
    U32,
    /// `.u64` and `.s64`
    #[error(".u64")]
    U64,
    /// `.f32`
    #[error(".f32")]
    F32,
    /// `.f64`
    #[error(".f64")]
    F64,
}

impl Type {
    /// Bits without a type go for any type of their size, and the other way round.
    pub(super) fn takes(self, kind: Kind) -> bool {
        match self {
            Type::Predicate => kind == Kind::Predicate,
            Type::B16 => kind == Kind::B16,
            Type::U32 => kind == Kind::B32,
            Type::U64 => kind == Kind::B64,
            Type::B32 | Type::F32 => matches!(kind, Kind::B32 | Kind::F32),
            Type::B64 | Type::F64 => matches!(kind, Kind::B64 | Kind::F64),
        }
    }

    /// The bits of an integer that is written in the text.
    pub(super) fn integer(self, number: i128) -> Option<u64> {
        let bits = match self {
            Type::Predicate => return (0..=1).contains(&number).then_some(number as u64),
            Type::B16 => 16,
            Type::U32 | Type::B32 => 32,
            Type::U64 | Type::B64 => 64,
            Type::F32 | Type::F64 => return None,
        };
        let fits = (-(1_i128 << (bits - 1))..1 << bits).contains(&number);
        fits.then_some(number as u64 & (u64::MAX >> (64 - bits)))
    }
}

/// How a value stands in a register, which has 64 bits here whatever its kind: those above are 0.
pub(super) trait Word: Sized {
    /// As which an instruction takes it.
    const TYPE: Type;
    /// The value of a register.
    fn of(register: u64) -> Self;
    /// The register of a value.
    fn register(self) -> u64;
}

macro_rules! words {
    ($($word:ty: $type:ident, |$register:ident| $of:expr, |$value:ident| $back:expr;)*) => {
        $(impl Word for $word {
            const TYPE: Type = Type::$type;
            #[inline(always)]
            fn of($register: u64) -> Self {
                $of
            }
            #[inline(always)]
            fn register(self) -> u64 {
                let $value = self;
                $back
            }
        })*
    };
}

words! {
    bool: Predicate, |register| register != 0, |value| value.into();
    u16: B16, |register| register as u16, |value| value.into();
    i16: B16, |register| register as i16, |value| (value as u16).into();
    u32: U32, |register| register as u32, |value| value.into();
    i32: U32, |register| register as i32, |value| (value as u32).into();
    u64: U64, |register| register, |value| value;
    i64: U64, |register| register as i64, |value| value as u64;
    Bits32: B32, |register| Bits32(register as u32), |value| value.0.into();
    Bits64: B64, |register| Bits64(register), |value| value.0;
    f32: F32, |register| f32::from_bits(register as u32), |value| single(value).into();
    f64: F64, |register| f64::from_bits(register), |value| value.to_bits();
}

/// 32 bits that may be those of a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits32(pub(super) u32);

/// 64 bits that may be those of a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits64(pub(super) u64);

/// Results of binary32 that are NaN are always this one (PTX ISA, floating-point instructions). It is another
/// than those of common processors, so what depends on the bits of a NaN is noticed.
fn single(value: f32) -> u32 {
    if value.is_nan() { 0x7fff_ffff } else { value.to_bits() }
}
