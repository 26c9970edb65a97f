//! Values back to rules: the formula that stands for all rules of one key.
//!
//! ```text
//! value ─► draws in canonical order ─► decisions ─► sums ─► tree
//!               mod                      choice      term    writer
//! ```
//!
//! A decision is written as one of its values where that means the same, `g / v` for "`g / v` where `v != 0`,
//! else undefined", and with `where` if nothing shorter does: each node is worked out as it is written, so
//! whether it means the same is seen at once. The whole is a function of the form alone, not of the spelling
//! that led there.

mod choice;
mod power;
mod term;
mod transfer;
mod writer;

use crate::tree::{NodeId, Rule};

use super::Form;
use super::arena::{Reals, Test, Value, ValueId};
use super::draws::{self, Drawn};
use super::rational::{Bounded, Limit};
use transfer::Transfer;
use writer::Writer;

/// A rule of this form, worked out in an arena of its own. It is one to a reader; whoever needs certainty works
/// out its key.
pub(crate) fn extract(reals: &mut Reals, scratch: &mut Reals, form: Form) -> Bounded<Rule> {
    let update = numbered(reals, form.update, 0)?;
    let schedule = numbered(reals, form.schedule, draws::MAX_SITES as u32)?;
    scratch.clear();
    scratch.next_rule();
    let mut transfer = Transfer::new(reals, scratch);
    let (update, schedule) = (transfer.value(update)?, transfer.value(schedule)?);
    scratch.next_rule();
    let mut writer = Writer::new(scratch);
    let update = root(&mut writer, update)?;
    let schedule = if schedule == Reals::ONE {
        None
    } else {
        writer.begin_schedule()?;
        Some(root(&mut writer, schedule)?)
    };
    writer.finish(update, schedule)
}

fn root(writer: &mut Writer<'_>, value: ValueId) -> Bounded<NodeId> {
    writer.find_lone_draws(value);
    let node = writer.value(value)?;
    if writer.value_of(node)? == value { Ok(node) } else { Err(Limit) }
}

/// The value with its draws renamed: `first` is the first in canonical order.
fn numbered(reals: &mut Reals, value: ValueId, first: u32) -> Bounded<ValueId> {
    let (order, _) = draws::numbered(reals, value)?;
    rebuild(reals, value, &order, first)
}

fn rebuild(reals: &mut Reals, value: ValueId, order: &[Drawn], site: u32) -> Bounded<ValueId> {
    let Some((drawn, rest)) = order.split_first() else { return Ok(value) };
    reals.spend(1)?;
    let yes = fallen(reals, value, *drawn, true)?;
    let no = fallen(reals, value, *drawn, false)?;
    let yes = rebuild(reals, yes, rest, site + 1)?;
    let no = rebuild(reals, no, rest, site + 1)?;
    let test = reals.test(Test::Kept { site, probability: drawn.probability });
    reals.choose(test, yes, no)
}

/// What is left where a draw has fallen; draws are the first decisions.
fn fallen(reals: &mut Reals, value: ValueId, drawn: Drawn, kept: bool) -> Bounded<ValueId> {
    reals.spend(1)?;
    let Value::Choice { test, yes, no } = reals.at(value) else { return Ok(value) };
    let Test::Kept { site, .. } = reals.test_at(test).test else { return Ok(value) };
    if site == drawn.site {
        return Ok(if kept { yes } else { no });
    }
    let yes = fallen(reals, yes, drawn, kept)?;
    let no = fallen(reals, no, drawn, kept)?;
    reals.choose(test, yes, no)
}
