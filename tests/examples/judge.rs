//! Judges keys by evaluating rules: false merges, missed merges, completeness.
//!
//! ```text
//! judge FILE|-  [--level real|scale|exact]       lines of KEY<TAB>TOKENS, or of TOKENS that it keys itself
//! judge --space GROUPS [--count N] [--decays]    keys N random token strings and judges them
//! judge --exhaustive [--decays]                  all token strings of one group
//!
//! --seed N       of points and samples; default 1
//! --show N       examples of each kind; default 10
//! --points N     points at which rules are evaluated; default 400
//! --no-missed    looks for false merges only
//! --keys         prints KEY<TAB>TOKENS and judges nothing
//! ```
//!
//! Under each example stands its canonical form. At `exact` only false merges are looked for. Exit status 1 if
//! there is one, 2 if something is wrong with the arguments or the input.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::Read as _;
use std::process::ExitCode;
use std::time::Instant;

use nosc_compiler::Rule;
use nosc_compiler::canonical::{Level, canonicalize};
use nosc_tests::oracle::{Keyed, Oracle, Pair, Report, Space, judge, key_all, relation};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What to judge.
enum Input {
    File(String),
    Sample(usize),
    Exhaustive,
}

struct Arguments {
    input: Input,
    level: Level,
    decays: bool,
    count: u64,
    seed: u64,
    show: usize,
    points: usize,
    missed: bool,
    keys: bool,
}

fn main() -> ExitCode {
    let outcome = arguments().and_then(|arguments| {
        let report = run(&arguments)?;
        if !arguments.keys {
            show(&report, &arguments);
        }
        Ok(report)
    });
    match outcome {
        Ok(report) => ExitCode::from(u8::from(!report.false_merges.is_empty())),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Outcome<Arguments> {
    let mut words: VecDeque<String> = std::env::args().skip(1).collect();
    let mut found = Arguments {
        input: Input::File("-".to_owned()),
        level: Level::Real,
        decays: false,
        count: 10_000,
        seed: 1,
        show: 10,
        points: 400,
        missed: true,
        keys: false,
    };
    while let Some(word) = words.pop_front() {
        let mut value = || words.pop_front().ok_or_else(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--level" => found.level = value()?.parse()?,
            "--space" => found.input = Input::Sample(value()?.parse()?),
            "--exhaustive" => found.input = Input::Exhaustive,
            "--decays" => found.decays = true,
            "--no-missed" => found.missed = false,
            "--keys" => found.keys = true,
            "--count" => found.count = value()?.parse()?,
            "--seed" => found.seed = value()?.parse()?,
            "--show" => found.show = value()?.parse()?,
            "--points" => found.points = value()?.parse()?,
            option if option.starts_with("--") => return Err(format!("unknown `{option}`").into()),
            _ => found.input = Input::File(word),
        }
    }
    Ok(found)
}

fn run(arguments: &Arguments) -> Outcome<Report> {
    let full = Space::full();
    let space = if arguments.decays { full.with_decays() } else { full };
    match &arguments.input {
        Input::File(path) => judged(&read(path, arguments)?, arguments),
        Input::Sample(groups) => {
            let sample = |number| space.sample(arguments.seed, number, (*groups).max(1));
            judged(&keyed((0..arguments.count).map(sample).collect(), arguments)?, arguments)
        }
        Input::Exhaustive => {
            let all = (0..space.size_of_one_group()).map(|number| space.one_group(number));
            judged(&keyed(all.collect(), arguments)?, arguments)
        }
    }
}

fn read(path: &str, arguments: &Arguments) -> Outcome<Vec<Keyed<String>>> {
    let mut text = String::new();
    if path == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path)?;
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    if !text.contains('\t') {
        let keyed = keyed(lines.map(str::to_owned).collect(), arguments)?.into_iter();
        return Ok(keyed
            .map(|rule| Keyed { key: rule.key.to_string(), tokens: rule.tokens })
            .collect());
    }
    let rule = |line: &str| {
        let mut parts = line.split('\t');
        match (parts.next(), parts.next()) {
            (Some(key), Some(tokens)) => {
                Ok(Keyed { key: key.to_owned(), tokens: tokens.to_owned() })
            }
            _ => Err(format!("expected KEY<TAB>TOKENS, found `{line}`").into()),
        }
    };
    lines.map(rule).collect()
}

fn keyed(texts: Vec<String>, arguments: &Arguments) -> Outcome<Vec<Keyed>> {
    let (count, start) = (texts.len(), Instant::now());
    let keyed = key_all(arguments.level, texts)?;
    say_speed("keyed", count, start);
    Ok(keyed)
}

fn judged<K: Ord + fmt::Display + Send + Sync>(
    rules: &[Keyed<K>],
    arguments: &Arguments,
) -> Outcome<Report> {
    if arguments.keys {
        for rule in rules {
            println!("{}\t{}", rule.key, rule.tokens);
        }
        return Ok(Report::default());
    }
    let oracle = Oracle::new(arguments.seed, arguments.points);
    let missed = arguments.missed && arguments.level != Level::Exact;
    let start = Instant::now();
    let report = judge(&oracle, rules, relation(arguments.level), missed)?;
    say_speed("judged", rules.len(), start);
    Ok(report)
}

fn say_speed(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{what} {count} rules in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
}

fn show(report: &Report, arguments: &Arguments) {
    let form = |tokens: &String| match Rule::from_tokens(tokens) {
        Ok(rule) => canonicalize(&rule, arguments.level).text.replace('\n', " "),
        Err(errors) => errors.to_string(),
    };
    let print = |title: &str, pairs: &[Pair]| {
        for [a, b] in pairs.iter().take(arguments.show) {
            println!("{title}:\n   {a}\n      {}\n   {b}\n      {}", form(a), form(b));
        }
    };
    print("FALSE MERGE", &report.false_merges);
    print("missed", &report.missed);
    println!("{report}");
}
