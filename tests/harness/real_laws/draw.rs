//! Laws of draws. A draw that is given a name is one, however often it is used; two that are written are two.

use super::Class::{Finite, Positive};
use super::{Law, law};

pub(super) const LAWS: &[Law] = &[
    law("drop_moves_out", "sqrt(abs(drop(x, 0.3)))", "drop(sqrt(abs(x)), 0.3)")
        .because("a function that is 0 at 0")
        .not("exp(drop(g, 0.3))", "drop(exp(g), 0.3)", "dropped: 1 and 0"),
    law("drop_of_sign", "sign(drop(x, 0.3))", "drop(sign(x), 0.3)")
        .because("a function that is 0 at 0")
        .not("log(abs(drop(g, 0.3)))", "drop(log(abs(g)), 0.3)", "dropped: -Inf and 0"),
    law("drop_of_clip", "clip(drop(x, 0.3), 0.1)", "drop(clip(x, 0.1), 0.3)")
        .because("a function that is 0 at 0")
        .not("drop(g, 0.1)", "drop(g, 0.3)", "two probabilities"),
    law("drop_of_neg", "-drop(x, 0.3)", "drop(-x, 0.3)").because("0 has no sign").not(
        "-drop(g, 0.3)",
        "drop(g, 0.3)",
        "kept",
    ),
    law("drop_of_product", "drop(x, 0.3)*y", "drop(x*y, 0.3)")
        .y(Finite)
        .because("dropped, a number times 0")
        .not(
            "drop(g, 0.3)*log(abs(m))",
            "drop(g*log(abs(m)), 0.3)",
            "m = 0, dropped: undefined and 0",
        ),
    law("drop_of_quotient", "drop(x, 0.3)/y", "drop(x/y, 0.3)")
        .y(Positive)
        .because("dropped, 0 over what is not 0")
        .not(
            "drop(g, 0.3)/(m + delta)",
            "drop(g/(m + delta), 0.3)",
            "m = -1e-8, dropped: undefined and 0",
        ),
    law("drop_squared", "let d = drop(x, 0.5); d*d", "drop(x*x, 0.5)")
        .because("one draw, and 0*0 is 0")
        .not("drop(g, 0.3)*drop(g, 0.3)", "drop(g*g, 0.3)", "two draws and one"),
    law("drop_of_sum", "let d = drop(1, 0.5); d*x + d*y", "drop(x + y, 0.5)")
        .x(Finite)
        .y(Finite)
        .because("one draw")
        .not("drop(g, 0.5) + drop(m, 0.5)", "drop(g + m, 0.5)", "two draws and one"),
    law("drop_order", "drop(drop(x, 0.1), 0.5)", "drop(drop(x, 0.5), 0.1)")
        .because("kept if both keep it")
        .not("drop(drop(g, 0.1), 0.3)", "drop(g, 0.37)", "two draws and one"),
    law("drop_cancels", "let d = drop(x, 0.5); d - d", "0").x(Finite).because("one draw").not(
        "drop(g, 0.5) - drop(g, 0.5)",
        "0",
        "one kept, one dropped",
    ),
    law("drop_again", "let d = drop(1, 0.5); d*(d*x)", "let d = drop(1, 0.5); d*x")
        .x(Finite)
        .because("1 and 0 are their own squares")
        .not("drop(drop(g, 0.5), 0.5)", "drop(g, 0.5)", "two draws and one"),
    law("drop_never", "drop(x, 0)", "x").because("always kept").not(
        "drop(g, 0.1)",
        "g",
        "dropped: 0 and g",
    ),
    law("drop_always", "drop(x, 1)", "0").because("never kept, an undefined x neither").not(
        "drop(g, 0.5)",
        "0",
        "kept",
    ),
    law("drop_of_zero", "drop(0*x, 0.5)", "0")
        .x(Finite)
        .because("0 either way: a draw that decides nothing")
        .not("drop(0*log(abs(g)), 0.5)", "0", "g = 0, kept: undefined and 0"),
    law("drop_by_cases", "exp(drop(x, 0.5))", "1 + drop(exp(x) - 1, 0.5)")
        .because("exp(0) is 1")
        .not("exp(drop(g, 0.5))", "1 + drop(exp(g), 0.5)", "kept: exp(g) and more"),
    law(
        "draw_names",
        "let a = drop(x, 0.5); let b = drop(y, 0.5); a - b",
        "let b = drop(y, 0.5); let a = drop(x, 0.5); a - b",
    )
    .because("a draw has no name and no place")
    .not(
        "let a = drop(g, 0.5); let b = drop(g, 0.5); a*m + b*v + a",
        "let a = drop(g, 0.5); let b = drop(g, 0.5); a*m + b*v + b",
        "the draw that is used again",
    ),
    law("noise_is_shared", "eps*x - x*eps", "0")
        .x(Finite)
        .because("one draw of a finite number, however often it is written")
        .not("eps", "-eps", "the same distribution, other numbers"),
    law("unused_draw", "x + 0*drop(y, 0.5)", "x").y(Finite).because("0 either way").not(
        "g + 0*drop(log(abs(m)), 0.5)",
        "g",
        "m = 0, kept: undefined and g",
    ),
];
