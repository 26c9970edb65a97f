//! The laws of the level `real`, by name, each with a neighbour that looks like it and is not a law.
//!
//! ```text
//! law ─► instances: plain operands, generated formulas ─► one key at `real` and at `scale`
//!  └───► neighbour: two formulas ─► a point at which they differ, and two keys
//! ```
//!
//! A law is two formulas in x, y, z, which stand for any formulas of a [`Class`]. It says that both sides have the
//! same value at every point over the extended reals, or no value. The compiler has no such table: its form is a
//! normal form, in which most laws hold without being tried. `docs/canonical.md` lists the same laws.

mod class;
mod sum;
mod product;
mod sign;
mod exponential;
mod root;
mod power;
mod bounded;
mod cases;
mod draw;
mod traps;

pub use class::{Class, generated};
pub use traps::{FINE_TRAPS, TRAPS};

/// Two formulas in x, y, z that are one rule at `real`.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// What the law is called in the documentation.
    pub name: &'static str,
    /// A formula; statements may stand before it, each with a `;`.
    pub left: &'static str,
    /// Likewise.
    pub right: &'static str,
    /// What x, y and z may stand for.
    pub classes: [Class; 3],
    /// Why it holds at every point.
    pub because: &'static str,
    /// What looks like it and is not a law.
    pub not: Neighbour,
    /// Whether the compiler lacks it, so that the two sides have two keys.
    pub is_missed: bool,
}

/// Two formulas that are two rules.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour {
    /// A formula, as in a law, of operands.
    pub left: &'static str,
    /// Likewise.
    pub right: &'static str,
    /// Where they differ.
    pub witness: &'static str,
}

/// Laws of one subject.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The heading in the documentation.
    pub title: &'static str,
    /// Its laws.
    pub laws: &'static [Law],
}

/// All laws, in the order of the documentation.
pub const FAMILIES: [Family; 9] = [
    Family { title: "Sums", laws: sum::LAWS },
    Family { title: "Products and quotients", laws: product::LAWS },
    Family { title: "`sign` and `abs`", laws: sign::LAWS },
    Family { title: "`exp` and `log`", laws: exponential::LAWS },
    Family { title: "`sqrt`", laws: root::LAWS },
    Family { title: "Powers", laws: power::LAWS },
    Family { title: "`clip`, `tanh` and `sigmoid`", laws: bounded::LAWS },
    Family { title: "`where`, `min` and `max`", laws: cases::LAWS },
    Family { title: "Draws", laws: draw::LAWS },
];

/// All laws.
pub fn laws() -> impl Iterator<Item = &'static Law> {
    FAMILIES.iter().flat_map(|family| family.laws)
}

const LETTERS: [&str; 3] = ["x", "y", "z"];

/// A law for any x, y, z.
const fn law(name: &'static str, left: &'static str, right: &'static str) -> Law {
    let not = Neighbour { left: "", right: "", witness: "" };
    Law { name, left, right, classes: [Class::Any; 3], because: "", not, is_missed: false }
}

impl Law {
    const fn x(mut self, class: Class) -> Law {
        self.classes[0] = class;
        self
    }

    const fn y(mut self, class: Class) -> Law {
        self.classes[1] = class;
        self
    }

    const fn z(mut self, class: Class) -> Law {
        self.classes[2] = class;
        self
    }

    const fn because(self, because: &'static str) -> Law {
        Law { because, ..self }
    }

    const fn not(self, left: &'static str, right: &'static str, witness: &'static str) -> Law {
        Law { not: Neighbour { left, right, witness }, ..self }
    }

    const fn missed(self) -> Law {
        Law { is_missed: true, ..self }
    }

    /// The letters that stand in it, with their classes.
    fn letters(&self) -> impl Iterator<Item = (usize, Class)> + '_ {
        let has = |text: &str, letter: &str| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == letter)
        };
        let both = self.classes.into_iter().enumerate();
        both.filter(move |(place, _)| {
            [self.left, self.right].into_iter().any(|side| has(side, LETTERS[*place]))
        })
    }

    /// Both sides as texts of rules, with formulas for the letters.
    pub fn instance(&self, mut of: impl FnMut(usize, Class) -> String) -> [String; 2] {
        let mut lets = String::new();
        for (place, class) in self.letters() {
            lets += &format!("let {} = {}; ", LETTERS[place], of(place, class));
        }
        [self.left, self.right].map(|side| block(&lets, side))
    }

    /// The letters as operands and simple formulas of these. There are [`PLAIN`] ways.
    pub fn plain(&self, way: usize) -> [String; 2] {
        self.instance(|place, class| class.plain(place, way).to_owned())
    }

    /// The letters as formulas of a seed. A draw in one of them is the same on both sides.
    pub fn generated(&self, seed: u64) -> [String; 2] {
        self.instance(|place, class| generated(class, seed.wrapping_mul(3) + place as u64))
    }

    /// What must hold of x, y, z, in words.
    pub fn condition(&self) -> String {
        let worded = self.letters().filter_map(|(place, class)| {
            class.words().map(|words| format!("{} {words}", LETTERS[place]))
        });
        worded.collect::<Vec<_>>().join(", ")
    }

    /// The line of the documentation's table.
    pub fn row(&self) -> String {
        let condition = self.condition();
        let condition =
            if condition.is_empty() { condition } else { format!(" where {condition}") };
        let Law { name, left, right, because, not, .. } = self;
        let Neighbour { left: one, right: other, witness } = not;
        format!(
            "| `{name}` | `{left}` = `{right}`{condition} | {because} | `{one}` and `{other}`: {witness} |"
        )
    }
}

/// Ways to put operands for letters.
pub const PLAIN: usize = 3;

impl Neighbour {
    /// Both sides as texts of rules.
    pub fn texts(&self) -> [String; 2] {
        [self.left, self.right].map(|side| block("", side))
    }

    /// The line of the documentation's table of what is no law.
    pub fn row(&self) -> String {
        format!("| `{}` | `{}` | {} |", self.left, self.right, self.witness)
    }
}

fn block(lets: &str, side: &str) -> String {
    let (statements, formula) = side.rsplit_once("; ").unwrap_or(("", side));
    let statements = if statements.is_empty() { String::new() } else { format!("{statements}; ") };
    format!("{{ {lets}{statements}update = {formula} }}")
}
