//! Expressions of an element that take few values: what is computed from one becomes a chain of selects.
//!
//! `sign(g)*sign(m)` is -1, -0, +0, +1 or NaN, so `exp` of it is one of four numbers that can be computed
//! once: when the rule is compiled, or once a step if step scalars take part (`exp(ld*sign(g))`). The
//! bits are those of the math library either way, because [`Derived`] carries out the same operations.
//!
//! ```text
//! base: a node with few values, its members     sign(g)*sign(m)      -1    -0    +0     1   NaN
//! image: a node that is a function of one base  ld*(..)             -ld  -0*ld  0*ld   ld   NaN
//!                                               exp(ld*(..))     the results that a chain selects from
//! ```
//!
//! What holds: in every step the value of a base has the bits of one of its members, or is NaN and
//! `may_be_nan` is set; the value of an image is then the entry of that member, or that of NaN.

mod chain;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use nosc_compiler::primitive::{Binary, Unary};
use nosc_compiler::tree::{Live, Node, NodeId, Rule, StateKind};

pub(crate) use chain::{Chain, OfNan, Test};

use crate::derived::{Derived, DerivedId, Number};
use crate::scalars::Scalar;

/// Most members of a base, both zeros counted.
const MAX_MEMBERS: usize = 8;
/// Most combinations of members that are looked at for one node.
const MAX_COMBINATIONS: usize = 128;

/// The value sets of a rule.
#[derive(Debug, Default)]
pub(crate) struct ValueSets {
    /// The arena of members and results.
    pub(crate) derived: Derived,
    bases: IndexMap<NodeId, Base>,
    /// By node.
    images: Vec<Option<Image>>,
    /// By node: its value if it is made of constants only.
    constants: Vec<Option<f64>>,
    /// By node: the time that goes into it from its base on, without what others need too.
    costs: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Base {
    /// Distinct, none of them a constant NaN.
    members: Vec<DerivedId>,
    may_be_nan: bool,
}

#[derive(Debug, Clone)]
struct Image {
    base: NodeId,
    /// By member of the base.
    values: Vec<DerivedId>,
    /// The value where the base is NaN.
    of_nan: DerivedId,
}

/// An operand whose value is known for each value of a base.
#[derive(Debug, Clone)]
enum Known {
    Uniform(DerivedId),
    Image(Image),
}

/// The member of a base that an operand is looked at for; `None` is NaN.
type Choice = (NodeId, Option<usize>);

impl Known {
    fn at(&self, choices: &[Choice]) -> Option<DerivedId> {
        match self {
            Known::Uniform(value) => Some(*value),
            Known::Image(image) => {
                let (_, member) = choices.iter().find(|(base, _)| *base == image.base)?;
                Some(member.map_or(image.of_nan, |member| image.values[member]))
            }
        }
    }
}

/// Time of an operation in cheap instructions, about.
fn cost(node: Node) -> usize {
    match node {
        Node::Unary(Unary::Exp, _) => 20,
        Node::Unary(Unary::Log, _) => 30,
        Node::Unary(Unary::Tanh | Unary::Sigmoid, _) => 25,
        Node::Unary(Unary::Sqrt, _) => 8,
        Node::Binary(Binary::Pow, ..) => 100,
        Node::Binary(Binary::Div, ..) => 6,
        Node::Unary(Unary::Sign, _)
        | Node::Binary(Binary::Min | Binary::Max, ..)
        | Node::Clip(..) => 4,
        Node::Where(..) => 2,
        _ => 1,
    }
}

impl ValueSets {
    /// The sets of all nodes that vary, if any of them has few values.
    pub(crate) fn new(rule: &Rule, uniform: &Live, constants: &[Option<f64>]) -> ValueSets {
        let live = rule.reach(vec![rule.update]);
        let varies = |id: NodeId| live.nodes[id.index()] && !uniform.nodes[id.index()];
        let few =
            |node| matches!(node, Node::Unary(Unary::Sign, _) | Node::Drop(..) | Node::Where(..));
        if !rule.tree.iter().any(|(id, node)| varies(id) && few(node)) {
            return ValueSets::default();
        }
        let (images, constants) = (vec![None; rule.tree.len()], constants.to_vec());
        let costs = vec![0; rule.tree.len()];
        let mut sets = ValueSets { images, constants, costs, ..ValueSets::default() };
        let mut users = vec![0_usize; rule.tree.len()];
        for (_, node) in rule.tree.iter().filter(|(id, _)| varies(*id)) {
            node.operands().for_each(|operand| users[operand.index()] += 1);
        }
        for (id, node) in rule.tree.iter().filter(|(id, _)| varies(*id)) {
            sets.images[id.index()] = sets.image(rule, uniform, id, node);
            sets.costs[id.index()] = sets.time(id, node, &users);
        }
        sets
    }

