//! A rule as a function: its values at all points, under every mask of its drops.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::hidden::has_hidden_points;
use super::points::{Variable, delta};
use super::power::power;
use super::program::{Binary, Leaf, Line, Program, Unary};
use super::value::Value;

/// A rule's value at each point.
pub(super) type Column = Arc<[Value]>;

/// Rules with more drops than this are not judged: there is a column for every mask.
const MOST_SITES: usize = 6;

/// Operands under a unary function that are kept; the paper's space has some 200.
const MOST_LEAVES: usize = 2048;

/// Evaluates rules at points of its own.
///
/// ```
/// use nosc_tests::oracle::{Oracle, Program, Relation, Verdict, compare};
/// let oracle = Oracle::new(1, 400);
/// let function = |text| oracle.function(&Program::parse(text).unwrap()).unwrap();
/// let (one, other) = (function("g m id id add"), function("m g id id add"));
/// assert_eq!(compare(&one, &other, Relation::Same), Verdict::Equal);
/// ```
#[derive(Debug)]
pub struct Oracle {
    seed: u64,
    points: usize,
    leaves: RwLock<BTreeMap<(Leaf, Unary), Column>>,
}

/// A rule's columns.
#[derive(Debug, Clone)]
pub struct Function {
    /// The probability of each drop, in tenths.
    pub(super) sites: Vec<u8>,
    /// Indexed by mask: bit i is set where site i is dropped.
    pub(super) columns: Vec<Column>,
    /// Whether it may be undefined where no point is: see [`super::hidden`].
    pub(super) has_hidden_points: bool,
}

/// The columns of a line under the masks of the sites that it depends on, in the order of the masks.
pub(super) struct Known {
    sites: usize,
    columns: Vec<Column>,
}

impl Known {
    /// The column under a mask of all sites.
    fn under(&self, mask: usize) -> &Column {
        &self.columns[rank(mask, self.sites)]
    }

    /// The column where nothing is dropped.
    pub(super) fn kept(&self) -> &[Value] {
        &self.columns[0]
    }
}

/// The number of a mask among those of some sites: its bits at the sites, moved together.
fn rank(mask: usize, sites: usize) -> usize {
    let (mut rank, mut bit) = (0, 1);
    let mut rest = sites;
    while rest != 0 {
        let site = rest & rest.wrapping_neg();
        if mask & site != 0 {
            rank |= bit;
        }
        bit <<= 1;
        rest ^= site;
    }
    rank
}

/// The masks of some sites, in order.
fn masks(sites: usize) -> impl Iterator<Item = usize> {
    let next = move |mask: &usize| {
        let next = mask.wrapping_sub(sites) & sites;
        (next != 0).then_some(next)
    };
    std::iter::successors(Some(0), next)
}

