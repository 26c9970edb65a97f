//! Inputs at which two rules return different bits, by the interpreter.
//!
//! ```text
//! rule ─► root as a rule of its own: what it reads are state arrays ─► plan ─► interpreter ─► -root
//! ```
//!
//! `w`, noise and averages of powers of the gradient become states that are set before a step, so that every
//! input is free. With `w = -0`, `lr = 1` and no schedule the step leaves the bits of `-update` in `w`, the sign
//! of a zero included. Other states run from the start. Drops all let pass, or none does.

use nosc_compiler::Rule;
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::counterexample::{What, has_free_states};
use nosc_compiler::primitive::{Binary, Operand};
use nosc_compiler::random::SplitMix64;
use nosc_compiler::tree::{Node, NodeId, Number, State, StateId, StateKind, Tree};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::scalars::{StepInputs, key};
use nosc_kernels::{GradientGuard, LoweredRule};

/// Elements of a batch.
const ELEMENTS: usize = 2_048;

/// Batches: plain numbers first, special ones last.
const BATCHES: u64 = 24;

/// Steps where states are followed.
const STEPS: u64 = 3;

/// `t` of the first step and `T`.
const TIMES: [(u64, u64); 4] = [(3, 10), (0, 10), (10, 10), (123, 1000)];

/// Values at the edges of binary32.
const SPECIAL: [f32; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    0.5,
    3.0,
    1e-3,
    -1e-8,
    f32::from_bits(0x3f80_0001),
    f32::from_bits(1),
    f32::from_bits(0x8000_0001),
    f32::from_bits(0x007f_ffff),
    f32::MIN_POSITIVE,
    1e30,
    -1e-30,
    88.722_84,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// A difference of bits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BitDifference {
    pub(super) what: What,
    /// What is read, by name, at each step.
    pub(super) steps: Vec<Vec<(String, f32)>>,
    /// `t` of the last step and `T`, if the rules need the total.
    pub(super) time: Option<(u64, u64)>,
    /// Whether drops let pass, if there are any.
    pub(super) kept: Option<bool>,
    /// The values of the two rules.
    pub(super) values: [f32; 2],
}

/// Inputs at which the updates or the schedules differ, if some are found. Always the same for a seed.
pub(super) fn find(a: &Rule, b: &Rule, seed: u64) -> Option<BitDifference> {
    let free = has_free_states(a) && has_free_states(b);
    let has_drops =
        [a, b].iter().any(|rule| rule.tree.iter().any(|(_, node)| matches!(node, Node::Drop(..))));
    let masks = if has_drops { vec![Some(true), Some(false)] } else { vec![None] };
    for what in [What::Update, What::Schedule] {
        for kept in &masks {
            let machine = |rule| Machine::new(rule, what, free, kept.unwrap_or(true));
            let (Some(a), Some(b)) = (machine(a), machine(b)) else { continue };
            let found = search(&[a, b], if free { 1 } else { STEPS }, seed);
            if let Some((steps, time, values)) = found {
                return Some(BitDifference { what, steps, time, kept: *kept, values });
            }
        }
    }
    None
}

type Found = (Vec<Vec<(String, f32)>>, Option<(u64, u64)>, [f32; 2]);

/// The first difference, of plain numbers rather than special ones.
fn search(machines: &[Machine; 2], steps: u64, seed: u64) -> Option<Found> {
    let mut names: Vec<String> = machines.iter().flat_map(|m| m.names.clone()).collect();
    names.push("g".to_owned());
    names.sort();
    names.dedup();
    for batch in 0..BATCHES {
        let (time, total) = TIMES[batch as usize % TIMES.len()];
        let time = if steps > 1 { 0 } else { time };
        let mut runs: Vec<Running<'_>> = Vec::new();
        for machine in machines {
            runs.push(Running::new(machine, total)?);
        }
        let mut read: Vec<Vec<Vec<f32>>> = Vec::new();
        for step in time..time + steps {
            let inputs: Vec<Vec<f32>> = (0..names.len())
                .map(|place| numbers(&names[place], place, batch, seed ^ (step << 32)))
                .collect();
            let mut results = Vec::new();
            for run in &mut runs {
                results.push(run.step(step, total, &names, &inputs)?);
            }
            read.push(inputs);
            if let Some(element) = first_difference(&results[0], &results[1]) {
                let is_read = |name: &str| machines.iter().any(|machine| machine.reads(name));
                let of_step = |inputs: &Vec<Vec<f32>>| {
                    let named = names.iter().zip(inputs).filter(|(name, _)| is_read(name));
                    named.map(|(name, values)| (name.clone(), values[element])).collect()
                };
                let needs_total = machines.iter().any(|m| m.lowered.scalars.needs_total_steps());
                let values = [results[0][element], results[1][element]];
                let steps = read.iter().map(of_step).collect();
                return Some((steps, needs_total.then_some((step, total)), values));
            }
        }
    }
    None
}

fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    a.iter().zip(b).position(|(a, b)| !same(*a, *b))
}

/// The values of an input: plain numbers, then special ones, which the last batches mix in pairs.
fn numbers(name: &str, place: usize, batch: u64, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed ^ (batch << 8) ^ ((place as u64) << 48));
    let mut word = || random.next_u64();
    let finite = SPECIAL.len() - 3;
    let kinds = match batch {
        0..4 => 1,
        4..12 => 2,
        12..18 => 3,
        _ => 4,
    };
    let values = (0..ELEMENTS).map(|_| {
        let (kind, word) = (word() % kinds, word());
        let unit = (word >> 40) as f32 / (1_u64 << 24) as f32 - 0.5;
        let value = match kind {
            0 => unit * 4.0,
            1 => SPECIAL[word as usize % finite],
            2 => f32::from_bits((word >> 32) as u32),
            _ => SPECIAL[word as usize % SPECIAL.len()],
        };
        let value = if kinds < 4 && !value.is_finite() { 1.5 } else { value };
        if name == "v" { value.abs() } else { value }
    });
    values.collect()
}

/// A rule's update or schedule as a kernel.
struct Machine {
    lowered: LoweredRule,
    /// Names of what is set before a step.
    names: Vec<String>,
    /// By state array of the kernel: which of the names it holds, if any.
    slots: Vec<Option<usize>>,
    reads_gradient: bool,
}

impl Machine {
    fn new(rule: &Rule, what: What, free: bool, kept: bool) -> Option<Machine> {
        let mut moved = Moved::new(rule, free, kept);
        match what {
            What::Update => moved.rule.update = moved.place[rule.update.index()],
            What::Schedule => {
                moved.rule.update = moved.rule.tree.constant(-1.0);
                moved.rule.schedule = rule.schedule.map(|id| moved.place[id.index()]);
            }
        }
        let canonical = CanonicalRule::new(&moved.rule);
        let live = canonical.rule.live();
        let gradient = canonical.rule.tree.find(Node::Operand(Operand::Gradient));
        let read_first = moved.names.len();
        let lowered = LoweredRule::new(canonical).ok()?;
        let slots: Vec<Option<usize>> =
            lowered.slots.iter().map(|slot| input_number(&lowered.canonical.rule, *slot)).collect();
        // The states that are inputs mention the gradient, and do not count.
        let is_plain = slots.iter().all(Option::is_none);
        let reads_gradient = gradient.is_some_and(|id| live.nodes[id.index()])
            && (is_plain || moved.reads_gradient || read_first == 0);
        Some(Machine { lowered, names: moved.names, slots, reads_gradient })
    }

    fn reads(&self, name: &str) -> bool {
        if name == "g" {
            return self.reads_gradient;
        }
        let place = self.names.iter().position(|own| own == name);
        place.is_some() && self.slots.contains(&place)
    }
}

/// Inputs are told apart by what they would become: `g` times a number that nobody writes.
const MARK: f64 = 1_048_583.0;

fn input_number(rule: &Rule, state: StateId) -> Option<usize> {
    let StateKind::Recurrence { next, .. } = rule.states[state.index()].kind else { return None };
    let Node::Binary(Binary::Mul, a, b) = rule.tree.node(next) else { return None };
    let factor = rule.tree.as_constant(a).or(rule.tree.as_constant(b))?;
    let number = factor - MARK;
    ((0.0..1000.0).contains(&number) && number.fract() == 0.0).then_some(number as usize)
}

/// A rule of which what is read has become states.
struct Moved {
    rule: Rule,
    names: Vec<String>,
    inputs: Vec<NodeId>,
    /// By node of the rule that was given.
    place: Vec<NodeId>,
    reads_gradient: bool,
}

impl Moved {
    fn new(rule: &Rule, free: bool, kept: bool) -> Moved {
        let mut whole = rule.clone();
        whole.tree = Tree::default();
        let zero = whole.tree.constant(0.0);
        whole.schedule = None;
        whole.update = zero;
        let mut moved = Moved {
            rule: whole,
            names: Vec::new(),
            inputs: Vec::new(),
            place: Vec::new(),
            reads_gradient: false,
        };
        let reached = if free { stopped(rule) } else { rule.live().nodes };
        for (id, node) in rule.tree.iter() {
            let new = moved.node(rule, id, node, free, kept);
            moved.place.push(new);
            moved.reads_gradient |= reached[id.index()] && node == Node::Operand(Operand::Gradient);
        }
        let place = moved.place.clone();
        for state in moved.rule.states.iter_mut().take(rule.states.len()) {
            state.kind = state.kind.map(|id| place[id.index()]);
        }
        moved
    }

