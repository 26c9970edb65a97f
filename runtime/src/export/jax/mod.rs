//! A rule as a gradient transformation for optax: a function that makes one, in operations on arrays of JAX.

mod helpers;

use nosc_compiler::primitive::{Binary, Cosine, Unary};

use super::Subject;
use super::body::{Body, Given, Statement, body};
use super::helpers::Helpers;
use super::names::{Names, PYTHON, class, plain};
use super::piece::{Binds, Kind, Language, Operation, Piece, has_word, kind};
use super::python::{
    arithmetic, assignments, bracketed, cosine, head, lines, number, scalar_helper,
};
use crate::compiled::CompiledRule;
use helpers::HELPERS;

/// Names that the text below uses.
const RESERVED: &[&str] = &[
    "jax",
    "jnp",
    "optax",
    "Any",
    "NamedTuple",
    "operator",
    "learning_rate",
    "total_steps",
    "seed",
    "init",
    "gradients",
    "state",
    "params",
    "extra",
    "lr",
    "t",
    "T",
    "scale",
    "update",
    "leaf",
    "leaves",
    "weights",
    "tree",
    "key",
    "keys",
    "count",
    "full",
    "rows",
    "columns",
    "change",
    "wide",
    "start",
    "number",
];

/// The transformation of a rule as the text of a Python file, which needs JAX and optax and nothing else.
///
/// Hyper-parameters and learning rate may be arrays, so that `optax.inject_hyperparams` changes them without
/// compiling again. Elements are f32. What is made of numbers known to Python is computed in f64, what depends on the
/// step in f32, which is less than nosc's f64. Draws are those of `jax.random`.
///
/// # Example
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_runtime::{Backend, CompiledRule, export};
///
/// let rule = Rule::parse("rule powersign = exp(sign(g) * sign(m)) * g")?;
/// let text = export::jax(&CompiledRule::new(&rule, Backend::Interpreter)?);
/// assert!(text.contains("def powersign(learning_rate, total_steps=None, seed=0, *, beta1=0.9):"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn jax(compiled: &CompiledRule) -> String {
    let reserved = PYTHON.iter().chain(RESERVED).copied();
    let mut names = Names::new(reserved.chain(HELPERS.iter().map(|helper| helper.name)));
    let function = names.of(&plain(&compiled.canonical().rule.name));
    let subject = Subject::new(compiled, &mut names);
    let mut language = Jax::default();
    let given = Given { parameters: &subject.parameters, slots: &subject.slots, elements: true };
    let body = body(compiled.canonical(), &mut language, &mut names, given);
    language.helpers.call("number");
    let maker = Maker { subject: &subject, body: &body, function };
    let text = maker.text();
    let helpers = language.helpers.text(HELPERS);
    let head = maker.head();
    let math = if helpers.contains("math.") { "import math\n" } else { "" };
    let operator = if helpers.contains("operator.") { "import operator\n" } else { "" };
    format!(
        "{head}{math}{operator}from typing import Any, NamedTuple\n\nimport jax\nimport jax.numpy as jnp\nimport optax\n\n{helpers}\n{text}"
    )
}

#[derive(Debug, Default)]
struct Jax {
    helpers: Helpers,
}

impl Jax {
    fn call(&mut self, name: &'static str, operands: &[Piece]) -> Piece {
        Piece::call(self.helpers.call(name), operands)
    }

    fn element(&mut self, operation: Operation, operands: &[Piece]) -> Piece {
        match (operation, operands) {
            (Operation::Unary(Unary::Neg), [a]) => Piece::negated(a),
            (Operation::Unary(Unary::Sign), _) => self.call("sign", operands),
            (Operation::Unary(Unary::Sigmoid), _) => Piece::call("jax.nn.sigmoid", operands),
            (Operation::Unary(op), _) => Piece::call(&format!("jnp.{}", op.name()), operands),
            (Operation::Binary(Binary::Pow), _) => self.call("power", operands),
            (Operation::Binary(Binary::Min), _) => self.call("smaller", operands),
            (Operation::Binary(Binary::Max), _) => self.call("larger", operands),
            (Operation::Binary(op), [a, b]) => Piece::infix(op, a, b),
            _ => self.call("clip", operands),
        }
    }
}

impl Language for Jax {
    fn number(&mut self, value: f64) -> Piece {
        number(value, "jnp")
    }

    fn operation(&mut self, operation: Operation, operands: &[Piece]) -> Piece {
        if let (Operation::Where(op), [a, b, x, y]) = (operation, operands) {
            let test = Piece::comparison(op, a, b);
            return Piece::call("jnp.where", &[test, x.clone(), y.clone()]);
        }
        if kind(operands) == Kind::Element {
            return self.element(operation, operands);
        }
        // 1 - a^b loses digits in float32 where a is near 1.
        if let (Operation::Binary(Binary::Sub), [one, power]) = (operation, operands)
            && one.text == "1.0"
            && let Some(rest) = power.text.strip_prefix("scalar_pow(")
            && power.binds == Binds::Atom
        {
            let name = self.helpers.call("one_minus_power");
            return Piece::scalar(format!("{name}({rest}"));
        }
        match arithmetic(operation, operands) {
            Some(piece) => piece,
            None => self.call(scalar_helper(operation).unwrap_or("scalar_abs"), operands),
        }
    }

