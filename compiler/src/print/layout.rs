//! What a printed rule names: which nodes become `let`, which states need a name.

use indexmap::{IndexMap, IndexSet};

use crate::primitive::{Binary, Meaning, PRIMITIVES, Unary, primitive};
use crate::tree::{Live, Node, NodeId, Parameter, Rule, StateId, StateKind};

/// A shared node larger than this gets a name.
const LARGE: usize = 16;
/// A node this deep gets a name, so that the text parses within the limit on nesting.
const DEEP: usize = 48;

/// Names and shapes for the printer.
pub(super) struct Layout<'a> {
    pub(super) rule: &'a Rule,
    pub(super) live: Live,
    /// By node: its name if it is printed as a `let`.
    pub(super) lets: Vec<Option<String>>,
    /// By state: its name in the text.
    pub(super) states: Vec<String>,
    /// By node: a constant, made by folding, that is finite but infinite where it meets an element.
    pub(super) overflows: Vec<bool>,
    taken: IndexSet<String>,
    /// Names of operands that are printed, which no declared name may hide.
    operands: IndexSet<&'static str>,
    /// By a wanted name, and whether it may be kept: the number that was tried last.
    numbers: IndexMap<(String, bool), usize>,
}

/// A node as the printer sees it: `x^2` is one form, and an average holds what it averages.
pub(super) enum Shape {
    /// Printed by name or as a number.
    Leaf,
    /// `m`, `v` or `gamma`.
    Moment(&'static str),
    /// `x^n`
    Power(NodeId, u8),
    /// `ema(x, decay)`
    Average(NodeId, NodeId),
    /// `debias(...)` of the node of the average.
    Debias(StateId),
    /// `adam` or `rmsprop`, where a parameter hides `g`.
    Scaled(&'static str),
    /// Any other node, by its operands.
    Plain,
}

impl<'a> Layout<'a> {
    pub(super) fn new(rule: &'a Rule) -> Layout<'a> {
        let mut live = rule.live();
        for (id, node) in rule.tree.iter() {
            // The text of a debiased average holds that of the average.
            if let Node::Debias(state) = node
                && live.nodes[id.index()]
                && let Some(average) = rule.tree.find(Node::State(state))
            {
                live.nodes[average.index()] = true;
            }
        }
        let mut taken: IndexSet<String> = IndexSet::new();
        for (id, node) in rule.tree.iter() {
            if let Node::Parameter(parameter) = node
                && live.nodes[id.index()]
            {
                taken.insert(rule.parameters[parameter.index()].name.clone());
            }
        }
        let mut layout = Layout {
            rule,
            lets: Vec::new(),
            states: Vec::new(),
            overflows: overflows(rule),
            taken,
            operands: printed_operands(rule, &live),
            numbers: IndexMap::new(),
            live,
        };
        layout.name_states();
        layout.name_lets();
        layout
    }

    /// Parameters that have to be declared: not built in, or with another default.
    pub(super) fn declared_parameters(&self) -> Vec<&'a Parameter> {
        let mut declared = Vec::new();
        for (id, node) in self.rule.tree.iter() {
            let Node::Parameter(parameter) = node else { continue };
            let parameter = &self.rule.parameters[parameter.index()];
            if self.live.nodes[id.index()] && !parameter.is_built_in() {
                declared.push(parameter);
            }
        }
        declared
    }

    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    pub(super) fn shape(&self, id: NodeId) -> Shape {
        let tree = &self.rule.tree;
        match tree.node(id) {
            Node::Binary(Binary::Mul, a, b) => match power(self.rule, a, b) {
                Some((x, n)) => Shape::Power(x, n),
                None => Shape::Plain,
            },
            Node::State(state) => match self.rule.states[state.index()].kind {
                StateKind::Average { x, decay } => Shape::Average(x, decay),
                StateKind::Recurrence { .. } => Shape::Leaf,
            },
            Node::Debias(state) => match self.moment(state) {
                Some(name) => Shape::Moment(name),
                None => Shape::Debias(state),
            },
            Node::Binary(Binary::Div, a, b) if self.is_taken("g") => {
                self.scaled(a, b).map_or(Shape::Plain, Shape::Scaled)
            }
            node if node.operands().next().is_none() => Shape::Leaf,
            _ => Shape::Plain,
        }
    }

    /// The name of `a / b`, if it is `adam` or `rmsprop`, which mean the gradient whatever `g` is here.
    fn scaled(&self, a: NodeId, b: NodeId) -> Option<&'static str> {
        let tree = &self.rule.tree;
        let Node::Binary(Binary::Add, p, q) = tree.node(b) else { return None };
        let moment = |id: NodeId, power: u8, decay: &str| match tree.node(id) {
            Node::Debias(state) => is_moment(self.rule, state, power, decay),
            _ => false,
        };
        let root = |id: NodeId| match tree.node(id) {
            Node::Unary(Unary::Sqrt, v) => moment(v, 2, "beta2"),
            _ => false,
        };
        let delta = |id: NodeId| match tree.node(id) {
            Node::Parameter(parameter) => self.rule.parameters[parameter.index()].name == "delta",
            _ => false,
        };
        // In a canonical tree the divisor's operands stand the other way round.
        if !((root(p) && delta(q)) || (delta(p) && root(q))) {
            return None;
        }
        if tree.is_gradient(a) {
            return Some("rmsprop");
        }
        moment(a, 1, "beta1").then_some("adam")
    }

    /// The node of an average, which is in the tree of every rule that debiases it.
    pub(super) fn average_node(&self, state: StateId) -> Option<NodeId> {
        self.rule.tree.find(Node::State(state))
    }

    /// The nodes that a node's text contains.
    fn parts(&self, id: NodeId) -> Vec<NodeId> {
        match self.shape(id) {
            Shape::Leaf | Shape::Moment(_) | Shape::Scaled(_) => Vec::new(),
            Shape::Power(x, _) => vec![x],
            Shape::Average(x, decay) => vec![x, decay],
            Shape::Debias(state) => self.average_node(state).into_iter().collect(),
            Shape::Plain => self.rule.tree.node(id).operands().collect(),
        }
    }

    /// `m`, `v` or `gamma`, unless the rule declares something else by that name.
    fn moment(&self, state: StateId) -> Option<&'static str> {
        self.rule.moment(state).filter(|name| !self.is_taken(name))
    }

