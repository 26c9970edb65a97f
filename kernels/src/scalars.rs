//! Step scalars: what is the same for every element, computed once a step in f64.
//!
//! A maximal part of the canonical tree that does not vary is evaluated here in the order of the tree,
//! with the functions of [`nosc_compiler::scalar`], and rounded once to f32 where it meets an element
//! (`docs/numerics.md`). A comparison of two such parts is decided here too, in f64. What an element would
//! compute from rounded scalars alone comes last, in f32: [`Derived`].

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::primitive::{Comparison, Operand};
use nosc_compiler::scalar;
use nosc_compiler::tree::{Node, NodeId, Rule, StateId, StateKind};

use crate::derived::{Derived, DerivedId};
use crate::edges::GradientGuard;
use crate::math::{Direct, Ops, Place, drop_mask, normal_draw, uniform_draw};
use crate::plan::{Array, Plan, PlanBuilder, Word};

/// Tensor id of the draws of a schedule: one draw a step for all parameters.
pub const SCHEDULE_TENSOR: u32 = u32::MAX;

/// One value that a kernel is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `lr * schedule`, what the update is multiplied by.
    Scale,
    /// A uniform node.
    Value(NodeId),
    /// `1 - decay` of an average.
    Complement(NodeId),
    /// `1 / (1 - decay^(t+1))`.
    Debias(NodeId),
    /// 1 if the comparison holds, else 0.
    Holds(Comparison, NodeId, NodeId),
    /// Standard deviation of `eps_t`.
    NoiseScale,
    /// [`GradientGuard::scale`].
    GuardScale,
    /// [`GradientGuard::limit`].
    GuardLimit,
    /// [`StepInputs::weight_decay`].
    WeightDecay,
    /// An f32 expression of the others, in [`ScalarProgram::derived`].
    Derived(DerivedId),
}

/// What the caller gives for one step.
#[derive(Debug, Clone, Copy)]
pub struct StepInputs<'a> {
    /// Steps done before this one.
    pub step: u64,
    /// Total steps, if the rule needs them.
    pub total_steps: Option<u64>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Values of the canonical rule's parameters, in their order.
    pub parameters: &'a [f64],
    /// Seed of all draws.
    pub seed: u64,
    /// Uniform states before the step, in the order of [`ScalarProgram::uniform_states`].
    pub states: &'a [f64],
    /// What gradients go through, if the rule was lowered with a guard.
    pub guard: GradientGuard,
    /// Strength of the weight decay, if the rule was lowered with one.
    pub weight_decay: f64,
}

/// The scalars of one step, and the memory in which they are worked out.
#[derive(Debug, Clone, Default)]
pub struct StepScalars {
    /// In the order of [`ScalarProgram::outputs`], rounded to f32.
    pub scalars: Vec<f32>,
    /// Uniform states after the step.
    pub states: Vec<f64>,
    /// By node.
    values: Vec<f64>,
    schedule: Vec<f64>,
    derived: Vec<f32>,
}

/// Why there are no scalars for a step.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScalarError {
    /// A decay or `T` without a total.
    #[error("the rule uses a decay or T and needs the total number of steps")]
    TotalSteps,
    /// The total number of steps is 0.
    #[error("the total number of steps is 0, expected at least 1")]
    NoSteps,
    /// The decay of an average is not in [0, 1).
    #[error("the decay `{text}` of an average is {value}, expected 0 <= decay < 1")]
    Decay {
        /// The decay as a formula.
        text: String,
        /// Its value.
        value: f64,
    },
}

/// The uniform part of a canonical rule.
#[derive(Debug, Clone)]
pub struct ScalarProgram {
    outputs: Vec<Scalar>,
    /// What the outputs that are derived need.
    derived: Derived,
    uniform_states: Vec<StateId>,
    needs_total_steps: bool,
    varies_by_step: bool,
    /// Live nodes that are uniform in the update, in order.
    nodes: Vec<NodeId>,
    /// Nodes of the schedule, in order.
    schedule_nodes: Vec<NodeId>,
    decays: Vec<NodeId>,
}

