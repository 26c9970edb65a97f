//! Names in an export: none is a keyword, none is given twice, and what a person reads is kept where it can be.

use std::collections::BTreeSet;

/// Keywords of Python and names that it predefines and an export uses.
pub(super) const PYTHON: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "match",
    "case",
    "type",
    "self",
    "super",
    "dict",
    "float",
    "int",
    "list",
    "tuple",
    "isinstance",
    "enumerate",
    "zip",
    "len",
    "any",
    "all",
    "min",
    "max",
    "abs",
    "next",
    "callable",
    "range",
    "getattr",
    "math",
    "print",
    "ValueError",
    "TypeError",
    "RuntimeError",
    "ArithmeticError",
    "NotImplementedError",
];

/// Keywords of C and C++, and names of `<math.h>` and `<stdint.h>` that an export uses.
pub(super) const C: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "compl",
    "const",
    "constexpr",
    "continue",
    "default",
    "delete",
    "do",
    "double",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "nullptr",
    "operator",
    "or",
    "private",
    "protected",
    "public",
    "register",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
    "linux",
    "unix",
    "i386",
    "errno",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "intptr_t",
    "uintptr_t",
    "intmax_t",
    "uintmax_t",
    "size_t",
    "float_t",
    "double_t",
    "ptrdiff_t",
];

/// The names of one export.
#[derive(Debug)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    /// Whether names of capitals may be macros.
    has_macros: bool,
    fresh: u32,
}

impl Names {
    /// With names that the export uses itself.
    pub(super) fn new<'a>(reserved: impl IntoIterator<Item = &'a str>) -> Names {
        let taken = reserved.into_iter().map(str::to_owned).collect();
        Names { taken, has_macros: false, fresh: 0 }
    }

    /// For a language in which names of capitals may be macros: none is given.
    pub(super) fn with_macros(self) -> Names {
        Names { has_macros: true, ..self }
    }

    /// A name for what the rule calls `wanted`: with `_` behind it as often as it takes to be free.
    pub(super) fn of(&mut self, wanted: &str) -> String {
        let mut name = plain(wanted);
        if name.starts_with("nosc") || self.has_macros && is_capital(&name) {
            name = format!("p{name}");
        }
        while self.taken.contains(&name) || is_own(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        name
    }

    /// A name for a value in between: `x1`, `x2`, ...
    pub(super) fn fresh(&mut self) -> String {
        self.fresh += 1;
        format!("x{}", self.fresh)
    }
}

/// Letters, digits and `_`, with a letter in front: Python and C have their own plans for names that start with `_`.
pub(super) fn plain(text: &str) -> String {
    let of = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = text.chars().map(of).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("p{name}") }
}

/// A name of a class for a rule: `powersign_ld` is `PowersignLd`.
pub(super) fn class(rule: &str) -> String {
    let mut out = String::new();
    for part in rule.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.extend(letters);
    }
    if !out.starts_with(|c: char| c.is_ascii_alphabetic()) || PYTHON.contains(&out.as_str()) {
        out = format!("Rule{out}");
    }
    out
}

/// Whether an export may give the name to a state or to a value in between: `m_hat`, `s1_before`, `x12`.
fn is_own(name: &str) -> bool {
    let stem = ["_hat", "_before", "_start"].iter().find_map(|end| name.strip_suffix(end));
    let is_suffixed = stem.is_some();
    let stem = stem.unwrap_or(name);
    let letters = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered =
        letters.len() < stem.len() && ["x", "s", "ema", "c", "v", "k"].contains(&letters);
    numbered || is_suffixed || ["m", "v", "gamma", "w", "g"].contains(&stem)
}

/// Whether a name is made of capitals, digits and `_`.
fn is_capital(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_free_and_are_names() {
        let mut names = Names::new(PYTHON.iter().copied().chain(["torch", "lr"]));
        for (wanted, found) in [
            ("beta1", "beta1"),
            ("lambda", "lambda_"),
            ("lambda_", "lambda__"),
            ("lr", "lr_"),
            ("__x", "p__x"),
            ("_", "p_"),
            ("m", "m_"),
            ("s1", "s1_"),
            ("x10_hat", "x10_hat_"),
            ("nosc_ld", "pnosc_ld"),
            ("NAN", "NAN"),
            ("beta1", "beta1_"),
        ] {
            assert_eq!(names.of(wanted), found, "{wanted}");
        }
        let mut names = Names::new(C.iter().copied()).with_macros();
        for (wanted, found) in [("NAN", "pNAN"), ("M_PI", "pM_PI"), ("int", "int_"), ("t", "t")] {
            assert_eq!(names.of(wanted), found, "{wanted}");
        }
    }

    #[test]
    fn classes_are_named_after_rules() {
        for (rule, wanted) in [
            ("powersign_ld", "PowersignLd"),
            ("none", "RuleNone"),
            ("_1st", "Rule1st"),
            ("__", "Rule"),
            ("t6_01", "T601"),
        ] {
            assert_eq!(class(rule), wanted);
        }
    }
}