    fn name_states(&mut self) {
        for state in &self.rule.states {
            let wanted = match (&state.name, state.kind) {
                (Some(name), StateKind::Recurrence { .. }) => name.clone(),
                (None, StateKind::Recurrence { .. }) => "s".to_owned(),
                (_, StateKind::Average { .. }) => {
                    self.states.push(String::new());
                    continue;
                }
            };
            let name = self.fresh(&wanted, state.name.is_some());
            self.states.push(name);
        }
    }

    /// The wanted name, or with a number that makes it new; a plain wanted name may be kept as it is.
    fn fresh(&mut self, wanted: &str, plain: bool) -> String {
        let usable = |name: &str, taken: &IndexSet<String>| {
            !taken.contains(name) && (plain || primitive(name).is_none())
        };
        let number = self.numbers.entry((wanted.to_owned(), plain)).or_insert(0);
        let mut name = if *number == 0 { wanted.to_owned() } else { format!("{wanted}{number}") };
        while !usable(&name, &self.taken)
            || (*number == 0 && !plain)
            || self.operands.contains(name.as_str())
        {
            *number += 1;
            name = format!("{wanted}{number}");
        }
        self.taken.insert(name.clone());
        name
    }

    fn name_lets(&mut self) {
        let uses = self.uses();
        let count = self.rule.tree.len();
        let (mut size, mut depth, mut draws) = (vec![1; count], vec![1; count], vec![false; count]);
        self.lets = vec![None; count];
        for (id, node) in self.rule.tree.iter() {
            if !self.live.nodes[id.index()] {
                continue;
            }
            let at = id.index();
            draws[at] = matches!(node, Node::Drop(..));
            for part in self.parts(id) {
                let named = self.lets[part.index()].is_some();
                size[at] += if named { 1 } else { size[part.index()] };
                depth[at] = depth[at].max(1 + if named { 1 } else { depth[part.index()] });
                draws[at] |= draws[part.index()];
            }
            let shared = uses[at] > 1 && (draws[at] || size[at] > LARGE);
            if !matches!(self.shape(id), Shape::Leaf) && (shared || depth[at] > DEEP) {
                self.lets[at] = Some(self.fresh("x", false));
            }
        }
    }