    /// The time that goes into a node from its base on: its own, and that of operands which nothing else
    /// reads. Such an operand may itself be selects.
    fn time(&self, id: NodeId, node: Node, users: &[usize]) -> usize {
        let Some(image) = &self.images[id.index()] else { return 0 };
        if image.base == id {
            return 0;
        }
        let operands = node.operands().filter(|operand| users[operand.index()] == 1);
        let time = |operand: NodeId| {
            let plain = self.costs[operand.index()];
            let selects = self.selects(operand).map(|chain| chain.cost());
            selects.map_or(plain, |selects| selects.min(plain))
        };
        cost(node) + operands.map(time).sum::<usize>()
    }

    /// The selects for a node, if they are cheaper than its operations.
    pub(crate) fn chain(&self, id: NodeId) -> Option<Chain> {
        let plain = *self.costs.get(id.index())?;
        self.selects(id).filter(|chain| chain.cost() < plain)
    }

    /// The selects for a node that is a function of a base.
    fn selects(&self, id: NodeId) -> Option<Chain> {
        let image = self.images.get(id.index())?.as_ref().filter(|image| image.base != id)?;
        Some(Chain::new(&self.derived, self.bases.get(&image.base)?, image))
    }

    fn image(&mut self, rule: &Rule, uniform: &Live, id: NodeId, node: Node) -> Option<Image> {
        match node {
            Node::State(state) => match rule.states[state.index()].kind {
                StateKind::Recurrence { next, .. } => self.images[next.index()].clone(),
                StateKind::Average { .. } => None,
            },
            Node::Drop(_, x, _) => {
                let mut values = self.known(uniform, x).map(|x| self.values(&x))?;
                values.push(self.derived.float(0.0));
                self.base(id, &values)
            }
            Node::Unary(Unary::Sign, x) if self.known(uniform, x).is_none() => {
                let signs: &[f32] = match rule.tree.node(x) {
                    Node::Unary(Unary::Abs | Unary::Exp | Unary::Sigmoid, _) => &[1.0, 0.0],
                    _ => &[1.0, -1.0, 0.0, -0.0],
                };
                let nan = [f32::NAN];
                let values = signs.iter().chain(&nan).map(|sign| self.derived.float(*sign));
                let values: Vec<DerivedId> = values.collect();
                self.base(id, &values)
            }
            Node::Where(_, [a, b, x, y]) => {
                // A condition of step scalars is decided in f64, which says nothing of an element.
                let decided = uniform.nodes[a.index()] && uniform.nodes[b.index()];
                let exact = if decided { None } else { self.combined(uniform, id, node) };
                exact.or_else(|| {
                    let mut values = self.known(uniform, x).map(|x| self.values(&x))?;
                    values.extend(self.known(uniform, y).map(|y| self.values(&y))?);
                    self.base(id, &values)
                })
            }
            Node::Unary(..) | Node::Binary(..) | Node::Clip(..) => self.combined(uniform, id, node),
            Node::Constant(_)
            | Node::Operand(_)
            | Node::Decay(..)
            | Node::Parameter(_)
            | Node::Previous(_)
            | Node::Debias(_) => None,
        }
    }

