//! What a kernel is called with, whatever made it.

use std::fmt;

use crate::floats::{Floats, FloatsMut};
use crate::plan::{ElementType, Plan};

/// Elements of a chunk: steps over long arrays are cut so, and norms are summed chunk by chunk on every device. A
/// multiple of 4, as draws need.
pub const CHUNK_ELEMENTS: usize = 32_768;

/// One run over `count` neighbouring elements of one tensor.
///
/// All slices have the same length, and `states` has one slice for each state of the plan.
#[derive(Debug)]
pub struct Elements<'a, 's> {
    /// `w`, updated in place.
    pub parameters: FloatsMut<'a>,
    /// `g`.
    pub gradients: Floats<'a>,
    /// State slots in the order of the plan, updated in place.
    pub states: &'s mut [&'a mut [f32]],
    /// Index of the first of these elements in its tensor; a multiple of 4.
    pub first_element: u64,
}

/// What is the same for all elements of a tensor in one step.
#[derive(Debug, Clone, Copy)]
pub struct Uniforms<'a> {
    /// Step scalars in the order of the plan.
    pub scalars: &'a [f32],
    /// Random key, second word: tensor id xor the high half of the seed; first: the low half.
    pub key: [u32; 2],
    /// Step number modulo 2^32.
    pub step: u32,
}

/// A compiled or interpreted plan. It holds no scratch: any number of threads may call it at once.
pub trait Kernel: fmt::Debug + Send + Sync {
    /// Moves the elements by one step.
    ///
    /// # Errors
    ///
    /// [`CallError`] if lengths, counts or `first_element` do not fit; then nothing has been written.
    fn run(&self, elements: &mut Elements<'_, '_>, uniforms: Uniforms<'_>)
    -> Result<(), CallError>;
}

/// Why a kernel was not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Two arrays differ in length.
    #[error("`{array}` has {found} elements, expected {expected}")]
    Length {
        /// Which array.
        array: String,
        /// Its length.
        found: usize,
        /// The length of the parameters.
        expected: usize,
    },
    /// Too few or too many states or scalars.
    #[error("the kernel takes {expected} {what}, found {found}")]
    Count {
        /// "states" or "scalars".
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many the plan has.
        expected: usize,
    },
    /// Elements of another type than the kernel was made for.
    #[error("`{array}` has elements of {found}, the kernel takes {expected}")]
    ElementType {
        /// "parameters" or "gradients".
        array: &'static str,
        /// Type of its elements.
        found: ElementType,
        /// The type of the plan.
        expected: ElementType,
    },
    /// The run does not start at a multiple of 4.
    #[error("a run starts at element {0}, expected a multiple of 4")]
    Start(u64),
}

/// What a kernel demands of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demands {
    pub(crate) states: u16,
    pub(crate) scalars: u16,
    pub(crate) parameter: ElementType,
    pub(crate) gradient: ElementType,
}

impl Demands {
    /// The demands of a plan.
    pub(crate) fn of(plan: &Plan) -> Demands {
        let (states, scalars) = (plan.states, plan.scalars);
        Demands { states, scalars, parameter: plan.parameter, gradient: plan.gradient }
    }

    /// Checks what every kernel demands of its arguments.
    pub(crate) fn check(
        self,
        elements: &Elements<'_, '_>,
        uniforms: &Uniforms<'_>,
    ) -> Result<(), CallError> {
        let expected = elements.parameters.len();
        let length = |array: &dyn fmt::Display, found: usize| {
            if found == expected {
                Ok(())
            } else {
                Err(CallError::Length { array: array.to_string(), found, expected })
            }
        };
        let count = |what, found: usize, expected: u16| {
            let expected = usize::from(expected);
            if found == expected { Ok(()) } else { Err(CallError::Count { what, found, expected }) }
        };
        let kind = |array, found, expected| {
            if found == expected {
                Ok(())
            } else {
                Err(CallError::ElementType { array, found, expected })
            }
        };
        count("states", elements.states.len(), self.states)?;
        count("scalars", uniforms.scalars.len(), self.scalars)?;
        kind("parameters", elements.parameters.element_type(), self.parameter)?;
        kind("gradients", elements.gradients.element_type(), self.gradient)?;
        length(&"gradients", elements.gradients.len())?;
        for (slot, state) in elements.states.iter().enumerate() {
            length(&format_args!("state {slot}"), state.len())?;
        }
        if !elements.first_element.is_multiple_of(4) {
            return Err(CallError::Start(elements.first_element));
        }
        Ok(())
    }
}
