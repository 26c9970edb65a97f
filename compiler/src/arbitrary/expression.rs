//! Formulas: of elements, of step scalars, and of constants.

use arbitrary::{Result, Unstructured};

/// What a formula may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything.
    Element,
    /// What is one number for all elements.
    Scalar,
    /// A scalar, and draws, of which a schedule takes one a step.
    Schedule,
    /// A scalar without states, for a starting value.
    Start,
}

/// A name that has been declared and may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Parameter,
    /// `let` of this kind.
    Let(Kind),
    /// `let` bound to an `ema(...)`.
    Average,
    /// State; whether it is a step scalar, and whether its statement is over.
    State {
        scalar: bool,
        ready: bool,
    },
}

/// Writes formulas in a scope.
pub(super) struct Writer<'u, 'a> {
    pub(super) u: &'u mut Unstructured<'a>,
    pub(super) names: Vec<(String, Known)>,
    /// Names that the block declares, which therefore are not operands.
    pub(super) hidden: Vec<String>,
}

const LITERALS: &[&str] = &[
    "1", "2", "0.5", "0", "3", "4", ".25", "0.1", "1e-3", "1e-5", "10", "1_000", "7", "1e-8",
    "1e30", "1e-30", "1e-40", "1e-45", "3e38", "0.999", "1.5",
];

impl<'u, 'a> Writer<'u, 'a> {
    pub(super) fn new(u: &'u mut Unstructured<'a>) -> Writer<'u, 'a> {
        Writer { u, names: Vec::new(), hidden: Vec::new() }
    }

    /// A formula that may vary from element to element.
    pub(super) fn element(&mut self, budget: usize) -> Result<String> {
        self.formula(Kind::Element, budget)
    }

    /// A formula of about `budget` leaves.
    pub(super) fn formula(&mut self, kind: Kind, budget: usize) -> Result<String> {
        if budget <= 1 {
            return self.leaf(kind);
        }
        let rest = budget - 1;
        match self.u.int_in_range(0..=15)? {
            5 => {
                let inner = self.atom(kind, rest)?;
                let minus = *self.u.choose(&["-", "-", "--", "- ", "\u{2212}"])?;
                Ok(format!("{minus}{inner}"))
            }
            6..=8 => {
                let inner = self.formula(kind, rest)?;
                let functions =
                    &["sign", "exp", "log", "sqrt", "abs", "sigmoid", "tanh", "sign", "abs"];
                Ok(format!("{}({inner})", self.u.choose(functions)?))
            }
            9 => self.power(kind, budget),
            10 => {
                let (a, b) = self.two(kind, budget)?;
                Ok(format!("{}({a}, {b})", self.u.choose(&["min", "max"])?))
            }
            11 => self.clip(kind, rest),
            12 => self.choice(kind, budget),
            13 => self.chain(kind, rest),
            14 if matches!(kind, Kind::Element | Kind::Schedule) => {
                let inner = self.formula(kind, rest)?;
                Ok(format!("drop({inner}, {})", self.probability()?))
            }
            14 | 15 if kind == Kind::Element => self.average(rest),
            _ => self.operator(kind, budget),
        }
    }

    /// A formula that needs no brackets anywhere.
    fn atom(&mut self, kind: Kind, budget: usize) -> Result<String> {
        if budget <= 1 {
            return self.leaf(kind);
        }
        Ok(format!("({})", self.formula(kind, budget)?))
    }

    fn two(&mut self, kind: Kind, budget: usize) -> Result<(String, String)> {
        let budget = budget.saturating_sub(1).max(2);
        let left = self.u.int_in_range(1..=budget - 1)?;
        Ok((self.formula(kind, left)?, self.formula(kind, budget - left)?))
    }

    fn operator(&mut self, kind: Kind, budget: usize) -> Result<String> {
        let budget = budget.saturating_sub(1).max(2);
        let left = self.u.int_in_range(1..=budget - 1)?;
        let (a, b) = (self.atom(kind, left)?, self.atom(kind, budget - left)?);
        let operators = &["*", "+", "-", "/", "*", "+", "\u{b7}", "\u{d7}", "\u{2212}"];
        let operator = *self.u.choose(operators)?;
        let space = *self.u.choose(&[" ", "", "\t", " "])?;
        Ok(format!("{a}{space}{operator}{space}{b}"))
    }

    fn power(&mut self, kind: Kind, budget: usize) -> Result<String> {
        if self.u.ratio(2, 3)? {
            let base = self.atom(kind, budget - 1)?;
            let exponents = &[
                "2", "3", "4", "0", "1", "-1", "-2", "-3", "5", "2.0", "(1+1)", "0.5", "(1 - 1)",
                "-5",
            ];
            return Ok(format!("{base}^{}", self.u.choose(exponents)?));
        }
        let left = self.u.int_in_range(1..=budget - 1)?;
        let (a, b) = (self.atom(kind, left)?, self.atom(kind, budget - left)?);
        let minus = *self.u.choose(&["", "-"])?;
        Ok(format!("{a}^{minus}{b}"))
    }

    fn clip(&mut self, kind: Kind, budget: usize) -> Result<String> {
        match self.u.int_in_range(0..=4)? {
            0..=2 => {
                let inner = self.formula(kind, budget)?;
                let bound = self.u.choose(&[
                    "0.1",
                    "1",
                    "1e-5",
                    "1e-3",
                    "0.01",
                    "2",
                    "(1e-30*1e-30)",
                    "0",
                ])?;
                Ok(format!("clip({inner}, {bound})"))
            }
            3 => {
                let (inner, bound) = self.two(kind, budget)?;
                Ok(format!("clip({inner}, {bound})"))
            }
            _ => {
                let (inner, low) = self.two(kind, budget)?;
                let high = self.leaf(kind)?;
                Ok(format!("clip({inner}, {low}, {high})"))
            }
        }
    }

