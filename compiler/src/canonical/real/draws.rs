//! Draws up to renaming: which of them matter, and in which order they are numbered.
//!
//! Draws are the first decisions of a value, so below them stands a table: what is left for each way in
//! which the draws may fall. Sites of one probability may change places; the order with the least table is
//! the canonical one.

use crate::canonical::draws::{MAX_ORDERS, permutations};

use super::arena::{Reals, Test, Value, ValueId};
use super::rational::{Bounded, Limit};
use super::structure::Structure;

/// Most draws that matter.
pub(crate) const MAX_SITES: usize = 8;

/// A site of a draw that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) site: u32,
    /// Bits of the probability of a drop.
    pub(crate) probability: u64,
}

/// The hash of a value up to renaming of its draws.
pub(crate) fn hash(reals: &mut Reals, value: ValueId) -> Bounded<u128> {
    if !is_drawn(reals, value) {
        return Ok(reals.info(value).hash);
    }
    Ok(numbered(reals, value)?.1)
}

fn is_drawn(reals: &Reals, value: ValueId) -> bool {
    matches!(reals.at(value), Value::Choice { test, .. }
        if matches!(reals.test_at(test).test, Test::Kept { .. }))
}

/// The draws that matter, in canonical order, and the hash.
pub(crate) fn numbered(reals: &mut Reals, value: ValueId) -> Bounded<(Vec<Drawn>, u128)> {
    let mut sites = Vec::new();
    collect(reals, value, &mut sites)?;
    if sites.is_empty() {
        return Ok((sites, reals.info(value).hash));
    }
    let table: Vec<u128> =
        (0..1usize << sites.len()).map(|mask| fallen(reals, value, &sites, mask)).collect();
    let mut order: Vec<usize> = (0..sites.len()).collect();
    let signatures: Vec<u128> = order.iter().map(|site| signature(&table, *site)).collect();
    let rank = |site: &usize| (sites[*site].probability, signatures[*site]);
    order.sort_unstable_by_key(rank);
    let mut best: Option<(Vec<u128>, Vec<usize>)> = None;
    for order in orders(&order, &rank) {
        let permuted: Vec<u128> =
            (0..table.len()).map(|mask| table[renamed(mask, &order)]).collect();
        if best.as_ref().is_none_or(|(least, _)| permuted < *least) {
            best = Some((permuted, order));
        }
    }
    let (table, order) = best.ok_or(Limit)?;
    let mut structure = Structure::new(50).word(order.len() as u64);
    for site in &order {
        structure = structure.word(sites[*site].probability);
    }
    for hash in table {
        structure = structure.wide(hash);
    }
    Ok((order.into_iter().map(|site| sites[site]).collect(), structure.finish()))
}

fn collect(reals: &mut Reals, value: ValueId, sites: &mut Vec<Drawn>) -> Bounded<()> {
    let mut open = vec![value];
    let mut seen: Vec<ValueId> = Vec::new();
    while let Some(value) = open.pop() {
        let Value::Choice { test, yes, no } = reals.at(value) else { continue };
        let Test::Kept { site, probability } = reals.test_at(test).test else { continue };
        if seen.contains(&value) {
            continue;
        }
        seen.push(value);
        let drawn = Drawn { site, probability };
        if !sites.contains(&drawn) {
            sites.push(drawn);
        }
        if sites.len() > MAX_SITES {
            return Err(Limit);
        }
        reals.spend(1)?;
        open.extend([yes, no]);
    }
    Ok(())
}

/// What is left where the draws of the mask are kept.
fn fallen(reals: &Reals, value: ValueId, sites: &[Drawn], mask: usize) -> u128 {
    let mut value = value;
    while let Value::Choice { test, yes, no } = reals.at(value) {
        let Test::Kept { site, .. } = reals.test_at(test).test else { break };
        let kept = sites
            .iter()
            .position(|drawn| drawn.site == site)
            .is_some_and(|bit| mask >> bit & 1 != 0);
        value = if kept { yes } else { no };
    }
    reals.info(value).hash
}

/// What a site does, whatever the names of the others.
fn signature(table: &[u128], site: usize) -> u128 {
    let mut total = 0u128;
    for (mask, hash) in table.iter().enumerate() {
        let place = Structure::new(51)
            .word(mask.count_ones().into())
            .word((mask >> site & 1) as u64)
            .wide(*hash)
            .finish();
        total = total.wrapping_add(place);
    }
    total
}

/// The mask of the old sites for a mask of the new ones.
fn renamed(mask: usize, order: &[usize]) -> usize {
    order.iter().enumerate().map(|(new, old)| (mask >> new & 1) << old).sum()
}

/// The orders that sites of equal rank allow; only the first one if there are too many.
fn orders<K: PartialEq>(sorted: &[usize], rank: &impl Fn(&usize) -> K) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for group in sorted.chunk_by(|a, b| rank(a) == rank(b)) {
        let permutations = permutations(group);
        if permutations.is_empty() || orders.len() * permutations.len() > MAX_ORDERS {
            return vec![sorted.to_vec()];
        }
        let longer = |order: &Vec<usize>| -> Vec<Vec<usize>> {
            permutations.iter().map(|more| [order.as_slice(), more].concat()).collect()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}
