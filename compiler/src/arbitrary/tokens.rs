//! Token strings of the paper's space.

use arbitrary::{Result, Unstructured};

use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};

const DECAYS: &[&str] = &["cd_0.5", "cd_1", "cd_1.5", "rd_1", "rd_2", "rd_20", "cd_1e-3"];

/// So many groups, some with commas between.
pub(super) fn tokens(u: &mut Unstructured<'_>, groups: usize) -> Result<String> {
    let mut out = String::new();
    for group in 0..groups {
        if group > 0 {
            out += *u.choose(&[", ", "  ", " "])?;
        }
        let (op1, op2) = (operand(u, group)?, operand(u, group)?);
        let (u1, u2) = (unary(u)?, unary(u)?);
        out += &format!("{op1} {op2} {u1} {u2} {}", u.choose(BINARY_TOKENS)?);
    }
    Ok(out)
}

/// Earlier groups are likely, so that the last one depends on most of them.
fn operand(u: &mut Unstructured<'_>, group: usize) -> Result<String> {
    Ok(match u.int_in_range(0..=9)? {
        8 => (*u.choose(DECAYS)?).to_owned(),
        4..=7 if group > 0 => format!("%{}", group - 1 - u.int_in_range(0..=(group - 1).min(2))?),
        _ => (*u.choose(OPERAND_TOKENS)?).to_owned(),
    })
}

fn unary<'t>(u: &mut Unstructured<'_>) -> Result<&'t str> {
    Ok(if u.ratio(1, 3)? { "id" } else { *u.choose(UNARY_TOKENS)? })
}
