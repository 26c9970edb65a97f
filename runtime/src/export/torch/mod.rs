//! A rule as a `torch.optim.Optimizer`: one class, in operations on lists of tensors.

mod helpers;

use nosc_compiler::primitive::{Binary, Cosine, Unary};

use super::Subject;
use super::body::{Body, Given, body};
use super::helpers::Helpers;
use super::names::{Names, PYTHON, class};
use super::piece::{Binds, Kind, Language, Operation, Piece, kind};
use super::python::{
    arithmetic, assignments, bracketed, cosine, head, lines, number, scalar_helper,
};
use crate::compiled::CompiledRule;
use helpers::{HELPERS, LIST_OPERATIONS};

/// Names that the text below uses.
const RESERVED: &[&str] = &[
    "torch",
    "params",
    "lr",
    "total_steps",
    "seed",
    "maximize",
    "step",
    "closure",
    "group",
    "groups",
    "memory",
    "defaults",
    "state",
    "loss",
    "first",
    "number",
    "numbered",
    "p",
    "t",
    "T",
    "scale",
    "update",
    "generators",
    "generator",
    "name",
    "value",
    "foreach",
    "fused",
    "capturable",
    "differentiable",
    "initial_lr",
    "add_param_group",
    "state_dict",
    "load_state_dict",
    "param_groups",
    "param_names",
    "swa_lr",
    "hook",
];

/// The optimizer of a rule as the text of a Python file, which needs PyTorch and nothing else.
///
/// States are f32 and named as [`crate::Slot::name`] says; hyper-parameters are keys of the parameter groups.
/// Elements are computed in f32 and step scalars in f64, both as `docs/numerics.md` says, with PyTorch's functions. Draws
/// are those of PyTorch's generators.
///
/// # Example
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_runtime::{Backend, CompiledRule, export};
///
/// let rule = Rule::parse("rule powersign = exp(sign(g) * sign(m)) * g")?;
/// let text = export::torch(&CompiledRule::new(&rule, Backend::Interpreter)?);
/// assert!(text.contains("class Powersign(torch.optim.Optimizer):"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn torch(compiled: &CompiledRule) -> String {
    let reserved = PYTHON.iter().chain(RESERVED).chain(LIST_OPERATIONS).copied();
    let mut names = Names::new(reserved.chain(HELPERS.iter().map(|helper| helper.name)));
    let subject = Subject::new(compiled, &mut names);
    let mut language = Torch::default();
    let given = Given { parameters: &subject.parameters, slots: &subject.slots, elements: true };
    let body = body(compiled.canonical(), &mut language, &mut names, given);
    let class = Class { subject: &subject, body: &body };
    let step = class.step_of_group(&mut language.helpers);
    let text = class.text(&step);
    let helpers = language.helpers.text(HELPERS);
    let head = class.head();
    let lists = list_operations(&step);
    let math =
        if helpers.contains("math.") || text.contains("math.") { "import math\n\n" } else { "" };
    format!("{head}{math}import torch\n\n{lists}{helpers}\n{text}")
}

/// Which operations on lists are called, by one name each.
fn list_operations(text: &str) -> String {
    let mut out = String::new();
    for name in LIST_OPERATIONS {
        let is_called = text.match_indices(&format!("{name}(")).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        });
        if is_called {
            out += &format!("{name} = torch._foreach_{name}\n");
        }
    }
    if out.is_empty() {
        return out;
    }
    format!("# Operations on lists of tensors.\n{out}\n")
}

#[derive(Debug, Default)]
struct Torch {
    helpers: Helpers,
}

impl Torch {
    fn call(&mut self, name: &'static str, operands: &[Piece]) -> Piece {
        Piece::call(self.helpers.call(name), operands)
    }

    fn scalar(&mut self, operation: Operation, operands: &[Piece]) -> Piece {
        if let Some(piece) = arithmetic(operation, operands) {
            return piece;
        }
        match (operation, operands) {
            (Operation::Where(op), [a, b, x, y]) => {
                let test = Piece::comparison(op, a, b).text;
                let (x, y) = (x.at(Binds::Sum), y.at(Binds::Sum));
                Piece::scalar(format!("({x} if {test} else {y})"))
            }
            _ => self.call(scalar_helper(operation).unwrap_or("abs"), operands),
        }
    }

