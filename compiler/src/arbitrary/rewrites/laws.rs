//! The laws: each rewrites one node if it applies there, and says whether it did.
//!
//! All hold for infinite and undefined values too. Sums: of any grouping the value is undefined if both
//! infinities are among the terms, and else does not depend on the grouping. Products: likewise with 0 and an
//! infinity. A divisor acts as a factor that is finite, or makes everything undefined (0), or is a 0 that
//! makes infinities undefined (an infinity). Distribution alone needs a ground: the common factor must not be
//! infinite, as `Inf*(2 - 1)` is infinite and `Inf*2 - Inf*1` is not defined.

use super::facts::may;
use super::terms::{Id, Term, Terms};
use super::{Dice, Kind};
use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};

/// Rewrites a node, or leaves it and returns false.
pub(super) type Law = fn(&mut Terms, Id, &mut Dice) -> bool;

/// The laws of a kind, with their statements.
pub(super) fn of(kind: Kind) -> &'static [(&'static str, Law)] {
    match kind {
        Kind::Commute => &[("x + y = y + x, x*y = y*x", commute)],
        Kind::Reassociate => &[
            ("(x + y) + z = x + (y + z)", regroup_to_the_right),
            ("x + (y + z) = (x + y) + z", regroup_to_the_left),
            ("(x*y)/z = x*(y/z)", quotient_of_product),
            ("x*(y/z) = (x*y)/z", product_with_quotient),
        ],
        Kind::Distribute => &[
            ("x*(y + z) = x*y + x*z", distribute),
            ("x*y + x*z = x*(y + z)", collect),
            ("(x + y)/z = x/z + y/z", quotient_of_sum),
            ("x/z + y/z = (x + y)/z", sum_of_quotients),
            ("2*x = x + x", double),
        ],
        Kind::Negate => &[
            ("x = --x", negate_twice),
            ("--x = x", without_two_minuses),
            ("x + y = x - -y", sum_as_difference),
            ("-(x - y) = y - x", turn_difference),
            ("-x*y = -(x*y)", minus_out),
            ("-(x*y) = -x*y", minus_in),
        ],
        Kind::Dead => &[("x = x left y", left), ("a group that nothing uses", dead_group)],
        Kind::Regroup => &[
            ("x in a group of its own", own_group),
            ("what is shared, twice", written_twice),
            ("what is twice, shared", written_once),
        ],
        Kind::Function => super::functions::LAWS,
    }
}

fn commute(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    match terms.nodes[at] {
        Term::Binary(op @ ("add" | "mul"), x, y) => {
            terms.nodes[at] = Term::Binary(op, y, x);
            true
        }
        _ => false,
    }
}

/// What the signs of a sum's or product's operands are: `+` and `-` of each, or a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Sum { minus: bool },
    Product,
}

fn joined(terms: &Terms, at: Id) -> Option<(Join, Id, Id)> {
    match terms.nodes[at] {
        Term::Binary("add", x, y) => Some((Join::Sum { minus: false }, x, y)),
        Term::Binary("sub", x, y) => Some((Join::Sum { minus: true }, x, y)),
        Term::Binary("mul", x, y) => Some((Join::Product, x, y)),
        _ => None,
    }
}

fn join(join: Join) -> &'static str {
    match join {
        Join::Sum { minus: false } => "add",
        Join::Sum { minus: true } => "sub",
        Join::Product => "mul",
    }
}

/// The join of the second and third term, from the signs that they have.
fn inner(first: Join, second: Join) -> Option<Join> {
    match (first, second) {
        (Join::Product, Join::Product) => Some(Join::Product),
        (Join::Sum { minus: a }, Join::Sum { minus: b }) => Some(Join::Sum { minus: a != b }),
        _ => None,
    }
}

/// `(x - y) + z = x - (y - z)`
fn regroup_to_the_right(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((outer, xy, z)) = joined(terms, at) else { return false };
    let Some((before, x, y)) = joined(terms, xy) else { return false };
    let Some(between) = inner(before, outer) else { return false };
    let yz = terms.binary(join(between), y, z);
    terms.nodes[at] = Term::Binary(join(before), x, yz);
    true
}

