//! Rules on the device beside the interpreter, bit for bit: all lengths, alignments and element types.

use nosc_compiler::canonical::CanonicalRule;
use nosc_kernels::cuda::abi::LAUNCH_CHUNK_ELEMENTS;
use nosc_kernels::cuda::{CudaError, CudaKernel, Device};
use nosc_kernels::{DecayKind, Edges, ElementType, LoweredRule, Rounding};
use nosc_runtime::library;
use nosc_tests::cuda::{Job, Launch, Place, compare_on_device};
use nosc_tests::{lowered, rule};

use crate::{Found, Scope};

/// Rules that have all that kernels do: states, draws of both kinds, functions, none of these.
pub(crate) const FEW: [&str; 5] = ["sgd", "adam_rule", "powersign", "t6_17", "t6_01"];

/// The standard rules, of parameters and gradients of f32.
pub(crate) fn standard(scope: Scope) -> Found {
    let rules: Vec<LoweredRule> = if scope.small {
        ["sgd", "powersign", "t6_17"]
            .iter()
            .filter_map(|n| library::rule(n))
            .map(|r| lowered(&r))
            .collect()
    } else {
        library::rules().iter().map(lowered).collect()
    };
    compare(scope, &rules, CudaKernel::load)
}

/// Generated rules: anything that the language has.
pub(crate) fn generated(scope: Scope) -> Found {
    let count = scope.generated.unwrap_or(200);
    if count == 0 {
        return Found::Skipped("--generated 0".to_owned());
    }
    let rules: Vec<LoweredRule> =
        (0..count).map(|seed| lowered(&nosc_tests::generated(seed).1)).collect();
    compare(scope, &rules, CudaKernel::load)
}

/// All pairs of element types, with both roundings, with a guard and without.
pub(crate) fn types(scope: Scope) -> Found {
    let names: &[&str] =
        if scope.small { &["adam_rule"] } else { &["adam_rule", "t6_17", "powersign"] };
    let mut rules = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let canonical = CanonicalRule::new(&nosc_tests::library(name));
        for pair in (0..16).filter(|pair| !scope.small || pair % 5 == 0) {
            // Nearest and guarded, stochastic, stochastic and guarded; in another order for each pair.
            let form = if scope.small { 1 } else { (number + pair) % 3 };
            let edges = Edges {
                parameter: ElementType::ALL[pair / 4],
                gradient: ElementType::ALL[pair % 4],
                rounding: if form == 0 { Rounding::Nearest } else { Rounding::Stochastic },
                guarded: form != 1,
                weight_decay: [DecayKind::None, DecayKind::L2, DecayKind::Decoupled][pair % 3],
            };
            rules.push(LoweredRule::with_edges(canonical.clone(), edges.normal()).unwrap());
        }
    }
    compare(scope, &rules, CudaKernel::load)
}

/// Carries all rules out with kernels that `load` makes.
pub(crate) fn compare(
    scope: Scope,
    rules: &[LoweredRule],
    load: impl Fn(&Device, &LoweredRule) -> Result<CudaKernel, CudaError> + Sync,
) -> Found {
    let device = Device::open(0).unwrap();
    let places = places(scope);
    let job = |(number, lowered): (usize, _)| Job {
        lowered,
        places: places.clone(),
        // Small chunks too: a tensor has many of them then.
        launch: Launch {
            chunk_elements: if number.is_multiple_of(3) { 1028 } else { LAUNCH_CHUNK_ELEMENTS },
            blocks: None,
            threads: 256,
        },
        steps: vec![0, 1, (1 << 32) + 5],
        salt: number as u64,
        wrong_step: false,
    };
    let jobs: Vec<Job<'_>> = rules.iter().enumerate().map(job).collect();
    let (comparison, refused) = compare_on_device(&device, &jobs, |lowered| load(&device, lowered));
    if let Some(first) = &comparison.first {
        panic!("{} of {} elements: {first}", comparison.differing, comparison.elements);
    }
    assert!(comparison.numbers > 0, "nothing was compared");
    // The comparison has to see what is wrong.
    wrong_numbers_are_seen(&device, &places);
    Found::Counted(format!(
        "{} rules ({refused} refuse their first step), {} launches, {} elements, {} of them numbers",
        rules.len(),
        comparison.launches,
        comparison.elements,
        comparison.numbers
    ))
}

fn wrong_numbers_are_seen(device: &Device, places: &[Place]) {
    let lowered = lowered(&rule("drop(g, 0.3)"));
    let job = Job {
        lowered: &lowered,
        places: places.to_vec(),
        launch: Launch { chunk_elements: LAUNCH_CHUNK_ELEMENTS, blocks: None, threads: 256 },
        steps: vec![0],
        salt: 0,
        wrong_step: true,
    };
    let (comparison, _) =
        compare_on_device(device, &[job], |lowered| CudaKernel::load(device, lowered));
    assert!(comparison.differing > 100, "a wrong step number was not seen");
}

/// All lengths up to 67 and two long ones, at multiples of 16 bytes and elsewhere; whole tensors and parts.
fn places(scope: Scope) -> Vec<Place> {
    let long: &[usize] = if scope.small { &[1_100] } else { &[4_099, 65_537] };
    let lengths =
        (0..=67).filter(|length| !scope.small || length % 9 < 2).chain(long.iter().copied());
    let each = lengths.flat_map(|length| [(length, 0), (length, 1 + length as u32 % 3)]);
    let place = |(id, (length, skipped)): (u32, (usize, u32))| Place {
        length,
        first_element: [0, 8, 1 << 34][id as usize % 3],
        id: 3 * id + 1,
        skipped,
    };
    (0..).zip(each).map(place).collect()
}
