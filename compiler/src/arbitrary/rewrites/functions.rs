//! Laws of functions, beyond sums and products: all hold at every point.
//!
//! `exp` turns sums into products, infinities included: `Inf - Inf` and `Inf*0` are both undefined. `log|x|`
//! and `sqrt|x|` do the same for products. The sign of a product needs finite factors: `0*Inf` is undefined
//! and `sign(0)*sign(Inf)` is 0.

use super::Dice;
use super::facts::may;
use super::laws::Law;
use super::terms::{Id, Term, Terms};

/// The laws with their statements.
pub(super) const LAWS: &[(&str, Law)] = &[
    ("f(-x) = -f(x) for sign and clip", minus_out_of_function),
    ("-f(x) = f(-x) for sign and clip", minus_into_function),
    ("f(-x) = f(x) for log and sqrt", even),
    ("f(x) = f(-x) for log and sqrt", into_even),
    ("exp(x + y) = exp(x)*exp(y)", exp_of_sum),
    ("exp(x)*exp(y) = exp(x + y)", product_of_exps),
    ("log(x*y) = log(x) + log(y)", log_of_product),
    ("log(x) + log(y) = log(x*y)", sum_of_logs),
    ("sqrt(x*y) = sqrt(x)*sqrt(y)", root_of_product),
    ("sqrt(x)*sqrt(y) = sqrt(x*y)", product_of_roots),
    ("sign(x*y) = sign(x)*sign(y)", sign_of_product),
    ("sign(x)*sign(y) = sign(x*y)", product_of_signs),
    ("x = log(exp(x))", log_of_exp),
    ("exp(log(x)) = x*sign(x)", exp_of_log),
    ("x*x = x^2", square),
    ("the words for powers and signs of g and m, adam, rmsprop", spelled_out),
    ("x = 1*x", times_one),
    ("x = x + (y - y)", plus_nothing),
    ("f(drop(x)) = drop(f(x)) where f(0) = 0", through_drop),
];

/// Functions that are 0 at 0 and odd.
fn is_odd(token: &str) -> bool {
    token == "sign" || token.starts_with("clip")
}

fn minus_out_of_function(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Term::Unary(f, x) = terms.nodes[at] else { return false };
    let Some(x) = terms.as_unary(x, "neg").filter(|_| is_odd(f)) else { return false };
    let inner = terms.unary(f, x);
    terms.nodes[at] = Term::Unary("neg", inner);
    true
}

fn minus_into_function(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some(inner) = terms.as_unary(at, "neg") else { return false };
    let Term::Unary(f, x) = terms.nodes[inner] else { return false };
    if !is_odd(f) {
        return false;
    }
    let minus = terms.unary("neg", x);
    terms.nodes[at] = Term::Unary(f, minus);
    true
}

fn even(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Term::Unary(f @ ("log" | "sqrt"), x) = terms.nodes[at] else { return false };
    let Some(x) = terms.as_unary(x, "neg") else { return false };
    terms.nodes[at] = Term::Unary(f, x);
    true
}

fn into_even(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Term::Unary(f @ ("log" | "sqrt"), x) = terms.nodes[at] else { return false };
    let minus = terms.unary("neg", x);
    terms.nodes[at] = Term::Unary(f, minus);
    true
}

/// `f(x . y) = f(x) : f(y)`
fn apart(terms: &mut Terms, at: Id, f: &'static str, of: &'static str, to: &'static str) -> bool {
    let Some(inner) = terms.as_unary(at, f) else { return false };
    let Some((x, y)) = terms.as_binary(inner, of) else { return false };
    let (x, y) = (terms.unary(f, x), terms.unary(f, y));
    terms.nodes[at] = Term::Binary(to, x, y);
    true
}

/// `f(x) : f(y) = f(x . y)`
fn together(
    terms: &mut Terms,
    at: Id,
    f: &'static str,
    to: &'static str,
    of: &'static str,
) -> bool {
    let Some((x, y)) = terms.as_binary(at, of) else { return false };
    let (Some(x), Some(y)) = (terms.as_unary(x, f), terms.as_unary(y, f)) else { return false };
    let inner = terms.binary(to, x, y);
    terms.nodes[at] = Term::Unary(f, inner);
    true
}

