//! What a rule means, evaluated node by node straight from its tree: no plan, no sharing, no order.
//!
//! Back ends can agree on a wrong plan. This evaluator knows none: it walks the tree for each element and
//! looks only at `docs/language.md` and `docs/numerics.md`. What does not vary is f64 and is rounded where it meets an
//! element; the rest is f32. Draws are the only thing that it takes from the canonical form.

use nosc_compiler::Rule;
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::primitive::{Binary, Comparison, Operand, Unary};
use nosc_compiler::scalar;
use nosc_compiler::tree::{Live, Node, NodeId, StateId, StateKind};
use nosc_kernels::math::{self, Direct, Place};
use nosc_kernels::scalars::{SCHEDULE_TENSOR, key};
use nosc_runtime::{Backend, Settings};

use crate::numbers::{assert_same_bits, hard_float};
use crate::run::Run;

const SEED: u64 = 0x0fed_cba9_8765_4321;
const TOTAL: u64 = 5;
const LR: f64 = 0.05;

/// The interpreter computes what the tree says: that of the canonical rule, and that of the rule as it
/// was written if it draws nothing (draws are numbered in the canonical form). Returns whether the rule
/// took a step at all.
pub fn check_reference(rule: &Rule, length: usize, steps: u64, seed: u64) -> bool {
    let settings = Settings { total_steps: Some(TOTAL), seed: Some(SEED), ..Settings::default() };
    let mut run = Run::of(rule, Backend::Interpreter, &[length], settings);
    run.tensors[0] = (0..length as u64).map(|i| hard_float(seed ^ (i << 16))).collect();
    let canonical = run.optimizer.compiled().canonical().clone();
    let mut references = vec![Reference::new(&canonical.rule, Some(&canonical), &run.tensors[0])];
    if !draws(rule) {
        references.push(Reference::new(rule, None, &run.tensors[0]));
    }
    for step in 0..steps {
        let g: Vec<f32> =
            (0..length as u64).map(|i| hard_float(seed ^ (step << 48) ^ (i << 24))).collect();
        if run.step_with(std::slice::from_ref(&g), LR).is_err() {
            return step > 0;
        }
        for reference in &mut references {
            reference.step(step, &g);
            let written = if reference.canonical.is_some() { "canonical" } else { "as written" };
            assert_same_bits(&run.tensors[0], &reference.parameters, || {
                format!("{}\n{}\n{written}, step {step}", rule.to_text(), canonical.text())
            });
        }
    }
    true
}

/// Whether anything that the rule needs is a draw, as it was written.
fn draws(rule: &Rule) -> bool {
    let live = rule.live();
    rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]).any(|(_, node)| {
        matches!(node, Node::Drop(..) | Node::Operand(Operand::Noise | Operand::DecayingNoise))
    })
}

struct Reference<'a> {
    rule: &'a Rule,
    canonical: Option<&'a CanonicalRule>,
    uniform: Live,
    /// Uniform states before the step; others hold NaN here.
    scalar_states: Vec<f64>,
    /// By state: an array, if it varies.
    states: Vec<Vec<f32>>,
    parameters: Vec<f32>,
}

/// Memory for the values of one step, by node; and one for those inside the schedule.
struct Scalars<'a> {
    reference: &'a Reference<'a>,
    step: u64,
    in_schedule: bool,
    values: Vec<Option<f64>>,
}

/// Memory for the values of one element, by node.
struct Element<'a> {
    reference: &'a Reference<'a>,
    scalars: &'a mut Scalars<'a>,
    g: f32,
    index: usize,
    values: Vec<Option<f32>>,
}

