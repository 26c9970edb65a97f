//! A chart of lines and dots over one pair of axes, written as SVG.
//!
//! The legend stands outside the plot, so it hides nothing: beside it in a document, below it in a page. Colours are those of Okabe and Ito
//! (*Color Universal Design*, 2008), which people with colour-blindness tell apart, without the
//! yellow that is weak on white; where they run out, the lines are dashed.

use std::collections::BTreeSet;

use super::axis::{Axis, Scale, TickLabel};
use super::look::{Look, Size};
use super::svg::{Anchor, circle, cross, dots, escape, polyline, segment, text, upright_text};

/// A chart: titles, scales and lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above the plot.
    pub title: String,
    /// Below the plot: what x is, with its unit.
    pub x_label: String,
    /// Beside the plot: what y is, with its unit.
    pub y_label: String,
    /// Scale of x.
    pub x_scale: Scale,
    /// Scale of y.
    pub y_scale: Scale,
    /// Lines, in the order of the legend.
    pub lines: Vec<Line>,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub label: String,
    /// Points (x, y) in the order of x. Those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether the line ends before it should; its end is marked with a cross.
    pub is_cut_short: bool,
    /// How its points are drawn.
    pub style: Style,
}

/// How the points of a line are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// Joined by a line.
    #[default]
    Line,
    /// A dot each, in any order; of dots that are within a pixel of each other one is drawn.
    Dots,
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// No line has a finite point (positive, on a logarithmic scale).
    #[error("nothing to plot: no line has a point that can be drawn")]
    NoPoints,
}

const TOP: f64 = 52.0;
const BOTTOM: f64 = 62.0;
const LEGEND_GAP: f64 = 22.0;
const LEGEND_ROW: f64 = 22.0;
const SAMPLE: f64 = 30.0;
/// Room for a character of the legend, in pixels: wide enough for common sans-serif fonts.
const CHARACTER: f64 = 7.4;
/// y beyond this multiple of the highest first point of a line is cut off: one child that explodes
/// does not flatten the others.
const HEADROOM: f64 = 100.0;

