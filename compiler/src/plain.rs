//! Text of strangers on its way to a terminal, without what a terminal would obey.

use std::borrow::Cow;

/// The text with other characters in place of those that move a cursor, colour, erase, ring, or turn the direction of
/// writing: `?`, `¿` or `\u{fffd}`, whichever is as long in UTF-8, so that places in the text stay what they are. Line
/// ends and tabs are kept.
///
/// ```
/// use nosc_compiler::plain::plain;
///
/// assert_eq!(plain("g # \u{1b}[2Jgone\r\n"), "g # ?[2Jgone\r\n");
/// assert_eq!(plain("\u{9b}0m \u{202e}x"), "¿0m \u{fffd}x");
/// ```
pub fn plain(text: &str) -> Cow<'_, str> {
    let mut previous_end = 0;
    let mut out = String::new();
    for (place, c) in text.char_indices() {
        if !is_obeyed(c) || c == '\r' && text[place + 1..].starts_with('\n') {
            continue;
        }
        out += &text[previous_end..place];
        out.push(match c.len_utf8() {
            1 => '?',
            2 => '¿',
            _ => '\u{fffd}',
        });
        previous_end = place + c.len_utf8();
    }
    if previous_end == 0 {
        return Cow::Borrowed(text);
    }
    out += &text[previous_end..];
    Cow::Owned(out)
}

/// Whether a terminal does something else with it than to show it.
fn is_obeyed(c: char) -> bool {
    let is_turn = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    is_turn || c.is_control() && !matches!(c, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys_and_no_place_moves() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        let shown = plain(&all);
        assert_eq!(shown.len(), all.len());
        let changed = all.chars().zip(shown.chars()).filter(|(a, b)| a != b).count();
        // 65 controls but two, and twelve that turn the direction.
        assert_eq!(changed, 63 + 12);
        for (place, c) in shown.char_indices() {
            assert!(!c.is_control() || matches!(c, '\n' | '\t'), "{c:?} at {place}");
        }
    }

    #[test]
    fn a_carriage_return_is_kept_before_a_line_feed_only() {
        assert_eq!(plain("a\r\nb\rc\r"), "a\r\nb?c?");
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(plain("exp(sign(g)) # é\n"), std::borrow::Cow::Borrowed(_)));
    }
}