    /// What is known of an operand.
    fn known(&mut self, uniform: &Live, id: NodeId) -> Option<Known> {
        if !uniform.nodes[id.index()] {
            return self.images[id.index()].clone().map(Known::Image);
        }
        Some(Known::Uniform(match self.constants[id.index()] {
            Some(constant) => self.derived.float(constant as f32),
            None => self.derived.scalar(Scalar::Value(id)),
        }))
    }

    /// All values of an operand.
    fn values(&self, known: &Known) -> Vec<DerivedId> {
        match known {
            Known::Uniform(value) => vec![*value],
            Known::Image(image) => {
                let mut values = image.values.clone();
                if self.bases.get(&image.base).is_none_or(|base| base.may_be_nan) {
                    values.push(image.of_nan);
                }
                values
            }
        }
    }

    /// A node as a base of its own, if it has few values.
    fn base(&mut self, id: NodeId, values: &[DerivedId]) -> Option<Image> {
        let mut base = Base { members: Vec::new(), may_be_nan: false };
        for value in values {
            let constant = self.derived.constant(*value);
            // A scalar may be NaN in some step, and its product with 0 is nothing else or a zero.
            base.may_be_nan |= constant.is_none_or(f32::is_nan);
            let members: &[DerivedId] = match constant {
                Some(constant) if constant.is_nan() => &[],
                None if self.derived.is_zero(*value) => {
                    &[self.derived.float(0.0), self.derived.float(-0.0)]
                }
                _ => &[*value],
            };
            for member in members {
                if !base.members.contains(member) {
                    base.members.push(*member);
                }
            }
            if base.members.len() > MAX_MEMBERS {
                return None;
            }
        }
        let of_nan = self.derived.float(f32::NAN);
        let image = Image { base: id, values: base.members.clone(), of_nan };
        self.bases.insert(id, base);
        Some(image)
    }

    /// The image of an operation, if all operands are known.
    fn combined(&mut self, uniform: &Live, id: NodeId, node: Node) -> Option<Image> {
        let operands = node.operands().map(|operand| self.known(uniform, operand));
        let operands = &operands.collect::<Option<Vec<Known>>>()?;
        let mut bases: Vec<NodeId> = Vec::new();
        for operand in operands {
            if let Known::Image(image) = operand
                && !bases.contains(&image.base)
            {
                bases.push(image.base);
            }
        }
        if let [base] = bases[..] {
            let count = self.bases.get(&base)?.members.len();
            let values = (0..count)
                .map(|member| self.applied(node, operands, &[(base, Some(member))]))
                .collect::<Option<Vec<DerivedId>>>()?;
            let of_nan = self.applied(node, operands, &[(base, None)])?;
            return Some(Image { base, values, of_nan });
        }
        let mut combinations: Vec<Vec<Choice>> = vec![Vec::new()];
        for base in bases {
            let Base { members, may_be_nan } = self.bases.get(&base)?;
            let nan = may_be_nan.then_some(None);
            let choices: Vec<_> = (0..members.len()).map(Some).chain(nan).collect();
            combinations = combinations
                .iter()
                .flat_map(|before| {
                    choices.iter().map(|member| {
                        before.iter().copied().chain([(base, *member)]).collect::<Vec<Choice>>()
                    })
                })
                .collect();
            if combinations.len() > MAX_COMBINATIONS {
                return None;
            }
        }
        let values = combinations
            .iter()
            .map(|choices| self.applied(node, operands, choices))
            .collect::<Option<Vec<DerivedId>>>()?;
        self.base(id, &values)
    }

    /// The value of an operation for one combination of members.
    fn applied(&mut self, node: Node, operands: &[Known], choices: &[Choice]) -> Option<DerivedId> {
        let mut at = operands.iter().map(|operand| operand.at(choices));
        let mut next = || at.next().flatten();
        let number = match node {
            Node::Unary(op, _) => Number::Unary(op, next()?),
            Node::Binary(op, ..) => Number::Binary(op, next()?, next()?),
            Node::Clip(..) => Number::Clip([next()?, next()?, next()?]),
            Node::Where(op, _) => Number::Where(op, [next()?, next()?, next()?, next()?]),
            _ => return None,
        };
        self.derived.add(number)
    }
}