impl Chart {
    /// The chart as a complete SVG document.
    ///
    /// # Errors
    ///
    /// [`PlotError::NoPoints`] if there is nothing to draw.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        self.draw(Look::Document)
    }

    /// The chart as an element of an HTML page whose style has [`PAGE_STYLE`](super::PAGE_STYLE).
    ///
    /// # Errors
    ///
    /// [`PlotError::NoPoints`] if there is nothing to draw.
    pub fn to_page_svg(&self, size: Size) -> Result<String, PlotError> {
        self.draw(Look::Page(size))
    }

    fn draw(&self, look: Look) -> Result<String, PlotError> {
        let axes = self.axes(look).ok_or(PlotError::NoPoints)?;
        let mut parts = vec![self.opening(look), self.titles(look), grid(look, &axes), frame(look)];
        for (index, line) in self.lines.iter().enumerate() {
            parts.push(match line.style {
                Style::Line => curve(line, look, index, &axes),
                Style::Dots => {
                    let points = scattered(line, look, &axes);
                    dots(&points, &look.dots(index, points.len()))
                }
            });
        }
        parts.push("</svg>\n".to_owned());
        parts.push(self.legend(look));
        parts.push("</svg>\n".to_owned());
        Ok(parts.concat())
    }

    /// Axes that cover all points that can be drawn.
    fn axes(&self, look: Look) -> Option<Axes> {
        let is_on = |scale: Scale, value: f64| scale == Scale::Linear || value > 0.0;
        let is_shown = |(x, y): &(f64, f64)| is_on(self.x_scale, *x) && is_on(self.y_scale, *y);
        let points = |line| finite_points(line).filter(is_shown);
        let x = range(self.lines.iter().flat_map(points).map(|(x, _)| x))?;
        let (y_low, y_high) = range(self.lines.iter().flat_map(points).map(|(_, y)| y))?;
        let starts = self.lines.iter().filter_map(|line| points(line).next());
        let (_, start) = range(starts.map(|(_, y)| y))?;
        let limit = if self.y_scale == Scale::Log { start * HEADROOM } else { f64::INFINITY };
        let y = (y_low, y_high.min(limit).max(y_low));
        let has_dots = self.lines.iter().any(|line| line.style == Style::Dots);
        let axis = |scale: Scale, (low, high): (f64, f64)| {
            let margin = match scale {
                Scale::Log => 0.0,
                // A single value stands in the middle.
                Scale::Linear if low == high && low == libm::round(low) => 1.0,
                Scale::Linear if low == high => low.abs() * 0.1,
                // Dots at the edge are not cut in half.
                Scale::Linear => {
                    if has_dots {
                        (high - low) * 0.02
                    } else {
                        0.0
                    }
                }
            };
            Axis::new(scale, low - margin, high + margin, look.intervals())
        };
        Some(Axes { x: axis(self.x_scale, x), y: axis(self.y_scale, y) })
    }

    /// The outer element, with room for the legend.
    fn opening(&self, look: Look) -> String {
        let (width, height) = look.area();
        let title = escape(&self.title);
        let legend_height = self.legend_rows(look) as f64 * LEGEND_ROW;
        match look {
            Look::Document => {
                let legend = LEGEND_GAP + self.legend_width();
                let height = TOP + height.max(legend_height) + BOTTOM;
                look.opening(look.left() + width + legend + 16.0, height, &title)
            }
            Look::Page(_) => {
                let height = TOP + height + BOTTOM + legend_height;
                look.opening(look.left() + width + 14.0, height, &title)
            }
        }
    }

    fn titles(&self, look: Look) -> String {
        let (width, height) = look.area();
        let left = look.left();
        let (middle, centre) = (left + width / 2.0, TOP + height / 2.0);
        let below = (middle, TOP + height + 46.0);
        let (title_x, title_size, label_x) = match look {
            Look::Document => (left, 17, 22.0),
            Look::Page(_) => (0.0, 15, 12.0),
        };
        [
            text((title_x, TOP - 20.0), Anchor::Start, title_size, &escape(&self.title)),
            text(below, Anchor::Middle, 13, &escape(&self.x_label)),
            upright_text((label_x, centre), 13, &escape(&self.y_label)),
        ]
        .concat()
    }

    /// Room for a sample and the longest name.
    fn legend_width(&self) -> f64 {
        let longest = self.lines.iter().map(|line| line.label.chars().count()).max();
        SAMPLE + 8.0 + longest.unwrap_or(0) as f64 * CHARACTER
    }

    /// Width of a column of a legend that has several.
    fn legend_column(&self) -> f64 {
        self.legend_width() + LEGEND_GAP
    }

    /// Rows of the legend: in a page as many columns as fit, and none for a single line, whose name is that of the axis.
    fn legend_rows(&self, look: Look) -> usize {
        let columns = match look {
            Look::Document => 1,
            Look::Page(_) if self.lines.len() < 2 => return 0,
            Look::Page(_) => libm::floor(look.area().0 / self.legend_column()).max(1.0) as usize,
        };
        self.lines.len().div_ceil(columns)
    }

    /// A sample and a name for each line, column by column.
    fn legend(&self, look: Look) -> String {
        let (width, height) = look.area();
        let rows = self.legend_rows(look);
        if rows == 0 {
            return String::new();
        }
        let (left, top) = match look {
            Look::Document => (look.left() + width + LEGEND_GAP, TOP + 12.0),
            Look::Page(_) => (look.left(), TOP + height + BOTTOM + 8.0),
        };
        let entry = |(index, line): (usize, &Line)| {
            let x = left + (index / rows) as f64 * self.legend_column();
            let y = top + (index % rows) as f64 * LEGEND_ROW;
            let sample = match line.style {
                Style::Line => segment((x, y), (x + SAMPLE, y), &look.stroke(index)),
                Style::Dots => dots(&[(x + SAMPLE / 2.0, y)], &look.dots(index, 1)),
            };
            let at = (x + SAMPLE + 8.0, y + 4.0);
            sample + &text(at, Anchor::Start, 13, &escape(&line.label))
        };
        self.lines.iter().enumerate().map(entry).collect()
    }
}

/// Both axes.
struct Axes {
    x: Axis,
    y: Axis,
}

