//! The expression tree that formulas and token strings share.
//!
//! A [`Tree`] is an arena in which equal nodes are one node and operands stand before their users, so
//! that every pass is a loop and nothing recurses. Two things are not merged by equality alone: each
//! `drop` that is written has a [`Site`] of its own, and states are told apart by their definition.

use indexmap::IndexSet;

use crate::primitive::{Binary, Comparison, Cosine, Operand, Unary, built_in_default};

/// Most nodes of one rule.
pub const MAX_NODES: usize = 16_384;
/// Most states of one rule.
pub const MAX_STATES: usize = 256;
/// Most parameters of one rule.
pub const MAX_PARAMETERS: usize = 256;
/// Most draws (`drop` sites and noise) of one rule.
pub const MAX_SITES: usize = 4_096;

/// A node of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

/// A parameter of a [`Rule`], by its place in [`Rule::parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(pub(crate) u16);

/// A state of a [`Rule`], by its place in [`Rule::states`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub(crate) u16);

/// Which `drop` a node is: each one that is written draws by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(pub(crate) u32);

impl NodeId {
    /// Place in the arena.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ParameterId {
    /// Place in [`Rule::parameters`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl StateId {
    /// Place in [`Rule::states`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Site {
    /// The number of the site.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// An f64 that is compared by its bits; all NaNs are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

impl Number {
    /// The number as bits; any NaN becomes the one quiet NaN.
    pub fn new(value: f64) -> Number {
        Number(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
    }

    /// The number.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// One node; operands come before it in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// A literal or folded constant.
    Constant(Number),
    /// A leaf operand.
    Operand(Operand),
    /// `cd(n)` or `rd(n)`.
    Decay(Cosine, Number),
    /// A hyper-parameter.
    Parameter(ParameterId),
    /// A state after this step's update.
    State(StateId),
    /// A state before this step.
    Previous(StateId),
    /// An average divided by `1 - decay^(t+1)`; the state is a [`StateKind::Average`].
    Debias(StateId),
    /// A function of one argument.
    Unary(Unary, NodeId),
    /// A function of two arguments.
    Binary(Binary, NodeId, NodeId),
    /// `clip(x, lo, hi)`
    Clip(NodeId, NodeId, NodeId),
    /// `drop(x, p)` at a site.
    Drop(Site, NodeId, Number),
    /// `where(a ~ b, x, y)`
    Where(Comparison, [NodeId; 4]),
}

impl Node {
    /// The operands, in order.
    pub fn operands(&self) -> impl Iterator<Item = NodeId> + use<> {
        let list = match *self {
            Node::Unary(_, a) | Node::Drop(_, a, _) => [Some(a), None, None, None],
            Node::Binary(_, a, b) => [Some(a), Some(b), None, None],
            Node::Clip(a, b, c) => [Some(a), Some(b), Some(c), None],
            Node::Where(_, list) => list.map(Some),
            Node::Constant(_)
            | Node::Operand(_)
            | Node::Decay(..)
            | Node::Parameter(_)
            | Node::State(_)
            | Node::Previous(_)
            | Node::Debias(_) => [None; 4],
        };
        list.into_iter().flatten()
    }

    /// The node with its operands replaced.
    #[must_use]
    pub fn map(self, mut f: impl FnMut(NodeId) -> NodeId) -> Node {
        match self {
            Node::Unary(op, a) => Node::Unary(op, f(a)),
            Node::Binary(op, a, b) => {
                let a = f(a);
                Node::Binary(op, a, f(b))
            }
            Node::Clip(a, b, c) => {
                let (a, b) = (f(a), f(b));
                Node::Clip(a, b, f(c))
            }
            Node::Drop(site, a, p) => Node::Drop(site, f(a), p),
            Node::Where(op, list) => Node::Where(op, list.map(f)),
            leaf => leaf,
        }
    }
}

/// Nodes of one rule, equal ones shared.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: IndexSet<Node>,
}

impl Tree {
    /// The node's place; an equal node that is already there is returned.
    pub fn add(&mut self, node: Node) -> NodeId {
        NodeId(self.nodes.insert_full(node).0 as u32)
    }

    /// Whether the node is `g`.
    pub(crate) fn is_gradient(&self, id: NodeId) -> bool {
        self.node(id) == Node::Operand(Operand::Gradient)
    }

    /// Whether the node is `g*g`.
    pub(crate) fn is_square_of_gradient(&self, id: NodeId) -> bool {
        matches!(self.node(id), Node::Binary(Binary::Mul, a, b) if a == b && self.is_gradient(a))
    }

    /// A constant.
    pub fn constant(&mut self, value: f64) -> NodeId {
        self.add(Node::Constant(Number::new(value)))
    }

    /// A function of one argument.
    pub fn unary(&mut self, op: Unary, a: NodeId) -> NodeId {
        self.add(Node::Unary(op, a))
    }

    /// A function of two arguments.
    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        self.add(Node::Binary(op, a, b))
    }

    /// The place of a node, if it is there.
    pub fn find(&self, node: Node) -> Option<NodeId> {
        self.nodes.get_index_of(&node).map(|index| NodeId(index as u32))
    }

    /// The node at a place.
    pub fn node(&self, id: NodeId) -> Node {
        self.nodes[id.index()]
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All nodes with their places, operands before users.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, Node)> + '_ {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index as u32), *node))
    }

    /// The value, if the node is a constant.
    pub fn as_constant(&self, id: NodeId) -> Option<f64> {
        match self.node(id) {
            Node::Constant(number) => Some(number.value()),
            _ => None,
        }
    }
}

/// A hyper-parameter of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The value unless the user sets another.
    pub default: f64,
}

