//! `nosc run`: a rule over arrays, a step for each gradient.

use std::ops::Range;
use std::path::{Path, PathBuf};

use nosc_runtime::{
    CheckpointError, CompiledRule, FloatVec, Floats, FloatsMut, PlacedOptimizer, Placement,
    RuntimeError, Settings, StepOptions, StepOutcome,
};
use serde_json::json;

use crate::arguments::{Colour, RuleSource, RunArguments};
use crate::arrays::{self, Tensor};
use crate::error::CliError;
use crate::output::{Prepared, check_writable, is_same_place, prepare, print_json, print_line};
use crate::source::{select_one, warn};

pub(crate) fn run(arguments: &RunArguments, colour: Colour) -> Result<(), CliError> {
    let (source, gradients) = untangled(arguments);
    let placement = arguments.backend.placement()?;
    if placement != Placement::Cpu && arguments.threads.is_some() {
        let message = "`--threads` are those of the processor: leave it out with `--device cuda`";
        return Err(CliError::Usage(message.to_owned()));
    }
    let (rule, parameters) = select_one(&source, &arguments.set, colour)?;
    let compiled = CompiledRule::new(&rule, arguments.backend.backend())?;
    if let Some(reason) = &compiled.compiled().fallback {
        warn(&format!("the interpreter runs the rule: {reason}"));
    }
    let mut tensors = arrays::read(&arguments.params)?;
    check_places(arguments, gradients, tensors.len())?;
    let steps = gradient_steps(gradients, &tensors)?;
    let lengths: Vec<usize> = tensors.iter().map(|tensor| tensor.values.len()).collect();
    let settings = Settings {
        parameters,
        total_steps: arguments.total_steps,
        seed: arguments.seed,
        non_finite: arguments.non_finite,
        threads: arguments.threads,
        first_tensor: 0,
        rounding: arguments.rounding,
    };
    let mut optimizer = PlacedOptimizer::new(placement, compiled, &lengths, settings)?;
    if let Some(path) = arguments.state.as_ref().filter(|path| path.exists()) {
        optimizer.load(path).map_err(|error| of_state(path, error))?;
    }
    let options = StepOptions {
        loss_scale: arguments.loss_scale,
        clip_norm: arguments.clip_norm,
        clip_value: arguments.clip_value,
        ..StepOptions::new(arguments.lr)
    };
    // Bytes of the elements after every step.
    let mut trace: Vec<Vec<u8>> = vec![Vec::new(); tensors.len()];
    for step in 0..steps.count {
        let gradients = steps.at(step);
        let mut slices: Vec<FloatsMut<'_>> =
            tensors.iter_mut().map(|tensor| tensor.values.as_floats_mut()).collect();
        let outcome = optimizer.step_with(&mut slices, &gradients, &options);
        let outcome = outcome.map_err(|source| match source {
            RuntimeError::NonFiniteGradient { .. } => CliError::Step { step, source },
            // What was wrong before the first step already.
            other => CliError::Runtime(other),
        })?;
        if outcome == StepOutcome::Skipped {
            warn(&format!("step {step} skipped: a gradient is not finite"));
        }
        if arguments.trace {
            for (trace, tensor) in trace.iter_mut().zip(&tensors) {
                trace.extend(tensor.values.to_le_bytes());
            }
        }
    }
    if arguments.trace {
        for (tensor, values) in tensors.iter_mut().zip(trace) {
            tensor.shape.insert(0, steps.count);
            tensor.values = FloatVec::from_le_bytes(tensor.values.element_type(), &values);
        }
    }
    finish(arguments, &tensors, &optimizer, steps.count)
}

