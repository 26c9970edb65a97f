//! Rules and baselines under some conditions: what the ledger has not yet is trained.

use std::collections::BTreeMap;

use super::conditions::Conditions;
use super::judged::{Judged, Threshold, best_baseline, judge};
use super::result::RuleResult;
use super::store;
use super::subject::{Subject, SubjectError};
use super::training::{Contender, CutShort, train};
use crate::compiled_stepper::CompiledMaker;
use crate::search::ledger::{Ledger, LedgerError};
use crate::search::record::TrialKind;
use crate::task::Task;
use crate::transfer::Runner;

/// Why rules cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A rule cannot be trained.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Whether weak rules are spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// All seeds of every rule.
    Whole,
    /// The other seeds only if the first is not far below the best baseline.
    Funnel,
}

/// What came of a stage.
#[derive(Debug)]
#[non_exhaustive]
pub struct Stage {
    /// Rules and baselines that are complete, the best first.
    pub judged: Vec<Judged>,
    /// How many of them were trained now; the others were in the ledger.
    pub trained: usize,
    /// The run that ended it, if it failed or was interrupted.
    pub cut_short: Option<CutShort>,
}

/// Judges rules and baselines of a run on the task of `conditions`. Each is kept in the ledger when it is complete, and what is there is not
/// trained again. Baselines come first; `group` rules are trained side by side: half as many as children, to keep all threads busy.
///
/// # Errors
///
/// Those of `runner`; [`EvaluationError`].
pub fn stage<E: From<EvaluationError>>(
    task: &dyn Task,
    subjects: &[Subject],
    conditions: &Conditions,
    effort: Effort,
    group: usize,
    ledger: &mut Ledger,
    runner: &mut Runner<'_, E>,
) -> Result<Stage, E> {
    let known = store::known(&ledger.rows(), conditions).map_err(EvaluationError::from)?;
    // The later of two is the one with more seeds.
    let mut known: BTreeMap<u64, RuleResult> =
        known.into_iter().map(|result| (result.trial, result)).collect();
    let mut trained = 0;
    let mut cut_short = None;
    let mut threshold = None;
    for kind in [TrialKind::Baseline, TrialKind::Sampled] {
        let of_kind = subjects.iter().filter(|subject| subject.kind == kind);
        if effort == Effort::Funnel && kind == TrialKind::Sampled {
            threshold = threshold_of(subjects, &known);
        }
        let is_known = |subject: &&Subject| {
            let result = known.get(&subject.trial);
            result.is_some_and(|result| threshold.is_some() || !result.is_stopped_early)
        };
        let missing: Vec<&Subject> = of_kind.filter(|subject| !is_known(subject)).collect();
        let makers: Vec<CompiledMaker> = missing
            .iter()
            .map(|subject| subject.maker(task))
            .collect::<Result<_, _>>()
            .map_err(EvaluationError::from)?;
        let contenders: Vec<Contender<'_>> = missing
            .iter()
            .zip(&makers)
            .map(|(subject, maker)| Contender { subject, maker })
            .collect();
        let mut keep = |result: &RuleResult| {
            store::keep(ledger, conditions, result).map_err(EvaluationError::from)?;
            known.insert(result.trial, result.clone());
            trained += 1;
            Ok(())
        };
        cut_short = train(task, &contenders, conditions, threshold, group, runner, &mut keep)?;
        if cut_short.is_some() {
            break;
        }
    }
    let results = subjects.iter().filter_map(|subject| {
        // The search may have tried a baseline since.
        let search_reward = subject.search_reward;
        let result = RuleResult { search_reward, ..known.get(&subject.trial)?.clone() };
        match threshold {
            Some(threshold) if subject.kind == TrialKind::Sampled => Some(result.up_to(threshold)),
            _ => Some(result).filter(|result| !result.is_stopped_early),
        }
    });
    Ok(Stage { judged: judge(results.collect()), trained, cut_short })
}

/// The threshold that the baselines set.
fn threshold_of(subjects: &[Subject], known: &BTreeMap<u64, RuleResult>) -> Option<Threshold> {
    let baselines = subjects.iter().filter(|subject| subject.kind == TrialKind::Baseline);
    let judged = judge(baselines.filter_map(|one| known.get(&one.trial).cloned()).collect());
    Threshold::of(best_baseline(&judged)?)
}
