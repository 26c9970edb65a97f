//! `nosc report`: a page with plots of a search.

use std::collections::BTreeMap;
use std::time::Instant;

use nosc_compiler::Rule;
use nosc_controller::search::output::RunRecord;
use nosc_controller::search::output::report::write_report;
use nosc_controller::search::record::{TrialKind, TrialRow, ranked};
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings};

use crate::arguments::ReportArguments;
use crate::error::CliError;
use crate::output::{check_writable, write_with};

/// Elements of the array that steps are timed on: more than a cache holds.
const ELEMENTS: usize = 1 << 20;
/// Steps that are timed, of which the quickest counts.
const STEPS: usize = 7;

pub(crate) fn report(arguments: &ReportArguments) -> Result<(), CliError> {
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => arguments.folder.join("report.html"),
    };
    let run = super::read(&arguments.folder, true)?;
    super::check_no_ledger(&arguments.folder, &path)?;
    check_writable(&path)?;
    let times = if arguments.no_times { BTreeMap::new() } else { times(&run, arguments.timed) };
    write_with(&path, |out| {
        write_report(&run, &times, out)
            .map_err(|source| CliError::Write { path: path.clone(), source })
    })
}

/// Nanoseconds a parameter of a step of the best rules and of the baselines, by their trials.
fn times(run: &RunRecord, count: usize) -> BTreeMap<u64, f64> {
    let best = ranked(&run.trials, TrialKind::Sampled).into_iter().take(count);
    let trials = best.chain(ranked(&run.trials, TrialKind::Baseline));
    trials.filter_map(|trial| Some((trial.number, time(trial)?))).collect()
}

/// None for a rule that does not run here.
fn time(trial: &TrialRow) -> Option<f64> {
    let rule = Rule::parse(&trial.rule).ok()?;
    let compiled = CompiledRule::new(&rule, Backend::Auto).ok()?;
    let settings = Settings {
        total_steps: Some(1_000),
        seed: Some(0),
        threads: Some(1),
        ..Settings::default()
    };
    let mut optimizer = Optimizer::new(compiled, &[ELEMENTS], settings).ok()?;
    let value = |n: usize| ((n % 1_009) as f32 - 504.0) / 504.0;
    let mut parameters: Vec<f32> = (0..ELEMENTS).map(value).collect();
    let gradients: Vec<f32> = (0..ELEMENTS).map(|n| value(n * 31) / 100.0).collect();
    let mut quickest = f64::INFINITY;
    for _ in 0..STEPS {
        let start = Instant::now();
        optimizer.step(&mut [&mut parameters], &[&gradients], 1e-6).ok()?;
        quickest = quickest.min(start.elapsed().as_secs_f64());
    }
    Some(quickest * 1e9 / ELEMENTS as f64)
}
