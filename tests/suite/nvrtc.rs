//! What NVRTC makes of kernels, where it is installed: no GPU and no driver is needed for that.

use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::cuda::{Architecture, CudaError, Image, Nvrtc, source};
use nosc_kernels::plan::{Array, Instruction};
use nosc_kernels::{Edges, ElementType, LoweredRule, Rounding};
use nosc_runtime::library;
use nosc_tests::cuda::nvrtc;
use nosc_tests::sass::vector_loop;

const ARCHITECTURES: [Architecture; 5] = [
    Architecture::new(9, 0),
    Architecture::new(7, 5),
    Architecture::new(8, 0),
    Architecture::new(10, 0),
    Architecture::new(12, 0),
];

fn lowered(name: &str, edges: Edges) -> LoweredRule {
    let rule = library::rule(name).unwrap();
    LoweredRule::with_edges(CanonicalRule::new(&rule), edges).unwrap()
}

fn compiled(nvrtc: &Nvrtc, lowered: &LoweredRule, architecture: Architecture) -> Image {
    nvrtc.compile(&source(lowered), architecture).unwrap()
}

/// Registers decide how many threads run at once, and accesses of 16 bytes how fast memory is.
fn check_resources(name: &str, lowered: &LoweredRule, image: &Image) {
    let (found, at) = (&image.resources, image.architecture);
    let nothing = (found.stack_bytes, found.spill_store_bytes, found.spill_load_bytes);
    assert_eq!(nothing, (0, 0, 0), "{name} for {at}: {found:?}");
    assert_eq!(found.other_accesses, 0, "{name} for {at}: {found:?}");
    // 64 of each thread leave room for four blocks of 256 threads at once; f64 takes two for a number.
    let is_plain = lowered.edges == Edges::default() && at == Architecture::new(9, 0);
    let most = if is_plain { 64 } else { 96 };
    assert!((1..=most).contains(&found.registers), "{name} for {at}: {found:?}");
    assert!(!image.ptx.contains(".approx") && !image.ptx.contains(".ftz"), "{name} for {at}");
    assert!(image.cubin.starts_with(b"\x7fELF"), "{name} for {at}");
    // Vectors of four: states, and parameters and gradients by their size.
    let states = u32::from(lowered.plan.states);
    let (parameter, gradient) = (lowered.plan.parameter, lowered.plan.gradient);
    let width = |of: ElementType| match of.bytes() {
        8 => (16, 2),
        4 => (16, 1),
        _ => (8, 1),
    };
    let mut stores = std::collections::BTreeMap::new();
    for (bytes, count) in [width(parameter), (16, states)] {
        *stores.entry(bytes).or_insert(0) += count;
    }
    for (bytes, count) in stores.into_iter().filter(|(_, count)| *count > 0) {
        let found = found.stores.get(&bytes).copied().unwrap_or(0);
        assert!(found >= count, "{name} for {at}: {found} stores of {bytes} bytes, not {count}");
    }
    if lowered.plan.instructions.contains(&Instruction::Load(Array::Gradient)) {
        let (bytes, count) = width(gradient);
        assert!(image.resources.loads.get(&bytes).copied().unwrap_or(0) >= count, "{name}");
    }
}

#[test]
fn kernels_of_all_standard_rules_need_few_registers_and_access_vectors() {
    let Some(nvrtc) = nvrtc() else { return };
    let mut most = [0; ARCHITECTURES.len()];
    for (number, rule) in library::rules().iter().enumerate() {
        let lowered = LoweredRule::new(CanonicalRule::new(rule)).unwrap();
        // All for the first, the others in turn: each takes some 70 ms.
        for at in [0, 1 + number % (ARCHITECTURES.len() - 1)] {
            if !nvrtc.architectures().contains(&ARCHITECTURES[at]) {
                continue;
            }
            let image = compiled(&nvrtc, &lowered, ARCHITECTURES[at]);
            check_resources(&rule.name, &lowered, &image);
            most[at] = most[at].max(image.resources.registers);
        }
    }
    println!("most registers: {most:?} for {ARCHITECTURES:?}");
}