    fn linear_decay(&mut self, step: &Piece) -> Piece {
        self.helpers.call("ld");
        Piece::scalar(format!("ld({}, T)", step.text))
    }

    fn cosine(&mut self, kind: Cosine, n: f64, step: &Piece) -> Piece {
        cosine(&mut self.helpers, kind, n, step)
    }

    fn debias(&mut self, decay: &Piece) -> Piece {
        let name = self.helpers.call("one_minus_power");
        let text = format!("1.0 / {name}({}, t + 1.0)", decay.text);
        Piece::new(text, Binds::Product, Kind::Scalar)
    }

    fn noise(&mut self, site: u32, decaying: bool, kind: Kind) -> Piece {
        let deviation = if decaying { "(1.0 + t) ** -0.275" } else { "0.1" };
        let name = self.helpers.call("normal");
        let (key, shape) = drawn(kind);
        Piece::atom(format!("{name}({deviation}, {key}, {site}, {shape})"), kind)
    }

    fn drop(&mut self, site: u32, x: &Piece, p: f64, kind: Kind) -> Piece {
        let name = self.helpers.call("drop");
        let (key, shape) = drawn(kind);
        Piece::atom(format!("{name}({}, {p:?}, {key}, {site}, {shape})", x.text), kind)
    }
}

/// Whose draws, and how many.
fn drawn(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Scalar => ("jax.random.fold_in(keys, 0xFFFFFFFF)", "()"),
        Kind::Element => ("key", "g.shape"),
    }
}

/// The function around the statements.
struct Maker<'a> {
    subject: &'a Subject<'a>,
    body: &'a Body,
    function: String,
}

