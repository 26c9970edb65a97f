//! Exports in C: compiled by the host's C compiler, run as a process, and compared with the interpreter bit for bit.

use std::path::{Path, PathBuf};
use std::process::Command;

use nosc_compiler::Rule;
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::scalars::{ScalarError, StepInputs, key};
use nosc_kernels::{Backend, Edges, FloatVec, LoweredRule};
use nosc_runtime::{CompiledRule, export};

use crate::host_compiler::{command, finished, host_compiler, object_files};
use crate::numbers::{bits, typed, word};
use crate::parity::{gradient, inputs, parameter};

const DRIVER: &str = include_str!("driver.h");
/// Files that are compiled at the same time.
const PARTS: usize = 2;

/// An export, and what the interpreter needs to know of it.
#[derive(Debug)]
pub struct Exported {
    compiled: CompiledRule,
    lowered: LoweredRule,
}

impl Exported {
    /// A rule for arrays of some types. Its name becomes the one that is given, so that many stand in one program.
    pub fn new(rule: &Rule, name: &str, edges: Edges) -> Exported {
        let rule = Rule { name: name.to_owned(), ..rule.clone() };
        let compiled = CompiledRule::new(&rule, Backend::Interpreter).unwrap();
        let lowered = LoweredRule::with_edges(compiled.canonical().clone(), edges).unwrap();
        Exported { compiled, lowered }
    }

    fn text(&self) -> String {
        export::c(&self.compiled, self.lowered.edges).unwrap()
    }
}

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct CJob {
    /// Number of the export.
    pub rule: usize,
    /// Elements of the tensor.
    pub length: usize,
    /// Index of the first.
    pub first_element: u64,
    /// A fault: draws are made for another step.
    pub wrong_step: bool,
}

/// What was compared.
#[derive(Debug, Clone, Default)]
pub struct CComparison {
    /// Elements of parameters and states.
    pub elements: u64,
    /// Those that are not NaN, where agreement says more.
    pub numbers: u64,
    /// Those that differ.
    pub differing: u64,
    /// Step scalars.
    pub scalars: u64,
    /// Those that differ by a unit in the last place: C's functions are not nosc's.
    pub near: u64,
    /// Those that differ by more.
    pub far: u64,
    /// Where the first thing differs.
    pub first: Option<String>,
}

/// Numbers of the steps of a job: the first ones, and one that does not fit 32 bits.
const STEPS: [u64; 4] = [0, 1, 2, (1 << 32) + 5];
const SEED: u64 = 0xfeed_0123_4567_89ab;
const TENSOR: u32 = 11;

/// The host's C compiler: `$CC`, else `cc`. `None` if it does not run, which is said.
pub fn c_compiler() -> Option<String> {
    host_compiler("CC", "cc", "C compiler", "exports in C were not run")
}

/// Exports in one program.
#[derive(Debug)]
pub struct CProgram<'a> {
    folder: PathBuf,
    rules: &'a [Exported],
}

