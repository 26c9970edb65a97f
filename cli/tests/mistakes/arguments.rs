//! Command lines that say something else than is meant.

use crate::scene::{Case, case, check};

#[rustfmt::skip]
const CASES: [Case; 21] = [
    case("A rule where a command is meant", "", "nosc powersign"),
    case("A rule file where a command is meant", "rule.nos", "nosc rule.nos"),
    case("A task where a command is meant", "", "nosc digits"),
    case("A formula where a command is meant", "", "nosc 'sign(g) * m'"),
    case("A command is misspelt", "rule.nos", "nosc compil rule.nos"),
    case("Help about what is no command", "", "nosc help nonsense"),
    case("An option in front of the rule", "", "nosc explain --rule sgd"),
    case("Two rules where one is compiled", "rule.nos", "nosc compile rule.nos powersign"),
    case("Rules of a training without commas", "", "nosc train rosenbrock --rules sgd adam"),
    case("A comma too many", "", "nosc train rosenbrock --rules sgd,adam,"),
    case("Task and rule are swapped", "", "nosc train sgd --rules rosenbrock"),
    case("A task is misspelt", "", "nosc train digit --rules sgd"),
    case("A search space without its option", "", "nosc sample small"),
    case("An option is left out", "w.npy g.npy", "nosc run adam --params w.npy --grads g.npy"),
    case("A number with a comma", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0,1"),
    case("A parameter of a rule as an option", "w.npy g.npy", "nosc run adamw --params w.npy --grads g.npy --lr 0.1 --weight-decay 0.1"),
    case("The learning rate as other programs call it", "", "nosc train rosenbrock --rules sgd --learning-rate 0.1"),
    case("A target by another name", "", "nosc compile powersign --target gpu"),
    case("A form of another target", "", "nosc compile powersign --emit c"),
    case("A binary form without a file", "", "nosc compile powersign --emit obj"),
    case("A name that is not UTF-8", "", "nosc check \"$(printf '\\377.nos')\""),
];

#[test]
fn arguments() {
    check!("arguments", &CASES);
}
