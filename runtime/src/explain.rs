//! What a rule is and what it costs, as text and as JSON; a plan with what its arguments are.

use nosc_compiler::canonical::CanonicalRule;
use nosc_compiler::print::number;
use nosc_compiler::tree::{NodeId, Rule};
use nosc_kernels::LoweredRule;
use nosc_kernels::plan::{Array, BinaryOp, Instruction, Plan, UnaryOp};
use nosc_kernels::scalars::Scalar;
use serde_json::{Value, json};

use crate::{Backend, CompiledRule, RuntimeError, Slot, library};

/// All that is said of one rule.
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_runtime::explain::Explanation;
///
/// let rule = Rule::parse("exp(sign(g) * sign(m)) * g")?;
/// let explanation = Explanation::new(&rule)?;
/// assert!(explanation.text().contains("known as    powersign"));
/// assert_eq!(explanation.json()["bytes_per_parameter"], 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Explanation {
    name: String,
    formula: String,
    canonical: String,
    key: String,
    tokens: Option<String>,
    known_as: Vec<String>,
    parameters: Vec<(String, f64)>,
    states: Vec<Slot>,
    bytes_per_parameter: usize,
    scalars: Vec<String>,
    cost: Cost,
    draws: usize,
    needs_total_steps: bool,
}

/// Work and traffic of one element.
#[derive(Debug, Clone, Copy)]
struct Cost {
    instructions: usize,
    operations: usize,
    read: usize,
    written: usize,
}

impl Explanation {
    /// Works it out; nothing is run.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Lower`] if the rule is too large.
    pub fn new(rule: &Rule) -> Result<Explanation, RuntimeError> {
        // The interpreter takes every rule.
        let compiled = CompiledRule::new(rule, Backend::Interpreter)?;
        let lowered = compiled.lowered();
        let canonical = compiled.canonical();
        Ok(Explanation {
            name: rule.name.clone(),
            formula: rule.body_text(),
            canonical: canonical.text(),
            key: canonical.key.to_string(),
            tokens: rule.token_string().ok(),
            known_as: known_as(rule, canonical),
            parameters: rule.parameters.iter().map(|p| (p.name.clone(), p.default)).collect(),
            states: compiled.slots(),
            bytes_per_parameter: lowered.bytes_per_parameter(),
            scalars: scalars(lowered),
            cost: cost(&lowered.plan),
            draws: canonical.draws.len() + canonical.schedule_draws.len(),
            needs_total_steps: lowered.scalars.needs_total_steps(),
        })
    }

    /// As a JSON object; docs/json.md has its fields.
    pub fn json(&self) -> Value {
        let states = self.states.iter().map(|slot| {
            let bytes = if slot.uniform { 0 } else { 4 };
            json!({
                "name": slot.name,
                "formula": slot.formula,
                "bytes_per_parameter": bytes,
                "per_element": !slot.uniform,
            })
        });
        let parameters: serde_json::Map<String, Value> =
            self.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "name": self.name,
            "formula": self.formula,
            "canonical": self.canonical,
            "key": self.key,
            "tokens": self.tokens,
            "known_as": self.known_as,
            "parameters": parameters,
            "states": states.collect::<Vec<_>>(),
            "bytes_per_parameter": self.bytes_per_parameter,
            "hoisted": self.scalars,
            "instructions_per_element": self.cost.instructions,
            "flops_per_element": self.cost.operations,
            "bytes_read_per_element": self.cost.read,
            "bytes_written_per_element": self.cost.written,
            "draws": self.draws,
            "needs_total_steps": self.needs_total_steps,
        })
    }

    /// As lines for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: &str| {
            for (index, line) in value.lines().enumerate() {
                let name = if index == 0 { name } else { "" };
                out += format!("{name:<12}{line}").trim_end();
                out.push('\n');
            }
        };
        row("rule", &self.name);
        row("formula", &self.formula);
        row("canonical", &self.canonical);
        row("key", &self.key);
        row(
            "tokens",
            self.tokens.as_deref().unwrap_or("none: the rule is outside the token space"),
        );
        if !self.known_as.is_empty() {
            row("known as", &self.known_as.join(", "));
        }
        let list = |items: Vec<String>, none: &str| {
            if items.is_empty() { none.to_owned() } else { items.join("\n") }
        };
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| format!("{name} = {}", number(*value)));
        row("parameters", &list(parameters.collect(), "none"));
        let states = self.states.iter().map(|slot| {
            let size = if slot.uniform { "one number a rule" } else { "4 bytes a parameter" };
            format!("{}: {} ({size})", slot.name, slot.formula)
        });
        row("state", &list(states.collect(), "none"));
        row("memory", &format!("{} bytes a parameter", self.bytes_per_parameter));
        row("hoisted", &list(self.scalars.clone(), "nothing"));
        let Cost { instructions, operations, read, written } = self.cost;
        row(
            "an element",
            &format!(
                "{operations} floating-point operations, {instructions} instructions, \
                 {read} bytes read, {written} written"
            ),
        );
        row(
            "random",
            &match self.draws {
                0 => "no".to_owned(),
                1 => "1 draw".to_owned(),
                count => format!("{count} draws"),
            },
        );
        row("total steps", if self.needs_total_steps { "needed" } else { "not needed" });
        out
    }
}

