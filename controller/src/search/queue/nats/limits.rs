//! What a message may hold: all of it is looked at before anything is done with it, since anybody with access to the server can
//! write one.

use nosc_compiler::Rule;
use nosc_compiler::plain::plain;

use crate::outcome::{Outcome, Point};
use crate::protocol::Protocol;
use crate::search::queue::contract::Children;
use crate::search::queue::evaluate::MOST_POINTS;
use crate::search::queue::message::{Assignment, VERSION};
use crate::task::{TaskOptions, check_options};

/// Most bytes of a task.
pub(super) const MOST_TASK_BYTES: usize = 256 << 10;
/// Most bytes of a result once it is unpacked.
pub(super) const MOST_UNPACKED: u64 = 64 << 20;
/// Most bytes of the text of a rule.
const MOST_RULE_BYTES: usize = 64 << 10;
/// Most characters of a text that people read.
pub(super) const MOST_TEXT: usize = 2_000;
/// Most learning rates, and most children that train for a result.
const MOST_CHILDREN: usize = 1_000;
/// Most numbers of a data set that is drawn.
const MOST_NUMBERS: usize = 1 << 30;
/// Most steps of a child.
const MOST_STEPS: u64 = 1 << 32;
/// Most examples of a data set, and of a batch.
const MOST_EXAMPLES: usize = 10_000_000;

/// A text from elsewhere as people may see it: short, on one line, and without what a terminal obeys.
pub(super) fn short_line(text: &str) -> String {
    let shown = |c: char| if c.is_whitespace() { ' ' } else { c };
    let line: String = text.chars().take(MOST_TEXT).map(shown).collect();
    plain(&line).into_owned()
}

/// Looks whether this is something a worker would train.
pub(super) fn check_assignment(assignment: &Assignment) -> Result<(), String> {
    let Assignment { version, task, options, protocol, seeds, data } = assignment;
    if *version != VERSION {
        return Err(format!("it has version {version}, and this is {VERSION}"));
    }
    check_options(task, options).map_err(|error| error.to_string())?;
    let TaskOptions { data: path, side, classes, count, batch, .. } = options;
    if path.is_some() {
        return Err("it names a file of the worker".to_owned());
    }
    let counts = [
        ("pixels of a side", *side, 4_096),
        ("classes", *classes, 100_000),
        ("images", *count, MOST_EXAMPLES),
        ("examples of a batch", *batch, MOST_EXAMPLES),
    ];
    for (what, count, most) in counts {
        if count.is_some_and(|count| count > most) {
            return Err(format!("it has more than {most} {what}"));
        }
    }
    let numbers = [*count, *side, *side].map(|number| number.unwrap_or(1).max(1));
    let numbers = numbers.into_iter().fold(3, usize::saturating_mul);
    if numbers > MOST_NUMBERS {
        return Err(format!("its images have more than {MOST_NUMBERS} numbers"));
    }
    let is_digest = data.len() <= 128 && data.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_digest {
        return Err("its digest of data is none".to_owned());
    }
    check_protocol(protocol, *seeds)
}

fn check_protocol(protocol: &Protocol, seeds: u64) -> Result<(), String> {
    let Protocol { learning_rates, probe, steps, seeds: own, .. } = protocol;
    let is_usable = |rate: &f64| rate.is_finite() && *rate > 0.0;
    if learning_rates.is_empty() || !learning_rates.iter().all(is_usable) {
        return Err("its learning rates are not positive numbers".to_owned());
    }
    if learning_rates.len() > MOST_CHILDREN || seeds > MOST_CHILDREN as u64 {
        return Err(format!("it has more than {MOST_CHILDREN} children"));
    }
    if seeds == 0 || !own.is_empty() {
        return Err("its seeds are not those of trials".to_owned());
    }
    let is_long = |probe: &crate::task::Probe| {
        probe.examples > MOST_EXAMPLES
            || (probe.examples as u64).saturating_mul(probe.epochs) > MOST_STEPS
    };
    if *steps > MOST_STEPS || probe.as_ref().is_some_and(is_long) {
        return Err(format!("its children take more than {MOST_STEPS} steps"));
    }
    Ok(())
}

/// The rule of a text from elsewhere.
pub(super) fn rule(text: &str) -> Result<Rule, String> {
    if text.len() > MOST_RULE_BYTES {
        return Err(format!("its rule has more than {MOST_RULE_BYTES} bytes"));
    }
    Rule::parse(text).map_err(|errors| format!("its rule: {errors}"))
}

/// Looks whether these can be the children of a task.
pub(super) fn check_children(
    assignment: &Assignment,
    seed: u64,
    children: &Children,
    seconds: f64,
) -> Result<(), String> {
    let Assignment { protocol, seeds, .. } = assignment;
    let rates = protocol.learning_rates.len() as u64;
    if children.is_empty() || children.len() as u64 > rates.saturating_mul(seeds + 1) {
        return Err(format!("it has {} children", children.len()));
    }
    if !(seconds.is_finite() && seconds >= 0.0) {
        return Err("it took no time that there is".to_owned());
    }
    for child in children {
        let outcome = &child.outcome;
        let is_of_trial = outcome.seed.wrapping_sub(seed) < *seeds;
        if !is_of_trial || !protocol.learning_rates.contains(&outcome.learning_rate) {
            return Err("it has children of another seed or learning rate".to_owned());
        }
        check_outcome(outcome)?;
        if !(child.cost.seconds.is_finite() && child.cost.seconds >= 0.0) {
            return Err("a child took no time that there is".to_owned());
        }
    }
    Ok(())
}

fn check_outcome(outcome: &Outcome) -> Result<(), String> {
    let Outcome { steps, curve, final_loss, validation_accuracy, test_accuracy, .. } = outcome;
    let is_share = |share: &f64| (0.0..=1.0).contains(share);
    let is_point = |point: &Point| {
        let is_loss = point.training_loss.is_none_or(f64::is_finite);
        point.loss.is_finite() && is_loss && point.validation_accuracy.as_ref().is_none_or(is_share)
    };
    let shares = [validation_accuracy, test_accuracy];
    let is_right = curve.len() <= MOST_POINTS[1]
        && *steps <= MOST_STEPS
        && curve.iter().all(is_point)
        && final_loss.is_none_or(f64::is_finite)
        && shares.into_iter().flatten().all(is_share);
    if is_right { Ok(()) } else { Err("a child has numbers out of range".to_owned()) }
}
