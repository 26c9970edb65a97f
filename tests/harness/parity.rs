//! Machine code against the interpreter, bit for bit.
//!
//! The same arrays go through the interpreter and through machine code made in many ways: four elements
//! at a time or one, with the machine's fused multiply-add or without; eight and sixteen at a time, with
//! all registers or few. Each keeps its own parameters and
//! states over several steps, so that a difference in a state cannot hide.

use nosc_compiler::Rule;
#[cfg(target_arch = "x86_64")]
use nosc_kernels::cpu::{
    CpuError,
    wide::{CpuFeatures, WideKernel, WideOptions, Width},
};
use nosc_kernels::cpu::{CpuKernel, CpuOptions};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::scalars::{ScalarError, StepInputs, key};
use nosc_kernels::{GradientGuard, LoweredRule};
use nosc_runtime::{Backend, Settings};

use crate::numbers::{SPECIAL, assert_same_bits, hard_float};
use crate::rules::lowered;
use crate::run::Run;

/// Steps that are taken: the first two, and one whose number does not fit 32 bits.
const STEPS: [u64; 3] = [0, 1, (1 << 32) + 5];
const SEED: u64 = 0x0123_4567_89ab_cdef;

/// How many elements go through a kernel at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// 0 to 67 and 4099.
    Every,
    /// A few around the width of a vector and of the interpreter's block, and 731.
    Few,
}

/// What has been compared without a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Rules.
    pub rules: u64,
    /// Rules that cannot take the first step: a decay of an average out of its range.
    pub refused: u64,
    /// Arrays of parameters after a step, of all kernels.
    pub arrays: u64,
    /// Elements of those arrays.
    pub elements: u64,
    /// Those that are not NaN, where agreement says more.
    pub numbers: u64,
}

impl Agreement {
    /// Adds another's counts.
    pub fn add(&mut self, other: Agreement) {
        self.rules += other.rules;
        self.refused += other.refused;
        self.arrays += other.arrays;
        self.elements += other.elements;
        self.numbers += other.numbers;
    }
}

/// Interpreter and machine code agree on a rule for special and plain inputs of many lengths.
pub fn check_parity(rule: &Rule, lengths: Lengths, seed: u64) -> Agreement {
    let lowered = lowered(rule);
    let kernels = kernels(&lowered);
    let mut agreement = Agreement { rules: 1, ..Agreement::default() };
    let lengths: Vec<usize> = match lengths {
        Lengths::Every => (0..=67).chain([4_099]).collect(),
        Lengths::Few => vec![0, 1, 3, 4, 5, 31, 33, 67, 731],
    };
    for length in lengths {
        let first = first_element(length, seed);
        let Some(of_length) = check_length(&lowered, &kernels, length, first, seed) else {
            agreement.refused = 1;
            break;
        };
        agreement.add(of_length);
    }
    agreement
}

/// Runs start anywhere in a tensor, past 2^32 too.
fn first_element(length: usize, seed: u64) -> u64 {
    [0, 4 * seed, (1 << 32) - 32, (1 << 33) + 4][length % 4] & !3
}

type Named = (String, Box<dyn Kernel>);

/// The interpreter first.
fn kernels(lowered: &LoweredRule) -> Vec<Named> {
    let interpreter = Box::new(Interpreter::new(lowered.plan.clone()));
    let mut kernels: Vec<Named> = vec![("interpreter".to_owned(), interpreter)];
    for simd in [true, false] {
        for fma in [None, Some(false)] {
            let options = CpuOptions { simd, fma, ..CpuOptions::default() };
            let kernel = CpuKernel::compile(&lowered.plan, &options).unwrap_or_else(|error| {
                panic!("{}\n{options:?}: {error}", lowered.canonical.text())
            });
            kernels.push((format!("simd {simd}, fma {fma:?}"), Box::new(kernel)));
        }
    }
    kernels.extend(wide_kernels(lowered));
    kernels
}

/// Wide vectors, with all registers and with few.
#[cfg(target_arch = "x86_64")]
fn wide_kernels(lowered: &LoweredRule) -> Vec<Named> {
    let mut kernels: Vec<Named> = Vec::new();
    for width in Width::ALL {
        let missing = CpuFeatures::detected().missing(width);
        if !missing.is_empty() {
            println!("SKIPPED: {} on a machine without {}", width.name(), missing.join(", "));
            continue;
        }
        for registers in [usize::MAX, 5] {
            let options = WideOptions { width: Some(width), registers, ..WideOptions::default() };
            match WideKernel::compile(&lowered.plan, &options) {
                Ok(kernel) => kernels
                    .push((format!("{}, {registers} registers", width.name()), Box::new(kernel))),
                // Cranelift takes what is too large.
                Err(CpuError::PlanTooLong { .. } | CpuError::FrameTooLarge { .. }) => {}
                Err(error) => panic!("{}\n{options:?}: {error}", lowered.canonical.text()),
            }
        }
    }
    kernels
}

#[cfg(not(target_arch = "x86_64"))]
fn wide_kernels(_: &LoweredRule) -> Vec<Named> {
    println!("SKIPPED: wide vectors, which x86-64 has");
    Vec::new()
}

/// One kernel's memory.
#[derive(Debug, Clone)]
struct Arrays {
    parameters: Vec<f32>,
    states: Vec<Vec<f32>>,
}

