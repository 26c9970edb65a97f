//! The canonical tree as statements: first the scalars of a step, then what is computed for every element.
//!
//! The walk follows the arena, so it never recurses; an expression that is used twice or would make a long
//! line gets a name, so nothing that comes out is nested deeply either.

use std::collections::BTreeSet;

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::primitive::{Binary, Operand};
use nosc_compiler::scalar;
use nosc_compiler::tree::{Node, NodeId, StateId, StateKind};

use super::names::Names;
use super::piece::{Kind, Language, Operation, Piece};

/// Longer expressions get a name.
const LONGEST: usize = 40;

/// `name = value`
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) name: String,
    pub(super) value: Piece,
}

/// The rule as statements, in order; the scalars of the schedule stand last among the scalars.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// What the starts of states need.
    pub(super) start_scalars: Vec<Statement>,
    pub(super) scalars: Vec<Statement>,
    pub(super) elements: Vec<Statement>,
    /// By state: its value before the first step.
    pub(super) starts: Vec<Piece>,
    /// By state: its value after the step.
    pub(super) states: Vec<Piece>,
    /// Decays that have to be in [0, 1), with their formulas.
    pub(super) decays: Vec<(Piece, String)>,
    pub(super) update: Option<Piece>,
    pub(super) schedule: Option<Piece>,
    /// By node: what it is in an update, if it was written.
    nodes: Vec<Option<Piece>>,
}

impl Body {
    /// A scalar of the update, for whoever writes the elements himself.
    pub(super) fn scalar(&self, id: NodeId) -> Option<&Piece> {
        self.nodes.get(id.index())?.as_ref()
    }
}

/// Names that are there before a rule is written.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// By parameter of the canonical rule.
    pub(super) parameters: &'a [String],
    /// By state.
    pub(super) slots: &'a [String],
    /// Whether what varies by element is written too.
    pub(super) elements: bool,
}

/// Where a node is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Update,
    Schedule,
    /// At step 0, for a state's start.
    Start,
}

struct Walk<'a, L> {
    canonical: &'a CanonicalRule,
    language: &'a mut L,
    names: &'a mut Names,
    given: Given<'a>,
    /// By node, in an update.
    uniform: Vec<bool>,
    uniform_states: Vec<bool>,
    /// By node: its value if it is made of constants only.
    constants: Vec<Option<f64>>,
    /// The update, and what states become.
    roots: BTreeSet<NodeId>,
    /// By node: how many read it.
    uses: Vec<u32>,
    pieces: Vec<Option<Piece>>,
    states: Vec<Option<Piece>>,
    body: Body,
    place: Place,
}

/// Writes a rule out.
pub(super) fn body<L: Language>(
    canonical: &CanonicalRule,
    language: &mut L,
    names: &mut Names,
    given: Given<'_>,
) -> Body {
    let rule = &canonical.rule;
    let uniform = rule.uniform(true);
    let mut walk = Walk {
        canonical,
        language,
        names,
        given,
        uniform: uniform.nodes,
        uniform_states: uniform.states,
        constants: constants(canonical),
        roots: roots(canonical),
        uses: uses(canonical),
        pieces: vec![None; rule.tree.len()],
        states: vec![None; rule.states.len()],
        body: Body::default(),
        place: Place::Start,
    };
    walk.starts();
    walk.update();
    walk.schedule();
    walk.body
}

fn constants(canonical: &CanonicalRule) -> Vec<Option<f64>> {
    let tree = &canonical.rule.tree;
    let mut values: Vec<Option<f64>> = Vec::with_capacity(tree.len());
    for (_, node) in tree.iter() {
        let value = scalar::apply(node, |operand| values.get(operand.index()).copied().flatten());
        values.push(value);
    }
    values
}

fn uses(canonical: &CanonicalRule) -> Vec<u32> {
    let rule = &canonical.rule;
    let live = rule.live();
    let mut uses = vec![0_u32; rule.tree.len()];
    let operands = rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]);
    let roots = [Some(rule.update), rule.schedule].into_iter().flatten();
    let states = rule.states.iter().flat_map(|state| match state.kind {
        // The decay is read for itself and for what it leaves.
        StateKind::Average { x, decay } => vec![x, decay, decay],
        StateKind::Recurrence { next, .. } => vec![next],
    });
    for id in operands.flat_map(|(_, node)| node.operands()).chain(roots).chain(states) {
        uses[id.index()] += 1;
    }
    uses
}

fn roots(canonical: &CanonicalRule) -> BTreeSet<NodeId> {
    let rule = &canonical.rule;
    let next = rule.states.iter().filter_map(|state| match state.kind {
        StateKind::Average { .. } => None,
        StateKind::Recurrence { next, .. } => Some(next),
    });
    next.chain([rule.update]).collect()
}

