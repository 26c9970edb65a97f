//! The laws of rules for an equality saturation engine, `egg`: a second opinion on what is equal.
//!
//! ```text
//! tokens ─► term ─► e-graph, laws to saturation or a limit ─► classes of equal terms ─► formulas
//! ```
//!
//! Each law holds at every point over the extended reals, "undefined" being a value. Those that need a ground get
//! it from [`Facts`]. The compiler's canonical form must give one key to all that is proven equal here.

use std::time::Duration;

use egg::{
    Analysis, DidMerge, EGraph, FromOp, Id, Language, Pattern, RecExpr, Rewrite, Runner, Subst,
    Symbol, Var, define_language, rewrite,
};

define_language! {
    /// Functions of the paper's space by their tokens. `log`, `sqrt` and `div` are the tokens': `log|x|`,
    /// `sqrt|x|`, `x/(y + delta)`. A clip has its bound in its token; a drop is of a site and of what it drops.
    #[expect(missing_docs, reason = "the tokens stand beside the variants")]
    pub enum Term {
        "add" = Add([Id; 2]),
        "sub" = Sub([Id; 2]),
        "mul" = Mul([Id; 2]),
        "div" = Div([Id; 2]),
        "pow" = Pow([Id; 2]),
        "neg" = Neg(Id),
        "exp" = Exp(Id),
        "log" = Log(Id),
        "sqrt" = Sqrt(Id),
        "sign" = Sign(Id),
        "clip1e-5" = ClipSmall(Id),
        "clip1e-4" = Clip(Id),
        "clip1e-3" = ClipLarge(Id),
        "drop" = Drop([Id; 2]),
        Leaf(Symbol),
    }
}

/// What is known of a class, where it is not undefined.
#[expect(clippy::struct_excessive_bools, reason = "each is known or not, apart from the others")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Not infinite.
    finite: bool,
    /// Not infinite, and nowhere undefined.
    safe: bool,
    nonzero: bool,
    nonnegative: bool,
}

impl Facts {
    /// What both know. Equal terms have all the facts of either.
    fn united(self, other: Facts) -> Facts {
        Facts {
            finite: self.finite || other.finite,
            safe: self.safe || other.safe,
            nonzero: self.nonzero || other.nonzero,
            nonnegative: self.nonnegative || other.nonnegative,
        }
    }
}

/// Finds the facts of each class.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ranges;

/// An e-graph of rules.
pub type Graph = EGraph<Term, Ranges>;

impl Analysis<Term> for Ranges {
    type Data = Facts;

    fn make(graph: &mut Graph, term: &Term, _: Id) -> Facts {
        facts(graph, term)
    }

    fn merge(&mut self, to: &mut Facts, from: Facts) -> DidMerge {
        let united = to.united(from);
        let changed = DidMerge(united != *to, united != from);
        *to = united;
        changed
    }
}

fn facts(graph: &Graph, term: &Term) -> Facts {
    let of = |id: &Id| graph[*id].data;
    let both = |[x, y]: &[Id; 2]| {
        let (x, y) = (of(x), of(y));
        Facts {
            finite: x.finite && y.finite,
            safe: x.safe && y.safe,
            nonzero: x.nonzero && y.nonzero,
            nonnegative: x.nonnegative && y.nonnegative,
        }
    };
    match term {
        Term::Leaf(token) => leaf(token.as_str()),
        Term::Neg(x) => Facts { nonnegative: false, ..of(x) },
        Term::Exp(x) => Facts { nonzero: of(x).finite, nonnegative: true, ..of(x) },
        Term::Log(x) => {
            let x = of(x);
            let (finite, safe) = (x.finite && x.nonzero, x.safe && x.nonzero);
            Facts { finite, safe, nonzero: false, nonnegative: false }
        }
        Term::Sqrt(x) => Facts { nonnegative: true, ..of(x) },
        Term::Sign(x) | Term::ClipSmall(x) | Term::Clip(x) | Term::ClipLarge(x) => {
            Facts { finite: true, ..of(x) }
        }
        Term::Drop([_, x]) => Facts { nonzero: false, ..of(x) },
        Term::Add(operands) => {
            let [x, y] = [of(&operands[0]), of(&operands[1])];
            let facts = both(operands);
            Facts { nonzero: facts.nonnegative && (x.nonzero || y.nonzero), ..facts }
        }
        Term::Sub(operands) => Facts { nonzero: false, nonnegative: false, ..both(operands) },
        Term::Mul(operands) => {
            let facts = both(operands);
            let is_square = graph.find(operands[0]) == graph.find(operands[1]);
            Facts { nonnegative: facts.nonnegative || is_square, ..facts }
        }
        Term::Div(operands) => {
            let [x, y] = [of(&operands[0]), of(&operands[1])];
            Facts {
                finite: x.finite,
                safe: x.safe && y.safe && y.nonnegative,
                nonzero: x.nonzero && y.finite,
                nonnegative: x.nonnegative && y.nonnegative,
            }
        }
        Term::Pow(operands) => {
            let (x, facts) = (of(&operands[0]), both(operands));
            let is_positive = x.nonzero && x.nonnegative;
            let finite = facts.finite && is_positive;
            let safe = facts.safe && is_positive;
            Facts { finite, safe, nonzero: finite, nonnegative: x.nonnegative }
        }
    }
}

