//! Steps, checkpoints and training: what is missing, out of range, or belongs to something else.

use crate::scene::{Case, case, check};

#[rustfmt::skip]
const CASES: [Case; 20] = [
    case("A decay without the number of steps", "w.npy g.npy", "nosc run -e 'ld * g' --params w.npy --grads g.npy --lr 0.1"),
    case("No steps in all", "w.npy g.npy", "nosc run -e 'ld * g' --params w.npy --grads g.npy --lr 0.1 --total-steps 0"),
    case("A negative learning rate", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr -0.1"),
    case("A parameter that the rule does not have", "w.npy g.npy", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --set bta1=0.9"),
    case("A parameter that no rule has", "", "nosc train rosenbrock --rules sgd,momentum --set beta1=0.9"),
    case("A decay of an average that is none", "w.npy g.npy", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --set beta1=1.5"),
    case("NaN in a gradient", "w.npy nan.npy", "nosc run sgd --params w.npy --grads nan.npy --lr 0.1"),
    case("NaN in a gradient, skipped", "w.npy nan.npy", "nosc run sgd --params w.npy --grads nan.npy --lr 0.1 --non-finite skip"),
    case("NaN in a gradient, which is an error", "w.npy nan.npy out.npy adam.state",
        "nosc run adam_rule --params w.npy --grads nan.npy --lr 0.1 --non-finite error -o out.npy --state adam.state"),
    case("The state of another rule", "w.npy g.npy out.npy adam.state", "nosc run momentum --params w.npy --grads g.npy --lr 0.1 -o out.npy --state adam.state"),
    case("The state of other parameters", "row.npy adam.state", "nosc run adam_rule --params row.npy --grads row.npy --lr 0.1 --state adam.state"),
    case("The state of another seed", "w.npy g.npy adam.state", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --state adam.state --seed 3"),
    case("A state is cut short", "w.npy g.npy cut.state", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --state cut.state"),
    case("Something else where a state is meant", "w.npy g.npy text.npy", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --state text.npy"),
    case("The state would replace the parameters", "w.npy g.npy", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --state w.npy"),
    case("One file for output and state", "w.npy g.npy", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 -o new.npy --state ./new.npy"),
    case("A learning rate that is far too large", "", "nosc train rosenbrock --rules sgd --lr 1e30 --steps 5"),
    case("A training of no steps", "", "nosc train rosenbrock --rules sgd --steps 0"),
    case("CIFAR-10 without its files", "folder", "nosc train cifar10 --rules sgd --data folder"),
    case("A schedule with a mistake", "", "nosc train rosenbrock --rules sgd --schedule 'lin(t'"),
];

#[test]
fn training() {
    check!("training", &CASES);
}