impl<L: Language> Walk<'_, L> {
    fn starts(&mut self) {
        let rule = &self.canonical.rule;
        let inits: Vec<Option<NodeId>> = rule
            .states
            .iter()
            .map(|state| match state.kind {
                StateKind::Average { .. } => None,
                StateKind::Recurrence { init, .. } => Some(init),
            })
            .collect();
        self.nodes(inits.iter().flatten().copied().collect());
        for init in inits {
            let start = match init {
                Some(init) => self.piece(init),
                None => self.language.number(0.0),
            };
            self.body.starts.push(start);
        }
        // At a later step they have other values.
        self.pieces.fill(None);
    }

    fn update(&mut self) {
        self.place = Place::Update;
        let rule = &self.canonical.rule;
        let decays: Vec<NodeId> = rule
            .states
            .iter()
            .filter_map(|state| match state.kind {
                StateKind::Average { decay, .. } => Some(decay),
                StateKind::Recurrence { .. } => None,
            })
            .collect();
        let next = rule.states.iter().map(|state| state.kind.next());
        let roots = decays.iter().copied().chain(next).chain([rule.update]).collect();
        self.nodes(roots);
        for state in rule.state_ids() {
            let piece = self.state(state);
            self.body.states.push(piece);
        }
        if !self.given.elements {
            self.body.nodes = self.scalars();
        }
        let mut seen = Vec::new();
        for decay in decays {
            let is_right = self.constants[decay.index()].is_some_and(|d| (0.0..1.0).contains(&d));
            if !is_right && !seen.contains(&decay) {
                let piece = self.piece(decay);
                self.body.decays.push((piece, rule.node_text(decay)));
                seen.push(decay);
            }
        }
        self.body.update = Some(self.piece(rule.update));
    }

    /// All nodes that are scalars of the update.
    fn scalars(&mut self) -> Vec<Option<Piece>> {
        let ids: Vec<NodeId> = self.canonical.rule.tree.iter().map(|(id, _)| id).collect();
        let is_scalar = |id: &NodeId| self.uniform[id.index()];
        let known: Vec<bool> = ids.iter().map(is_scalar).collect();
        let mut out = Vec::with_capacity(ids.len());
        for (id, is_scalar) in ids.into_iter().zip(known) {
            let index = id.index();
            let is_written = self.constants[index].is_some() || self.pieces[index].is_some();
            out.push((is_scalar && is_written).then(|| self.piece(id)));
        }
        out
    }

    fn schedule(&mut self) {
        self.place = Place::Schedule;
        let Some(schedule) = self.canonical.rule.schedule else { return };
        // What has one value for all elements of an update has that value here.
        for (piece, uniform) in self.pieces.iter_mut().zip(&self.uniform) {
            if !uniform {
                *piece = None;
            }
        }
        self.nodes(vec![schedule]);
        self.body.schedule = Some(self.piece(schedule));
    }

    /// Writes the nodes that the roots reach, through states only where those are an update's.
    fn nodes(&mut self, mut open: Vec<NodeId>) {
        let rule = &self.canonical.rule;
        let mut wanted = vec![false; rule.tree.len()];
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut wanted[id.index()], true) {
                open.extend(rule.tree.node(id).operands());
            }
        }
        for (id, node) in rule.tree.iter() {
            let index = id.index();
            let is_left_out = self.kind_of(id) == Kind::Element && !self.given.elements;
            let is_known = self.constants[index].is_some() || self.pieces[index].is_some();
            if !wanted[index] || is_left_out || is_known {
                continue;
            }
            let piece = self.node(id, node);
            // What is the update or a state and nothing else has its name there.
            let is_used_once = self.uses[index] == 1;
            let piece = if is_used_once && self.roots.contains(&id) {
                piece
            } else {
                self.named(piece, !is_used_once)
            };
            self.pieces[index] = Some(piece);
        }
    }

    /// A name for a piece that is long or used again.
    fn named(&mut self, piece: Piece, again: bool) -> Piece {
        if piece.is_name() || !again && piece.text.len() <= LONGEST {
            return piece;
        }
        let name = self.names.fresh();
        self.assign(name, piece)
    }

    fn assign(&mut self, name: String, value: Piece) -> Piece {
        let kind = value.kind;
        let list = match kind {
            Kind::Scalar if self.place == Place::Start => &mut self.body.start_scalars,
            Kind::Scalar => &mut self.body.scalars,
            Kind::Element => &mut self.body.elements,
        };
        list.push(Statement { name: name.clone(), value });
        Piece::atom(name, kind)
    }

    fn piece(&mut self, id: NodeId) -> Piece {
        if let Some(value) = self.constants[id.index()] {
            return self.language.number(value);
        }
        match &self.pieces[id.index()] {
            Some(piece) => piece.clone(),
            // Operands stand before their users.
            None => self.language.number(f64::NAN),
        }
    }

    fn kind_of(&self, id: NodeId) -> Kind {
        if self.place != Place::Update || self.uniform[id.index()] {
            Kind::Scalar
        } else {
            Kind::Element
        }
    }

    fn step(&mut self) -> Piece {
        match self.place {
            Place::Start => self.language.number(0.0),
            Place::Update | Place::Schedule => Piece::scalar("t"),
        }
    }

    fn node(&mut self, id: NodeId, node: Node) -> Piece {
        match node {
            Node::Operand(operand) => self.operand(id, operand),
            Node::Decay(kind, n) => {
                let step = self.step();
                self.language.cosine(kind, n.value(), &step)
            }
            Node::Parameter(p) => {
                Piece::scalar(self.given.parameters.get(p.index()).cloned().unwrap_or_default())
            }
            Node::State(state) => self.state(state),
            Node::Previous(state) => self.before(state),
            Node::Debias(state) => self.debias(state),
            Node::Unary(op, a) => self.operation(Operation::Unary(op), &[a]),
            Node::Binary(op, a, b) => self.operation(Operation::Binary(op), &[a, b]),
            Node::Clip(x, lo, hi) => self.operation(Operation::Clip, &[x, lo, hi]),
            Node::Where(op, list) => self.operation(Operation::Where(op), &list),
            Node::Drop(_, x, p) => {
                let (x, kind, site) = (self.piece(x), self.kind_of(id), self.site(id));
                let drop = self.language.drop(site, &x, p.value(), kind);
                // A draw stands in a statement of its own: each has its place in the order of draws.
                self.named(drop, true)
            }
            Node::Constant(value) => self.language.number(value.value()),
        }
    }

    fn operation(&mut self, operation: Operation, operands: &[NodeId]) -> Piece {
        let operands: Vec<Piece> = operands.iter().map(|operand| self.piece(*operand)).collect();
        self.language.operation(operation, &operands)
    }

    fn operand(&mut self, id: NodeId, operand: Operand) -> Piece {
        match operand {
            Operand::Gradient => Piece::atom("g", Kind::Element),
            Operand::Weight => Piece::atom("w", Kind::Element),
            Operand::LearningRate => Piece::scalar("lr"),
            Operand::Step => self.step(),
            Operand::TotalSteps => Piece::scalar("T"),
            Operand::LinearDecay => {
                let step = self.step();
                self.language.linear_decay(&step)
            }
            Operand::Noise | Operand::DecayingNoise => {
                let (kind, site) = (self.kind_of(id), self.site(id));
                let decaying = operand == Operand::DecayingNoise;
                let noise = self.language.noise(site, decaying, kind);
                self.named(noise, true)
            }
        }
    }

    fn site(&self, id: NodeId) -> u32 {
        let draws = match self.place {
            Place::Schedule => &self.canonical.schedule_draws,
            Place::Update | Place::Start => &self.canonical.draws,
        };
        draws.site(id).unwrap_or_default()
    }

    fn slot(&self, state: StateId) -> String {
        self.given.slots.get(state.index()).cloned().unwrap_or_default()
    }

    fn kind_of_state(&self, state: StateId) -> Kind {
        if self.uniform_states[state.index()] { Kind::Scalar } else { Kind::Element }
    }

    fn before(&self, state: StateId) -> Piece {
        Piece::atom(format!("{}_before", self.slot(state)), self.kind_of_state(state))
    }

    /// The state after the step, written at its first use.
    fn state(&mut self, state: StateId) -> Piece {
        if let Some(known) = &self.states[state.index()] {
            return known.clone();
        }
        if self.kind_of_state(state) == Kind::Element && !self.given.elements {
            return self.before(state);
        }
        let value = match self.canonical.rule.states[state.index()].kind {
            StateKind::Recurrence { next, .. } => {
                let next = self.piece(next);
                if next.is_name() { self.language.copied(next) } else { next }
            }
            StateKind::Average { x, decay } => {
                let (x, beta, before) = (self.piece(x), self.piece(decay), self.before(state));
                let rest = if let Some(decay) = self.constants[decay.index()] {
                    self.language.number(1.0 - decay)
                } else {
                    let one = self.language.number(1.0);
                    let pair = [one, beta.clone()];
                    self.language.operation(Operation::Binary(Binary::Sub), &pair)
                };
                let times = Operation::Binary(Binary::Mul);
                let kept = self.language.operation(times, &[beta, before]);
                let added = self.language.operation(times, &[rest, x]);
                self.language.operation(Operation::Binary(Binary::Add), &[kept, added])
            }
        };
        let piece = self.assign(self.slot(state), value);
        self.states[state.index()] = Some(piece.clone());
        piece
    }

    fn debias(&mut self, state: StateId) -> Piece {
        let average = self.state(state);
        let StateKind::Average { decay, .. } = self.canonical.rule.states[state.index()].kind
        else {
            return average;
        };
        let decay = self.piece(decay);
        let factor = self.language.debias(&decay);
        let value = self.language.operation(Operation::Binary(Binary::Mul), &[average, factor]);
        self.assign(format!("{}_hat", self.slot(state)), value)
    }
}
