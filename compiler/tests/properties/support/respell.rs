//! Another spelling of the same rule: operands of `+` and `*` swapped, parts named or not, minus signs
//! doubled, states renamed, statements moved, and names that nothing uses.

use nosc_compiler::Rule;
use nosc_compiler::primitive::{Binary, Cosine, Operand, PRIMITIVES, Unary};
use nosc_compiler::print::number;
use nosc_compiler::tree::{Live, Node, NodeId, StateKind};

use super::compare::Numbers;

/// A block that means the same, or `None` for a rule whose parameters hide an operand that it uses.
pub(crate) fn respelled(rule: &Rule, seed: u64) -> Option<String> {
    let live = rule.live();
    if hides(rule, &live) {
        return None;
    }
    let uses = uses(rule, &live);
    let texts = vec![None; rule.tree.len()];
    let depth = vec![0; rule.tree.len()];
    let mut speller = Speller {
        rule,
        live,
        numbers: Numbers::new(seed),
        uses,
        texts,
        depth,
        statements: Vec::new(),
        averages: vec![None; rule.states.len()],
        fresh: 0,
    };
    Some(speller.block())
}

/// Whether a parameter has the name of an operand that the rule uses.
fn hides(rule: &Rule, live: &Live) -> bool {
    let parameter = |name: &str| rule.parameters.iter().any(|p| p.name == name);
    rule.tree.iter().any(|(id, node)| {
        live.nodes[id.index()]
            && match node {
                Node::Operand(operand) => parameter(operand.name()),
                _ => false,
            }
    })
}

fn uses(rule: &Rule, live: &Live) -> Vec<u32> {
    let mut uses = vec![0; rule.tree.len()];
    for (_, node) in rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]) {
        node.operands().for_each(|operand| uses[operand.index()] += 1);
    }
    for (index, state) in rule.states.iter().enumerate() {
        if live.states[index] {
            state.kind.nodes().into_iter().for_each(|node| uses[node.index()] += 1);
        }
    }
    for root in [Some(rule.update), rule.schedule].into_iter().flatten() {
        uses[root.index()] += 1;
    }
    uses
}

struct Speller<'r> {
    rule: &'r Rule,
    live: Live,
    numbers: Numbers,
    uses: Vec<u32>,
    /// By node: its text, without brackets around it.
    texts: Vec<Option<String>>,
    depth: Vec<usize>,
    statements: Vec<String>,
    /// By state: the name of its `let` or `state`.
    averages: Vec<Option<String>>,
    fresh: usize,
}