    /// A function of two arguments of which one at least is a list.
    fn binary(&mut self, op: Binary, a: &Piece, b: &Piece) -> Piece {
        let pair = [a.clone(), b.clone()];
        match (op, a.is_element()) {
            (Binary::Add, true) => Piece::call("add", &pair),
            (Binary::Add, false) => Piece::call("add", &[b.clone(), a.clone()]),
            (Binary::Sub, true) => Piece::call("sub", &pair),
            // The same bits as a - b.
            (Binary::Sub, false) => {
                Piece::call("add", &[Piece::call("neg", std::slice::from_ref(b)), a.clone()])
            }
            (Binary::Mul, true) => Piece::call("mul", &pair),
            (Binary::Mul, false) => Piece::call("mul", &[b.clone(), a.clone()]),
            (Binary::Div, true) => Piece::call("div", &pair),
            (Binary::Div, false) => self.call("over", &pair),
            (Binary::Pow, _) => self.call("power", &pair),
            (Binary::Min, _) => self.call("smaller", &pair),
            (Binary::Max, _) => self.call("larger", &pair),
        }
    }
}

impl Language for Torch {
    fn number(&mut self, value: f64) -> Piece {
        number(value, "math")
    }

    fn operation(&mut self, operation: Operation, operands: &[Piece]) -> Piece {
        if kind(operands) == Kind::Scalar {
            return self.scalar(operation, operands);
        }
        match (operation, operands) {
            (Operation::Unary(Unary::Sign), _) => self.call("sign", operands),
            (Operation::Unary(Unary::Neg), _) => Piece::call("neg", operands),
            (Operation::Unary(op), _) => Piece::call(op.name(), operands),
            (Operation::Binary(op), [a, b]) => self.binary(op, a, b),
            (Operation::Where(op), [a, b, x, y]) => {
                let test = match kind(&[a.clone(), b.clone()]) {
                    // Decided once a step.
                    Kind::Scalar => Piece { binds: Binds::Atom, ..Piece::comparison(op, a, b) },
                    Kind::Element => {
                        let name = match op {
                            nosc_compiler::primitive::Comparison::Less => "less",
                            nosc_compiler::primitive::Comparison::LessEqual => "less_equal",
                            nosc_compiler::primitive::Comparison::Equal => "equal",
                            nosc_compiler::primitive::Comparison::NotEqual => "not_equal",
                        };
                        self.call(name, &[a.clone(), b.clone()])
                    }
                };
                self.call("where", &[test, x.clone(), y.clone()])
            }
            _ => self.call("clip", operands),
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
        // The decay is in [0, 1): nothing here divides by zero or overflows.
        let text = format!("1.0 / (1.0 - {} ** (t + 1.0))", decay.at(Binds::Atom));
        Piece::new(text, Binds::Product, Kind::Scalar)
    }

    fn noise(&mut self, _: u32, decaying: bool, kind: Kind) -> Piece {
        let deviation = if decaying { "(1.0 / (1.0 + t) ** 0.55) ** 0.5" } else { "0.1" };
        match kind {
            Kind::Scalar => {
                let name = self.helpers.call("scalar_normal");
                Piece::scalar(format!("{name}({deviation}, generator)"))
            }
            Kind::Element => {
                let name = self.helpers.call("normal");
                Piece::atom(format!("{name}({deviation}, w, generators)"), kind)
            }
        }
    }

    fn drop(&mut self, _: u32, x: &Piece, p: f64, kind: Kind) -> Piece {
        let (name, rest) = match kind {
            Kind::Scalar => ("scalar_drop", "generator"),
            Kind::Element => ("drop", "w, generators"),
        };
        let name = self.helpers.call(name);
        Piece::atom(format!("{name}({}, {p:?}, {rest})", x.text), kind)
    }

    fn copied(&mut self, name: Piece) -> Piece {
        match name.kind {
            Kind::Scalar => name,
            // States are written in place, one after the other.
            Kind::Element => Piece::call("mul", &[name, Piece::scalar("1.0")]),
        }
    }
}

/// The class around the statements.
struct Class<'a> {
    subject: &'a Subject<'a>,
    body: &'a Body,
}

