//! The arguments of the call that a cursor is in.

use lsp_types::{
    Documentation, ParameterInformation, ParameterLabel, Position, SignatureHelp,
    SignatureInformation,
};
use nosc_compiler::outline::{Kind, Lexeme, Role};
use nosc_compiler::primitive::Primitive;

use super::view::View;

/// How a function is called: the text, and where its arguments stand in it. All of it is ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) text: &'static str,
    pub(super) arguments: Vec<(usize, usize)>,
}

/// The ways in which a row of the table is written; those of a plain name have no arguments.
pub(super) fn ways(row: &Primitive) -> impl Iterator<Item = Way> + use<> {
    row.usage.split(" or ").map(|text| Way { text, arguments: arguments(text) })
}

/// Places of the arguments of `f(a, g(b))`: those of the outer call.
fn arguments(text: &str) -> Vec<(usize, usize)> {
    let (Some(open), Some(close)) = (text.find('('), text.rfind(')')) else { return Vec::new() };
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, open + 1);
    for (at, character) in text[..close].char_indices().skip(open + 1) {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push((start, at));
                start = at + 2;
            }
            _ => {}
        }
    }
    found.push((start, close));
    found
}

/// The call around a position: its function, and which argument the position is in.
pub(super) fn call_at(lexemes: &[Lexeme]) -> Option<(&'static Primitive, usize)> {
    let (mut depth, mut commas) = (0_usize, 0);
    for (index, lexeme) in lexemes.iter().enumerate().rev() {
        match lexeme.kind {
            Kind::CloseParen => depth += 1,
            Kind::Comma if depth == 0 => commas += 1,
            Kind::OpenParen if depth > 0 => depth -= 1,
            Kind::OpenParen => {
                let before = index.checked_sub(1).map(|before| lexemes[before].kind);
                if let Some(Kind::Name(Role::BuiltIn(row))) = before {
                    return Some((row, commas));
                }
                // Parentheses that only group: commas in them are a mistake.
                commas = 0;
            }
            Kind::OpenBrace | Kind::CloseBrace | Kind::Keyword | Kind::OpenBracket => return None,
            _ => {}
        }
    }
    None
}

/// Help for the call around a position.
pub(super) fn signature(view: View<'_>, position: Position) -> Option<SignatureHelp> {
    let before = view.outline().lexemes_before(view.offset(position));
    let (row, argument) = call_at(&view.outline().lexemes[..before])?;
    let ways: Vec<Way> = ways(row).filter(|way| !way.arguments.is_empty()).collect();
    let fits = ways.iter().position(|way| argument < way.arguments.len());
    let signatures = ways.iter().map(|way| SignatureInformation {
        label: way.text.to_owned(),
        documentation: Some(Documentation::String(row.about.to_owned())),
        parameters: Some(way.arguments.iter().map(|at| parameter(view, way.text, *at)).collect()),
        active_parameter: None,
    });
    Some(SignatureHelp {
        signatures: signatures.collect(),
        active_signature: Some(fits.unwrap_or(ways.len().saturating_sub(1)) as u32),
        active_parameter: Some(argument as u32),
    })
}

fn parameter(view: View<'_>, text: &str, (start, end): (usize, usize)) -> ParameterInformation {
    let label = if view.client.label_offsets {
        ParameterLabel::LabelOffsets([start as u32, end as u32])
    } else {
        ParameterLabel::Simple(text[start..end].to_owned())
    };
    ParameterInformation { label, documentation: None }
}

#[cfg(test)]
mod tests {
    use nosc_compiler::primitive::{PRIMITIVES, primitive};

    use super::*;

    /// The arguments of a way are what the table says that it takes.
    #[test]
    fn every_function_is_written_with_its_arguments() {
        for row in PRIMITIVES {
            let counts: Vec<usize> = ways(row).map(|way| way.arguments.len()).collect();
            assert_eq!(counts.iter().min(), Some(&row.arity.0), "{}", row.name);
            assert_eq!(counts.iter().max(), Some(&row.arity.1), "{}", row.name);
            assert!(row.usage.is_ascii() && ways(row).all(|way| way.text.starts_with(row.name)));
        }
        let debias = ways(primitive("debias").unwrap()).next().unwrap();
        let (start, end) = debias.arguments[0];
        assert_eq!(&debias.text[start..end], "ema(x, beta)");
    }
}
