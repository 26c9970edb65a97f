//! `nosc compile`: rules to plans, intermediate code, machine code, linkable objects, CUDA code, and programs that need
//! no nosc.
//!
//! ```text
//! rule ─┬─► plan ─┬─► [cpu] clif, asm, obj, header
//!       │         └─► [gpu] cu, ptx, cubin, sass, stats
//!       └─► [export] py, c
//! ```

mod cpu;
mod export;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
#[path = "compile/without_cuda.rs"]
mod gpu;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::{Edges, LoweredRule, cuda};
use nosc_runtime::explain::plan_text;
use serde_json::{Value, json};

use crate::arguments::{Colour, CompileArguments, Emit, Target};
use crate::error::CliError;
use crate::output::{is_same_place, make_folder, print, print_json, write_file};
use crate::source::select;

/// One form of one rule.
struct Piece {
    rule: String,
    key: String,
    emit: Emit,
    bytes: Vec<u8>,
}

/// Numbers of a kernel that NVRTC compiled, for people and for programs.
struct Stats {
    /// What it was compiled for and by, then a line for each.
    text: String,
    json: Value,
}

pub(crate) fn compile(arguments: &CompileArguments, colour: Colour) -> Result<(), CliError> {
    let emits = emits(arguments)?;
    if arguments.output.is_none() {
        check_standard_output(&emits)?;
    }
    let options = cpu::options(arguments, &emits)?;
    let mut gpu = gpu::Compiler::new(arguments, &emits)?;
    let edges = Edges {
        parameter: arguments.param_type,
        gradient: arguments.grad_type,
        rounding: arguments.rounding,
        ..Edges::default()
    };
    let selected = select(&arguments.source, &[], colour)?;
    if let Some(output) = &arguments.output {
        check_place(output, arguments.source.rule.as_deref())?;
        check_ending(output, &emits, selected.single)?;
    }
    let (mut pieces, mut stats) = (Vec::new(), Vec::new());
    for rule in &selected.rules {
        let lowered = LoweredRule::with_edges(CanonicalRule::new(rule), edges)?;
        gpu.compile(&lowered)?;
        let key = lowered.canonical.key.to_string();
        for emit in &emits {
            let bytes = match emit {
                Emit::Plan => plan_text(&lowered).into_bytes(),
                Emit::Cu => cuda::source(&lowered).text.into_bytes(),
                Emit::Ptx | Emit::Cubin | Emit::Sass => gpu.emitted(*emit)?,
                Emit::Py | Emit::C => export::emitted(rule, edges, arguments.target)?,
                _ => cpu::emitted(&lowered, rule, *emit, &options)?,
            };
            pieces.push(Piece { rule: rule.name.clone(), key: key.clone(), emit: *emit, bytes });
        }
        if arguments.stats {
            stats.push((rule.name.clone(), key, gpu.stats()?));
        }
    }
    let paths = match &arguments.output {
        None => standard_output(&pieces, arguments.json)?,
        Some(output) => written(&pieces, output, selected.single)?,
    };
    if !arguments.json {
        let gap = if arguments.output.is_none() && !pieces.is_empty() { "\n" } else { "" };
        for (index, (rule, _, stats)) in stats.iter().enumerate() {
            let gap = if index > 0 { "\n" } else { gap };
            print(&format!("{gap}{rule}{}\n", stats.text))?;
        }
        return Ok(());
    }
    let target = target_name(arguments.target);
    let mut list: Vec<Value> = pieces
        .iter()
        .zip(paths)
        .map(|(piece, path)| {
            json!({
                "name": piece.rule,
                "key": piece.key,
                "target": target,
                "emit": name(piece.emit),
                "path": path,
                "bytes": piece.bytes.len(),
                "text": if path.is_none() { std::str::from_utf8(&piece.bytes).ok() } else { None },
            })
        })
        .collect();
    list.extend(stats.into_iter().map(|(rule, key, stats)| {
        json!({ "name": rule, "key": key, "target": target, "emit": "stats", "stats": stats.json })
    }));
    print_json(&Value::Array(list))
}

/// Whether something is asked for that NVRTC makes.
fn is_needed(arguments: &CompileArguments, emits: &[Emit]) -> bool {
    arguments.stats || emits.iter().any(|e| matches!(e, Emit::Ptx | Emit::Cubin | Emit::Sass))
}

/// What a target has, the one that is emitted if nothing is asked for first.
fn emits_of(target: Target) -> &'static [Emit] {
    match target {
        Target::Cpu => &[Emit::Plan, Emit::Clif, Emit::Asm, Emit::Obj, Emit::Header],
        Target::Cuda => &[Emit::Cu, Emit::Plan, Emit::Ptx, Emit::Cubin, Emit::Sass],
        Target::Torch | Target::Jax => &[Emit::Py],
        Target::C => &[Emit::C],
    }
}

