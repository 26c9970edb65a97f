//! The formula of a rule, with as few brackets and names as it takes to parse back.

use super::layout::{Layout, Shape};
use crate::primitive::{Binary, Cosine, Unary};
use crate::tree::{Node, NodeId, Rule, StateId, StateKind};

/// How tightly a piece of text binds; a looser one in a tighter place gets brackets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    Loosest,
    Sum,
    Product,
    Sign,
    Power,
    Atom,
}

impl Rule {
    /// The rule as a statement, `rule NAME = ...` or `rule NAME { ... }`.
    ///
    /// ```
    /// use nosc_compiler::Rule;
    ///
    /// let rule = Rule::parse("rule a { let s = sign(g); update = s * (s + 1) }")?;
    /// assert_eq!(rule.to_text(), "rule a = sign(g) * (sign(g) + 1)");
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn to_text(&self) -> String {
        let body = self.body_text();
        let equals = if body.starts_with('{') { "" } else { "= " };
        format!("rule {} {equals}{body}", self.name)
    }

    /// The rule without its name: a formula, or a block in braces. It parses as a file of its own.
    pub fn body_text(&self) -> String {
        let layout = Layout::new(self);
        let statements = statements(&layout);
        let update = text(&layout, self.update, Binds::Loosest, false);
        if statements.is_empty() && self.schedule.is_none() {
            return update;
        }
        let mut out = "{\n".to_owned();
        for statement in statements {
            out += &format!("    {statement}\n");
        }
        out += &format!("    update = {update}\n");
        if let Some(schedule) = self.schedule {
            let schedule = text(&layout, schedule, Binds::Loosest, false);
            out += &format!("    schedule = {schedule}\n");
        }
        out + "}"
    }

    /// One formula on its own, for reports: states by name, shared parts written out where short.
    pub fn node_text(&self, node: NodeId) -> String {
        NodeTexts::new(self).of(node)
    }
}

/// [`Rule::node_text`] of many nodes: the names are found once.
pub(crate) struct NodeTexts<'a>(Layout<'a>);

