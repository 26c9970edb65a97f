//! Laws of `where`, `min` and `max`.

use super::Class::{Finite, Positive, Size};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("where_same", "where(x < y, z, z)", "z").because("z either way").not(
        "where(g < m, w, g)",
        "w",
        "g = m",
    ),
    law("where_negated", "where(x < y, z, 1)", "where(x >= y, 1, z)")
        .x(Finite)
        .y(Finite)
        .because("one of the two holds")
        .not("where(g < m, w, 1)", "where(g > m, 1, w)", "g = m: 1 and w"),
    law("where_turned", "where(x < y, z, 1)", "where(y > x, z, 1)").because("one comparison").not(
        "where(g < m, w, 1)",
        "where(g <= m, w, 1)",
        "g = m: 1 and w",
    ),
    law("where_of_difference", "where(x < y, z, 1)", "where(x - y < 0, z, 1)")
        .because("equal infinities are not less, and nothing is less where there is no value")
        .not("where(g < m, w, 1)", "where(g*w < m*w, w, 1)", "w = -1"),
    law("where_scaled", "where(x*y < 0, z, 1)", "where(x < 0, z, 1)")
        .x(Finite)
        .y(Positive)
        .because("a positive factor keeps the sign")
        .not("where(g*m < 0, w, 1)", "where(g < 0, w, 1)", "g = 1, m = -1: w and 1"),
    law("where_known", "where(x < 0, y, z)", "z").x(Size).because("never below 0").not(
        "where(v <= 0, g, m)",
        "m",
        "v = 0: g and m",
    ),
    law("function_of_where", "exp(where(x < y, z, 0))", "where(x < y, exp(z), 1)")
        .because("a function of either is either function")
        .not("exp(where(g < m, w, 0))", "where(g < m, exp(w), 0)", "g = m: 1 and 0"),
    law("sign_by_cases", "sign(x)", "where(x > 0, 1, where(x < 0, -1, 0))")
        .x(Finite)
        .because("what sign means of a number")
        .not("sign(g)", "where(g < 0, -1, 1)", "g = 0: 0 and 1"),
    law("abs_by_cases", "abs(x)", "where(x < 0, -x, x)").because("what abs means").not(
        "abs(g)",
        "where(g < 0, -g, 0)",
        "g = 1",
    ),
    law("max_order", "max(x, y)", "max(y, x)").missed().because("0 has no sign").not(
        "max(g, m)",
        "min(g, m)",
        "g = 1, m = 0",
    ),
    law("max_grouping", "max(max(x, y), z)", "max(x, max(y, z))")
        .missed()
        .because("the greatest of three, undefined if one is")
        .not("max(min(g, m), w)", "min(g, max(m, w))", "g = 0, m = 0, w = 1"),
    law("max_of_neg", "-max(x, y)", "min(-x, -y)").because("turned about").not(
        "-max(g, m)",
        "max(-g, -m)",
        "g = 1, m = 0: -1 and 0",
    ),
    law("max_of_same", "max(x, x)", "x").because("undefined if x is").not(
        "max(g, -g)",
        "g",
        "g = -1",
    ),
    law("max_by_cases", "max(x, 0)", "where(x > 0, x, 0)")
        .x(Finite)
        .because("what max means of numbers")
        .not("max(g, 0)", "where(g > 1, g, 0)", "g = 0.5: 0.5 and 0"),
    law("max_of_zero", "max(x, 0)", "0.5*(x + abs(x))").x(Finite).missed().because("x or 0").not(
        "max(log(abs(g)), 0)",
        "0.5*(log(abs(g)) + abs(log(abs(g))))",
        "g = 0: 0 and undefined",
    ),
    law("max_as_abs", "max(x, y)", "0.5*(x + y + abs(x - y))")
        .x(Finite)
        .y(Finite)
        .missed()
        .because("the middle and half the distance")
        .not("max(g, m)", "0.5*(g + m + (g - m))", "g = 0, m = 1"),
    law("max_and_min", "max(x, y) + min(x, y)", "x + y")
        .missed()
        .because("one is x and the other y")
        .not("max(g, m) - min(g, m)", "g - m", "g = 0, m = 1: 1 and -1"),
];
