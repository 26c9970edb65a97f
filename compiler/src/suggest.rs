//! The known name that a misspelt one most likely means.

/// Names that other systems give to operands.
const OPERANDS: &[(&str, &[&str])] = &[
    ("g", &["grad", "grads", "gradient", "gradients", "dw", "dx"]),
    ("w", &["weight", "weights", "param", "params", "parameter", "parameters", "theta", "p"]),
    ("m", &["momentum", "mean", "mt", "m_t", "exp_avg"]),
    ("v", &["variance", "vt", "v_t", "exp_avg_sq"]),
    ("lr", &["learning_rate", "eta", "step_size"]),
    ("t", &["step", "steps", "iteration", "iter"]),
    ("T", &["total_steps", "max_steps", "num_steps"]),
    ("delta", &["epsilon"]),
    ("beta1", &["b1"]),
    ("beta2", &["b2"]),
];

/// Names that other systems give to functions, and functions that an operator stands for.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("log", &["ln"]),
    ("sign", &["signum", "sgn"]),
    ("abs", &["fabs", "absolute", "magnitude"]),
    ("x^2", &["sqr", "square"]),
    ("x^y", &["pow", "power"]),
    ("clip", &["clamp", "clip_by_value"]),
    ("drop", &["dropout"]),
    ("max", &["maximum", "fmax"]),
    ("min", &["minimum", "fmin"]),
    ("max(x, 0)", &["relu"]),
    ("sigmoid", &["logistic"]),
    ("where", &["if", "ifelse", "select", "cond", "iff"]),
    ("ema", &["ewma", "average"]),
    ("prev", &["previous", "last"]),
];

/// What an unknown name most likely means: a declared name that is near, the language's word for it, or
/// one of the language's names that is near.
pub(crate) fn operand<'a>(
    name: &str,
    declared: impl Iterator<Item = &'a str>,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest(name, declared)
        .or_else(|| translated(name, OPERANDS))
        .or_else(|| translated(name, FUNCTIONS))
        .or_else(|| nearest(name, known))
}

/// What an unknown function most likely means.
pub(crate) fn function<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    translated(name, FUNCTIONS).or_else(|| nearest(name, known))
}

fn translated(name: &str, table: &[(&'static str, &[&str])]) -> Option<&'static str> {
    let has = |others: &[&str]| others.iter().any(|other| other.eq_ignore_ascii_case(name));
    table.iter().find(|(_, others)| has(others)).map(|(own, _)| *own)
}

/// The nearest candidate within a third of the name's length, at least 1 edit; a name of one or two letters
/// is near only to itself in other case.
pub fn nearest<'a>(name: &str, mut candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(40).collect();
    if name.len() <= 2 {
        let name: String = name.iter().collect();
        return candidates.find(|candidate| candidate.eq_ignore_ascii_case(&name));
    }
    let limit = (name.len() / 3).max(1);
    candidates
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, candidate)| (*edits, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap neighbours) between two words.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{function, nearest, operand};

    #[test]
    fn a_swap_or_a_slip_is_near() {
        let names = ["sign", "sqrt", "sigmoid", "exp"];
        assert_eq!(nearest("sgn", names.into_iter()), Some("sign"));
        assert_eq!(nearest("sqtr", names.into_iter()), Some("sqrt"));
        assert_eq!(nearest("hyperbolic", names.into_iter()), None);
    }

    #[test]
    fn words_of_other_systems_are_translated() {
        let own = |name| operand(name, std::iter::empty(), ["e", "ema", "eps"].into_iter());
        for (name, meant) in [
            ("grad", Some("g")),
            ("Theta", Some("w")),
            ("eta", Some("lr")),
            ("epsilon", Some("delta")),
            ("relu", Some("max(x, 0)")),
            ("alpha", None),
        ] {
            assert_eq!(own(name), meant, "{name}");
        }
        assert_eq!(operand("etas", ["eta1"].into_iter(), ["e"].into_iter()), Some("eta1"));
        let sqrt = ["sqrt"];
        assert_eq!(function("sqr", sqrt.into_iter()), Some("x^2"));
        assert_eq!(function("clamp", sqrt.into_iter()), Some("clip"));
        assert_eq!(function("grad", sqrt.into_iter()), None);
    }
}
