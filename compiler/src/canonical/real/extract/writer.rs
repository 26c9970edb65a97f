//! A rule under construction, every node with its value.

#![expect(clippy::disallowed_types, reason = "looked up by key, never iterated")]

use hashbrown::HashMap;

use crate::builder::RuleBuilder;
use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId, Number, Rule, Site};

use super::super::arena::{BaseId, Reals, Test, TestId, Value, ValueId};
use super::super::rational::{Bounded, Limit, Rational, factors};
use super::super::rule::Walk;

/// Most nodes that are written, those that turn out not to be needed included.
const MAX_NODES: usize = 2048;
/// Deepest nest of decisions.
const MAX_DEPTH: u32 = 40;

pub(super) struct Writer<'a> {
    pub(super) reals: &'a mut Reals,
    builder: RuleBuilder,
    /// By node: its value.
    values: Vec<Option<ValueId>>,
    schedule: bool,
    /// What has been written.
    pub(super) written: HashMap<ValueId, NodeId>,
    pub(super) bases: HashMap<BaseId, NodeId>,
    /// The decisions that lead to what is being written.
    pub(super) path: Vec<(TestId, bool)>,
    /// Draws that one decision asks for.
    lone: Vec<u32>,
    depth: u32,
}

impl<'a> Writer<'a> {
    pub(super) fn new(reals: &'a mut Reals) -> Writer<'a> {
        Writer {
            reals,
            builder: RuleBuilder::default(),
            values: Vec::new(),
            schedule: false,
            written: HashMap::new(),
            bases: HashMap::new(),
            path: Vec::new(),
            lone: Vec::new(),
            depth: 0,
        }
    }

    /// From here on noise is that of the schedule.
    pub(super) fn begin_schedule(&mut self) -> Bounded<()> {
        self.schedule = true;
        self.written.clear();
        self.bases.clear();
        self.values.clear();
        self.evaluate()
    }

    /// The rule.
    pub(super) fn finish(self, update: NodeId, schedule: Option<NodeId>) -> Bounded<Rule> {
        if self.builder.over_limit().is_some() {
            return Err(Limit);
        }
        Ok(self.builder.finish("rule".to_owned(), update, schedule))
    }

    /// Works out the nodes that have no value yet.
    fn evaluate(&mut self) -> Bounded<()> {
        if self.builder.tree.len() > MAX_NODES {
            return Err(Limit);
        }
        while self.values.len() < self.builder.tree.len() {
            let node = self.builder.tree.node(NodeId(self.values.len() as u32));
            let mut walk = Walk {
                reals: self.reals,
                tree: &self.builder.tree,
                parameters: &self.builder.parameters,
                states: &self.builder.states,
                colours: &[],
                values: &self.values,
                schedule: self.schedule,
            };
            let value = walk.node(node)?;
            self.values.push(Some(value));
        }
        Ok(())
    }

    /// The value of a node.
    pub(super) fn value_of(&self, node: NodeId) -> Bounded<ValueId> {
        self.values.get(node.index()).copied().flatten().ok_or(Limit)
    }

    /// Runs what nests, up to a depth.
    pub(super) fn nested<T>(
        &mut self,
        body: impl FnOnce(&mut Writer<'a>) -> Bounded<T>,
    ) -> Bounded<T> {
        if self.depth == MAX_DEPTH {
            return Err(Limit);
        }
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        result
    }

    pub(super) fn add(&mut self, node: Node) -> Bounded<NodeId> {
        self.build(|builder| builder.tree.add(node))
    }

    pub(super) fn build(&mut self, f: impl FnOnce(&mut RuleBuilder) -> NodeId) -> Bounded<NodeId> {
        let id = f(&mut self.builder);
        self.evaluate()?;
        Ok(id)
    }

    pub(super) fn unary(&mut self, op: Unary, x: NodeId) -> Bounded<NodeId> {
        self.add(Node::Unary(op, x))
    }

    pub(super) fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> Bounded<NodeId> {
        self.add(Node::Binary(op, a, b))
    }

    pub(super) fn constant(&mut self, value: f64) -> Bounded<NodeId> {
        self.add(Node::Constant(Number::new(value)))
    }

    /// A number, as a quotient where no decimal has its value.
    pub(super) fn number(&mut self, number: Rational) -> Bounded<NodeId> {
        if let Some(value) = literal(number) {
            return self.constant(value);
        }
        if number.is_integer() {
            return self.large(number);
        }
        let num = self.number(Rational::integer(number.numerator()))?;
        let den = self.number(Rational::integer(number.denominator()))?;
        self.binary(Binary::Div, num, den)
    }

    /// A whole number that is no f64, as a product.
    fn large(&mut self, number: Rational) -> Bounded<NodeId> {
        let mut parts = vec![Rational::integer(if number.is_negative() { -1 } else { 1 })];
        for (prime, power) in factors(number.abs().numerator()) {
            for _ in 0..power {
                let last = parts.len() - 1;
                match parts[last].mul(Rational::integer(prime)) {
                    Ok(part) if literal(part).is_some() => parts[last] = part,
                    _ => parts.push(Rational::integer(prime)),
                }
            }
        }
        let mut product = None;
        for part in parts {
            let part = self.constant(literal(part).ok_or(Limit)?)?;
            product = Some(match product {
                Some(product) => self.binary(Binary::Mul, product, part)?,
                None => part,
            });
        }
        product.ok_or(Limit)
    }

    pub(super) fn drop(&mut self, site: u32, x: NodeId, probability: u64) -> Bounded<NodeId> {
        self.add(Node::Drop(Site(site), x, Number::new(f64::from_bits(probability))))
    }

    /// `debias(ema(x, decay))`, with the node of the average.
    pub(super) fn average(&mut self, x: NodeId, decay: NodeId) -> Bounded<(NodeId, NodeId)> {
        let mut after = None;
        let debiased = self.build(|builder| {
            let state = builder.average(x, decay);
            after = Some(builder.tree.add(Node::State(state)));
            builder.tree.add(Node::Debias(state))
        })?;
        Ok((debiased, after.ok_or(Limit)?))
    }

    /// One of `m`, `v`, `gamma`, with the node of the average.
    pub(super) fn moment(&mut self, power: u8, decay: &str) -> Bounded<(NodeId, NodeId)> {
        let debiased = self.build(|builder| builder.moment(power, decay))?;
        let Node::Debias(state) = self.builder.tree.node(debiased) else { return Err(Limit) };
        Ok((debiased, self.builder.tree.find(Node::State(state)).ok_or(Limit)?))
    }

    /// Finds the draws that one decision asks for.
    pub(super) fn find_lone_draws(&mut self, value: ValueId) {
        let (mut seen, mut open, mut found) = (Vec::new(), vec![value], Vec::new());
        while let Some(value) = open.pop() {
            let Value::Choice { test, yes, no } = self.reals.at(value) else { continue };
            let Test::Kept { site, .. } = self.reals.test_at(test).test else { continue };
            if !seen.contains(&value) {
                seen.push(value);
                found.push(site);
                open.extend([yes, no]);
            }
        }
        let once = |site: &u32| found.iter().filter(|other| *other == site).count() == 1;
        self.lone = found.iter().copied().filter(once).collect();
    }

    pub(super) fn is_lone(&self, site: u32) -> bool {
        self.lone.contains(&site)
    }
}

/// The f64 whose shortest decimal form is the number.
pub(super) fn literal(number: Rational) -> Option<f64> {
    let value = number.value();
    let same = value.is_finite() && Rational::from_decimal(value) == Ok(number);
    same.then_some(value)
}