impl Oracle {
    /// An oracle with so many points, a function of the seed.
    pub fn new(seed: u64, points: usize) -> Oracle {
        Oracle { seed, points, leaves: RwLock::default() }
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A rule's values at all points and under all masks. `None` if it has too many drops.
    pub fn function(&self, program: &Program) -> Option<Function> {
        if !Oracle::can_take(program) {
            return None;
        }
        let lines = self.lines(program, self.points, true);
        let has_hidden_points = has_hidden_points(program, &lines);
        let columns = lines.into_iter().next_back().map(|last| last.columns).unwrap_or_default();
        Some(Function { sites: program.sites.clone(), columns, has_hidden_points })
    }

    /// Whether a rule has few enough drops.
    pub(super) fn can_take(program: &Program) -> bool {
        program.sites.len() <= MOST_SITES
    }

    /// A rule's values at the first points where nothing is dropped.
    pub(super) fn probe(&self, program: &Program, points: usize) -> Column {
        let lines = self.lines(program, points.min(self.points), false);
        lines.last().map(|last| last.columns[0].clone()).unwrap_or_default()
    }

    fn lines(&self, program: &Program, points: usize, drops: bool) -> Vec<Known> {
        let mut known: Vec<Known> = Vec::with_capacity(program.lines.len());
        let mut site = 1;
        for line in &program.lines {
            let next = match *line {
                Line::Leaf(leaf, unary) => {
                    let column = self.leaf(leaf, unary);
                    let whole = column.len() == points;
                    let column = if whole { column } else { column[..points].into() };
                    Known { sites: 0, columns: vec![column] }
                }
                Line::Unary(unary, x) => {
                    let each = |column: &Column| column.iter().map(|x| apply(unary, *x)).collect();
                    let Known { sites, columns } = &known[x];
                    Known { sites: *sites, columns: columns.iter().map(each).collect() }
                }
                Line::Drop(x, _) if !drops => {
                    let Known { sites, columns } = &known[x];
                    Known { sites: *sites, columns: columns.clone() }
                }
                Line::Drop(x, _) => {
                    let dropped: Column = vec![Value::ZERO; points].into();
                    let sites = known[x].sites | site;
                    let column = |mask: usize| match mask & site {
                        0 => known[x].under(mask).clone(),
                        _ => dropped.clone(),
                    };
                    let columns = masks(sites).map(column).collect();
                    site <<= 1;
                    Known { sites, columns }
                }
                Line::Binary(binary, x, y) => {
                    let (x, y) = (&known[x], &known[y]);
                    let sites = x.sites | y.sites;
                    let column = |mask| combine(binary, x.under(mask), y.under(mask));
                    Known { sites, columns: masks(sites).map(column).collect() }
                }
            };
            known.push(next);
        }
        known
    }

    /// The column of an operand under a unary function, kept for the next rule.
    fn leaf(&self, leaf: Leaf, unary: Unary) -> Column {
        let key = (leaf, unary);
        // A thread that stopped while it held the lock has left the map whole.
        let known = self.leaves.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = known.get(&key) {
            return column.clone();
        }
        drop(known);
        let value = |point| apply(unary, self.operand(leaf, point));
        let column: Column = (0..self.points).map(value).collect();
        let mut known = self.leaves.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_LEAVES {
            known.insert(key, column.clone());
        }
        column
    }

    fn operand(&self, leaf: Leaf, point: usize) -> Value {
        let variable = |variable: Variable| variable.value(self.seed, point);
        match leaf {
            Leaf::Variable(x) => variable(x),
            Leaf::Number(n) => Value::exact(f64::from(n)),
            Leaf::Power(n) => {
                let g = variable(Variable::Gradient);
                (1..n).fold(g, |power, _| power.mul(g))
            }
            Leaf::Sign(x) => variable(x).signum(),
            Leaf::Weight(digits) => Value::power_of_ten(digits).mul(variable(Variable::Weight)),
            Leaf::Scaled(x) => divide(variable(x), variable(Variable::Square).sqrt(), delta()),
        }
    }
}

/// The token `div`: `x / (y + delta)`. A y with the number and the bound of `-delta` is the pole, as no other
/// number is written so.
#[inline(always)]
fn divide(x: Value, y: Value, delta: Value) -> Value {
    x.div(if y == delta.neg() { Value::ZERO } else { y.add(delta) })
}

fn apply(unary: Unary, x: Value) -> Value {
    match unary {
        Unary::Identity => x,
        Unary::Neg => x.neg(),
        Unary::Exp => x.exp(),
        Unary::Log => x.log(),
        Unary::Sqrt => x.sqrt(),
        Unary::Clip(digits) => x.clip(Value::power_of_ten(digits)),
        Unary::Sign => x.signum(),
    }
}

fn combine(binary: Binary, x: &[Value], y: &[Value]) -> Column {
    let pairs = x.iter().zip(y);
    match binary {
        Binary::Add => pairs.map(|(x, y)| x.add(*y)).collect(),
        Binary::Sub => pairs.map(|(x, y)| x.add(y.neg())).collect(),
        Binary::Mul => pairs.map(|(x, y)| x.mul(*y)).collect(),
        Binary::Div => {
            let delta = delta();
            pairs.map(|(x, y)| divide(*x, *y, delta)).collect()
        }
        Binary::Pow => pairs.map(|(x, y)| power(*x, *y)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{masks, rank};

    #[test]
    fn masks_of_some_sites_are_ranked_in_their_order() {
        let all: Vec<usize> = masks(0b10110).collect();
        assert_eq!(all, [0, 0b10, 0b100, 0b110, 0b10000, 0b10010, 0b10100, 0b10110]);
        for (place, mask) in all.into_iter().enumerate() {
            assert_eq!(rank(mask | 0b1001, 0b10110), place);
        }
    }
}
