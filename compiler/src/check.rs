//! Syntax to checked rules: resolves names, builds the tree, and finds every mistake on the way.
//!
//! A [`Rule`] that comes out has no unresolved name, a uniform schedule and uniform starting values;
//! later stages rely on it and do not fail for these reasons.

use indexmap::IndexMap;

use crate::builder::RuleBuilder;
use crate::formula::{Declared, Formula, Scope};
use crate::primitive::{Binary, Operand, primitive};
use crate::problem::Problem;
use crate::source::Span;
use crate::syntax::{Body, Expr, ExprId, RuleSyntax, Statement, StatementKind, Syntax};
use crate::tree::{Live, MAX_STATES, Node, NodeId, Rule, State, StateId, StateKind};
use crate::{lexer::plain_name, scalar, tokens};

/// Checks all rules of a file, each with the text that it may reach over; a rule with an error is left out.
pub(crate) fn check(
    file_name: &str,
    text: &str,
    syntax: &Syntax,
    problems: &mut Vec<Problem>,
) -> Vec<(Rule, Span)> {
    let mut rules: Vec<(Rule, Span)> = Vec::new();
    let mut names: IndexMap<String, Span> = IndexMap::new();
    for rule in &syntax.rules {
        let name = match rule.name {
            Some(at) => plain_name(&text[at.range()]).to_owned(),
            None => name_of_file(file_name),
        };
        if let Some(at) = rule.name
            && names.insert(name.clone(), at).is_some()
        {
            problems.push(Problem::DuplicateRule { name: name.clone(), at });
        }
        let before = problems.len();
        let checker = Checker::new(name, text, syntax, problems);
        if let Some(checked) = checker.rule(rule)
            && !problems[before..].iter().any(Problem::is_error)
        {
            rules.push((checked, rule.reach));
        }
    }
    rules
}

/// The rule with a formula as one more factor of its schedule, unless the formula has an error that
/// leaves no node. The formula is all of the text.
pub(crate) fn schedule(
    rule: &Rule,
    text: &str,
    syntax: &Syntax,
    factor: ExprId,
    problems: &mut Vec<Problem>,
) -> Option<Rule> {
    Checker::new(rule.name.clone(), text, syntax, problems).schedule(rule, factor)
}

/// The name of an anonymous rule, as the language has names: `power-sign` becomes `power_sign`.
fn name_of_file(name: &str) -> String {
    let plain = plain_name(name);
    let mut own: String =
        plain.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if own.is_empty() {
        own.push_str("rule");
    }
    if own.starts_with(|c: char| c.is_ascii_digit()) {
        own.insert(0, '_');
    }
    own
}

struct Checker<'a> {
    name: String,
    text: &'a str,
    syntax: &'a Syntax,
    problems: &'a mut Vec<Problem>,
    builder: RuleBuilder,
    scope: Scope,
    /// Literals with their places, for the check against f32.
    literals: Vec<(NodeId, Span)>,
    /// Decays of averages with their places, which must be step scalars.
    decays: Vec<(NodeId, Span)>,
}

