//! Laws of products and quotients.

use super::Class::{Finite, Positive, Size};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("product_order", "x*y", "y*x").because("multiplication has no order").not(
        "g/m",
        "m/g",
        "g = 1, m = 2",
    ),
    law("product_grouping", "(x*y)*z", "x*(y*z)")
        .because("undefined if 0 and an infinity are among the factors, in any grouping")
        .not("(g/(m + delta))*w", "g/(m*w + delta)", "w = 0: 0 and 1e8*g"),
    law("mul_one", "1*x", "x").because("for infinities too").not(
        "(1 + delta)*g",
        "g",
        "g = 1: more than 1",
    ),
    law("mul_zero", "0*x", "0").x(Finite).because("only a number times 0 is 0").not(
        "0*log(abs(g))",
        "0",
        "g = 0: undefined and 0",
    ),
    law("neg_of_product", "-x*y", "-(x*y)").because("for infinities too").not(
        "-g*-m",
        "-(g*m)",
        "g = m = 1",
    ),
    law("distribute", "x*(y + z)", "x*y + x*z")
        .x(Finite)
        .because("a number times a sum with infinities is infinite or undefined term by term")
        .not("log(abs(g))*(m - w)", "log(abs(g))*m - log(abs(g))*w", "g = 0: -Inf and undefined"),
    law("product_of_sums", "(x + y)*(x - y)", "x*x - y*y")
        .x(Finite)
        .y(Finite)
        .because("distributed twice")
        .not("(g + m)*(g + m)", "g*g + m*m", "g = m = 1: 4 and 2"),
    law("square_of_sum", "(x + y)^2", "x*x + 2*x*y + y*y")
        .x(Finite)
        .y(Finite)
        .because("distributed twice")
        .not("(g + m)^2", "g^2 + m^2", "g = m = 1: 4 and 2"),
    law("sign_times_sum", "(1 + sign(x)*sign(y))*x", "x + sign(y)*abs(x)")
        .x(Finite)
        .y(Finite)
        .because("distributed, and sign(x)*x is abs(x)")
        .not("(1 + sign(g)*sign(m))*g", "2*g", "m = -g"),
    law("exponents_add", "x^2*x^3", "x^5")
        .because("positive exponents: 0 and infinities stay what they are")
        .not("g^0.5*g^0.5", "g", "g = -1: undefined and -1"),
    law("quotient_of_product", "(x*y)/z", "x*(y/z)")
        .because(
            "a divisor is a number, or 0 and then both are undefined, or infinite and acts as 0",
        )
        .not("(g*m)/(w + delta)", "g*(m/w)", "w = 1"),
    law("quotient_of_sum", "(x + y)/z", "x/z + y/z")
        .because(
            "a divisor is a number, or 0 and then both are undefined, or infinite and acts as 0",
        )
        .not("g/(m + w)", "g/m + g/w", "g = m = w = 1: a half and 2"),
    law("quotient_of_quotient", "(x/y)/z", "x/(y*z)")
        .because("undefined if either divisor is 0")
        .not("(g/(m + delta))/(w + delta)", "g/(m*w + delta)", "m = w = 0: 1e16*g and 1e8*g"),
    law("factor_of_reciprocal", "x*(1/y)", "x/y").because("what a quotient means").not(
        "g*(1/(m + delta))",
        "g/m",
        "m = 1",
    ),
    law("quotient_of_neg", "x/-y", "-(x/y)").because("0 has no sign").not(
        "g/(-m + delta)",
        "-(g/(m + delta))",
        "m = 0",
    ),
    law("constant_divisor", "x/4", "0.25*x").because("a quarter is 0.25").not(
        "g/(1 + delta)",
        "g",
        "g = 1: less than 1",
    ),
    law("self_quotient", "x/x", "1").x(Positive).because("neither 0 nor infinite").not(
        "g/g",
        "1",
        "g = 0: undefined and 1",
    ),
    law("cancel_factor", "(x*y)/y", "x").y(Positive).because("neither 0 nor infinite").not(
        "(g*m)/(m + delta)",
        "g",
        "m = 0: 0 and g",
    ),
    law("zero_over", "0/x", "0").x(Positive).because("a divisor that is never 0").not(
        "0/(g + delta)",
        "0",
        "g = -1e-8: undefined and 0",
    ),
    law("zero_over_size", "0/(sqrt(x) + delta)", "0")
        .x(Size)
        .because("never below delta, and so never 0")
        .not("0/(sqrt(v) - 1)", "0", "v = 1: undefined and 0"),
    law("square_of_quotient", "(x/y)^2", "x^2/y^2")
        .because("undefined if y is 0, on both sides")
        .not("(g/(m + delta))^2", "g^2/(m^2 + delta)", "m = 0: 1e16*g^2 and 1e8*g^2"),
    law("reciprocal_square", "x^-2", "1/(x*x)").because("what a written exponent means").not(
        "g^-2",
        "g^-2.0",
        "g = 0: undefined and +Inf",
    ),
];