impl ScalarProgram {
    pub(crate) fn new(
        canonical: &CanonicalRule,
        mut outputs: Vec<Scalar>,
        derived: &Derived,
    ) -> ScalarProgram {
        let derived = derived.only(outputs.iter_mut().filter_map(|output| match output {
            Scalar::Derived(id) => Some(id),
            _ => None,
        }));
        let rule = &canonical.rule;
        let (live, uniform) = (rule.live(), rule.uniform(true));
        let starts = rule.states.iter().filter_map(|state| match state.kind {
            StateKind::Recurrence { init, .. } => Some(init),
            StateKind::Average { .. } => None,
        });
        let used = rule.reach(starts.collect());
        let nodes = rule.tree.iter().map(|(id, _)| id).filter(|id| {
            (live.nodes[id.index()] || used.nodes[id.index()]) && uniform.nodes[id.index()]
        });
        let schedule = rule.schedule.map(|root| rule.reach(vec![root])).unwrap_or_default();
        let schedule_nodes = rule.tree.iter().map(|(id, _)| id).filter(|id| {
            schedule.nodes.get(id.index()) == Some(&true) && rule.uniform(false).nodes[id.index()]
        });
        let decays = rule.states.iter().filter_map(|state| match state.kind {
            StateKind::Average { decay, .. } => Some(decay),
            StateKind::Recurrence { .. } => None,
        });
        let mut program = ScalarProgram {
            outputs,
            derived,
            uniform_states: states_where(rule, &uniform.states, true),
            needs_total_steps: rule.needs_total_steps(),
            varies_by_step: false,
            nodes: nodes.collect(),
            schedule_nodes: if rule.schedule.is_some() {
                schedule_nodes.collect()
            } else {
                Vec::new()
            },
            decays: decays.collect(),
        };
        program.varies_by_step = program.finds_what_varies(rule);
        program
    }

    /// Whether anything but the learning rate, the parameters, the guard and the weight decay is looked at.
    fn finds_what_varies(&self, rule: &Rule) -> bool {
        let by_step = |scalar: &Scalar| matches!(scalar, Scalar::Debias(_) | Scalar::NoiseScale);
        let mut nodes = self.nodes.iter().chain(&self.schedule_nodes);
        let varying = |id: &NodeId| match rule.tree.node(*id) {
            Node::Operand(operand) => operand != Operand::LearningRate,
            node => matches!(
                node,
                Node::Decay(..)
                    | Node::Drop(..)
                    | Node::State(_)
                    | Node::Previous(_)
                    | Node::Debias(_)
            ),
        };
        !self.uniform_states.is_empty()
            || self.outputs.iter().any(by_step)
            || self.derived.reads(by_step)
            || nodes.any(varying)
    }

    /// What the kernel is called with, in order.
    pub fn outputs(&self) -> &[Scalar] {
        &self.outputs
    }

    /// The expressions of [`Scalar::Derived`].
    pub fn derived(&self) -> &Derived {
        &self.derived
    }

    /// The derived outputs as a plan: state i of it is the i-th of them, and it reads the scalars that come back with it,
    /// in their order. For programs that compute them elsewhere, with the same bits.
    pub fn derived_plan(&self) -> (Plan, Vec<Scalar>) {
        let derived = self.outputs.iter().filter_map(|output| match output {
            Scalar::Derived(id) => Some(*id),
            _ => None,
        });
        self.derived.plan(&derived.collect::<Vec<DerivedId>>())
    }

    /// States that are one number a rule.
    pub fn uniform_states(&self) -> &[StateId] {
        &self.uniform_states
    }

    /// Whether the scalars of two steps may differ though learning rate, parameters, guard and
    /// weight decay do not.
    pub fn varies_by_step(&self) -> bool {
        self.varies_by_step
    }

    /// Whether a step needs the total number of steps.
    pub fn needs_total_steps(&self) -> bool {
        self.needs_total_steps
    }

    /// Values of all states at step 0, in the order of the rule's states; the `states` of the inputs are
    /// not read.
    ///
    /// # Errors
    ///
    /// [`ScalarError`] if the total number of steps is missing or a decay is out of range.
    pub fn initial_states(
        &self,
        canonical: &CanonicalRule,
        inputs: &StepInputs<'_>,
    ) -> Result<Vec<f64>, ScalarError> {
        let zeros = vec![0.0; self.uniform_states.len()];
        let inputs = StepInputs { step: 0, states: &zeros, ..*inputs };
        self.check_total(&inputs)?;
        let mut values = Vec::new();
        self.evaluate(canonical, &inputs, &self.nodes, &mut values, false);
        let states = canonical.rule.states.iter().map(|state| match state.kind {
            StateKind::Average { .. } => 0.0,
            StateKind::Recurrence { init, .. } => values[init.index()],
        });
        Ok(states.collect())
    }

    /// The scalars of a step, and the uniform states after it.
    ///
    /// # Errors
    ///
    /// [`ScalarError`] if the total number of steps is missing or a decay is out of range.
    pub fn step(
        &self,
        canonical: &CanonicalRule,
        inputs: &StepInputs<'_>,
    ) -> Result<StepScalars, ScalarError> {
        let mut out = StepScalars::default();
        self.step_into(canonical, inputs, &mut out)?;
        Ok(out)
    }

