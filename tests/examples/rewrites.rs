//! Pairs made by true rewrites, and those that get two keys, shortest first.
//!
//! ```text
//! rewrites [--count N] [--seed N] [--groups 2,3,4] [--level real|scale|exact] [--functions] [--show N]
//!
//! --functions    rewrites functions too, not only sums and products
//! --print        prints TOKENS<TAB>REWRITTEN<TAB>LAWS for each pair and counts nothing
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use nosc_compiler::Rule;
use nosc_compiler::arbitrary::rewrites::{Kind, Pair};
use nosc_compiler::canonical::{Level, canonicalize};
use nosc_tests::rewrites::tally;

struct Arguments {
    count: u64,
    seed: u64,
    groups: Vec<usize>,
    level: Level,
    kinds: &'static [Kind],
    show: usize,
    print: bool,
}

fn main() -> ExitCode {
    match arguments() {
        Ok(arguments) if arguments.print => print(&arguments),
        Ok(arguments) => show(&arguments),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        count: 10_000,
        seed: 0,
        groups: vec![2, 3, 4],
        level: Level::Real,
        kinds: &Kind::REGROUPING,
        show: 10,
        print: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--count" => found.count = value()?.parse()?,
            "--seed" => found.seed = value()?.parse()?,
            "--show" => found.show = value()?.parse()?,
            "--level" => found.level = value()?.parse()?,
            "--groups" => {
                let groups = value()?;
                found.groups = groups.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "--functions" => found.kinds = &Kind::ALL,
            "--print" => found.print = true,
            _ => return Err(format!("unknown argument `{word}`").into()),
        }
    }
    Ok(found)
}

fn print(arguments: &Arguments) {
    for groups in &arguments.groups {
        for seed in arguments.seed..arguments.seed + arguments.count {
            let pair = Pair::from_seed(seed, *groups, arguments.kinds);
            println!("{}\t{}\t{}", pair.tokens, pair.rewritten, pair.laws.join("; "));
        }
    }
}

fn show(arguments: &Arguments) {
    let Arguments { count, seed, level, kinds, .. } = *arguments;
    for groups in &arguments.groups {
        let start = Instant::now();
        let tally = tally(level, *groups, count, seed, kinds);
        let (pairs, split, share) = (tally.pairs, tally.split.len(), tally.share());
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{groups} groups: {pairs} pairs, {split} split, {share:.5} one key, {seconds:.1} s"
        );
        for pair in tally.split.iter().take(arguments.show) {
            println!("  laws: {}", pair.laws.join("; "));
            for tokens in [&pair.tokens, &pair.rewritten] {
                let form = Rule::from_tokens(tokens).map(|rule| canonicalize(&rule, level).text);
                println!("    {tokens}\n      {}", form.unwrap_or_default());
            }
        }
    }
}
