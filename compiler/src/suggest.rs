//! The known name that a misspelt one most likely means.

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
    use super::nearest;

    #[test]
    fn a_swap_or_a_slip_is_near() {
        let names = ["sign", "sqrt", "sigmoid", "exp"];
        assert_eq!(nearest("sgn", names.into_iter()), Some("sign"));
        assert_eq!(nearest("sqtr", names.into_iter()), Some("sqrt"));
        assert_eq!(nearest("hyperbolic", names.into_iter()), None);
    }
}