impl Speller<'_> {
    fn block(&mut self) -> String {
        for (index, state) in self.rule.states.iter().enumerate() {
            if self.live.states[index] && matches!(state.kind, StateKind::Recurrence { .. }) {
                self.averages[index] = Some(self.name());
            }
        }
        let mut done = vec![false; self.rule.states.len()];
        for (id, node) in self.rule.tree.iter() {
            if let Node::State(s) | Node::Debias(s) = node
                && self.live.states[s.index()]
                && !std::mem::replace(&mut done[s.index()], true)
            {
                self.state(s.index());
            }
            if self.live.nodes[id.index()] {
                self.spell(id, node);
            }
        }
        for (index, done) in done.into_iter().enumerate() {
            if self.live.states[index] && !done {
                self.state(index);
            }
        }
        let parameters = self.parameters();
        let update = self.text(self.rule.update);
        let schedule = self.rule.schedule.map(|root| format!("schedule = {}\n", self.text(root)));
        let (statements, schedule) = (self.statements.join("\n"), schedule.unwrap_or_default());
        format!("{{\n{parameters}\n{statements}\n{schedule}update = {update}\n}}")
    }

    fn parameters(&mut self) -> String {
        let mut list: Vec<String> = Vec::new();
        for parameter in &self.rule.parameters {
            let line = format!("param {} = {}", parameter.name, number(parameter.default));
            list.insert(self.numbers.below(list.len() + 1), line);
        }
        list.join("; ")
    }

    fn name(&mut self) -> String {
        self.fresh += 1;
        let letter = *["q", "zz", "A"].get(self.numbers.below(3)).unwrap_or(&"q");
        format!("{letter}_{}", self.fresh)
    }

    fn state(&mut self, index: usize) {
        let line = match self.rule.states[index].kind {
            StateKind::Average { x, decay } => {
                let name = self.name();
                let line = format!("let {name} = ema({}, {})", self.text(x), self.text(decay));
                self.averages[index] = Some(name);
                line
            }
            StateKind::Recurrence { init, next } => {
                let name = self.averages[index].clone().unwrap_or_default();
                format!("state {name} init {} = {}", self.text(init), self.text(next))
            }
        };
        self.statements.push(line);
    }

    fn spell(&mut self, id: NodeId, node: Node) {
        let text = self.node(node);
        let at = id.index();
        self.depth[at] = 1 + node.operands().map(|x| self.depth[x.index()]).max().unwrap_or(0);
        let leaf = node.operands().next().is_none();
        let named =
            !leaf && (self.uses[at] > 1 || self.depth[at] > 20 || self.numbers.below(8) == 0);
        if self.numbers.below(16) == 0 {
            self.dead(&text, !leaf);
        }
        let text = if named {
            self.depth[at] = 0;
            let name = self.name();
            self.statements.push(format!("let {name} = {text}"));
            name
        } else {
            text
        };
        // The name of an average must stay plain for `debias`, which reads it through the state.
        let constant = matches!(node, Node::Constant(_));
        let doubled = !constant && self.numbers.below(10) == 0;
        self.texts[at] = Some(if doubled { format!("-(-({text}))") } else { text });
    }

    /// A name that nothing uses; a dead draw must not move the others.
    fn dead(&mut self, text: &str, may_repeat: bool) {
        let name = self.name();
        let line = match self.numbers.below(3) {
            0 => format!("let {name} = drop(lr*2, 0.5)"),
            1 => format!("state {name} = 0.5*{name} + drop(t, 0.1)"),
            _ if may_repeat && !text.contains("drop") => format!("let {name} = sign({text})"),
            _ => format!("param {name} = 3"),
        };
        self.statements.push(line);
    }

    fn text(&self, id: NodeId) -> String {
        self.texts[id.index()]
            .clone()
            .unwrap_or_else(|| panic!("{id:?} is read before it is spelt"))
    }

    fn state_name(&self, index: usize) -> String {
        self.averages[index].clone().unwrap_or_else(|| panic!("state {index} has no name yet"))
    }

    fn node(&mut self, node: Node) -> String {
        let at = |speller: &Self, id: NodeId| format!("({})", speller.text(id));
        match node {
            Node::Constant(value) => number(value.value()),
            Node::Operand(operand) => operand_text(operand).to_owned(),
            Node::Decay(Cosine::Cosine, n) => format!("cd({})", number(n.value())),
            Node::Decay(Cosine::Restart, n) => format!("rd({})", number(n.value())),
            Node::Parameter(parameter) => self.rule.parameters[parameter.index()].name.clone(),
            Node::State(s) => self.state_name(s.index()),
            Node::Previous(s) => format!("prev({})", self.state_name(s.index())),
            Node::Debias(s) => format!("debias({})", self.state_name(s.index())),
            Node::Unary(Unary::Neg, x) => format!("-{}", at(self, x)),
            Node::Unary(op, x) => format!("{}({})", op.name(), self.text(x)),
            Node::Binary(op @ (Binary::Add | Binary::Mul), a, b) => {
                let (a, b) = if self.numbers.below(2) == 0 { (a, b) } else { (b, a) };
                format!("{} {} {}", at(self, a), op.name(), at(self, b))
            }
            Node::Binary(Binary::Sub, a, b) if self.numbers.below(4) == 0 => {
                format!("{} + -{}", at(self, a), at(self, b))
            }
            Node::Binary(op @ (Binary::Min | Binary::Max), a, b) => {
                format!("{}({}, {})", op.name(), self.text(a), self.text(b))
            }
            Node::Binary(Binary::Pow, a, b) if self.rule.tree.as_constant(b).is_some() => {
                // Never a small integer literal, which would not be pow.
                format!("{}^(({}))", at(self, a), exponent(&self.text(b)))
            }
            Node::Binary(op, a, b) => format!("{} {} {}", at(self, a), op.name(), at(self, b)),
            Node::Clip(x, lo, hi) => {
                format!("clip({}, {}, {})", self.text(x), self.text(lo), self.text(hi))
            }
            Node::Drop(_, x, p) => format!("drop({}, {})", self.text(x), number(p.value())),
            Node::Where(op, [a, b, x, y]) => {
                let (a, b, x, y) = (at(self, a), at(self, b), self.text(x), self.text(y));
                format!("where({a} {} {b}, {x}, {y})", op.name())
            }
        }
    }
}

fn exponent(text: &str) -> String {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        format!("{text}.0")
    } else {
        text.to_owned()
    }
}

/// An operand under one of its names.
fn operand_text(operand: Operand) -> &'static str {
    let name = operand.name();
    debug_assert!(PRIMITIVES.iter().any(|row| row.name == name));
    match name {
        "eps" => "\u{3b5}",
        other => other,
    }
}