fn exp_of_sum(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    apart(terms, at, "exp", "add", "mul")
}

fn product_of_exps(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    together(terms, at, "exp", "add", "mul")
}

fn log_of_product(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    apart(terms, at, "log", "mul", "add")
}

fn sum_of_logs(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    together(terms, at, "log", "mul", "add")
}

fn root_of_product(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    apart(terms, at, "sqrt", "mul", "mul")
}

fn product_of_roots(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    together(terms, at, "sqrt", "mul", "mul")
}

fn sign_of_product(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some(product) = terms.as_unary(at, "sign") else { return false };
    !may(terms, product).be_infinite && apart(terms, at, "sign", "mul", "mul")
}

fn product_of_signs(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some((x, y)) = terms.as_binary(at, "mul") else { return false };
    let finite = |id: Id| terms.as_unary(id, "sign").is_some_and(|x| !may(terms, x).be_infinite);
    finite(x) && finite(y) && together(terms, at, "sign", "mul", "mul")
}

fn log_of_exp(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let x = terms.copy(at);
    let exp = terms.unary("exp", x);
    terms.nodes[at] = Term::Unary("log", exp);
    true
}

fn exp_of_log(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Some(log) = terms.as_unary(at, "exp") else { return false };
    let Some(x) = terms.as_unary(log, "log") else { return false };
    let sign = terms.unary("sign", x);
    terms.nodes[at] = Term::Binary("mul", x, sign);
    true
}

/// `x*x = x^2`, either way.
fn square(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    if let Some((x, y)) = terms.as_binary(at, "mul")
        && terms.same(x, y)
    {
        let two = terms.leaf("2");
        terms.nodes[at] = Term::Binary("pow", x, two);
        return true;
    }
    match terms.as_binary(at, "pow") {
        Some((x, y)) if terms.is_leaf(y, "2") => {
            terms.nodes[at] = Term::Binary("mul", x, x);
            true
        }
        _ => false,
    }
}

fn spelled_out(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Term::Leaf(token) = &terms.nodes[at] else { return false };
    let token = token.clone();
    let spelled = match token.as_str() {
        "sign_g" | "sign_m" => {
            let x = terms.leaf(token.trim_start_matches("sign_"));
            Term::Unary("sign", x)
        }
        "g2" | "g3" => {
            let (g, rest) = (terms.leaf("g"), if token == "g2" { "g" } else { "g2" });
            let rest = terms.leaf(rest);
            Term::Binary("mul", g, rest)
        }
        "adam" | "rmsprop" => {
            let (x, v) = (terms.leaf(if token == "adam" { "m" } else { "g" }), terms.leaf("v"));
            let root = terms.unary("sqrt", v);
            Term::Binary("div", x, root)
        }
        "cd" => Term::Leaf("cd_0.5".to_owned()),
        _ => return false,
    };
    terms.nodes[at] = spelled;
    true
}

fn times_one(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let (x, one) = (terms.copy(at), terms.leaf("1"));
    terms.nodes[at] = match dice.below(3) {
        0 => Term::Binary("mul", x, one),
        1 => Term::Binary("mul", one, x),
        _ => Term::Binary("pow", x, one),
    };
    true
}

fn plus_nothing(terms: &mut Terms, at: Id, dice: &mut Dice) -> bool {
    let x = terms.copy(at);
    let token = dice.choose(&["g", "m", "v", "1", "adam", "eps", "w1e-2"]);
    let (y, also_y) = (terms.leaf(token), terms.leaf(token));
    let nothing = terms.binary("sub", y, also_y);
    terms.nodes[at] = Term::Binary("add", x, nothing);
    true
}

/// The drop stays the node that it was, so that it is one site still.
fn through_drop(terms: &mut Terms, at: Id, _: &mut Dice) -> bool {
    let Term::Unary(f, dropped) = terms.nodes[at] else { return false };
    let Term::Drop(p, x) = terms.nodes[dropped] else { return false };
    let keeps_zero = is_odd(f) || f == "neg" || f == "sqrt" || f == "id";
    if !keeps_zero || terms.uses()[dropped] != 1 {
        return false;
    }
    let inner = terms.unary(f, x);
    terms.nodes[at] = Term::Drop(p, inner);
    true
}
