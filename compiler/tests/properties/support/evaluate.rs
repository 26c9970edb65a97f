//! A small, slow, obvious evaluator of rules, straight from `docs/numerics.md`.
//!
//! Elements are f32, step scalars f64 and rounded once where they meet an element. `exp`, `log`, `pow`,
//! `tanh` and `sigmoid` of elements are those of f64 rounded to f32: not the bits of a kernel, but one
//! function each, which is all that comparing two spellings of a rule needs.

use indexmap::IndexMap;
use nosc_compiler::Rule;
use nosc_compiler::primitive::{Binary, Cosine, Operand, Unary};
use nosc_compiler::scalar;
use nosc_compiler::tree::{Live, Node, NodeId, StateKind};

/// What a rule reads in one step of one element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs {
    /// `g`
    pub(crate) gradient: f32,
    /// `w`
    pub(crate) weight: f32,
    /// `eps`
    pub(crate) noise: f32,
    /// `eps_t`
    pub(crate) decaying_noise: f32,
    /// `lr`
    pub(crate) learning_rate: f64,
    /// `t`
    pub(crate) step: u64,
    /// `T`
    pub(crate) total_steps: u64,
    /// A drop with a probability of at least this drops.
    pub(crate) drops_from: f64,
}

/// A value: one number for all elements, or an element's own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// A step scalar.
    Scalar(f64),
    /// An element.
    Element(f32),
}

impl Value {
    /// As an element: a step scalar is rounded here.
    pub(crate) fn element(self) -> f32 {
        match self {
            Value::Scalar(value) => value as f32,
            Value::Element(value) => value,
        }
    }

    fn scalar(self) -> f64 {
        match self {
            Value::Scalar(value) => value,
            Value::Element(value) => f64::from(value),
        }
    }
}

/// One element's memory of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Evaluator<'r> {
    rule: &'r Rule,
    live: Live,
    uniform: Live,
    parameters: Vec<f64>,
    memory: Vec<Option<Value>>,
}

/// What one step gives: the update as an element's f32, and the schedule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// `update`
    pub(crate) update: f32,
    /// `schedule`
    pub(crate) schedule: Option<f64>,
}

impl<'r> Evaluator<'r> {
    /// Before the first step; `parameter` has the value of a parameter by name and default.
    pub(crate) fn new(rule: &'r Rule, parameter: impl Fn(&str, f64) -> f64) -> Evaluator<'r> {
        let parameters = rule.parameters.iter().map(|p| parameter(&p.name, p.default)).collect();
        let memory = vec![None; rule.states.len()];
        Evaluator { rule, live: rule.live(), uniform: rule.uniform(true), parameters, memory }
    }

    /// One step; `None` if a decay is out of its range, which no backend accepts.
    pub(crate) fn step(&mut self, inputs: &Inputs) -> Option<Step> {
        let values = self.values(inputs, true);
        for (index, state) in self.rule.states.iter().enumerate() {
            if self.live.states[index]
                && let StateKind::Average { decay, .. } = state.kind
                && !(0.0..1.0).contains(&values[decay.index()].scalar())
            {
                return None;
            }
        }
        let schedule = self.rule.schedule.map(|root| {
            let values = self.values(inputs, false);
            values[root.index()].scalar()
        });
        let memory =
            (0..self.rule.states.len()).map(|index| self.after(index, &values, inputs)).collect();
        self.memory = memory;
        Some(Step { update: values[self.rule.update.index()].element(), schedule })
    }

    /// Every node's value; in a schedule draws are of the step, and all is f64.
    fn values(&self, inputs: &Inputs, in_update: bool) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::with_capacity(self.rule.tree.len());
        let uniform = if in_update { self.uniform.clone() } else { self.rule.uniform(false) };
        for (id, node) in self.rule.tree.iter() {
            let value = if self.live.nodes[id.index()] {
                self.value(node, &values, inputs, uniform.nodes[id.index()])
            } else {
                Value::Scalar(f64::NAN)
            };
            values.push(value);
        }
        values
    }

    fn value(&self, node: Node, values: &[Value], inputs: &Inputs, uniform: bool) -> Value {
        let at = |id: NodeId| values[id.index()];
        match node {
            Node::Constant(number) => Value::Scalar(number.value()),
            Node::Operand(operand) => leaf(operand, inputs, uniform),
            Node::Decay(kind, n) => Value::Scalar(decay(kind, n.value(), inputs)),
            Node::Parameter(parameter) => Value::Scalar(self.parameters[parameter.index()]),
            Node::State(s) => {
                self.after(s.index(), values, inputs).expect("a live state has a value")
            }
            Node::Previous(s) => self.before(s.index(), inputs),
            Node::Debias(s) => {
                let StateKind::Average { decay, .. } = self.rule.states[s.index()].kind else {
                    panic!("only an average is debiased");
                };
                let average =
                    self.after(s.index(), values, inputs).expect("a live state has a value");
                let factor = debias(at(decay).scalar(), inputs.step);
                if uniform {
                    return Value::Scalar(average.scalar() * factor);
                }
                Value::Element(average.element() * factor as f32)
            }
            Node::Drop(_, _, p) if dropped(p.value(), inputs) => {
                if uniform {
                    Value::Scalar(0.0)
                } else {
                    Value::Element(0.0)
                }
            }
            Node::Drop(_, x, _) if uniform => Value::Scalar(at(x).scalar()),
            Node::Drop(_, x, _) => Value::Element(at(x).element()),
            _ if uniform => {
                Value::Scalar(scalar::apply(node, |id| Some(at(id).scalar())).expect("no leaf"))
            }
            // A comparison of two step scalars is decided in f64.
            Node::Where(op, [a, b, x, y])
                if self.uniform.nodes[a.index()] && self.uniform.nodes[b.index()] =>
            {
                let holds = scalar::holds(op, at(a).scalar(), at(b).scalar());
                Value::Element(at(if holds { x } else { y }).element())
            }
            _ => Value::Element(element(node, |id| at(id).element())),
        }
    }

