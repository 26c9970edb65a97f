//! The canonical form at the levels `real` and `scale`: a normal form of real functions.
//!
//! ```text
//! rule or token string ─► values (decisions above sums of products) ─► draws numbered ─► key
//!     rule, tokens              arena, function, power, decision          draws
//! ```
//!
//! Two rules are one here if they have the same value at every point over the extended reals, "undefined"
//! being a value. Most laws of real numbers are false at some points: `x/x` at 0, `sign(x)^2`, `0*x` where x
//! is infinite. So what can be infinite or undefined is decided first, by tests such as `x != 0`, and under
//! the decisions stand sums that are finite and defined, for which the laws hold without conditions. Every
//! draw is a decision too.
//!
//! | law | where |
//! |---|---|
//! | sums and products have no order or brackets; products of sums are multiplied out | [`sum`] |
//! | exponents of one base add; `b`, `\|b\|`, `sign(b)`, `sqrt\|b\|` are powers of one base | [`product`] |
//! | `exp`, `log`, division | [`function`] |
//! | `clip`, `tanh`, `sigmoid` | [`bounded`] |
//! | comparisons, one of three values by a sign | [`condition`] |
//! | powers | [`power`] |
//! | decisions: ordered, and dropped where they decide nothing | [`decision`] |
//! | ranges that make decisions unnecessary | [`interval`] |
//! | draws: only those that matter, up to renaming | [`draws`] |
//! | a positive factor, for `scale` | [`scale`] |
//! | from a form to the formula that stands for it | [`mod@extract`] |
//! | the budget of a rule, whatever rules came before | [`memo`] |
//!
//! Nothing here searches: the work on a rule is bounded, and a rule that passes the bound keeps the key of
//! its `exact` form. Functions recurse over decisions and over what they are nested in; both are bounded too
//! ([`intern`]).

mod rational;
mod interval;
mod structure;
mod arena;
mod intern;
mod memo;
mod sum;
mod product;
mod function;
mod bounded;
mod condition;
mod power;
mod decision;
mod draws;
mod scale;
mod operands;
mod tokens;
mod rule;
mod extract;

pub(super) use arena::{Reach, Reals};
pub(super) use extract::extract;
pub(super) use operands::Operands;
pub(super) use rational::Limit;
pub(super) use rule::form;
pub(super) use tokens::{Unread, is_one_group};

use super::{Key, Level};
use arena::ValueId;
use rational::Bounded;
use structure::Structure;

/// The update and schedule of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) update: ValueId,
    pub(super) schedule: ValueId,
}

/// The key of a form.
pub(super) fn key(reals: &mut Reals, form: Form, level: Level) -> Bounded<Key> {
    let update = at_level(reals, form.update, level)?;
    let update = draws::hash(reals, update)?;
    let schedule = draws::hash(reals, form.schedule)?;
    let key = Structure::new(100 + level as u64).wide(update).wide(schedule).finish();
    Ok(Key(key.to_le_bytes()))
}

/// A form at a level, alone in another arena.
pub(super) fn isolate(
    reals: &mut Reals,
    form: Form,
    level: Level,
    alone: &mut Reals,
) -> Bounded<Form> {
    let update = at_level(reals, form.update, level)?;
    extract::isolate(reals, Form { update, ..form }, alone)
}

fn at_level(reals: &mut Reals, update: ValueId, level: Level) -> Bounded<ValueId> {
    if level == Level::Scale { scale::scaled(reals, update) } else { Ok(update) }
}

/// The key of a bare token string.
pub(super) fn key_of_tokens(
    reals: &mut Reals,
    operands: &mut Operands,
    tokens: &str,
    level: Level,
) -> Result<Key, Unread> {
    let update = tokens::update(reals, operands, tokens)?;
    Ok(key(reals, Form { update, schedule: Reals::ONE }, level)?)
}
