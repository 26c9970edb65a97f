//! A rule as one file of C99: the step scalars, computed as nosc does, and the step, which is the plan.

mod helpers;

use nosc_compiler::primitive::{Binary, Cosine, Unary};
use nosc_kernels::c::{PRELUDE, once, step};
use nosc_kernels::plan::Plan;
use nosc_kernels::scalars::{Scalar, schedule_draws};
use nosc_kernels::{Edges, LoweredRule};

use super::body::{Body, Given, Statement, body};
use super::helpers::Helpers;
use super::names::{C, Names};
use super::piece::{Binds, Kind, Language, Operation, Piece, finite, has_word};
use super::{FREE, Subject};
use crate::compiled::{CompiledRule, Slot};
use crate::error::RuntimeError;
use helpers::HELPERS;

/// Names that the functions of step scalars use.
const RESERVED: &[&str] = &[
    "lr",
    "t",
    "T",
    "steps_done",
    "total_steps",
    "seed",
    "parameters",
    "memory",
    "starts",
    "scalars",
    "words",
    "plain",
    "derived",
    "draws",
    "deviation",
    "exp",
    "log",
    "sqrt",
    "fabs",
    "pow",
    "tanh",
    "cos",
    "fmod",
    "fmin", // and what stands behind the name of the rule:
    "start",
    "defaults",
];

/// The file of a rule for arrays of some types: `nosc_NAME` takes a step over the elements of a tensor, as the function
/// of an object file does, and `nosc_NAME_scalars` computes the numbers that it is called with.
///
/// The step has the bits of every back end, draws included. Step scalars use C's `exp`, `log`, `pow`, `tanh` and
/// `cos`, which may differ from nosc's in the last bit of an f64; most of that is gone when they are rounded to f32.
///
/// # Errors
///
/// [`RuntimeError::Lower`] if the rule is too large for these types.
///
/// # Example
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_kernels::Edges;
/// use nosc_runtime::{Backend, CompiledRule, export};
///
/// let rule = Rule::parse("rule powersign = exp(sign(g) * sign(m)) * g")?;
/// let text = export::c(&CompiledRule::new(&rule, Backend::Interpreter)?, Edges::default())?;
/// assert!(text.contains("void nosc_powersign(float *parameters, const float *gradients,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn c(compiled: &CompiledRule, edges: Edges) -> Result<String, RuntimeError> {
    let edges = Edges { guarded: false, ..edges };
    let lowered = LoweredRule::with_edges(compiled.canonical().clone(), edges)?;
    let mut names = Names::new(C.iter().chain(RESERVED).copied()).with_macros();
    let subject = Subject::new(compiled, &mut names);
    let mut language = Scalars::default();
    let given = Given { parameters: &subject.parameters, slots: &subject.slots, elements: false };
    let body = body(compiled.canonical(), &mut language, &mut names, given);
    let of = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let symbol: String = "nosc_".chars().chain(subject.name().chars()).map(of).collect();
    let file = File { subject: &subject, body: &body, lowered: &lowered, symbol };
    let scalars = file.scalars();
    let parts = [
        file.head(),
        PRELUDE.to_owned(),
        language.helpers.text(HELPERS),
        file.constants(),
        file.once(),
        file.start(),
        scalars,
        step_comment(&lowered.plan) + &step(&lowered.plan, &file.symbol),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(parts.join("\n"))
}

/// The language of step scalars: doubles.
#[derive(Debug, Default)]
struct Scalars {
    helpers: Helpers,
}

impl Language for Scalars {
    fn number(&mut self, value: f64) -> Piece {
        if value.is_nan() {
            return Piece::scalar("(double)NAN");
        }
        if value.is_infinite() {
            let infinity = Piece::scalar("HUGE_VAL");
            return if value > 0.0 { infinity } else { Piece::negated(&infinity) };
        }
        finite(value)
    }