/// Grid lines and tick labels of both axes.
fn grid(look: Look, axes: &Axes) -> String {
    let (width, height) = look.area();
    let left = look.left();
    let bottom = TOP + height;
    let vertical = axes.x.ticks.iter().map(|tick| {
        let x = left + width * axes.x.position(tick.value);
        let label = text((x, bottom + 19.0), Anchor::Middle, 12, &tick_markup(&tick.label));
        segment((x, TOP), (x, bottom), look.grid()) + &label
    });
    let horizontal = axes.y.ticks.iter().map(|tick| {
        let y = TOP + height * (1.0 - axes.y.position(tick.value));
        let label = text((left - 8.0, y + 4.0), Anchor::End, 12, &tick_markup(&tick.label));
        segment((left, y), (left + width, y), look.grid()) + &label
    });
    vertical.chain(horizontal).collect()
}

fn tick_markup(label: &TickLabel) -> String {
    const MINUS: &str = "\u{2212}";
    match label {
        TickLabel::Plain(number) => number.replace('-', MINUS),
        TickLabel::PowerOfTen(power) => {
            let power = power.to_string().replace('-', MINUS);
            format!("10<tspan dy=\"-5\" font-size=\"9\">{power}</tspan>")
        }
    }
}

/// Draws the frame and opens the plot area, an inner picture that cuts off what lies outside it.
fn frame(look: Look) -> String {
    let (width, height) = look.area();
    let left = look.left();
    let area = format!("x=\"{left}\" y=\"{TOP}\" width=\"{width}\" height=\"{height}\"");
    let stroke = look.frame();
    format!("<rect {area} fill=\"none\" {stroke}/>\n<svg {area} overflow=\"hidden\">\n")
}

/// Points in the pixels of the plot area. One far outside keeps its direction; nobody sees how far.
fn placed(line: &Line, look: Look, axes: &Axes) -> impl Iterator<Item = (f64, f64)> {
    let (width, height) = look.area();
    finite_points(line).map(move |(x, y)| {
        let down = 1.0 - axes.y.position(y).clamp(-9.0, 9.0);
        (width * axes.x.position(x), height * down)
    })
}

/// Dots on whole pixels, each once.
fn scattered(line: &Line, look: Look, axes: &Axes) -> Vec<(f64, f64)> {
    let pixel = |(x, y): (f64, f64)| (libm::round(x) as i32, libm::round(y) as i32);
    let pixels: BTreeSet<(i32, i32)> = placed(line, look, axes).map(pixel).collect();
    pixels.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).collect()
}

/// One line in the plot area, with a mark at its end if it needs one.
fn curve(line: &Line, look: Look, index: usize, axes: &Axes) -> String {
    let (width, height) = look.area();
    let stroke = &look.stroke(index);
    let drawn = thinned(placed(line, look, axes));
    let Some(&(x, y)) = drawn.last() else {
        return String::new();
    };
    let mark = if line.is_cut_short {
        cross((x.clamp(6.0, width - 6.0), y.clamp(6.0, height - 6.0)), stroke)
    } else if drawn.len() == 1 {
        circle((x, y), stroke)
    } else {
        String::new()
    };
    polyline(&drawn, stroke) + &mark
}

/// The points without those that are within half a pixel of the last one kept, but for the end.
fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut skipped = None;
    for (x, y) in points {
        let is_near = |(u, v): &(f64, f64)| (x - u).abs() < 0.5 && (y - v).abs() < 0.5;
        if kept.last().is_some_and(is_near) {
            skipped = Some((x, y));
        } else {
            kept.push((x, y));
            skipped = None;
        }
    }
    kept.extend(skipped);
    kept
}

fn finite_points(line: &Line) -> impl Iterator<Item = (f64, f64)> {
    line.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite())
}

/// Least and greatest value; none of no values.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

#[cfg(test)]
mod tests {
    use super::{Chart, Line, PlotError, Style};
    use crate::plot::look::Look;
    use crate::plot::{Scale, Size};

    fn chart(lines: Vec<Line>) -> Chart {
        Chart {
            title: "a < b & c".to_owned(),
            x_label: "step".to_owned(),
            y_label: "loss".to_owned(),
            x_scale: Scale::Linear,
            y_scale: Scale::Log,
            lines,
        }
    }

    fn line(points: Vec<(f64, f64)>) -> Line {
        Line { label: "rule".to_owned(), points, is_cut_short: false, style: Style::Line }
    }

