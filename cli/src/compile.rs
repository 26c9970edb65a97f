//! `nosc compile`: rules to plans, intermediate code, machine code, linkable objects and CUDA source.

use std::path::{Path, PathBuf};

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::tree::Rule;
use nosc_kernels::cpu::{CpuError, CpuOptions, emit, header};
use nosc_kernels::plan::Plan;
use nosc_kernels::{Backend, Edges, LoweredRule, cuda};
use serde_json::json;

use crate::arguments::{Colour, CompileArguments, Emit, Target};
use crate::error::CliError;
use crate::explain::scalars;
use crate::output::{print, print_json, write_file};
use crate::source::select;

/// One form of one rule.
struct Piece {
    rule: String,
    key: String,
    emit: Emit,
    bytes: Vec<u8>,
}

pub(crate) fn compile(arguments: &CompileArguments, colour: Colour) -> Result<(), CliError> {
    let emits = emits(arguments)?;
    let options = options(arguments, &emits)?;
    let edges = Edges {
        parameter: arguments.param_type,
        gradient: arguments.grad_type,
        rounding: arguments.rounding,
        guarded: false,
    };
    let selected = select(&arguments.source, &[], colour)?;
    let mut pieces = Vec::new();
    for rule in &selected.rules {
        let lowered = LoweredRule::with_edges(CanonicalRule::new(rule), edges)?;
        for emit in &emits {
            let bytes = emitted(&lowered, rule, *emit, &options)?;
            let key = lowered.canonical.key.to_string();
            pieces.push(Piece { rule: rule.name.clone(), key, emit: *emit, bytes });
        }
    }
    let paths = match &arguments.output {
        None => standard_output(&pieces, arguments.json)?,
        Some(output) => written(&pieces, output, selected.single)?,
    };
    if arguments.json {
        let list = pieces.iter().zip(paths).map(|(piece, path)| {
            json!({
                "name": piece.rule,
                "key": piece.key,
                "target": target_name(arguments.target),
                "emit": name(piece.emit),
                "path": path,
                "bytes": piece.bytes.len(),
                "text": if path.is_none() { std::str::from_utf8(&piece.bytes).ok() } else { None },
            })
        });
        print_json(&list.collect())?;
    }
    Ok(())
}

/// What a target has, the one that is emitted if nothing is asked for first.
fn emits_of(target: Target) -> &'static [Emit] {
    match target {
        Target::Cpu => &[Emit::Plan, Emit::Clif, Emit::Asm, Emit::Obj, Emit::Header],
        Target::Cuda => &[Emit::Cu, Emit::Plan],
    }
}

/// What is asked for, if the target has it.
fn emits(arguments: &CompileArguments) -> Result<Vec<Emit>, CliError> {
    let there = emits_of(arguments.target);
    let target = target_name(arguments.target);
    if let Some(other) = arguments.emit.iter().find(|emit| !there.contains(emit)) {
        let names: Vec<&str> = there.iter().copied().map(name).collect();
        let (other, names) = (name(*other), names.join(", "));
        let message = format!("the target {target} has no `{other}`, expected one of {names}");
        return Err(CliError::Usage(message));
    }
    if arguments.target == Target::Cuda && arguments.triple.is_some() {
        let message = "`--triple` names a processor: leave it out with `--target cuda`";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(if arguments.emit.is_empty() { there[..1].to_vec() } else { arguments.emit.clone() })
}

/// What is compiled for.
struct Options {
    cranelift: CpuOptions,
    /// Whether assembly is that of the wide back end.
    wide: bool,
    multiversion: bool,
}

fn options(arguments: &CompileArguments, emits: &[Emit]) -> Result<Options, CliError> {
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
        cranelift.target = nosc_kernels::cpu::Target::parse(triple).map_err(|reason| {
            CliError::Usage(format!("`{triple}` is no target triple: {reason}"))
        })?;
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

fn emitted(
    lowered: &LoweredRule,
    rule: &Rule,
    emit: Emit,
    options: &Options,
) -> Result<Vec<u8>, CliError> {
    let plan = &lowered.plan;
    let Options { cranelift: options, wide, multiversion } = options;
    let symbol = format!("nosc_{}", rule.name);
    Ok(match emit {
        Emit::Plan => plan_text(lowered, rule).into_bytes(),
        Emit::Clif => emit::clif(plan, options)?.into_bytes(),
        Emit::Asm if *wide => wide_assembly(plan)?.into_bytes(),
        Emit::Asm => emit::assembly(plan, options)?.into_bytes(),
        Emit::Obj if *multiversion => variants(plan, options, &symbol)?,
        Emit::Obj => emit::object(plan, options, &symbol)?,
        Emit::Header => {
            let slots: Vec<String> = slot_names(rule)?;
            header(plan, &symbol, &scalars(lowered), &slots)?.into_bytes()
        }
        Emit::Cu => cuda::source(lowered).text.into_bytes(),
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

fn plan_text(lowered: &LoweredRule, rule: &Rule) -> String {
    let mut out = format!("# rule {}\n", rule.name);
    for line in lowered.canonical.text().lines() {
        out += &format!("# {line}\n");
    }
    out += &format!("# key {}\n", lowered.canonical.key);
    for scalar in scalars(lowered) {
        out += &format!("# {scalar}\n");
    }
    out + &lowered.plan.to_string()
}

fn target_name(target: Target) -> &'static str {
    match target {
        Target::Cpu => "cpu",
        Target::Cuda => "cuda",
    }
}

fn name(emit: Emit) -> &'static str {
    match emit {
        Emit::Plan => "plan",
        Emit::Clif => "clif",
        Emit::Asm => "asm",
        Emit::Obj => "obj",
        Emit::Header => "header",
        Emit::Cu => "cu",
    }
}

fn ending(emit: Emit) -> &'static str {
    match emit {
        Emit::Plan => "plan",
        Emit::Clif => "clif",
        Emit::Asm => "s",
        Emit::Obj => "o",
        Emit::Header => "h",
        Emit::Cu => "cu",
    }
}

/// Text goes to standard output; an object file needs a place.
fn standard_output(pieces: &[Piece], json: bool) -> Result<Vec<Option<String>>, CliError> {
    if pieces.iter().any(|piece| piece.emit == Emit::Obj) {
        return Err(CliError::Usage("an object file is binary: add `-o FILE`".to_owned()));
    }
    if !json {
        for (index, piece) in pieces.iter().enumerate() {
            let gap = if index > 0 { "\n" } else { "" };
            print(&format!("{gap}{}", String::from_utf8_lossy(&piece.bytes)))?;
        }
    }
    Ok(vec![None; pieces.len()])
}

/// One form of one named rule goes to the file itself, several go into a folder.
fn written(pieces: &[Piece], output: &Path, single: bool) -> Result<Vec<Option<String>>, CliError> {
    let into_folder = output.is_dir() || !single || pieces.len() > 1;
    if into_folder {
        std::fs::create_dir_all(output)
            .map_err(|source| CliError::Write { path: output.to_owned(), source })?;
    }
    let mut paths = Vec::new();
    for piece in pieces {
        let path: PathBuf = if into_folder {
            output.join(format!("{}.{}", piece.rule, ending(piece.emit)))
        } else {
            output.to_owned()
        };
        write_file(&path, &piece.bytes)?;
        paths.push(Some(path.display().to_string()));
    }
    Ok(paths)
}
