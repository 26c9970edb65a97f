//! What NVRTC makes of kernels, carried out by the PTX interpreter: the bits of the plan's interpreter, and nothing
//! else that could differ on a device.
//!
//! With `NOSC_EXHAUSTIVE` set, all kernels on all architectures, longer tensors and more generated rules:
//! better in release.

use nosc_kernels::cuda::{Architecture, Nvrtc, abi, source};
use nosc_kernels::plan::{Array, Instruction};
use nosc_kernels::scalars::StepInputs;
use nosc_kernels::{ElementType, GradientGuard, LoweredRule};
use nosc_runtime::library;
use nosc_tests::cuda::{Job, nvrtc};
use nosc_tests::ptx::{
    AccessFault, Fault, Kernel, Launches, Machine, Memory, Mistake, Refusal, Rights,
};
use nosc_tests::{FEW_VALUES, cases, generated, lowered, rule, splitmix};
use rayon::prelude::*;

use super::cuda::{all_types, job as cuda_job, plain};

/// The first is for every kernel, the others in turn: NVRTC takes some 60 ms each time.
const ARCHITECTURES: [Architecture; 4] = [
    Architecture::new(9, 0),
    Architecture::new(7, 5),
    Architecture::new(8, 0),
    Architecture::new(10, 0),
];

fn all() -> bool {
    std::env::var_os("NOSC_EXHAUSTIVE").is_some()
}

/// Those that this NVRTC compiles for.
fn known(nvrtc: &Nvrtc, chosen: impl IntoIterator<Item = usize>) -> Vec<Architecture> {
    let chosen = chosen.into_iter().map(|at| ARCHITECTURES[at]);
    chosen.filter(|of| nvrtc.architectures().contains(of)).collect()
}

/// Architectures for the kernel of a number.
fn architectures(nvrtc: &Nvrtc, number: usize, every: &[usize]) -> Vec<Architecture> {
    if all() {
        return known(nvrtc, 0..ARCHITECTURES.len());
    }
    known(nvrtc, every.iter().copied().chain([number % 3 + 1]))
}

/// As for C++ programs, but for blocks and threads that find nothing to do: they take their time here.
fn job(lowered: &LoweredRule, salt: u64, lengths: impl IntoIterator<Item = usize>) -> Job<'_> {
    let mut job = cuda_job(lowered, salt, lengths);
    let launch = &mut job.launch;
    launch.blocks = launch.blocks.map(|blocks| blocks.min(200));
    launch.threads = launch.threads.min(launch.chunk_elements.saturating_mul(4));
    job
}

/// Lengths around those of vectors and blocks, and long ones; the longest for some kernels, as it takes a second.
fn lengths(number: u64, long: usize) -> Vec<usize> {
    let longest = if number < 100 || number.is_multiple_of(10) { vec![65_537] } else { vec![] };
    let longer = if all() { [vec![4_099], longest].concat() } else { vec![] };
    (0..=67).chain([long]).chain(longer).collect()
}

fn ptx(nvrtc: &Nvrtc, text: &str, architecture: Architecture, options: &[&str]) -> String {
    let image = nvrtc.compile_text(text, architecture, options);
    image.unwrap().ptx
}

/// What can be seen without carrying anything out. That nothing is approximate, generic or local, the
/// interpreter sees to: it knows no such instruction.
fn check_text(lowered: &LoweredRule, kernel: &Kernel, architecture: Architecture) {
    let text = lowered.canonical.text();
    assert_eq!(kernel.name(), source(lowered).symbol);
    assert_eq!(kernel.target(), architecture.to_string());
    // Sixteen bytes, or eight for elements of two; values that are stored twice come in pairs.
    let vectors = |start: &str, of: ElementType| {
        let ends: &[&str] = match of.bytes() {
            2 => &["v4.u16", "v4.b16"],
            _ => &["v4.f32", "v4.b32", "v2.f64", "v2.b64"],
        };
        kernel
            .count(|found| found.starts_with(start) && ends.iter().any(|end| found.ends_with(end)))
    };
    let plan = &lowered.plan;
    let wide = usize::from(plan.parameter.bytes() > 2);
    assert!(vectors("st.global.", plan.parameter) > 0, "{text}: no vector is stored");
    let states = plan.stores.len() - 1;
    let found = vectors("st.global.", ElementType::F32);
    assert!(found >= states + wide, "{text}: {found} vectors are stored, of {states} states");
    if plan.instructions.contains(&Instruction::Load(Array::Gradient)) {
        assert!(vectors("ld.global.", plan.gradient) > 0, "{text}: no gradients by vectors");
    }
    // Four elements, each with and without vectors.
    let written =
        plan.instructions.iter().filter(|i| matches!(i, Instruction::FusedMultiplyAdd(..)));
    let (written, found) = (written.count(), kernel.count(|found| found.starts_with("fma")));
    assert!(found <= 8 * written, "{text}: {found} fused multiply-adds, {written} in the plan");
}

