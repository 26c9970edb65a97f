//! Where output goes, and where input comes from.

use crate::scene::{Case, case, check};

#[rustfmt::skip]
const CASES: [Case; 5] = [
    case("A reader that has seen enough", "", "{ nosc sample --count 100000; echo \"exit code $?\" >&2; } | head -n 1"),
    case("Nothing on standard input", "", "nosc explain -"),
    case("Standard input is closed", "", "nosc explain - <&-"),
    case("A terminal that knows nothing", "misspelt.nos", "TERM=dumb NO_COLOR=1 nosc check misspelt.nos --color auto"),
    case("A narrow terminal", "", "COLUMNS=40 nosc compile --target gpu"),
];

#[test]
fn output() {
    check!("output", &CASES);
}