    fn operation(&mut self, operation: Operation, operands: &[Piece]) -> Piece {
        let name = match (operation, operands) {
            (Operation::Unary(Unary::Neg), [a]) => return Piece::negated(a),
            (
                Operation::Binary(op @ (Binary::Add | Binary::Sub | Binary::Mul | Binary::Div)),
                [a, b],
            ) => {
                return Piece::infix(op, a, b);
            }
            (Operation::Where(op), [a, b, x, y]) => {
                let test = Piece::comparison(op, a, b).text;
                let (x, y) = (x.at(Binds::Sum), y.at(Binds::Sum));
                return Piece::scalar(format!("({test} ? {x} : {y})"));
            }
            (Operation::Unary(op), _) => match op {
                Unary::Sign => self.helpers.call("noscf_sign"),
                Unary::Sigmoid => self.helpers.call("noscf_sigmoid"),
                Unary::Abs => "fabs",
                Unary::Neg | Unary::Exp | Unary::Log | Unary::Sqrt | Unary::Tanh => op.name(),
            },
            (Operation::Binary(Binary::Min), _) => self.helpers.call("noscf_min"),
            (Operation::Binary(Binary::Max), _) => self.helpers.call("noscf_max"),
            (Operation::Binary(_), _) => "pow",
            _ => self.helpers.call("noscf_clip"),
        };
        Piece::call(name, operands)
    }

    fn linear_decay(&mut self, step: &Piece) -> Piece {
        let name = self.helpers.call("noscf_ld");
        Piece::scalar(format!("{name}({}, T)", step.text))
    }

    fn cosine(&mut self, kind: Cosine, n: f64, step: &Piece) -> Piece {
        let name = match kind {
            Cosine::Cosine => self.helpers.call("noscf_cd"),
            Cosine::Restart => self.helpers.call("noscf_rd"),
        };
        Piece::scalar(format!("{name}({n:?}, {}, T)", step.text))
    }

    fn debias(&mut self, decay: &Piece) -> Piece {
        let text = format!("1.0 / (1.0 - pow({}, t + 1.0))", decay.text);
        Piece::new(text, Binds::Product, Kind::Scalar)
    }

    fn noise(&mut self, site: u32, _: bool, _: Kind) -> Piece {
        Piece::scalar(format!("draws[{site}]"))
    }

    fn drop(&mut self, site: u32, x: &Piece, _: f64, _: Kind) -> Piece {
        Piece::scalar(format!("(draws[{site}] == 0.0f ? 0.0 : {})", x.at(Binds::Sum)))
    }
}

/// The file around the statements and the plan.
struct File<'a> {
    subject: &'a Subject<'a>,
    body: &'a Body,
    lowered: &'a LoweredRule,
    symbol: String,
}

