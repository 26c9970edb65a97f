//! A rule as it is compared: what it reads, its drops, and its value at a point.

use std::collections::{BTreeMap, BTreeSet};

use crate::primitive::{Binary, Cosine, Operand};
use crate::print::NodeTexts;
use crate::tree::{Node, NodeId, Rule, StateId, StateKind};

use super::point::{Point, Step, Variable};
use super::value::Value;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The update.
    Update,
    /// The schedule.
    Schedule,
}

/// How states are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// All are averages of `g`, `g^2` or `g^3`, which are independent: each is a variable.
    Free,
    /// Worked out step by step from the start.
    Steps,
}

/// The numbers of the drops that do not let pass.
pub(super) type Dropped = BTreeSet<u32>;

/// A rule, and the nodes that count.
pub(super) struct Subject<'a> {
    pub(super) rule: &'a Rule,
    memory: Memory,
    live: Vec<bool>,
}

impl<'a> Subject<'a> {
    /// A rule whose states are taken so.
    pub(super) fn new(rule: &'a Rule, memory: Memory) -> Subject<'a> {
        let roots = [Some(rule.update), rule.schedule].into_iter().flatten().collect();
        let mut subject = Subject { rule, memory, live: Vec::new() };
        subject.live = subject.reach(roots);
        subject
    }

    fn reach(&self, roots: Vec<NodeId>) -> Vec<bool> {
        if self.memory == Memory::Steps {
            return self.rule.reach(roots).nodes;
        }
        let mut reached = vec![false; self.rule.tree.len()];
        let mut open = roots;
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut reached[id.index()], true) {
                open.extend(self.rule.tree.node(id).operands());
            }
        }
        reached
    }

    fn live_nodes(&self) -> impl Iterator<Item = (NodeId, Node)> + '_ {
        self.rule.tree.iter().filter(|(id, _)| self.live[id.index()])
    }

    /// The variables that the update or the schedule reads, with the names that they have.
    pub(super) fn variables(&self, what: What) -> BTreeMap<Variable, String> {
        let Some(root) = self.root(what) else { return BTreeMap::new() };
        let reached = self.reach(vec![root]);
        let texts = NodeTexts::new(self.rule);
        let mut found = BTreeMap::new();
        for (id, node) in self.live_nodes().filter(|(id, _)| reached[id.index()]) {
            // Of the nodes that are read: most are not, and their texts may be long.
            let name = || texts.of(id);
            match node {
                Node::Operand(Operand::Gradient) => _ = found.insert(Variable::Gradient, name()),
                Node::Operand(Operand::Weight) => _ = found.insert(Variable::Weight, name()),
                Node::Operand(Operand::LearningRate) => _ = found.insert(Variable::Rate, name()),
                Node::Operand(Operand::Step) => _ = found.insert(Variable::Time, name()),
                Node::Operand(Operand::TotalSteps | Operand::LinearDecay) | Node::Decay(..) => {
                    found.insert(Variable::Time, "t".to_owned());
                    found.insert(Variable::Total, "T".to_owned());
                }
                Node::Operand(Operand::Noise) => _ = found.insert(Variable::Noise, name()),
                Node::Operand(Operand::DecayingNoise) => {
                    found.insert(Variable::DecayingNoise, name());
                }
                Node::State(state) | Node::Debias(state) if self.memory == Memory::Free => {
                    if let Some(average) = average(self.rule, state) {
                        let name = match node {
                            Node::Debias(_) => name(),
                            _ => format!("{} after the step", name()),
                        };
                        let debiased = matches!(node, Node::Debias(_));
                        found.insert(average.variable(debiased), name);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The sites of the drops that may go either way, with their probabilities, in the order in which they are
    /// written.
    pub(super) fn drops(&self, what: What) -> Vec<(u32, f64)> {
        let reached = self.root(what).map(|root| self.reach(vec![root])).unwrap_or_default();
        let mut drops: Vec<(u32, f64)> = Vec::new();
        for (id, node) in self.rule.tree.iter() {
            if let Node::Drop(site, _, p) = node
                && reached.get(id.index()) == Some(&true)
                && 0.0 < p.value()
                && p.value() < 1.0
                && drops.iter().all(|(other, _)| *other != site.number())
            {
                drops.push((site.number(), p.value()));
            }
        }
        drops.sort_by_key(|(site, _)| *site);
        drops
    }

    fn root(&self, what: What) -> Option<NodeId> {
        match what {
            What::Update => Some(self.rule.update),
            What::Schedule => self.rule.schedule,
        }
    }

    /// The update or the schedule at a point. The same drops do not let pass at all steps.
    ///
    /// What is read and drawn is that of the one that is asked for: no state that a schedule reads has a draw.
    pub(super) fn value(&self, what: What, point: &Point, dropped: &Dropped) -> Value {
        let mut before = vec![Value::ZERO; self.rule.states.len()];
        let mut values = Vec::new();
        for (number, step) in point.steps.iter().enumerate() {
            let at = At { point, step, time: point.time + number as u64, dropped };
            if number == 0 && self.memory == Memory::Steps {
                let start = self.values(&at, &before);
                let kinds = self.rule.states.iter().map(|state| state.kind);
                before = kinds.map(|kind| start_of(kind, &start)).collect();
            }
            values = self.values(&at, &before);
            if self.memory == Memory::Steps {
                let next = self.rule.state_ids().map(|s| self.state(s, &values, &before));
                before = next.collect();
            }
        }
        match self.root(what) {
            Some(root) => values.get(root.index()).copied().unwrap_or(Value::Unknown),
            None => Value::ONE,
        }
    }

    fn values(&self, at: &At<'_>, before: &[Value]) -> Vec<Value> {
        let mut values = vec![Value::Unknown; self.rule.tree.len()];
        for (id, node) in self.live_nodes() {
            values[id.index()] = self.node(node, at, before, &values);
        }
        values
    }

    fn node(&self, node: Node, at: &At<'_>, before: &[Value], values: &[Value]) -> Value {
        let value = |id: NodeId| values[id.index()];
        match node {
            Node::Constant(number) => Value::literal(number.value()),
            Node::Operand(operand) => at.operand(operand),
            Node::Decay(kind, n) => decay(kind, n.value(), at),
            Node::Parameter(id) => {
                let parameter = &self.rule.parameters[id.index()];
                // The pole of a division is at `-delta`, whatever the f64 nearest to its decimals.
                if parameter.name == "delta" {
                    Value::exact(parameter.default)
                } else {
                    Value::literal(parameter.default)
                }
            }
            Node::State(state) | Node::Debias(state) if self.memory == Memory::Free => {
                self.variable(state, matches!(node, Node::Debias(_)), at)
            }
            Node::State(state) => self.state(state, values, before),
            Node::Debias(state) => {
                self.state(state, values, before).div(self.lack(state, at, values))
            }
            Node::Previous(state) => before[state.index()],
            Node::Unary(op, x) => Value::unary(op, value(x)),
            Node::Binary(op, x, y) => Value::binary(op, value(x), value(y)),
            Node::Clip(x, lo, hi) => value(x).clip(value(lo), value(hi)),
            Node::Drop(site, x, p) => {
                if p.value() >= 1.0 || at.dropped.contains(&site.number()) {
                    Value::ZERO
                } else {
                    value(x)
                }
            }
            Node::Where(op, [a, b, x, y]) => match Value::holds(op, value(a), value(b)) {
                Some(true) => value(x),
                Some(false) => value(y),
                None => Value::Unknown,
            },
        }
    }

    /// An average that is a variable, divided by what it lacks at the start or not.
    fn variable(&self, state: StateId, debiased: bool, at: &At<'_>) -> Value {
        let Some(average) = average(self.rule, state) else { return Value::Unknown };
        let read = |debiased| at.step.get(&average.variable(debiased)).map(|x| Value::exact(*x));
        match (read(true), read(false), debiased) {
            (Some(x), _, true) | (None, Some(x), false) => x,
            (Some(x), _, false) => x.mul(lack(Value::literal(f64::from_bits(average.decay)), at)),
            _ => Value::Unknown,
        }
    }

    /// `1 - decay^(t+1)`
    fn lack(&self, state: StateId, at: &At<'_>, values: &[Value]) -> Value {
        match self.rule.states[state.index()].kind {
            StateKind::Average { decay, .. } => lack(values[decay.index()], at),
            StateKind::Recurrence { .. } => Value::Unknown,
        }
    }

    /// A state after the step.
    fn state(&self, state: StateId, values: &[Value], before: &[Value]) -> Value {
        let value = |id: NodeId| values[id.index()];
        match self.rule.states[state.index()].kind {
            StateKind::Recurrence { next, .. } => value(next),
            StateKind::Average { x, decay } => {
                let decay = value(decay);
                if !matches!(decay, Value::Real(d, bound) if bound <= d && d + bound < 1.0) {
                    return Value::Unknown;
                }
                let rest = Value::ONE.add(decay.mul(Value::exact(-1.0)));
                decay.mul(before[state.index()]).add(rest.mul(value(x)))
            }
        }
    }
}

/// What an average lacks after some steps from 0.
fn lack(decay: Value, at: &At<'_>) -> Value {
    let rest = super::power::power(decay, Value::exact(at.time as f64 + 1.0));
    Value::ONE.add(rest.mul(Value::exact(-1.0)))
}

fn start_of(kind: StateKind, values: &[Value]) -> Value {
    match kind {
        StateKind::Average { .. } => Value::ZERO,
        StateKind::Recurrence { init, .. } => values[init.index()],
    }
}

/// The average of a power of the gradient, with a fixed decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Average {
    /// 0 where what is averaged is no power of the gradient.
    power: u8,
    /// The bits of the decay.
    decay: u64,
}

impl Average {
    fn variable(self, debiased: bool) -> Variable {
        Variable::Average { power: self.power, decay: self.decay, debiased }
    }
}

/// What a state averages; `None` for another state or a decay that is no number.
fn average(rule: &Rule, state: StateId) -> Option<Average> {
    let StateKind::Average { x, decay } = rule.states[state.index()].kind else { return None };
    let decay = match rule.tree.node(decay) {
        Node::Constant(number) => number.value(),
        Node::Parameter(parameter) => rule.parameters[parameter.index()].default,
        _ => return None,
    };
    Some(Average { power: power_of_gradient(rule, x), decay: decay.to_bits() })
}

/// 1, 2 or 3; 0 for anything else.
fn power_of_gradient(rule: &Rule, x: NodeId) -> u8 {
    let tree = &rule.tree;
    let is_cube = |a, b| tree.is_square_of_gradient(a) && tree.is_gradient(b);
    match tree.node(x) {
        _ if tree.is_gradient(x) => 1,
        _ if tree.is_square_of_gradient(x) => 2,
        Node::Binary(Binary::Mul, a, b) if is_cube(a, b) || is_cube(b, a) => 3,
        _ => 0,
    }
}

/// Whether all states of a rule are averages of `g`, `g^2` or `g^3` with fixed decays, so that any values of them
/// can be reached together.
pub fn has_free_states(rule: &Rule) -> bool {
    let live = rule.live();
    let reads_before = rule
        .tree
        .iter()
        .any(|(id, node)| live.nodes[id.index()] && matches!(node, Node::Previous(_)));
    let is_plain = |state: StateId| {
        average(rule, state).is_some_and(|average| {
            let decay = f64::from_bits(average.decay);
            average.power > 0 && 0.0 < decay && decay < 1.0
        })
    };
    !reads_before && rule.state_ids().filter(|s| live.states[s.index()]).all(is_plain)
}

/// Where a node is evaluated.
struct At<'a> {
    point: &'a Point,
    step: &'a Step,
    time: u64,
    dropped: &'a Dropped,
}

impl At<'_> {
    fn operand(&self, operand: Operand) -> Value {
        let variable = match operand {
            Operand::Gradient => Variable::Gradient,
            Operand::Weight => Variable::Weight,
            Operand::Noise => Variable::Noise,
            Operand::DecayingNoise => Variable::DecayingNoise,
            Operand::LearningRate => return Value::exact(self.point.rate),
            Operand::Step => return Value::exact(self.time as f64),
            Operand::TotalSteps => return Value::exact(self.point.total as f64),
            Operand::LinearDecay => {
                let (t, total) = self.clamped();
                return Value::exact(total - t).div(Value::exact(total));
            }
        };
        self.step.get(&variable).map_or(Value::Unknown, |x| Value::exact(*x))
    }

    /// `t` and `T` as in a decay.
    fn clamped(&self) -> (f64, f64) {
        (self.time.min(self.point.total) as f64, self.point.total as f64)
    }
}

/// `cd(n)` or `rd(n)`.
fn decay(kind: Cosine, n: f64, at: &At<'_>) -> Value {
    let (t, total) = at.clamped();
    let cycles = Value::literal(n).mul(Value::exact(t));
    // In half turns.
    let angle = match (kind, cycles) {
        (Cosine::Cosine, _) => cycles.mul(Value::exact(2.0)).div(Value::exact(total)),
        (Cosine::Restart, Value::Real(x, 0.0)) => Value::exact(x % total).div(Value::exact(total)),
        // Of what is not exact the remainder may jump.
        (Cosine::Restart, Value::Real(x, bound)) => {
            let rest = x % total;
            if rest <= bound || total - rest <= bound {
                return Value::Unknown;
            }
            Value::Real(rest, bound + total * 1e-15).div(Value::exact(total))
        }
        _ => return Value::Unknown,
    };
    let cosine = match angle {
        Value::Real(x, 0.0) if (2.0 * x).fract() == 0.0 => {
            Value::exact([1.0, 0.0, -1.0, 0.0][((2.0 * x) % 4.0) as usize])
        }
        Value::Real(x, bound) if x < 1e6 => {
            let error = (bound + x * 4e-16) * std::f64::consts::PI + 1e-15;
            Value::Real(libm::cos(x * std::f64::consts::PI), error)
        }
        _ => return Value::Unknown,
    };
    Value::ONE.add(cosine).mul(Value::exact(0.5))
}
