//! Laws that look true and are not, each with a witness: f32 values for which the two sides differ, or the
//! numbers that two constants of the same bits stand for. What is false over the reals is no law of any level.
//!
//! They are here so that nobody adds them; a test below checks that the canonical form keeps the two sides
//! apart, and `docs/canonical.md` lists them.

/// A pair of formulas that are not the same bits.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rejected {
    /// One side.
    pub left: &'static str,
    /// The other.
    pub right: &'static str,
    /// Where they differ.
    pub witness: &'static str,
}

const fn no(left: &'static str, right: &'static str, witness: &'static str) -> Rejected {
    Rejected { left, right, witness }
}

/// Pairs that must have different keys.
pub const REJECTED: &[Rejected] = &[
    no("g - g", "0*0", "g = inf: NaN"),
    no("0*g", "0*0", "g = -1: -0"),
    no("g + 0", "g", "g = -0: +0"),
    no("sign(g)*sign(g)", "1 + 0*0", "g = 0: 0"),
    no("(g + m) + w", "g + (m + w)", "1e-45, 1e-45, 3e-38"),
    no("(g*m)*w", "g*(m*w)", "1e30, 1e30, 1e-30"),
    no("(sign(g)*m)*w", "sign(g)*(m*w)", "g = 0, m = w = 1e30: 0 and NaN"),
    no("2*(g*m)", "(2*g)*m", "1e-45, 0.3: 0 and 1e-45"),
    no("-(g - m)", "m - g", "g = m: -0 and +0"),
    no("g*(m - w)", "g*m - g*w", "rounding"),
    no("g^2 - m^2", "(g + m)*(g - m)", "rounding"),
    no("g/(g + delta)", "1 + 0*0", "g = 0: 0"),
    no("g/1e-8", "g*1e8", "3e-38"),
    no("g/(-m + delta)", "-(g/(m + delta))", "m = 0"),
    no("sign(g*m)", "sign(g)*sign(m)", "1e-45, 1e-45: 0 and 1"),
    no("sign(g + m)", "clip(sign(g) + sign(m), 1)", "3, -1: 1 and 0"),
    no("sign(exp(g))", "1 + 0*0", "g = -104: 0"),
    no("clip(g*m, 0.1)", "clip(g, 0.1)*clip(m, 0.1)", "1, 1"),
    no("exp(g)*exp(m)", "exp(g + m)", "rounding"),
    no("exp(log(abs(g)))", "abs(g)", "rounding"),
    no("sqrt(abs(g*m))", "sqrt(abs(g))*sqrt(abs(m))", "rounding"),
    no("sqrt(g*g)", "abs(g)", "1e-30: underflow"),
    no("g^(1/2)", "sqrt(abs(g))", "g = -1: NaN and 1"),
    no("g^m", "exp(m*log(abs(g)))", "g = -1, m = 1"),
    no("drop(g, 0.5) - drop(g, 0.5)", "0*g", "two draws"),
    no("exp(drop(g, 0.5))", "drop(exp(g), 0.5)", "dropped: 1 and 0"),
    no("drop(drop(g, 0.1), 0.1)", "drop(g, 0.19)", "equal in distribution only"),
    no("eps", "-eps", "equal in distribution only"),
    no("eps - eps", "0*0", "an infinite draw is not ruled out at this level"),
    no("m/(sqrt(v) + delta)", "m/sqrt(v + delta)", "v = 0"),
    no("sign(1e-4*w)", "sign(w)", "w = 1e-42: 0 and 1"),
    no("max(g, m)", "max(m, g)", "+0 and -0"),
    no("ema(drop(g, 0.5), 0.9) - ema(drop(g, 0.5), 0.9)", "0*g", "two draws"),
    no("(0.1 + 0.2)*g", "0.30000000000000004*g", "over the reals 0.3"),
    no("(1 + 1e-17)*g", "g", "over the reals more than 1"),
    no("g/3", "g*(1/3)", "rounding"),
    no("(1/3)*g", "0.3333333333333333*g", "over the reals a third"),
    no("(1e-200*1e-200)*g", "0*g", "over the reals 1e-400"),
    no("max(g, 1/0)", "max(g, -log(0))", "over the reals 1/0 is undefined"),
    no("sqrt(2)*g", "1.4142135623730951*g", "over the reals irrational"),
    no("(2*pi)*g", "6.283185307179586*g", "over the reals irrational"),
];

#[cfg(test)]
mod tests {
    use crate::canonical::laws::testing::differ;

    #[test]
    fn rejected_laws_are_not_used() {
        for pair in super::REJECTED {
            differ(pair.left, pair.right);
        }
    }
}