    fn node(&mut self, rule: &Rule, id: NodeId, node: Node, free: bool, kept: bool) -> NodeId {
        match node {
            Node::Operand(Operand::Weight | Operand::Noise | Operand::DecayingNoise) => {
                self.input(rule.node_text(id))
            }
            Node::State(_) | Node::Debias(_) if free => self.input(rule.node_text(id)),
            Node::Drop(_, x, p) if 0.0 < p.value() && p.value() < 1.0 => {
                if kept {
                    self.place[x.index()]
                } else {
                    self.rule.tree.add(Node::Constant(Number::new(0.0)))
                }
            }
            other => {
                let place = &self.place;
                let node = other.map(|operand| place[operand.index()]);
                self.rule.tree.add(node)
            }
        }
    }

    /// A state that is set before a step, and what it becomes does not matter.
    fn input(&mut self, name: String) -> NodeId {
        if let Some(known) = self.names.iter().position(|own| *own == name) {
            return self.inputs[known];
        }
        let tree = &mut self.rule.tree;
        let (init, g) = (tree.constant(0.0), tree.add(Node::Operand(Operand::Gradient)));
        let mark = tree.constant(MARK + self.names.len() as f64);
        let next = tree.binary(Binary::Mul, mark, g);
        let kind = StateKind::Recurrence { init, next };
        self.rule.states.push(State { name: Some(format!("input_{}", self.names.len())), kind });
        // The states that were there come first, and so the new one is the last.
        let last = self.rule.state_ids().last();
        let input = match last {
            Some(state) => self.rule.tree.add(Node::Previous(state)),
            None => init,
        };
        self.names.push(name);
        self.inputs.push(input);
        input
    }
}

/// What the update and the schedule reach, not through states.
fn stopped(rule: &Rule) -> Vec<bool> {
    let mut reached = vec![false; rule.tree.len()];
    let mut open: Vec<NodeId> = [Some(rule.update), rule.schedule].into_iter().flatten().collect();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut reached[id.index()], true) {
            open.extend(rule.tree.node(id).operands());
        }
    }
    reached
}

/// A kernel with its memory.
struct Running<'a> {
    machine: &'a Machine,
    kernel: Interpreter,
    parameters: Vec<f64>,
    states: Vec<Vec<f32>>,
    uniform: Vec<f64>,
}

impl<'a> Running<'a> {
    /// `None` if the rule cannot start.
    fn new(machine: &'a Machine, total: u64) -> Option<Running<'a>> {
        let LoweredRule { canonical, plan, scalars, slots, .. } = &machine.lowered;
        let parameters: Vec<f64> = canonical.rule.parameters.iter().map(|p| p.default).collect();
        let starts = scalars.initial_states(canonical, &inputs(&parameters, 0, total, &[])).ok()?;
        let states = slots.iter().map(|slot| vec![starts[slot.index()] as f32; ELEMENTS]);
        let uniform = scalars.uniform_states().iter().map(|state| starts[state.index()]);
        Some(Running {
            machine,
            kernel: Interpreter::new(plan.clone()),
            states: states.collect(),
            uniform: uniform.collect(),
            parameters,
        })
    }

    /// The update of each element. `None` if the rule cannot take the step.
    fn step(
        &mut self,
        step: u64,
        total: u64,
        names: &[String],
        values: &[Vec<f32>],
    ) -> Option<Vec<f32>> {
        let given = |name: &str| names.iter().position(|n| n == name).map(|place| &values[place]);
        for (slot, state) in self.machine.slots.iter().zip(&mut self.states) {
            let name = slot.and_then(|number| self.machine.names.get(number));
            if let Some(values) = name.and_then(|name| given(name)) {
                state.clone_from(values);
            }
        }
        let lowered = &self.machine.lowered;
        let inputs = inputs(&self.parameters, step, total, &self.uniform);
        let scalars = lowered.scalars.step(&lowered.canonical, &inputs).ok()?;
        let mut w = vec![-0.0; ELEMENTS];
        let mut states: Vec<&mut [f32]> = self.states.iter_mut().map(Vec::as_mut_slice).collect();
        let mut elements = Elements {
            parameters: (&mut w).into(),
            gradients: given("g")?.into(),
            states: &mut states,
            first_element: 0,
        };
        let uniforms =
            Uniforms { scalars: &scalars.scalars, key: key(inputs.seed, 0), step: step as u32 };
        self.kernel.run(&mut elements, uniforms).ok()?;
        self.uniform = scalars.states;
        Some(w.into_iter().map(|w| -w).collect())
    }
}

fn inputs<'a>(parameters: &'a [f64], step: u64, total: u64, states: &'a [f64]) -> StepInputs<'a> {
    let total_steps = Some(total);
    let guard = GradientGuard::default();
    StepInputs {
        step,
        total_steps,
        learning_rate: 1.0,
        parameters,
        seed: 0,
        states,
        guard,
        weight_decay: 0.0,
    }
}