/// Files can be written, and none of them is one that is still needed.
fn check_places(
    arguments: &RunArguments,
    gradients: &[PathBuf],
    tensors: usize,
) -> Result<(), CliError> {
    let taken = |path: &Path, what: &str| {
        Err(CliError::Usage(format!("`{}` holds {what}: name another file", path.display())))
    };
    if let Some(output) = &arguments.output {
        check_writable(output)?;
        arrays::check_fits(output, tensors)?;
        if gradients.iter().any(|path| is_same_place(path, output)) {
            return taken(output, "gradients");
        }
    }
    let Some(state) = &arguments.state else { return Ok(()) };
    check_writable(state)?;
    if state.exists() && !state.is_file() {
        let source = std::io::Error::other("a state is kept in a file");
        return Err(CliError::Write { path: state.clone(), source });
    }
    if gradients.iter().any(|path| is_same_place(path, state)) {
        return taken(state, "gradients");
    }
    if is_same_place(&arguments.params, state) {
        return taken(state, "the parameters");
    }
    match &arguments.output {
        Some(output) if is_same_place(output, state) => Err(CliError::Usage(format!(
            "`{}` is given twice: name a file for each",
            state.display()
        ))),
        _ => Ok(()),
    }
}

/// A rule that stands after `--grads FILE ...` looks like one more file of gradients.
fn untangled(arguments: &RunArguments) -> (RuleSource, &[PathBuf]) {
    let source = arguments.source.clone();
    if source.rule.is_some() || source.expression.is_some() || source.tokens.is_some() {
        return (source, &arguments.grads);
    }
    match arguments.grads.split_last() {
        Some((last, files)) if !files.is_empty() && arrays::format(last).is_err() => {
            let rule = Some(last.to_string_lossy().into_owned());
            (RuleSource { rule, ..source }, files)
        }
        _ => (source, &arguments.grads),
    }
}

fn finish(
    arguments: &RunArguments,
    tensors: &[Tensor],
    optimizer: &PlacedOptimizer,
    steps: usize,
) -> Result<(), CliError> {
    if let Some(tensor) = tensors.iter().find(|tensor| !is_finite(&tensor.values)) {
        let name = name(tensor);
        warn(&format!(
            "`{name}` is not finite any more; `--non-finite skip` leaves steps out whose gradients are not, `error` stops at them"
        ));
    }
    // Neither is replaced if the other cannot be written: parameters and state belong together.
    let output = arguments.output.as_deref();
    let output = output.map(|path| prepare(path, &arrays::bytes(path, tensors)?)).transpose()?;
    if let Some(path) = &arguments.state {
        optimizer.save(path).map_err(|error| of_state(path, error))?;
    }
    output.map_or(Ok(()), Prepared::put)?;
    if arguments.json {
        return print_json(&json!({
            "name": optimizer.compiled().canonical().rule.name,
            "key": optimizer.compiled().key().to_string(),
            "backend": match optimizer.placement() {
                Placement::Cpu => optimizer.compiled().compiled().backend.to_string(),
                device => device.to_string(),
            },
            "steps": steps,
            "steps_in_all": optimizer.steps(),
            "skipped": optimizer.skipped(),
            "output": arguments.output,
            "state": arguments.state,
        }));
    }
    if arguments.output.is_none() {
        for tensor in tensors {
            print_line(&shown(tensor))?;
        }
    }
    Ok(())
}

fn of_state(path: &Path, error: CheckpointError) -> CliError {
    let path = path.to_owned();
    match error {
        CheckpointError::Io { action: "could not write", source, .. } => {
            CliError::Write { path, source }
        }
        CheckpointError::Io { source, .. } => CliError::Read { path, source },
        source => CliError::Checkpoint { path, source },
    }
}

/// The values as a person reads them, the middle of many left out.
fn shown(tensor: &Tensor) -> String {
    const ENDS: usize = 16;
    let values = &tensor.values;
    let join =
        |range: Range<usize>| range.filter_map(|at| values.text(at)).collect::<Vec<_>>().join(" ");
    let count = values.len();
    let list = if count <= 2 * ENDS {
        join(0..count)
    } else {
        format!("{} ... {}", join(0..ENDS), join(count - ENDS..count))
    };
    format!("{} {:?}: {list}", name(tensor), tensor.shape)
}

