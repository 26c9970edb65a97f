//! Laws of `exp` and `log`.

use super::Class::{Finite, Nonnegative, Positive, Sign};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("exp_of_log", "exp(log(abs(x)))", "abs(x)")
        .because("log(0) is -Inf and exp(-Inf) is 0")
        .not("exp(log(abs(g)))", "g", "g = -1"),
    law("exp_of_plain_log", "exp(log(x))", "x")
        .x(Nonnegative)
        .because("log(0) is -Inf and exp(-Inf) is 0")
        .not("exp(log(g))", "g", "g = -1: undefined and -1"),
    law("log_of_exp", "log(exp(x))", "x").because("for infinities too").not(
        "log(exp(g) + delta)",
        "g",
        "g = 0: more than 0",
    ),
    law("exp_of_sum", "exp(x)*exp(y)", "exp(x + y)")
        .because("Inf - Inf and 0*Inf are both undefined")
        .not("exp(g) + exp(m)", "exp(g + m)", "g = m = 0: 2 and 1"),
    law("exp_of_neg", "exp(-x)", "1/exp(x)").x(Finite).because("exp(x) is not 0").not(
        "exp(-g)",
        "1/(exp(g) + delta)",
        "g = 0: 1 and less",
    ),
    law("exp_of_difference", "exp(x - y)", "exp(x)/exp(y)")
        .y(Finite)
        .because("exp(y) is not 0")
        .not("exp(g - log(abs(m)))", "exp(g)/exp(log(abs(m)))", "m = 0: +Inf and undefined"),
    law("exp_cancels", "exp(x)*exp(-x)", "1").x(Finite).because("neither factor is 0").not(
        "exp(log(abs(g)))*exp(-log(abs(g)))",
        "1",
        "g = 0: undefined and 1",
    ),
    law("exp_of_twice_log", "exp(2*log(abs(x)))", "x*x").because("0 at 0").not(
        "exp(3*log(abs(g)))",
        "g^3",
        "g = -1: 1 and -1",
    ),
    law("exp_of_logs", "exp(log(abs(x)) + log(abs(y)))", "abs(x*y)")
        .because("Inf - Inf and 0*Inf are both undefined")
        .not("exp(log(abs(g)) + log(abs(m)))", "abs(g) + abs(m)", "g = m = 1: 1 and 2"),
    law("sign_times_exp_of_log", "sign(x)*exp(log(abs(x)))", "x").because("0 at 0").not(
        "sign(m)*exp(log(abs(g)))",
        "g",
        "m = 0: 0 and g",
    ),
    law("exp_squared", "exp(x)^2", "exp(2*x)")
        .because("for infinities too")
        .not("exp(g)^2", "exp(g^2)", "g = 1"),
    law("log_of_product", "log(abs(x*y))", "log(abs(x)) + log(abs(y))")
        .because("0*Inf and Inf - Inf are both undefined")
        .not("log(g*m)", "log(g) + log(m)", "g = m = -1: 0 and undefined"),
    law("log_of_nonnegatives", "log(x*y)", "log(x) + log(y)")
        .x(Nonnegative)
        .y(Nonnegative)
        .because("0*Inf and Inf - Inf are both undefined")
        .not("log(v + g*g)", "log(v) + log(g*g)", "v = 1, g = 0: 0 and -Inf"),
    law("log_of_square", "log(x^2)", "2*log(abs(x))").because("-Inf at 0").not(
        "log(g^2)",
        "2*log(g)",
        "g = -1: 0 and undefined",
    ),
    law("log_of_cube", "log(abs(x^3))", "3*log(abs(x))").because("-Inf at 0").not(
        "log(abs(g^3))",
        "log(abs(g))^3",
        "g = 2",
    ),
    law("log_of_multiple", "log(abs(10*x))", "log(10) + log(abs(x))").because("-Inf at 0").not(
        "log(abs(10*g))",
        "10*log(abs(g))",
        "g = 1: log(10) and 0",
    ),
    law("log_of_root", "log(sqrt(abs(x)))", "0.5*log(abs(x))").because("-Inf at 0").not(
        "log(sqrt(abs(g)))",
        "sqrt(log(abs(g)))",
        "g = 2",
    ),
    law("log_of_quotient", "log(abs(x/y))", "log(abs(x)) - log(y)")
        .y(Positive)
        .because("y is not 0")
        .not("log(abs(g/(m + delta)))", "log(abs(g)) - log(abs(m))", "m = 1"),
    law("log_of_pow", "log(x^y)", "y*log(x)")
        .x(Positive)
        .y(Finite)
        .because("log(x) is a number")
        .not("log(abs(g^m))", "m*log(abs(g))", "g = m = 0: 0 and undefined"),
    law("log_of_numbers", "log(6)*x", "log(2)*x + log(3)*x")
        .because("the logarithm of a number is that of its primes")
        .not("log(5)*g", "log(2)*g + log(3)*g", "g = 1: log(5) and log(6)"),
    law("e_to_a_power", "e^x", "exp(x)").because("e is the number, not its f64").not(
        "2.7182818^g",
        "exp(g)",
        "g = 1: less than e",
    ),
    law("power_sign", "e^(x*y)*z", "exp(x*y)*z")
        .x(Sign)
        .y(Sign)
        .because("e is the number, not its f64")
        .not("e^(sign(g)*sign(m))*g", "e*g", "m = -g"),
];