    /// [`ScalarProgram::step`] without memory of its own: after the first step of a program `out` is large
    /// enough for all others. After an error its contents mean nothing.
    ///
    /// # Errors
    ///
    /// As [`ScalarProgram::step`].
    pub fn step_into(
        &self,
        canonical: &CanonicalRule,
        inputs: &StepInputs<'_>,
        out: &mut StepScalars,
    ) -> Result<(), ScalarError> {
        self.check_total(inputs)?;
        let rule = &canonical.rule;
        self.evaluate(canonical, inputs, &self.nodes, &mut out.values, false);
        let values = &out.values;
        for decay in &self.decays {
            let value = values[decay.index()];
            if !(0.0..1.0).contains(&value) {
                return Err(ScalarError::Decay { text: rule.node_text(*decay), value });
            }
        }
        let schedule = rule.schedule.map_or(1.0, |root| {
            self.evaluate(canonical, inputs, &self.schedule_nodes, &mut out.schedule, true);
            out.schedule[root.index()]
        });
        let scalar = |scalar: Scalar| match scalar {
            Scalar::Scale => (inputs.learning_rate * schedule) as f32,
            Scalar::Value(node) => values[node.index()] as f32,
            Scalar::Complement(decay) => (1.0 - values[decay.index()]) as f32,
            Scalar::Debias(decay) => debias(values[decay.index()], inputs.step) as f32,
            Scalar::Holds(op, a, b) => {
                let holds = scalar::holds(op, values[a.index()], values[b.index()]);
                if holds { 1.0 } else { 0.0 }
            }
            Scalar::NoiseScale => noise_scale(inputs.step),
            Scalar::GuardScale => inputs.guard.scale as f32,
            Scalar::GuardLimit => inputs.guard.limit as f32,
            Scalar::WeightDecay => inputs.weight_decay as f32,
            // Only outputs are, and those are taken from `derived` below.
            Scalar::Derived(_) => f32::NAN,
        };
        self.derived.values(scalar, &mut out.derived);
        out.scalars.clear();
        out.scalars.extend(self.outputs.iter().map(|output| match *output {
            Scalar::Derived(id) => out.derived[id.index()],
            other => scalar(other),
        }));
        out.states.clear();
        let states = self.uniform_states.iter();
        out.states.extend(states.map(|state| state_value(rule, *state, inputs, self, values)));
        Ok(())
    }

    fn check_total(&self, inputs: &StepInputs<'_>) -> Result<(), ScalarError> {
        match inputs.total_steps {
            None if self.needs_total_steps => Err(ScalarError::TotalSteps),
            Some(0) if self.needs_total_steps => Err(ScalarError::NoSteps),
            _ => Ok(()),
        }
    }

    /// Values of the given nodes; others are NaN.
    fn evaluate(
        &self,
        canonical: &CanonicalRule,
        inputs: &StepInputs<'_>,
        nodes: &[NodeId],
        values: &mut Vec<f64>,
        in_schedule: bool,
    ) {
        let rule = &canonical.rule;
        values.clear();
        values.resize(rule.tree.len(), f64::NAN);
        for id in nodes {
            let node = rule.tree.node(*id);
            let value = scalar::apply(node, |operand| Some(values[operand.index()]));
            values[id.index()] = value
                .unwrap_or_else(|| self.leaf(canonical, inputs, *id, node, values, in_schedule));
        }
    }

    fn leaf(
        &self,
        canonical: &CanonicalRule,
        inputs: &StepInputs<'_>,
        id: NodeId,
        node: Node,
        values: &[f64],
        in_schedule: bool,
    ) -> f64 {
        let rule = &canonical.rule;
        let (step, total) = (inputs.step as f64, inputs.total_steps.unwrap_or(0) as f64);
        let draw = || canonical.schedule_draws.site(id).filter(|_| in_schedule);
        match node {
            Node::Operand(Operand::LearningRate) => inputs.learning_rate,
            Node::Operand(Operand::Step) => step,
            Node::Operand(Operand::TotalSteps) => total,
            Node::Operand(Operand::LinearDecay) => scalar::linear_decay(step, total),
            Node::Decay(kind, n) => scalar::cosine(kind, n.value(), step, total),
            Node::Parameter(parameter) => inputs.parameters[parameter.index()],
            Node::Previous(state) => self.previous(state, inputs),
            Node::State(state) => state_value(rule, state, inputs, self, values),
            Node::Debias(state) => match rule.states[state.index()].kind {
                StateKind::Average { decay, .. } => {
                    let value = state_value(rule, state, inputs, self, values);
                    value * debias(values[decay.index()], inputs.step)
                }
                StateKind::Recurrence { .. } => f64::NAN,
            },
            Node::Operand(Operand::Noise) => draw()
                .map_or(f64::NAN, |site| f64::from(schedule_normal(inputs, site, NOISE_SCALE))),
            Node::Operand(Operand::DecayingNoise) => draw().map_or(f64::NAN, |site| {
                f64::from(schedule_normal(inputs, site, noise_scale(inputs.step)))
            }),
            Node::Drop(_, x, p) => draw().map_or(f64::NAN, |site| {
                let u = uniform_draw(&mut Direct, &schedule_place(inputs), site);
                if u < p.value() as f32 { 0.0 } else { values[x.index()] }
            }),
            _ => f64::NAN,
        }
    }

