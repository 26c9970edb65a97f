//! Pieces of HTML: escaped text, numbers, tables, figures.

/// Longest text of a cell, characters; what is longer is cut.
const LONGEST: usize = 400;

/// Plain text as markup, in elements and in attributes. Control characters but line ends become spaces.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A text of bounded length, in the type of programs.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(&shortened(text, LONGEST)))
}

/// The text, or its beginning with an ellipsis.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    kept.trim_end().to_owned() + "\u{2026}"
}

/// A section with its heading; nothing if there is no content.
pub(super) fn section(heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escape(heading))
}

/// A paragraph of plain text.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A small heading.
pub(super) fn subheading(text: &str) -> String {
    format!("<h3>{}</h3>\n", escape(text))
}

/// Pictures and a line about them.
pub(super) fn figure(pictures: &str, caption: &str) -> String {
    format!(
        "<figure>\n<div class=\"pictures\">\n{pictures}</div>\n<figcaption>{}</figcaption>\n</figure>\n",
        escape(caption)
    )
}

/// Names and values, the values being markup.
pub(super) fn facts(rows: &[(String, String)]) -> String {
    let row = |(name, value): &(String, String)| {
        format!("<tr><th scope=\"row\">{}</th><td>{value}</td></tr>\n", escape(name))
    };
    format!("<table class=\"facts\">\n{}</table>\n", rows.iter().map(row).collect::<String>())
}

/// A column of a table: its heading, and whether it holds numbers, which stand to the right.
pub(super) type Head = (&'static str, bool);

/// A table; the cells are markup.
pub(super) fn table(heads: &[Head], rows: &[Vec<String>]) -> String {
    let class = |is_number: bool| if is_number { " class=\"n\"" } else { "" };
    let head = |(name, is_number): &Head| {
        format!("<th scope=\"col\"{}>{}</th>", class(*is_number), escape(name))
    };
    let row = |cells: &Vec<String>| {
        let cell = |((_, is_number), cell): (&Head, &String)| {
            format!("<td{}>{cell}</td>", class(*is_number))
        };
        format!("<tr>{}</tr>\n", heads.iter().zip(cells).map(cell).collect::<String>())
    };
    format!(
        "<div class=\"scroll\">\n<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n</div>\n",
        heads.iter().map(head).collect::<String>(),
        rows.iter().map(row).collect::<String>()
    )
}

/// A number with four decimals, or in powers of ten where that says too little; a dash for none.
pub(super) fn decimal(value: Option<f64>) -> String {
    match value {
        None => "\u{2013}".to_owned(),
        Some(value) if value == 0.0 || (1e-3..1e6).contains(&value.abs()) => {
            format!("{value:.4}").replace('-', "\u{2212}")
        }
        Some(value) => format!("{value:.3e}").replace('-', "\u{2212}"),
    }
}

/// A share in percent; a dash for none.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "\u{2013}".to_owned(), |share| format!("{:.2}\u{2009}%", 100.0 * share))
}

/// A learning rate, as short as it reads back.
pub(super) fn rate(value: Option<f64>) -> String {
    value.map_or_else(
        || "\u{2013}".to_owned(),
        |value| {
            // A third of a power of ten has sixteen digits, of which three say enough.
            let value: f64 = format!("{value:.2e}").parse().unwrap_or(value);
            let plain = (1e-3..1e4).contains(&value.abs());
            if plain { format!("{value}") } else { format!("{value:e}") }.replace('-', "\u{2212}")
        },
    )
}

/// A whole number in groups of three digits.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A time in the two units that tell most.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "\u{2013}".to_owned();
    }
    let whole = libm::round(seconds) as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, decimal, duration, escape, rate, shortened};

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a b='1'>&\u{7}\n\""), "&lt;a b=&#39;1&#39;&gt;&amp; \n&quot;");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((count(0).as_str(), count(999).as_str()), ("0", "999"));
        assert_eq!(decimal(Some(-0.5)), "\u{2212}0.5000");
        assert_eq!(decimal(Some(1.5e-9)), "1.500e\u{2212}9");
        assert_eq!(rate(Some(1e-5)), "1e\u{2212}5");
        assert_eq!(rate(Some(0.01 / 3.0)), "0.00333");
        assert_eq!(rate(Some(1e-4 / 3.0)), "3.33e\u{2212}5");
        assert_eq!(duration(3725.0), "1 h 2 min");
        assert_eq!(shortened("abcdef", 4), "abc\u{2026}");
    }
}