/// Kernels of rules on some architectures, each with a job.
fn check<'a>(
    what: &str,
    nvrtc: &Nvrtc,
    rules: &'a [LoweredRule],
    every: &[usize],
    job: impl Fn(u64, &'a LoweredRule) -> Job<'a> + Sync,
) {
    let one = |(number, rule): (usize, &'a LoweredRule)| {
        let mut launches = Launches::default();
        let job = job(number as u64, rule);
        for architecture in architectures(nvrtc, number, every) {
            let kernel = Kernel::parsed(&ptx(nvrtc, &source(rule).text, architecture, &[]));
            check_text(rule, &kernel, architecture);
            let result = launches.run(&kernel, &job);
            let text = rule.canonical.text();
            assert!(result.is_ok(), "{text}\n{:?} {architecture}: {result:?}", rule.edges);
        }
        launches
    };
    let mut total = Launches::default();
    rules
        .par_iter()
        .enumerate()
        .map(one)
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|l| total.add(l));
    let Launches { comparison: found, kernels, threads, instructions } = total;
    let ((major, minor), elements) = (nvrtc.version(), found.elements);
    println!(
        "{what}, NVRTC {major}.{minor}: {kernels} kernels, {} launches, {threads} threads, {instructions} \
         instructions, {elements} elements compared, {} of them numbers, {} differ",
        found.launches, found.numbers, found.differing
    );
    assert_eq!(found.differing, 0, "{}", found.first.unwrap_or_default());
    assert!(found.numbers * 4 > elements && elements > 0, "{elements} elements");
}

#[test]
fn kernels_of_all_rules_return_the_bits_of_the_interpreter() {
    let Some(nvrtc) = nvrtc() else { return };
    let mut rules: Vec<LoweredRule> = library::rules().iter().map(lowered).collect();
    rules.extend(FEW_VALUES.map(|text| lowered(&rule(text))));
    let generated_rules = cases(if all() { 2_000 } else { 40 });
    rules.extend((0..generated_rules).map(|seed| lowered(&generated(seed).1)));
    check("rules", &nvrtc, &rules, &[0], |salt, rule| job(rule, salt, lengths(salt, 1_027)));
}

#[test]
fn kernels_for_all_element_types_return_the_bits_of_the_interpreter() {
    let Some(nvrtc) = nvrtc() else { return };
    let rules = all_types();
    check("element types", &nvrtc, &rules, &[], |salt, rule| job(rule, salt, lengths(salt, 131)));
}

/// Intrinsics as operators, which a compiler may contract.
fn natural(text: &str) -> String {
    let define = |(name, operator)| format!("#define __f{name}_rn(a, b) ((a) {operator} (b))\n");
    [("add", '+'), ("sub", '-'), ("mul", '*')].map(define).concat() + text
}

/// Where a fault made no difference, agreement would say nothing.
#[test]
fn faults_make_a_difference() {
    let Some(nvrtc) = nvrtc() else { return };
    let rule = plain("t6_01");
    let right = job(&rule, 0, [4_099]);
    let text = source(&rule).text;
    let differing = |text: &str, options: &[&str], job: &Job<'_>| {
        let mut launches = Launches::default();
        launches.run(&Kernel::parsed(&ptx(&nvrtc, text, ARCHITECTURES[0], options)), job).unwrap();
        launches.comparison.differing
    };
    assert_eq!(differing(&text, &[], &right), 0);
    let wrong = Job { wrong_step: true, ..right.clone() };
    let found = differing(&text, &[], &wrong);
    println!("a wrong step: {found} elements differ");
    assert!(found > 4_000);
    // The intrinsics are safe whatever the flag; operators are not.
    assert_eq!(differing(&text, &["--fmad=true"], &right), 0);
    assert_eq!(differing(&natural(&text), &[], &right), 0);
    let found = differing(&natural(&text), &["--fmad=true"], &right);
    println!("contraction: {found} elements differ");
    assert!(found > 100);
}

