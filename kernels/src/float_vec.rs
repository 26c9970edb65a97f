//! Parameters or gradients of any element type, as a vector of their own.

use crate::floats::{Floats, FloatsMut, bf16, f16};
use crate::plan::ElementType;

/// Elements of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum FloatVec {
    /// IEEE binary32.
    F32(Vec<f32>),
    /// IEEE binary64.
    F64(Vec<f64>),
    /// IEEE binary16.
    F16(Vec<f16>),
    /// The upper half of a binary32.
    Bf16(Vec<bf16>),
}

/// The same expression for vectors of every type.
macro_rules! for_each_type {
    ($floats:expr, |$vector:ident| $body:expr) => {
        match $floats {
            FloatVec::F32($vector) => $body,
            FloatVec::F64($vector) => $body,
            FloatVec::F16($vector) => $body,
            FloatVec::Bf16($vector) => $body,
        }
    };
}

impl FloatVec {
    /// Numbers, each rounded once to the type.
    pub fn rounded(of: ElementType, numbers: impl Iterator<Item = f64>) -> FloatVec {
        match of {
            ElementType::F32 => FloatVec::F32(numbers.map(|x| x as f32).collect()),
            ElementType::F64 => FloatVec::F64(numbers.collect()),
            ElementType::F16 => FloatVec::F16(numbers.map(f16::from_f64).collect()),
            ElementType::Bf16 => FloatVec::Bf16(numbers.map(bf16::from_f64).collect()),
        }
    }

    /// Elements from their little-endian bytes; what is left over at the end is not read.
    pub fn from_le_bytes(of: ElementType, bytes: &[u8]) -> FloatVec {
        fn all<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
            bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
        }
        match of {
            ElementType::F32 => FloatVec::F32(all(bytes, f32::from_le_bytes)),
            ElementType::F64 => FloatVec::F64(all(bytes, f64::from_le_bytes)),
            ElementType::F16 => FloatVec::F16(all(bytes, f16::from_le_bytes)),
            ElementType::Bf16 => FloatVec::Bf16(all(bytes, bf16::from_le_bytes)),
        }
    }

    /// Their little-endian bytes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        self.as_floats().to_le_bytes()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.as_floats().len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.as_floats().element_type()
    }

    /// The elements, to be read.
    pub fn as_floats(&self) -> Floats<'_> {
        for_each_type!(self, |vector| vector.into())
    }

    /// The elements, to be written.
    pub fn as_floats_mut(&mut self) -> FloatsMut<'_> {
        for_each_type!(self, |vector| vector.into())
    }

    /// Each element as a binary64 number, exactly.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        let floats = self.as_floats();
        (0..floats.len()).filter_map(move |index| floats.get(index))
    }

    /// An element as a person reads it: the shortest decimal that is read as it.
    pub fn text(&self, index: usize) -> Option<String> {
        for_each_type!(self, |vector| vector.get(index).map(ToString::to_string))
    }

    /// The elements in the order of `places`; places that are not there are left out.
    #[must_use]
    pub fn in_order(&self, places: &[usize]) -> FloatVec {
        fn picked<T: Copy>(from: &[T], places: &[usize]) -> Vec<T> {
            places.iter().filter_map(|at| from.get(*at)).copied().collect()
        }
        match self {
            FloatVec::F32(from) => FloatVec::F32(picked(from, places)),
            FloatVec::F64(from) => FloatVec::F64(picked(from, places)),
            FloatVec::F16(from) => FloatVec::F16(picked(from, places)),
            FloatVec::Bf16(from) => FloatVec::Bf16(picked(from, places)),
        }
    }
}