fn leaf(token: &str) -> Facts {
    let is_decay = ["ld", "cd", "rd_"].iter().any(|decay| token.starts_with(decay));
    Facts {
        finite: true,
        safe: true,
        nonzero: matches!(token, "1" | "2"),
        nonnegative: is_decay || matches!(token, "0" | "1" | "2" | "v" | "g2"),
    }
}

/// A ground: that a variable of the pattern has a fact.
fn has(variable: &str, fact: fn(Facts) -> bool) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    let variable: Var = variable.parse().unwrap();
    move |graph, _, subst| fact(graph[subst[variable]].data)
}

fn finite(variable: &str) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    has(variable, |facts| facts.finite)
}

fn safe(variable: &str) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    has(variable, |facts| facts.safe)
}

fn nonnegative(variable: &str) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    has(variable, |facts| facts.nonnegative)
}

type Law = Rewrite<Term, Ranges>;

/// All laws.
pub fn laws() -> Vec<Law> {
    [sums(), products(), functions(), signs(), drops(), words(), constants()].concat()
}

fn sums() -> Vec<Law> {
    vec![
        rewrite!("x+y"; "(add ?x ?y)" => "(add ?y ?x)"),
        rewrite!("(x+y)+z"; "(add (add ?x ?y) ?z)" => "(add ?x (add ?y ?z))"),
        rewrite!("x-y"; "(sub ?x ?y)" => "(add ?x (neg ?y))"),
        rewrite!("x+-y"; "(add ?x (neg ?y))" => "(sub ?x ?y)"),
        rewrite!("--x"; "(neg (neg ?x))" => "?x"),
        rewrite!("-(x+y)"; "(neg (add ?x ?y))" => "(add (neg ?x) (neg ?y))"),
        rewrite!("-x+-y"; "(add (neg ?x) (neg ?y))" => "(neg (add ?x ?y))"),
        rewrite!("x+x"; "(add ?x ?x)" => "(mul 2 ?x)"),
        rewrite!("2*x"; "(mul 2 ?x)" => "(add ?x ?x)"),
        rewrite!("x+0"; "(add ?x 0)" => "?x"),
        rewrite!("x-x"; "(add ?x (neg ?x))" => "0" if safe("?x")),
    ]
}

