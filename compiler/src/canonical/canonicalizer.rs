//! Canonical forms at every level, and the workspace that makes them quickly.

use crate::file::CompileErrors;
use crate::tree::Rule;

use super::real::{self, Limit, Operands, Reals};
use super::{CanonicalRule, Key, Level};

/// A rule with its key at a level.
///
/// At `real` and `scale` the tree and text are those of the `exact` form: they have this key, but two rules
/// of one key may have different ones.
#[derive(Debug, Clone)]
pub struct Canonical {
    /// The level of the key.
    pub level: Level,
    /// The canonical tree of the level `exact`.
    pub tree: Rule,
    /// Equal keys mean equal rules at this level.
    pub key: Key,
    /// The tree as text; it parses as a file of its own and has the same key.
    pub text: String,
}

/// The key of a rule at a level, with its canonical tree.
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_compiler::canonical::{Level, canonicalize, equivalent};
///
/// let product = Rule::parse("(w + m) * g")?;
/// let sum = Rule::parse("g*m + w*g")?;
/// assert_eq!(canonicalize(&product, Level::Real).key, canonicalize(&sum, Level::Real).key);
/// assert!(!equivalent(&product, &sum, Level::Exact));
///
/// // At g = 0 this is 0, not 1.
/// assert!(!equivalent(&Rule::parse("sign(g)*sign(g)")?, &Rule::parse("1")?, Level::Real));
/// // A step of twice the size is another one, but not for a sweep of learning rates.
/// let (one, two) = (Rule::parse("adam")?, Rule::parse("2*adam")?);
/// assert!(!equivalent(&one, &two, Level::Real) && equivalent(&one, &two, Level::Scale));
/// # Ok::<(), nosc_compiler::CompileErrors>(())
/// ```
pub fn canonicalize(rule: &Rule, level: Level) -> Canonical {
    Canonicalizer::new(level).canonicalize(rule)
}

/// Whether the two rules have one key at the level. `true` is certain; `false` at `real` and `scale` may be
/// a law that is missing.
pub fn equivalent(a: &Rule, b: &Rule, level: Level) -> bool {
    let mut canonicalizer = Canonicalizer::new(level);
    canonicalizer.key(a) == canonicalizer.key(b)
}

/// A workspace that keeps what it has worked out from one rule to the next, in bounded memory. Keys do not
/// depend on what it has seen before. For many rules keep one a thread.
#[derive(Debug)]
pub struct Canonicalizer {
    level: Level,
    /// `None` at the level `exact`.
    reals: Option<Box<Reals>>,
    operands: Operands,
}

impl Canonicalizer {
    /// A workspace for a level.
    pub fn new(level: Level) -> Canonicalizer {
        let reals = (level != Level::Exact).then(|| Box::new(Reals::new()));
        Canonicalizer { level, reals, operands: Operands::default() }
    }

    /// Its level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The canonical form of a rule.
    pub fn canonicalize(&mut self, rule: &Rule) -> Canonical {
        let exact = CanonicalRule::new(rule);
        let key = if self.level == Level::Exact { exact.key } else { self.key(rule) };
        let text = exact.text();
        Canonical { level: self.level, tree: exact.rule, key, text }
    }

    /// The key of a rule.
    pub fn key(&mut self, rule: &Rule) -> Key {
        if self.level == Level::Exact {
            return CanonicalRule::new(rule).key;
        }
        if let Ok(key) = self.real_key(rule) {
            return key;
        }
        // Too large as written: the exact form may be smaller, and it is what the key falls back to.
        let exact = CanonicalRule::new(rule);
        self.real_key(&exact.rule).unwrap_or(exact.key)
    }

    fn real_key(&mut self, rule: &Rule) -> Result<Key, Limit> {
        let reals = self.reals.as_mut().ok_or(Limit)?;
        if reals.next_rule() {
            self.operands.clear();
        }
        let form = real::form(reals, rule)?;
        real::key(reals, form, self.level)
    }

    /// The key of a bare token string, such as `g m id sign mul`; the quickest way to a key.
    ///
    /// # Errors
    ///
    /// The problems of a string that is no rule.
    pub fn key_of_tokens(&mut self, tokens: &str) -> Result<Key, CompileErrors> {
        if let Some(reals) = self.reals.as_mut() {
            if reals.next_rule() {
                self.operands.clear();
            }
            if let Ok(key) = real::key_of_tokens(reals, &mut self.operands, tokens, self.level) {
                return Ok(key);
            }
        }
        Ok(self.key(&Rule::from_tokens(tokens)?))
    }
}