    fn previous(&self, state: StateId, inputs: &StepInputs<'_>) -> f64 {
        let at = self.uniform_states.iter().position(|known| *known == state);
        at.and_then(|at| inputs.states.get(at)).copied().unwrap_or(f64::NAN)
    }
}

/// Standard deviation of `eps`: variance 0.01.
pub(crate) const NOISE_SCALE: f32 = 0.1;

/// Standard deviation of `eps_t`: variance `1/(1+t)^0.55` (Neelakantan et al. 2015, as the paper uses it).
fn noise_scale(step: u64) -> f32 {
    libm::sqrt(1.0 / libm::pow(1.0 + step as f64, 0.55)) as f32
}

/// `1 / (1 - decay^(t+1))` (Kingma and Ba 2015, algorithm 1).
fn debias(decay: f64, step: u64) -> f64 {
    1.0 / (1.0 - libm::pow(decay, step as f64 + 1.0))
}

fn state_value(
    rule: &Rule,
    state: StateId,
    inputs: &StepInputs<'_>,
    program: &ScalarProgram,
    values: &[f64],
) -> f64 {
    match rule.states[state.index()].kind {
        StateKind::Recurrence { next, .. } => values[next.index()],
        StateKind::Average { x, decay } => {
            let beta = values[decay.index()];
            beta * program.previous(state, inputs) + (1.0 - beta) * values[x.index()]
        }
    }
}

/// The draws of a schedule as a plan: state i of it is the draw of site i, a normal number with its deviation, or for a
/// `drop` 0 or 1. It is called for the tensor [`SCHEDULE_TENSOR`] and element 0; its only scalar is
/// [`Scalar::NoiseScale`].
pub fn schedule_draws(canonical: &CanonicalRule) -> Plan {
    let mut plan = PlanBuilder::new();
    let zero = plan.integer(0);
    let place = Place {
        key: [plan.word(Word::KeyLow), plan.word(Word::KeyHigh)],
        step: plan.word(Word::Step),
        block: [zero, zero],
        lane: (),
    };
    for (id, site) in canonical.schedule_draws.iter() {
        let draw = match canonical.rule.tree.node(id) {
            Node::Drop(_, _, p) => {
                let p = plan.float(p.value() as f32);
                let dropped = drop_mask(&mut plan, &place, site, p);
                let (zero, one) = (plan.float(0.0), plan.float(1.0));
                plan.select(dropped, zero, one)
            }
            node => {
                let decays = node == Node::Operand(Operand::DecayingNoise);
                let scale = if decays { plan.scalar(0) } else { plan.float(NOISE_SCALE) };
                let normal = normal_draw(&mut plan, &place, site);
                plan.mul(normal, scale)
            }
        };
        plan.store(Array::State(site as u16), draw);
    }
    plan.finish()
}

fn schedule_place(inputs: &StepInputs<'_>) -> Place<u32, u32> {
    Place::of_element(key(inputs.seed, SCHEDULE_TENSOR), inputs.step as u32, 0)
}

fn schedule_normal(inputs: &StepInputs<'_>, site: u32, scale: f32) -> f32 {
    let mut direct = Direct;
    let normal = normal_draw(&mut direct, &schedule_place(inputs), site);
    direct.mul(normal, scale)
}

/// The Philox key of a tensor: low word of the seed, tensor id xor high word of the seed.
pub fn key(seed: u64, tensor: u32) -> [u32; 2] {
    [seed as u32, tensor ^ (seed >> 32) as u32]
}

/// States that are uniform, or that are not, in order.
pub(crate) fn states_where(rule: &Rule, uniform: &[bool], wanted: bool) -> Vec<StateId> {
    rule.state_ids().filter(|state| uniform[state.index()] == wanted).collect()
}
