//! Results in the ledger of a run.
//!
//! The result of a rule is kept when it is complete, under [`Conditions::digest`], as stage `result/DIGEST`: whoever judges it under the
//! same conditions again finds it, from a funnel or not. Beside them stand the rules of the last evaluation as they were judged,
//! stage `seeds`, and of each round of the last funnel, stages `funnel/1`, `funnel/2` and so on.

use super::conditions::Conditions;
use super::judged::Judged;
use super::result::RuleResult;
use crate::search::ledger::{Ledger, LedgerError, Rows};

/// Before the digests of conditions.
const RESULT: &str = "result/";
/// Stage of the last evaluation.
pub const SEEDS: &str = "seeds";
/// Before the numbers of rounds of the last funnel.
pub(super) const FUNNEL: &str = "funnel/";

fn stage(conditions: &Conditions) -> String {
    format!("{RESULT}{}", conditions.digest())
}

/// What is known under these conditions. What cannot be read is as if it were not there.
///
/// # Errors
///
/// [`LedgerError::Database`].
pub fn known(rows: &Rows<'_>, conditions: &Conditions) -> Result<Vec<RuleResult>, LedgerError> {
    let stage = stage(conditions);
    let rows = rows.evaluations()?.into_iter().filter(|(name, _, _)| *name == stage);
    Ok(rows.filter_map(|(_, _, json)| serde_json::from_str(&json).ok()).collect())
}

/// Keeps a result, for good.
///
/// # Errors
///
/// [`LedgerError::Database`].
pub(super) fn keep(
    ledger: &mut Ledger,
    conditions: &Conditions,
    result: &RuleResult,
) -> Result<(), LedgerError> {
    let json = serde_json::to_string(result).unwrap_or_default();
    ledger.add_evaluation(&stage(conditions), result.trial, &json)?;
    ledger.commit()
}

/// Writes the rules of an evaluation, in place of those of the last one.
///
/// # Errors
///
/// [`LedgerError::Database`].
pub fn write_seeds(ledger: &mut Ledger, judged: &[Judged]) -> Result<(), LedgerError> {
    write(ledger, SEEDS, judged)?;
    ledger.commit()
}

/// Writes the rules of a round of a funnel, in place of those of the last funnel in this round and all after it.
///
/// # Errors
///
/// [`LedgerError::Database`].
pub fn write_round(
    ledger: &mut Ledger,
    round: usize,
    judged: &[Judged],
) -> Result<(), LedgerError> {
    let stages = ledger.rows().evaluations()?.into_iter().map(|(stage, _, _)| stage);
    let number = |stage: &str| stage.strip_prefix(FUNNEL)?.parse::<usize>().ok();
    let later: Vec<String> =
        stages.filter(|stage| number(stage).is_some_and(|number| number > round)).collect();
    later.iter().try_for_each(|stage| ledger.clear_evaluations(stage))?;
    write(ledger, &format!("{FUNNEL}{round}"), judged)?;
    ledger.commit()
}

fn write(ledger: &Ledger, stage: &str, judged: &[Judged]) -> Result<(), LedgerError> {
    ledger.clear_evaluations(stage)?;
    judged.iter().try_for_each(|one| {
        let json = serde_json::to_string(one).unwrap_or_default();
        ledger.add_evaluation(stage, one.result.trial, &json)
    })
}

/// The rules of a stage, the best first: `seeds`, `funnel/1` and so on.
///
/// # Errors
///
/// [`LedgerError::Database`].
pub fn judged(rows: &Rows<'_>, stage: &str) -> Result<Vec<Judged>, LedgerError> {
    let rows = rows.evaluations()?.into_iter().filter(|(name, _, _)| name == stage);
    Ok(rows.filter_map(|(_, _, json)| serde_json::from_str(&json).ok()).collect())
}