impl CProgram<'_> {
    /// Compiles exports in an empty folder; a warning is a failure.
    pub fn build<'a>(folder: &Path, compiler: &str, rules: &'a [Exported]) -> CProgram<'a> {
        let mut parts = vec![String::new(); PARTS];
        let (mut main, mut table) = ("#include <stdint.h>\n".to_owned(), String::new());
        let step = "void *w, const void *g, float *const *s, const float *c, const uint32_t *k, uint64_t f, uint64_t n";
        let start = "double, uint64_t, const double *, double *, float *";
        let scalars = "double, uint64_t, uint64_t, uint64_t, const double *, double *, float *";
        for (number, rule) in rules.iter().enumerate() {
            let name = format!("nosc_{}", rule.compiled.canonical().rule.name);
            let part = &mut parts[number % PARTS];
            *part += &rule.text();
            *part += &format!("void step{number}({step});\nvoid step{number}({step})\n");
            *part += &format!("{{\n    {name}(w, g, s, c, k, f, n);\n}}\n\n");
            main += &format!("void step{number}({step});\nvoid {name}_start({start});\n");
            main += &format!(
                "int {name}_scalars({scalars});\nextern const double {name}_defaults[];\n"
            );
            let program = &rule.lowered.scalars;
            table += &format!(
                "    {{{name}_start, {name}_scalars, step{number}, {name}_defaults, {}, {}, {}}},\n",
                rule.lowered.slots.len(),
                program.uniform_states().len(),
                program.outputs().len()
            );
        }
        let (types, rest) = DRIVER.split_once("} Rule;\n").unwrap();
        main += &format!("{types}}} Rule;\n\nstatic const Rule rules[] = {{\n{table}}};\n{rest}");
        let mut sources: Vec<(String, String)> =
            parts.into_iter().enumerate().map(|(at, text)| (format!("part{at}"), text)).collect();
        sources.push(("main".to_owned(), main));
        compile(folder, compiler, &sources);
        CProgram { folder: folder.to_owned(), rules }
    }

    /// Runs jobs and compares all that comes out. A rule that refuses its first step has no job.
    pub fn run(&self, jobs: &[CJob]) -> CComparison {
        let expected: Vec<Expected> =
            jobs.iter().filter_map(|job| Expected::of(job, &self.rules[job.rule])).collect();
        let mut input = (expected.len() as u32).to_le_bytes().to_vec();
        input.extend(expected.iter().flat_map(|job| &job.input));
        std::fs::write(self.folder.join("jobs"), input).unwrap();
        let mut command = Command::new(self.folder.join("program"));
        let done = command.current_dir(&self.folder).args(["jobs", "results"]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && said.is_empty(), "{}\n{said}", done.status);
        let results = std::fs::read(self.folder.join("results")).unwrap();
        let (mut comparison, mut rest) = (CComparison::default(), &results[..]);
        for job in &expected {
            for (place, wanted) in job.output.iter().enumerate() {
                let (found, after) = rest.split_at(wanted.bytes());
                rest = after;
                comparison.add(&job.text, place, wanted, found);
            }
        }
        assert!(rest.is_empty(), "{} bytes of results too many", rest.len());
        comparison
    }
}

/// A piece of a result.
enum Wanted {
    Scalars(Vec<f32>),
    Elements(FloatVec),
    Status,
}

impl Wanted {
    fn bytes(&self) -> usize {
        match self {
            Wanted::Scalars(list) => 4 * list.len(),
            Wanted::Elements(list) => list.to_le_bytes().len(),
            Wanted::Status => 4,
        }
    }
}

/// A job as the program reads it, and what should come out.
struct Expected {
    text: String,
    input: Vec<u8>,
    output: Vec<Wanted>,
}