/// `None` if the rule refuses its first step.
fn check_length(
    lowered: &LoweredRule,
    kernels: &[Named],
    length: usize,
    first_element: u64,
    seed: u64,
) -> Option<Agreement> {
    let defaults: Vec<f64> = lowered.canonical.rule.parameters.iter().map(|p| p.default).collect();
    let starts =
        lowered.scalars.initial_states(&lowered.canonical, &inputs(&defaults, 0, &[])).ok()?;
    let mut uniform: Vec<f64> =
        lowered.scalars.uniform_states().iter().map(|state| starts[state.index()]).collect();
    let offset = seed.wrapping_mul(1_000_003).wrapping_add(length as u64 * 61);
    let start = Arrays {
        parameters: (0..length).map(|i| parameter(offset, i)).collect(),
        states: lowered
            .slots
            .iter()
            .map(|slot| vec![starts[slot.index()] as f32; length])
            .collect(),
    };
    let mut arrays = vec![start; kernels.len()];
    let mut agreement = Agreement::default();
    for step in STEPS {
        let scalars =
            match lowered.scalars.step(&lowered.canonical, &inputs(&defaults, step, &uniform)) {
                Ok(scalars) => scalars,
                Err(ScalarError::Decay { .. }) if step == 0 => return None,
                Err(ScalarError::Decay { .. }) => break,
                Err(error) => panic!("{}\n{error}", lowered.canonical.text()),
            };
        let gradients: Vec<f32> = (0..length).map(|i| gradient(offset, step, i)).collect();
        let uniforms = Uniforms { scalars: &scalars.scalars, key: key(SEED, 3), step: step as u32 };
        for ((_, kernel), arrays) in kernels.iter().zip(&mut arrays) {
            move_arrays(&**kernel, arrays, &gradients, first_element, uniforms);
        }
        compare(lowered, kernels, &arrays, step);
        let (others, wanted) = (kernels.len() as u64 - 1, &arrays[0].parameters);
        agreement.arrays += others;
        agreement.elements += others * length as u64;
        agreement.numbers += others * wanted.iter().filter(|w| !w.is_nan()).count() as u64;
        uniform = scalars.states;
    }
    Some(agreement)
}

pub(crate) fn inputs<'a>(parameters: &'a [f64], step: u64, states: &'a [f64]) -> StepInputs<'a> {
    let (total_steps, learning_rate, seed) = (Some(10), 0.05, SEED);
    let guard = GradientGuard { scale: 0.75, limit: 1e20 };
    StepInputs {
        step,
        total_steps,
        learning_rate,
        parameters,
        seed,
        states,
        guard,
        weight_decay: 0.01,
    }
}

/// Parameters and first gradients of the leading elements are all pairs of special values.
pub(crate) fn parameter(offset: u64, element: usize) -> f32 {
    let place = element + offset as usize % 7;
    if place < SPECIAL.len() * SPECIAL.len() {
        SPECIAL[place / SPECIAL.len()]
    } else {
        hard_float(offset.wrapping_add(element as u64))
    }
}

pub(crate) fn gradient(offset: u64, step: u64, element: usize) -> f32 {
    let place = element + offset as usize % 7;
    if step == 0 && place < SPECIAL.len() * SPECIAL.len() {
        SPECIAL[place % SPECIAL.len()]
    } else {
        hard_float(offset ^ (step << 40) ^ ((element as u64) << 20))
    }
}

fn move_arrays(
    kernel: &dyn Kernel,
    arrays: &mut Arrays,
    gradients: &[f32],
    first_element: u64,
    uniforms: Uniforms<'_>,
) {
    let mut states: Vec<&mut [f32]> = arrays.states.iter_mut().map(Vec::as_mut_slice).collect();
    let mut elements = Elements {
        parameters: (&mut arrays.parameters).into(),
        gradients: gradients.into(),
        states: &mut states,
        first_element,
    };
    kernel.run(&mut elements, uniforms).unwrap();
}

fn compare(lowered: &LoweredRule, kernels: &[Named], arrays: &[Arrays], step: u64) {
    let wanted = &arrays[0];
    for ((name, _), found) in kernels.iter().zip(arrays).skip(1) {
        let what = |array: &str| {
            let text = lowered.canonical.text();
            format!("{text}\n{name}, {} elements, step {step}, {array}", wanted.parameters.len())
        };
        assert_same_bits(&found.parameters, &wanted.parameters, || what("w"));
        for (slot, (found, wanted)) in found.states.iter().zip(&wanted.states).enumerate() {
            assert_same_bits(found, wanted, || what(&format!("state {slot}")));
        }
    }
}

/// A whole optimizer gives the same bits on both back ends with one thread and with two. The lengths
/// should come to more than the runtime hands to one thread.
pub fn check_threads(rule: &Rule, lengths: &[usize], steps: u64, interpreter: bool) {
    let run = |backend, threads| {
        let settings = Settings {
            threads: Some(threads),
            total_steps: Some(steps.max(1)),
            seed: Some(SEED),
            ..Settings::default()
        };
        let mut run = Run::of(rule, backend, lengths, settings);
        for _ in 0..steps {
            run.step(0.05).unwrap();
        }
        run
    };
    let wanted = run(Backend::Cranelift, 1);
    let mut others = vec![run(Backend::Cranelift, 2)];
    if interpreter {
        others.push(run(Backend::Interpreter, 1));
        others.push(run(Backend::Interpreter, 2));
    }
    for found in others {
        found.assert_same_as(&wanted, &rule.name);
    }
}