/// `x - (y - z) = (x - y) + z`
fn regroup_to_the_left(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((before, x, yz)) = joined(terms, at) else { return false };
    let Some((between, y, z)) = joined(terms, yz) else { return false };
    let Some(outer) = inner(before, between) else { return false };
    let xy = terms.binary(join(before), x, y);
    terms.nodes[at] = Term::Binary(join(outer), xy, z);
    true
}

fn quotient_of_product(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let Some((xy, z)) = terms.as_binary(at, "div") else { return false };
    let Some((mut x, mut y)) = terms.as_binary(xy, "mul") else { return false };
    if dice.once_in(2) {
        (x, y) = (y, x);
    }
    let quotient = terms.binary("div", y, z);
    terms.nodes[at] = Term::Binary("mul", x, quotient);
    true
}

fn product_with_quotient(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((a, b)) = terms.as_binary(at, "mul") else { return false };
    for (x, quotient) in [(a, b), (b, a)] {
        if let Some((y, z)) = terms.as_binary(quotient, "div") {
            let product = terms.binary("mul", x, y);
            terms.nodes[at] = Term::Binary("div", product, z);
            return true;
        }
    }
    false
}

fn as_sum(terms: &Terms, at: Id) -> Option<(&'static str, Id, Id)> {
    match terms.nodes[at] {
        Term::Binary(op @ ("add" | "sub"), x, y) => Some((op, x, y)),
        _ => None,
    }
}

fn distribute(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let Some((a, b)) = terms.as_binary(at, "mul") else { return false };
    for (x, sum) in [(a, b), (b, a)] {
        let Some((op, y, z)) = as_sum(terms, sum) else { continue };
        if may(terms, x).be_infinite {
            continue;
        }
        let xy = product(terms, x, y, dice);
        let xz = product(terms, x, z, dice);
        terms.nodes[at] = Term::Binary(op, xy, xz);
        return true;
    }
    false
}

fn product(terms: &mut Terms, x: Id, y: Id, dice: &mut Dice) -> Id {
    if dice.once_in(2) { terms.binary("mul", x, y) } else { terms.binary("mul", y, x) }
}

fn collect(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((op, one, other)) = as_sum(terms, at) else { return false };
    let (Some((a, b)), Some((c, d))) = (terms.as_binary(one, "mul"), terms.as_binary(other, "mul"))
    else {
        return false;
    };
    for (x, y, also_x, z) in [(a, b, c, d), (a, b, d, c), (b, a, c, d), (b, a, d, c)] {
        if terms.same(x, also_x) && !may(terms, x).be_infinite {
            let sum = terms.binary(op, y, z);
            terms.nodes[at] = Term::Binary("mul", x, sum);
            return true;
        }
    }
    false
}

fn quotient_of_sum(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((sum, z)) = terms.as_binary(at, "div") else { return false };
    let Some((op, x, y)) = as_sum(terms, sum) else { return false };
    let (one, other) = (terms.binary("div", x, z), terms.binary("div", y, z));
    terms.nodes[at] = Term::Binary(op, one, other);
    true
}

fn sum_of_quotients(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((op, one, other)) = as_sum(terms, at) else { return false };
    let (Some((x, z)), Some((y, also_z))) =
        (terms.as_binary(one, "div"), terms.as_binary(other, "div"))
    else {
        return false;
    };
    if !terms.same(z, also_z) {
        return false;
    }
    let sum = terms.binary(op, x, y);
    terms.nodes[at] = Term::Binary("div", sum, z);
    true
}

/// `2*x = x + x`, either way.
fn double(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    if let Some((a, b)) = terms.as_binary(at, "mul") {
        let x = if terms.is_leaf(a, "2") { b } else { a };
        if terms.is_leaf(a, "2") || terms.is_leaf(b, "2") {
            terms.nodes[at] = Term::Binary("add", x, x);
            return true;
        }
    }
    match terms.as_binary(at, "add") {
        Some((x, y)) if terms.same(x, y) => {
            let two = terms.leaf("2");
            terms.nodes[at] = Term::Binary("mul", two, x);
            true
        }
        _ => false,
    }
}

fn negate_twice(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let x = terms.copy(at);
    let minus = terms.unary("neg", x);
    terms.nodes[at] = Term::Unary("neg", minus);
    true
}