    /// A state before the step; at first its starting value.
    fn before(&self, state: usize, inputs: &Inputs) -> Value {
        if let Some(value) = self.memory[state] {
            return value;
        }
        let start = match self.rule.states[state].kind {
            StateKind::Average { .. } => 0.0,
            StateKind::Recurrence { init, .. } => self.start(init, inputs),
        };
        if self.uniform.states[state] { Value::Scalar(start) } else { Value::Element(start as f32) }
    }

    /// A starting value, which reads no state and no draw.
    fn start(&self, node: NodeId, inputs: &Inputs) -> f64 {
        let node = self.rule.tree.node(node);
        let operands = node.operands().map(|x| (x, Value::Scalar(self.start(x, inputs))));
        let operands: IndexMap<NodeId, Value> = operands.collect();
        if let Some(value) = scalar::apply(node, |x| Some(operands[&x].scalar())) {
            return value;
        }
        self.value(node, &[], inputs, true).scalar()
    }

    /// A state after the step.
    fn after(&self, state: usize, values: &[Value], inputs: &Inputs) -> Option<Value> {
        if !self.live.states[state] {
            return None;
        }
        let at = |id: NodeId| values[id.index()];
        let uniform = self.uniform.states[state];
        Some(match self.rule.states[state].kind {
            StateKind::Recurrence { next, .. } if uniform => Value::Scalar(at(next).scalar()),
            StateKind::Recurrence { next, .. } => Value::Element(at(next).element()),
            StateKind::Average { x, decay } => {
                let (before, beta) = (self.before(state, inputs), at(decay).scalar());
                if uniform {
                    Value::Scalar(beta * before.scalar() + (1.0 - beta) * at(x).scalar())
                } else {
                    let (kept, new) = (beta as f32, (1.0 - beta) as f32);
                    Value::Element(kept * before.element() + new * at(x).element())
                }
            }
        })
    }
}

fn leaf(operand: Operand, inputs: &Inputs, uniform: bool) -> Value {
    let draw = |x: f32| if uniform { Value::Scalar(f64::from(x)) } else { Value::Element(x) };
    let (t, total) = (inputs.step as f64, inputs.total_steps as f64);
    match operand {
        Operand::Gradient => Value::Element(inputs.gradient),
        Operand::Weight => Value::Element(inputs.weight),
        Operand::Noise => draw(inputs.noise),
        Operand::DecayingNoise => draw(inputs.decaying_noise),
        Operand::LearningRate => Value::Scalar(inputs.learning_rate),
        Operand::Step => Value::Scalar(t),
        Operand::TotalSteps => Value::Scalar(total),
        Operand::LinearDecay => Value::Scalar(scalar::linear_decay(t, total)),
    }
}

fn decay(kind: Cosine, n: f64, inputs: &Inputs) -> f64 {
    scalar::cosine(kind, n, inputs.step as f64, inputs.total_steps as f64)
}

fn debias(beta: f64, step: u64) -> f64 {
    1.0 / (1.0 - scalar::binary(Binary::Pow, beta, step as f64 + 1.0))
}

fn dropped(p: f64, inputs: &Inputs) -> bool {
    p == 1.0 || (p != 0.0 && p >= inputs.drops_from)
}

/// f32 arithmetic.
fn element(node: Node, at: impl Fn(NodeId) -> f32) -> f32 {
    let wide = |id: NodeId| f64::from(at(id));
    match node {
        Node::Unary(Unary::Neg, x) => -at(x),
        Node::Unary(Unary::Abs, x) => at(x).abs(),
        Node::Unary(Unary::Sqrt, x) => at(x).sqrt(),
        Node::Unary(op, x) => scalar::unary(op, wide(x)) as f32,
        Node::Binary(Binary::Add, a, b) => at(a) + at(b),
        Node::Binary(Binary::Sub, a, b) => at(a) - at(b),
        Node::Binary(Binary::Mul, a, b) => at(a) * at(b),
        Node::Binary(Binary::Div, a, b) => at(a) / at(b),
        Node::Binary(op @ (Binary::Pow | Binary::Min | Binary::Max), a, b) => {
            scalar::binary(op, wide(a), wide(b)) as f32
        }
        Node::Clip(x, lo, hi) => scalar::clip(wide(x), wide(lo), wide(hi)) as f32,
        Node::Where(op, [a, b, x, y]) => {
            if scalar::holds(op, wide(a), wide(b)) {
                at(x)
            } else {
                at(y)
            }
        }
        _ => panic!("{node:?} has no operands"),
    }
}
