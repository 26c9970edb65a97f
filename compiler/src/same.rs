//! Whether two rules are one tree.

use indexmap::IndexMap;

use crate::tree::{Node, NodeId, Rule, Site, StateId, StateKind};

/// A walk over both rules at once; what has been matched stays matched.
struct Match<'a> {
    a: &'a Rule,
    b: &'a Rule,
    nodes: IndexMap<NodeId, NodeId>,
    sites: (IndexMap<Site, Site>, IndexMap<Site, Site>),
    states: (IndexMap<StateId, StateId>, IndexMap<StateId, StateId>),
    open: Vec<(NodeId, NodeId)>,
}

pub(crate) fn same(a: &Rule, b: &Rule) -> bool {
    if a.schedule.is_some() != b.schedule.is_some() {
        return false;
    }
    let mut walk = Match {
        a,
        b,
        nodes: IndexMap::new(),
        sites: (IndexMap::new(), IndexMap::new()),
        states: (IndexMap::new(), IndexMap::new()),
        open: vec![(a.update, b.update)],
    };
    walk.open.extend(a.schedule.zip(b.schedule));
    while let Some((x, y)) = walk.open.pop() {
        match walk.nodes.get(&x) {
            Some(known) if *known == y => {}
            Some(_) => return false,
            None => {
                walk.nodes.insert(x, y);
                if !walk.step(a.tree.node(x), b.tree.node(y)) {
                    return false;
                }
            }
        }
    }
    true
}

impl Match<'_> {
    fn step(&mut self, x: Node, y: Node) -> bool {
        let alike = match (x, y) {
            (Node::Parameter(p), Node::Parameter(q)) => {
                let (p, q) = (&self.a.parameters[p.index()], &self.b.parameters[q.index()]);
                p.name == q.name && p.default.to_bits() == q.default.to_bits()
            }
            (Node::State(s), Node::State(t))
            | (Node::Previous(s), Node::Previous(t))
            | (Node::Debias(s), Node::Debias(t)) => self.state(s, t),
            (Node::Drop(s, _, p), Node::Drop(t, _, q)) => {
                p == q && pair(&mut self.sites.0, s, t) && pair(&mut self.sites.1, t, s)
            }
            _ => x.map(|_| NodeId(0)) == y.map(|_| NodeId(0)),
        };
        self.open.extend(x.operands().zip(y.operands()));
        alike
    }

    fn state(&mut self, s: StateId, t: StateId) -> bool {
        let new = !self.states.0.contains_key(&s);
        if !pair(&mut self.states.0, s, t) || !pair(&mut self.states.1, t, s) {
            return false;
        }
        let (k, l) = (self.a.states[s.index()].kind, self.b.states[t.index()].kind);
        if new {
            self.open.extend(k.nodes().into_iter().zip(l.nodes()));
        }
        matches!(k, StateKind::Average { .. }) == matches!(l, StateKind::Average { .. })
    }
}

/// Whether the pair agrees with what has been matched before.
fn pair<K: std::hash::Hash + Eq + Copy>(known: &mut IndexMap<K, K>, a: K, b: K) -> bool {
    *known.entry(a).or_insert(b) == b
}