impl<'a> Checker<'a> {
    fn new(
        name: String,
        text: &'a str,
        syntax: &'a Syntax,
        problems: &'a mut Vec<Problem>,
    ) -> Checker<'a> {
        Checker {
            name,
            text,
            syntax,
            problems,
            builder: RuleBuilder::default(),
            scope: Scope::default(),
            literals: Vec::new(),
            decays: Vec::new(),
        }
    }

    fn rule(mut self, rule: &RuleSyntax) -> Option<Rule> {
        let at = rule.name.unwrap_or(rule.at);
        let (update, schedule) = match &rule.body {
            Body::Formula(formula) => (self.formula(*formula)?, None),
            Body::Tokens(words, at) => {
                let update = tokens::build(self.text, words, *at, &mut self.builder, self.problems);
                self.limits(*at)?;
                (update?, None)
            }
            Body::Block(statements) => self.block(statements, rule.at)?,
        };
        let (checked, live) = self.finish(update, schedule);
        if !live_gradient(&checked, &live) {
            self.problems.push(Problem::IgnoresGradient { rule: checked.name.clone(), at });
        }
        Some(checked)
    }

    /// The rule of its parts, after the checks that need all of them.
    fn finish(&mut self, update: NodeId, schedule: Option<(NodeId, Span)>) -> (Rule, Live) {
        let name = std::mem::take(&mut self.name);
        let builder = std::mem::take(&mut self.builder);
        let literals = std::mem::take(&mut self.literals);
        let decays = std::mem::take(&mut self.decays);
        let checked = builder.finish(name, update, schedule.map(|(node, _)| node));
        let varying = checked.uniform(true);
        if let Some((node, span)) = schedule
            && !checked.uniform(false).nodes[node.index()]
        {
            self.problems.push(Problem::VariesByElement { what: "the schedule", at: span });
        }
        for (node, at) in decays {
            let what = "the decay of an average";
            if !varying.nodes[node.index()] {
                self.problems.push(Problem::VariesByElement { what, at });
            } else if let Some(value) = scalar::constant_value(&checked.tree, node)
                && !(0.0..1.0).contains(&value)
            {
                let expected = "a number of at least 0 and below 1";
                self.problems.push(Problem::OutOfRange { what, value, expected, at });
            }
        }
        let live = checked.live();
        literals_fit(&checked, &varying, &live, &literals, self.problems);
        (checked, live)
    }

    /// The rule with a formula as one more factor of its schedule.
    fn schedule(mut self, rule: &Rule, factor: ExprId) -> Option<Rule> {
        self.builder = RuleBuilder::of(rule);
        for parameter in &rule.parameters {
            let node = self.builder.parameter(&parameter.name, parameter.default);
            let declared = Declared::Parameter(Some(node));
            self.scope.names.insert(parameter.name.clone(), (declared, Span::default()));
        }
        let at = self.syntax.span(factor);
        let factor = self.formula(factor)?;
        let schedule = match rule.schedule {
            Some(own) => self.builder.tree.binary(Binary::Mul, own, factor),
            None => factor,
        };
        self.limits(at)?;
        Some(self.finish(rule.update, Some((schedule, at))).0)
    }

    fn block(
        &mut self,
        statements: &[Statement],
        at: Span,
    ) -> Option<(NodeId, Option<(NodeId, Span)>)> {
        self.declare(statements);
        let (mut updates, mut schedules) = (Vec::new(), Vec::new());
        let mut failed = false;
        for statement in statements {
            let value = self.statement(statement);
            failed |= value.is_none();
            self.limits(statement.name)?;
            match (statement.kind, value) {
                (StatementKind::Update, value) => updates.push((value, statement.name)),
                (StatementKind::Schedule, value) => schedules.push((value, statement.name)),
                _ => {}
            }
        }
        self.count("update", "one", updates.len() == 1, &updates, at);
        self.count("schedule", "at most one", schedules.len() <= 1, &schedules, at);
        // What a broken formula uses is not known.
        if !statements.iter().any(|statement| self.is_broken(statement)) {
            self.unused();
        }
        if failed {
            return None;
        }
        let update = updates.first()?.0?;
        let schedule = match schedules.first() {
            Some((node, span)) => Some(((*node)?, *span)),
            None => None,
        };
        Some((update, schedule))
    }

    fn is_broken(&self, statement: &Statement) -> bool {
        matches!(self.syntax.expr(statement.value), Expr::Broken)
    }

    /// Notes every name of the block, so that a use before the declaration is known as such.
    fn declare(&mut self, statements: &[Statement]) {
        for statement in statements {
            if matches!(statement.kind, StatementKind::Update | StatementKind::Schedule) {
                continue;
            }
            let at = statement.name;
            let name = plain_name(&self.text[at.range()]).to_owned();
            if primitive(&name).is_some_and(crate::primitive::Primitive::is_function) {
                self.scope.refused.insert(name.clone());
                self.problems.push(Problem::ShadowsFunction { name, at });
            } else if self.scope.names.contains_key(&name) {
                if !self.is_broken(statement) {
                    self.problems.push(Problem::DuplicateName { name, at });
                }
            } else {
                // Only a name that counts gets a state: every one that is reserved is defined later.
                let declared = match statement.kind {
                    StatementKind::Param => Declared::Parameter(None),
                    StatementKind::State { .. } => {
                        Declared::State(self.reserve_state(statement), false)
                    }
                    _ => Declared::Let(None),
                };
                self.scope.names.insert(name, (declared, at));
            }
        }
    }

    fn reserve_state(&mut self, statement: &Statement) -> StateId {
        let index = self.builder.states.len().min(MAX_STATES);
        let name = plain_name(&self.text[statement.name.range()]).to_owned();
        // Until its statement is read, a state is told apart by its name alone.
        let nowhere = NodeId(u32::MAX);
        let kind = StateKind::Recurrence { init: nowhere, next: nowhere };
        self.builder.states.push(State { name: Some(name), kind });
        StateId(index as u16)
    }

    fn statement(&mut self, statement: &Statement) -> Option<NodeId> {
        let name = plain_name(&self.text[statement.name.range()]).to_owned();
        match statement.kind {
            StatementKind::Param => self.parameter(&name, statement),
            StatementKind::Let => {
                let value = self.formula(statement.value);
                self.scope.set(&name, Declared::Let(Some(value)));
                value
            }
            StatementKind::State { init } => self.state(&name, init, statement),
            StatementKind::Update | StatementKind::Schedule => self.formula(statement.value),
        }
    }

    fn parameter(&mut self, name: &str, statement: &Statement) -> Option<NodeId> {
        let node = self.formula(statement.value);
        let at = self.syntax.span(statement.value);
        let value = node.and_then(|node| scalar::constant_value(&self.builder.tree, node));
        if node.is_some() && value.is_none() {
            self.problems.push(Problem::NotConstant { what: "the value of a parameter", at });
        }
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            let (what, expected) = ("the value of a parameter", "a finite number");
            self.problems.push(Problem::OutOfRange { what, value, expected, at });
        }
        // A parameter in error still has a meaning, so that one mistake is one message.
        let default = value.filter(|v| v.is_finite()).unwrap_or(1.0);
        let parameter = self.builder.declared_parameter(name, default);
        self.scope.set(name, Declared::Parameter(Some(parameter)));
        value.map(|_| parameter)
    }

    fn state(&mut self, name: &str, init: Option<ExprId>, statement: &Statement) -> Option<NodeId> {
        let Some((Declared::State(id, again), _)) = self.scope.names.get(name).copied() else {
            return None;
        };
        let start = match init {
            Some(init) => {
                let value = self.formula(init);
                if let Some(node) = value {
                    self.check_start(node, self.syntax.span(init));
                }
                value
            }
            None => Some(self.builder.tree.constant(0.0)),
        };
        self.scope.own_state = Some(name.to_owned());
        let next = self.formula(statement.value);
        self.scope.own_state = None;
        self.scope.set(name, Declared::State(id, true));
        // A broken statement leaves a state that holds its start, so that later uses still resolve.
        let zero = self.builder.tree.constant(0.0);
        let kind =
            StateKind::Recurrence { init: start.unwrap_or(zero), next: next.unwrap_or(zero) };
        // The first of two declarations counts, so that the second is one mistake.
        if let Some(slot) = self.builder.states.get_mut(id.index()).filter(|_| !again) {
            slot.kind = kind;
        }
        start.and(next)
    }

    /// A starting value is a step scalar that reads no state and no draw.
    fn check_start(&mut self, root: NodeId, at: Span) {
        let (mut varies, mut reads_state) = (false, false);
        let mut seen = vec![false; self.builder.tree.len()];
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let node = self.builder.tree.node(id);
            varies |= matches!(
                node,
                Node::Drop(..)
                    | Node::Operand(
                        Operand::Gradient
                            | Operand::Weight
                            | Operand::Noise
                            | Operand::DecayingNoise,
                    )
            );
            reads_state |= matches!(node, Node::State(_) | Node::Previous(_) | Node::Debias(_));
            open.extend(node.operands());
        }
        if reads_state {
            self.problems.push(Problem::StartReadsState { at });
        } else if varies {
            self.problems.push(Problem::VariesByElement { what: "a starting value", at });
        }
    }

    fn formula(&mut self, root: ExprId) -> Option<NodeId> {
        Formula {
            text: self.text,
            syntax: self.syntax,
            builder: &mut self.builder,
            scope: &mut self.scope,
            problems: self.problems,
            literals: &mut self.literals,
            decays: &mut self.decays,
            rule: &self.name,
        }
        .build(root)
    }

    fn limits(&mut self, at: Span) -> Option<()> {
        let Some(limit) = self.builder.over_limit() else { return Some(()) };
        let rule = self.name.clone();
        if !matches!(self.problems.last(), Some(Problem::RuleTooLarge { .. })) {
            let (what, limit) = (limit.what, limit.limit);
            self.problems.push(Problem::RuleTooLarge { rule, what, limit, at });
        }
        None
    }

    fn count(
        &mut self,
        statement: &'static str,
        expected: &'static str,
        right: bool,
        found: &[(Option<NodeId>, Span)],
        at: Span,
    ) {
        if !right {
            let at = found.last().map_or(at, |(_, span)| *span);
            let (rule, count) = (self.name.clone(), found.len());
            self.problems.push(Problem::StatementCount { rule, statement, count, expected, at });
        }
    }

    fn unused(&mut self) {
        for (name, (declared, at)) in &self.scope.names {
            let kind = match declared {
                // A parameter may stand for a built-in one, which is used without being named.
                Declared::Parameter(_) if primitive(name).is_some() => continue,
                Declared::Parameter(_) => "parameter",
                Declared::Let(_) => "let",
                Declared::State(..) => "state",
            };
            if !self.scope.used.contains(name) {
                self.problems.push(Problem::Unused { kind, name: name.clone(), at: *at });
            }
        }
    }
}