impl Class<'_> {
    fn head(&self) -> String {
        head(self.subject, "an optimizer for PyTorch")
    }

    fn text(&self, step: &str) -> String {
        let subject = self.subject;
        let class = class(subject.name());
        let declared = || subject.declared.iter();
        let mut takes =
            vec!["self".to_owned(), "params".to_owned(), "lr".to_owned(), "*".to_owned()];
        let mut keeps = vec!["\"lr\": lr".to_owned()];
        takes.extend(declared().map(|(name, value)| format!("{name}={value:?}")));
        keeps.extend(declared().map(|(name, _)| format!("\"{name}\": {name}")));
        for (there, name, value) in [
            (subject.needs_total_steps(), "total_steps", "None"),
            (subject.is_random(), "seed", "0"),
            (true, "maximize", "False"),
        ] {
            if there {
                takes.push(format!("{name}={value}"));
                keeps.push(format!("\"{name}\": {name}"));
            }
        }
        keeps.push("\"step\": 0".to_owned());
        if subject.states(true).next().is_some() {
            keeps.push("\"memory\": None".to_owned());
        }
        let mut out = format!("class {class}(torch.optim.Optimizer):\n{}\n", self.docstring());
        out += &bracketed("def __init__(", &takes, "):", "    ");
        out += &bracketed("defaults = {", &keeps, "}", "        ");
        out += "        super().__init__(params, defaults)\n\n";
        let check = if subject.needs_total_steps() { TOTAL } else { "" };
        out += &STEP.replace("CHECK\n", check);
        out += step;
        out + LOAD
    }

    fn docstring(&self) -> String {
        let subject = self.subject;
        let schedule = if self.body.schedule.is_some() { "schedule * " } else { "" };
        let mut out = format!("w <- w - lr * {schedule}update, element by element, where\n\n");
        out += &lines(&subject.formula(), "    ");
        out += subject.averages();
        out += "`lr` and the hyper-parameters are keys of the parameter groups and may change at any step.\n";
        out += &subject.arguments();
        if subject.is_random() {
            out += "Random numbers are those of torch.Generator: a function of `seed`, the step and the number of the\n";
            out += "tensor, and other ones than nosc's.\n";
        }
        out += "States are float32, and so is the arithmetic; parameters of float16 and bfloat16 are rounded to at the\n";
        out += "end, those of float64 move in float64. Steps are counted for a group, not for a tensor.\n";
        format!("    \"\"\"{}    \"\"\"\n", lines(&out, "    ").trim_start())
    }

    fn step_of_group(&self, helpers: &mut Helpers) -> String {
        let mut out = "    def _step(self, group, first):\n".to_owned();
        out += &self.numbers();
        out += &self.scalars();
        out += TENSORS;
        out += &self.states();
        out += "        g = [p.grad.to(torch.float32) for p in params]\n";
        out += "        if group[\"maximize\"]:\n            g = [-x for x in g]\n";
        out += "        w = [p.to(torch.float32) for p in params]\n";
        if !self.subject.compiled.canonical().draws.is_empty() {
            helpers.call("new_generator");
            out += "        generators = [\n            new_generator(p.device, group[\"seed\"], t, number) for number, p in numbered\n        ]\n";
        }
        if !self.body.elements.is_empty() {
            out += "\n        # Elements: float32.\n";
            out += &assignments(&self.body.elements, "        ");
        }
        out += &self.last_line(helpers);
        out + "\n"
    }

    /// What the caller sets.
    fn numbers(&self) -> String {
        let subject = self.subject;
        let mut out =
            "        t = float(group[\"step\"])\n        lr = float(group[\"lr\"])\n".to_owned();
        for name in &subject.parameters {
            out += &format!("        {name} = float(group[\"{name}\"])\n");
        }
        if subject.needs_total_steps() {
            out += "        T = float(group[\"total_steps\"])\n";
        }
        out
    }

    fn scalars(&self) -> String {
        let (subject, body) = (self.subject, self.body);
        let mut out = String::new();
        if !subject.compiled.canonical().schedule_draws.is_empty() {
            out += "        generator = new_generator(torch.device(\"cpu\"), group[\"seed\"], t, -1)\n";
        }
        if !body.start_scalars.is_empty() {
            out += "\n        # Where states start.\n";
            out += &assignments(&body.start_scalars, "        ");
        }
        let memory: Vec<(usize, &str)> = subject.states(true).collect();
        if !memory.is_empty() {
            let starts = memory.iter().filter_map(|(at, name)| {
                Some(format!("\"{name}\": {}", body.starts.get(*at)?.text))
            });
            let starts: Vec<String> = starts.collect();
            out += "\n        # States that are one number a group.\n";
            out += "        memory = group[\"memory\"]\n        if memory is None:\n";
            out += &format!("            memory = {{{}}}\n", starts.join(", "));
            for (_, name) in &memory {
                out += &format!("        {name}_before = memory[\"{name}\"]\n");
            }
        }
        if !body.scalars.is_empty() {
            out += "\n        # Scalars of the step: float64, rounded to float32 where they meet an element.\n";
            out += &assignments(&body.scalars, "        ");
        }
        for (decay, formula) in &body.decays {
            let decay = &decay.text;
            out += &format!("        if not 0.0 <= {decay} < 1.0:\n");
            out += &format!(
                "            raise ValueError(f\"the decay `{formula}` of an average is {{{decay}}}, expected 0 <= decay < 1\")\n"
            );
        }
        let schedule = body.schedule.as_ref().map(|s| format!(" * {}", s.at(Binds::Sign)));
        out += &format!("        scale = lr{}\n", schedule.unwrap_or_default());
        if !memory.is_empty() {
            let kept = memory.iter().filter_map(|(at, name)| {
                Some(format!("\"{name}\": {}", body.states.get(*at)?.text))
            });
            let kept: Vec<String> = kept.collect();
            out += &format!("        group[\"memory\"] = {{{}}}\n", kept.join(", "));
        }
        out + "        group[\"step\"] += 1\n\n"
    }

    /// States of elements: made where there are none, and as lists.
    fn states(&self) -> String {
        let states: Vec<(usize, &str)> = self.subject.states(false).collect();
        if states.is_empty() {
            return String::new();
        }
        let mut out = "        for p in params:\n            if not self.state[p]:\n".to_owned();
        for (at, name) in &states {
            let start = self.body.starts.get(*at).map_or("0.0", |start| start.text.as_str());
            let mut value = "torch.zeros_like(p, dtype=torch.float32)".to_owned();
            if start != "0.0" {
                value += &format!(".copy_(torch.tensor({start}, dtype=torch.float32))");
            }
            out += &format!("                self.state[p][\"{name}\"] = {value}\n");
        }
        for (_, name) in &states {
            out +=
                &format!("        {name}_before = [self.state[p][\"{name}\"] for p in params]\n");
        }
        out
    }

    fn last_line(&self, helpers: &mut Helpers) -> String {
        let mut out = String::new();
        if let Some(update) = &self.body.update {
            let text = if update.is_element() {
                update.text.clone()
            } else {
                format!("{}({}, w)", helpers.call("spread"), update.text)
            };
            out += &format!("        update = {text}\n\n");
        }
        // Before the states are written: an update may be one of them as it was.
        helpers.call("descend");
        out += "        descend(params, w, scale, update)\n";
        for (at, name) in self.subject.states(false) {
            let value = self.body.states.get(at).map_or("", |piece| piece.text.as_str());
            out += &format!("        torch._foreach_copy_({name}_before, {value})\n");
        }
        out
    }
}

