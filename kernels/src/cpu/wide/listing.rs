//! Machine code for wide vectors as text, in the syntax of the GNU assembler.

use std::collections::BTreeMap;

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction, OpKind};

use super::super::error::CpuError;
use super::function::{self, Image};
use super::kernel::check;
use super::program::Width;
use crate::plan::Plan;

/// The machine code of a plan for vectors of a width, whether or not this machine has them. Targets of
/// jumps have labels; the constants before the code are left out.
///
/// # Errors
///
/// Those of [`super::WideKernel::compile`] that are about the plan.
pub fn assembly(plan: &Plan, width: Width) -> Result<String, CpuError> {
    check(plan)?;
    let image = function::write(plan, width, usize::MAX)?;
    Ok(listed(&image))
}

fn listed(image: &Image) -> String {
    let code = &image.bytes[image.code..];
    let decoder = Decoder::with_ip(64, code, image.code as u64, DecoderOptions::NONE);
    let instructions: Vec<Instruction> = decoder.into_iter().collect();
    let jumps = instructions.iter().filter(|instruction| is_jump(instruction));
    let mut labels: BTreeMap<u64, String> =
        jumps.map(|i| (i.near_branch_target(), String::new())).collect();
    for (number, label) in (1..).zip(labels.values_mut()) {
        *label = format!("label{number}");
    }
    labels.insert(image.entry as u64, "entry".to_owned());
    let mut formatter = GasFormatter::new();
    let mut out = String::new();
    for instruction in &instructions {
        if let Some(label) = labels.get(&instruction.ip()) {
            out += &format!("{label}:\n");
        }
        let mut text = String::new();
        formatter.format(instruction, &mut text);
        if let Some(label) =
            labels.get(&instruction.near_branch_target()).filter(|_| is_jump(instruction))
        {
            let name = text.split(' ').next().unwrap_or_default();
            text = format!("{name} {label}");
        }
        out += &format!("  {text}\n");
    }
    out
}

fn is_jump(instruction: &Instruction) -> bool {
    instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::momentum;
    use super::*;

    #[test]
    fn every_byte_is_an_instruction_and_every_jump_has_its_label() {
        for (width, register) in [(Width::Avx2, "%ymm"), (Width::Avx512, "%zmm")] {
            let text = assembly(&momentum(), width).unwrap();
            assert!(text.contains(register) && text.contains("entry:\n"), "{text}");
            assert!(text.contains("\n  ret\n") && !text.contains("(bad)"), "{text}");
            let jumps = text.lines().filter(|line| line.trim().starts_with('j')).count();
            assert!(jumps >= 2, "a loop, and the last elements: {text}");
            for jump in text.lines().filter_map(|line| line.trim().strip_prefix('j')) {
                let (_, label) = jump.split_once(' ').unwrap();
                assert!(text.contains(&format!("{label}:\n")), "{label}\n{text}");
            }
        }
    }
}