impl Parameter {
    /// Whether it is a parameter that every rule has, with its own default.
    pub(crate) fn is_built_in(&self) -> bool {
        built_in_default(&self.name)
            .is_some_and(|default| default.to_bits() == self.default.to_bits())
    }
}

/// How a state moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateKind {
    /// `ema(x, decay)`: starts at 0; `0 <= decay < 1` is checked before a step.
    Average {
        /// What is averaged.
        x: NodeId,
        /// A step scalar.
        decay: NodeId,
    },
    /// `state NAME init = next`
    Recurrence {
        /// A step scalar, evaluated at step 0.
        init: NodeId,
        /// The value after a step.
        next: NodeId,
    },
}

/// Memory that is updated once a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The name in the source; `None` for an `ema`.
    pub name: Option<String>,
    /// How it moves.
    pub kind: StateKind,
}

impl StateKind {
    /// The nodes that the state refers to.
    pub fn nodes(self) -> [NodeId; 2] {
        match self {
            StateKind::Average { x, decay } => [decay, x],
            StateKind::Recurrence { init, next } => [init, next],
        }
    }

    /// The kind with its nodes replaced.
    #[must_use]
    pub fn map(self, mut f: impl FnMut(NodeId) -> NodeId) -> StateKind {
        match self {
            StateKind::Average { x, decay } => {
                let decay = f(decay);
                StateKind::Average { x: f(x), decay }
            }
            StateKind::Recurrence { init, next } => {
                let init = f(init);
                StateKind::Recurrence { init, next: f(next) }
            }
        }
    }

    /// The node that decides whether the state varies from element to element.
    pub fn next(self) -> NodeId {
        match self {
            StateKind::Average { x, .. } => x,
            StateKind::Recurrence { next, .. } => next,
        }
    }
}

/// A checked rule: every name resolved, every restriction of the language met.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The nodes of update, schedule and states.
    pub tree: Tree,
    /// Parameters that the rule declares or uses.
    pub parameters: Vec<Parameter>,
    /// States in the order of evaluation.
    pub states: Vec<State>,
    /// What is subtracted, times `lr * schedule`.
    pub update: NodeId,
    /// A step scalar; 1 if there is none.
    pub schedule: Option<NodeId>,
}

impl Rule {
    /// Nodes that `update`, `schedule` and the states that they need reach, and those states.
    pub fn live(&self) -> Live {
        self.reach([Some(self.update), self.schedule].into_iter().flatten().collect())
    }

    /// All states, in order.
    pub fn state_ids(&self) -> impl Iterator<Item = StateId> + use<> {
        (0..self.states.len()).map(|index| StateId(index as u16))
    }

    /// Nodes and states that the given nodes reach, through states too.
    pub fn reach(&self, mut open: Vec<NodeId>) -> Live {
        let mut live =
            Live { nodes: vec![false; self.tree.len()], states: vec![false; self.states.len()] };
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut live.nodes[id.index()], true) {
                continue;
            }
            let node = self.tree.node(id);
            open.extend(node.operands());
            if let Node::State(state) | Node::Previous(state) | Node::Debias(state) = node
                && !std::mem::replace(&mut live.states[state.index()], true)
            {
                open.extend(self.states[state.index()].kind.nodes());
            }
        }
        live
    }

    /// Which nodes, and which states, have one value for every element.
    ///
    /// With `draws_vary` noise and drops differ from element to element, as in an update; without, they
    /// are one draw a step, as in a schedule. A state lives in the update: its draws always vary.
    pub fn uniform(&self, draws_vary: bool) -> Live {
        let mut uniform = Live { nodes: Vec::new(), states: vec![true; self.states.len()] };
        loop {
            uniform.nodes = self.uniform_nodes(&uniform.states, true);
            let mut changed = false;
            for (index, state) in self.states.iter().enumerate() {
                let varies = !uniform.nodes[state.kind.next().index()];
                changed |= varies && std::mem::replace(&mut uniform.states[index], false);
            }
            if !changed {
                break;
            }
        }
        if !draws_vary {
            uniform.nodes = self.uniform_nodes(&uniform.states, false);
        }
        uniform
    }

    fn uniform_nodes(&self, states: &[bool], draws_vary: bool) -> Vec<bool> {
        let mut uniform: Vec<bool> = Vec::with_capacity(self.tree.len());
        for (_, node) in self.tree.iter() {
            let own = match node {
                Node::Operand(Operand::Gradient | Operand::Weight) => false,
                Node::Operand(Operand::Noise | Operand::DecayingNoise) | Node::Drop(..) => {
                    !draws_vary
                }
                Node::State(s) | Node::Previous(s) | Node::Debias(s) => states[s.index()],
                _ => true,
            };
            let all = own && node.operands().all(|operand| uniform[operand.index()]);
            uniform.push(all);
        }
        uniform
    }

    /// Whether two rules are the same tree: equal node for node, draw for draw and state for state, up to
    /// the numbering of nodes, sites and states, their names, and parts that nothing uses.
    pub fn same_as(&self, other: &Rule) -> bool {
        crate::same::same(self, other)
    }

    /// Whether the rule needs the total number of steps.
    pub fn needs_total_steps(&self) -> bool {
        let live = self.live();
        self.tree.iter().any(|(id, node)| {
            live.nodes[id.index()]
                && matches!(
                    node,
                    Node::Operand(Operand::TotalSteps | Operand::LinearDecay) | Node::Decay(..)
                )
        })
    }
}

/// A flag for each node and each state of a rule.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// By [`NodeId::index`].
    pub nodes: Vec<bool>,
    /// By [`StateId::index`].
    pub states: Vec<bool>,
}