fn products() -> Vec<Law> {
    vec![
        rewrite!("x*y"; "(mul ?x ?y)" => "(mul ?y ?x)"),
        rewrite!("(x*y)*z"; "(mul (mul ?x ?y) ?z)" => "(mul ?x (mul ?y ?z))"),
        rewrite!("x*1"; "(mul ?x 1)" => "?x"),
        rewrite!("x*0"; "(mul ?x 0)" => "0" if safe("?x")),
        rewrite!("-x*y"; "(mul (neg ?x) ?y)" => "(neg (mul ?x ?y))"),
        rewrite!("-(x*y)"; "(neg (mul ?x ?y))" => "(mul (neg ?x) ?y)"),
        rewrite!("x*(y+z)"; "(mul ?x (add ?y ?z))" => "(add (mul ?x ?y) (mul ?x ?z))"
            if finite("?x")),
        rewrite!("x*y+x*z"; "(add (mul ?x ?y) (mul ?x ?z))" => "(mul ?x (add ?y ?z))"
            if finite("?x")),
        rewrite!("x*(y/z)"; "(mul ?x (div ?y ?z))" => "(div (mul ?x ?y) ?z)"),
        rewrite!("(x*y)/z"; "(div (mul ?x ?y) ?z)" => "(mul ?x (div ?y ?z))"),
        rewrite!("(x+y)/z"; "(div (add ?x ?y) ?z)" => "(add (div ?x ?z) (div ?y ?z))"),
        rewrite!("x/z+y/z"; "(add (div ?x ?z) (div ?y ?z))" => "(div (add ?x ?y) ?z)"),
        rewrite!("-x/y"; "(div (neg ?x) ?y)" => "(neg (div ?x ?y))"),
        rewrite!("-(x/y)"; "(neg (div ?x ?y))" => "(div (neg ?x) ?y)"),
        rewrite!("0/y"; "(div 0 ?y)" => "0" if both(safe("?y"), nonnegative("?y"))),
        rewrite!("x^1"; "(pow ?x 1)" => "?x"),
        rewrite!("x^2"; "(pow ?x 2)" => "(mul ?x ?x)"),
        rewrite!("x*x"; "(mul ?x ?x)" => "(pow ?x 2)"),
        rewrite!("x^0"; "(pow ?x 0)" => "1"),
        rewrite!("1^x"; "(pow 1 ?x)" => "1"),
    ]
}

/// Both grounds.
fn both(
    one: impl Fn(&mut Graph, Id, &Subst) -> bool,
    other: impl Fn(&mut Graph, Id, &Subst) -> bool,
) -> impl Fn(&mut Graph, Id, &Subst) -> bool {
    move |graph, id, subst| one(graph, id, subst) && other(graph, id, subst)
}

fn functions() -> Vec<Law> {
    let mut laws = vec![
        rewrite!("exp(x+y)"; "(exp (add ?x ?y))" => "(mul (exp ?x) (exp ?y))"),
        rewrite!("exp*exp"; "(mul (exp ?x) (exp ?y))" => "(exp (add ?x ?y))"),
        rewrite!("log(x*y)"; "(log (mul ?x ?y))" => "(add (log ?x) (log ?y))"),
        rewrite!("log+log"; "(add (log ?x) (log ?y))" => "(log (mul ?x ?y))"),
        rewrite!("sqrt(x*y)"; "(sqrt (mul ?x ?y))" => "(mul (sqrt ?x) (sqrt ?y))"),
        rewrite!("sqrt*sqrt"; "(mul (sqrt ?x) (sqrt ?y))" => "(sqrt (mul ?x ?y))"),
        rewrite!("log(-x)"; "(log (neg ?x))" => "(log ?x)"),
        rewrite!("sqrt(-x)"; "(sqrt (neg ?x))" => "(sqrt ?x)"),
        rewrite!("log(exp(x))"; "(log (exp ?x))" => "?x"),
        rewrite!("exp(log(x))"; "(exp (log ?x))" => "(mul ?x (sign ?x))"),
        rewrite!("|x| as sqrt"; "(mul (sqrt ?x) (sqrt ?x))" => "(mul ?x (sign ?x))"),
        rewrite!("sqrt(x*x)"; "(sqrt (mul ?x ?x))" => "(mul ?x (sign ?x))"),
    ];
    let clips = ["clip1e-5", "clip1e-4", "clip1e-3"];
    for (i, f) in clips.into_iter().enumerate() {
        laws.extend(odd(f));
        laws.push(law(&format!("sign({f})"), &format!("(sign ({f} ?x))"), "(sign ?x)"));
        for (j, h) in clips.into_iter().enumerate() {
            let least = clips[i.min(j)];
            laws.push(law(
                &format!("{f}({h})"),
                &format!("({f} ({h} ?x))"),
                &format!("({least} ?x)"),
            ));
        }
    }
    laws.extend(odd("sign"));
    laws
}

