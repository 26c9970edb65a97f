//! Rules to values: formulas, blocks, states.
//!
//! The states of a rule before the step are quantities like the gradient. A state after the step is worked
//! out from them, but for running averages: `debias(ema(x, d))` is a quantity by itself, known by x and d.
//! States are told apart by how they move: two that start alike and move alike are one (partition
//! refinement from all alike).

use crate::primitive::{Binary, Comparison, Operand, Unary};
use crate::tree::{Live, Node, NodeId, Parameter, Rule, State, StateId, StateKind, Tree};

use super::arena::{Reals, ValueId};
use super::interval::Interval;
use super::operands::{Quantity, average, decay, quantity};
use super::rational::{Bounded, Limit, Rational};
use super::structure::Structure;
use super::{Form, operands, tokens};

/// Rounds of telling states apart.
const MAX_ROUNDS: usize = 32;

/// The values of a rule's update and schedule.
pub(crate) fn form(reals: &mut Reals, rule: &Rule) -> Bounded<Form> {
    let live = rule.live();
    if draws_in_states(rule, &live.states) {
        return Err(Limit);
    }
    let (colours, values_of_update) = settled(reals, rule, &live)?;
    let update = of(&values_of_update, rule.update)?;
    let schedule = match rule.schedule {
        Some(node) => {
            let values = values(reals, rule, &colours, &live.nodes, true)?;
            of(&values, node)?
        }
        None => Reals::ONE,
    };
    Ok(Form { update, schedule })
}

/// How each state moves, and the values of all nodes by that: a round that tells no more states apart is the last.
fn settled(
    reals: &mut Reals,
    rule: &Rule,
    live: &Live,
) -> Bounded<(Vec<u128>, Vec<Option<ValueId>>)> {
    let mut colours = vec![0u128; rule.states.len()];
    let mut distinct = 0;
    for _ in 0..MAX_ROUNDS {
        let values = values(reals, rule, &colours, &live.nodes, false)?;
        let next = moved(reals, rule, &live.states, &values)?;
        let mut sorted = next.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let found = sorted.len();
        if found == distinct || rule.states.is_empty() {
            return Ok((colours, values));
        }
        (colours, distinct) = (next, found);
    }
    Err(Limit)
}

fn of(values: &[Option<ValueId>], node: NodeId) -> Bounded<ValueId> {
    values[node.index()].ok_or(Limit)
}

/// A draw in a state is kept for ever: such rules are left to `exact`.
fn draws_in_states(rule: &Rule, live: &[bool]) -> bool {
    let roots = rule.states.iter().zip(live).filter(|(_, live)| **live);
    let reached = rule.reach(roots.flat_map(|(state, _)| state.kind.nodes()).collect());
    rule.tree.iter().any(|(id, node)| {
        let drawn =
            matches!(node, Node::Drop(..) | Node::Operand(Operand::Noise | Operand::DecayingNoise));
        drawn && reached.nodes[id.index()]
    })
}

/// What each state is by its start and its move, with states of one colour taken for one.
fn moved(
    reals: &mut Reals,
    rule: &Rule,
    live: &[bool],
    values: &[Option<ValueId>],
) -> Bounded<Vec<u128>> {
    let mut colours = Vec::new();
    for (state, live) in rule.states.iter().zip(live) {
        if !live {
            colours.push(0);
            continue;
        }
        let average = matches!(state.kind, StateKind::Average { .. });
        let mut structure = Structure::new(60).word(u64::from(average));
        for node in state.kind.nodes() {
            structure = structure.wide(reals.info(of(values, node)?).hash);
        }
        colours.push(structure.finish());
    }
    Ok(colours)
}

/// The values of all live nodes.
fn values(
    reals: &mut Reals,
    rule: &Rule,
    colours: &[u128],
    live: &[bool],
    schedule: bool,
) -> Bounded<Vec<Option<ValueId>>> {
    let mut values: Vec<Option<ValueId>> = vec![None; rule.tree.len()];
    for (id, node) in rule.tree.iter().filter(|(id, _)| live[id.index()]) {
        let (tree, parameters, states) = (&rule.tree, &rule.parameters[..], &rule.states[..]);
        let mut walk = Walk { reals, tree, parameters, states, colours, values: &values, schedule };
        values[id.index()] = Some(walk.node(node)?);
    }
    Ok(values)
}

