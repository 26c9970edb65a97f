//! Colours of draws and states, and the driver that ends with one form.
//!
//! Two draws that look alike can only be told apart by where they stand: `d1*g + d2` and `d2*g + d1` are
//! one rule, `d1*g + d1` is another. Each draw gets a colour from its probability and then, round by round,
//! from its surroundings; states get theirs from their definitions. Draws that no round tells apart are
//! tried in every order (up to [`MAX_ORDERS`]) and the smallest form wins, so that spelling does not matter.

use indexmap::{IndexMap, IndexSet};

use crate::primitive::Binary;
use crate::tree::{Node, NodeId, Rule, Site, StateKind};

use super::number::number;
use super::order::{class, mix, mix_hash};
pub(super) use super::rewriter::Colours;
use super::states::{Rebuilt, apart, merged, rebuild};
use super::{CanonicalRule, key};

/// Most orders of look-alike draws that are tried; beyond it the form may depend on the spelling, which
/// loses a merge but never makes one.
pub(super) const MAX_ORDERS: usize = 720;
/// Rounds of colouring; each tells apart draws one step further away.
const MAX_ROUNDS: usize = 12;
/// Rounds of rewriting; one is enough but for rules that merge states.
const MAX_PASSES: usize = 6;

pub(super) fn canonical(rule: &Rule) -> CanonicalRule {
    let mut best = pass(rule);
    for _ in 1..MAX_PASSES {
        let next = pass(&best.rule);
        if next.key == best.key {
            break;
        }
        best = next;
    }
    best
}

fn pass(rule: &Rule) -> CanonicalRule {
    let colours = colour(rule);
    let (rebuilt, _) = merged(rule, &colours);
    let tied = tied_sites(&rebuilt, &colours);
    if tied.is_empty() {
        return number(rule, rebuilt);
    }
    let mut best: Option<(Vec<u8>, CanonicalRule)> = None;
    for order in orders(&tied) {
        let mut colours = colours.clone();
        for (rank, site) in order.into_iter().enumerate() {
            let colour = colours.sites.entry(site).or_default();
            *colour = mix(*colour, rank as u64 + 1);
        }
        let candidate = number(rule, merged(rule, &colours).0);
        let bytes = key::bytes(&candidate.rule);
        if best.as_ref().is_none_or(|(least, _)| bytes < *least) {
            best = Some((bytes, candidate));
        }
    }
    match best {
        Some((_, rule)) => rule,
        None => number(rule, rebuilt),
    }
}

/// Colours until a round tells no more apart.
fn colour(rule: &Rule) -> Colours {
    let mut colours = Colours {
        sites: rule
            .tree
            .iter()
            .filter_map(|(_, node)| match node {
                Node::Drop(site, _, p) => Some((site, mix(17, p.value().to_bits()))),
                _ => None,
            })
            .collect(),
        states: vec![0; rule.states.len()],
    };
    let alone = apart(rule);
    let mut distinct = 0;
    for _ in 0..MAX_ROUNDS {
        let rebuilt = rebuild(rule, &colours, &alone);
        refine(rule, &rebuilt, &mut colours);
        let found = count(&colours);
        if found == distinct || (colours.sites.is_empty() && rule.states.is_empty()) {
            break;
        }
        distinct = found;
    }
    colours
}

fn count(colours: &Colours) -> usize {
    let all: IndexSet<u128> =
        colours.sites.values().copied().chain(colours.states.iter().copied()).collect();
    all.len()
}

fn refine(rule: &Rule, rebuilt: &Rebuilt<'_>, colours: &mut Colours) {
    let contexts = contexts(rebuilt, colours);
    for (id, node) in rebuilt.rewriter.tree().iter() {
        if let Node::Drop(site, _, _) = node
            && contexts[id.index()] != 0
            && let Some(colour) = colours.sites.get_mut(&site)
        {
            *colour = mix_hash(*colour, contexts[id.index()]);
        }
    }
    for index in 0..rule.states.len() {
        let Some(kind) = rebuilt.rewriter.kinds()[index] else { continue };
        let tag = u64::from(matches!(kind, StateKind::Average { .. }));
        let [a, b] = kind.nodes().map(|node| rebuilt.rewriter.hash(node));
        colours.states[index] = mix_hash(mix_hash(mix(23, tag), a), b);
    }
}