/// Other instructions in the place of each that computes, one at a time.
#[test]
fn every_changed_instruction_is_noticed() {
    let Some(nvrtc) = nvrtc() else { return };
    let changes = [
        ("add.rn.f32", "sub.rn.f32"),
        ("sub.rn.f32", "add.rn.f32"),
        ("mul.rn.f32", "add.rn.f32"),
        ("div.rn.f32", "mul.rn.f32"),
        ("xor.b32", "or.b32"),
        ("mul.hi.u32", "mul.lo.u32"),
    ];
    for name in ["adam_rule", "powersign", "t6_17"] {
        let rule = plain(name);
        let text = ptx(&nvrtc, &source(&rule).text, ARCHITECTURES[0], &[]);
        let mut changed = Vec::new();
        for (from, to) in changes {
            let places = text.match_indices(from).map(|(place, _)| place);
            changed.extend(places.map(|at| text[..at].to_owned() + to + &text[at + from.len()..]));
        }
        let missed: Vec<&String> = changed
            .par_iter()
            .filter(|text| {
                let (mut launches, job) =
                    (Launches::default(), job(&rule, 5, (0..=67).chain([515])));
                launches.run(&Kernel::parsed(text), &job).unwrap();
                launches.comparison.differing == 0
            })
            .collect();
        println!("{name}: {} changed instructions, {} not noticed", changed.len(), missed.len());
        assert!(!changed.is_empty());
        assert!(missed.is_empty(), "{}", missed[0]);
    }
}

#[test]
fn accesses_beside_arrays_are_noticed() {
    let Some(nvrtc) = nvrtc() else { return };
    let rule = plain("adam_rule");
    let text = ptx(&nvrtc, &source(&rule).text, ARCHITECTURES[0], &[]);
    let fault = |access: &str, offset: &str, elements: usize| {
        let at = text.find(access).unwrap_or_else(|| panic!("no {access} in {text}"));
        let end = at + text[at..].find(']').unwrap();
        let changed = text[..end].to_owned() + offset + &text[end..];
        let result = Launches::default().run(&Kernel::parsed(&changed), &job(&rule, 0, [elements]));
        match result.unwrap_err().fault {
            Fault::Access { fault, .. } => fault,
            other => panic!("{other}"),
        }
    };
    for access in ["ld.global.v4.f32", "st.global.v4.f32"] {
        assert!(matches!(fault(access, "+16", 4), AccessFault::Outside(_)));
        assert!(matches!(fault(access, "+16", 64), AccessFault::TwoThreads(_)));
        assert!(matches!(fault(access, "+4", 4), AccessFault::Misaligned));
    }
    assert!(matches!(fault("ld.global.nc.u64", "+65536", 4), AccessFault::Outside(_)));
}

/// Each array counts where vectors are allowed.
#[test]
fn arrays_off_the_alignment_are_noticed() {
    let Some(nvrtc) = nvrtc() else { return };
    let rule = plain("adam_rule");
    let text = source(&rule).text;
    let line = text.lines().find(|line| line.contains("const bool aligned")).unwrap();
    assert_eq!(line.matches("(u64)").count(), 4, "{line}");
    for array in ["w", "g", "s0", "s1"] {
        let changed = text.replace(line, &line.replace(&format!("(u64){array}"), "0"));
        let kernel = Kernel::parsed(&ptx(&nvrtc, &changed, ARCHITECTURES[0], &[]));
        let error = Launches::default().run(&kernel, &job(&rule, 0, 0..=67)).unwrap_err();
        let misaligned =
            matches!(error.fault, Fault::Access { fault: AccessFault::Misaligned, .. });
        assert!(misaligned, "{array}: {error}");
    }
}

#[test]
fn fast_math_is_refused() {
    let Some(nvrtc) = nvrtc() else { return };
    for at in known(&nvrtc, 0..ARCHITECTURES.len()) {
        let text =
            ptx(&nvrtc, "extern \"C\" __global__ void k(float *p) { *p = __expf(*p); }", at, &[]);
        let found = Kernel::parse(&text).unwrap_err();
        assert!(
            matches!(found.mistake, Mistake::Refused { reason: Refusal::Approximates, .. }),
            "{found}"
        );
        let fast = ptx(&nvrtc, &source(&plain("adam_rule")).text, at, &["--ftz=true"]);
        let found = Kernel::parse(&fast).unwrap_err();
        assert!(
            matches!(found.mistake, Mistake::Refused { reason: Refusal::Flushes, .. }),
            "{found}"
        );
    }
}

/// A product whose rounding shows: contracted, it would be 4.8834085e-4 (SauersML/gam#1686), case C14.
#[test]
fn a_rounded_product_is_not_contracted() {
    let Some(nvrtc) = nvrtc() else { return };
    let lowered = lowered(&rule("{ param beta = 0\n update = g*ema(g, beta) - 1 }"));
    for at in known(&nvrtc, 0..ARCHITECTURES.len()) {
        let run = |text: &str, options| {
            let kernel = Kernel::parsed(&ptx(&nvrtc, text, at, options));
            five_elements(&lowered, &kernel, 1.0 + 2.0_f32.powi(-12), 0)
        };
        let text = source(&lowered).text;
        assert_eq!(run(&text, &[]), [-4.882_812_5e-4; 5], "{at}");
        assert_eq!(run(&text, &["--fmad=true"]), [-4.882_812_5e-4; 5], "{at}");
        assert_eq!(run(&natural(&text), &["--fmad=true"]), [-4.883_408_5e-4; 5], "{at}");
    }
}

