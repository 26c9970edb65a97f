//! Laws of powers.

use super::Class::{Finite, Nonnegative, Positive, Sign, Size};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("pow_zero", "x^(1 - 1)", "1").because("so C99 has it, for undefined x too").not(
        "0^g",
        "0",
        "g = 0: 1 and 0",
    ),
    law("pow_of_one", "1^x", "1").because("so C99 has it, for undefined x too").not(
        "abs(sign(g))^m",
        "1",
        "g = 0, m = 1: 0 and 1",
    ),
    law("pow_of_zero", "0^x", "0").x(Positive).because("what 0^x is for x above 0").not(
        "0^v",
        "0",
        "v = 0: 1 and 0",
    ),
    law("pow_one", "x^1.0", "x").because("a power that is no product in the text").not(
        "g^(1 + delta)",
        "g",
        "g = -1: undefined and -1",
    ),
    law("pow_two", "x^2.0", "x*x").because("a power that is no product in the text").not(
        "g^-2.0",
        "1/(g*g)",
        "g = 0: +Inf and undefined",
    ),
    law("odd_power", "(-x)^3.0", "-(x^3.0)")
        .because("an odd exponent keeps the sign")
        .not("(-g)^2.0", "-(g^2.0)", "g = 1"),
    law("even_power", "abs(x)^4.0", "x^4.0").because("an even exponent drops the sign").not(
        "abs(g)^3.0",
        "g^3.0",
        "g = -1",
    ),
    law("pow_of_exp", "exp(x)^y", "exp(x*y)").x(Finite).y(Finite).because("a positive base").not(
        "exp(log(abs(g)))^m",
        "exp(log(abs(g))*m)",
        "g = m = 0: 1 and undefined",
    ),
    law("pow_as_exp", "x^y", "exp(y*log(x))").x(Positive).y(Finite).because("a positive base").not(
        "g^m",
        "exp(m*log(abs(g)))",
        "g = -1, m = 1: -1 and 1",
    ),
    law("pow_of_two", "2^x", "exp(log(2)*x)")
        .because("for infinities too")
        .not("2^g", "exp(g)", "g = 1"),
    law("pow_of_pow", "(x^y)^z", "x^(y*z)")
        .x(Positive)
        .y(Finite)
        .z(Finite)
        .because("a positive base")
        .not("(g^2)^m", "g^(2*m)", "g = -1, m = 0.5: 1 and -1"),
    law("pow_of_square", "(x^2)^y", "abs(x)^(2*y)")
        .y(Finite)
        .because("0^y is decided by the sign of y, which is that of 2*y")
        .not("(g^3)^m", "abs(g)^(3*m)", "g = -1, m = 1: -1 and 1"),
    law("pow_of_product", "(x*y)^z", "x^z*y^z")
        .x(Positive)
        .y(Positive)
        .z(Finite)
        .because("positive bases")
        .not("(g*m)^0.5", "g^0.5*m^0.5", "g = m = -1: 1 and undefined"),
    law("pow_of_sizes", "(x*y)^z", "x^z*y^z")
        .x(Size)
        .y(Size)
        .z(Finite)
        .because("where one base is 0 both sides are 0, 1 or +Inf by the sign of z")
        .not("(v + g*g)^m", "v^m + (g*g)^m", "v = 1, g = 0, m = 0: 1 and 2"),
    law("pow_of_sum", "x^(y + z)", "x^y*x^z")
        .x(Positive)
        .y(Finite)
        .z(Finite)
        .because("a positive base")
        .not("g^(m + w)", "g^m*g^w", "g = 0, m = 1, w = -1: 1 and undefined"),
    law("pow_of_sizes_sum", "x^(y + z)", "x^y*x^z")
        .x(Size)
        .y(Size)
        .z(Size)
        .missed()
        .because("where x is 0 both sides are 0 or, for y = z = 0, 1")
        .not("abs(g)^(m + w)", "abs(g)^m*abs(g)^w", "g = 0, m = 1, w = -1: 1 and undefined"),
    law("pow_of_neg", "x^-y", "1/x^y")
        .x(Positive)
        .y(Finite)
        .because("x^y is neither 0 nor infinite")
        .not("g^-m", "1/(g^m + delta)", "g = m = 1: 1 and less"),
    law("exponent_of_sign", "2^x", "1 + 0.75*x + 0.25*x^2").x(Sign).because("a half, 1 or 2").not(
        "2^sign(g)",
        "1 + sign(g)",
        "g = -1: a half and 0",
    ),
    law("exponent_of_magnitude", "x^abs(sign(y))", "where(y != 0, x, 1)")
        .y(Finite)
        .because("x^1 or x^0")
        .not("sign(g)^sign(g)", "sign(g)", "g = 0: 1 and 0"),
    law("square_of_sign", "x^2.0", "abs(x)").x(Sign).because("0 or 1").not(
        "sign(g)^m",
        "abs(sign(g))",
        "g = 0, m = 0: 1 and 0",
    ),
    law("exponent_as_cases", "x^sign(y)", "where(y < 0, 1/x, where(y > 0, x, 1))")
        .x(Positive)
        .y(Finite)
        .because("a reciprocal, 1 or x")
        .not(
            "g^sign(m)",
            "where(m < 0, 1/g, where(m > 0, g, 1))",
            "g = 0, m = -1: +Inf and undefined",
        ),
    law("pow_nonnegative_abs", "abs(x^y)", "x^y")
        .x(Nonnegative)
        .because("a power of what is never below 0 is never below 0")
        .not("abs(g^m)", "g^m", "g = -1, m = 1"),
];
