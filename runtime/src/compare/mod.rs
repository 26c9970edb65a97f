//! Two rules compared at every level, and a point where they differ.
//!
//! ```text
//! A, B ─► keys at each level ─► different at real or scale: a point      counterexample
//!                           └─► different at exact only: f32 inputs     bits
//! ```
//!
//! Keys decide. A counterexample is looked for where they differ, and where they do not, too: one that is found
//! there is a fault of nosc, and is reported as such.

mod bits;
mod told;

use nosc_compiler::Rule;
use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use nosc_compiler::counterexample::{Counterexample, find, find_scaled};
use serde_json::{Value, json};

use bits::BitDifference;

/// Two rules and all that is said of them.
///
/// ```
/// use nosc_compiler::{Rule, canonical::Level};
/// use nosc_runtime::compare::Comparison;
///
/// let rules = [Rule::parse("sign(g)^2")?, Rule::parse("1 + 0*w*g")?];
/// let comparison = Comparison::new(rules, 0);
/// assert!(!comparison.is_equal(Level::Real));
/// assert!(comparison.text().contains("The update differs at g = 0"));
/// # Ok::<(), nosc_compiler::CompileErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Comparison {
    rules: [Rule; 2],
    /// In the order of [`Level::ALL`].
    keys: [[Key; 2]; 3],
    real: Option<Counterexample>,
    scale: Option<Counterexample>,
    exact: Option<BitDifference>,
}

impl Comparison {
    /// Compares them; the seed is of the points that are tried.
    pub fn new(rules: [Rule; 2], seed: u64) -> Comparison {
        let keys = Level::ALL.map(|level| {
            let mut canonicalizer = Canonicalizer::new(level);
            [canonicalizer.key(&rules[0]), canonicalizer.key(&rules[1])]
        });
        let [a, b] = &rules;
        let real = find(a, b, seed);
        let scale = if real.is_some() { find_scaled(a, b, seed) } else { None };
        let is_exact_only = keys[0][0] != keys[0][1] && real.is_none();
        let exact = if is_exact_only { bits::find(a, b, seed) } else { None };
        Comparison { rules, keys, real, scale, exact }
    }

    /// The keys of both at a level.
    pub fn keys(&self, level: Level) -> [Key; 2] {
        let [exact, real, scale] = self.keys;
        match level {
            Level::Exact => exact,
            Level::Real => real,
            Level::Scale => scale,
        }
    }

    /// Whether they have one key at a level.
    pub fn is_equal(&self, level: Level) -> bool {
        let [a, b] = self.keys(level);
        a == b
    }

    /// The point that shows a difference at a level, other than of bits.
    fn counterexample(&self, level: Level) -> Option<&Counterexample> {
        match level {
            Level::Exact | Level::Real => self.real.as_ref(),
            Level::Scale => self.scale.as_ref(),
        }
    }

    /// Levels at which the keys are equal and the rules are not.
    pub fn faults(&self) -> impl Iterator<Item = Level> + '_ {
        Level::ALL
            .into_iter()
            .filter(|level| self.is_equal(*level) && self.counterexample(*level).is_some())
    }

    /// What shows a difference at a level, as JSON.
    pub fn counterexample_json(&self, level: Level) -> Option<Value> {
        let bits = self.exact.as_ref().filter(|_| level == Level::Exact).map(told::bits_json);
        bits.or_else(|| self.counterexample(level).map(told::json))
    }

    /// All of it as a JSON object; docs/json.md has its fields.
    pub fn json(&self) -> Value {
        let rule = |rule: &Rule| json!({ "name": rule.name, "formula": rule.body_text() });
        let level = |level: Level| {
            json!({
                "equal": self.is_equal(level),
                "keys": self.keys(level).map(|key| key.to_string()),
                "counterexample": self.counterexample_json(level),
            })
        };
        json!({
            "a": rule(&self.rules[0]),
            "b": rule(&self.rules[1]),
            "exact": level(Level::Exact),
            "real": level(Level::Real),
            "scale": level(Level::Scale),
        })
    }

    /// All of it in lines for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, rule) in ["A", "B"].iter().zip(&self.rules) {
            for (line, text) in rule.body_text().lines().enumerate() {
                out += &format!("{:<7}{text}\n", if line == 0 { name } else { "" });
            }
        }
        out.push('\n');
        for level in Level::ALL {
            let verdict = if self.is_equal(level) { "equal" } else { "different" };
            out += &format!("{:<7}{verdict}\n", level.name());
        }
        let shown = [
            self.exact.as_ref().map(told::bits_text),
            self.real.as_ref().map(told::text),
            self.scale.as_ref().filter(|_| self.scale != self.real).map(told::text_of_scale),
            self.not_found().map(|text| format!("{text}\n")),
        ];
        for text in shown.into_iter().flatten() {
            out += &format!("\n{text}");
        }
        out
    }

    /// What is said where the keys differ and nothing shows it.
    fn not_found(&self) -> Option<String> {
        let is_shown = |level: &Level| {
            self.counterexample(*level).is_some()
                || (*level == Level::Exact && self.exact.is_some())
        };
        let open: Vec<&str> = Level::ALL
            .iter()
            .filter(|level| !self.is_equal(**level) && !is_shown(level))
            .map(|level| level.name())
            .collect();
        let levels = match open.as_slice() {
            [] => return None,
            [one] => format!("level {one}"),
            [rest @ .., last] => format!("levels {} and {last}", rest.join(", ")),
        };
        Some(format!(
            "No counterexample was found at the {levels}: the keys differ, and the rules may still be equal."
        ))
    }
}
