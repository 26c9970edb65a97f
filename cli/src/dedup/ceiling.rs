//! What everything but the keys costs: reading, telling lines apart, the set, and the threads.
//!
//! ```text
//! NOSC_LINES=1000000 cargo test --release -p nosc ceiling -- --nocapture
//! ```

use std::fmt::Write as _;
use std::time::Instant;

use clap::Parser;
use nosc_compiler::canonical::{Key, Level};
use nosc_compiler::dedup::ShardedDedup;
use nosc_compiler::{CompileErrors, Rule};

use crate::lines::{Keys, ListArguments, Progress, Source};

/// A hash of the text: rules are one only if they are written alike.
struct Plain;

impl Keys for Plain {
    fn of_tokens(&mut self, tokens: &str) -> Result<Key, CompileErrors> {
        let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        for word in tokens.as_bytes().chunks(8) {
            let mut bytes = [0; 16];
            bytes[..word.len()].copy_from_slice(word);
            hash = (hash ^ u128::from_le_bytes(bytes))
                .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
            hash ^= hash >> 67;
        }
        Ok(Key(hash.to_le_bytes()))
    }

    fn of_rule(&mut self, rule: &Rule) -> Key {
        Key([rule.tree.len() as u8; 16])
    }
}

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    list: ListArguments,
}

/// Token strings of this many groups, drawn from a few tokens.
fn tokens(lines: u64, groups: u64) -> String {
    const OPERANDS: [&str; 8] = ["g", "m", "v", "sign_g", "sign_m", "1", "w1e-3", "adam"];
    const UNARY: [&str; 6] = ["id", "neg", "exp", "log", "clip1e-4", "drop0.3"];
    const BINARY: [&str; 5] = ["add", "sub", "mul", "div", "pow"];
    let mut state = 1u64;
    let mut below = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut text = String::new();
    for _ in 0..lines {
        for group in 0..groups {
            let gap = if group > 0 { "  " } else { "" };
            let (a, b) = (OPERANDS[below(8)], OPERANDS[below(8)]);
            let (u, w, f) = (UNARY[below(6)], UNARY[below(6)], BINARY[below(5)]);
            if group > 0 {
                write!(text, "{gap}%{} {b} {u} {w} {f}", group - 1).unwrap();
            } else {
                write!(text, "{a} {b} {u} {w} {f}").unwrap();
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn classes_do_not_depend_on_threads_and_all_but_the_keys_is_quick() {
    let lines = std::env::var("NOSC_LINES").map_or(20_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for groups in [1, 4] {
        let path = folder.path().join("list.txt");
        std::fs::write(&path, tokens(lines, groups)).unwrap();
        let mut classes = None;
        for jobs in ["1", "2"] {
            let options = Options::parse_from(["list", "--jobs", jobs]).list;
            let seen = ShardedDedup::new(Level::Real);
            let source = Source::new(&[path.display().to_string()], 0).unwrap();
            let begin = Instant::now();
            let progress = Progress::hidden();
            let counted = super::count(&options, source, &seen, &progress, || Plain).unwrap();
            let seconds = begin.elapsed().as_secs_f64();
            assert_eq!(counted.tally.rules, lines);
            let set = seen.into_dedup();
            println!(
                "{groups} groups, {jobs} jobs: {:.0} lines/s, {} classes of {} bytes",
                lines as f64 / seconds,
                set.len(),
                set.bytes() / set.len()
            );
            assert_eq!(*classes.get_or_insert_with(|| set.clone()), set);
        }
    }
}
