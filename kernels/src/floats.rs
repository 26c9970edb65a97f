//! Parameters and gradients of any element type, as slices.

use std::ops::Range;

pub use half::{bf16, f16};

use crate::plan::ElementType;

/// Elements that are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Floats<'a> {
    /// IEEE binary32.
    F32(&'a [f32]),
    /// IEEE binary64.
    F64(&'a [f64]),
    /// IEEE binary16.
    F16(&'a [f16]),
    /// The upper half of a binary32.
    Bf16(&'a [bf16]),
}

/// Elements that are read and written.
#[derive(Debug, PartialEq)]
pub enum FloatsMut<'a> {
    /// IEEE binary32.
    F32(&'a mut [f32]),
    /// IEEE binary64.
    F64(&'a mut [f64]),
    /// IEEE binary16.
    F16(&'a mut [f16]),
    /// The upper half of a binary32.
    Bf16(&'a mut [bf16]),
}

/// The same expression for slices of every type.
macro_rules! for_each_type {
    ($floats:expr, $kind:ident, |$slice:ident| $body:expr) => {
        match $floats {
            $kind::F32($slice) => $body,
            $kind::F64($slice) => $body,
            $kind::F16($slice) => $body,
            $kind::Bf16($slice) => $body,
        }
    };
    ($floats:expr, $kind:ident => $to:ident, |$slice:ident| $body:expr) => {
        match $floats {
            $kind::F32($slice) => $to::F32($body),
            $kind::F64($slice) => $to::F64($body),
            $kind::F16($slice) => $to::F16($body),
            $kind::Bf16($slice) => $to::Bf16($body),
        }
    };
}

impl<'a> Floats<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        for_each_type!(self, Floats, |slice| slice.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their little-endian bytes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        for_each_type!(self, Floats, |slice| slice.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// Type of the elements.
    pub fn element_type(&self) -> ElementType {
        match self {
            Floats::F32(_) => ElementType::F32,
            Floats::F64(_) => ElementType::F64,
            Floats::F16(_) => ElementType::F16,
            Floats::Bf16(_) => ElementType::Bf16,
        }
    }

    /// A part of the elements; one that is not there is cut off.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Floats<'a> {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        for_each_type!(self, Floats => Floats, |slice| &slice[range])
    }

    /// An element as a binary64 number, exactly.
    pub fn get(&self, index: usize) -> Option<f64> {
        match self {
            Floats::F32(slice) => slice.get(index).copied().map(f64::from),
            Floats::F64(slice) => slice.get(index).copied(),
            Floats::F16(slice) => slice.get(index).copied().map(f64::from),
            Floats::Bf16(slice) => slice.get(index).copied().map(f64::from),
        }
    }

    /// Where the elements start.
    pub(crate) fn start(&self) -> *const u8 {
        for_each_type!(self, Floats, |slice| slice.as_ptr().cast())
    }
}

impl<'a> FloatsMut<'a> {
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
        for_each_type!(self, FloatsMut => Floats, |slice| &**slice)
    }

    /// The elements for a shorter time.
    pub fn reborrow(&mut self) -> FloatsMut<'_> {
        for_each_type!(self, FloatsMut => FloatsMut, |slice| &mut **slice)
    }

    /// The first `middle` elements and the others; `middle` is cut to the length.
    #[must_use]
    pub fn split_at(self, middle: usize) -> (FloatsMut<'a>, FloatsMut<'a>) {
        macro_rules! split {
            ($kind:ident, $slice:ident) => {{
                let middle = middle.min($slice.len());
                let (first, rest) = $slice.split_at_mut(middle);
                (FloatsMut::$kind(first), FloatsMut::$kind(rest))
            }};
        }
        match self {
            FloatsMut::F32(slice) => split!(F32, slice),
            FloatsMut::F64(slice) => split!(F64, slice),
            FloatsMut::F16(slice) => split!(F16, slice),
            FloatsMut::Bf16(slice) => split!(Bf16, slice),
        }
    }

    /// Takes over the elements of an array of the same type and length. Returns whether it is one.
    pub fn copy_from(&mut self, from: Floats<'_>) -> bool {
        let fits = self.len() == from.len();
        match (self, from) {
            (FloatsMut::F32(to), Floats::F32(from)) if fits => to.copy_from_slice(from),
            (FloatsMut::F64(to), Floats::F64(from)) if fits => to.copy_from_slice(from),
            (FloatsMut::F16(to), Floats::F16(from)) if fits => to.copy_from_slice(from),
            (FloatsMut::Bf16(to), Floats::Bf16(from)) if fits => to.copy_from_slice(from),
            _ => return false,
        }
        true
    }

    /// Where the elements start.
    pub(crate) fn start(&mut self) -> *mut u8 {
        for_each_type!(self, FloatsMut, |slice| slice.as_mut_ptr().cast())
    }
}

macro_rules! from_slices {
    ($($kind:ident $type:ty),+) => {
        $(
            impl<'a> From<&'a [$type]> for Floats<'a> {
                fn from(slice: &'a [$type]) -> Floats<'a> {
                    Floats::$kind(slice)
                }
            }
            impl<'a> From<&'a mut [$type]> for FloatsMut<'a> {
                fn from(slice: &'a mut [$type]) -> FloatsMut<'a> {
                    FloatsMut::$kind(slice)
                }
            }
        )+
    };
}

from_slices!(F32 f32, F64 f64, F16 f16, Bf16 bf16);

impl<'a, T> From<&'a Vec<T>> for Floats<'a>
where
    Floats<'a>: From<&'a [T]>,
{
    fn from(vector: &'a Vec<T>) -> Floats<'a> {
        Floats::from(vector.as_slice())
    }
}

impl<'a, T> From<&'a mut Vec<T>> for FloatsMut<'a>
where
    FloatsMut<'a>: From<&'a mut [T]>,
{
    fn from(vector: &'a mut Vec<T>) -> FloatsMut<'a> {
        FloatsMut::from(vector.as_mut_slice())
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Floats<'a>
where
    Floats<'a>: From<&'a [T]>,
{
    fn from(array: &'a [T; N]) -> Floats<'a> {
        Floats::from(array.as_slice())
    }
}

impl<'a, T, const N: usize> From<&'a mut [T; N]> for FloatsMut<'a>
where
    FloatsMut<'a>: From<&'a mut [T]>,
{
    fn from(array: &'a mut [T; N]) -> FloatsMut<'a> {
        FloatsMut::from(array.as_mut_slice())
    }
}