fn law(name: &str, from: &str, to: &str) -> Law {
    let [from, to]: [Pattern<Term>; 2] = [from, to].map(|text| text.parse().unwrap());
    Rewrite::new(name, from, to).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `f(-x) = -f(x)`, both ways.
fn odd(f: &str) -> [Law; 2] {
    let (inside, outside) = (format!("({f} (neg ?x))"), format!("(neg ({f} ?x))"));
    [law(&format!("{f}(-x)"), &inside, &outside), law(&format!("-{f}(x)"), &outside, &inside)]
}

fn signs() -> Vec<Law> {
    vec![
        rewrite!("sign(sign(x))"; "(sign (sign ?x))" => "(sign ?x)"),
        rewrite!("sign(x*y)"; "(sign (mul ?x ?y))" => "(mul (sign ?x) (sign ?y))"
            if both(finite("?x"), finite("?y"))),
        rewrite!("sign*sign"; "(mul (sign ?x) (sign ?y))" => "(sign (mul ?x ?y))"
            if both(finite("?x"), finite("?y"))),
        rewrite!("sign*sign*x"; "(mul (sign ?x) (mul (sign ?x) ?x))" => "?x"),
        rewrite!("sign^3"; "(mul (sign ?x) (mul (sign ?x) (sign ?x)))" => "(sign ?x)"),
        rewrite!("sqrt(sign)"; "(sqrt (sign ?x))" => "(mul (sign ?x) (sign ?x))"),
        rewrite!("sign(sqrt)"; "(sign (sqrt ?x))" => "(mul (sign ?x) (sign ?x))"),
        rewrite!("sign(exp)"; "(sign (exp ?x))" => "1" if both(finite("?x"), safe("?x"))),
        rewrite!("|x|"; "(mul ?x (sign ?x))" => "?x" if nonnegative("?x")),
    ]
}

/// A drop and what it drops: the first operand is the site.
fn drops() -> Vec<Law> {
    vec![
        rewrite!("drop(-x)"; "(drop ?s (neg ?x))" => "(neg (drop ?s ?x))"),
        rewrite!("-drop(x)"; "(neg (drop ?s ?x))" => "(drop ?s (neg ?x))"),
        rewrite!("drop(sign)"; "(drop ?s (sign ?x))" => "(sign (drop ?s ?x))"),
        rewrite!("sign(drop)"; "(sign (drop ?s ?x))" => "(drop ?s (sign ?x))"),
        rewrite!("drop(sqrt)"; "(drop ?s (sqrt ?x))" => "(sqrt (drop ?s ?x))"),
        rewrite!("sqrt(drop)"; "(sqrt (drop ?s ?x))" => "(drop ?s (sqrt ?x))"),
        rewrite!("drop+drop"; "(add (drop ?s ?x) (drop ?s ?y))" => "(drop ?s (add ?x ?y))"),
        rewrite!("drop*drop"; "(mul (drop ?s ?x) (drop ?s ?y))" => "(drop ?s (mul ?x ?y))"),
        rewrite!("drop*x"; "(mul (drop ?s ?x) ?y)" => "(drop ?s (mul ?x ?y))" if safe("?y")),
        rewrite!("drop(drop)"; "(drop ?s (drop ?s ?x))" => "(drop ?s ?x)"),
    ]
}

/// What tokens stand for.
fn words() -> Vec<Law> {
    [
        ("g2", "(mul g g)"),
        ("g3", "(mul g g2)"),
        ("sign_g", "(sign g)"),
        ("sign_m", "(sign m)"),
        ("adam", "(div m (sqrt v))"),
        ("rmsprop", "(div g (sqrt v))"),
        ("cd", "cd_0.5"),
    ]
    .into_iter()
    .flat_map(|(word, meaning)| {
        [law(word, word, meaning), law(&format!("{word} back"), meaning, word)]
    })
    .collect()
}

fn constants() -> Vec<Law> {
    [
        ("(add 1 1)", "2"),
        ("(log 1)", "0"),
        ("(exp 0)", "1"),
        ("(sqrt 1)", "1"),
        ("(sqrt 0)", "0"),
        ("(sign 1)", "1"),
        ("(sign 2)", "1"),
        ("(sign 0)", "0"),
        ("(neg 0)", "0"),
        ("(clip1e-5 0)", "0"),
        ("(clip1e-4 0)", "0"),
        ("(clip1e-3 0)", "0"),
    ]
    .into_iter()
    .map(|(from, to)| law(from, from, to))
    .collect()
}

/// A token string as a term; drops are told apart by probability and place. `None` if it is none.
pub fn term(tokens: &str) -> Option<RecExpr<Term>> {
    let words: Vec<&str> = tokens.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
    let mut term = RecExpr::default();
    let mut bank: Vec<Id> = Vec::new();
    let mut drops = 0;
    for group in words.chunks_exact(5) {
        let mut argument = |operand: &str, unary: &str| -> Option<Id> {
            let x = match operand.strip_prefix('%') {
                Some(k) => *bank.get(k.parse::<usize>().ok()?)?,
                None => term.add(Term::Leaf(operand.into())),
            };
            Some(match unary {
                "id" => x,
                _ if unary.starts_with("drop") => {
                    drops += 1;
                    let site = term.add(Term::Leaf(format!("{unary}#{drops}").into()));
                    term.add(Term::Drop([site, x]))
                }
                _ => {
                    let node = Term::from_op(unary, vec![x]).ok()?;
                    term.add(node)
                }
            })
        };
        let x = argument(group[0], group[2])?;
        if group[4] == "left" {
            bank.push(x);
            continue;
        }
        let y = argument(group[1], group[3])?;
        let node = Term::from_op(group[4], vec![x, y]).ok()?;
        bank.push(term.add(node));
    }
    let root = *bank.last()?;
    Some(term[root].build_recexpr(|id| term[id].clone()))
}

/// A term as a formula of the language; `None` if it has a drop.
pub fn formula(term: &RecExpr<Term>) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for node in term {
        let of = |id: &Id| texts[usize::from(*id)].clone();
        let two = |[x, y]: &[Id; 2], op: &str| format!("({} {op} {})", of(x), of(y));
        texts.push(match node {
            Term::Leaf(token) => leaf_formula(token.as_str()),
            Term::Add(operands) => two(operands, "+"),
            Term::Sub(operands) => two(operands, "-"),
            Term::Mul(operands) => two(operands, "*"),
            Term::Pow(operands) => two(operands, "^"),
            Term::Div([x, y]) => format!("({} / ({} + delta))", of(x), of(y)),
            Term::Neg(x) => format!("(-{})", of(x)),
            Term::Exp(x) => format!("exp({})", of(x)),
            Term::Log(x) => format!("log(abs({}))", of(x)),
            Term::Sqrt(x) => format!("sqrt(abs({}))", of(x)),
            Term::Sign(x) => format!("sign({})", of(x)),
            Term::ClipSmall(x) => format!("clip({}, 1e-5)", of(x)),
            Term::Clip(x) => format!("clip({}, 1e-4)", of(x)),
            Term::ClipLarge(x) => format!("clip({}, 1e-3)", of(x)),
            Term::Drop(_) => return None,
        });
    }
    texts.pop()
}

