//! CUDA source: what it looks like, and what it computes when the host's C++ compiler makes a program of it.

use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::cuda::{CudaSource, source};
use nosc_kernels::{DecayKind, Edges, ElementType, LoweredRule, Rounding};
use nosc_runtime::library;
use nosc_tests::cuda::{Comparison, Job, Launch, Place, Program, Sanitizer, cpp_compiler};
use nosc_tests::{FEW_VALUES, cases, generated, lowered, rule};

/// The first two steps, and one whose number does not fit 32 bits.
const STEPS: [u64; 3] = [0, 1, (1 << 32) + 5];

pub(super) fn of(name: &str, edges: Edges) -> LoweredRule {
    let rule = CanonicalRule::new(&library::rule(name).unwrap());
    LoweredRule::with_edges(rule, edges).unwrap()
}

pub(super) fn plain(name: &str) -> LoweredRule {
    of(name, Edges::default())
}

pub(super) fn types(parameter: ElementType, gradient: ElementType) -> Edges {
    Edges { parameter, gradient, ..Edges::default() }
}

/// The standard rules, those of few values, and generated ones.
fn all_rules() -> Vec<LoweredRule> {
    let mut rules: Vec<LoweredRule> = library::rules().iter().map(lowered).collect();
    rules.extend(FEW_VALUES.map(|text| lowered(&rule(text))));
    rules.extend((0..cases(200)).map(|seed| lowered(&generated(seed).1)));
    rules
}

/// All pairs of types, with both ways of rounding, guarded or not, with each kind of weight decay.
pub(super) fn all_types() -> Vec<LoweredRule> {
    let mut rules = Vec::new();
    for (number, parameter) in ElementType::ALL.into_iter().enumerate() {
        for (other, gradient) in ElementType::ALL.into_iter().enumerate() {
            let guarded = (number + other) % 2 == 1;
            let kinds = [DecayKind::None, DecayKind::L2, DecayKind::Decoupled];
            for (place, rounding) in
                [Rounding::Nearest, Rounding::Stochastic].into_iter().enumerate()
            {
                let weight_decay = kinds[(number + 2 * other + place) % 3];
                let edges = Edges { parameter, gradient, rounding, guarded, weight_decay };
                rules.push(of("adam_rule", edges));
                rules.push(of("t6_01", edges));
            }
        }
    }
    rules
}

/// Lengths from 0 on and some others, in one launch: tensors that start anywhere, off any vector's alignment too.
fn places(lengths: impl IntoIterator<Item = usize>, salt: u64) -> Vec<Place> {
    let place = |(number, length): (usize, usize)| {
        let first_element = [0, 4 * salt, (1 << 34) - 32, (1 << 35) + 4][number % 4];
        let skipped = [0, 0, 0, 1, 2][(number + salt as usize) % 5];
        Place { length, first_element, id: 3 + 7 * number as u32, skipped }
    };
    lengths.into_iter().enumerate().map(place).collect()
}

/// Chunks, blocks and threads of many sizes.
fn launch(salt: u64) -> Launch {
    let at = salt as usize;
    Launch {
        chunk_elements: [4096, 64, 4, 1 << 30, 32_768][at % 5],
        blocks: [None, Some(3), Some(1), Some(10_000)][at % 4],
        threads: [256, 32, 1][at % 3],
    }
}

pub(super) fn job(
    lowered: &LoweredRule,
    salt: u64,
    lengths: impl IntoIterator<Item = usize>,
) -> Job<'_> {
    let (places, launch) = (places(lengths, salt), launch(salt));
    Job { lowered, places, launch, steps: STEPS.to_vec(), salt, wrong_step: false }
}

fn report(what: &str, program: &Program, found: &Comparison) {
    let Comparison { launches, elements, numbers, differing, .. } = found;
    println!(
        "{what}: {} kernels, {launches} launches, {elements} elements agree, {numbers} of them numbers",
        program.kernels()
    );
    assert_eq!(*differing, 0, "{}", found.first.clone().unwrap_or_default());
    assert!(numbers * 4 > *elements, "{found:?}");
}

fn build(rules: &[LoweredRule], sanitizer: Sanitizer) -> Option<(tempfile::TempDir, Program)> {
    let compiler = cpp_compiler()?;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::build(folder.path(), &compiler, rules, sanitizer, &[])?;
    Some((folder, program))
}

