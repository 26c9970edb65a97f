//! Canonical forms at every level, and the workspace that makes them quickly.

use crate::file::CompileErrors;
use crate::tree::Rule;

use super::real::{self, Limit, Operands, Reach, Reals, Unread};
use super::{CanonicalRule, Key, Level};

/// A rule with its key at a level, and the rule that stands for all rules of that key.
///
/// At `real` and `scale` a few rules are written in their `exact` form instead: those with states of their own
/// (`state x = ...`), and those whose form is too large to be read. [`Canonical::is_normal`] tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Canonical {
    /// The level of the key.
    pub level: Level,
    /// The canonical tree.
    pub tree: Rule,
    /// Equal keys mean equal rules at this level.
    pub key: Key,
    /// The tree as text; it parses as a file of its own and has the same key.
    pub text: String,
    /// Whether all rules of this key have this tree and text.
    pub is_normal: bool,
}

impl Canonical {
    fn new(level: Level, key: Key, form: CanonicalRule, is_normal: bool) -> Canonical {
        let text = form.text();
        Canonical { level, tree: form.rule, key, text, is_normal }
    }
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
    near: Option<Workspace>,
    /// For token strings of one group.
    far: Option<Workspace>,
    /// Where a rule is worked out alone.
    alone: Option<Box<Reals>>,
    /// Where a form becomes a rule.
    scratch: Option<Box<Reals>>,
}

/// An arena, with the values of operand tokens in it.
#[derive(Debug)]
struct Workspace {
    reals: Box<Reals>,
    operands: Operands,
}

impl Workspace {
    fn new(reach: Reach) -> Workspace {
        Workspace { reals: Box::new(Reals::of_many(reach)), operands: Operands::default() }
    }

    /// Starts the next rule.
    fn next_rule(&mut self) -> (&mut Reals, &mut Operands) {
        if self.reals.next_rule() {
            self.operands.clear();
        }
        (&mut self.reals, &mut self.operands)
    }
}

impl Canonicalizer {
    /// A workspace for a level.
    pub fn new(level: Level) -> Canonicalizer {
        let near = (level != Level::Exact).then(|| Workspace::new(Reach::Near));
        Canonicalizer { level, near, far: None, alone: None, scratch: None }
    }

    /// Its level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The canonical form of a rule.
    pub fn canonicalize(&mut self, rule: &Rule) -> Canonical {
        if self.level == Level::Exact {
            let exact = CanonicalRule::new(rule);
            return Canonical::new(self.level, exact.key, exact, true);
        }
        let key = self.key(rule);
        if let Ok(rule) = self.extracted(rule) {
            let normal = Canonical::new(self.level, key, CanonicalRule::new(&rule), true);
            if self.has_key(&normal) {
                return normal;
            }
        }
        let exact = Canonical::new(self.level, key, CanonicalRule::new(rule), false);
        if self.has_key(&exact) {
            return exact;
        }
        let text = rule.body_text();
        Canonical { level: self.level, tree: rule.clone(), key, text, is_normal: false }
    }

    /// Whether the text parses, to a rule of the key.
    fn has_key(&mut self, canonical: &Canonical) -> bool {
        Rule::parse(&canonical.text).is_ok_and(|rule| self.key(&rule) == canonical.key)
    }

    /// A rule that is made of the form of this one.
    fn extracted(&mut self, rule: &Rule) -> Result<Rule, Limit> {
        let level = self.level;
        let mut scratch = self.scratch.take().unwrap_or_else(|| Box::new(Reals::of_one()));
        let mut isolated = |reals: &mut Reals| {
            let form = real::form(reals, rule)?;
            real::isolate(reals, form, level, &mut scratch)
        };
        let (reals, _) = self.near.as_mut().ok_or(Limit)?.next_rule();
        let form = isolated(reals).or_else(|Limit| isolated(self.alone()));
        let made = form.and_then(|form| real::extract(&mut scratch, form));
        self.scratch = Some(scratch);
        Ok(Rule { name: rule.name.clone(), ..made? })
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
        let level = self.level;
        let (reals, _) = self.near.as_mut().ok_or(Limit)?.next_rule();
        let key = real::form(reals, rule).and_then(|form| real::key(reals, form, level));
        key.or_else(|Limit| {
            let alone = self.alone();
            let form = real::form(alone, rule)?;
            real::key(alone, form, level)
        })
    }

    /// An empty arena: what passes a limit among other rules may not do so alone.
    fn alone(&mut self) -> &mut Reals {
        let alone = self.alone.get_or_insert_with(|| Box::new(Reals::of_one()));
        alone.clear();
        alone.next_rule();
        alone
    }

    /// The key of a bare token string, such as `g m id sign mul`; the quickest way to a key.
    ///
    /// # Errors
    ///
    /// The problems of a string that is no rule.
    pub fn key_of_tokens(&mut self, tokens: &str) -> Result<Key, CompileErrors> {
        if let Some(near) = self.near.as_mut() {
            let workspace = if real::is_one_group(tokens) {
                self.far.get_or_insert_with(|| Workspace::new(Reach::Far))
            } else {
                near
            };
            let level = self.level;
            let (reals, operands) = workspace.next_rule();
            match real::key_of_tokens(reals, operands, tokens, level) {
                Ok(key) => return Ok(key),
                Err(Unread::Limit) => {
                    let (alone, mut operands) = (self.alone(), Operands::default());
                    if let Ok(key) = real::key_of_tokens(alone, &mut operands, tokens, level) {
                        return Ok(key);
                    }
                }
                Err(Unread::Tokens) => {}
            }
        }
        Ok(self.key(&Rule::from_tokens(tokens)?))
    }
}
