//! Blocks: parameters, lets and states in an order in which each may be used, an update, a schedule.

use arbitrary::{Result, Unstructured};

use super::expression::{Kind, Known, Writer};

/// Names to declare; most of them shadow an operand or look like a keyword.
const NAMES: &[&str] = &[
    "a", "b", "alpha", "s1", "x1", "eps", "m", "v", "gamma", "eps_t", "t", "T", "ld", "lr", "w",
    "g", "cd", "adam", "rmsprop", "e", "pi", "beta1", "beta2", "delta", "init", "update", "rule",
    "let", "_x", "\u{3b5}", "m_hat", "s2", "c",
];

#[derive(Debug, Clone, Copy)]
enum Statement {
    Parameter,
    Let(Kind),
    Average,
    State { scalar: bool },
    Update,
    Schedule,
}

/// The text of a block, braces included.
pub(super) fn block(u: &mut Unstructured<'_>) -> Result<String> {
    let plan = plan(u)?;
    let mut writer = Writer::new(u);
    writer.hidden =
        plan.iter().map(|(_, name)| crate::lexer::plain_name(name).to_owned()).collect();
    for (statement, name) in &plan {
        if let Statement::State { scalar } = *statement {
            writer.names.push((name.clone(), Known::State { scalar, ready: false }));
        }
    }
    let mut out = "{".to_owned();
    for (statement, name) in plan {
        let text = written(&mut writer, statement, &name)?;
        let ends = &["\n", "; ", "\r\n", "\n\n  # a remark: x = y\n", ";\n"];
        let end = *writer.u.choose(ends)?;
        out += &format!(" {text}{end}");
    }
    Ok(out + "}")
}

/// The statements with their names, in order.
fn plan(u: &mut Unstructured<'_>) -> Result<Vec<(Statement, String)>> {
    let mut plan: Vec<(Statement, String)> = Vec::new();
    for _ in 0..u.int_in_range(0..=6)? {
        let statement = match u.int_in_range(0..=7)? {
            0 | 1 => Statement::Parameter,
            2 | 3 => Statement::Let(Kind::Element),
            4 => Statement::Let(*u.choose(&[Kind::Scalar, Kind::Start, Kind::Schedule])?),
            5 => Statement::Average,
            _ => Statement::State { scalar: u.ratio(1, 3)? },
        };
        let name = *u.choose(NAMES)?;
        let plain = crate::lexer::plain_name(name);
        if plan.iter().all(|(_, other)| crate::lexer::plain_name(other) != plain) {
            plan.push((statement, name.to_owned()));
        }
    }
    // An update that stands early sees fewer names.
    let early = if u.ratio(1, 8)? { u.int_in_range(0..=plan.len())? } else { plan.len() };
    plan.insert(early, (Statement::Update, String::new()));
    if u.ratio(1, 3)? {
        plan.push((Statement::Schedule, String::new()));
    }
    Ok(plan)
}

fn written(writer: &mut Writer<'_, '_>, statement: Statement, name: &str) -> Result<String> {
    let budget = writer.u.int_in_range(1..=10)?;
    let (text, known) = match statement {
        Statement::Update => return Ok(format!("update = {}", writer.element(budget * 2)?)),
        Statement::Schedule => {
            return Ok(format!("schedule = {}", writer.formula(Kind::Schedule, budget)?));
        }
        Statement::Parameter => {
            let value = parameter(writer.u, name)?;
            (format!("param {name} = {value}"), Known::Parameter)
        }
        Statement::Let(kind) => {
            (format!("let {name} = {}", writer.formula(kind, budget)?), Known::Let(kind))
        }
        Statement::Average => {
            (format!("let {name} = {}", writer.plain_average(budget)?), Known::Average)
        }
        Statement::State { scalar } => {
            let text = state(writer, name, scalar, budget)?;
            writer.names.retain(|(known, _)| known != name);
            (text, Known::State { scalar, ready: true })
        }
    };
    writer.names.push((name.to_owned(), known));
    Ok(text)
}

fn state(writer: &mut Writer<'_, '_>, name: &str, scalar: bool, budget: usize) -> Result<String> {
    let init = match writer.u.int_in_range(0..=2)? {
        0 => format!(" init {}", writer.formula(Kind::Start, 3)?),
        _ => String::new(),
    };
    let kind = if scalar { Kind::Scalar } else { Kind::Element };
    let next = writer.formula(kind, budget)?;
    let next = match writer.u.int_in_range(0..=3)? {
        0 => next,
        1 => format!("prev({name}) - ({next})"),
        _ => format!("0.9*{name} + ({next})*0.1"),
    };
    Ok(format!("state {name}{init} = {next}"))
}

/// A constant; decays stay decays.
fn parameter(u: &mut Unstructured<'_>, name: &str) -> Result<&'static str> {
    let values: &[&str] = if name.starts_with("beta") {
        &["0.5", "0.9", "0", "1 - 0.1"]
    } else {
        &["1", "0.5", "0", "-2", "1e-3", "1e300", "1e-300", "exp(1)", "1 - 1e-3", "-(0)", "2^0.5"]
    };
    Ok(*u.choose(values)?)
}