/// By drop: the outermost drop of its nest, where each but that one is read by the next one alone, directly
/// or through functions that a drop may move past. Only drops of one nest may change places: one that is
/// read elsewhere too would come to stand on two arguments, but is one draw.
pub(super) fn nests(rule: &Rule) -> IndexMap<Site, Site> {
    let live = rule.live();
    let mut users = vec![0u32; rule.tree.len()];
    let roots = [Some(rule.update), rule.schedule].into_iter().flatten();
    let states = rule.states.iter().flat_map(|state| state.kind.nodes());
    roots.chain(states).for_each(|root| users[root.index()] += 1);
    for (_, node) in rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]) {
        node.operands().for_each(|operand| users[operand.index()] += 1);
    }
    let mut nests = IndexMap::new();
    let mut outer: Vec<Option<Site>> = vec![None; rule.tree.len()];
    for (id, node) in rule.tree.iter().rev().filter(|(id, _)| live.nodes[id.index()]) {
        let mut own = outer[id.index()].filter(|_| users[id.index()] == 1);
        if let Node::Drop(site, ..) = node {
            let nest = own.unwrap_or(site);
            nests.insert(site, nest);
            own = Some(nest);
        }
        node.operands().for_each(|operand| outer[operand.index()] = own);
    }
    nests
}

/// For each node a hash of the places it stands in; 0 where it does not count.
fn contexts(rebuilt: &Rebuilt<'_>, colours: &Colours) -> Vec<u128> {
    let rewriter = &rebuilt.rewriter;
    let mut contexts = vec![0u128; rewriter.tree().len()];
    let mut add = |id: NodeId, place: u128| {
        contexts[id.index()] = contexts[id.index()].wrapping_add(place);
    };
    add(rebuilt.update, mix(1, 1));
    if let Some(schedule) = rebuilt.schedule {
        add(schedule, mix(2, 2));
    }
    for (index, kind) in rewriter.kinds().iter().enumerate() {
        for (position, node) in kind.iter().flat_map(|kind| kind.nodes()).enumerate() {
            add(node, mix_hash(mix(3, position as u64), colours.states[index]));
        }
    }
    for (id, node) in rewriter.tree().iter().rev() {
        let own = contexts[id.index()];
        if own == 0 {
            continue;
        }
        let sorted = matches!(node, Node::Binary(Binary::Add | Binary::Mul, ..));
        for (position, operand) in node.operands().enumerate() {
            let position = if sorted { 0 } else { position as u64 + 1 };
            let place =
                mix_hash(mix_hash(mix(u128::from(class(node)), position), own), rewriter.hash(id));
            contexts[operand.index()] = contexts[operand.index()].wrapping_add(place);
        }
    }
    contexts
}

/// Groups of live draws of one colour.
fn tied_sites(rebuilt: &Rebuilt<'_>, colours: &Colours) -> Vec<Vec<Site>> {
    let mut groups: IndexMap<u128, IndexSet<Site>> = IndexMap::new();
    for (_, node) in rebuilt.rewriter.tree().iter() {
        if let Node::Drop(site, _, _) = node
            && let Some(colour) = colours.sites.get(&site)
        {
            groups.entry(*colour).or_default().insert(site);
        }
    }
    let groups = groups.into_values().filter(|group| group.len() > 1);
    groups.map(|group| group.into_iter().collect()).collect()
}

/// Every order of the members of every group, or the first one alone if there are too many.
fn orders(groups: &[Vec<Site>]) -> Vec<Vec<Site>> {
    let mut orders: Vec<Vec<Site>> = vec![Vec::new()];
    for group in groups {
        let permutations = permutations(group);
        if permutations.is_empty() || orders.len() * permutations.len() > MAX_ORDERS {
            for order in &mut orders {
                order.extend(group);
            }
            continue;
        }
        let extended = orders.iter().flat_map(|order| {
            permutations.iter().map(move |more| order.iter().chain(more).copied().collect())
        });
        orders = extended.collect();
    }
    orders
}

/// Every order of the members, the given one first; none if there are more than [`MAX_ORDERS`].
pub(super) fn permutations<T: Copy>(group: &[T]) -> Vec<Vec<T>> {
    let mut all: Vec<Vec<T>> = vec![Vec::new()];
    for (done, member) in group.iter().enumerate() {
        if all.len() * (done + 1) > MAX_ORDERS {
            return Vec::new();
        }
        let longer = |order: &Vec<T>| -> Vec<Vec<T>> {
            let with = |at: usize| [&order[..at], &[*member], &order[at..]].concat();
            (0..=done).rev().map(with).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}