/// Standard rules with the same key.
fn known_as(rule: &Rule, canonical: &CanonicalRule) -> Vec<String> {
    library::rules()
        .into_iter()
        .filter(|standard| standard.name != rule.name)
        .filter(|standard| CanonicalRule::new(standard).key == canonical.key)
        .map(|standard| standard.name)
        .collect()
}

/// Step scalars as formulas, in the order of the kernel's arguments.
pub fn scalars(lowered: &LoweredRule) -> Vec<String> {
    let rule = &lowered.canonical.rule;
    let text = |node: &NodeId| rule.node_text(*node);
    let plain = |scalar: &Scalar| match scalar {
        Scalar::Scale => match rule.schedule {
            Some(schedule) => format!("lr * ({})", text(&schedule)),
            None => "lr".to_owned(),
        },
        Scalar::Value(node) => text(node),
        Scalar::Complement(decay) => format!("1 - {}", text(decay)),
        Scalar::Debias(decay) => format!("1 / (1 - {}^(t + 1))", text(decay)),
        Scalar::Holds(op, a, b) => format!("where({} {} {}, 1, 0)", text(a), op.name(), text(b)),
        Scalar::GuardScale => "scale of the gradients".to_owned(),
        Scalar::WeightDecay => "strength of the weight decay".to_owned(),
        Scalar::GuardLimit => "limit of the gradients".to_owned(),
        Scalar::NoiseScale => "sqrt(1 / (1 + t)^0.55)".to_owned(),
        // Derived scalars are made of the others.
        Scalar::Derived(_) => String::new(),
    };
    let formula = |scalar: &Scalar| match scalar {
        Scalar::Derived(id) => {
            format!("{}, in f32", lowered.scalars.derived().text(*id, plain))
        }
        other => plain(other),
    };
    let outputs = lowered.scalars.outputs().iter().map(formula).enumerate();
    outputs.map(|(index, formula)| format!("c{index} = {formula}")).collect()
}

/// The plan of a rule, after remarks that say what its arguments are.
pub fn plan_text(lowered: &LoweredRule) -> String {
    let CanonicalRule { rule, key, .. } = &lowered.canonical;
    let mut out = format!("# rule {}\n", rule.name);
    for line in rule.body_text().lines() {
        out += &format!("# {line}\n");
    }
    out += &format!("# key {key}\n");
    for scalar in scalars(lowered) {
        out += &format!("# {scalar}\n");
    }
    out + &lowered.plan.to_string()
}

fn cost(plan: &Plan) -> Cost {
    let operations = plan.instructions.iter().map(|instruction| match instruction {
        Instruction::Binary(
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide,
            ..,
        )
        | Instruction::Unary(UnaryOp::SquareRoot, _) => 1,
        Instruction::FusedMultiplyAdd(..) => 2,
        _ => 0,
    });
    let is_load = |i: &&Instruction| matches!(i, Instruction::Load(_));
    let stores = plan.stores.iter().filter(|store| store.array != Array::Gradient);
    Cost {
        instructions: plan.instructions.len(),
        operations: operations.sum(),
        read: 4 * plan.instructions.iter().filter(is_load).count(),
        written: 4 * stores.count(),
    }
}