    /// How often the text of each node would appear.
    fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0u32; self.rule.tree.len()];
        for (id, _) in self.rule.tree.iter().filter(|(id, _)| self.live.nodes[id.index()]) {
            self.parts(id).into_iter().for_each(|part| uses[part.index()] += 1);
        }
        for root in [Some(self.rule.update), self.rule.schedule].into_iter().flatten() {
            uses[root.index()] += 1;
        }
        for (index, state) in self.rule.states.iter().enumerate() {
            if self.live.states[index] && matches!(state.kind, StateKind::Recurrence { .. }) {
                state.kind.nodes().into_iter().for_each(|node| uses[node.index()] += 1);
            }
        }
        uses
    }
}

fn printed_operands(rule: &Rule, live: &Live) -> IndexSet<&'static str> {
    let mut names = IndexSet::new();
    for (_, node) in rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]) {
        match node {
            Node::Operand(operand) => drop(names.insert(operand.name())),
            Node::Decay(..) => names.extend(["cd", "rd"]),
            _ => {}
        }
    }
    names
}

fn overflows(rule: &Rule) -> Vec<bool> {
    let meets_element = crate::check::meet_elements(rule, &rule.uniform(true), &rule.live());
    let constant = |id: NodeId| rule.tree.as_constant(id).filter(|value| value.is_finite());
    let overflow = |id: NodeId| constant(id).is_some_and(|value| (value as f32).is_infinite());
    rule.tree.iter().map(|(id, _)| meets_element[id.index()] && overflow(id)).collect()
}

/// The x and n of `x^n`, as the language expands it.
fn power(rule: &Rule, a: NodeId, b: NodeId) -> Option<(NodeId, u8)> {
    let square = |id: NodeId| match rule.tree.node(id) {
        Node::Binary(Binary::Mul, x, y) if x == y => Some(x),
        _ => None,
    };
    if a == b {
        return Some(match square(a) {
            Some(x) => (x, 4),
            None => (a, 2),
        });
    }
    square(a).filter(|x| *x == b).map(|x| (x, 3))
}

impl Rule {
    /// `m`, if the state is the average of the gradient that `m` names; likewise `v` and `gamma`.
    pub fn moment(&self, state: StateId) -> Option<&'static str> {
        let row = PRIMITIVES.iter().find(|row| match row.meaning {
            Meaning::Average { power, decay } => is_moment(self, state, power, decay),
            _ => false,
        });
        row.map(|row| row.name)
    }
}

/// Whether a state is the average of `g^power` with the parameter of this name for its decay.
fn is_moment(rule: &Rule, state: StateId, power: u8, decay: &str) -> bool {
    let StateKind::Average { x, decay: found } = rule.states[state.index()].kind else {
        return false;
    };
    let Node::Parameter(parameter) = rule.tree.node(found) else { return false };
    rule.parameters[parameter.index()].name == decay && is_gradient_power(rule, x, power)
}

fn is_gradient_power(rule: &Rule, x: NodeId, n: u8) -> bool {
    let tree = &rule.tree;
    match tree.node(x) {
        _ if n == 1 => tree.is_gradient(x),
        Node::Binary(Binary::Mul, a, b) => {
            power(rule, a, b).is_some_and(|(base, power)| power == n && tree.is_gradient(base))
        }
        _ => false,
    }
}
