//! Laws of `sqrt`.

use super::Class::{Finite, Nonnegative};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("square_of_root", "sqrt(abs(x))*sqrt(abs(x))", "abs(x)").because("0 at 0").not(
        "sqrt(abs(g))*sqrt(abs(g))",
        "g",
        "g = -1",
    ),
    law("square_of_plain_root", "sqrt(x)*sqrt(x)", "x").x(Nonnegative).because("0 at 0").not(
        "sqrt(g)*sqrt(g)",
        "g",
        "g = -1: undefined and -1",
    ),
    law("root_of_square", "sqrt(x^2)", "abs(x)").because("numbers do not underflow").not(
        "sqrt(g^2)",
        "g",
        "g = -1",
    ),
    law("root_of_product", "sqrt(abs(x*y))", "sqrt(abs(x))*sqrt(abs(y))")
        .because("undefined for 0 times an infinity, on both sides")
        .not("sqrt(g*m)", "sqrt(g)*sqrt(m)", "g = m = -1: 1 and undefined"),
    law("root_of_quotient", "sqrt(abs(x/y))", "sqrt(abs(x))/sqrt(abs(y))")
        .because("undefined if y is 0, on both sides")
        .not("sqrt(abs(g/(m + delta)))", "sqrt(abs(g))/sqrt(abs(m) + delta)", "m = -1"),
    law("root_of_multiple", "sqrt(abs(4*x))", "2*sqrt(abs(x))").because("sqrt(4) is 2").not(
        "sqrt(abs(2*g))",
        "2*sqrt(abs(g))",
        "g = 1",
    ),
    law("square_out_of_root", "sqrt(abs((x*y)*y))", "sqrt(abs(x))*abs(y)")
        .because("undefined for 0 times an infinity, on both sides")
        .not("sqrt(abs((g*m)*m))", "sqrt(abs(g))*m", "g = 1, m = -1"),
    law("root_of_sign", "sqrt(abs(sign(x)))", "abs(sign(x))")
        .because("0 and 1 are their own roots")
        .not("sqrt(abs(sign(g)))", "1", "g = 0: 0 and 1"),
    law("root_of_signed", "sqrt(abs(sign(y)*x))", "abs(sign(y))*sqrt(abs(x))")
        .because("0 and 1 are their own roots")
        .not("sqrt(abs(sign(m)*g))", "sqrt(abs(g))", "m = 0: 0 and sqrt(abs(g))"),
    law("root_of_exp", "sqrt(exp(x))", "exp(x/2)").because("for infinities too").not(
        "sqrt(exp(g))",
        "exp(sqrt(g))",
        "g = 1",
    ),
    law("root_as_power", "sqrt(x)", "x^0.5").x(Finite).because("both are undefined below 0").not(
        "sqrt(log(abs(g)))",
        "log(abs(g))^0.5",
        "g = 0: undefined and +Inf",
    ),
    law("root_of_root", "sqrt(sqrt(abs(x)))", "abs(x)^0.25").because("0 at 0").not(
        "sqrt(sqrt(abs(g)))",
        "sqrt(abs(g))",
        "g = 2",
    ),
    law("power_of_root", "sqrt(x)^y", "x^(y/2)")
        .x(Nonnegative)
        .y(Finite)
        .because("0^y is decided by the sign of y, which is that of y/2")
        .not("sqrt(abs(g))^m", "g^(m/2)", "g = -1, m = 2: 1 and -1"),
    law("root_of_numbers", "sqrt(8)*x", "2*sqrt(2)*x")
        .because("the root of a number is that of its primes, and no f64")
        .not("sqrt(8)*g", "4*sqrt(2)*g", "g = 1"),
    law("sign_of_root", "sign(sqrt(abs(x)))", "abs(sign(x))").because("0 at 0 only").not(
        "sign(sqrt(abs(g)))",
        "1",
        "g = 0: 0 and 1",
    ),
];