impl File<'_> {
    fn head(&self) -> String {
        let name = self.subject.name();
        let slots = self.subject.compiled.slots();
        let states = slots.iter().filter(|slot| !slot.uniform);
        let state = |(place, slot): (usize, &Slot)| {
            let formula = if slot.formula.len() <= 200 { slot.formula.as_str() } else { "..." };
            format!("    states[{place}]  {}: {formula}\n", slot.name)
        };
        let states: String = states.enumerate().map(state).collect();
        let states = if states.is_empty() { "    none\n".to_owned() } else { states };
        let renamed = self.subject.renamed().into_iter();
        let line = |(written, name): (String, String)| {
            format!("The hyper-parameter `{written}` of the rule is `{name}` here.\n")
        };
        let renamed: String = renamed.map(line).collect();
        let symbol = &self.symbol;
        comment(&format!(
            "The update rule {name} in C99.

{about}
A step of all tensors:

    {symbol}_scalars(lr, steps_done, total_steps, seed, parameters, memory, scalars) once, then for each tensor
    words = {{low half of the seed, tensor number ^ high half of the seed, steps done modulo 2^32}}
    {symbol}(w, g, states, scalars, words, 0, number of elements)

States, arrays of float as long as the tensor, which hold {symbol}_start's values before the first step:

{states}{renamed}
{symbol} returns the bits of nosc, draws included, if the compiler does not contract a * b + c: gcc and clang
need -ffp-contract=off. The scalars are computed in double with the functions of the C library, which may differ from
nosc's in the last bit, and rounded to float once.

{FREE}",
            about = self.subject.about(),
        ))
    }

    /// Counts, and parameters with their defaults.
    fn constants(&self) -> String {
        let (symbol, subject) = (&self.symbol, self.subject);
        let upper = symbol.to_uppercase();
        let mut out = String::new();
        for (what, count) in [
            ("PARAMETERS", subject.declared.len()),
            ("STATES", subject.states(false).count()),
            ("MEMORY", subject.states(true).count()),
            ("SCALARS", self.lowered.scalars.outputs().len()),
        ] {
            out += &format!("#define {upper}_{what} {count}\n");
        }
        out += "\n/* Hyper-parameters by place, and their defaults. */\n";
        let values: Vec<String> =
            subject.declared.iter().map(|(_, value)| format!("{value:?}")).collect();
        if values.is_empty() {
            out += &format!("const double {symbol}_defaults[1] = {{0.0}};\n");
            return out;
        }
        let places: Vec<String> =
            subject.declared.iter().map(|(name, _)| format!("{symbol}_{name}")).collect();
        out += &format!("enum {{ {} }};\n", places.join(", "));
        out + &format!(
            "const double {symbol}_defaults[{}] = {{{}}};\n",
            values.len(),
            values.join(", ")
        )
    }

    /// Scalars in float, and draws of the schedule: small plans that are carried out once a step.
    fn once(&self) -> String {
        let mut out = String::new();
        let (derived, _) = self.lowered.scalars.derived_plan();
        if !derived.stores.is_empty() {
            out += "/* Scalars that are computed in float from rounded ones. */\n";
            out += &once(&derived, &format!("{}_derived", self.symbol));
        }
        if self.draws() {
            let gap = if out.is_empty() { "" } else { "\n" };
            out += gap;
            out += "/* Random draws of the schedule: one a step for all tensors. */\n";
            let plan = schedule_draws(self.subject.compiled.canonical());
            out += &once(&plan, &format!("{}_draws", self.symbol));
        }
        out
    }

    fn draws(&self) -> bool {
        !self.subject.compiled.canonical().schedule_draws.is_empty()
    }

    /// `const double NAME = parameters[...]` for what the statements read.
    fn locals(&self, body: &str) -> String {
        let subject = self.subject;
        let mut out = String::new();
        for name in &subject.parameters {
            if has_word(body, name) {
                out += &format!("    const double {name} = parameters[{}_{name}];\n", self.symbol);
            }
        }
        for (place, (_, name)) in subject.states(true).enumerate() {
            if has_word(body, &format!("{name}_before")) {
                out += &format!("    const double {name}_before = memory[{place}];\n");
            }
        }
        for (name, value) in [("t", "(double)steps_done"), ("T", "(double)total_steps")] {
            if has_word(body, name) {
                out += &format!("    const double {name} = {value};\n");
            }
        }
        out
    }

    fn start(&self) -> String {
        let (subject, body) = (self.subject, self.body);
        let mut text = assignments(&body.start_scalars);
        for (uniform, array) in [(true, "memory"), (false, "starts")] {
            for (place, (at, _)) in subject.states(uniform).enumerate() {
                let start = body.starts.get(at).map_or("0.0", |start| start.text.as_str());
                let cast = if uniform { "" } else { "(float)" };
                text += &format!("    {array}[{place}] = {cast}({start});\n");
            }
        }
        let mut out = format!(
            "/* Before the first step: what each state array is filled with, and the states that are one number a rule. */
void {symbol}_start(double lr, uint64_t total_steps, const double *parameters, double *memory, float *starts)
{{
",
            symbol = self.symbol,
        );
        let inside = self.locals(&text) + &text;
        for argument in ["lr", "total_steps", "parameters", "memory", "starts"] {
            if !has_word(&inside, argument) {
                out += &format!("    (void){argument};\n");
            }
        }
        out + &inside + "}\n"
    }

    fn scalars(&self) -> String {
        let (subject, body) = (self.subject, self.body);
        let mut text = String::new();
        if self.draws() {
            text += &self.drawing();
        }
        text += &assignments(&body.scalars);
        for (decay, _) in &body.decays {
            text += &format!(
                "    if (!({0} >= 0.0 && {0} < 1.0)) {{\n        return 2;\n    }}\n",
                decay.at(Binds::Sum)
            );
        }
        text += &self.outputs();
        for (place, (at, _)) in subject.states(true).enumerate() {
            if let Some(state) = body.states.get(at) {
                text += &format!("    memory[{place}] = {};\n", state.text);
            }
        }
        let mut out = format!(
            "/* What a step is called with. Returns 0; 1 if total_steps is needed and 0; 2 if the decay of an average is not in
   [0, 1). After an error the scalars mean nothing, and the memory is as before. */
int {symbol}_scalars(double lr, uint64_t steps_done, uint64_t total_steps, uint64_t seed,
    const double *parameters, double *memory, float *scalars)
{{
",
            symbol = self.symbol,
        );
        if subject.needs_total_steps() {
            text = format!("    if (total_steps == 0) {{\n        return 1;\n    }}\n{text}");
        }
        let inside = self.locals(&text) + &text;
        for argument in
            ["lr", "steps_done", "total_steps", "seed", "parameters", "memory", "scalars"]
        {
            if !has_word(&inside, argument) {
                out += &format!("    (void){argument};\n");
            }
        }
        out + &inside + "    return 0;\n}\n"
    }

    fn drawing(&self) -> String {
        let count = self.subject.compiled.canonical().schedule_draws.len();
        format!(
            "    const uint32_t words[3] = {{(uint32_t)seed, UINT32_MAX ^ (uint32_t)(seed >> 32), (uint32_t)steps_done}};
    const float deviation[1] = {{{}}};
    float draws[{count}];
    {}_draws(deviation, words, draws);
",
            self.scalar(Scalar::NoiseScale),
            self.symbol
        )
    }

    /// The scalars in their order, derived ones last.
    fn outputs(&self) -> String {
        let scalars = &self.lowered.scalars;
        let (derived, plain) = scalars.derived_plan();
        let mut out = String::new();
        let mut moved = String::new();
        let mut count = 0;
        for (place, output) in scalars.outputs().iter().enumerate() {
            if let Scalar::Derived(_) = output {
                moved += &format!("    scalars[{place}] = derived[{count}];\n");
                count += 1;
            } else {
                out += &format!("    scalars[{place}] = {};\n", self.scalar(*output));
            }
        }
        if derived.stores.is_empty() {
            return out;
        }
        let list: Vec<String> = plain.into_iter().map(|scalar| self.scalar(scalar)).collect();
        let list = if list.is_empty() { "0.0f".to_owned() } else { list.join(", ") };
        out += &format!("    const float plain[] = {{{list}}};\n    float derived[{count}];\n");
        out + &format!("    {}_derived(plain, 0, derived);\n{moved}", self.symbol)
    }

    /// A scalar, rounded to float.
    fn scalar(&self, scalar: Scalar) -> String {
        let at = |node| self.body.scalar(node).map_or("(double)NAN", |piece| piece.text.as_str());
        match scalar {
            Scalar::Scale => match &self.body.schedule {
                Some(schedule) => format!("(float)(lr * {})", schedule.at(Binds::Sign)),
                None => "(float)lr".to_owned(),
            },
            Scalar::Value(node) => format!("(float)({})", at(node)),
            Scalar::Complement(decay) => format!("(float)(1.0 - ({}))", at(decay)),
            Scalar::Debias(decay) => format!("(float)(1.0 / (1.0 - pow({}, t + 1.0)))", at(decay)),
            Scalar::Holds(op, a, b) => {
                format!("({}) {} ({}) ? 1.0f : 0.0f", at(a), op.name(), at(b))
            }
            Scalar::NoiseScale => "(float)sqrt(1.0 / pow(1.0 + t, 0.55))".to_owned(),
            // An export has no guard, and derived scalars stand apart.
            Scalar::GuardScale | Scalar::GuardLimit | Scalar::WeightDecay | Scalar::Derived(_) => {
                "NAN".to_owned()
            }
        }
    }
}

fn step_comment(plan: &Plan) -> String {
    let kinds = format!("parameters of {}, gradients of {}", plan.parameter, plan.gradient);
    comment(&format!(
        "One step over the elements of a tensor, or of a part that starts at first_element, a multiple of 4:
{kinds}. Values are named as in the plan that `nosc compile --emit plan` shows."
    ))
}

/// A text as a comment; what would end it, and what is not ASCII, is replaced.
fn comment(text: &str) -> String {
    let plain = |c: char| if matches!(c, ' '..='~' | '\n') { c } else { '?' };
    let text: String = text.replace("*/", "* /").chars().map(plain).collect();
    let lines: String = text
        .trim_end()
        .lines()
        .map(|line| format!(" * {line}").trim_end().to_owned() + "\n")
        .collect();
    format!("/*\n{lines} */\n")
}

fn assignments(statements: &[Statement]) -> String {
    let line = |s: &Statement| format!("    const double {} = {};\n", s.name, s.value.text);
    statements.iter().map(line).collect()
}
