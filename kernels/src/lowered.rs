//! A canonical rule split in two: step scalars, and the plan of an element.

use indexmap::IndexSet;
use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::primitive::{Comparison, Operand};
use nosc_compiler::scalar;
use nosc_compiler::tree::{Live, Node, NodeId, StateId, StateKind};

use crate::derived::{DerivedId, Number};
use crate::edges::{self, DecayKind, Edges, ROUNDING_SITE};
use crate::element;
use crate::math::{self, Ops, Place};
use crate::plan::{Array, ElementType, Instruction, Plan, PlanBuilder, Value, Word, verify};
use crate::scalars::{NOISE_SCALE, Scalar, ScalarProgram, states_where};
use crate::value_set::{Chain, OfNan, Test, ValueSets};

/// Plans longer than this are refused.
pub const MAX_PLAN: usize = 65_536;

/// What every back end needs of a rule.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoweredRule {
    /// The rule.
    pub canonical: CanonicalRule,
    /// The step of one element.
    pub plan: Plan,
    /// The step scalars that the plan reads.
    pub scalars: ScalarProgram,
    /// By state array of the plan: the state it holds.
    pub slots: Vec<StateId>,
    /// What stands between the plan's arithmetic and the arrays.
    pub edges: Edges,
}

/// Why a rule has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// The plan would be too long.
    #[error("the rule needs a plan of more than {limit} instructions")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// More step scalars or states than a kernel takes.
    #[error("the rule needs more than {limit} {what}")]
    TooMany {
        /// "step scalars" or "state slots".
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A fault of nosc itself.
    #[error("nosc made a plan that is not valid ({0}); please report the rule")]
    Invalid(String),
}

impl LoweredRule {
    /// Splits a canonical rule into step scalars and a plan for arrays of f32.
    ///
    /// # Errors
    ///
    /// [`LowerError`] if the rule is too large for a kernel.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::{Rule, canonical::CanonicalRule};
    /// use nosc_kernels::LoweredRule;
    ///
    /// let rule = Rule::parse("exp(ld * sign(g) * sign(m)) * g")?;
    /// let lowered = LoweredRule::new(CanonicalRule::new(&rule))?;
    /// assert_eq!(lowered.slots.len(), 1); // one average: 4 bytes a parameter
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(canonical: CanonicalRule) -> Result<LoweredRule, LowerError> {
        LoweredRule::with(canonical, Edges::default(), true)
    }

    /// [`LoweredRule::new`] for arrays of other types, or with a guard before the gradients.
    ///
    /// # Errors
    ///
    /// As [`LoweredRule::new`].
    pub fn with_edges(canonical: CanonicalRule, edges: Edges) -> Result<LoweredRule, LowerError> {
        LoweredRule::with(canonical, edges, true)
    }

    /// [`LoweredRule::new`] without value sets: every function is computed for every element. What the
    /// tests compare with.
    ///
    /// # Errors
    ///
    /// As [`LoweredRule::new`].
    #[doc(hidden)]
    pub fn plain(canonical: CanonicalRule) -> Result<LoweredRule, LowerError> {
        LoweredRule::with(canonical, Edges::default(), false)
    }

    fn with(
        canonical: CanonicalRule,
        edges: Edges,
        value_sets: bool,
    ) -> Result<LoweredRule, LowerError> {
        let edges = edges.normal();
        let rule = &canonical.rule;
        let uniform = rule.uniform(true);
        // The canonical form leaves such nodes as they are where the value in f64 is not the number that they
        // stand for.
        let constants = scalar::constant_values(&rule.tree);
        let sets = if value_sets {
            ValueSets::new(rule, &uniform, &constants)
        } else {
            ValueSets::default()
        };
        let slots = states_where(rule, &uniform.states, false);
        let mut lowering = Lowering {
            canonical: &canonical,
            uniform,
            constants,
            sets,
            slots: &slots,
            edges,
            plan: PlanBuilder::with_types(edges.parameter, edges.gradient),
            outputs: IndexSet::new(),
            values: vec![None; rule.tree.len()],
        };
        lowering.rule()?;
        let mut plan = lowering.plan.finish();
        let outputs = used_scalars(&mut plan, &lowering.outputs);
        verify(&plan).map_err(LowerError::Invalid)?;
        let scalars = ScalarProgram::new(&canonical, outputs, &lowering.sets.derived);
        Ok(LoweredRule { canonical, plan, scalars, slots, edges })
    }

