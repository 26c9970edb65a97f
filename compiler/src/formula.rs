//! One formula to nodes of the tree.
//!
//! Works bottom-up over an explicit stack, so that a long chain is as good as a short one.

use indexmap::{IndexMap, IndexSet};

use crate::builder::RuleBuilder;
use crate::lexer::plain_name;
use crate::primitive::{Binary, Comparison, Form, Meaning, PRIMITIVES, Primitive, primitive};
use crate::problem::{Problem, plural};
use crate::scalar;
use crate::source::Span;
use crate::suggest;
use crate::syntax::{Expr, ExprId, Syntax};
use crate::tree::{Node, NodeId, Number, StateId, StateKind};

/// Names of a block.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// What each name stands for, and where it is declared.
    pub(crate) names: IndexMap<String, (Declared, Span)>,
    /// Names of functions that a declaration tried to take; they have had their message.
    pub(crate) refused: IndexSet<String>,
    /// Names that some formula has used.
    pub(crate) used: IndexSet<String>,
    /// The state whose right-hand side is being read.
    pub(crate) own_state: Option<String>,
}

/// What a declared name stands for; the inner `None` before its statement has been read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Declared {
    /// `param`
    Parameter(Option<NodeId>),
    /// `let`; `Some(None)` after a mistake in its formula.
    Let(Option<Built>),
    /// `state`, and whether its statement has been read.
    State(StateId, bool),
}

impl Scope {
    pub(crate) fn set(&mut self, name: &str, declared: Declared) {
        if let Some(entry) = self.names.get_mut(name) {
            entry.0 = declared;
        }
    }
}

/// A formula on its way to nodes.
pub(crate) struct Formula<'a> {
    pub(crate) text: &'a str,
    pub(crate) syntax: &'a Syntax,
    pub(crate) builder: &'a mut RuleBuilder,
    pub(crate) scope: &'a mut Scope,
    pub(crate) problems: &'a mut Vec<Problem>,
    pub(crate) literals: &'a mut Vec<(NodeId, Span)>,
    pub(crate) decays: &'a mut Vec<(NodeId, Span)>,
    pub(crate) rule: &'a str,
}

/// A formula that has been read: `None` after a mistake in it.
type Built = Option<NodeId>;

