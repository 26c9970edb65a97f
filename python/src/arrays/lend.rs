//! Elements of arrays as slices, while a step runs.

#![expect(unsafe_code, reason = "memory of other libraries, seen as slices")]

#[cfg(feature = "cuda")]
use nosc_runtime::{Device, DeviceTensor};
use nosc_runtime::{ElementType, Floats, FloatsMut, bf16, f16};

use super::array::{CPU, CUDA, Refused, View};

/// An array that passed [`View::check`] or [`View::check_as`], in the memory of the processor or of a GPU that CUDA finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lent {
    address: usize,
    length: usize,
    element: ElementType,
    /// Number of the GPU; `None` for the processor.
    gpu: Option<usize>,
}

impl Lent {
    /// Checks the array.
    pub(crate) fn new(array: View<'_>) -> Result<Lent, Refused> {
        Lent::of(array, array.check()?)
    }

    /// Checks an array that is to be in the order of one that was checked.
    pub(crate) fn like(array: View<'_>, other: View<'_>) -> Result<Lent, Refused> {
        Lent::of(array, array.check_as(other)?)
    }

    fn of(array: View<'_>, element: ElementType) -> Result<Lent, Refused> {
        let gpu = match array.device {
            (CPU, _) => None,
            (CUDA, number) => Some(usize::try_from(number).map_err(|_| Refused::Device)?),
            _ => return Err(Refused::Device),
        };
        Ok(Lent { address: array.address, length: array.len(), element, gpu })
    }

    /// Number of the GPU in whose memory it is; `None` for the processor's.
    pub(crate) fn gpu(&self) -> Option<usize> {
        self.gpu
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn element_type(&self) -> ElementType {
        self.element
    }

    /// The bytes that it has, from and to; `None` for none.
    fn range(&self) -> Option<(usize, usize)> {
        let bytes = self.length.checked_mul(self.element.bytes())?;
        (bytes > 0).then_some((self.address, self.address.saturating_add(bytes)))
    }

    /// The elements, to be read; none of an array in the memory of a GPU.
    ///
    /// # Safety
    ///
    /// Their owner is held for as long as `'a`, and nobody writes to them in that time.
    pub(crate) unsafe fn floats<'a>(self) -> Floats<'a> {
        match self.element {
            // SAFETY: the caller's promise.
            ElementType::F32 => Floats::F32(unsafe { self.slice() }),
            // SAFETY: the caller's promise.
            ElementType::F64 => Floats::F64(unsafe { self.slice() }),
            // SAFETY: the caller's promise.
            ElementType::F16 => Floats::F16(unsafe { self.slice::<f16>() }),
            // SAFETY: the caller's promise.
            ElementType::Bf16 => Floats::Bf16(unsafe { self.slice::<bf16>() }),
        }
    }

    /// The elements, to be written; none of an array in the memory of a GPU.
    ///
    /// # Safety
    ///
    /// Their owner is held for as long as `'a`, and nobody else reads or writes them in that time.
    pub(crate) unsafe fn floats_mut<'a>(self) -> FloatsMut<'a> {
        match self.element {
            // SAFETY: the caller's promise.
            ElementType::F32 => FloatsMut::F32(unsafe { self.slice_mut() }),
            // SAFETY: the caller's promise.
            ElementType::F64 => FloatsMut::F64(unsafe { self.slice_mut() }),
            // SAFETY: the caller's promise.
            ElementType::F16 => FloatsMut::F16(unsafe { self.slice_mut::<f16>() }),
            // SAFETY: the caller's promise.
            ElementType::Bf16 => FloatsMut::Bf16(unsafe { self.slice_mut::<bf16>() }),
        }
    }

    /// The elements on their GPU.
    ///
    /// # Safety
    ///
    /// `device` is the one of [`Lent::gpu`]; the elements stay, and nobody else uses them, until the work that gets the
    /// tensor has happened.
    #[cfg(feature = "cuda")]
    pub(crate) unsafe fn device_tensor(self, device: &Device) -> DeviceTensor {
        // SAFETY: `View::check` found so many aligned elements in a row there, and the caller sees to the rest.
        unsafe { DeviceTensor::from_raw(device, self.address as u64, self.element, self.length) }
    }

    unsafe fn slice<'a, T>(self) -> &'a [T] {
        if self.length == 0 || self.gpu.is_some() {
            return &[];
        }
        // SAFETY: `View::check` found so many aligned elements in a row there, and the caller sees to the rest. `T` is
        // the type of the elements, of which every bit pattern is a value.
        unsafe { std::slice::from_raw_parts(self.address as *const T, self.length) }
    }

    unsafe fn slice_mut<'a, T>(self) -> &'a mut [T] {
        if self.length == 0 || self.gpu.is_some() {
            return &mut [];
        }
        // SAFETY: as for `slice`; nobody else uses the elements.
        unsafe { std::slice::from_raw_parts_mut(self.address as *mut T, self.length) }
    }
}

/// Bytes of an array, from and to, and whether they are written.
pub(crate) type Range = (usize, usize, bool);

/// The ranges of all arrays that have elements.
pub(crate) fn ranges(
    written: impl Iterator<Item = Lent>,
    read: impl Iterator<Item = Lent>,
) -> Vec<Range> {
    let written = written.filter_map(|lent| lent.range()).map(|(from, to)| (from, to, true));
    let read = read.filter_map(|lent| lent.range()).map(|(from, to)| (from, to, false));
    written.chain(read).collect()
}

/// Whether no byte that is written belongs to two of the ranges; those that are only read may share bytes.
pub(crate) fn disjoint(mut ranges: Vec<Range>) -> bool {
    ranges.sort_unstable();
    // The furthest end so far, of what is written and of all.
    let (mut written, mut all) = (0, 0);
    for (from, to, writes) in ranges {
        if from < written || (writes && from < all) {
            return false;
        }
        all = all.max(to);
        if writes {
            written = written.max(to);
        }
    }
    true
}

/// The one number of an array of f64.
pub(crate) fn number(lent: Lent) -> Option<f64> {
    // SAFETY: the owner is held, and nobody else writes to it meanwhile, as during the rest of a step.
    match unsafe { lent.floats() } {
        Floats::F64([number]) => Some(*number),
        _ => None,
    }
}

/// Sets the one number of an array of f64.
pub(crate) fn set_number(lent: Lent, value: f64) {
    // SAFETY: the owner is held, and nobody else uses it meanwhile, as during the rest of a step.
    if let FloatsMut::F64([number]) = unsafe { lent.floats_mut() } {
        *number = value;
    }
}
