//! Laws of `sign` and `abs`.

use super::Class::{Finite, Nonnegative, Positive, Sign, Size};
use super::{Law, law};

pub(super) const LAWS: &[Law] =
    &[
        law("sign_of_product", "sign(x*y)", "sign(x)*sign(y)")
            .x(Finite)
            .y(Finite)
            .because("numbers do not underflow")
            .not("sign(g*log(abs(m)))", "sign(g)*sign(log(abs(m)))", "g = m = 0: undefined and 0"),
        law("sign_of_square", "sign(x*x)", "abs(sign(x))").because("0 at 0").not(
            "sign(g*g)",
            "1",
            "g = 0: 0 and 1",
        ),
        law("sign_cubed", "sign(x)*sign(x)*sign(x)", "sign(x)")
            .because("-1, 0 and 1 are their own cubes")
            .not("sign(g)*sign(g)", "1", "g = 0: 0 and 1"),
        law("sign_of_cube", "sign(x^3)", "sign(x)").because("numbers do not underflow").not(
            "sign(g^2)",
            "sign(g)",
            "g = -1",
        ),
        law("sign_of_multiple", "sign(1e-4*x)", "sign(x)")
            .because("a positive factor, and numbers do not underflow")
            .not("sign(ld*g)", "sign(g)", "ld = 0: 0 and sign(g)"),
        law("sign_of_exp", "sign(exp(x))", "1").x(Finite).because("0 only at -Inf").not(
            "sign(exp(log(abs(g))))",
            "1",
            "g = 0: 0 and 1",
        ),
        law("sign_times_exp", "sign(x*exp(y))", "sign(x)")
            .y(Finite)
            .because("a positive factor that is a number")
            .not("sign(g*exp(log(abs(m))))", "sign(g)", "m = 0: 0 and sign(g)"),
        law("sign_of_quotient", "sign(x/y)", "sign(x)")
            .y(Positive)
            .because("a positive divisor that is a number")
            .not("sign(g/(m + delta))", "sign(g)*sign(m)", "m = 0: sign(g) and 0"),
        law("sign_of_adam", "sign(x/(sqrt(y) + delta))", "sign(x)")
            .y(Size)
            .because("a divisor of at least delta")
            .not("sign(m/(g + delta))", "sign(m)", "g = -1"),
        law("sign_of_positive_sum", "sign(x + y)", "1").x(Positive).y(Size).because("above 0").not(
            "sign(v + abs(g))",
            "1",
            "v = g = 0: 0 and 1",
        ),
        law("sign_of_sign", "sign(sign(x))", "sign(x)")
            .because("-1, 0 and 1 are their own signs")
            .not("sign(sign(g) + sign(m))", "sign(g) + sign(m)", "g = m = 1: 1 and 2"),
        law("sign_of_neg", "sign(-x)", "-sign(x)").because("sign is odd").not(
            "sign(abs(g))",
            "sign(g)",
            "g = -1",
        ),
        law("sign_of_difference", "sign(x - y)", "-sign(y - x)").because("sign is odd").not(
            "sign(g - m)",
            "sign(g) - sign(m)",
            "g = 1, m = -1: 1 and 2",
        ),
        law("sign_of_abs", "sign(abs(x))", "abs(sign(x))").because("0 at 0").not(
            "sign(abs(g))",
            "1",
            "g = 0: 0 and 1",
        ),
        law("sign_times_abs", "sign(x)*abs(x)", "x").because("0 at 0, and for infinities too").not(
            "sign(g)*abs(m)",
            "m",
            "g = -1, m = 1",
        ),
        law("sign_times_self", "sign(x)*x", "abs(x)")
            .because("0 at 0, and for infinities too")
            .not("sign(m)*g", "abs(g)", "m = 0: 0 and abs(g)"),
        law("signs_cancel", "sign(x)*(sign(x)*x)", "x").because("0 at 0").not(
            "sign(m)*(sign(m)*g)",
            "g",
            "m = 0: 0 and g",
        ),
        law("signed_square", "x*abs(x)", "sign(x)*x^2").because("0 at 0").not(
            "g*abs(m)",
            "sign(g)*m^2",
            "g = 2, m = 1",
        ),
        law("square_of_abs", "abs(x)*abs(x)", "x*x")
            .because("abs drops a sign that a square drops too")
            .not("abs(g)*g", "g*g", "g = -1"),
        law("abs_of_product", "abs(x*y)", "abs(x)*abs(y)")
            .because("undefined for 0 times an infinity, on both sides")
            .not("abs(g + m)", "abs(g) + abs(m)", "g = 1, m = -1: 0 and 2"),
        law("abs_of_quotient", "abs(x/y)", "abs(x)/abs(y)")
            .because("undefined if y is 0, on both sides")
            .not("abs(g/(m + delta))", "abs(g)/(abs(m) + delta)", "m = -1"),
        law("abs_of_nonnegative", "abs(x)", "x").x(Nonnegative).because("what abs means").not(
            "abs(g*m)",
            "g*m",
            "g = 1, m = -1",
        ),
        law("abs_of_difference", "abs(x - y)", "abs(y - x)").because("abs is even").not(
            "abs(g - m)",
            "abs(g) - abs(m)",
            "g = 0, m = 1: 1 and -1",
        ),
        law("sign_of_signs", "sign(x + y)", "clip(x + y, 1)")
            .x(Sign)
            .y(Sign)
            .because("a sum of two signs is a whole number")
            .not("sign(g + m)", "clip(sign(g) + sign(m), 1)", "g = 3, m = -1: 1 and 0"),
    ];
