//! A graph as a token string, grouped and ordered by chance.
//!
//! A group holds two operands under one function each, and a function of both. So every function of two
//! arguments is a group; a function of one argument goes into the group of its user, or into one of its own
//! (`x ? f ? left`) where it must: under another function, or if it is a drop with several users.

use crate::primitive::{OPERAND_TOKENS, UNARY_TOKENS};

use super::Dice;
use super::terms::{Id, Term, Terms};

/// The token string of a graph.
pub(super) fn print(terms: &Terms, dice: &mut Dice) -> String {
    let named = named(terms, dice);
    let mut numbers: Vec<Option<usize>> = vec![None; terms.nodes.len()];
    let mut out = Vec::new();
    for id in ordered(terms, &named, dice) {
        out.push(group(terms, id, &numbers, dice));
        numbers[id] = Some(out.len() - 1);
    }
    out.join(", ")
}

/// Which nodes are groups.
fn named(terms: &Terms, dice: &mut Dice) -> Vec<bool> {
    let uses = terms.uses();
    let mut named = vec![false; terms.nodes.len()];
    for id in terms.written() {
        match terms.nodes[id] {
            Term::Leaf(_) => {}
            Term::Binary(..) => named[id] = true,
            Term::Unary(_, x) => {
                named[id] |= dice.once_in(8);
                name_function(terms, x, &mut named);
            }
            Term::Drop(_, x) => {
                named[id] |= uses[id] > 1 || dice.once_in(8);
                name_function(terms, x, &mut named);
            }
        }
    }
    named[terms.root] = true;
    named
}

/// A function of one argument under another has a group.
fn name_function(terms: &Terms, x: Id, named: &mut [bool]) {
    named[x] |= matches!(terms.nodes[x], Term::Unary(..) | Term::Drop(..));
}

/// The groups in an order in which each may be written, the root last.
fn ordered(terms: &Terms, named: &[bool], dice: &mut Dice) -> Vec<Id> {
    let mut open = terms.written();
    open.retain(|id| *id != terms.root);
    let mut is_done = vec![false; terms.nodes.len()];
    let mut order = Vec::new();
    while !open.is_empty() {
        // Operands stand before users in what is open, so that the first is always ready.
        let start = dice.below(open.len());
        let is_ready = |id: Id| terms.nodes[id].operands().all(|x| is_done[x]);
        let ready = (start..open.len()).find(|place| is_ready(open[*place])).unwrap_or(0);
        let id = open.remove(ready);
        is_done[id] = true;
        order.push(id);
    }
    order.push(terms.root);
    order.retain(|id| named[*id]);
    order
}

fn group(terms: &Terms, id: Id, numbers: &[Option<usize>], dice: &mut Dice) -> String {
    let (x, y, token) = match terms.nodes[id] {
        Term::Binary(token, x, y) => (slot(terms, x, numbers), slot(terms, y, numbers), token),
        // The node itself is not written yet, and so it stands in its own first place.
        _ => (slot(terms, id, numbers), any_operand(dice), "left"),
    };
    format!("{} {} {} {} {token}", x.0, y.0, x.1, y.1)
}

/// An operand and the function it is under.
fn slot(terms: &Terms, id: Id, numbers: &[Option<usize>]) -> (String, &'static str) {
    if let Some(number) = numbers[id] {
        return (format!("%{number}"), "id");
    }
    match &terms.nodes[id] {
        Term::Leaf(token) => (token.clone(), "id"),
        Term::Unary(token, x) | Term::Drop(token, x) => (slot(terms, *x, numbers).0, token),
        // Groups have numbers.
        Term::Binary(..) => ("g".to_owned(), "id"),
    }
}

fn any_operand(dice: &mut Dice) -> (String, &'static str) {
    (dice.choose(OPERAND_TOKENS).to_owned(), dice.choose(UNARY_TOKENS))
}