impl<'a> Reference<'a> {
    fn new(rule: &'a Rule, canonical: Option<&'a CanonicalRule>, w: &[f32]) -> Reference<'a> {
        let count = rule.states.len();
        let mut reference = Reference {
            rule,
            canonical,
            uniform: rule.uniform(true),
            scalar_states: vec![f64::NAN; count],
            states: vec![Vec::new(); count],
            parameters: w.to_vec(),
        };
        let starts: Vec<f64> = rule
            .states
            .iter()
            .map(|state| match state.kind {
                StateKind::Average { .. } => 0.0,
                StateKind::Recurrence { init, .. } => {
                    Scalars::new(&reference, 0, false).value(init)
                }
            })
            .collect();
        reference.states = starts.iter().map(|start| vec![*start as f32; w.len()]).collect();
        reference.scalar_states = starts;
        reference
    }

    fn step(&mut self, step: u64, g: &[f32]) {
        let schedule =
            self.rule.schedule.map_or(1.0, |root| Scalars::new(self, step, true).value(root));
        let scale = (LR * schedule) as f32;
        let live = self.rule.reach(vec![self.rule.update]).states;
        let ids: Vec<StateId> = self.rule.state_ids().collect();
        let mut parameters = self.parameters.clone();
        let mut states = self.states.clone();
        for (index, g) in g.iter().enumerate() {
            let mut scalars = Scalars::new(self, step, false);
            let values = vec![None; self.rule.tree.len()];
            let mut element =
                Element { reference: self, scalars: &mut scalars, g: *g, index, values };
            let update = element.value(self.rule.update);
            parameters[index] = self.parameters[index] - scale * update;
            for id in ids.iter().filter(|id| live[id.index()] && !self.uniform.states[id.index()]) {
                states[id.index()][index] = element.state(*id);
            }
        }
        let next: Vec<f64> = ids
            .iter()
            .map(|id| {
                let uniform = self.uniform.states[id.index()];
                if uniform { Scalars::new(self, step, false).state(*id) } else { f64::NAN }
            })
            .collect();
        (self.parameters, self.states, self.scalar_states) = (parameters, states, next);
    }

    fn kind(&self, state: StateId) -> StateKind {
        self.rule.states[state.index()].kind
    }
}

impl<'a> Scalars<'a> {
    fn new(reference: &'a Reference<'a>, step: u64, in_schedule: bool) -> Scalars<'a> {
        let values = vec![None; reference.rule.tree.len()];
        Scalars { reference, step, in_schedule, values }
    }

    fn value(&mut self, id: NodeId) -> f64 {
        if let Some(value) = self.values[id.index()] {
            return value;
        }
        let node = self.reference.rule.tree.node(id);
        let operands: Vec<(NodeId, f64)> = node.operands().map(|a| (a, self.value(a))).collect();
        let known = |wanted| operands.iter().find(|(id, _)| *id == wanted).map(|(_, value)| *value);
        let value = scalar::apply(node, known).unwrap_or_else(|| self.leaf(id, node, &operands));
        self.values[id.index()] = Some(value);
        value
    }

    fn leaf(&mut self, id: NodeId, node: Node, operands: &[(NodeId, f64)]) -> f64 {
        let (t, total) = (self.step as f64, TOTAL as f64);
        let place = Place::of_element(key(SEED, SCHEDULE_TENSOR), self.step as u32, 0);
        let site = || {
            assert!(self.in_schedule, "a draw in a step scalar");
            self.reference.canonical.unwrap().schedule_draws.site(id).unwrap()
        };
        match node {
            Node::Parameter(parameter) => self.reference.rule.parameters[parameter.index()].default,
            Node::Decay(kind, n) => scalar::cosine(kind, n.value(), t, total),
            Node::Operand(Operand::LearningRate) => LR,
            Node::Operand(Operand::Step) => t,
            Node::Operand(Operand::TotalSteps) => total,
            Node::Operand(Operand::LinearDecay) => scalar::linear_decay(t, total),
            Node::Operand(Operand::Noise) => {
                f64::from(math::normal_draw(&mut Direct, &place, site()) * 0.1)
            }
            Node::Operand(Operand::DecayingNoise) => {
                f64::from(math::normal_draw(&mut Direct, &place, site()) * decaying(t))
            }
            Node::Drop(_, _, p) => {
                let dropped = math::uniform_draw(&mut Direct, &place, site()) < p.value() as f32;
                if dropped { 0.0 } else { operands[0].1 }
            }
            Node::Previous(state) => self.reference.scalar_states[state.index()],
            Node::State(state) => self.state(state),
            Node::Debias(state) => self.state(state) * self.debias(state),
            other => panic!("{other:?} varies and stands in a step scalar"),
        }
    }

    fn state(&mut self, state: StateId) -> f64 {
        let before = self.reference.scalar_states[state.index()];
        match self.reference.kind(state) {
            StateKind::Recurrence { next, .. } => self.value(next),
            StateKind::Average { x, decay } => {
                let beta = self.value(decay);
                beta * before + (1.0 - beta) * self.value(x)
            }
        }
    }

    fn debias(&mut self, state: StateId) -> f64 {
        let StateKind::Average { decay, .. } = self.reference.kind(state) else { unreachable!() };
        1.0 / (1.0 - libm_pow(self.value(decay), self.step as f64 + 1.0))
    }
}

