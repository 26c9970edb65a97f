//! Token strings straight to values: the quick path of a search.

use crate::tokens::bank_index;

use super::arena::{Reals, Test, ValueId};
use super::operands::Operands;
use super::rational::{Bounded, Limit, Rational};

/// Most groups of the quick path.
const MAX_GROUPS: usize = 32;

/// A token string that the quick path does not read: the slow path says what is wrong, or reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Not five known tokens a group.
    Tokens,
    /// Too large a form.
    Limit,
}

impl From<Limit> for Unread {
    fn from(_: Limit) -> Unread {
        Unread::Limit
    }
}

type Group<'a> = [&'a str; 5];

/// The value of a bare token string. Groups that are not used are checked and not worked out.
pub(crate) fn update(
    reals: &mut Reals,
    operands: &mut Operands,
    text: &str,
) -> Result<ValueId, Unread> {
    let mut groups: [Group<'_>; MAX_GROUPS] = [[""; 5]; MAX_GROUPS];
    let (mut count, mut ends_in_comma) = (0, false);
    // Other white space is left to the slow path, which refuses some of it.
    for token in text.split([' ', '\t']).filter(|token| !token.is_empty()) {
        let group = groups.get_mut(count / 5).ok_or(Unread::Tokens)?;
        // A comma may follow a group that is not the last one.
        let (word, comma) = match token.strip_suffix(',') {
            Some(word) if count % 5 == 4 => (word, true),
            _ => (token, false),
        };
        (group[count % 5], ends_in_comma) = (word, comma);
        count += 1;
    }
    if count == 0 || count % 5 != 0 || ends_in_comma {
        return Err(Unread::Tokens);
    }
    let groups = &groups[..count / 5];
    let used = used(groups)?;
    let mut bank = [Reals::ZERO; MAX_GROUPS];
    for (number, group) in groups.iter().enumerate() {
        if used >> number & 1 != 0 {
            bank[number] = value(reals, operands, &bank, number, group)?;
        } else {
            check(reals, operands, group)?;
        }
    }
    Ok(bank[groups.len() - 1])
}

/// Whether a token string has one group.
pub(crate) fn is_one_group(text: &str) -> bool {
    let mut tokens = text.split([' ', '\t']).filter(|token| !token.is_empty());
    tokens.nth(4).is_some() && tokens.next().is_none()
}

/// The groups that the last one needs, as bits; every `%k` is of an earlier group.
fn used(groups: &[Group<'_>]) -> Result<u32, Unread> {
    let mut used = 1u32 << (groups.len() - 1);
    for (number, [a, b, _, _, binary]) in groups.iter().enumerate().rev() {
        for (token, counts) in [(a, true), (b, *binary != "left")] {
            if let Some(index) = banked(token)? {
                if index >= number {
                    return Err(Unread::Tokens);
                }
                if counts && used >> number & 1 != 0 {
                    used |= 1 << index;
                }
            }
        }
    }
    Ok(used)
}

fn banked(token: &str) -> Result<Option<usize>, Unread> {
    if !token.starts_with('%') {
        return Ok(None);
    }
    bank_index(token).map(Some).ok_or(Unread::Tokens)
}

fn check(reals: &mut Reals, operands: &mut Operands, group: &Group<'_>) -> Result<(), Unread> {
    let [a, b, u1, u2, binary] = group;
    for token in [a, b] {
        if !token.starts_with('%') && operands.token(reals, token)?.is_none() {
            return Err(Unread::Tokens);
        }
    }
    let known = is_unary(u1) && is_unary(u2) && is_binary(binary);
    if known { Ok(()) } else { Err(Unread::Tokens) }
}

fn is_unary(token: &str) -> bool {
    crate::primitive::UNARY_TOKENS.contains(&token)
}

fn is_binary(token: &str) -> bool {
    crate::primitive::BINARY_TOKENS.contains(&token)
}

fn value(
    reals: &mut Reals,
    operands: &mut Operands,
    bank: &[ValueId],
    number: usize,
    group: &Group<'_>,
) -> Result<ValueId, Unread> {
    let [a, b, u1, u2, binary] = *group;
    let mut operand = |reals: &mut Reals, token: &str| match banked(token)? {
        Some(index) => Ok(bank[index]),
        None => operands.token(reals, token)?.ok_or(Unread::Tokens),
    };
    let (x, y) = (operand(reals, a)?, operand(reals, b)?);
    let site = number as u32 * 2;
    let x = unary(reals, u1, x, site)?;
    if binary == "left" {
        return if is_unary(u2) { Ok(x) } else { Err(Unread::Tokens) };
    }
    if binary == "pow" && u2 == "id" {
        match b {
            "1" => return Ok(x),
            "2" => return Ok(reals.mul(x, x)?),
            _ => {}
        }
    }
    let y = unary(reals, u2, y, site + 1)?;
    Ok(match binary {
        "add" => reals.add(x, y)?,
        "sub" => reals.sub(x, y)?,
        "mul" => reals.mul(x, y)?,
        "div" => {
            let delta = operands.delta(reals)?;
            let divisor = reals.add(y, delta)?;
            reals.div(x, divisor)?
        }
        "pow" => reals.pow(x, y)?,
        _ => return Err(Unread::Tokens),
    })
}

fn unary(reals: &mut Reals, token: &str, x: ValueId, site: u32) -> Result<ValueId, Unread> {
    Ok(match token {
        "id" => x,
        "neg" => reals.neg(x)?,
        "exp" => reals.exp(x)?,
        "log" => reals.log_magnitude(x)?,
        "sqrt" => reals.sqrt_magnitude(x)?,
        "sign" => reals.sign(x)?,
        "clip1e-5" => clip(reals, x, 100_000)?,
        "clip1e-4" => clip(reals, x, 10_000)?,
        "clip1e-3" => clip(reals, x, 1_000)?,
        "drop0.1" => drop(reals, x, site, 0.1)?,
        "drop0.3" => drop(reals, x, site, 0.3)?,
        "drop0.5" => drop(reals, x, site, 0.5)?,
        _ => return Err(Unread::Tokens),
    })
}

fn clip(reals: &mut Reals, x: ValueId, divisor: i128) -> Bounded<ValueId> {
    let bound = Rational::new(1, divisor)?;
    reals.clip(x, bound)
}

/// `drop(x, p)` at a site.
pub(crate) fn drop(reals: &mut Reals, x: ValueId, site: u32, probability: f64) -> Bounded<ValueId> {
    let test = reals.test(Test::Kept { site, probability: probability.to_bits() });
    reals.choose(test, x, Reals::ZERO)
}

#[cfg(test)]
mod tests {
    use crate::Rule;
    use crate::canonical::{Canonicalizer, Level};

    #[test]
    fn what_is_no_rule_has_no_key() {
        let mut canonicalizer = Canonicalizer::new(Level::Real);
        for text in ["g w id id mul", "g\x0cm id id mul", "g m id\rid mul", "g m id id", ""] {
            assert!(Rule::from_tokens(text).is_err(), "{text:?}");
            assert!(canonicalizer.key_of_tokens(text).is_err(), "{text:?}");
        }
        assert!(canonicalizer.key_of_tokens("g\tm  id id mul").is_ok());
        let keys = ["g m id id mul %0 v id id add", "g m id id mul, %0 v id id add"]
            .map(|tokens| canonicalizer.key_of_tokens(tokens).unwrap());
        assert_eq!(keys[0], keys[1]);
        let zeros = canonicalizer.key_of_tokens("g m id id mul %00 v id id add").unwrap();
        assert_eq!(keys[0], zeros);
        assert!(canonicalizer.key_of_tokens("g m id id mul %+0 v id id add").is_err());
        for text in ["g m id id mul,", "g, m id id mul", "g m id id mul,, g m id id add"] {
            let is_rule = Rule::from_tokens(text).is_ok();
            assert_eq!(canonicalizer.key_of_tokens(text).is_ok(), is_rule, "{text:?}");
        }
    }

    /// `log|clip(x)|` is -Inf at 0, and so is not a number there that could be put into a sum.
    #[test]
    fn a_logarithm_of_a_clip_is_decided_at_zero() {
        let mut canonicalizer = Canonicalizer::new(Level::Real);
        let pairs = [
            ("v m clip1e-3 exp pow %0 1 sign id left", "1 1 id id left"),
            ("g v exp clip1e-5 mul %0 %0 log log sub", "1 1 log id left"),
            ("v g clip1e-4 exp pow sign_g %0 log neg pow", "sign_g 1 log neg pow"),
            ("g 2 clip1e-4 drop0.3 sub 1 1 log id left %1 %0 id log mul", "1 1 log id left"),
        ];
        for (a, b) in pairs {
            let keys = [a, b].map(|tokens| canonicalizer.key_of_tokens(tokens).unwrap());
            assert_ne!(keys[0], keys[1], "{a} | {b}");
        }
    }
}
