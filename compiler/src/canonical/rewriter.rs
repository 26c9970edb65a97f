//! Builds canonical nodes: a node is rewritten by the laws until none applies, then shared.

use indexmap::IndexMap;

use crate::primitive::{Binary, Unary};
use crate::scalar;
use crate::tree::{Node, NodeId, Number, Parameter, Rule, Site, StateId, StateKind, Tree};

use super::decimal;
use super::draws;
use super::facts::{self, Facts};
use super::laws;

/// Laws that rewrite a part call each other this deep at most; beyond it a node stays as it is, which
/// is sound.
const MAX_DEPTH: u32 = 100;

/// Colours of draws and states; see [`super::draws`].
#[derive(Debug, Clone, Default)]
pub(super) struct Colours {
    pub(super) sites: IndexMap<Site, u128>,
    pub(super) states: Vec<u128>,
}

/// An arena of canonical nodes under construction.
#[derive(Debug)]
pub(crate) struct Rewriter<'a> {
    rule: &'a Rule,
    tree: Tree,
    facts: Vec<Facts>,
    hashes: Vec<u128>,
    colours: Colours,
    /// By state of the source rule: its canonical kind, once its definition has been mapped.
    kinds: Vec<Option<StateKind>>,
    uniform_states: Vec<bool>,
    /// Nodes that vary by their form, and always have the bits of this constant.
    constants: IndexMap<NodeId, NodeId>,
    /// By drop: the nest that it belongs to.
    nests: IndexMap<Site, Site>,
    depth: u32,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(rule: &'a Rule, colours: Colours, uniform_states: Vec<bool>) -> Rewriter<'a> {
        Rewriter {
            rule,
            tree: Tree::default(),
            facts: Vec::new(),
            hashes: Vec::new(),
            colours,
            kinds: vec![None; rule.states.len()],
            uniform_states,
            constants: IndexMap::new(),
            nests: draws::nests(rule),
            depth: 0,
        }
    }

    /// The canonical node that has the same bits as `node`, whose operands are canonical.
    pub(crate) fn make(&mut self, node: Node) -> NodeId {
        let node = self.with_constants(node);
        let mut constant = self.constant_of(node).map(|value| self.constant(value));
        let rewritten = if self.depth < MAX_DEPTH {
            self.depth += 1;
            let rewritten = self.folded(node).or_else(|| laws::apply(self, node, &mut constant));
            self.depth -= 1;
            rewritten
        } else {
            None
        };
        let id = rewritten.unwrap_or_else(|| self.intern(node));
        if let Some(constant) = constant
            && self.varies(id)
        {
            self.constants.insert(id, constant);
        }
        id
    }

    /// Puts constants in the place of operands that always have their bits, as long as the node still
    /// varies by itself: otherwise it would move from f32 to f64.
    fn with_constants(&self, node: Node) -> Node {
        let mut settled = node.map(|operand| self.settled(operand));
        // A comparison of elements stays one: two step scalars would be compared in f64.
        if let (Node::Where(_, [a, b, ..]), Node::Where(_, [p, q, ..])) = (node, &mut settled)
            && (self.varies(a) || self.varies(b))
            && !self.varies(*p)
            && !self.varies(*q)
        {
            (*p, *q) = (a, b);
        }
        if self.node_grounded(settled) { settled } else { node }
    }

    /// The bits of a node that varies by its form only, where f32 and f64 agree on them.
    fn constant_of(&self, node: Node) -> Option<f64> {
        if !self.node_varies(node) || matches!(node, Node::Drop(..) | Node::Binary(Binary::Pow, ..))
        {
            return None;
        }
        if let Node::Unary(op, _) = node
            && !matches!(op, Unary::Neg | Unary::Abs | Unary::Sign | Unary::Sqrt)
        {
            return None;
        }
        // A sign bit is flipped alike in both.
        let any = matches!(node, Node::Unary(Unary::Neg | Unary::Abs, _));
        let rounded = |value: f64| f64::from(value as f32).to_bits();
        let exact = |value: f64| (any || rounded(value) == value.to_bits()).then_some(value);
        let value = |id: NodeId| self.value(self.settled(id)).and_then(exact);
        let result = scalar::apply(node, value).and_then(exact)?;
        decimal::is_true(node, value, result).then_some(result)
    }

    /// The constant that a node always has the bits of, once it is rounded to f32; or the node.
    pub(super) fn settled(&self, id: NodeId) -> NodeId {
        self.constants.get(&id).copied().unwrap_or(id)
    }

    /// Whether a node that a law made may stand for `node`: what varies by its form must not become a step
    /// scalar, whose uses would be computed in f64.
    pub(super) fn keeps_kind(&self, node: Node, made: NodeId) -> bool {
        if !self.node_varies(node) || self.facts(made).grounded {
            return true;
        }
        // What is left reads states that vary. A choice may have lost those that make it vary.
        let chosen = matches!(node, Node::Where(..));
        self.varies(made) && !self.node_grounded(node) && !chosen
    }

    fn node_grounded(&self, node: Node) -> bool {
        matches!(node, Node::Drop(..))
            || node.operands().any(|operand| self.facts(operand).grounded)
    }

    fn node_varies(&self, node: Node) -> bool {
        matches!(node, Node::Drop(..)) || node.operands().any(|operand| self.varies(operand))
    }

    /// Shares a node to which no law applies.
    pub(super) fn intern(&mut self, node: Node) -> NodeId {
        let id = self.tree.add(node);
        if id.index() == self.facts.len() {
            let facts = facts::of(node, |x| self.facts[x.index()], |s| self.state_facts(s));
            self.facts.push(facts);
            self.hashes.push(self.hash_of(node));
        }
        id
    }

    /// A node of constants only is the constant that it evaluates to, in f64 as a step scalar is, if that
    /// is true over the reals too. Otherwise it stays, a step scalar of the same bits.
    fn folded(&mut self, node: Node) -> Option<NodeId> {
        if matches!(node, Node::Constant(_)) {
            return None;
        }
        let value = |operand| self.tree.as_constant(operand);
        let result = scalar::apply(node, value)?;
        decimal::is_true(node, value, result).then(|| self.constant(result))
    }

    fn state_facts(&self, state: StateId) -> Facts {
        let kind = self.kinds[state.index()];
        let grounded = kind.is_some_and(|kind| self.facts(kind.next()).grounded);
        let uniform = self.uniform_states[state.index()];
        let unknown = Facts { grounded, ..Facts::unknown(uniform) };
        match kind {
            // 0 <= decay < 1 is checked before a step, so an average of what is not negative is not.
            Some(StateKind::Average { x, .. }) => {
                Facts { nonnegative: self.facts(x).nonnegative, ..unknown }
            }
            _ => unknown,
        }
    }

    pub(super) fn define(&mut self, state: StateId, kind: StateKind) {
        self.kinds[state.index()] = Some(kind);
    }

    pub(super) fn kind(&self, state: StateId) -> Option<StateKind> {
        self.kinds[state.index()]
    }

    pub(super) fn kinds(&self) -> &[Option<StateKind>] {
        &self.kinds
    }

    pub(super) fn hash(&self, id: NodeId) -> u128 {
        self.hashes[id.index()]
    }

    pub(super) fn facts(&self, id: NodeId) -> Facts {
        self.facts[id.index()]
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn into_tree(self) -> Tree {
        self.tree
    }

    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.rule.parameters
    }

    pub(super) fn state_colour(&self, state: StateId) -> u128 {
        self.colours.states.get(state.index()).copied().unwrap_or_default()
    }

    /// Whether two drops may change places; see [`draws::nests`].
    pub(super) fn share_nest(&self, a: Site, b: Site) -> bool {
        self.nests.contains_key(&a) && self.nests.get(&a) == self.nests.get(&b)
    }

    pub(super) fn site_colour(&self, site: Site) -> u128 {
        self.colours.sites.get(&site).copied().unwrap_or_default()
    }

    // Short names for the laws.

    pub(super) fn node(&self, id: NodeId) -> Node {
        self.tree.node(id)
    }

    pub(super) fn value(&self, id: NodeId) -> Option<f64> {
        self.tree.as_constant(id)
    }

    pub(super) fn constant(&mut self, value: f64) -> NodeId {
        self.intern(Node::Constant(Number::new(value)))
    }

    pub(super) fn unary(&mut self, op: Unary, x: NodeId) -> NodeId {
        self.make(Node::Unary(op, x))
    }

    pub(super) fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        self.make(Node::Binary(op, a, b))
    }

    pub(super) fn argument(&self, op: Unary, id: NodeId) -> Option<NodeId> {
        match self.node(id) {
            Node::Unary(found, x) if found == op => Some(x),
            _ => None,
        }
    }

    pub(super) fn operands(&self, op: Binary, id: NodeId) -> Option<(NodeId, NodeId)> {
        match self.node(id) {
            Node::Binary(found, a, b) if found == op => Some((a, b)),
            _ => None,
        }
    }

    /// `clip(x, l)` with a constant l, written with the same bound on both sides.
    pub(super) fn clip_bound(&self, node: Node) -> Option<(NodeId, f64)> {
        let Node::Clip(x, lo, hi) = node else { return None };
        let (lo, hi) = (self.value(lo)?, self.value(hi)?);
        (lo == -hi && hi > 0.0).then_some((x, hi))
    }

    pub(super) fn clip(&mut self, x: NodeId, bound: f64) -> NodeId {
        let (lo, hi) = (self.constant(-bound), self.constant(bound));
        self.make(Node::Clip(x, lo, hi))
    }

    /// `c * x` with a constant c.
    pub(super) fn scaled(&self, id: NodeId) -> Option<(f64, NodeId)> {
        let (a, b) = self.operands(Binary::Mul, id)?;
        Some((self.value(a)?, b))
    }

    pub(super) fn varies(&self, id: NodeId) -> bool {
        !self.facts(id).uniform
    }
}
