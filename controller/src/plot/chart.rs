//! A chart of lines over one pair of axes, written as SVG.
//!
//! The legend stands outside the plot, so it hides nothing. Colours are those of Okabe and Ito
//! (*Color Universal Design*, 2008), which people with colour-blindness tell apart, without the
//! yellow that is weak on white; where they run out, the lines are dashed.

use super::axis::{Axis, Scale, TickLabel};
use super::svg::{Anchor, circle, cross, escape, polyline, segment, text, upright_text};

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
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlotError {
    /// No line has a finite point (positive, on a logarithmic scale).
    #[error("nothing to plot: no line has a point that can be drawn")]
    NoPoints,
}

const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

const LEFT: f64 = 84.0;
const TOP: f64 = 52.0;
const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 400.0;
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
        let (x_axis, y_axis) = self.axes().ok_or(PlotError::NoPoints)?;
        let mut parts = vec![self.opening(), self.titles(), grid(&x_axis, &y_axis), frame()];
        for (index, line) in self.lines.iter().enumerate() {
            parts.push(curve(line, &stroke(index), &x_axis, &y_axis));
        }
        parts.push("</svg>\n".to_owned());
        parts.push(self.legend());
        parts.push("</svg>\n".to_owned());
        Ok(parts.concat())
    }

    /// Axes that cover all points that can be drawn.
    fn axes(&self) -> Option<(Axis, Axis)> {
        let is_on = |scale: Scale, value: f64| scale == Scale::Linear || value > 0.0;
        let is_shown = |(x, y): &(f64, f64)| is_on(self.x_scale, *x) && is_on(self.y_scale, *y);
        let points = |line| finite_points(line).filter(is_shown);
        let (x_low, x_high) = range(self.lines.iter().flat_map(points).map(|(x, _)| x))?;
        let (y_low, y_high) = range(self.lines.iter().flat_map(points).map(|(_, y)| y))?;
        let starts = self.lines.iter().filter_map(|line| points(line).next());
        let (_, start) = range(starts.map(|(_, y)| y))?;
        let limit = if start > 0.0 { start * HEADROOM } else { f64::INFINITY };
        let y_high = y_high.min(limit).max(y_low);
        Some((Axis::new(self.x_scale, x_low, x_high), Axis::new(self.y_scale, y_low, y_high)))
    }

    /// The outer element with a white background, wide enough for the legend.
    fn opening(&self) -> String {
        let longest = self.lines.iter().map(|line| line.label.chars().count()).max().unwrap_or(0);
        let legend_width = LEGEND_GAP + SAMPLE + 8.0 + longest as f64 * CHARACTER;
        let legend_height = self.lines.len() as f64 * LEGEND_ROW;
        let width = LEFT + WIDTH + legend_width + 16.0;
        let height = TOP + HEIGHT.max(legend_height) + BOTTOM;
        let title = escape(&self.title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
             font-family=\"'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\" fill=\"#222\">\n\
             <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        )
    }

    fn titles(&self) -> String {
        let (middle, centre) = (LEFT + WIDTH / 2.0, TOP + HEIGHT / 2.0);
        let below = (middle, TOP + HEIGHT + 46.0);
        [
            text((LEFT, TOP - 20.0), Anchor::Start, 17, &escape(&self.title)),
            text(below, Anchor::Middle, 13, &escape(&self.x_label)),
            upright_text((22.0, centre), 13, &escape(&self.y_label)),
        ]
        .concat()
    }

    fn legend(&self) -> String {
        let x = LEFT + WIDTH + LEGEND_GAP;
        let row = |(index, line): (usize, &Line)| {
            let y = TOP + 12.0 + index as f64 * LEGEND_ROW;
            let sample = segment((x, y), (x + SAMPLE, y), &stroke(index));
            let at = (x + SAMPLE + 8.0, y + 4.0);
            sample + &text(at, Anchor::Start, 13, &escape(&line.label))
        };
        self.lines.iter().enumerate().map(row).collect()
    }
}

/// Grid lines and tick labels of both axes.
fn grid(x_axis: &Axis, y_axis: &Axis) -> String {
    const STROKE: &str = "stroke=\"#ddd\"";
    let bottom = TOP + HEIGHT;
    let vertical = x_axis.ticks.iter().map(|tick| {
        let x = LEFT + WIDTH * x_axis.position(tick.value);
        let label = text((x, bottom + 19.0), Anchor::Middle, 12, &tick_markup(&tick.label));
        segment((x, TOP), (x, bottom), STROKE) + &label
    });
    let horizontal = y_axis.ticks.iter().map(|tick| {
        let y = TOP + HEIGHT * (1.0 - y_axis.position(tick.value));
        let label = text((LEFT - 8.0, y + 4.0), Anchor::End, 12, &tick_markup(&tick.label));
        segment((LEFT, y), (LEFT + WIDTH, y), STROKE) + &label
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
fn frame() -> String {
    let area = format!("x=\"{LEFT}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"");
    format!("<rect {area} fill=\"none\" stroke=\"#888\"/>\n<svg {area} overflow=\"hidden\">\n")
}

/// One line in the plot area, with a mark at its end if it needs one.
fn curve(line: &Line, stroke: &str, x_axis: &Axis, y_axis: &Axis) -> String {
    let drawn = thinned(finite_points(line).map(|(x, y)| {
        // A point far outside keeps its direction; nobody sees how far.
        let height = 1.0 - y_axis.position(y).clamp(-9.0, 9.0);
        (WIDTH * x_axis.position(x), HEIGHT * height)
    }));
    let Some(&(x, y)) = drawn.last() else {
        return String::new();
    };
    let mark = if line.is_cut_short {
        cross((x.clamp(6.0, WIDTH - 6.0), y.clamp(6.0, HEIGHT - 6.0)), stroke)
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

/// Stroke attributes of the line of this index.
fn stroke(index: usize) -> String {
    let colour = COLOURS[index % COLOURS.len()];
    let dash = DASHES[index / COLOURS.len() % DASHES.len()];
    format!("stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\" fill=\"none\"")
}

#[cfg(test)]
mod tests {
    use super::{Chart, Line, PlotError};
    use crate::plot::Scale;

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
        Line { label: "rule".to_owned(), points, is_cut_short: false }
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
}
