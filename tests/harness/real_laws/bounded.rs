//! Laws of `clip`, `tanh` and `sigmoid`.

use super::Class::{Finite, Nonnegative, Sign, Size};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("clip_of_neg", "clip(-x, 0.1)", "-clip(x, 0.1)").because("clip is odd").not(
        "clip(2*g, 0.1)",
        "2*clip(g, 0.1)",
        "g = 1: 0.1 and 0.2",
    ),
    law("clip_of_clip", "clip(clip(x, 0.1), 0.01)", "clip(x, 0.01)")
        .because("the lesser bound")
        .not("clip(g + m, 0.1)", "clip(g, 0.1) + clip(m, 0.1)", "g = m = 1: 0.1 and 0.2"),
    law("clip_within", "clip(clip(x, 0.01), 0.1)", "clip(x, 0.01)")
        .because("the lesser bound")
        .not("clip(1e-4*w, 1e-3)", "1e-4*w", "w = 100: 1e-3 and 1e-2"),
    law("clip_of_multiple", "clip(2*x, 0.1)", "2*clip(x, 0.05)")
        .because("the bound is scaled with what it bounds")
        .not("clip(2*g, 0.1)", "2*clip(g, 0.1)", "g = 1: 0.1 and 0.2"),
    law("clip_of_signed", "clip(sign(y)*x, 0.1)", "sign(y)*clip(x, 0.1)")
        .x(Finite)
        .y(Finite)
        .because("clip is odd, and 0 at 0")
        .not("clip(g*m, 0.1)", "clip(g, 0.1)*clip(m, 0.1)", "g = m = 1: 0.1 and 0.01"),
    law("clip_of_sign", "clip(x, 0.1)", "0.1*x").x(Sign).because("-0.1, 0 or 0.1").not(
        "clip(g, 0.1)",
        "0.1*sign(g)",
        "g = 0.01: 0.01 and 0.1",
    ),
    law("clip_to_the_bound", "clip(exp(x), 0.1)", "0.1")
        .x(Size)
        .because("exp(x) is at least 1")
        .not("clip(exp(g), 0.1)", "0.1", "g = -3: 0.05 and 0.1"),
    law("clip_of_nonnegative", "clip(x, 0.1)", "min(x, 0.1)")
        .x(Nonnegative)
        .missed()
        .because("the lower bound is out of reach")
        .not("clip(g, 0.1)", "min(g, 0.1)", "g = -1: -0.1 and -1"),
    law("clip_as_min_max", "clip(x, 0.1)", "max(min(x, 0.1), -0.1)")
        .missed()
        .because("what clip means")
        .not("clip(g, 0.1)", "max(g, -0.1)", "g = 1: 0.1 and 1"),
    law("sign_of_clip", "sign(clip(x, 0.1))", "sign(x)").because("the bound is above 0").not(
        "clip(g, 0.1)",
        "clip(sign(g), 0.1)",
        "g = 0.01: 0.01 and 0.1",
    ),
    law("abs_of_clip", "abs(clip(x, 0.1))", "clip(abs(x), 0.1)").because("clip is odd").not(
        "abs(clip(g, 0.1))",
        "clip(g, 0.1)",
        "g = -1",
    ),
    law("tanh_of_neg", "tanh(-x)", "-tanh(x)").because("tanh is odd").not(
        "tanh(2*g)",
        "2*tanh(g)",
        "g = 1",
    ),
    law("sign_of_tanh", "sign(tanh(x))", "sign(x)").because("tanh rises through 0").not(
        "tanh(g)",
        "tanh(sign(g))",
        "g = 2",
    ),
    law("clip_of_tanh", "clip(tanh(x), 1)", "tanh(x)").because("tanh is never beyond 1").not(
        "clip(tanh(g), 0.5)",
        "tanh(g)",
        "g = 2: 0.5 and more",
    ),
    law("sigmoid_of_neg", "sigmoid(-x)", "1 - sigmoid(x)")
        .because("the two sides of one curve")
        .not("sigmoid(-g)", "-sigmoid(g)", "g = 0: 0.5 and -0.5"),
    law("sigmoid_by_exp", "sigmoid(x)", "1/(1 + exp(-x))")
        .missed()
        .because("what sigmoid means, at infinities too")
        .not("sigmoid(g)", "exp(g)/(1 + exp(g) + delta)", "g = 0: 0.5 and less"),
    law("sigmoid_as_tanh", "sigmoid(x)", "0.5 + 0.5*tanh(x/2)").missed().because("one curve").not(
        "sigmoid(g)",
        "0.5 + 0.5*tanh(g)",
        "g = 1",
    ),
    law("abs_of_sigmoid", "abs(sigmoid(x))", "sigmoid(x)").because("never below 0").not(
        "sign(sigmoid(log(abs(g))))",
        "1",
        "g = 0: 0 and 1",
    ),
];
