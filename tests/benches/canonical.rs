//! Times keys beside equality saturation with `egg` by the same laws.
//!
//! ```text
//! cargo bench -p nosc-tests --bench canonical -- [GROUPS] [RULES] [all|used|sums]     defaults 4, 2000, used
//! ```
//!
//! `all` are random rules, of which most have groups that do not count; `used` are those of which every group
//! counts; of `sums` every function of two arguments is `add`, `sub` or `mul`, too.
//!
//! Prints the median and the mean time of a rule: with a workspace that has seen other rules, with a new one for each
//! batch of 100, and of egg, to saturation or its limits (10 rounds, 10,000 terms). egg takes a part of the rules.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]

use std::hint::black_box;
use std::time::Instant;

use nosc_compiler::arbitrary::token_text_from_seed;
use nosc_compiler::canonical::{Canonicalizer, Level};
use nosc_tests::egg_laws::{Limits, laws, saturate, term};

const BATCH: usize = 100;
const LIMITS: Limits = Limits { rounds: 10, terms: 10_000, seconds: 10 };

/// The least that nosc is faster by.
const BAR: f64 = 100.0;

fn main() {
    let arguments: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    // `cargo test` runs benches too, without arguments: one short pass shows that they work.
    let is_bench = std::env::args().any(|word| word == "--bench");
    let groups = arguments.first().copied().unwrap_or(4);
    let wanted = |words: &str| std::env::args().any(|word| word == words);
    let kind = ["all", "sums"].into_iter().find(|kind| wanted(kind)).unwrap_or("used");
    let rules = arguments.get(1).copied().unwrap_or(if is_bench { 2_000 } else { 200 });
    let texts: Vec<String> = random(kind, groups, 0).take(rules).collect();

    let mut workspace = Canonicalizer::new(Level::Real);
    let mut keyed = |text: &str| _ = black_box(workspace.key_of_tokens(text).unwrap());
    // The operands and functions that most rules share.
    for text in &texts {
        keyed(text);
    }
    let others: Vec<String> = random(kind, groups, 1 << 32).take(rules).collect();
    let warm = Times::of(others.iter().map(|text| seconds(|| keyed(text))));

    let batches = texts.chunks(BATCH).map(|batch| {
        let of_batch = seconds(|| {
            let mut workspace = Canonicalizer::new(Level::Real);
            for text in batch {
                black_box(workspace.key_of_tokens(text).unwrap());
            }
        });
        of_batch / batch.len() as f64
    });
    let cold = Times::of(batches);

    let laws = laws();
    let some = texts.iter().step_by((rules / if is_bench { 100 } else { 4 }).max(1));
    let egg = some.map(|text| {
        let term = term(text).unwrap();
        seconds(|| _ = black_box(saturate([&term], &laws, LIMITS)))
    });
    let egg = Times::of(egg);

    let heading = format!("{rules} rules of {groups} groups ({kind}), microseconds");
    println!("{heading:<45} {:>10} {:>10}", "median", "mean");
    for (name, times) in [
        ("nosc, warm workspace", warm),
        ("nosc, new workspace for 100", cold),
        ("egg, with the same laws", egg),
    ] {
        println!("{name:<45} {:>10.2} {:>10.2}", times.median * 1e6, times.mean * 1e6);
    }
    for (name, nosc) in [("warm", warm), ("new", cold)] {
        let (median, mean) = (egg.median / nosc.median, egg.mean / nosc.mean);
        println!("egg / nosc, {name:<33} {median:>10.0} {mean:>10.0}    bar {BAR:.0}");
    }
}

/// Of many rules.
#[derive(Debug, Clone, Copy)]
struct Times {
    median: f64,
    mean: f64,
}

impl Times {
    fn of(times: impl Iterator<Item = f64>) -> Times {
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        Times {
            median: times[times.len() / 2],
            mean: times.iter().sum::<f64>() / times.len() as f64,
        }
    }
}

/// Random rules of a kind.
fn random(kind: &str, groups: usize, seed: u64) -> impl Iterator<Item = String> {
    let (used, sums) = (kind != "all", kind == "sums");
    let texts = (seed..).map(move |seed| token_text_from_seed(seed, groups));
    let texts = texts.map(move |text| {
        if !sums {
            return text;
        }
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let simple = words.enumerate().map(|(place, word)| match (place % 5, word) {
            (4, "div" | "left") => "mul",
            (4, "pow") => "add",
            _ => word,
        });
        simple.collect::<Vec<_>>().join(" ")
    });
    texts.filter(move |text| !used || every_group_counts(text))
}

/// Whether the last group needs all the others, and none throws a side away.
fn every_group_counts(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let count = words.len() / 5;
    let is_used = |group: usize| {
        let name = format!("%{group}");
        group + 1 == count || words.contains(&name.as_str())
    };
    (0..count).all(|group| words[5 * group + 4] != "left" && is_used(group))
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
