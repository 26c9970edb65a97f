//! `nosc language`: every primitive, from the one table.

use nosc_compiler::primitive::{BINARY_TOKENS, Meaning, OPERAND_TOKENS, PRIMITIVES, UNARY_TOKENS};
use nosc_compiler::print::number;

use crate::error::CliError;
use crate::output::print;

pub(crate) fn language() -> Result<(), CliError> {
    let width = PRIMITIVES.iter().map(|row| row.usage.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (title, functions) in [("Names", false), ("Functions", true)] {
        out += &format!("{title}\n");
        for row in PRIMITIVES.iter().filter(|row| row.is_function() == functions) {
            let default = match row.meaning {
                Meaning::Parameter(default) => format!(", {}", number(default)),
                _ => String::new(),
            };
            out += &format!("  {:width$}  {}{default}\n", row.usage, row.about);
        }
    }
    out += "Operators, tightest first\n  ^   unary -   * /   + -   < <= > >= == != (in `where`)\n";
    out += "Statements of a block\n  param NAME = VALUE   let NAME = FORMULA   \
            state NAME [init FORMULA] = FORMULA   update = FORMULA   schedule = FORMULA\n";
    out += "Token strings, [op1 op2 u1 u2 b, ...]\n";
    out += &format!("  op  {} cd_N rd_N %K\n", OPERAND_TOKENS.join(" "));
    out += &format!("  u   {}\n  b   {}\n", UNARY_TOKENS.join(" "), BINARY_TOKENS.join(" "));
    print(&out)
}
