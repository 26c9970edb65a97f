//! Pairs that look equal and are not, beside the neighbours of the laws.

use super::Neighbour;

const fn no(left: &'static str, right: &'static str, witness: &'static str) -> Neighbour {
    Neighbour { left, right, witness }
}

/// Each pair has two keys.
pub const TRAPS: &[Neighbour] = &[
    no("let d = drop(g, 0.5); d - d", "drop(g, 0.5) - drop(g, 0.5)", "one draw and two"),
    no("drop(drop(g, 0.1), 0.1)", "drop(g, 0.19)", "two draws and one"),
    no("eps*sign(g)", "eps", "g = -1"),
    no("eps - eps_t", "0", "two draws"),
    no("drop(g, 0.5) + m - m", "g", "dropped: 0 and g"),
    no("g/(g + delta)", "1", "g = 0: 0 and 1"),
    no("g/1e-8", "g*1e-8", "g = 1"),
    no("g/(abs(g) + delta)", "sign(g)", "g = 1e-6: 0.99 and 1"),
    no("g/(sign(g) + delta)", "abs(g)", "g = 1: less than 1"),
    no("g/sign(g)", "abs(g)", "g = 0: undefined and 0"),
    no("sign(g)/(sign(m) + delta)", "sign(g)*sign(m)", "g = 1, m = 0: 1e8 and 0"),
    no("1/(g + delta)", "g^-1.0", "g = 0: 1e8 and +Inf"),
    no("g^-1", "g^-1.0", "g = 0: undefined and +Inf"),
    no("1/(g^m + delta)", "g^-m", "g = m = 1: less than 1"),
    no(
        "log(abs(g/(m + delta)))",
        "log(abs(g)) - log(abs(m + delta))",
        "m = -1e-8: undefined and +Inf",
    ),
    no("m/(sqrt(v) + delta)", "m/sqrt(v + delta)", "v = 0: 1e8*m and 1e4*m"),
    no("m/(sqrt(v) + delta)", "m/sqrt(v + delta*delta)", "v = 1"),
    no("sign(g)*sign(m)", "1", "g = 0: 0 and 1"),
    no("sign(g)*sign(g)", "sign(g)", "g = -1"),
    no("sign(g + m)", "sign(g) + sign(m)", "g = 3, m = -1: 1 and 0"),
    no("sign(v)", "1", "v = 0: 0 and 1"),
    no("sign(ld)", "1", "t = T: 0 and 1"),
    no("ld*g", "g", "t = T: 0 and g"),
    no("rd(1)", "cd", "t = T: 1 and 0"),
    no("rd(2)", "cd(2)", "t = T/4"),
    no("log(abs(sign(m)*g))", "log(abs(g))", "m = 0: -Inf and log(abs(g))"),
    no("sign(g)^sign(g)", "1", "g = -1"),
    no("0^g", "where(g == 0, 1, 0)", "g = -1: +Inf and 0"),
    no("(0 - 1)^g", "1 - 2*abs(sign(g))", "g = 2: 1 and -1"),
    no("(g*m)^w", "g^w*m^w", "g = m = -1, w = 0.5: 1 and undefined"),
    no("(g^m)^w", "g^(m*w)", "g = -1, m = 2, w = 0.5: 1 and -1"),
    no("abs(g)^m", "exp(m*log(abs(g)))", "g = m = 0: 1 and undefined"),
    no("abs(g)^-m", "1/abs(g)^m", "g = 0, m = 1: +Inf and undefined"),
    no("sqrt(abs(g))*sqrt(abs(g))", "abs(sign(g))*sign(g)*g*sign(g)", "g = -1"),
    no("exp(log(abs(g)))", "g*abs(sign(g))", "g = -1"),
    no("exp(abs(log(abs(g) + 0.5)))", "abs(g) + 0.5", "g = 0: 2 and a half"),
    no("clip(exp(g), 1)", "1", "g = -1: less than 1"),
    no("2*g", "g", "g = 1"),
    no("-g", "g", "g = 1"),
];

/// Likewise, where no search in f64 finds the point: constants that differ in the last place, and comparisons
/// of what has no value.
pub const FINE_TRAPS: &[Neighbour] = &[
    no("(0.1 + 0.2)*g", "0.30000000000000004*g", "g = 1: 0.3 and more"),
    no("(1/3)*g", "0.3333333333333333*g", "g = 1: a third and less"),
    no("sqrt(2)*g", "1.4142135623730951*g", "g = 1: irrational and rational"),
    no("(1 + 1e-17)*g", "g", "g = 1: more than 1"),
    no("2*pi*g", "6.283185307179586*g", "g = 1: irrational and rational"),
    no("1e-200*1e-200*g", "0*g", "g = 1: more than 0"),
    no("where(log(g) < m, w, 1)", "where(log(g) >= m, 1, w)", "g = -1: 1 and w"),
    no("sign(log(g))", "where(log(g) > 0, 1, where(log(g) < 0, -1, 0))", "g = -1: undefined and 0"),
    no("max(log(g), 0)", "where(log(g) > 0, log(g), 0)", "g = -1: undefined and 0"),
    no(
        "where(log(abs(g)) == log(abs(m)), w, 1)",
        "where(log(abs(g)) - log(abs(m)) == 0, w, 1)",
        "g = m = 0: w and 1",
    ),
];