/// No header is there for any of them: cases C7 and C8.
#[test]
fn kernels_for_all_element_types_access_vectors() {
    let Some(nvrtc) = nvrtc() else { return };
    let stochastic = [ElementType::F16, ElementType::Bf16].map(|of| (of, Rounding::Stochastic));
    let nearest = ElementType::ALL.map(|of| (of, Rounding::Nearest));
    for (number, (parameter, rounding)) in nearest.into_iter().chain(stochastic).enumerate() {
        let gradient = ElementType::ALL[(number + 1) % 4];
        let edges =
            Edges { parameter, gradient, rounding, guarded: number % 2 == 0, ..Edges::default() };
        let lowered = lowered(["adam_rule", "t6_01", "powersign"][number % 3], edges);
        let image = compiled(&nvrtc, &lowered, ARCHITECTURES[0]);
        check_resources(&format!("{edges:?}"), &lowered, &image);
    }
}

#[test]
fn machine_code_accesses_vectors_of_global_memory_alone() {
    let Some(nvrtc) = nvrtc() else { return };
    for (name, most) in [("sgd", 20.0), ("powersign", 55.0), ("t6_17", 100.0), ("t6_01", 120.0)] {
        let lowered = lowered(name, Edges::default());
        let image = compiled(&nvrtc, &lowered, ARCHITECTURES[0]);
        let sass = match image.disassembly() {
            Ok(sass) => sass,
            Err(error @ CudaError::NoTool { .. }) => {
                println!("SKIPPED: {error}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let count = |opcode: &str| sass.lines().filter(|line| line.contains(opcode)).count();
        let states = usize::from(lowered.plan.states);
        assert!(count(" LDG.E.128") >= 2 + states, "{name}: {sass}");
        assert!(count(" STG.E.128") > states, "{name}: {sass}");
        for refused in [" LDL", " STL", " LD.E", " ST.E", "MUFU.EX2", "MUFU.LG2"] {
            assert_eq!(count(refused), 0, "{name} has {refused}: {sass}");
        }
        let path =
            vector_loop(&sass).unwrap_or_else(|| panic!("{name} has no vector loop: {sass}"));
        let each = path as f64 / 4.0;
        println!("{name}: {each} instructions an element in the vector loop on sm_90");
        assert!((5.0..=most).contains(&each), "{name}: {each} instructions an element");
    }
}

#[test]
fn architectures_that_are_not_there_are_named() {
    let Some(nvrtc) = nvrtc() else { return };
    let source = source(&lowered("sgd", Edges::default()));
    for number in [10, 999] {
        let error =
            nvrtc.compile(&source, Architecture::new(number / 10, number % 10)).unwrap_err();
        let text = error.to_string();
        for known in nvrtc.architectures() {
            assert!(text.contains(&known.to_string()), "{text}");
        }
        assert!(error.help().is_some() && !error.is_missing_hardware(), "{text}");
    }
}

/// What a compiler says reaches whoever asked, and nothing of it stays.
#[test]
fn errors_of_the_compiler_are_told() {
    let Some(nvrtc) = nvrtc() else { return };
    let at = ARCHITECTURES[0];
    for text in ["int x = y;", "", "\u{1F680}", "#error stop", "extern \"C\" __global__ void k() {"]
    {
        match nvrtc.compile_text(text, at, &[]) {
            Ok(image) => assert_eq!(text, "", "{}", image.ptx),
            Err(CudaError::Compile { log }) => assert!(log.contains("error"), "{log}"),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(matches!(nvrtc.compile_text("a\0b", at, &[]), Err(CudaError::Call(_))));
    let unknown = nvrtc.compile_text("", at, &["--no-such-option"]).unwrap_err();
    assert!(unknown.to_string().contains("no-such-option"), "{unknown}");
}

/// Many compilations keep nothing, those that fail too: case C16.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_compilations() {
    let Some(nvrtc) = nvrtc() else { return };
    let resident = || -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let rounds = |count: usize| {
        for number in 0..count {
            let good = format!("extern \"C\" __global__ void k(float *p) {{ *p = {number}; }}");
            nvrtc.compile_text(&good, ARCHITECTURES[0], &[]).unwrap();
            nvrtc.compile_text("int x = y;", ARCHITECTURES[0], &[]).unwrap_err();
        }
    };
    rounds(20);
    let before = resident();
    rounds(100);
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "200 compilations keep {grown} bytes");
}
