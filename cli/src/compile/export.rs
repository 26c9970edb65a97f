//! Programs that need no nosc.

use nosc_compiler::tree::Rule;
use nosc_kernels::Edges;
use nosc_runtime::{Backend, CompiledRule, export};

use crate::arguments::{CompileArguments, Target};
use crate::error::CliError;

/// Refuses what is a matter of other targets.
pub(super) fn check(arguments: &CompileArguments) -> Result<(), CliError> {
    let edges = Edges {
        parameter: arguments.param_type,
        gradient: arguments.grad_type,
        rounding: arguments.rounding,
        ..Edges::default()
    };
    let (target, types) = match arguments.target {
        Target::Torch => ("torch", "tensors"),
        Target::Jax => ("jax", "arrays"),
        Target::Cpu | Target::Cuda | Target::C => return Ok(()),
    };
    if edges != Edges::default() {
        let message = format!(
            "with `--target {target}` {types} have their types at run time: leave out `--param-type`, \
             `--grad-type` and `--rounding`"
        );
        return Err(CliError::Usage(message));
    }
    Ok(())
}

/// The file of a rule.
pub(super) fn emitted(rule: &Rule, edges: Edges, target: Target) -> Result<Vec<u8>, CliError> {
    // Nothing is run here.
    let compiled = CompiledRule::new(rule, Backend::Interpreter)?;
    let text = match target {
        Target::Torch => export::torch(&compiled),
        Target::Jax => export::jax(&compiled),
        Target::Cpu | Target::Cuda | Target::C => export::c(&compiled, edges)?,
    };
    Ok(text.into_bytes())
}