/// Elements around 2^31 bytes, 2^31 and 2^32 elements, and far beyond: case C11.
#[test]
fn elements_beyond_32_bits_are_reached() {
    let Some(nvrtc) = nvrtc() else { return };
    let lowered = lowered(&rule("{ param beta = 0\n update = g + ema(g, beta) }"));
    for at in known(&nvrtc, 0..ARCHITECTURES.len()) {
        let kernel = Kernel::parsed(&ptx(&nvrtc, &source(&lowered).text, at, &[]));
        for chunks_before in [0, 1, 2, 3, 4, 5, 1_000] {
            let found = five_elements(&lowered, &kernel, 0.5, chunks_before);
            assert_eq!(found, [-1.0; 5], "{at}, {chunks_before} chunks");
        }
    }
}

/// Parameters that were 0, after a step with learning rate 1: a vector and one that is left.
///
/// They are the last ones of a tensor whose chunks before, of 2^30 elements each, are not there.
fn five_elements(
    lowered: &LoweredRule,
    kernel: &Kernel,
    gradient: f32,
    chunks_before: u32,
) -> [f32; 5] {
    const CHUNK: u64 = 1 << 30;
    let before = u64::from(chunks_before) * CHUNK;
    let inputs = StepInputs {
        step: 0,
        total_steps: None,
        learning_rate: 1.0,
        parameters: &[0.0],
        seed: 0,
        states: &[],
        guard: GradientGuard::default(),
        weight_decay: 0.0,
    };
    let scalars = lowered.scalars.step(&lowered.canonical, &inputs).unwrap().scalars;
    let mut memory = Memory::new();
    let bytes = |floats: &[f32]| floats.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let parameters = memory.add("parameters", bytes(&[0.0; 5]), Rights::Write, 0);
    let gradients = memory.add("gradients", bytes(&[gradient; 5]), Rights::Read, 0);
    let mut state = |_| {
        let state = memory.add("state", bytes(&[0.0; 5]), Rights::Write, 0);
        memory.address(state).wrapping_sub(4 * before)
    };
    let states: Vec<u64> = (0..lowered.plan.states).map(&mut state).collect();
    let (mut table, mut chunks) = (Vec::new(), Vec::new());
    // Where the tensor starts, as far as its kernel knows.
    let start = |array| memory.address(array).wrapping_sub(4 * before);
    let (parameter, gradient) = (start(parameters), start(gradients));
    let row = abi::Tensor {
        parameters: parameter,
        gradients: gradient,
        length: before + 5,
        first_element: 0,
        id: 0,
    };
    row.write(&states, &mut table);
    abi::Chunk { tensor: 0, number: chunks_before }.write(&mut chunks);
    let tables = [
        ("tensors", table),
        ("chunks", chunks),
        ("scalars", bytes(&scalars)),
        ("words", vec![0; 12]),
    ];
    let [table, chunks, scalars, words] = tables.map(|(name, bytes)| {
        let handle = memory.add(name, bytes, Rights::Read, 0);
        memory.address(handle)
    });
    let arguments = [table, chunks, 1, CHUNK, scalars, words];
    Machine::new(kernel).launch(&mut memory, 1, 32, &arguments).unwrap();
    let words = memory.bytes(parameters).chunks(4);
    let floats: Vec<f32> = words.map(|w| f32::from_le_bytes(w.try_into().unwrap())).collect();
    floats.try_into().unwrap()
}

/// Texts of NVRTC's that were cut off, or that lost a word: an error, or another kernel, and no panic.
#[test]
fn damaged_texts_of_nvrtc_are_errors_and_not_panics() {
    let Some(nvrtc) = nvrtc() else { return };
    let rule = plain("t6_17");
    for at in known(&nvrtc, [0, 3]) {
        let text = ptx(&nvrtc, &source(&rule).text, at, &[]);
        let words: Vec<&str> = text.split_inclusive([' ', '\n', ',', '\t']).collect();
        let job = job(&rule, 0, [9]);
        for seed in 0..cases(2_000) {
            let word = splitmix(seed);
            let changed = if seed % 2 == 0 {
                text[..word as usize % text.len()].to_owned()
            } else {
                let at = word as usize % words.len();
                let instead = words[(word >> 32) as usize % words.len()];
                [&words[..at], &[instead], &words[at + 1..]].concat().concat()
            };
            if let Ok(kernel) = Kernel::parse(&changed) {
                let _any = Launches::default().run(&kernel, &job);
            }
        }
    }
}