fn leaf_formula(token: &str) -> String {
    match token {
        "g2" => "(g*g)".to_owned(),
        "g3" => "(g*g*g)".to_owned(),
        "sign_g" => "sign(g)".to_owned(),
        "sign_m" => "sign(m)".to_owned(),
        _ => match (token.split_once('_'), token.strip_prefix('w')) {
            (Some((decay @ ("cd" | "rd"), n)), _) => format!("{decay}({n})"),
            (_, Some(factor)) => format!("({factor}*w)"),
            _ => token.to_owned(),
        },
    }
}

/// When a saturation stops.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rounds of all laws.
    pub rounds: usize,
    /// Terms in the graph.
    pub terms: usize,
    /// Seconds, as a last resort.
    pub seconds: u64,
}

/// The graph of some terms after the laws, and the class of each.
pub fn saturate<'a>(
    terms: impl IntoIterator<Item = &'a RecExpr<Term>>,
    laws: &[Law],
    limits: Limits,
) -> (Graph, Vec<Id>) {
    let mut runner = Runner::<Term, Ranges>::new(Ranges)
        .with_iter_limit(limits.rounds)
        .with_node_limit(limits.terms)
        .with_time_limit(Duration::from_secs(limits.seconds));
    for term in terms {
        runner = runner.with_expr(term);
    }
    let runner = runner.run(laws);
    let classes = runner.roots.iter().map(|root| runner.egraph.find(*root)).collect();
    (runner.egraph, classes)
}
