//! What is known of a node's value: whether it can be infinite, whether it can be zero.
//!
//! Operands are finite; infinities come from `log 0` and from powers of what may be zero. Where a value is
//! undefined nothing is asked of it. A quotient of finite values is finite or undefined.

use super::terms::{Id, Term, Terms};

/// What a value may be, unless it is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct May {
    pub(super) be_infinite: bool,
    be_zero: bool,
}

/// What a node may be.
pub(super) fn may(terms: &Terms, wanted: Id) -> May {
    let nothing = May { be_infinite: true, be_zero: true };
    let mut known = vec![nothing; terms.nodes.len()];
    for id in terms.written() {
        known[id] = of(terms, id, &known);
    }
    known[wanted]
}

fn of(terms: &Terms, id: Id, known: &[May]) -> May {
    let may = |be_infinite, be_zero| May { be_infinite, be_zero };
    match &terms.nodes[id] {
        Term::Leaf(token) => may(false, token != "1" && token != "2"),
        Term::Drop(_, x) => may(known[*x].be_infinite, true),
        Term::Unary(token, x) => {
            let x = known[*x];
            match *token {
                "id" | "neg" | "sqrt" => x,
                "exp" => may(x.be_infinite, x.be_infinite),
                "log" => may(x.be_infinite || x.be_zero, true),
                // sign, clips
                _ => may(false, x.be_zero),
            }
        }
        Term::Binary(token, x, y) => {
            let is_literal = terms.is_leaf(*y, "1") || terms.is_leaf(*y, "2");
            let (x, y) = (known[*x], known[*y]);
            let infinite = x.be_infinite || y.be_infinite;
            match *token {
                "left" => x,
                "add" | "sub" => may(infinite, true),
                "mul" => may(infinite, x.be_zero || y.be_zero),
                "div" => may(x.be_infinite, x.be_zero || y.be_infinite),
                "pow" if is_literal => x,
                // pow
                _ => may(infinite || x.be_zero, infinite || x.be_zero),
            }
        }
    }
}