/// The method that users call, and what is looked at before anything moves.
const STEP: &str = "    @torch.no_grad()
    def step(self, closure=None):
        \"\"\"Moves the parameters that have a gradient; returns what `closure` returns.\"\"\"
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._check(group)
        first = 0
        for group in self.param_groups:
            self._step(group, first)
            first += len(group[\"params\"])
        return loss

    @staticmethod
    def _check(group):
        for p in group[\"params\"]:
            if p.grad is not None and p.grad.is_sparse:
                raise RuntimeError(\"sparse gradients are not supported\")
            if p.is_complex():
                raise RuntimeError(\"complex parameters are not supported\")
CHECK

";

const TOTAL: &str = "        if group[\"total_steps\"] is None:
            raise ValueError(\"the rule uses a decay or T and needs the total number of steps: total_steps=...\")
        if not float(group[\"total_steps\"]) >= 1:
            raise ValueError(\"total_steps has to be at least 1\")
";

const TENSORS: &str = "        numbered = [
            (number, p) for number, p in enumerate(group[\"params\"], first) if p.grad is not None
        ]
        if not numbered:
            return
        params = [p for _, p in numbered]
";

const LOAD: &str = "    def load_state_dict(self, state_dict):
        \"\"\"Takes a state up; states stay float32, whatever the type of their parameters.\"\"\"
        super().load_state_dict(state_dict)
        numbers = [n for group in state_dict[\"param_groups\"] for n in group[\"params\"]]
        params = [p for group in self.param_groups for p in group[\"params\"]]
        for n, p in zip(numbers, params):
            for name, value in state_dict[\"state\"].get(n, {}).items():
                if torch.is_tensor(value):
                    self.state[p][name] = value.detach().to(p.device, torch.float32, copy=True)
";
