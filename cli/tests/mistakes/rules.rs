//! Rules that are misspelt, unfinished, or something else.

use crate::scene::{Case, case, check};

#[rustfmt::skip]
const CASES: [Case; 17] = [
    case("The name of a standard rule is misspelt", "", "nosc explain powersgn"),
    case("It is misspelt where rules are listed", "", "nosc rules adm"),
    case("It is misspelt where two rules are compared", "", "nosc eq sgd momentm"),
    case("The name of a file is misspelt", "rule.nos", "nosc check rulle.nos"),
    case("A file is named without its ending", "rule.nos", "nosc explain rule"),
    case("A standard rule is named with an ending", "", "nosc compile powersign.nos"),
    case("A standard rule where a file is meant", "", "nosc fmt powersign"),
    case("The name of a rule of a file is misspelt", "rule.nos", "nosc explain rule.nos:mne"),
    case("A formula where a rule is named", "", "nosc explain 'g * m'"),
    case("Names in a file are misspelt", "misspelt.nos", "nosc check misspelt.nos"),
    case("A function has too few arguments", "", "nosc explain -e 'clip(g)'"),
    case("A token string lacks a token", "", "nosc explain --tokens 'g m id sign'"),
    case("A file does not end", "open.nos", "nosc check open.nos"),
    case("A file is in UTF-16", "utf16.nos", "nosc check utf16.nos"),
    case("An array where a rule is meant", "w.npy g.npy", "nosc run w.npy --params w.npy --grads g.npy --lr 0.1"),
    case("A file of a gigabyte", "huge.nos", "nosc check huge.nos"),
    case("A list has a line that is no rule", "list.txt", "nosc canon list.txt"),
];

#[test]
fn rules() {
    check!("rules", &CASES);
}