impl<'a> NodeTexts<'a> {
    pub(crate) fn new(rule: &'a Rule) -> NodeTexts<'a> {
        NodeTexts(Layout::new(rule))
    }

    pub(crate) fn of(&self, node: NodeId) -> String {
        text(&self.0, node, Binds::Loosest, false)
    }
}

/// Parameters, lets and states in an order in which each stands before its use.
fn statements(layout: &Layout<'_>) -> Vec<String> {
    let rule = layout.rule;
    let mut out: Vec<String> = layout
        .declared_parameters()
        .into_iter()
        .map(|parameter| format!("param {} = {}", parameter.name, number(parameter.default)))
        .collect();
    let mut written = vec![false; rule.states.len()];
    for (id, node) in rule.tree.iter() {
        if let Some(name) = &layout.lets[id.index()] {
            out.push(format!("let {name} = {}", text(layout, id, Binds::Loosest, true)));
        }
        if let Node::State(state) = node
            && layout.live.nodes[id.index()]
            && !std::mem::replace(&mut written[state.index()], true)
        {
            out.extend(state_statement(layout, state));
        }
    }
    for (index, written) in written.into_iter().enumerate() {
        if !written && layout.live.states[index] {
            out.extend(state_statement(layout, StateId(index as u16)));
        }
    }
    out
}

fn state_statement(layout: &Layout<'_>, state: StateId) -> Option<String> {
    let StateKind::Recurrence { init, next } = layout.rule.states[state.index()].kind else {
        return None;
    };
    let name = &layout.states[state.index()];
    let next = text(layout, next, Binds::Loosest, false);
    if layout.rule.tree.as_constant(init).map(f64::to_bits) == Some(0) {
        return Some(format!("state {name} = {next}"));
    }
    let init = text(layout, init, Binds::Loosest, false);
    Some(format!("state {name} init {init} = {next}"))
}

/// A piece of work of the printer.
enum Work {
    Node(NodeId, Binds),
    Text(&'static str),
    Owned(String),
}

/// The text of a node; with `inside`, of what a `let` holds.
fn text(layout: &Layout<'_>, root: NodeId, binds: Binds, inside: bool) -> String {
    let mut out = String::new();
    let mut open = vec![Work::Node(root, binds)];
    let mut first = inside;
    while let Some(work) = open.pop() {
        match work {
            Work::Text(text) => out += text,
            Work::Owned(text) => out += &text,
            Work::Node(id, place) => {
                if let Some(name) = layout.lets[id.index()].as_ref().filter(|_| !first) {
                    out += name;
                } else {
                    let (own, mut pieces) = pieces(layout, id);
                    if own < place {
                        pieces.insert(0, Work::Text("("));
                        pieces.push(Work::Text(")"));
                    }
                    open.extend(pieces.into_iter().rev());
                }
                first = false;
            }
        }
    }
    out
}

fn pieces(layout: &Layout<'_>, id: NodeId) -> (Binds, Vec<Work>) {
    use Binds::{Atom, Loosest, Power};
    let rule = layout.rule;
    match layout.shape(id) {
        Shape::Moment(name) | Shape::Scaled(name) => return (Atom, vec![Work::Text(name)]),
        Shape::Power(x, n) => {
            return (Power, vec![Work::Node(x, Atom), Work::Owned(format!("^{n}"))]);
        }
        Shape::Average(x, decay) => return (Atom, call("ema", [x, decay])),
        Shape::Debias(state) => {
            return (Atom, call("debias", layout.average_node(state)));
        }
        Shape::Leaf | Shape::Plain => {}
    }
    match rule.tree.node(id) {
        Node::Constant(value) => constant(layout, id, value.value(), false),
        Node::Operand(operand) => (Atom, vec![Work::Text(operand.name())]),
        Node::Decay(kind, n) => (Atom, vec![Work::Owned(decay(layout, kind, n.value()))]),
        Node::Parameter(p) => (Atom, vec![Work::Owned(rule.parameters[p.index()].name.clone())]),
        Node::State(s) | Node::Debias(s) => {
            (Atom, vec![Work::Owned(layout.states[s.index()].clone())])
        }
        Node::Previous(s) => {
            (Atom, vec![Work::Owned(format!("prev({})", layout.states[s.index()]))])
        }
        Node::Unary(Unary::Neg, x) => {
            (Binds::Sign, vec![Work::Text("-"), Work::Node(x, Binds::Sign)])
        }
        Node::Unary(op, x) => (Atom, call(op.name(), [x])),
        Node::Binary(op, a, b) => binary(layout, op, a, b),
        Node::Clip(x, lo, hi) if is_negative(rule, lo, hi) => (Atom, call("clip", [x, hi])),
        Node::Clip(x, lo, hi) => (Atom, call("clip", [x, lo, hi])),
        Node::Drop(_, x, p) => {
            let p = Work::Owned(format!(", {})", number(p.value())));
            (Atom, vec![Work::Text("drop("), Work::Node(x, Loosest), p])
        }
        Node::Where(op, [a, b, x, y]) => {
            let mut pieces = vec![Work::Text("where("), Work::Node(a, Binds::Sum)];
            pieces.push(Work::Owned(format!(" {} ", op.name())));
            for node in [b, x] {
                pieces.extend([Work::Node(node, Binds::Sum), Work::Text(", ")]);
            }
            pieces.extend([Work::Node(y, Loosest), Work::Text(")")]);
            (Atom, pieces)
        }
    }
}

fn binary(layout: &Layout<'_>, op: Binary, a: NodeId, b: NodeId) -> (Binds, Vec<Work>) {
    let infix = |own, left, text, right| {
        (own, vec![Work::Node(a, left), Work::Text(text), Work::Node(b, right)])
    };
    match op {
        Binary::Add => infix(Binds::Sum, Binds::Sum, " + ", Binds::Product),
        Binary::Sub => infix(Binds::Sum, Binds::Sum, " - ", Binds::Product),
        Binary::Mul => infix(Binds::Product, Binds::Product, " * ", Binds::Sign),
        Binary::Div => infix(Binds::Product, Binds::Product, " / ", Binds::Sign),
        Binary::Min | Binary::Max => (Binds::Atom, call(op.name(), [a, b])),
        Binary::Pow => {
            let exponent = match layout.rule.tree.as_constant(b) {
                Some(value) => {
                    let (binds, mut pieces) = constant(layout, b, value, true);
                    if binds < Binds::Sign {
                        pieces.insert(0, Work::Text("("));
                        pieces.push(Work::Text(")"));
                    }
                    pieces
                }
                None => vec![Work::Node(b, Binds::Sign)],
            };
            let mut pieces = vec![Work::Node(a, Binds::Atom), Work::Text("^")];
            pieces.extend(exponent);
            (Binds::Power, pieces)
        }
    }
}

fn call(name: &'static str, arguments: impl IntoIterator<Item = NodeId>) -> Vec<Work> {
    let mut pieces = vec![Work::Text(name), Work::Text("(")];
    for (index, argument) in arguments.into_iter().enumerate() {
        if index > 0 {
            pieces.push(Work::Text(", "));
        }
        pieces.push(Work::Node(argument, Binds::Loosest));
    }
    pieces.push(Work::Text(")"));
    pieces
}

fn is_negative(rule: &Rule, lo: NodeId, hi: NodeId) -> bool {
    match (rule.tree.node(lo), rule.tree.node(hi)) {
        (Node::Constant(lo), Node::Constant(hi)) => lo.value().to_bits() == (-hi.value()).to_bits(),
        (Node::Unary(Unary::Neg, x), _) => x == hi,
        _ => false,
    }
}

fn decay(layout: &Layout<'_>, kind: Cosine, n: f64) -> String {
    match kind {
        Cosine::Cosine if n == 0.5 && !layout.is_taken("cd") => "cd".to_owned(),
        Cosine::Cosine => format!("cd({})", number(n)),
        Cosine::Restart => format!("rd({})", number(n)),
    }
}

/// A constant; as an exponent, small integers are written so that they stay an exponent of pow.
fn constant(layout: &Layout<'_>, id: NodeId, value: f64, exponent: bool) -> (Binds, Vec<Work>) {
    let known = [("e", std::f64::consts::E), ("pi", std::f64::consts::PI)];
    for (name, known) in known {
        if value.to_bits() == known.to_bits() && !layout.is_taken(name) {
            return (Binds::Atom, vec![Work::Text(name)]);
        }
    }
    if layout.overflows[id.index()] {
        return (Binds::Product, vec![Work::Owned(large(value))]);
    }
    let mut text = number(value);
    if exponent && value.abs() <= 4.0 && value.fract() == 0.0 && value.is_finite() {
        text += ".0";
    }
    let binds = if !value.is_finite() {
        Binds::Product
    } else if value.is_sign_negative() {
        Binds::Sign
    } else {
        Binds::Atom
    };
    (binds, vec![Work::Owned(text)])
}

/// A finite constant that an element rounds to infinity. A literal may not do that where it meets an
/// element, so it is written as a product, which is one number once it is folded.
fn large(value: f64) -> String {
    format!("{} * 1", number(value))
}

/// A number as the language reads it, shortest that keeps every bit. Infinities and NaN, which a folded
/// constant may be, are written as the formula that makes them.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "0 / 0".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "-log(0)" } else { "log(0)" }.to_owned();
    }
    let magnitude = value.abs();
    if value == 0.0 || (1e-4..1e15).contains(&magnitude) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_keep_their_bits() {
        for value in
            [0.0, -0.0, 1.0, 0.1, 1e-8, 1e-5, 5e-324, 1.7e308, 0.300_000_000_000_000_04, 1e15]
        {
            let text = number(value);
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
        }
        assert_eq!(number(1e-8), "1e-8");
        assert_eq!(number(0.5), "0.5");
    }
}
