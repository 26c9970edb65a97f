//! The C header of a kernel that was emitted as an object file.

use super::error::CpuError;
use crate::c::expression::{Dialect, element_type};
use crate::plan::{ElementType, Plan};

/// A header for C99 and C++ that declares the kernel `symbol` of a plan and says what it takes.
///
/// `scalars` and `states` say in a line each what the plan's step scalars and state arrays are; they
/// become comments.
///
/// # Errors
///
/// [`CpuError::Symbol`] if `symbol` is not a name that C leaves to its users.
pub fn header(
    plan: &Plan,
    symbol: &str,
    scalars: &[String],
    states: &[String],
) -> Result<String, CpuError> {
    check_symbol(symbol)?;
    let guard = format!("{}_H", symbol.to_uppercase());
    let (scalar_lines, state_lines) = (comment(scalars), comment(states));
    let states = counted(plan.states, "pointer");
    let scalars = counted(plan.scalars, "float");
    let [(parameter, w), (gradient, g)] = [plan.parameter, plan.gradient].map(in_c);
    Ok(format!(
        "/* Made by nosc. One step of an update rule over the elements of one tensor. */
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {{
#endif

/*
 * parameters     count {w}, updated in place
 * gradients      count {g}
 * states         {states}, each to count floats, updated in place{state_lines}
 * scalars        {scalars}, each computed in double once a step and rounded{scalar_lines}
 * words          3 integers: low half of the seed; tensor id xor high half of the seed;
 *                step number modulo 2^32
 * first_element  index of the first of these elements in its tensor, a multiple of 4
 * count          number of elements
 *
 * Arrays do not overlap. A pointer to nothing (no states, no scalars, count 0) may be null.
 * The function allocates nothing and keeps no pointer; calls on disjoint arrays may run at once.
 */
void {symbol}({parameter} *parameters, const {gradient} *gradients, float *const *states,
    const float *scalars, const uint32_t *words, uint64_t first_element, uint64_t count);

#ifdef __cplusplus
}}
#endif

#endif
"
    ))
}

/// An element type in C, and what several elements are called.
fn in_c(of: ElementType) -> (&'static str, &'static str) {
    let several = match of {
        ElementType::F32 => "floats",
        ElementType::F64 => "doubles",
        ElementType::F16 => "IEEE binary16 numbers, by their bits",
        ElementType::Bf16 => "bfloat16 numbers, by their bits",
    };
    (element_type(Dialect::C99, of), several)
}

fn counted(count: u16, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Lines of a comment below the row that they explain; what would end the comment is taken apart.
fn comment(lines: &[String]) -> String {
    let line = |line: &String| format!("\n *                  {}", line.replace("*/", "* /"));
    lines.iter().map(line).collect()
}

/// Takes names of letters, digits and `_` that start with a letter.
pub(super) fn check_symbol(symbol: &str) -> Result<(), CpuError> {
    let starts_well = symbol.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_on = symbol.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts_well && goes_on { Ok(()) } else { Err(CpuError::Symbol(symbol.to_owned())) }
}
