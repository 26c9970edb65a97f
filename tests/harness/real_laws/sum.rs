//! Laws of sums.

use super::Class::Finite;
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("sum_order", "x + y", "y + x").because("addition has no order").not(
        "g - m",
        "m - g",
        "g = 1, m = 0",
    ),
    law("sum_grouping", "(x + y) + z", "x + (y + z)")
        .because("undefined if there are infinities of both signs, in any grouping")
        .not("(g - m) - w", "g - (m - w)", "w = 1"),
    law("sub_is_add", "x - y", "x + -y").because("what a difference means").not(
        "g - m",
        "-g + m",
        "g = 1, m = 0",
    ),
    law("neg_of_neg", "-(-x)", "x").because("for infinities too").not("abs(-g)", "g", "g = -1"),
    law("neg_of_sum", "-(x + y)", "-x + -y")
        .because("0 has no sign")
        .not("-(g + m)", "-g + m", "m = 1"),
    law("neg_of_difference", "-(x - y)", "y - x").because("0 has no sign").not(
        "abs(g - m)",
        "m - g",
        "g = 1, m = 0",
    ),
    law("add_zero", "x + 0", "x").because("0 has no sign").not("g + delta", "g", "any g"),
    law("collect_terms", "2*x + 3*x", "5*x")
        .because("all terms have one sign, so no infinity meets another")
        .not("3*log(abs(g)) - 2*log(abs(g))", "log(abs(g))", "g = 0: undefined and -Inf"),
    law("cancel_multiples", "3*x - 2*x", "x")
        .x(Finite)
        .because("no infinity to meet its negative")
        .not("2/(g + delta) - 1/(g + delta) - 1/(g + delta)", "0", "g = -1e-8: undefined and 0"),
    law("self_difference", "x - x", "0").x(Finite).because("no infinity to meet its negative").not(
        "log(abs(g)) - log(abs(g))",
        "0",
        "g = 0: undefined and 0",
    ),
    law("cancel_addend", "(x + y) - y", "x")
        .y(Finite)
        .because("y is a number wherever x is anything")
        .not("(g + m/w) - m/w", "g", "w = 0: undefined and g"),
    law("decimal_constants", "0.1*x + 0.2*x", "0.3*x")
        .because("a constant is the decimal number that is written")
        .not("0.1*g + 0.2*g", "0.30001*g", "g = 1"),
    law("exact_fractions", "x/3 + x/3 + x/3", "x").because("a third is a third").not(
        "g/3 + g/3",
        "0.6667*g",
        "g = 1: two thirds and more",
    ),
    law("parameter_default", "x + delta", "x + 1e-8").because("a parameter is its default").not(
        "beta1*g",
        "beta2*g",
        "g = 1: 0.9 and 0.999",
    ),
];
