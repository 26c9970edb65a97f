//! The drops of two rules: which let pass, and which are one.

use std::collections::BTreeSet;

use super::subject::Dropped;

/// Rules with more drops than this are compared with all of them kept or none.
const MOST_DROPS: usize = 4;

/// For each rule the drops that do not let pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Masks {
    pub(super) dropped: [Dropped; 2],
}

/// Sites and probabilities of two rules.
pub(super) type Drops = [Vec<(u32, f64)>; 2];

/// The masks that do not depend on the pairing: every drop lets pass, or none does.
pub(super) fn whole(drops: &Drops) -> Vec<Masks> {
    let all = |rule: &Vec<(u32, f64)>| rule.iter().map(|(site, _)| *site).collect();
    let kept = Masks { dropped: [Dropped::new(), Dropped::new()] };
    let dropped = Masks { dropped: [all(&drops[0]), all(&drops[1])] };
    if kept == dropped { vec![kept] } else { vec![kept, dropped] }
}

/// For every way to pair the drops of equal probability, its masks. What has no partner is on its own.
pub(super) fn pairings(drops: &Drops) -> Vec<Vec<Masks>> {
    let most = drops[0].len().max(drops[1].len());
    if most == 0 || most > MOST_DROPS {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    let mut order: Vec<usize> = (0..most).collect();
    loop {
        let groups = groups(drops, &order);
        if seen.insert(groups.clone()) {
            all.push(masks(&groups));
        }
        if !next_permutation(&mut order) {
            return all;
        }
    }
}

/// Drops that are one: a site of the first rule, of the second, or one of each.
type Group = [Option<u32>; 2];

fn groups(drops: &Drops, order: &[usize]) -> Vec<Group> {
    let mut groups = Vec::new();
    for (first, second) in order.iter().enumerate() {
        match (drops[0].get(first), drops[1].get(*second)) {
            (Some((a, p)), Some((b, q))) if p == q => groups.push([Some(*a), Some(*b)]),
            (a, b) => {
                groups.extend(a.map(|(site, _)| [Some(*site), None]));
                groups.extend(b.map(|(site, _)| [None, Some(*site)]));
            }
        }
    }
    groups.sort_unstable();
    groups
}

fn masks(groups: &[Group]) -> Vec<Masks> {
    let mask = |bits: usize| {
        let dropped = groups.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
        let mut masks = Masks { dropped: [Dropped::new(), Dropped::new()] };
        for (_, group) in dropped {
            for (rule, site) in group.iter().enumerate() {
                masks.dropped[rule].extend(site);
            }
        }
        masks
    };
    (0..1_usize << groups.len()).map(mask).collect()
}

/// The next in lexicographic order; false after the last.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let Some(other) = order.iter().rposition(|x| *x > order[pivot]) else { return false };
    order.swap(pivot, other);
    order[pivot + 1..].reverse();
    true
}
