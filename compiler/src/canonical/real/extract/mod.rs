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
use super::arena::{Reals, Test, ValueId};
use super::draws::{self, Drawn};
use super::rational::{Bounded, Limit};
use transfer::Transfer;
use writer::Writer;

/// A form alone in an arena, its draws in canonical order, from the arena where it was made.
pub(crate) fn isolate(reals: &mut Reals, form: Form, alone: &mut Reals) -> Bounded<Form> {
    let update = numbered(reals, form.update, 0)?;
    let schedule = numbered(reals, form.schedule, draws::MAX_SITES as u32)?;
    alone.clear();
    alone.next_rule();
    let mut transfer = Transfer::new(reals, alone);
    Ok(Form { update: transfer.value(update)?, schedule: transfer.value(schedule)? })
}

/// A rule of a form that is alone in its arena. It is one to a reader; whoever needs certainty works out its key.
pub(crate) fn extract(alone: &mut Reals, form: Form) -> Bounded<Rule> {
    alone.next_rule();
    let mut writer = Writer::new(alone);
    let update = root(&mut writer, form.update)?;
    let schedule = if form.schedule == Reals::ONE {
        None
    } else {
        writer.begin_schedule()?;
        Some(root(&mut writer, form.schedule)?)
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
    let probability = drawn.probability;
    let old = reals.test(Test::Kept { site: drawn.site, probability });
    let yes = reals.restrict(value, old, true)?;
    let no = reals.restrict(value, old, false)?;
    let yes = rebuild(reals, yes, rest, site + 1)?;
    let no = rebuild(reals, no, rest, site + 1)?;
    let new = reals.test(Test::Kept { site, probability });
    reals.choose(new, yes, no)
}
