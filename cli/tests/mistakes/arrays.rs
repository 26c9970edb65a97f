//! Arrays of the wrong shape, type or kind.

use crate::scene::{Case, case, check};

#[rustfmt::skip]
const CASES: [Case; 11] = [
    case("Gradients of another shape", "w.npy row.npy", "nosc run sgd --params w.npy --grads row.npy --lr 0.1"),
    case("Whole numbers", "whole.npy", "nosc run sgd --params whole.npy --grads whole.npy --lr 0.1"),
    case("An array is cut short", "cut.npy", "nosc run sgd --params cut.npy --grads cut.npy --lr 0.1"),
    case("Text with the ending of an array", "w.npy text.npy", "nosc run sgd --params w.npy --grads text.npy --lr 0.1"),
    case("A rule file where an array is meant", "rule.nos g.npy", "nosc run sgd --params rule.nos --grads g.npy --lr 0.1"),
    case("An array is misspelt", "w.npy g.npy", "nosc run sgd --params w.npy --grads gr.npy --lr 0.1"),
    case("Tensors have other names", "w.safetensors g.safetensors", "nosc run sgd --params w.safetensors --grads g.safetensors --lr 0.1"),
    case("An output of no known kind", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 -o out.txt"),
    case("Several tensors into a file for one", "w.safetensors", "nosc run sgd --params w.safetensors --grads w.safetensors --lr 0.1 -o out.npy"),
    case("The output would replace the gradients", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 -o ./g.npy"),
    case("Several rules for one step", "two.nos w.npy g.npy", "nosc run two.nos --params w.npy --grads g.npy --lr 0.1"),
];

#[test]
fn arrays() {
    check!("arrays", &CASES);
}