    fn choice(&mut self, kind: Kind, budget: usize) -> Result<String> {
        let half = (budget / 2).max(1);
        let (a, b) = (self.formula(kind, half.min(3))?, self.leaf(kind)?);
        let (x, y) = (self.formula(kind, half)?, self.formula(kind, half)?);
        let y = if self.u.ratio(1, 8)? && !x.contains("drop") { x.clone() } else { y };
        let comparison = self.u.choose(&["<", "<=", ">", ">=", "==", "!="])?;
        Ok(format!("where({a} {comparison} {b}, {x}, {y})"))
    }

    /// Many operands in a row.
    fn chain(&mut self, kind: Kind, budget: usize) -> Result<String> {
        let terms = self.u.int_in_range(2..=budget.clamp(2, 12))?;
        let operators: &[&str] =
            if self.u.ratio(1, 2)? { &[" * "] } else { &[" + ", " - ", " + "] };
        let mut out = String::new();
        for term in 0..terms {
            if term > 0 {
                out += *self.u.choose(operators)?;
            }
            let leaf = self.leaf(kind)?;
            out += &match self.u.int_in_range(0..=3)? {
                0 => format!("sign({leaf})"),
                1 => format!("abs({leaf})"),
                _ => leaf,
            };
        }
        Ok(out)
    }

    fn average(&mut self, budget: usize) -> Result<String> {
        let average = self.plain_average(budget)?;
        Ok(if self.u.ratio(1, 2)? { average } else { format!("debias({average})") })
    }

    /// `ema(...)`, or the name of a `let` bound to one.
    pub(super) fn plain_average(&mut self, budget: usize) -> Result<String> {
        let known: Vec<&String> =
            self.names.iter().filter(|(_, k)| *k == Known::Average).map(|(name, _)| name).collect();
        if !known.is_empty() && self.u.ratio(1, 2)? {
            return Ok((*self.u.choose(&known)?).clone());
        }
        let inner = self.formula(Kind::Element, budget)?;
        Ok(format!("ema({inner}, {})", self.decay()?))
    }

    /// The decay of an average, between 0 and 1 for usual parameters.
    fn decay(&mut self) -> Result<String> {
        let choices =
            &["0.9", "beta1", "beta2", "beta3", "0", "0.5", "1 - 1/(t + 2)", "0.99", "sigmoid(t)"];
        let decay = *self.u.choose(choices)?;
        let hidden = |name: &str| self.hidden.iter().any(|h| h == name);
        let name = if decay.contains('t') { "t" } else { decay };
        Ok(if hidden(name) || hidden(decay) { "0.8" } else { decay }.to_owned())
    }

    fn probability(&mut self) -> Result<&'static str> {
        Ok(*self.u.choose(&["0.5", "0.1", "0.3", "1/4", "0", "1", "1 - 0.5"])?)
    }

    /// An operand, number or declared name.
    pub(super) fn leaf(&mut self, kind: Kind) -> Result<String> {
        if !self.names.is_empty()
            && self.u.ratio(1, 2)?
            && let Some(name) = self.declared(kind)?
        {
            return Ok(name);
        }
        let scalar = self.u.int_in_range(0..=9)?;
        if scalar >= 8 {
            return Ok((*self.u.choose(LITERALS)?).to_owned());
        }
        let elements = &[
            "g",
            "m",
            "w",
            "v",
            "gamma",
            "adam",
            "rmsprop",
            "eps",
            "eps_t",
            "m_hat",
            "m\u{302}",
            "v\u{302}",
            "\u{3b3}",
            "\u{3b5}",
            "\u{3f5}_t",
            "v_hat",
        ];
        let scalars = &[
            "t", "T", "ld", "lr", "cd", "cd(1)", "rd(2)", "e", "pi", "beta1", "delta", "\u{3b2}2",
            "\u{3b4}", "\u{3c0}", "rd(1/2)", "cd(1.5)",
        ];
        let name = match kind {
            Kind::Element if scalar < 6 => *self.u.choose(elements)?,
            Kind::Schedule if scalar == 0 => *self.u.choose(&["eps", "eps_t"])?,
            _ => *self.u.choose(scalars)?,
        };
        let plain = crate::lexer::plain_name(name);
        Ok(if self.hidden.iter().any(|hidden| hidden == plain) { "0.75" } else { name }.to_owned())
    }

    /// A declared name that may stand here.
    fn declared(&mut self, kind: Kind) -> Result<Option<String>> {
        let fits = |known: Known| match known {
            Known::Parameter => true,
            Known::Let(of) => {
                kind == Kind::Element
                    || of == kind
                    || matches!((of, kind), (Kind::Start, _))
                    || (of, kind) == (Kind::Scalar, Kind::Schedule)
            }
            Known::Average => kind == Kind::Element,
            Known::State { scalar, .. } => kind != Kind::Start && (scalar || kind == Kind::Element),
        };
        let usable: Vec<&(String, Known)> = self.names.iter().filter(|(_, k)| fits(*k)).collect();
        if usable.is_empty() {
            return Ok(None);
        }
        let (name, known) = *self.u.choose(&usable)?;
        let before = match known {
            Known::State { ready, .. } => !ready || self.u.ratio(1, 3)?,
            _ => false,
        };
        Ok(Some(if before { format!("prev({name})") } else { name.clone() }))
    }
}