/// What is asked for, if the target has it.
fn emits(arguments: &CompileArguments) -> Result<Vec<Emit>, CliError> {
    let there = emits_of(arguments.target);
    let target = target_name(arguments.target);
    if let Some(other) = arguments.emit.iter().find(|emit| !there.contains(emit)) {
        let names: Vec<&str> = there.iter().copied().map(name).collect();
        let one_of = if names.len() > 1 { "one of " } else { "" };
        let elsewhere = |target: &&Target| emits_of(**target).contains(other);
        let hint = Target::value_variants().iter().find(elsewhere).map_or_else(String::new, |t| {
            format!("; `{}` is of `--target {}`", name(*other), target_name(*t))
        });
        let (other, names) = (name(*other), names.join(", "));
        let message =
            format!("the target {target} has no `{other}`, expected {one_of}{names}{hint}");
        return Err(CliError::Usage(message));
    }
    if arguments.target != Target::Cpu && arguments.triple.is_some() {
        let message =
            format!("`--triple` names a processor: leave it out with `--target {target}`");
        return Err(CliError::Usage(message));
    }
    export::check(arguments)?;
    if arguments.target != Target::Cuda && (arguments.stats || arguments.arch.is_some()) {
        let message = "`--stats` and `--arch` are about GPUs: add `--target cuda`";
        return Err(CliError::Usage(message.to_owned()));
    }
    if arguments.stats && arguments.emit.is_empty() && arguments.output.is_some() {
        let message = "`--stats` is shown and not written: leave out `-o`, or add `--emit`";
        return Err(CliError::Usage(message.to_owned()));
    }
    if arguments.arch.is_some() && !is_needed(arguments, &arguments.emit) {
        let message =
            "`--arch` is about compiled code: add `--emit ptx`, `cubin` or `sass`, or `--stats`";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(match &arguments.emit[..] {
        [] if arguments.stats => Vec::new(),
        [] => there[..1].to_vec(),
        emits => emits.to_vec(),
    })
}

fn target_name(target: Target) -> &'static str {
    match target {
        Target::Cpu => "cpu",
        Target::Cuda => "cuda",
        Target::Torch => "torch",
        Target::Jax => "jax",
        Target::C => "c",
    }
}

fn name(emit: Emit) -> &'static str {
    match emit {
        Emit::Asm => "asm",
        Emit::Obj => "obj",
        Emit::Header => "header",
        _ => ending(emit),
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
        Emit::Ptx => "ptx",
        Emit::Cubin => "cubin",
        Emit::Sass => "sass",
        Emit::Py => "py",
        Emit::C => "c",
    }
}

/// Text goes to standard output; binary forms need a place.
fn check_standard_output(emits: &[Emit]) -> Result<(), CliError> {
    let binary = emits.iter().find_map(|emit| match emit {
        Emit::Obj => Some("an object file"),
        Emit::Cubin => Some("a cubin"),
        _ => None,
    });
    match binary {
        Some(what) => Err(CliError::Usage(format!("{what} is binary: add `-o FILE`"))),
        None => Ok(()),
    }
}

fn standard_output(pieces: &[Piece], json: bool) -> Result<Vec<Option<String>>, CliError> {
    if !json {
        for (index, piece) in pieces.iter().enumerate() {
            let gap = if index > 0 { "\n" } else { "" };
            print(&format!("{gap}{}", String::from_utf8_lossy(&piece.bytes)))?;
        }
    }
    Ok(vec![None; pieces.len()])
}

/// A result does not replace the rules that it is made of.
fn check_place(output: &Path, rule: Option<&str>) -> Result<(), CliError> {
    let rule = rule.unwrap_or_default();
    let file = rule.rsplit_once(':').map_or(rule, |(file, _)| file);
    let is_source =
        |file: &str| Path::new(file).is_file() && is_same_place(output, Path::new(file));
    if is_source(rule) || is_source(file) {
        let message = format!("`{}` holds the rules: name another place", output.display());
        return Err(CliError::Usage(message));
    }
    Ok(())
}

/// A file whose ending is that of another form would be taken for it, and a folder for a file.
fn check_ending(output: &Path, emits: &[Emit], single: bool) -> Result<(), CliError> {
    let found = output.extension().and_then(|found| found.to_str());
    let of = Emit::value_variants().iter().find(|emit| Some(ending(**emit)) == found);
    let Some(of) = of.filter(|_| !output.is_dir()) else { return Ok(()) };
    let output = output.display();
    let message = match emits {
        [one] if one != of => {
            let targets = Target::value_variants().iter();
            let target = targets.copied().find(|target| emits_of(*target).contains(of));
            let target = target.map_or("cpu", target_name);
            let (one, of) = (name(*one), name(*of));
            format!(
                "`{output}` ends like `{of}` and would hold `{one}`: add `--target {target} --emit {of}`, or end it in another way"
            )
        }
        [_] if single => return Ok(()),
        [] => return Ok(()),
        [_] => format!(
            "`{output}` would be a folder, for the rules of a file: name one by `FILE:RULE`, or a folder"
        ),
        _ => format!("`{output}` would be a folder, for what is emitted: name a folder"),
    };
    Err(CliError::Usage(message))
}

/// One form of one named rule goes to the file itself, several go into a folder.
fn written(pieces: &[Piece], output: &Path, single: bool) -> Result<Vec<Option<String>>, CliError> {
    let into_folder = output.is_dir() || !single || pieces.len() > 1;
    if into_folder {
        make_folder(output)?;
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