impl Maker<'_> {
    fn head(&self) -> String {
        head(self.subject, "a gradient transformation for JAX and optax")
    }

    fn text(&self) -> String {
        let subject = self.subject;
        let function = &self.function;
        let state = format!("{}State", class(subject.name()));
        let mut takes: Vec<String> =
            ["learning_rate", "total_steps=None", "seed=0"].map(str::to_owned).into();
        if !subject.declared.is_empty() {
            takes.push("*".to_owned());
        }
        takes.extend(subject.declared.iter().map(|(name, value)| format!("{name}={value:?}")));
        let mut out = format!("class {state}(NamedTuple):\n    count: Any\n");
        for name in &subject.slots {
            out += &format!("    {name}: Any\n");
        }
        out += "\n\n";
        out += &bracketed(&format!("def {function}("), &takes, "):", "");
        out += &self.docstring();
        if subject.needs_total_steps() {
            out += TOTAL;
        }
        for name in &subject.parameters {
            out += &format!("    {name} = number({name})\n");
        }
        out += "\n";
        out += &self.init(&state);
        out += &self.update(&state);
        out + "    return optax.GradientTransformationExtraArgs(init, update)\n"
    }

    fn docstring(&self) -> String {
        let (subject, body) = (self.subject, self.body);
        let schedule = if body.schedule.is_some() { "schedule * " } else { "" };
        let mut out =
            format!("w <- w - learning_rate * {schedule}update, element by element, where\n\n");
        out += &lines(&subject.formula(), "    ");
        out += subject.averages();
        out += "`learning_rate` is a number, an array, or a function of the number of steps done. It and the\n";
        out +=
            "hyper-parameters may change under optax.inject_hyperparams without compiling again.\n";
        out += &subject.arguments();
        if subject.is_random() {
            out += "Random numbers are those of jax.random: a function of `seed`, the step and the number of the leaf, and\n";
            out += "other ones than nosc's.\n";
        }
        out += "States and arithmetic are float32. What depends on the step alone is float32 too where nosc has float64,\n";
        out += "so results differ in the last digits.\n";
        format!("    \"\"\"{}    \"\"\"\n", lines(&out, "    ").trim_start())
    }

    fn learning_rate(&self, count: &str) -> String {
        let mut out = format!(
            "        lr = number(learning_rate({count}) if callable(learning_rate) else learning_rate)\n"
        );
        if self.subject.needs_total_steps() {
            out += "        T = number(total_steps)\n";
        }
        out
    }

    fn init(&self, state: &str) -> String {
        let subject = self.subject;
        let mut out = "    def init(params):\n".to_owned();
        let reads = |name: &str| {
            let statements = self.body.start_scalars.iter().map(|s| &s.value);
            statements.chain(&self.body.starts).any(|piece| has_word(&piece.text, name))
        };
        if reads("lr") || reads("T") {
            out += &self.learning_rate("0");
        }
        out += &assignments(&self.body.start_scalars, "        ");
        if subject.states(false).next().is_some() {
            out += "\n        def full(value):\n";
            out += "            return jax.tree.map(lambda p: jnp.full(jnp.shape(p), value, jnp.float32), params)\n\n";
        }
        let mut fields = vec!["count=jnp.zeros([], jnp.int32)".to_owned()];
        for ((slot, uniform), start) in
            subject.slots.iter().zip(&subject.uniform).zip(&self.body.starts)
        {
            let start = &start.text;
            fields.push(if *uniform {
                format!("{slot}=jnp.asarray({start}, jnp.float32)")
            } else {
                format!("{slot}=full({start})")
            });
        }
        out + &format!("        return {state}({})\n\n", fields.join(", "))
    }

    fn update(&self, state: &str) -> String {
        let (subject, body) = (self.subject, self.body);
        let mut out = "    def update(gradients, state, params=None, **extra):\n".to_owned();
        if self.reads_weights() {
            out += "        if params is None:\n            raise ValueError(\"the rule reads the parameters: call update(gradients, state, params)\")\n";
        }
        out += "        t = state.count.astype(jnp.float32)\n";
        out += &self.learning_rate("state.count");
        for (_, name) in subject.states(true) {
            out += &format!("        {name}_before = state.{name}\n");
        }
        if subject.is_random() {
            out += "        keys = jax.random.fold_in(jax.random.PRNGKey(seed), state.count)\n";
        }
        out += &assignments(&body.scalars, "        ");
        for (decay, formula) in &body.decays {
            let decay = &decay.text;
            out +=
                &format!("        if isinstance({decay}, float) and not 0.0 <= {decay} < 1.0:\n");
            out += &format!(
                "            raise ValueError(f\"the decay `{formula}` of an average is {{{decay}}}, expected 0 <= decay < 1\")\n"
            );
        }
        let schedule = body.schedule.as_ref().map(|s| format!(" * {}", s.at(Binds::Sign)));
        out += &format!(
            "        scale = jnp.asarray(lr{}, jnp.float32)\n\n",
            schedule.unwrap_or_default()
        );
        out += &self.leaf();
        let states: Vec<(usize, &str)> = subject.states(false).collect();
        out += "        leaves, tree = jax.tree.flatten(gradients)\n";
        out += "        weights = leaves if params is None else tree.flatten_up_to(params)\n";
        let mut rows = vec!["leaves".to_owned(), "weights".to_owned()];
        if !subject.compiled.canonical().draws.is_empty() {
            rows.push("[jax.random.fold_in(keys, i) for i in range(len(leaves))]".to_owned());
        }
        rows.extend(states.iter().map(|(_, name)| format!("tree.flatten_up_to(state.{name})")));
        out += &bracketed("rows = zip(", &rows, ")", "        ");
        out += "        rows = [leaf(*row) for row in rows]\n";
        let count = 1 + states.len();
        out += &format!(
            "        columns = [tree.unflatten([row[i] for row in rows]) for i in range({count})]\n"
        );
        let mut fields = vec!["count=optax.safe_increment(state.count)".to_owned()];
        let mut column = 0;
        for ((slot, uniform), value) in subject.slots.iter().zip(&subject.uniform).zip(&body.states)
        {
            fields.push(if *uniform {
                format!("{slot}=jnp.asarray({}, jnp.float32)", value.text)
            } else {
                column += 1;
                format!("{slot}=columns[{column}]")
            });
        }
        out + &format!("        return columns[0], {state}({})\n\n", fields.join(", "))
    }

    /// The step of one array.
    fn leaf(&self) -> String {
        let (subject, body) = (self.subject, self.body);
        let mut arguments = vec!["g".to_owned(), "w".to_owned()];
        if !subject.compiled.canonical().draws.is_empty() {
            arguments.push("key".to_owned());
        }
        let states: Vec<(usize, &str)> = subject.states(false).collect();
        arguments.extend(states.iter().map(|(_, name)| format!("{name}_before")));
        let mut out = format!("        def leaf({}):\n", arguments.join(", "));
        out += "            wide = jnp.asarray(w).dtype == jnp.float64\n";
        out += "            g, w = jnp.asarray(g, jnp.float32), jnp.asarray(w, jnp.float32)\n";
        out += &assignments(&body.elements, "            ");
        if let Some(update) = &body.update {
            let text = if update.is_element() {
                update.text.clone()
            } else {
                format!("jnp.full(g.shape, {}, jnp.float32)", update.text)
            };
            out += &format!("            update = {text}\n");
        }
        out += "            # Parameters of float64 move in float64.\n";
        out +=
            "            change = scale.astype(jnp.float64) * update if wide else scale * update\n";
        let values = states.iter().filter_map(|(at, _)| Some(body.states.get(*at)?.text.clone()));
        let values: Vec<String> = ["-change".to_owned()].into_iter().chain(values).collect();
        out + &format!("            return ({},)\n\n", values.join(", "))
    }

    fn reads_weights(&self) -> bool {
        let reads = |statement: &Statement| has_word(&statement.value.text, "w");
        let update = self.body.update.as_ref().is_some_and(|piece| has_word(&piece.text, "w"));
        update || self.body.elements.iter().any(reads)
    }
}

const TOTAL: &str = "    if total_steps is None:
        raise ValueError(\"the rule uses a decay or T and needs the total number of steps: total_steps=...\")
    if isinstance(total_steps, (int, float)) and total_steps < 1:
        raise ValueError(\"total_steps has to be at least 1\")
";