impl Expected {
    fn of(job: &CJob, exported: &Exported) -> Option<Expected> {
        let lowered = &exported.lowered;
        let (rule, program, plan) = (&lowered.canonical, &lowered.scalars, &lowered.plan);
        let defaults: Vec<f64> = rule.rule.parameters.iter().map(|p| p.default).collect();
        let first_step = with_seed(inputs(&defaults, 0, &[]));
        let starts = program.initial_states(rule, &first_step).ok()?;
        let mut memory: Vec<f64> =
            program.uniform_states().iter().map(|state| starts[state.index()]).collect();
        let starts: Vec<f32> =
            lowered.slots.iter().map(|slot| starts[slot.index()] as f32).collect();
        let mut w = typed(plan.parameter, (0..job.length).map(|i| parameter(job.rule as u64, i)));
        let first = w.to_le_bytes();
        let mut states: Vec<Vec<f32>> = starts.iter().map(|s| vec![*s; job.length]).collect();
        let (mut input, mut output) = (Vec::new(), vec![Wanted::Scalars(starts)]);
        let interpreter = Interpreter::new(plan.clone());
        let mut count = 0_u32;
        for step in STEPS {
            let step_inputs = with_seed(inputs(&defaults, step, &memory));
            let scalars = match program.step(rule, &step_inputs) {
                Ok(scalars) => scalars,
                Err(ScalarError::Decay { .. }) => break,
                Err(error) => panic!("{}\n{error}", rule.text()),
            };
            let g = (0..job.length).map(|i| gradient(job.rule as u64, step, i));
            let g = typed(plan.gradient, g);
            input.extend(step.to_le_bytes());
            input.extend(memory.iter().flat_map(|value| value.to_le_bytes()));
            input.extend(scalars.scalars.iter().flat_map(|value| value.to_le_bytes()));
            input.extend(g.to_le_bytes());
            let mut slices: Vec<&mut [f32]> = states.iter_mut().map(Vec::as_mut_slice).collect();
            let mut elements = Elements {
                parameters: w.as_floats_mut(),
                gradients: g.as_floats(),
                states: &mut slices,
                first_element: job.first_element,
            };
            let key = key(SEED, TENSOR);
            let uniforms = Uniforms { scalars: &scalars.scalars, key, step: step as u32 };
            interpreter.run(&mut elements, uniforms).unwrap();
            output.extend([Wanted::Status, Wanted::Scalars(scalars.scalars)]);
            output.push(Wanted::Elements(w.clone()));
            output.extend(states.iter().cloned().map(|s| Wanted::Elements(FloatVec::F32(s))));
            memory = scalars.states;
            count += 1;
        }
        let sizes = [plan.parameter, plan.gradient].map(|of| of.bytes() as u32);
        let (length, wrong) = (job.length as u32, u32::from(job.wrong_step));
        let head = [job.rule as u32, length, sizes[0], sizes[1], count, TENSOR, wrong];
        let total = first_step.total_steps.unwrap_or_default();
        let mut all: Vec<u8> = head.iter().flat_map(|number| number.to_le_bytes()).collect();
        all.extend([job.first_element, SEED, total].iter().flat_map(|number| number.to_le_bytes()));
        all.extend(first_step.learning_rate.to_le_bytes());
        all.extend(first);
        all.extend(input);
        Some(Expected { text: rule.text(), input: all, output })
    }
}

fn with_seed(inputs: StepInputs<'_>) -> StepInputs<'_> {
    StepInputs { seed: SEED, ..inputs }
}

impl CComparison {
    fn add(&mut self, text: &str, place: usize, wanted: &Wanted, found: &[u8]) {
        let say = |first: &mut Option<String>, what: String| {
            first.get_or_insert(format!("{text}\npiece {place}: {what}"));
        };
        match wanted {
            Wanted::Status => {
                if found != [0; 4] {
                    self.differing += 1;
                    say(&mut self.first, format!("status {found:?}"));
                }
            }
            Wanted::Scalars(list) => {
                let found = FloatVec::from_le_bytes(nosc_kernels::ElementType::F32, found);
                for (wanted, found) in list.iter().zip(found.numbers()) {
                    let (wanted, found) = (bits(*wanted), bits(found as f32));
                    self.scalars += 1;
                    if wanted.abs_diff(found) > 1 {
                        self.far += 1;
                        say(&mut self.first, format!("scalar {found:08x}, expected {wanted:08x}"));
                    } else if wanted != found {
                        self.near += 1;
                    }
                }
            }
            Wanted::Elements(list) => {
                let found = FloatVec::from_le_bytes(list.element_type(), found);
                for (at, (wanted, found)) in list.numbers().zip(found.numbers()).enumerate() {
                    self.elements += 1;
                    self.numbers += u64::from(!wanted.is_nan());
                    if word(wanted) != word(found) {
                        self.differing += 1;
                        let what = format!("element {at} is {found:e}, expected {wanted:e}");
                        say(&mut self.first, what);
                    }
                }
            }
        }
    }
}

fn compile(folder: &Path, compiler: &str, sources: &[(String, String)]) {
    let flags =
        ["-std=c99", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-pedantic", "-Werror"];
    for (name, text) in sources {
        std::fs::write(folder.join(format!("{name}.c")), text).unwrap();
    }
    let names: Vec<String> = sources.iter().map(|(name, _)| format!("{name}.c")).collect();
    let objects = object_files(folder, compiler, &flags, &names);
    let mut link = command(folder, compiler, &[]);
    finished(&link.args(objects).args(["-o", "program", "-lm"]).output().unwrap());
}
