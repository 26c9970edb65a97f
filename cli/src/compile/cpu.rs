//! What the processor's back ends make of a rule.

use nosc_compiler::tree::Rule;
use nosc_kernels::cpu::{CpuError, CpuOptions, UnknownTriple, emit, header};
use nosc_kernels::plan::Plan;
use nosc_kernels::{Backend, LoweredRule};
use nosc_runtime::explain::scalars;

use crate::arguments::{CompileArguments, Emit};
use crate::error::CliError;

/// What is compiled for.
pub(super) struct Options {
    cranelift: CpuOptions,
    /// Whether assembly is that of the wide back end.
    wide: bool,
    multiversion: bool,
}

pub(super) fn options(arguments: &CompileArguments, emits: &[Emit]) -> Result<Options, CliError> {
    if arguments.multiversion && !emits.contains(&Emit::Obj) {
        let message = "`--multiversion` is about object files: add `--emit obj`";
        return Err(CliError::Usage(message.to_owned()));
    }
    if arguments.backend.is_some() && !emits.contains(&Emit::Asm) {
        let message = "`--backend` chooses whose assembly is shown: add `--emit asm`";
        return Err(CliError::Usage(message.to_owned()));
    }
    let mut cranelift = CpuOptions::default();
    if let Some(triple) = &arguments.triple {
        cranelift.target =
            triple.parse().map_err(|error: UnknownTriple| CliError::Usage(error.to_string()))?;
    }
    let wide = match arguments.backend.unwrap_or_default() {
        Backend::Auto => arguments.triple.is_none() && has_wide_vectors(),
        Backend::Wide if arguments.triple.is_some() => {
            let message = "the wide back end makes code for this machine: leave out `--triple`";
            return Err(CliError::Usage(message.to_owned()));
        }
        Backend::Wide => true,
        Backend::Cranelift => false,
        Backend::Interpreter => {
            let message = "the interpreter has no machine code, expected auto, wide or cranelift";
            return Err(CliError::Usage(message.to_owned()));
        }
    };
    Ok(Options { cranelift, wide, multiversion: arguments.multiversion })
}

#[cfg(target_arch = "x86_64")]
fn has_wide_vectors() -> bool {
    nosc_kernels::cpu::wide::CpuFeatures::detected().widest().is_some()
}

#[cfg(not(target_arch = "x86_64"))]
fn has_wide_vectors() -> bool {
    false
}

/// Assembly for the widest vectors of this machine.
#[cfg(target_arch = "x86_64")]
fn wide_assembly(plan: &Plan) -> Result<String, CliError> {
    use nosc_kernels::cpu::wide::{CpuFeatures, Width, assembly};
    let features = CpuFeatures::detected();
    let Some(width) = features.widest() else {
        let missing = features.missing(Width::Avx2);
        return Err(CpuError::MissingFeatures { missing }.into());
    };
    Ok(assembly(plan, width)?)
}

#[cfg(not(target_arch = "x86_64"))]
fn wide_assembly(_: &Plan) -> Result<String, CliError> {
    Err(CpuError::MissingFeatures { missing: vec!["x86-64"] }.into())
}

/// One of the forms that only the processor's target has.
pub(super) fn emitted(
    lowered: &LoweredRule,
    rule: &Rule,
    emit: Emit,
    options: &Options,
) -> Result<Vec<u8>, CliError> {
    let plan = &lowered.plan;
    let Options { cranelift: options, wide, multiversion } = options;
    let symbol = format!("nosc_{}", rule.name);
    Ok(match emit {
        Emit::Asm if *wide => wide_assembly(plan)?.into_bytes(),
        Emit::Asm => emit::assembly(plan, options)?.into_bytes(),
        Emit::Obj if *multiversion => variants(plan, options, &symbol)?,
        Emit::Obj => emit::object(plan, options, &symbol)?,
        Emit::Header => {
            let slots: Vec<String> = slot_names(rule)?;
            header(plan, &symbol, &scalars(lowered), &slots)?.into_bytes()
        }
        _ => emit::clif(plan, options)?.into_bytes(),
    })
}

#[cfg(target_arch = "x86_64")]
fn variants(plan: &Plan, options: &CpuOptions, symbol: &str) -> Result<Vec<u8>, CliError> {
    Ok(nosc_kernels::cpu::multiversion(plan, options, symbol)?)
}

#[cfg(not(target_arch = "x86_64"))]
fn variants(_: &Plan, _: &CpuOptions, _: &str) -> Result<Vec<u8>, CliError> {
    Err(CliError::Usage("`--multiversion` works on x86-64 machines".to_owned()))
}

/// Names of the state arrays, in the order of the kernel's arguments.
fn slot_names(rule: &Rule) -> Result<Vec<String>, CliError> {
    let compiled = nosc_runtime::CompiledRule::new(rule, Backend::Interpreter)?;
    let slots = compiled.slots().into_iter().filter(|slot| !slot.uniform);
    Ok(slots.map(|slot| format!("{}: {}", slot.name, slot.formula)).collect())
}