    /// Bytes of state for each parameter.
    pub fn bytes_per_parameter(&self) -> usize {
        4 * self.slots.len()
    }
}

/// The step scalars that the plan reads, which it then numbers from 0.
fn used_scalars(plan: &mut Plan, outputs: &IndexSet<Scalar>) -> Vec<Scalar> {
    let mut places: Vec<Option<u16>> = vec![None; outputs.len()];
    for instruction in &plan.instructions {
        if let Instruction::Scalar(index) = instruction {
            places[usize::from(*index)] = Some(0);
        }
    }
    for (place, used) in places.iter_mut().flatten().zip(0..) {
        *place = used;
    }
    for instruction in &mut plan.instructions {
        if let Instruction::Scalar(index) = instruction {
            *index = places[usize::from(*index)].unwrap_or_default();
        }
    }
    let used = outputs.iter().zip(places).filter_map(|(scalar, place)| place.map(|_| *scalar));
    let used: Vec<Scalar> = used.collect();
    plan.scalars = used.len() as u16;
    used
}

struct Lowering<'a> {
    canonical: &'a CanonicalRule,
    uniform: Live,
    /// By node: its value if it is made of constants only.
    constants: Vec<Option<f64>>,
    sets: ValueSets,
    slots: &'a [StateId],
    edges: Edges,
    plan: PlanBuilder,
    outputs: IndexSet<Scalar>,
    /// By node, for those that vary.
    values: Vec<Option<Value>>,
}

