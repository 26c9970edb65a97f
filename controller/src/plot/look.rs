//! How a picture looks: as a document of its own, or within a page that has the colours.

/// Where a picture stands, and how large its plot area is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// On its own: colours stand in it, the background is white.
    Document,
    /// Within a page: colours are those of [`PAGE_STYLE`], light or dark.
    Page(Size),
}

/// Size of a picture within a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// As wide as the page.
    Wide,
    /// Two fit beside each other.
    Half,
}

const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// Style rules for the pictures of a page. Colours are those of Okabe and Ito, lighter on a dark page.
pub const PAGE_STYLE: &str = "\
svg text { fill: var(--ink); }
svg .grid { stroke: var(--line); }
svg .frame { stroke: var(--muted); }
svg .s0 { stroke: #0072b2; } svg .f0 { fill: #0072b2; }
svg .s1 { stroke: #d55e00; } svg .f1 { fill: #d55e00; }
svg .s2 { stroke: #009e73; } svg .f2 { fill: #009e73; }
svg .s3 { stroke: #cc79a7; } svg .f3 { fill: #cc79a7; }
svg .s4 { stroke: #e69f00; } svg .f4 { fill: #e69f00; }
svg .s5 { stroke: #56b4e9; } svg .f5 { fill: #56b4e9; }
svg .s6 { stroke: var(--ink); } svg .f6 { fill: var(--ink); }
@media (prefers-color-scheme: dark) {
  svg .s0 { stroke: #4aa8e0; } svg .f0 { fill: #4aa8e0; }
  svg .s1 { stroke: #f0803c; } svg .f1 { fill: #f0803c; }
  svg .s2 { stroke: #2fbf95; } svg .f2 { fill: #2fbf95; }
}
";

impl Look {
    /// Width and height of the plot area, pixels.
    pub(super) fn area(self) -> (f64, f64) {
        match self {
            Look::Document => (620.0, 400.0),
            Look::Page(Size::Wide) => (650.0, 320.0),
            Look::Page(Size::Half) => (280.0, 190.0),
        }
    }

    /// Where the plot area begins: beside it is room for the numbers of the axis and its label.
    pub(super) fn left(self) -> f64 {
        match self {
            Look::Document => 84.0,
            Look::Page(_) => 72.0,
        }
    }

    /// At most so many intervals of an axis have ticks.
    pub(super) fn intervals(self) -> i32 {
        if self == Look::Page(Size::Half) { 5 } else { 8 }
    }

    /// Attributes of the line of this index.
    pub(super) fn stroke(self, index: usize) -> String {
        let dash = DASHES[index / COLOURS.len() % DASHES.len()];
        let colour = self.series(index);
        format!("{colour} stroke-width=\"2\" stroke-dasharray=\"{dash}\" fill=\"none\"")
    }

    /// Attributes of so many dots, which are strokes with round ends and no length; many are smaller.
    pub(super) fn dots(self, index: usize, count: usize) -> String {
        let (colour, width) = (self.series(index), if count > 2000 { 3 } else { 5 });
        format!(
            "{colour} stroke-width=\"{width}\" stroke-linecap=\"round\" stroke-opacity=\"0.7\" \
             fill=\"none\""
        )
    }

    fn series(self, index: usize) -> String {
        let index = index % COLOURS.len();
        match self {
            Look::Document => format!("stroke=\"{}\"", COLOURS[index]),
            Look::Page(_) => format!("class=\"s{index}\""),
        }
    }

    /// Attributes of grid lines.
    pub(super) fn grid(self) -> &'static str {
        match self {
            Look::Document => "stroke=\"#ddd\"",
            Look::Page(_) => "class=\"grid\"",
        }
    }

    /// Attributes of the frame around the plot area.
    pub(super) fn frame(self) -> &'static str {
        match self {
            Look::Document => "stroke=\"#888\"",
            Look::Page(_) => "class=\"frame\"",
        }
    }

    /// The outer element of a picture of this size; `title` is markup.
    pub(super) fn opening(self, width: f64, height: f64, title: &str) -> String {
        match self {
            Look::Document => format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
                 width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
                 font-family=\"'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\" fill=\"#222\">\n\
                 <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
            ),
            Look::Page(_) => format!(
                "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
                 height=\"{height:.0}\" role=\"img\">\n<title>{title}</title>\n"
            ),
        }
    }
}
