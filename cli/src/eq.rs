//! `nosc eq`: two rules compared at every level, and a point where they differ.
//!
//! ```text
//! A, B ─► rules ─► keys at each level ─► different at real or scale: a point      counterexample
//!                                    └─► different at exact only: f32 inputs     bits
//! ```
//!
//! Keys decide. A counterexample is looked for where they differ, and where they do not, too: one that is found
//! there is a fault of nosc, and is reported as such.

mod bits;
mod told;

use std::path::Path;

use clap::Args;
use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use nosc_compiler::counterexample::{Counterexample, find, find_scaled};
use nosc_compiler::{Rule, RuleFile, line, nearest};
use nosc_runtime::library;
use serde_json::json;

use crate::arguments::Colour;
use crate::error::CliError;
use crate::output::{message, print, print_json, show_problems};
use crate::source::select_named;

use bits::BitDifference;

#[derive(Debug, Args)]
pub(crate) struct EqArguments {
    /// `FILE`, `FILE:NAME`, the name of a standard rule, a formula, or a token string
    #[arg(allow_hyphen_values = true)]
    a: String,
    /// The other rule
    #[arg(allow_hyphen_values = true)]
    b: String,
    /// Read both as token strings, such as 'g m id sign mul'
    #[arg(long)]
    tokens: bool,
    /// The level that `--exit-code` is about
    #[arg(long, default_value_t = Level::Real, value_name = "exact|real|scale")]
    level: Level,
    /// Exit with 1 if the rules differ at the level
    #[arg(long)]
    exit_code: bool,
    /// Seed of the points that are tried
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn eq(arguments: &EqArguments, colour: Colour) -> Result<(), CliError> {
    if arguments.a == "-" && arguments.b == "-" {
        return Err(CliError::Usage("`-` can be given once: it is read to its end".to_owned()));
    }
    let read = |text: &str| one_rule(text, arguments.tokens, colour);
    let rules = [read(&arguments.a)?, read(&arguments.b)?];
    let compared = Compared::new(rules, arguments.seed);
    if arguments.json {
        print_json(&compared.json())?;
    } else {
        print(&compared.text())?;
    }
    for level in compared.faults() {
        message(&format!(
            "error: the rules have one key at the level {level} and yet differ, as shown; this is a \
             fault of nosc, please report it"
        ));
    }
    if arguments.exit_code && !compared.is_equal(arguments.level) {
        return Err(CliError::Shown);
    }
    Ok(())
}

/// The rule that a text on the command line means.
fn one_rule(text: &str, tokens: bool, colour: Colour) -> Result<Rule, CliError> {
    let bare = text.trim();
    let is_list = |text: &str| !text.starts_with('[') && text.split_whitespace().count() >= 5;
    if tokens || (is_list(bare) && Rule::from_tokens(bare).is_ok()) {
        return parsed(&format!("[{}]", line::bare(bare).0), text, colour);
    }
    if !is_named(text) {
        return parsed(text, text, colour);
    }
    let mut rules = select_named(text, &[], colour)?.rules;
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Ok(rule),
        _ => Err(CliError::NoSuchRule(format!(
            "`{text}` holds several rules; write `{text}:NAME` for one of them"
        ))),
    }
}

/// Whether a text names a rule, rather than being one.
fn is_named(text: &str) -> bool {
    let is_rules =
        |path: &Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("nos"));
    let is_file =
        |path: &str| path == "-" || Path::new(path).is_file() || is_rules(Path::new(path));
    let name_of_file = text.rsplit_once(':').is_some_and(|(file, _)| is_file(file));
    is_file(text) || name_of_file || library::find(text, &[]).is_some()
}

/// The standard rule whose name is nearly this text.
fn standard_rule_near(text: &str) -> Option<String> {
    let names: Vec<String> = library::rules().into_iter().map(|rule| rule.name).collect();
    nearest(text, names.iter().map(String::as_str)).map(str::to_owned)
}

fn parsed(text: &str, shown: &str, colour: Colour) -> Result<Rule, CliError> {
    let file = RuleFile::parse("expression", text);
    show_problems(&file, shown, colour);
    let wrong = |what: &str| Err(CliError::Problems(format!("`{shown}` {what}")));
    if file.has_errors() {
        let hint = standard_rule_near(shown)
            .map_or_else(String::new, |name| format!("; did you mean the standard rule `{name}`?"));
        return wrong(&format!("is no rule file, standard rule, formula or token string{hint}"));
    }
    let mut rules = file.rules;
    match (rules.pop(), rules.is_empty()) {
        (Some(rule), true) => Ok(rule),
        _ => wrong("holds several rules, expected one"),
    }
}

/// Two rules and all that is said of them.
struct Compared {
    rules: [Rule; 2],
    /// In the order of [`Level::ALL`].
    keys: [[Key; 2]; 3],
    real: Option<Counterexample>,
    scale: Option<Counterexample>,
    exact: Option<BitDifference>,
}

impl Compared {
    fn new(rules: [Rule; 2], seed: u64) -> Compared {
        let keys = Level::ALL.map(|level| {
            let mut canonicalizer = Canonicalizer::new(level);
            [canonicalizer.key(&rules[0]), canonicalizer.key(&rules[1])]
        });
        let [a, b] = &rules;
        let real = find(a, b, seed);
        let scale = if real.is_some() { find_scaled(a, b, seed) } else { None };
        let is_exact_only = keys[0][0] != keys[0][1] && real.is_none();
        let exact = if is_exact_only { bits::find(a, b, seed) } else { None };
        Compared { rules, keys, real, scale, exact }
    }

    fn keys(&self, level: Level) -> [Key; 2] {
        let [exact, real, scale] = self.keys;
        match level {
            Level::Exact => exact,
            Level::Real => real,
            Level::Scale => scale,
        }
    }

    fn is_equal(&self, level: Level) -> bool {
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
    fn faults(&self) -> impl Iterator<Item = Level> + '_ {
        Level::ALL
            .into_iter()
            .filter(|level| self.is_equal(*level) && self.counterexample(*level).is_some())
    }

    fn json(&self) -> serde_json::Value {
        let rule = |rule: &Rule| json!({ "name": rule.name, "formula": rule.body_text() });
        let level = |level: Level| {
            let bits = self.exact.as_ref().filter(|_| level == Level::Exact).map(told::bits_json);
            let point = self.counterexample(level).map(told::json);
            json!({
                "equal": self.is_equal(level),
                "keys": self.keys(level).map(|key| key.to_string()),
                "counterexample": bits.or(point),
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

    fn text(&self) -> String {
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
