//! Where the elements of an array are, and in which order.

use nosc_runtime::ElementType;
use smallvec::SmallVec;

/// Numbers of dimensions beyond this are refused.
pub(crate) const MOST_DIMENSIONS: usize = 64;
/// DLPack's number of the processor's own memory.
pub(crate) const CPU: i32 = 1;
/// DLPack's number of the memory of NVIDIA's GPUs.
pub(crate) const CUDA: i32 = 2;
/// DLPack's number of the processor's memory that is pinned for CUDA.
const PINNED: i32 = 3;

type Sizes = SmallVec<[i64; 6]>;

/// An array of another library. It says where the elements were when it was made; whoever uses it holds the owner.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    /// Of the first element.
    pub(crate) address: usize,
    /// DLPack's type of device, and its number.
    pub(crate) device: (i32, i32),
    /// DLPack's type of elements: code and bits.
    kind: (u8, u8),
    shape: Sizes,
    /// In elements.
    strides: Sizes,
}

/// The same, with the shape where its library has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) address: usize,
    pub(crate) device: (i32, i32),
    kind: (u8, u8),
    shape: &'a [i64],
    strides: &'a [i64],
}

/// Why elements are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Not a floating-point type, or not one that rules run on.
    #[error(
        "its elements are of {0}, expected float32, float64, float16 or bfloat16, or complex numbers of them"
    )]
    Type(String),
    /// Gaps between elements, or elements that share memory.
    #[error("its elements do not fill a block of memory")]
    Gaps,
    /// Memory that is neither the processor's nor that of one of NVIDIA's GPUs.
    #[error("it is neither in the processor's memory nor in that of a GPU that CUDA finds")]
    Device,
    /// An address that is no multiple of the size of an element, or none at all.
    #[error("its elements are not aligned to their size")]
    Alignment,
}

impl Array {
    pub(crate) fn new(
        address: usize,
        (device_type, device): (i32, i32),
        kind: (u8, u8),
        shape: &[i64],
        strides: Option<&[i64]>,
    ) -> Array {
        let strides = strides.map_or_else(|| row_major(shape), Sizes::from_slice);
        let device = host_or(device_type, device);
        Array { address, device, kind, shape: Sizes::from_slice(shape), strides }
    }

    pub(crate) fn of(view: View<'_>) -> Array {
        Array::new(view.address, view.device, view.kind, view.shape, Some(view.strides))
    }

    pub(crate) fn view(&self) -> View<'_> {
        let Array { address, device, kind, .. } = *self;
        View { address, device, kind, shape: &self.shape, strides: &self.strides }
    }

    pub(crate) fn shape(&self) -> &[i64] {
        &self.shape
    }
}

impl<'a> View<'a> {
    /// `strides` has as many numbers as `shape`.
    pub(crate) fn new(
        address: usize,
        (device_type, device): (i32, i32),
        kind: (u8, u8),
        shape: &'a [i64],
        strides: &'a [i64],
    ) -> View<'a> {
        View { address, device: host_or(device_type, device), kind, shape, strides }
    }

    /// Number of elements; a complex number is two.
    pub(crate) fn len(self) -> usize {
        let length = self.shape.iter().fold(1_usize, |product, size| {
            product.saturating_mul(usize::try_from(*size).unwrap_or(0))
        });
        if self.kind.0 == COMPLEX { length.saturating_mul(2) } else { length }
    }

    /// Type of the elements; of the parts of complex numbers.
    pub(crate) fn element_type(self) -> Result<ElementType, Refused> {
        Ok(match self.kind {
            (FLOAT, 32) | (COMPLEX, 64) => ElementType::F32,
            (FLOAT, 64) | (COMPLEX, 128) => ElementType::F64,
            (FLOAT, 16) | (COMPLEX, 32) => ElementType::F16,
            (BFLOAT, 16) => ElementType::Bf16,
            (code, bits) => return Err(Refused::Type(type_name(code, bits))),
        })
    }

    /// Whether complex numbers are its elements.
    pub(crate) fn is_complex(self) -> bool {
        self.kind.0 == COMPLEX
    }

    /// Whether both have the same shape, and their elements the same order in memory.
    pub(crate) fn is_ordered_as(self, other: View<'_>) -> bool {
        self.shape == other.shape
            && self.is_complex() == other.is_complex()
            && self
                .shape
                .iter()
                .zip(self.strides)
                .zip(other.strides)
                .all(|((n, a), b)| *n <= 1 || a == b)
    }

    /// Checks that the elements are numbers that rules run on, aligned, and one after another in some order of the
    /// dimensions: then they are `len` elements from `address` on.
    pub(crate) fn check(self) -> Result<ElementType, Refused> {
        let element = self.element_type()?;
        if self.len() == 0 {
            return Ok(element);
        }
        if !self.is_dense() {
            return Err(Refused::Gaps);
        }
        self.check_alignment(element)
    }

    /// The same for an array in the order of one that was checked.
    pub(crate) fn check_as(self, other: View<'_>) -> Result<ElementType, Refused> {
        let element = self.element_type()?;
        if !self.is_ordered_as(other) {
            return Err(Refused::Gaps);
        }
        if self.len() == 0 { Ok(element) } else { self.check_alignment(element) }
    }

    fn check_alignment(self, element: ElementType) -> Result<ElementType, Refused> {
        if self.address == 0 || !self.address.is_multiple_of(element.bytes()) {
            return Err(Refused::Alignment);
        }
        Ok(element)
    }

    fn is_row_major(self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == expected;
            expected = expected.saturating_mul(*size);
            fits
        })
    }

    fn is_dense(self) -> bool {
        if self.is_row_major() {
            return true;
        }
        let sizes = self.shape.iter().copied().zip(self.strides.iter().copied());
        let mut dimensions: SmallVec<[(i64, i64); 6]> =
            sizes.filter(|(size, _)| *size > 1).map(|(size, stride)| (stride, size)).collect();
        dimensions.sort_unstable();
        let mut expected = 1;
        dimensions.iter().all(|(stride, size)| {
            let fits = *stride == expected;
            expected = expected.saturating_mul(*size);
            fits
        })
    }
}

/// Memory that is pinned for CUDA is the processor's.
fn host_or(device_type: i32, device: i32) -> (i32, i32) {
    if device_type == PINNED { (CPU, 0) } else { (device_type, device) }
}

const FLOAT: u8 = 2;
const BFLOAT: u8 = 4;
const COMPLEX: u8 = 5;

fn type_name(code: u8, bits: u8) -> String {
    match code {
        0 => format!("int{bits}"),
        1 => format!("uint{bits}"),
        FLOAT => format!("float{bits}"),
        BFLOAT => format!("bfloat{bits}"),
        COMPLEX => format!("complex{bits}"),
        6 => "bool".to_owned(),
        _ => format!("DLPack's type {code} with {bits} bits"),
    }
}

fn row_major(shape: &[i64]) -> Sizes {
    let mut strides: Sizes = shape.iter().map(|_| 1).collect();
    for place in (1..shape.len()).rev() {
        strides[place - 1] = strides[place].saturating_mul(shape[place].max(1));
    }
    strides
}
