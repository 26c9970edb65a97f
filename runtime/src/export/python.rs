//! What the exports in Python share: numbers, operations on floats, comments.

use nosc_compiler::primitive::{Binary, Cosine, Unary};

use super::body::Statement;
use super::helpers::Helpers;
use super::piece::{Operation, Piece, finite};
use super::{FREE, Subject};

/// A number; what is not finite has a name in the module.
pub(super) fn number(value: f64, module: &str) -> Piece {
    if value.is_nan() {
        return Piece::scalar(format!("{module}.nan"));
    }
    if value.is_infinite() {
        let infinity = Piece::scalar(format!("{module}.inf"));
        return if value > 0.0 { infinity } else { Piece::negated(&infinity) };
    }
    finite(value)
}

/// `-`, `+`, `-`, `*` and division by a number that is not 0, which Python's floats and arrays of JAX have in common with IEEE.
pub(super) fn arithmetic(operation: Operation, operands: &[Piece]) -> Option<Piece> {
    match (operation, operands) {
        (Operation::Unary(Unary::Neg), [a]) => Some(Piece::negated(a)),
        (Operation::Binary(op @ (Binary::Add | Binary::Sub | Binary::Mul)), [a, b]) => {
            Some(Piece::infix(op, a, b))
        }
        (Operation::Binary(Binary::Div), [a, b]) => {
            let is_safe = b.literal.is_some_and(|divisor| divisor != 0.0);
            is_safe.then(|| Piece::infix(Binary::Div, a, b))
        }
        _ => None,
    }
}

/// The helper of an operation on scalars.
pub(super) fn scalar_helper(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::Unary(op) => match op {
            Unary::Neg => return None,
            Unary::Exp => "scalar_exp",
            Unary::Log => "scalar_log",
            Unary::Sqrt => "scalar_sqrt",
            Unary::Abs => "scalar_abs",
            Unary::Sign => "scalar_sign",
            Unary::Sigmoid => "scalar_sigmoid",
            Unary::Tanh => "scalar_tanh",
        },
        Operation::Binary(op) => match op {
            Binary::Add | Binary::Sub | Binary::Mul => return None,
            Binary::Div => "scalar_div",
            Binary::Pow => "scalar_pow",
            Binary::Min => "scalar_min",
            Binary::Max => "scalar_max",
        },
        Operation::Clip => "scalar_clip",
        Operation::Where(_) => return None,
    })
}

pub(super) fn cosine(helpers: &mut Helpers, kind: Cosine, n: f64, step: &Piece) -> Piece {
    let name = match kind {
        Cosine::Cosine => helpers.call("cd"),
        Cosine::Restart => helpers.call("rd"),
    };
    Piece::scalar(format!("{name}({n:?}, {}, T)", step.text))
}

/// `name = value` a line, those of one kind or of both.
pub(super) fn assignments(statements: &[Statement], indent: &str) -> String {
    let line = |s: &Statement| format!("{indent}{} = {}\n", s.name, s.value.text);
    statements.iter().map(line).collect()
}

/// A text as lines of a comment or docstring. What is no letter of ASCII, and what would end it, is replaced.
pub(super) fn lines(text: &str, indent: &str) -> String {
    let plain = |c: char| if (' '..='~').contains(&c) && c != '\\' && c != '"' { c } else { '?' };
    let line = |line: &str| {
        let line: String = line.chars().map(plain).collect();
        format!("{indent}{line}").trim_end().to_owned() + "\n"
    };
    text.lines().map(line).collect()
}

/// The comment at the head of a file.
pub(super) fn head(subject: &Subject<'_>, what: &str) -> String {
    let (name, about) = (subject.name(), subject.about());
    let text = format!("The update rule {name} as {what}.\n\n{about}\n{FREE}");
    lines(&text, "# ").replace("# \n", "#\n") + "\n"
}

/// A list between brackets, a line each where one line would be long.
pub(super) fn bracketed(open: &str, items: &[String], close: &str, indent: &str) -> String {
    let line = format!("{indent}{open}{}{close}\n", items.join(", "));
    if line.len() <= 100 {
        return line;
    }
    let item = |item: &String| format!("{indent}    {item},\n");
    let items: String = items.iter().map(item).collect();
    format!("{indent}{open}\n{items}{indent}{close}\n")
}
