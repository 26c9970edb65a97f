//! Elements of an array of any type that a step takes.

use nosc_runtime::{ElementType, Floats, FloatsMut, bf16, f16};

/// The elements of an array, in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

/// The same expression for vectors of every type.
macro_rules! for_each_type {
    ($values:expr, |$vector:ident| $body:expr) => {
        match $values {
            Values::F32($vector) => $body,
            Values::F64($vector) => $body,
            Values::F16($vector) => $body,
            Values::Bf16($vector) => $body,
        }
    };
}

impl Values {
    /// No elements of a type.
    pub(crate) fn none(of: ElementType) -> Values {
        match of {
            ElementType::F32 => Values::F32(Vec::new()),
            ElementType::F64 => Values::F64(Vec::new()),
            ElementType::F16 => Values::F16(Vec::new()),
            ElementType::Bf16 => Values::Bf16(Vec::new()),
        }
    }

    /// Elements from their little-endian bytes.
    pub(crate) fn from_bytes(of: ElementType, bytes: &[u8]) -> Values {
        fn all<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
            bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
        }
        match of {
            ElementType::F32 => Values::F32(all(bytes, f32::from_le_bytes)),
            ElementType::F64 => Values::F64(all(bytes, f64::from_le_bytes)),
            ElementType::F16 => Values::F16(all(bytes, f16::from_le_bytes)),
            ElementType::Bf16 => Values::Bf16(all(bytes, bf16::from_le_bytes)),
        }
    }

    /// Their little-endian bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        for_each_type!(self, |vector| vector.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    pub(crate) fn element_type(&self) -> ElementType {
        self.floats().element_type()
    }

    pub(crate) fn len(&self) -> usize {
        self.floats().len()
    }

    pub(crate) fn floats(&self) -> Floats<'_> {
        for_each_type!(self, |vector| vector.into())
    }

    pub(crate) fn floats_mut(&mut self) -> FloatsMut<'_> {
        for_each_type!(self, |vector| vector.into())
    }

    /// Adds the elements of another vector of the same type.
    pub(crate) fn extend(&mut self, other: &Values) {
        match (self, other) {
            (Values::F32(to), Values::F32(from)) => to.extend_from_slice(from),
            (Values::F64(to), Values::F64(from)) => to.extend_from_slice(from),
            (Values::F16(to), Values::F16(from)) => to.extend_from_slice(from),
            (Values::Bf16(to), Values::Bf16(from)) => to.extend_from_slice(from),
            _ => {}
        }
    }

    /// The elements in the order of `places`, which are all below the length.
    pub(crate) fn in_order(&self, places: &[usize]) -> Values {
        match self {
            Values::F32(from) => Values::F32(places.iter().map(|at| from[*at]).collect()),
            Values::F64(from) => Values::F64(places.iter().map(|at| from[*at]).collect()),
            Values::F16(from) => Values::F16(places.iter().map(|at| from[*at]).collect()),
            Values::Bf16(from) => Values::Bf16(places.iter().map(|at| from[*at]).collect()),
        }
    }

    /// An element as a person reads it.
    pub(crate) fn shown(&self, at: usize) -> String {
        for_each_type!(self, |vector| vector.get(at).map(ToString::to_string).unwrap_or_default())
    }
}