fn without_two_minuses(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some(minus) = terms.as_unary(at, "neg") else { return false };
    let Some(x) = terms.as_unary(minus, "neg") else { return false };
    // A name for x, as it may be a drop, which is not copied.
    terms.nodes[at] = Term::Unary("id", x);
    true
}

/// `x + y = x - -y` and `x - y = x + -y`, and back.
fn sum_as_difference(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((op, x, y)) = as_sum(terms, at) else { return false };
    let other = if op == "add" { "sub" } else { "add" };
    let y = match terms.as_unary(y, "neg") {
        Some(inner) => inner,
        None => terms.unary("neg", y),
    };
    terms.nodes[at] = Term::Binary(other, x, y);
    true
}

/// `-(x - y) = y - x`, and `x - y = -(y - x)`.
fn turn_difference(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    if let Some(inner) = terms.as_unary(at, "neg") {
        let Some((x, y)) = terms.as_binary(inner, "sub") else { return false };
        terms.nodes[at] = Term::Binary("sub", y, x);
        return true;
    }
    let Some((x, y)) = terms.as_binary(at, "sub") else { return false };
    let turned = terms.binary("sub", y, x);
    terms.nodes[at] = Term::Unary("neg", turned);
    true
}

/// `-x*y = -(x*y)` for a factor or a numerator.
fn minus_out(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Term::Binary(op @ ("mul" | "div"), x, y) = terms.nodes[at] else { return false };
    let inner = match (terms.as_unary(x, "neg"), terms.as_unary(y, "neg")) {
        (Some(x), _) => terms.binary(op, x, y),
        (None, Some(y)) if op == "mul" => terms.binary(op, x, y),
        _ => return false,
    };
    terms.nodes[at] = Term::Unary("neg", inner);
    true
}

/// `-(x*y) = -x*y` for a factor or a numerator.
fn minus_in(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let Some(inner) = terms.as_unary(at, "neg") else { return false };
    let Term::Binary(op @ ("mul" | "div"), x, y) = terms.nodes[inner] else { return false };
    terms.nodes[at] = if op == "mul" && dice.once_in(2) {
        let minus = terms.unary("neg", y);
        Term::Binary(op, x, minus)
    } else {
        let minus = terms.unary("neg", x);
        Term::Binary(op, minus, y)
    };
    true
}

/// Any operand under any function.
fn anything(terms: &mut Terms, dice: &mut Dice) -> Id {
    let leaf = terms.leaf(dice.choose(OPERAND_TOKENS));
    function(terms, leaf, dice)
}

fn function(terms: &mut Terms, x: Id, dice: &mut Dice) -> Id {
    let token = dice.choose(UNARY_TOKENS);
    if token.starts_with("drop") { terms.add(Term::Drop(token, x)) } else { terms.unary(token, x) }
}

fn left(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let x = terms.copy(at);
    let thrown_away = anything(terms, dice);
    terms.nodes[at] = Term::Binary("left", x, thrown_away);
    true
}

fn dead_group(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let x = if at == terms.root { anything(terms, dice) } else { function(terms, at, dice) };
    let y = anything(terms, dice);
    let (x, y) = if dice.once_in(2) { (x, y) } else { (y, x) };
    let group = terms.binary(dice.choose(BINARY_TOKENS), x, y);
    terms.dead.push(group);
    true
}

fn own_group(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let x = terms.copy(at);
    terms.nodes[at] = Term::Unary("id", x);
    true
}

fn written_twice(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    if matches!(terms.nodes[at], Term::Drop(..) | Term::Leaf(_)) {
        return false;
    }
    let mut users = terms.live();
    users.retain(|user| terms.nodes[*user].operands().any(|x| x == at));
    if users.len() < 2 {
        return false;
    }
    let user = users[dice.below(users.len())];
    let copy = terms.copy(at);
    terms.redirect_one(user, at, copy);
    true
}

fn written_once(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    if matches!(terms.nodes[at], Term::Leaf(_)) {
        return false;
    }
    let twin = terms.live().into_iter().find(|other| *other != at && terms.same(*other, at));
    match twin {
        Some(twin) if at != terms.root && twin != terms.root => {
            terms.redirect(twin, at);
            true
        }
        _ => false,
    }
}
