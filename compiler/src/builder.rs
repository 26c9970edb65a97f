//! Makes the nodes that operand names and token names stand for.

use crate::primitive::{BARE_DECAY, Binary, Meaning, Unary, built_in_default, primitive};
use crate::tree::{
    MAX_NODES, MAX_PARAMETERS, MAX_SITES, MAX_STATES, Node, NodeId, Number, Parameter, ParameterId,
    Rule, Site, State, StateId, StateKind, Tree,
};

/// A limit of the language that a rule ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) what: &'static str,
    pub(crate) limit: usize,
}

/// A rule under construction.
#[derive(Debug, Default)]
pub(crate) struct RuleBuilder {
    pub(crate) tree: Tree,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) states: Vec<State>,
    sites: u32,
}

impl RuleBuilder {
    /// A rule that is to be built on: its nodes keep their places.
    pub(crate) fn of(rule: &Rule) -> RuleBuilder {
        let sites = rule.tree.iter().filter_map(|(_, node)| match node {
            Node::Drop(site, ..) => Some(site.number() + 1),
            _ => None,
        });
        RuleBuilder {
            sites: sites.max().unwrap_or(0),
            tree: rule.tree.clone(),
            parameters: rule.parameters.clone(),
            states: rule.states.clone(),
        }
    }

    /// The parameter of this name, made with the default if it is not there.
    pub(crate) fn parameter(&mut self, name: &str, default: f64) -> NodeId {
        let known = self.parameters.iter().position(|p| p.name == name);
        let index = known.unwrap_or_else(|| {
            self.parameters.push(Parameter { name: name.to_owned(), default });
            self.parameters.len() - 1
        });
        self.tree.add(Node::Parameter(ParameterId(index as u16)))
    }

    /// The parameter of this name with this default, which replaces the default of one that is built in,
    /// even where `m` or `adam` has used it before.
    pub(crate) fn declared_parameter(&mut self, name: &str, default: f64) -> NodeId {
        let node = self.parameter(name, default);
        if let Node::Parameter(id) = self.tree.node(node)
            && let Some(parameter) = self.parameters.get_mut(id.index())
        {
            parameter.default = default;
        }
        node
    }

    /// A parameter that every rule has.
    pub(crate) fn built_in_parameter(&mut self, name: &str) -> NodeId {
        self.parameter(name, built_in_default(name).unwrap_or(f64::NAN))
    }

    /// `ema(x, decay)`; an equal one is the same state.
    pub(crate) fn average(&mut self, x: NodeId, decay: NodeId) -> StateId {
        self.state(State { name: None, kind: StateKind::Average { x, decay } })
    }

    fn state(&mut self, state: State) -> StateId {
        let known = self.states.iter().position(|s| *s == state);
        let index = known.unwrap_or_else(|| {
            self.states.push(state);
            self.states.len() - 1
        });
        StateId(index as u16)
    }

    /// `x^n` for an integer literal of at most 4.
    pub(crate) fn power(&mut self, x: NodeId, n: i32) -> NodeId {
        let positive = match n.unsigned_abs() {
            0 => return self.tree.constant(1.0),
            1 => x,
            2 => self.tree.binary(Binary::Mul, x, x),
            3 => {
                let square = self.tree.binary(Binary::Mul, x, x);
                self.tree.binary(Binary::Mul, square, x)
            }
            _ => {
                let square = self.tree.binary(Binary::Mul, x, x);
                self.tree.binary(Binary::Mul, square, square)
            }
        };
        if n > 0 {
            return positive;
        }
        let one = self.tree.constant(1.0);
        self.tree.binary(Binary::Div, one, positive)
    }

    /// `m`, `v`, `gamma`.
    pub(crate) fn moment(&mut self, power: u8, decay: &str) -> NodeId {
        let g = self.tree.add(Node::Operand(crate::primitive::Operand::Gradient));
        let x = self.power(g, i32::from(power));
        let decay = self.built_in_parameter(decay);
        let state = self.average(x, decay);
        self.tree.add(Node::State(state));
        self.tree.add(Node::Debias(state))
    }

    /// `numerator / (sqrt(v) + delta)`.
    pub(crate) fn scaled(&mut self, numerator: NodeId) -> NodeId {
        let v = self.moment(2, "beta2");
        let root = self.tree.unary(Unary::Sqrt, v);
        let delta = self.built_in_parameter("delta");
        let divisor = self.tree.binary(Binary::Add, root, delta);
        self.tree.binary(Binary::Div, numerator, divisor)
    }

    /// The node of a name that nothing shadows; `None` for functions.
    pub(crate) fn operand(&mut self, name: &str) -> Option<NodeId> {
        let row = primitive(name)?;
        Some(match row.meaning {
            Meaning::Leaf(operand) => self.tree.add(Node::Operand(operand)),
            Meaning::Constant(value) => self.tree.constant(value),
            Meaning::Parameter(default) => self.parameter(name, default),
            Meaning::Average { power, decay } => self.moment(power, decay),
            Meaning::Scaled { numerator } => {
                let numerator = self.operand_leaf(numerator);
                self.scaled(numerator)
            }
            Meaning::Decay(kind) if row.arity.0 == 0 => {
                self.tree.add(Node::Decay(kind, Number::new(BARE_DECAY)))
            }
            _ => return None,
        })
    }

    fn operand_leaf(&mut self, name: &str) -> NodeId {
        if name == "m" {
            self.moment(1, "beta1")
        } else {
            self.tree.add(Node::Operand(crate::primitive::Operand::Gradient))
        }
    }

    /// `-x`; the negative of a number is a number, however it is written.
    pub(crate) fn neg(&mut self, x: NodeId) -> NodeId {
        match self.tree.as_constant(x) {
            Some(value) => self.tree.constant(-value),
            None => self.tree.unary(Unary::Neg, x),
        }
    }

    /// `clip(x, c)`.
    pub(crate) fn clip(&mut self, x: NodeId, c: NodeId) -> NodeId {
        let lo = self.neg(c);
        self.tree.add(Node::Clip(x, lo, c))
    }

    /// A new draw.
    pub(crate) fn drop(&mut self, x: NodeId, p: f64) -> NodeId {
        let site = Site(self.sites);
        self.sites += 1;
        self.tree.add(Node::Drop(site, x, Number::new(p)))
    }

    /// The limit that has been passed, if any.
    pub(crate) fn over_limit(&self) -> Option<Limit> {
        let over = |found: usize, what, limit| (found > limit).then_some(Limit { what, limit });
        over(self.tree.len(), "nodes", MAX_NODES)
            .or(over(self.states.len(), "states", MAX_STATES))
            .or(over(self.parameters.len(), "parameters", MAX_PARAMETERS))
            .or(over(self.sites as usize, "draws", MAX_SITES))
    }

    /// The finished rule.
    pub(crate) fn finish(self, name: String, update: NodeId, schedule: Option<NodeId>) -> Rule {
        Rule {
            name,
            tree: self.tree,
            parameters: self.parameters,
            states: self.states,
            update,
            schedule,
        }
    }
}