impl Lowering<'_> {
    fn rule(&mut self) -> Result<(), LowerError> {
        let rule = &self.canonical.rule;
        if self.slots.len() > usize::from(u16::MAX) {
            return Err(LowerError::TooMany { what: "state slots", limit: usize::from(u16::MAX) });
        }
        let live = rule.reach(vec![rule.update]);
        for (id, node) in rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]) {
            if !self.uniform.nodes[id.index()] {
                let value = self.node(id, node);
                self.values[id.index()] = Some(value);
            }
            if self.plan.len() > MAX_PLAN {
                return Err(LowerError::TooLong { limit: MAX_PLAN });
            }
            if self.outputs.len() > usize::from(u16::MAX) {
                let limit = usize::from(u16::MAX);
                return Err(LowerError::TooMany { what: "step scalars", limit });
            }
        }
        for (slot, state) in self.slots.iter().enumerate() {
            let value = self.state(*state);
            self.plan.store(Array::State(slot as u16), value);
        }
        let update = self.value(rule.update);
        let update = self.decayed(update, DecayKind::Decoupled);
        self.last_line(update);
        Ok(())
    }

    /// One multiplication, one subtraction.
    fn last_line(&mut self, update: Value) {
        let scale = self.scalar(Scalar::Scale);
        if self.edges.parameter == ElementType::F64 {
            self.plan.descend(scale, update);
            return;
        }
        let change = self.plan.mul(scale, update);
        let w = self.weight();
        let moved = self.plan.sub(w, change);
        let place = self.place();
        let rounded = edges::rounded(&mut self.plan, self.edges, moved, |plan| {
            math::random_word(plan, &place, ROUNDING_SITE)
        });
        self.plan.store(Array::Parameter, rounded);
    }

    /// The value with the weight decay, if it is of this kind.
    fn decayed(&mut self, value: Value, kind: DecayKind) -> Value {
        if self.edges.weight_decay != kind {
            return value;
        }
        let strength = self.scalar(Scalar::WeightDecay);
        let w = self.weight();
        let decay = self.plan.mul(strength, w);
        self.plan.add(value, decay)
    }

    fn weight(&mut self) -> Value {
        edges::loaded(&mut self.plan, Array::Parameter, self.edges.parameter)
    }

    /// The gradient as the rule sees it.
    fn gradient(&mut self) -> Value {
        let g = edges::loaded(&mut self.plan, Array::Gradient, self.edges.gradient);
        let g = if self.edges.guarded { self.guarded(g) } else { g };
        self.decayed(g, DecayKind::L2)
    }

    fn guarded(&mut self, g: Value) -> Value {
        let (scale, limit) = (self.scalar(Scalar::GuardScale), self.scalar(Scalar::GuardLimit));
        let scaled = self.plan.mul(g, scale);
        let least = self.plan.neg(limit);
        element::clip(&mut self.plan, scaled, (least, false), (limit, false))
    }

    /// The value of a node where an element meets it.
    fn value(&mut self, id: NodeId) -> Value {
        match self.values[id.index()] {
            Some(value) => value,
            None => match self.constants[id.index()] {
                Some(constant) => self.plan.float(constant as f32),
                None => self.scalar(Scalar::Value(id)),
            },
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Value {
        let (index, _) = self.outputs.insert_full(scalar);
        self.plan.scalar(index.min(usize::from(u16::MAX) - 1) as u16)
    }

    fn node(&mut self, id: NodeId, node: Node) -> Value {
        if let Some(chain) = self.sets.chain(id) {
            return self.chain(&chain);
        }
        match node {
            Node::Operand(operand) => self.operand(id, operand),
            Node::State(state) => self.state(state),
            Node::Debias(state) => {
                let average = self.state(state);
                let StateKind::Average { decay, .. } = self.kind(state) else { return average };
                let factor = self.scalar(Scalar::Debias(decay));
                self.plan.mul(average, factor)
            }
            Node::Previous(state) => self.load(state),
            Node::Unary(op, x) => {
                let x = self.value(x);
                element::unary(&mut self.plan, op, x)
            }
            Node::Binary(op, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                element::binary(&mut self.plan, op, a, b)
            }
            Node::Clip(x, lo, hi) => self.clip(x, lo, hi),
            Node::Drop(_, x, p) => {
                let x = self.value(x);
                let site = self.site(id);
                let place = self.place();
                let p = self.plan.float(p.value() as f32);
                let dropped = math::drop_mask(&mut self.plan, &place, site, p);
                let zero = self.plan.float(0.0);
                self.plan.select(dropped, zero, x)
            }
            Node::Where(op, list) => self.choose(op, list),
            Node::Constant(_) | Node::Decay(..) | Node::Parameter(_) => {
                self.scalar(Scalar::Value(id))
            }
        }
    }

    fn operand(&mut self, id: NodeId, operand: Operand) -> Value {
        match operand {
            Operand::Gradient => self.gradient(),
            Operand::Weight => self.weight(),
            Operand::Noise => {
                let scale = self.plan.float(NOISE_SCALE);
                self.normal(id, scale)
            }
            Operand::DecayingNoise => {
                let scale = self.scalar(Scalar::NoiseScale);
                self.normal(id, scale)
            }
            _ => self.scalar(Scalar::Value(id)),
        }
    }

    fn normal(&mut self, id: NodeId, scale: Value) -> Value {
        let (place, site) = (self.place(), self.site(id));
        let normal = math::normal_draw(&mut self.plan, &place, site);
        self.plan.mul(normal, scale)
    }

    fn site(&self, id: NodeId) -> u32 {
        self.canonical.draws.site(id).unwrap_or_default()
    }

    fn place(&mut self) -> Place<Value, ()> {
        Place {
            key: [self.plan.word(Word::KeyLow), self.plan.word(Word::KeyHigh)],
            step: self.plan.word(Word::Step),
            block: [self.plan.word(Word::BlockLow), self.plan.word(Word::BlockHigh)],
            lane: (),
        }
    }

    fn kind(&self, state: StateId) -> StateKind {
        self.canonical.rule.states[state.index()].kind
    }

    fn load(&mut self, state: StateId) -> Value {
        let slot = self.slots.iter().position(|slot| *slot == state).unwrap_or_default();
        self.plan.load(Array::State(slot as u16))
    }

    /// The state after its update; equal instructions are shared, so asking again costs nothing.
    fn state(&mut self, state: StateId) -> Value {
        match self.kind(state) {
            StateKind::Recurrence { next, .. } => self.value(next),
            StateKind::Average { x, decay } => {
                let (x, decay_value) = (self.value(x), self.value(decay));
                let complement = match self.constants[decay.index()] {
                    Some(decay) => self.plan.float((1.0 - decay) as f32),
                    None => self.scalar(Scalar::Complement(decay)),
                };
                let old = self.load(state);
                let kept = self.plan.mul(decay_value, old);
                let added = self.plan.mul(complement, x);
                self.plan.add(kept, added)
            }
        }
    }

    fn clip(&mut self, x: NodeId, lo: NodeId, hi: NodeId) -> Value {
        let may_be_nan = |id: NodeId| self.constants[id.index()].is_none_or(f64::is_nan);
        let may_be_nan = [may_be_nan(lo), may_be_nan(hi)];
        let (x, lo, hi) = (self.value(x), self.value(lo), self.value(hi));
        element::clip(&mut self.plan, x, (lo, may_be_nan[0]), (hi, may_be_nan[1]))
    }

    fn choose(&mut self, op: Comparison, [a, b, x, y]: [NodeId; 4]) -> Value {
        if let (Some(a), Some(b)) = (self.constants[a.index()], self.constants[b.index()]) {
            return self.value(if scalar::holds(op, a, b) { x } else { y });
        }
        let decided = self.uniform.nodes[a.index()] && self.uniform.nodes[b.index()];
        let mask = if decided {
            let holds = self.scalar(Scalar::Holds(op, a, b));
            let one = self.plan.float(1.0);
            self.plan.eq(holds, one)
        } else {
            let (a, b) = (self.value(a), self.value(b));
            element::holds(&mut self.plan, op, a, b)
        };
        let (x, y) = (self.value(x), self.value(y));
        self.plan.select(mask, x, y)
    }

    /// The selects that stand for a function of a value set.
    fn chain(&mut self, chain: &Chain) -> Value {
        let x = self.value(chain.base);
        let rest = self.derived(chain.rest);
        let mut result = match chain.nan {
            OfNan::SameAsRest => rest,
            OfNan::Sum => self.plan.add(x, rest),
            OfNan::Itself | OfNan::Result(_) => {
                let nan = if let OfNan::Result(id) = chain.nan { self.derived(id) } else { x };
                let is_number = self.plan.eq(x, x);
                self.plan.select(is_number, rest, nan)
            }
        };
        for (test, value) in &chain.tests {
            let mask = match *test {
                Test::Equals(member) => {
                    let member = self.plan.float(member);
                    self.plan.eq(x, member)
                }
                Test::Bits(member) => {
                    let member = self.derived(member);
                    let (x, member) = (self.plan.bits(x), self.plan.bits(member));
                    self.plan.ieq(x, member)
                }
            };
            let value = self.derived(*value);
            result = self.plan.select(mask, value, result);
        }
        result
    }

    fn derived(&mut self, id: DerivedId) -> Value {
        match self.sets.derived.number(id) {
            Number::Constant(bits) => self.plan.float(f32::from_bits(bits)),
            Number::Scalar(scalar) => self.scalar(scalar),
            _ => self.scalar(Scalar::Derived(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use nosc_compiler::Rule;
    use nosc_compiler::canonical::CanonicalRule;

    use super::{LoweredRule, Scalar};

    #[test]
    fn constants_that_the_canonical_form_keeps_apart_are_one_in_the_plan() {
        let lowered = |text: &str| {
            let rule = Rule::parse(text).expect(text);
            LoweredRule::new(CanonicalRule::new(&rule)).expect(text)
        };
        for (text, folded) in [
            ("(0.1 + 0.2)*g", "0.30000000000000004*g"),
            ("ema(g, 1/3)", "ema(g, 0.3333333333333333)"),
            (
                "clip(g, sqrt(2)) + 2^(sign(g)*(1/3))",
                "clip(g, 1.4142135623730951) + 2^(sign(g)*0.3333333333333333)",
            ),
            ("where(0.1 + 0.2 <= 0.3, g, w)", "w + 0*g"),
        ] {
            let (a, b) = (lowered(text), lowered(folded));
            assert_eq!(a.scalars.outputs(), [Scalar::Scale], "{text}");
            assert_ne!(a.canonical.key, b.canonical.key, "{text}");
            assert!(a.plan.instructions.len() <= b.plan.instructions.len(), "{text}");
        }
    }
}