#[test]
fn sources_of_all_rules_return_the_bits_of_the_interpreter() {
    let rules = all_rules();
    let Some((_folder, program)) = build(&rules, Sanitizer::None) else { return };
    let standard = library::rules().len();
    let jobs = (0..).zip(&rules).map(|(salt, rule)| {
        let long: &[usize] = if salt < standard as u64 { &[4_099, 65_537] } else { &[131] };
        job(rule, salt, (0..=67).chain(long.iter().copied()))
    });
    report("rules", &program, &program.run(&jobs.collect::<Vec<Job<'_>>>()));
}

#[test]
fn sources_for_all_element_types_return_the_bits_of_the_interpreter() {
    let rules = all_types();
    let Some((_folder, program)) = build(&rules, Sanitizer::None) else { return };
    let jobs = (0..).zip(&rules).map(|(salt, rule)| job(rule, salt, (0..=67).chain([1_027])));
    report("element types", &program, &program.run(&jobs.collect::<Vec<Job<'_>>>()));
}

#[test]
fn sources_touch_nothing_but_their_arrays() {
    let names = ["sgd", "adam_rule", "powersign", "t6_01", "t6_17", "adamw"];
    let mut rules: Vec<LoweredRule> = names.into_iter().map(plain).collect();
    for parameter in [ElementType::F64, ElementType::F16, ElementType::Bf16] {
        rules.push(of("t6_01", types(parameter, parameter)));
    }
    rules.extend((0..20).map(|seed| lowered(&generated(seed).1)));
    let Some((_folder, program)) = build(&rules, Sanitizer::AddressUndefined) else { return };
    let lengths = || (0..=67).chain([4_099, 65_537]);
    let mut jobs: Vec<Job<'_>> =
        (0..).zip(&rules[..names.len()]).map(|(salt, rule)| job(rule, salt, lengths())).collect();
    let others = (50..).zip(&rules[names.len()..]);
    jobs.extend(others.map(|(salt, rule)| job(rule, salt, 0..=67)));
    report("under sanitizers", &program, &program.run(&jobs));
}

/// Where a fault made no difference, agreement would say nothing.
#[test]
fn faults_make_a_difference() {
    let rules = [plain("t6_01")];
    let Some(compiler) = cpp_compiler() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fault = ["-DNOSC_TWO_ROUNDINGS"];
    let program =
        Program::build(folder.path(), &compiler, &rules, Sanitizer::None, &fault).unwrap();
    let found = program.run(&[job(&rules[0], 0, [4_099])]);
    assert!(found.differing > 0, "unfused multiply-adds are not noticed");
    let program = Program::build(folder.path(), &compiler, &rules, Sanitizer::None, &[]).unwrap();
    let right = job(&rules[0], 0, [4_099]);
    assert_eq!(program.run(std::slice::from_ref(&right)).differing, 0);
    let wrong = program.run(&[Job { wrong_step: true, ..right }]);
    assert!(wrong.differing > 4_000, "a wrong step is not noticed: {wrong:?}");
}

#[test]
fn sources_look_as_before() {
    let edges = types(ElementType::Bf16, ElementType::Bf16);
    let rules = [
        ("sgd", plain("sgd")),
        ("adam_rule", plain("adam_rule")),
        ("powersign", plain("powersign")),
        ("t6_17_drop", plain("t6_17")),
        ("t6_01_noise", plain("t6_01")),
        ("adam_rule_bf16", of("adam_rule", edges)),
        ("sgd_f64", of("sgd", types(ElementType::F64, ElementType::F64))),
    ];
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        for (name, rule) in rules {
            insta::assert_snapshot!(format!("cuda_{name}"), source(&rule).text);
        }
    });
}

/// What the sources of all standard rules are, by their hashes: a change of any of them is seen.
#[test]
fn sources_of_all_standard_rules_are_as_before() {
    let mut list = String::new();
    for rule in library::rules() {
        let CudaSource { symbol, text, .. } = source(&plain(&rule.name));
        let hash = blake3::hash(text.as_bytes()).to_hex();
        list += &format!("{} {symbol} {} {hash}\n", rule.name, text.lines().count());
    }
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("cuda_all_sources", list);
    });
}

/// Names and comments of a rule's text are for people; a kernel's text is a function of its key and edges.
#[test]
fn the_text_of_a_rule_does_not_reach_the_source() {
    let text =
        "rule evil {\n # */ #include\n param abacus = 2\n let zebra = abacus*g\n update = zebra\n}";
    let CudaSource { symbol, text, .. } = source(&lowered(&rule(text)));
    for word in ["evil", "#include", "abacus", "zebra"] {
        assert!(!text.contains(word), "{text}");
    }
    let same = source(&lowered(&rule("{ param abacus = 2; update = abacus*g }")));
    assert_eq!((symbol, text), (same.symbol, same.text));
}

/// Kernels are told apart by all that makes them.
#[test]
fn kernels_are_named_for_key_and_edges() {
    let mut rules = all_types();
    rules.extend([plain("sgd"), plain("adam_rule")]);
    let mut symbols: Vec<String> = rules.iter().map(|rule| source(rule).symbol).collect();
    let texts: std::collections::BTreeSet<String> =
        rules.iter().map(|rule| source(rule).text).collect();
    symbols.sort();
    symbols.dedup();
    assert_eq!(symbols.len(), texts.len());
    let sgd = plain("sgd");
    assert_eq!(source(&sgd).symbol, format!("nosc_{}_f32_f32", sgd.canonical.key));
}