/// Works out a node of a rule from the values of the nodes before it.
pub(super) struct Walk<'a> {
    pub(super) reals: &'a mut Reals,
    pub(super) tree: &'a Tree,
    pub(super) parameters: &'a [Parameter],
    pub(super) states: &'a [State],
    /// By state: how it moves.
    pub(super) colours: &'a [u128],
    pub(super) values: &'a [Option<ValueId>],
    /// Whether noise is that of the schedule.
    pub(super) schedule: bool,
}

impl Walk<'_> {
    fn at(&self, node: NodeId) -> Bounded<ValueId> {
        of(self.values, node)
    }

    pub(super) fn node(&mut self, node: Node) -> Bounded<ValueId> {
        match node {
            Node::Constant(number) => constant(self.reals, number.value()),
            Node::Operand(operand) => self.operand(operand),
            Node::Decay(kind, number) => decay(self.reals, kind, number.value()),
            Node::Parameter(parameter) => {
                constant(self.reals, self.parameters[parameter.index()].default)
            }
            Node::State(state) => self.state(state),
            Node::Previous(state) => self.previous(state),
            Node::Debias(state) => Ok(self.average(state)?.0),
            Node::Unary(op @ (Unary::Log | Unary::Sqrt), x)
                if let Node::Unary(Unary::Abs, inner) = self.tree.node(x) =>
            {
                // In one step, as the tokens are read.
                let inner = self.at(inner)?;
                match op {
                    Unary::Log => self.reals.log_magnitude(inner),
                    _ => self.reals.sqrt_magnitude(inner),
                }
            }
            Node::Unary(op, x) => {
                let x = self.at(x)?;
                self.unary(op, x)
            }
            Node::Binary(op, a, b) => {
                let (a, b) = (self.at(a)?, self.at(b)?);
                self.binary(op, a, b)
            }
            Node::Clip(x, lo, hi) => {
                let (x, lo, hi) = (self.at(x)?, self.at(lo)?, self.at(hi)?);
                self.clip(x, lo, hi)
            }
            Node::Drop(site, x, p) => {
                let x = self.at(x)?;
                match p.value() {
                    0.0 => Ok(x),
                    1.0 => Ok(Reals::ZERO),
                    p => tokens::drop(self.reals, x, site.number(), p),
                }
            }
            Node::Where(comparison, [a, b, x, y]) => {
                let (a, b, x, y) = (self.at(a)?, self.at(b)?, self.at(x)?, self.at(y)?);
                let condition = self.compare(comparison, a, b)?;
                self.reals.select(condition, x, y)
            }
        }
    }

    fn operand(&mut self, operand: Operand) -> Bounded<ValueId> {
        let noise = matches!(operand, Operand::Noise | Operand::DecayingNoise);
        // A schedule draws apart from the update.
        operands::operand(self.reals, operand, self.schedule && noise)
    }

    /// `debias(ema(x, decay))` and `1/(1 - decay^(t+1))`.
    fn average(&mut self, state: StateId) -> Bounded<(ValueId, ValueId)> {
        let StateKind::Average { x, decay } = self.states[state.index()].kind else {
            return Err(Limit);
        };
        let (x, decay) = (self.at(x)?, self.at(decay)?);
        let average = average(self.reals, x, decay)?;
        let factor = quantity(self.reals, Quantity::Debias { decay }, Interval::POSITIVE)?;
        Ok((average, factor))
    }

    /// A state after the step.
    fn state(&mut self, state: StateId) -> Bounded<ValueId> {
        match self.states[state.index()].kind {
            StateKind::Average { .. } => {
                let (average, factor) = self.average(state)?;
                self.reals.div(average, factor)
            }
            StateKind::Recurrence { next, .. } => self.at(next),
        }
    }

    /// A state before the step.
    fn previous(&mut self, state: StateId) -> Bounded<ValueId> {
        let colour = self.colours[state.index()];
        quantity(self.reals, Quantity::Previous(colour), Interval::REAL)
    }

    fn unary(&mut self, op: Unary, x: ValueId) -> Bounded<ValueId> {
        match op {
            Unary::Neg => self.reals.neg(x),
            Unary::Exp => self.reals.exp(x),
            Unary::Abs => self.reals.abs(x),
            Unary::Sign => self.reals.sign(x),
            Unary::Tanh => self.reals.tanh(x),
            Unary::Sigmoid => self.reals.sigmoid(x),
            Unary::Log => {
                let log = self.reals.log_magnitude(x)?;
                self.unless_negative(x, log)
            }
            Unary::Sqrt => {
                let root = self.reals.sqrt_magnitude(x)?;
                self.unless_negative(x, root)
            }
        }
    }

    fn unless_negative(&mut self, x: ValueId, value: ValueId) -> Bounded<ValueId> {
        let negative = self.compare(Comparison::Less, x, Reals::ZERO)?;
        self.reals.select(negative, Reals::UNDEFINED, value)
    }

    fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        match op {
            Binary::Add => self.reals.add(a, b),
            Binary::Sub => self.reals.sub(a, b),
            Binary::Mul => self.reals.mul(a, b),
            Binary::Div => self.reals.div(a, b),
            Binary::Pow => self.reals.pow(a, b),
            Binary::Min => self.least(a, b, false),
            Binary::Max => self.least(a, b, true),
        }
    }

    /// `min(a, b)`, or `max(a, b)`; undefined where either is.
    fn least(&mut self, a: ValueId, b: ValueId, greatest: bool) -> Bounded<ValueId> {
        let (first, second) = if greatest { (b, a) } else { (a, b) };
        let less = self.compare(Comparison::Less, first, second)?;
        let chosen = self.reals.select(less, a, b)?;
        let defined = self.defined(a)?;
        let defined_too = self.defined(b)?;
        let both = self.reals.mul(defined, defined_too)?;
        self.reals.select(both, chosen, Reals::UNDEFINED)
    }

    fn clip(&mut self, x: ValueId, lo: ValueId, hi: ValueId) -> Bounded<ValueId> {
        if let (Some(low), Some(high)) = (self.reals.as_constant(lo), self.reals.as_constant(hi))
            && low.neg() == high
            && high.is_positive()
        {
            return self.reals.clip(x, high);
        }
        // In this order: hi where x is above it, then lo where x is below it.
        let above = self.compare(Comparison::Less, hi, x)?;
        let below = self.compare(Comparison::Less, x, lo)?;
        let clipped = self.reals.select(above, hi, x)?;
        self.reals.select(below, lo, clipped)
    }

    /// 1 where the value is defined, else 0.
    fn defined(&mut self, value: ValueId) -> Bounded<ValueId> {
        self.compare(Comparison::Equal, value, value)
    }

    /// The comparison as 1 or 0. Nothing compares with an undefined value but `!=`.
    fn compare(&mut self, comparison: Comparison, a: ValueId, b: ValueId) -> Bounded<ValueId> {
        let reals = &mut *self.reals;
        let equal = reals.equal(a, b)?;
        match comparison {
            Comparison::Equal => Ok(equal),
            Comparison::NotEqual => reals.select(equal, Reals::ZERO, Reals::ONE),
            Comparison::Less => reals.less(a, b),
            Comparison::LessEqual => {
                let less = reals.less(a, b)?;
                reals.select(less, Reals::ONE, equal)
            }
        }
    }
}

/// A constant of the language: the number that its shortest decimal form denotes, but `e` and `pi` are
/// themselves.
fn constant(reals: &mut Reals, value: f64) -> Bounded<ValueId> {
    if value == -std::f64::consts::E || value == -std::f64::consts::PI {
        let magnitude = constant(reals, -value)?;
        return reals.neg(magnitude);
    }
    if value == std::f64::consts::E {
        return reals.exp(Reals::ONE);
    }
    if value == std::f64::consts::PI {
        return quantity(reals, Quantity::Pi, Interval::near(value));
    }
    if value.is_nan() {
        return Ok(Reals::UNDEFINED);
    }
    if value.is_infinite() {
        return Ok(if value > 0.0 { Reals::INFINITE } else { Reals::MINUS_INFINITE });
    }
    let number = Rational::from_decimal(value)?;
    reals.number(number)
}
