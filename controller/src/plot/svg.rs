//! The few SVG elements that a chart needs, as text. Coordinates are pixels from the top left.

/// Horizontal place of a text by its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Text of `size` pixels with its base line at (x, y). `markup` is escaped text or `tspan`s.
pub(super) fn text((x, y): (f64, f64), anchor: Anchor, size: u32, markup: &str) -> String {
    let anchor = anchor_name(anchor);
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">\
         {markup}</text>\n"
    )
}

/// Text centred on (x, y) that is read from below to above.
pub(super) fn upright_text((x, y): (f64, f64), size: u32, markup: &str) -> String {
    format!(
        "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\" \
         font-size=\"{size}\">{markup}</text>\n"
    )
}

/// A straight line with these stroke attributes.
pub(super) fn segment((x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str) -> String {
    format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {stroke}/>\n")
}

/// A line through points.
pub(super) fn polyline(points: &[(f64, f64)], stroke: &str) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let points = points.join(" ");
    format!("<polyline {stroke} stroke-linejoin=\"round\" points=\"{points}\"/>\n")
}

/// A diagonal cross, the mark of an end that came too early.
pub(super) fn cross((x, y): (f64, f64), stroke: &str) -> String {
    format!("<path d=\"M{x:.1} {y:.1}m-5-5l10 10m0-10l-10 10\" {stroke}/>\n")
}

/// A small circle, the mark of a line of one point.
pub(super) fn circle((x, y): (f64, f64), stroke: &str) -> String {
    format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" {stroke}/>\n")
}

/// Dots on these whole pixels: lines without a length, whose ends are round.
pub(super) fn dots(points: &[(f64, f64)], stroke: &str) -> String {
    let dots: Vec<String> = points.iter().map(|(x, y)| format!("M{x:.0} {y:.0}h0")).collect();
    let dots = dots.concat();
    format!("<path {stroke} d=\"{dots}\"/>\n")
}

/// A filled rectangle with its top left at (x, y).
pub(super) fn bar((x, y): (f64, f64), (width, height): (f64, f64), fill: &str) -> String {
    format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {fill}/>\n"
    )
}

/// Plain text as markup. Control characters, most of which XML forbids, become spaces.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace(char::is_control, " ")
}

fn anchor_name(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a> & \u{1b}[0m"), "&lt;a&gt; &amp;  [0m");
    }
}
