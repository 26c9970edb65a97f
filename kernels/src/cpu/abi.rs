//! How compiled code is called: the one place that fixes order and meaning of the arguments.
//!
//! ```c
//! void kernel(T *parameters, const G *gradients, float *const *states,
//!             const float *scalars, const uint32_t *words,
//!             uint64_t first_element, uint64_t count);
//! ```
//!
//! | argument        | points to                                       |
//! |-----------------|-------------------------------------------------|
//! | `parameters`    | `count` elements of the plan's type, updated in place |
//! | `gradients`     | `count` elements of the plan's type             |
//! | `states`        | a pointer to `count` floats for each state slot |
//! | `scalars`       | a float for each step scalar of the plan        |
//! | `words`         | [`WORDS`] integers: key low, key high, step     |
//! | `first_element` | index of the first element in its tensor, a multiple of 4 |
//! | `count`         | number of elements, at most 2^61                |
//!
//! Arrays need the alignment of their elements, do not overlap, and may dangle where nothing is read. The
//! function keeps no pointer and calls nothing. [`super::header()`] prints this for C.

use std::marker::PhantomData;

use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::isa::CallConv;
use smallvec::SmallVec;

use crate::kernel::{CallError, Demands, Elements, Uniforms};

/// Number of integers behind `words`.
pub const WORDS: usize = 3;

/// A compiled kernel as Rust calls it.
pub(super) type EntryPoint = unsafe extern "C" fn(
    parameters: *mut u8,
    gradients: *const u8,
    states: *const *mut f32,
    scalars: *const f32,
    words: *const u32,
    first_element: u64,
    count: u64,
);

/// The arguments of a call that has been checked. The pointers are those of what it borrows.
#[derive(Debug)]
pub(super) struct Call<'c> {
    pub(super) parameters: *mut u8,
    pub(super) gradients: *const u8,
    /// A pointer for each state slot of the plan.
    pub(super) states: SmallVec<[*mut f32; 16]>,
    pub(super) scalars: *const f32,
    pub(super) words: [u32; WORDS],
    pub(super) first_element: u64,
    /// Elements behind each pointer to an array.
    pub(super) count: u64,
    borrowed: PhantomData<&'c mut f32>,
}

impl<'c> Call<'c> {
    /// Checks that the arrays are as many, as long and of the types that the kernel demands, and that there
    /// is a number for each of its scalars.
    pub(super) fn new(
        demands: Demands,
        elements: &'c mut Elements<'_, '_>,
        uniforms: &'c Uniforms<'_>,
    ) -> Result<Call<'c>, CallError> {
        demands.check(elements, uniforms)?;
        let [key_low, key_high] = uniforms.key;
        Ok(Call {
            count: elements.parameters.len() as u64,
            parameters: elements.parameters.start(),
            gradients: elements.gradients.start(),
            states: elements.states.iter_mut().map(|state| state.as_mut_ptr()).collect(),
            scalars: uniforms.scalars.as_ptr(),
            words: [key_low, key_high, uniforms.step],
            first_element: elements.first_element,
            borrowed: PhantomData,
        })
    }
}

/// The arguments as values of a function, in the order of the signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments<T> {
    pub(super) parameters: T,
    pub(super) gradients: T,
    pub(super) states: T,
    pub(super) scalars: T,
    pub(super) words: T,
    pub(super) first_element: T,
    pub(super) count: T,
}

impl<T: Copy> Arguments<T> {
    /// Names the arguments; `None` if their number is not that of the signature.
    pub(super) fn new(values: &[T]) -> Option<Arguments<T>> {
        let &[parameters, gradients, states, scalars, words, first_element, count] = values else {
            return None;
        };
        Some(Arguments { parameters, gradients, states, scalars, words, first_element, count })
    }
}

/// The signature in Cranelift's terms: seven 64-bit integers or pointers, no result.
pub(super) fn signature(convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(types::I64); 7];
    signature
}
