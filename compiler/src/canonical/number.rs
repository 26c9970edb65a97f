//! The last step: only what is live, draws and states numbered by first visit in pre-order.

use indexmap::IndexMap;

use crate::primitive::Operand;
use crate::tree::{
    Node, NodeId, Parameter, ParameterId, Rule, Site, State, StateId, StateKind, Tree,
};

use super::states::Rebuilt;
use super::{CanonicalRule, Draws, key};

struct Numbering<'a> {
    source: &'a Rule,
    tree: &'a Tree,
    kinds: &'a [Option<StateKind>],
    out: Tree,
    moved: Vec<Option<NodeId>>,
    parameters: IndexMap<ParameterId, Parameter>,
    sites: IndexMap<Site, Site>,
    /// By new number: the old state.
    states: Vec<StateId>,
}

/// Copies the rebuilt rule into the order of its own structure.
pub(super) fn number(source: &Rule, rebuilt: Rebuilt<'_>) -> CanonicalRule {
    let kinds = rebuilt.rewriter.kinds().to_vec();
    let (update, schedule) = (rebuilt.update, rebuilt.schedule);
    let tree = rebuilt.rewriter.into_tree();
    let mut numbering = Numbering {
        source,
        tree: &tree,
        kinds: &kinds,
        out: Tree::default(),
        moved: vec![None; tree.len()],
        parameters: IndexMap::new(),
        sites: IndexMap::new(),
        states: Vec::new(),
    };
    let update = numbering.copy(update);
    let schedule = schedule.map(|node| numbering.copy(node));
    let states = numbering.copy_states();
    let rule = Rule {
        name: source.name.clone(),
        tree: numbering.out,
        parameters: numbering.parameters.into_values().collect(),
        states,
        update,
        schedule,
    };
    let draws = draws(&rule, update, true);
    let schedule_draws = schedule.map(|node| draws_of_schedule(&rule, node)).unwrap_or_default();
    let key = key::key(&rule);
    CanonicalRule { rule, draws, schedule_draws, key }
}

impl Numbering<'_> {
    /// Copies what a node needs, then the node. Numbers are given on the way down.
    fn copy(&mut self, root: NodeId) -> NodeId {
        let mut open = vec![(root, false)];
        while let Some((id, ready)) = open.pop() {
            if self.moved[id.index()].is_some() {
                continue;
            }
            let node = self.tree.node(id);
            if ready {
                let copied = self.renamed(node);
                self.moved[id.index()] = Some(self.out.add(copied));
                continue;
            }
            open.push((id, true));
            let mut parts: Vec<NodeId> = node.operands().collect();
            match node {
                Node::Drop(site, ..) => {
                    let next = Site(self.sites.len() as u32);
                    self.sites.entry(site).or_insert(next);
                }
                Node::Previous(s) => {
                    self.number_state(s);
                }
                Node::State(s) => {
                    self.number_state(s);
                    parts.extend(self.kinds[s.index()].iter().flat_map(|kind| kind.nodes()));
                }
                Node::Debias(s) => {
                    self.number_state(s);
                    // The average itself stands before what is made of it.
                    parts.extend(self.tree.find(Node::State(s)));
                }
                _ => {}
            }
            open.extend(parts.into_iter().rev().map(|part| (part, false)));
        }
        self.moved[root.index()].unwrap_or(NodeId(0))
    }

    fn number_state(&mut self, state: StateId) -> StateId {
        let known = self.states.iter().position(|known| *known == state);
        let index = known.unwrap_or_else(|| {
            self.states.push(state);
            self.states.len() - 1
        });
        StateId(index as u16)
    }

    fn renamed(&mut self, node: Node) -> Node {
        let at = |id: NodeId| self.moved[id.index()].unwrap_or(NodeId(0));
        match node.map(at) {
            Node::State(s) => Node::State(self.number_state(s)),
            Node::Previous(s) => Node::Previous(self.number_state(s)),
            Node::Debias(s) => Node::Debias(self.number_state(s)),
            Node::Drop(site, x, p) => {
                Node::Drop(self.sites.get(&site).copied().unwrap_or(site), x, p)
            }
            Node::Parameter(p) => {
                let parameter = self.source.parameters[p.index()].clone();
                let index = self.parameters.insert_full(p, parameter).0;
                Node::Parameter(ParameterId(index as u16))
            }
            other => other,
        }
    }

    /// The definitions of all numbered states; copying one may number more.
    fn copy_states(&mut self) -> Vec<State> {
        let mut states = Vec::new();
        let mut next = 0;
        while let Some(old) = self.states.get(next).copied() {
            next += 1;
            let Some(kind) = self.kinds[old.index()] else { continue };
            let kind = kind.map(|node| self.copy(node));
            let recurrence = matches!(kind, StateKind::Recurrence { .. });
            let name = recurrence.then(|| format!("s{next}"));
            states.push(State { name, kind });
        }
        states
    }
}

/// Draws of the update and of all states, by first visit in pre-order from the update.
fn draws(rule: &Rule, root: NodeId, with_states: bool) -> Draws {
    let mut draws = Draws::default();
    let mut seen = vec![false; rule.tree.len()];
    let mut seen_states = vec![!with_states; rule.states.len()];
    let mut open = vec![root];
    loop {
        let Some(id) = open.pop() else {
            // States that only the schedule or other states read.
            let Some(state) = seen_states.iter().position(|seen| !seen) else { return draws };
            seen_states[state] = true;
            open.extend(rule.states[state].kind.nodes().into_iter().rev());
            continue;
        };
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        let node = rule.tree.node(id);
        let drawn =
            matches!(node, Node::Drop(..) | Node::Operand(Operand::Noise | Operand::DecayingNoise));
        if drawn {
            draws.add(id);
        }
        if let Node::State(s) | Node::Debias(s) | Node::Previous(s) = node
            && !std::mem::replace(&mut seen_states[s.index()], true)
        {
            open.extend(rule.states[s.index()].kind.nodes().into_iter().rev());
        }
        let operands: Vec<NodeId> = node.operands().collect();
        open.extend(operands.into_iter().rev());
    }
}

/// A schedule draws once a step; the states it reads are of the update.
fn draws_of_schedule(rule: &Rule, root: NodeId) -> Draws {
    draws(rule, root, false)
}