impl Formula<'_> {
    /// The node of a formula, or `None` when a problem has been reported.
    pub(crate) fn build(&mut self, root: ExprId) -> Built {
        let mut done: IndexMap<u32, Built> = IndexMap::new();
        let mut open = vec![(root, false)];
        while let Some((id, ready)) = open.pop() {
            if ready {
                let values = self.parts(id).iter().map(|part| done[&part.0]).collect::<Vec<_>>();
                let value = self.node(id, &values);
                done.insert(id.0, value);
                if let Some(limit) = self.builder.over_limit() {
                    let (what, limit, at) = (limit.what, limit.limit, self.syntax.span(id));
                    let rule = self.rule.to_owned();
                    self.problems.push(Problem::RuleTooLarge { rule, what, limit, at });
                    return None;
                }
            } else {
                open.push((id, true));
                open.extend(self.parts(id).into_iter().rev().map(|part| (part, false)));
            }
        }
        done[&root.0]
    }

    /// The inner formulas whose nodes are needed first.
    fn parts(&self, id: ExprId) -> Vec<ExprId> {
        match self.syntax.expr(id) {
            Expr::Number { .. } | Expr::Name | Expr::Broken => Vec::new(),
            Expr::Neg(a) => vec![*a],
            Expr::Binary(Binary::Pow, a, b) if self.small_integer(*b).is_some() => vec![*a],
            Expr::Binary(_, a, b) | Expr::Compare(_, a, b) => vec![*a, *b],
            Expr::Call(name, arguments) => match self.form(*name) {
                Some(Form::Prev) => Vec::new(),
                Some(Form::Where) => self.where_parts(arguments),
                // An unknown function with a comparison, such as `if`, is one mistake.
                None if self.is_unknown(*name) => self.where_parts(arguments),
                _ => arguments.clone(),
            },
        }
    }

    /// `where(a < b, x, y)` reads a, b, x and y.
    fn where_parts(&self, arguments: &[ExprId]) -> Vec<ExprId> {
        match arguments.first().map(|first| self.syntax.expr(*first)) {
            Some(Expr::Compare(_, a, b)) => {
                [*a, *b].into_iter().chain(arguments[1..].iter().copied()).collect()
            }
            _ => arguments.to_vec(),
        }
    }

    fn is_unknown(&self, name: Span) -> bool {
        let name = plain_name(&self.text[name.range()]);
        primitive(name).is_none() && !self.scope.names.contains_key(name)
    }

    fn form(&self, name: Span) -> Option<Form> {
        match primitive(plain_name(&self.text[name.range()]))?.meaning {
            Meaning::Form(form) => Some(form),
            _ => None,
        }
    }

    /// An exponent that is an integer literal of at most 4, with or without a minus.
    fn small_integer(&self, id: ExprId) -> Option<i32> {
        let literal = |id: ExprId| match self.syntax.expr(id) {
            Expr::Number { integer: Some(n), .. } if *n <= 4 => Some(*n as i32),
            _ => None,
        };
        match self.syntax.expr(id) {
            Expr::Neg(inner) => literal(*inner).map(|n| -n),
            _ => literal(id),
        }
    }

    fn node(&mut self, id: ExprId, values: &[Built]) -> Built {
        let at = self.syntax.span(id);
        match self.syntax.expr(id).clone() {
            Expr::Number { value, .. } => {
                let node = self.builder.tree.constant(value);
                self.literals.push((node, at));
                Some(node)
            }
            Expr::Name => self.name(at),
            Expr::Broken => None,
            Expr::Neg(_) => {
                let node = self.builder.neg(values[0]?);
                if self.builder.tree.as_constant(node).is_some() {
                    self.literals.push((node, at));
                }
                Some(node)
            }
            Expr::Binary(Binary::Pow, _, exponent) if values.len() == 1 => {
                let n = self.small_integer(exponent)?;
                Some(self.builder.power(values[0]?, n))
            }
            Expr::Binary(op, _, _) => Some(self.builder.tree.binary(op, values[0]?, values[1]?)),
            Expr::Compare(..) => {
                self.problems.push(Problem::MisplacedComparison { at });
                None
            }
            Expr::Call(name, arguments) => self.call(name, at, &arguments, values),
        }
    }

    fn name(&mut self, at: Span) -> Built {
        let name = plain_name(&self.text[at.range()]);
        if let Some((declared, _)) = self.scope.names.get(name).copied() {
            return self.declared(name, declared, at);
        }
        if let Some(row) = primitive(name).filter(|row| row.is_function()) {
            if !self.scope.refused.contains(name) {
                let (name, usage) = (name.to_owned(), row.usage);
                self.problems.push(Problem::FunctionWithoutCall { name, usage, at });
            }
            return None;
        }
        let node = self.builder.operand(name);
        if node.is_none() {
            let known = PRIMITIVES.iter().map(|row| row.name);
            let declared = self.scope.names.keys().map(String::as_str);
            let nearest = suggest::operand(name, declared, known).map(str::to_owned);
            self.problems.push(Problem::UnknownName { name: name.to_owned(), nearest, at });
        }
        node
    }

    fn declared(&mut self, name: &str, declared: Declared, at: Span) -> Built {
        let own = self.scope.own_state.as_deref() == Some(name);
        if !own {
            self.scope.used.insert(name.to_owned());
        }
        let is_state = match declared {
            Declared::Parameter(Some(node)) => return Some(node),
            Declared::Let(Some(node)) => return node,
            Declared::State(state, _) if own => {
                return Some(self.builder.tree.add(Node::Previous(state)));
            }
            Declared::State(state, true) => return Some(self.builder.tree.add(Node::State(state))),
            Declared::State(_, false) => true,
            Declared::Parameter(None) | Declared::Let(None) => false,
        };
        let name = name.to_owned();
        self.problems.push(Problem::UsedBeforeDeclaration { name, is_state, at });
        None
    }

    fn call(&mut self, name_at: Span, at: Span, arguments: &[ExprId], values: &[Built]) -> Built {
        let name = plain_name(&self.text[name_at.range()]);
        let Some(row) = primitive(name).filter(|row| row.arity.1 > 0) else {
            self.not_a_function(name, name_at);
            return None;
        };
        if arguments.len() < row.arity.0.max(1) || arguments.len() > row.arity.1 {
            self.problems.push(Problem::ArgumentCount {
                function: row.name,
                expected: arity(row),
                found: arguments.len(),
                usage: row.usage,
                at,
            });
            return None;
        }
        match row.meaning {
            Meaning::Unary(op) => Some(self.builder.tree.unary(op, values[0]?)),
            Meaning::Binary(op) => Some(self.builder.tree.binary(op, values[0]?, values[1]?)),
            Meaning::Decay(kind) => {
                let at = self.syntax.span(arguments[0]);
                let n = self.constant(values[0]?, "the number of a decay", at)?;
                let fits = n.is_finite() && n > 0.0;
                self.in_range("the number of a decay", n, fits, "a positive finite number", at)?;
                Some(self.builder.tree.add(Node::Decay(kind, Number::new(n))))
            }
            Meaning::Form(form) => self.special(form, at, arguments, values),
            _ => None,
        }
    }

    fn special(&mut self, form: Form, at: Span, arguments: &[ExprId], values: &[Built]) -> Built {
        match form {
            Form::Clip if values.len() == 2 => Some(self.builder.clip(values[0]?, values[1]?)),
            Form::Clip => {
                let node = Node::Clip(values[0]?, values[1]?, values[2]?);
                Some(self.builder.tree.add(node))
            }
            Form::Drop => {
                let p_at = self.syntax.span(arguments[1]);
                let p = self.constant(values[1]?, "a drop's probability", p_at)?;
                let fits = (0.0..=1.0).contains(&p);
                self.in_range("a drop's probability", p, fits, "0 to 1", p_at)?;
                Some(self.builder.drop(values[0]?, p))
            }
            Form::Where => {
                if let Expr::Compare(op, ..) = *self.syntax.expr(arguments[0]) {
                    return self.choose(op, values);
                }
                let at = self.syntax.span(arguments[0]);
                self.problems.push(Problem::MissingComparison { at });
                None
            }
            Form::Prev => self.previous(self.syntax.span(arguments[0]), at),
            Form::Ema => {
                let (x, decay) = (values[0]?, values[1]?);
                self.decays.push((decay, self.syntax.span(arguments[1])));
                let state = self.builder.average(x, decay);
                Some(self.builder.tree.add(Node::State(state)))
            }
            Form::Debias => {
                if let Node::State(state) = self.builder.tree.node(values[0]?)
                    && matches!(self.builder.states[state.index()].kind, StateKind::Average { .. })
                {
                    return Some(self.builder.tree.add(Node::Debias(state)));
                }
                self.problems.push(Problem::DebiasNeedsAverage { at });
                None
            }
        }
    }

    fn choose(&mut self, op: Comparison, values: &[Built]) -> Built {
        let list = [values[0]?, values[1]?, values[2]?, values[3]?];
        Some(self.builder.tree.add(Node::Where(op, list)))
    }

    fn previous(&mut self, name: Span, at: Span) -> Built {
        let name = plain_name(&self.text[name.range()]);
        let Some((Declared::State(state, _), _)) = self.scope.names.get(name).copied() else {
            self.problems.push(Problem::PrevNeedsState { at });
            return None;
        };
        if self.scope.own_state.as_deref() != Some(name) {
            self.scope.used.insert(name.to_owned());
        }
        Some(self.builder.tree.add(Node::Previous(state)))
    }

    fn constant(&mut self, node: NodeId, what: &'static str, at: Span) -> Option<f64> {
        let value = scalar::constant_value(&self.builder.tree, node);
        if value.is_none() {
            self.problems.push(Problem::NotConstant { what, at });
        }
        value
    }

    fn in_range(
        &mut self,
        what: &'static str,
        value: f64,
        fits: bool,
        expected: &'static str,
        at: Span,
    ) -> Option<()> {
        if fits {
            return Some(());
        }
        self.problems.push(Problem::OutOfRange { what, value, expected, at });
        None
    }

    fn not_a_function(&mut self, name: &str, at: Span) {
        if primitive(name).is_some() || self.scope.names.contains_key(name) {
            self.scope.used.insert(name.to_owned());
            self.problems.push(Problem::NotAFunction { name: name.to_owned(), at });
            return;
        }
        let functions = PRIMITIVES.iter().filter(|row| row.arity.1 > 0).map(|row| row.name);
        let nearest = suggest::function(name, functions).map(str::to_owned);
        self.problems.push(Problem::UnknownFunction { name: name.to_owned(), nearest, at });
    }
}

fn arity(row: &Primitive) -> String {
    match row.arity {
        (a, b) if a == b || a == 0 => format!("{b} argument{}", plural(b)),
        (a, b) => format!("{a} or {b} arguments"),
    }
}
