//! Equal states are one: the coarsest split of the states under which equal ones move alike.
//!
//! Starts from states of equal colour and splits a group whenever the definitions of two members differ
//! with every member standing for its group (partition refinement, as in minimising an automaton). What is
//! left equal holds the same bits for ever, because starts are equal and so is every step.

use crate::tree::{Node, NodeId, Rule, StateId};

use super::draws::Colours;
use super::rewriter::Rewriter;

/// A rule rebuilt by the laws.
pub(super) struct Rebuilt<'a> {
    pub(super) rewriter: Rewriter<'a>,
    pub(super) update: NodeId,
    pub(super) schedule: Option<NodeId>,
}

/// Which state stands for each state.
pub(super) type Representatives = Vec<StateId>;

/// Every state for itself.
pub(super) fn apart(rule: &Rule) -> Representatives {
    (0..rule.states.len()).map(|index| StateId(index as u16)).collect()
}

/// Applies the laws to every live node, operands first.
pub(super) fn rebuild<'a>(
    rule: &'a Rule,
    colours: &Colours,
    representatives: &Representatives,
) -> Rebuilt<'a> {
    let live = rule.live();
    let uniform_states = rule.uniform(true).states;
    let mut rewriter = Rewriter::new(rule, colours.clone(), uniform_states);
    let mut moved = vec![NodeId(0); rule.tree.len()];
    for (id, node) in rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]) {
        if let Node::State(s) | Node::Debias(s) = node
            && rewriter.kind(s).is_none()
        {
            define(rule, &mut rewriter, s, &moved);
        }
        let node = match node.map(|operand| moved[operand.index()]) {
            Node::State(s) => {
                Node::State(stand_in(rule, &mut rewriter, s, representatives, &moved))
            }
            Node::Debias(s) => {
                let s = stand_in(rule, &mut rewriter, s, representatives, &moved);
                // The average itself is always there, before what is made of it.
                rewriter.make(Node::State(s));
                Node::Debias(s)
            }
            Node::Previous(s) => Node::Previous(representatives[s.index()]),
            other => other,
        };
        moved[id.index()] = rewriter.make(node);
    }
    for (index, alive) in live.states.iter().enumerate() {
        let state = StateId(index as u16);
        if *alive && rewriter.kind(state).is_none() {
            define(rule, &mut rewriter, state, &moved);
        }
    }
    let at = |id: NodeId| moved[id.index()];
    let (update, schedule) = (rewriter.settled(at(rule.update)), rule.schedule.map(at));
    Rebuilt { update, schedule: schedule.map(|node| rewriter.settled(node)), rewriter }
}

fn define(rule: &Rule, rewriter: &mut Rewriter<'_>, state: StateId, moved: &[NodeId]) {
    let kind = rule.states[state.index()].kind.map(|node| moved[node.index()]);
    rewriter.define(state, kind);
}

/// The representative, if its definition has been read; a state that stands later cannot be referred to
/// yet, and the member itself then stands in, which splits the group.
fn stand_in(
    rule: &Rule,
    rewriter: &mut Rewriter<'_>,
    state: StateId,
    representatives: &Representatives,
    moved: &[NodeId],
) -> StateId {
    let representative = representatives[state.index()];
    if rewriter.kind(representative).is_none() {
        let nodes = rule.states[representative.index()].kind.nodes();
        let own = rule.states[state.index()].kind.nodes();
        if nodes.iter().max() > own.iter().max() {
            return state;
        }
        define(rule, rewriter, representative, moved);
    }
    representative
}

/// The rule with equal states merged.
pub(super) fn merged<'a>(rule: &'a Rule, colours: &Colours) -> (Rebuilt<'a>, Representatives) {
    let mut representatives = by_colour(rule, colours);
    loop {
        let rebuilt = rebuild(rule, colours, &representatives);
        let split = split(rule, &rebuilt.rewriter, &representatives);
        if split == representatives {
            return (rebuilt, representatives);
        }
        representatives = split;
    }
}

fn by_colour(rule: &Rule, colours: &Colours) -> Representatives {
    let mut representatives = apart(rule);
    let live = rule.live();
    for (index, representative) in representatives.iter_mut().enumerate() {
        let same = |other: &usize| {
            live.states[*other]
                && live.states[index]
                && colours.states[*other] == colours.states[index]
        };
        if let Some(first) = (0..index).find(same) {
            *representative = StateId(first as u16);
        }
    }
    representatives
}

/// Members whose definition differs from their representative's form groups of their own.
fn split(rule: &Rule, rewriter: &Rewriter<'_>, current: &Representatives) -> Representatives {
    let mut next = apart(rule);
    for index in 0..current.len() {
        let alike = |other: &usize| {
            current[*other] == current[index]
                && rewriter.kinds()[*other].is_some()
                && rewriter.kinds()[*other] == rewriter.kinds()[index]
        };
        if let Some(first) = (0..index).find(alike) {
            next[index] = next[first];
        }
    }
    next
}