fn live_gradient(rule: &Rule, live: &Live) -> bool {
    rule.tree
        .iter()
        .any(|(id, node)| live.nodes[id.index()] && node == Node::Operand(Operand::Gradient))
}

/// A literal that meets an element must fit f32; one that underflows there is a warning.
fn literals_fit(
    rule: &Rule,
    uniform: &Live,
    live: &Live,
    literals: &[(NodeId, Span)],
    problems: &mut Vec<Problem>,
) {
    let meets_element = meet_elements(rule, uniform, live);
    for (node, at) in literals {
        let Some(value) = rule.tree.as_constant(*node) else { continue };
        // One that overflows f64, or is written as 0, has been dealt with.
        if !meets_element[node.index()] || value == 0.0 || value.is_infinite() {
            continue;
        }
        let text = format!("{value:e}");
        let rounded = value as f32;
        if rounded.is_infinite() {
            problems.push(Problem::NumberOverflow { text, kind: "f32", at: *at });
        } else if rounded == 0.0 {
            problems.push(Problem::NumberUnderflow { text, kind: "f32", at: *at });
        }
    }
}

/// Which nodes are rounded to f32. In a schedule nothing is, but in the states that it reads.
pub(crate) fn meet_elements(rule: &Rule, uniform: &Live, live: &Live) -> Vec<bool> {
    let mut meets_element = vec![false; rule.tree.len()];
    let mut roots = vec![rule.update];
    for (index, state) in rule.states.iter().enumerate().filter(|(index, _)| live.states[*index]) {
        roots.extend(state.kind.nodes());
        if let StateKind::Recurrence { init, .. } = state.kind
            && !uniform.states[index]
        {
            meets_element[init.index()] = true;
        }
    }
    let reached = rule.reach(roots);
    for (id, node) in rule.tree.iter() {
        if !reached.nodes[id.index()] || uniform.nodes[id.index()] {
            continue;
        }
        let operands: Vec<NodeId> = match node {
            // Two step scalars are compared in f64.
            Node::Where(_, [a, b, x, y])
                if uniform.nodes[a.index()] && uniform.nodes[b.index()] =>
            {
                vec![x, y]
            }
            _ => node.operands().collect(),
        };
        for operand in operands {
            meets_element[operand.index()] = true;
        }
    }
    meets_element[rule.update.index()] = true;
    meets_element
}
