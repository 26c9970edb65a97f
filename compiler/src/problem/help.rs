//! The label and the way out of each problem.

use super::{NotText, Problem, slip};
use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS, built_in_default};

const DECLARE: &str =
    "declare it with `param NAME = VALUE`, `let NAME = FORMULA` or `state NAME = FORMULA`";
const SCALARS_OF_A_RULE: &str =
    "use only `t`, `T`, `lr`, decays, constants and parameters of the rule";

impl Problem {
    /// What the marked place is, in a few words.
    pub fn label(&self) -> String {
        match self {
            Problem::UnknownName { .. } => "not an operand, parameter, let or state".to_owned(),
            Problem::UnknownInSchedule { .. } => {
                "not an operand, nor a parameter of the rule".to_owned()
            }
            Problem::UnknownFunction { .. } => "not a function".to_owned(),
            Problem::FunctionWithoutCall { .. } => "needs arguments".to_owned(),
            Problem::ArgumentCount { found, .. } => format!("{found} given"),
            Problem::Expected { expected, .. } => format!("expected {expected}"),
            Problem::Unclosed { .. } => "opened here".to_owned(),
            Problem::DuplicateRule { .. } | Problem::DuplicateName { .. } => {
                "again here".to_owned()
            }
            Problem::Unused { .. } => "declared here".to_owned(),
            _ => "here".to_owned(),
        }
    }

    /// The way out, as an order with the text to type, where there is one.
    pub fn help(&self) -> Option<String> {
        let fixed = |text: &str| Some(text.to_owned());
        match self {
            Problem::NotUtf8 { found: NotText::Binary, .. } => {
                fixed("give a file with the text of rules, such as `rule NAME = FORMULA`")
            }
            Problem::NotUtf8 { .. } => fixed("save the file as UTF-8"),
            Problem::UnexpectedCharacter { character: '\r', .. } => {
                fixed("end lines with LF or CRLF")
            }
            Problem::UnexpectedCharacter { character, at } => {
                Some(instead(*character, at.range().len()).to_owned())
            }
            Problem::Expected { slip, .. } => slip.as_ref().map(ToString::to_string),
            Problem::Unclosed { delimiter: "[", .. } => fixed("add `]` after the last token"),
            Problem::Unclosed { delimiter: "{", .. } => fixed("add `}` after the last statement"),
            Problem::Unclosed { .. } => fixed("add `)`"),
            Problem::NestingTooDeep { .. } => fixed("name inner parts with `let`"),
            Problem::MisplacedComparison { .. } | Problem::MissingComparison { .. } => {
                fixed("write `where(a < b, x, y)`")
            }
            Problem::NumberOverflow { kind: "f32", .. } => fixed("the largest f32 is 3.4028235e38"),
            Problem::NumberOverflow { .. } => fixed("the largest f64 is 1.7976931348623157e308"),
            Problem::NumberUnderflow { .. } => fixed("write 0 if that is meant"),
            Problem::NoRule { .. } => fixed("write `rule NAME = FORMULA`"),
            Problem::StatementCount { statement: "update", .. } => {
                fixed("write `update = FORMULA` once")
            }
            Problem::StatementCount { .. } => {
                fixed("write `schedule = FORMULA` once, or leave it out")
            }
            Problem::UnknownName { nearest, .. } => near(nearest.as_ref(), Some(DECLARE)),
            Problem::UnknownInSchedule { .. } => fixed(SCALARS_OF_A_RULE),
            Problem::UnknownFunction { nearest, .. } => {
                near(nearest.as_ref(), Some("`nosc language` lists the functions"))
            }
            Problem::FunctionWithoutCall { usage, .. } | Problem::ArgumentCount { usage, .. } => {
                let ways: Vec<String> = usage.split(" or ").map(|way| format!("`{way}`")).collect();
                Some(format!("write {}", ways.join(" or ")))
            }
            Problem::NotAFunction { name, .. } => {
                Some(format!("write `{name} * (...)` for a product"))
            }
            Problem::UsedBeforeDeclaration { name, is_state: true, .. } => {
                Some(format!("write `prev({name})` for its value before the step"))
            }
            Problem::UsedBeforeDeclaration { .. } => fixed("move the declaration up"),
            Problem::ShadowsFunction { .. } => fixed("choose another name"),
            Problem::PrevNeedsState { .. } => {
                fixed("declare `state NAME = FORMULA` and write `prev(NAME)`")
            }
            Problem::DebiasNeedsAverage { .. } => fixed("write `debias(ema(x, beta))`"),
            Problem::NotConstant { .. } => fixed("use numbers, `e`, `pi` and functions of them"),
            Problem::OutOfRange { expected: "0 to 1", .. } => fixed("write a number from 0 to 1"),
            Problem::OutOfRange { expected, .. } => Some(format!("write {expected}")),
            Problem::StartReadsState { .. } => {
                fixed("use only `t`, `T`, `lr`, decays, parameters and constants")
            }
            Problem::VariesByElement { .. } => {
                fixed("use only `t`, `T`, `lr`, decays, parameters, constants and states of these")
            }
            Problem::RuleTooLarge { .. } => fixed("split the rule"),
            Problem::TokenCount { .. } => fixed("write groups of five: `op1 op2 u1 u2 b`"),
            Problem::UnknownToken { nearest, expected, .. } => {
                near(nearest.as_ref(), token_list(expected).as_deref())
            }
            Problem::BankIndex { group: 0, .. } => fixed("`%k` names an earlier group"),
            Problem::BankIndex { group: 1, .. } => fixed("use `%0`"),
            Problem::BankIndex { group, .. } => Some(format!("use `%0` to `%{}`", group - 1)),
            Problem::MisplacedComma { .. } => fixed("put commas only between groups of five"),
            Problem::Unused { name, .. } if built_in_default(name).is_some() => {
                Some(format!("built-in operands read the parameter: write `param {name} = ...`"))
            }
            Problem::Unused { .. } => fixed("remove it, or use it in `update`"),
            Problem::DuplicateRule { .. } | Problem::DuplicateName { .. } => {
                fixed("rename one of them")
            }
            Problem::IgnoresGradient { .. } => fixed("use `g`, or an average of it, in `update`"),
            Problem::FileTooLarge { .. } => fixed("split the file"),
        }
    }
}

/// What to write in the place of a run of characters that the language does not have.
fn instead(character: char, length: usize) -> &'static str {
    match character {
        '|' if length == 1 => "write `abs(x)` for a magnitude",
        '|' | '&' => slip::CONDITIONS,
        '?' => slip::CHOICE,
        ':' => "write `=`",
        '%' => slip::TOKENS,
        _ => "remove it, or put it after a `#`",
    }
}

fn token_list(expected: &str) -> Option<String> {
    match expected {
        "an operand token" => Some(format!("operands: {} cd_N rd_N %K", OPERAND_TOKENS.join(" "))),
        "a unary token" => Some(format!("unary: {}", UNARY_TOKENS.join(" "))),
        "a binary token" => Some(format!("binary: {}", BINARY_TOKENS.join(" "))),
        _ => None,
    }
}

/// The near name as a question, else the other help.
fn near(nearest: Option<&String>, otherwise: Option<&str>) -> Option<String> {
    match nearest {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None => otherwise.map(str::to_owned),
    }
}