    #[test]
    fn every_line_is_drawn_and_named() {
        let lines = (0..9).map(|i| line(vec![(0.0, 1.0), (10.0, 0.1 / f64::from(i + 1))]));
        let svg = chart(lines.collect()).to_svg().unwrap();
        assert_eq!(svg.matches("<polyline").count(), 9);
        assert_eq!(svg.matches(">rule</text>").count(), 9);
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
        assert!(svg.contains("<title>a &lt; b &amp; c</title>"));
        assert!(svg.contains("stroke-dasharray=\"7 3\""));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn points_that_cannot_be_drawn_are_left_out() {
        let points = vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, f64::INFINITY), (3.0, 0.0)];
        let svg = chart(vec![line(points)]).to_svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let nothing = chart(vec![line(vec![(0.0, 0.0), (1.0, f64::NAN)]), line(Vec::new())]);
        assert_eq!(nothing.to_svg(), Err(PlotError::NoPoints));
        assert_eq!(chart(Vec::new()).to_svg(), Err(PlotError::NoPoints));
    }

    #[test]
    fn a_long_flat_line_is_thinned_and_keeps_its_end() {
        let points = (0..100_000).map(|i| (f64::from(i), 1.0 + f64::from(i % 2) * 1e-6)).collect();
        let svg = chart(vec![line(points), line(vec![(0.0, 100.0)])]).to_svg().unwrap();
        assert!(svg.len() < 40_000, "{}", svg.len());
        assert!(svg.contains("620.0,"));
    }

    #[test]
    fn equal_ratios_of_x_have_equal_lengths_where_x_is_logarithmic() {
        let points = vec![(1e4, 1.0), (1e5, 2.0), (1e6, 1.0), (0.0, 1.0)];
        let svg = Chart { x_scale: Scale::Log, ..chart(vec![line(points)]) }.to_svg().unwrap();
        assert!(svg.contains("0.0,") && svg.contains("310.0,") && svg.contains("620.0,"), "{svg}");
    }

    #[test]
    fn one_that_explodes_is_cut_off_and_marked() {
        let mut exploded = line(vec![(0.0, 1.0), (1.0, 1e200)]);
        exploded.is_cut_short = true;
        let svg = chart(vec![exploded, line(vec![(0.0, 1.0), (9.0, 0.5)])]).to_svg().unwrap();
        assert!(svg.contains("<path"));
        assert!(!svg.contains("10<tspan"));
    }

    #[test]
    fn dots_are_drawn_once_a_pixel_and_never_cut_off() {
        let points = (0..100_000).map(|i| (f64::from(i % 100), f64::from(i % 7)));
        let dots = Line { style: Style::Dots, ..line(points.collect()) };
        let chart = Chart { y_scale: Scale::Linear, ..chart(vec![dots]) };
        let svg = chart.to_page_svg(Size::Wide).unwrap();
        let drawn = svg.matches("h0").count();
        assert!((600..=700).contains(&drawn), "{drawn}");
        assert!(!svg.contains("M0 ") && !svg.contains("M650 "));
    }

    #[test]
    fn within_a_page_the_style_has_the_colours() {
        let chart = chart(vec![line(vec![(0.0, 1.0), (9.0, 0.5)]), line(vec![(0.0, 2.0)])]);
        for size in [Size::Wide, Size::Half] {
            let svg = chart.to_page_svg(size).unwrap();
            assert!(!svg.contains('#') && !svg.contains("http") && svg.contains("class=\"s1\""));
            assert_eq!(svg.matches(">rule</text>").count(), 2);
        }
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        let flat = line(vec![(3.0, 0.5)]);
        let svg = Chart { y_scale: Scale::Linear, ..chart(vec![flat]) }.to_svg().unwrap();
        assert!(svg.contains("<circle cx=\"310.0\" cy=\"200.0\""), "{svg}");
    }

    #[test]
    fn a_legend_within_a_page_has_as_many_columns_as_fit() {
        let lines = |label: &str| {
            let line = line(vec![(0.0, 1.0), (1.0, 2.0)]);
            vec![Line { label: label.to_owned(), ..line }; 6]
        };
        let rows = |label: &str| chart(lines(label)).legend_rows(Look::Page(Size::Wide));
        assert_eq!((rows("short"), rows(&"w".repeat(30)), rows(&"w".repeat(90))), (1, 3, 6));
    }
}