fn name(tensor: &Tensor) -> &str {
    if tensor.name.is_empty() { "w" } else { &tensor.name }
}

fn is_finite(values: &FloatVec) -> bool {
    match values {
        FloatVec::F32(values) => values.iter().all(|value| value.is_finite()),
        FloatVec::F64(values) => values.iter().all(|value| value.is_finite()),
        FloatVec::F16(values) => values.iter().all(|value| value.is_finite()),
        FloatVec::Bf16(values) => values.iter().all(|value| value.is_finite()),
    }
}

/// Gradients of all steps, file by file.
struct Steps {
    count: usize,
    /// By tensor of the parameters: the files' arrays, each with its number of steps.
    files: Vec<Vec<(usize, FloatVec)>>,
    /// Elements of each tensor.
    lengths: Vec<usize>,
}

impl Steps {
    fn at(&self, step: usize) -> Vec<Floats<'_>> {
        let files = self.files.iter().zip(&self.lengths);
        files.map(|(files, length)| nth(files, *length, step)).collect()
    }
}

/// The gradient of a step, in whichever file it is.
fn nth(files: &[(usize, FloatVec)], length: usize, mut step: usize) -> Floats<'_> {
    for (count, values) in files {
        if step < *count {
            return values.as_floats().part(step * length..(step + 1) * length);
        }
        step -= count;
    }
    Floats::F32(&[])
}

fn gradient_steps(paths: &[PathBuf], parameters: &[Tensor]) -> Result<Steps, CliError> {
    let mut steps = Steps {
        count: 0,
        files: vec![Vec::new(); parameters.len()],
        lengths: parameters.iter().map(|tensor| tensor.values.len()).collect(),
    };
    for path in paths {
        let mut gradients = arrays::read(path)?;
        let mut count = None;
        for (index, parameter) in parameters.iter().enumerate() {
            let gradient = take(path, &mut gradients, parameter, parameters.len())?;
            let own = steps_in(path, &gradient, parameter)?;
            if *count.get_or_insert(own) != own {
                let problem = format!("tensor `{}` has {own} steps, others differ", parameter.name);
                return Err(CliError::Array { path: path.clone(), problem });
            }
            steps.files[index].push((own, gradient.values));
        }
        if let Some(extra) = gradients.first() {
            let problem = format!("tensor `{}` is not among the parameters", extra.name);
            return Err(CliError::Array { path: path.clone(), problem });
        }
        steps.count += count.unwrap_or(0);
    }
    Ok(steps)
}

/// The gradient of a parameter: by name, or the only one.
fn take(
    path: &Path,
    gradients: &mut Vec<Tensor>,
    parameter: &Tensor,
    parameters: usize,
) -> Result<Tensor, CliError> {
    let alone = parameters == 1 && gradients.len() == 1;
    let at = gradients.iter().position(|gradient| gradient.name == parameter.name || alone);
    if let Some(at) = at {
        return Ok(gradients.remove(at));
    }
    let problem = format!("has no tensor `{}`", parameter.name);
    Err(CliError::Array { path: path.to_owned(), problem })
}

/// 1 for the parameter's own shape, else the length of the first axis.
fn steps_in(path: &Path, gradient: &Tensor, parameter: &Tensor) -> Result<usize, CliError> {
    if gradient.shape == parameter.shape {
        return Ok(1);
    }
    match gradient.shape.split_first() {
        Some((count, rest)) if rest == parameter.shape => Ok(*count),
        _ => {
            let (found, expected) = (&gradient.shape, &parameter.shape);
            let problem = format!(
                "has shape {found:?}, expected {expected:?}, or one more axis in front for the steps"
            );
            Err(CliError::Array { path: path.to_owned(), problem })
        }
    }
}