/// `pow` of step scalars.
fn libm_pow(a: f64, b: f64) -> f64 {
    scalar::binary(Binary::Pow, a, b)
}

/// Standard deviation of `eps_t`.
fn decaying(t: f64) -> f32 {
    scalar::unary(Unary::Sqrt, 1.0 / libm_pow(1.0 + t, 0.55)) as f32
}

impl Element<'_> {
    fn value(&mut self, id: NodeId) -> f32 {
        if self.reference.uniform.nodes[id.index()] {
            return self.scalars.value(id) as f32;
        }
        if let Some(value) = self.values[id.index()] {
            return value;
        }
        let value = self.compute(id, self.reference.rule.tree.node(id));
        self.values[id.index()] = Some(value);
        value
    }

    fn compute(&mut self, id: NodeId, node: Node) -> f32 {
        match node {
            Node::Operand(Operand::Gradient) => self.g,
            Node::Operand(Operand::Weight) => self.reference.parameters[self.index],
            Node::Operand(Operand::Noise) => {
                math::normal_draw(&mut Direct, &self.place(), self.site(id)) * 0.1
            }
            Node::Operand(Operand::DecayingNoise) => {
                let scale = decaying(self.scalars.step as f64);
                math::normal_draw(&mut Direct, &self.place(), self.site(id)) * scale
            }
            Node::Drop(_, x, p) => {
                let u = math::uniform_draw(&mut Direct, &self.place(), self.site(id));
                if u < p.value() as f32 { 0.0 } else { self.value(x) }
            }
            Node::Previous(state) => self.reference.states[state.index()][self.index],
            Node::State(state) => self.state(state),
            Node::Debias(state) => self.state(state) * self.scalars.debias(state) as f32,
            Node::Unary(op, x) => unary(op, self.value(x)),
            Node::Binary(op, a, b) => binary(op, self.value(a), self.value(b)),
            Node::Clip(x, lo, hi) => {
                let [x, lo, hi] = [x, lo, hi].map(|id| f64::from(self.value(id)));
                scalar::clip(x, lo, hi) as f32
            }
            Node::Where(op, [a, b, x, y]) => {
                if self.holds(op, a, b) {
                    self.value(x)
                } else {
                    self.value(y)
                }
            }
            Node::Constant(_) | Node::Operand(_) | Node::Decay(..) | Node::Parameter(_) => {
                unreachable!()
            }
        }
    }

    /// Decided in f64 if neither side varies.
    fn holds(&mut self, op: Comparison, a: NodeId, b: NodeId) -> bool {
        let uniform = &self.reference.uniform.nodes;
        if uniform[a.index()] && uniform[b.index()] {
            return scalar::holds(op, self.scalars.value(a), self.scalars.value(b));
        }
        scalar::holds(op, f64::from(self.value(a)), f64::from(self.value(b)))
    }

    fn state(&mut self, state: StateId) -> f32 {
        let before = self.reference.states[state.index()][self.index];
        match self.reference.kind(state) {
            StateKind::Recurrence { next, .. } => self.value(next),
            StateKind::Average { x, decay } => {
                let beta = self.scalars.value(decay);
                beta as f32 * before + (1.0 - beta) as f32 * self.value(x)
            }
        }
    }

    fn place(&self) -> Place<u32, u32> {
        Place::of_element(key(SEED, 0), self.scalars.step as u32, self.index as u64)
    }

    fn site(&self, id: NodeId) -> u32 {
        self.reference.canonical.unwrap().draws.site(id).unwrap()
    }
}

fn unary(op: Unary, x: f32) -> f32 {
    match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => x.sqrt(),
        Unary::Sign if x == 0.0 || x.is_nan() => x,
        Unary::Sign => 1.0_f32.copysign(x),
        Unary::Exp => math::exp(&mut Direct, x),
        Unary::Log => math::log(&mut Direct, x),
        Unary::Sigmoid => math::sigmoid(&mut Direct, x),
        Unary::Tanh => math::tanh(&mut Direct, x),
    }
}

fn binary(op: Binary, a: f32, b: f32) -> f32 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => math::pow(&mut Direct, a, b),
        Binary::Min | Binary::Max if a.is_nan() || b.is_nan() => f32::NAN,
        Binary::Min if a < b => a,
        Binary::Max if a > b => a,
        Binary::Min | Binary::Max => b,
    }
}
