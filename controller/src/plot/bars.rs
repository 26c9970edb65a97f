//! Shares of named things as groups of horizontal bars, for a page.

use super::look::{Look, Size};
use super::svg::{Anchor, bar, escape, text};

/// Bars in groups: a group for each name, in it a bar for each series.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Above them.
    pub title: String,
    /// Names of the series, in the order of the bars.
    pub series: Vec<String>,
    /// The groups, from above to below.
    pub rows: Vec<BarRow>,
}

/// A group of bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarRow {
    /// Its name.
    pub label: String,
    /// A share for each series, 0 to 1.
    pub shares: Vec<f64>,
}

const LOOK: Look = Look::Page(Size::Half);
const WIDTH: f64 = 366.0;
const LEFT: f64 = 84.0;
/// Room for a share in words, on the right of the longest bar.
const RIGHT: f64 = 46.0;
const TOP: f64 = 44.0;
const BAR: f64 = 8.0;
const GAP: f64 = 8.0;
const LEGEND_ROW: f64 = 20.0;

impl Bars {
    /// The bars as an element of an HTML page whose style has [`PAGE_STYLE`](super::PAGE_STYLE). The longest fills the
    /// width; each has its share in percent beside it.
    pub fn to_page_svg(&self) -> String {
        let row_height = self.series.len() as f64 * BAR + GAP;
        let legend_top = TOP + self.rows.len() as f64 * row_height + 14.0;
        let height = legend_top + self.series.len() as f64 * LEGEND_ROW;
        let shares = self.rows.iter().flat_map(|row| &row.shares).copied();
        let longest = shares.filter(|share| share.is_finite()).fold(0.01, f64::max);
        let title = escape(&self.title);
        let mut out = LOOK.opening(WIDTH, height, &title);
        out += &text((0.0, 20.0), Anchor::Start, 15, &title);
        for (index, row) in self.rows.iter().enumerate() {
            let top = TOP + index as f64 * row_height;
            let middle = top + (row_height - GAP) / 2.0 + 4.0;
            out += &text((LEFT - 8.0, middle), Anchor::End, 12, &escape(&row.label));
            for (series, share) in row.shares.iter().take(self.series.len()).enumerate() {
                let y = top + series as f64 * BAR;
                out += &share_bar(y, series, *share, longest);
            }
        }
        for (series, name) in self.series.iter().enumerate() {
            let y = legend_top + series as f64 * LEGEND_ROW;
            out += &bar((LEFT, y), (22.0, BAR), &fill(series));
            out += &text((LEFT + 30.0, y + 8.0), Anchor::Start, 12, &escape(name));
        }
        out + "</svg>\n"
    }
}

fn share_bar(y: f64, series: usize, share: f64, longest: f64) -> String {
    let share = if share.is_finite() { share.clamp(0.0, longest) } else { 0.0 };
    let width = (WIDTH - LEFT - RIGHT) * share / longest;
    let label = format!("{:.1}\u{2009}%", 100.0 * share);
    let drawn = bar((LEFT, y), (width, BAR - 1.0), &fill(series));
    drawn + &text((LEFT + width + 4.0, y + 7.0), Anchor::Start, 8, &label)
}

fn fill(series: usize) -> String {
    format!("class=\"f{}\"", series % 7)
}

#[cfg(test)]
mod tests {
    use super::{BarRow, Bars};

    #[test]
    fn every_share_has_a_bar_and_a_number() {
        let row = |label: &str, shares: [f64; 2]| BarRow {
            label: label.to_owned(),
            shares: shares.to_vec(),
        };
        let bars = Bars {
            title: "tokens <>".to_owned(),
            series: vec!["first".to_owned(), "last".to_owned()],
            rows: vec![row("g", [0.5, 0.25]), row("<m>", [0.0, f64::NAN])],
        };
        let svg = bars.to_page_svg();
        assert_eq!(svg.matches("<rect").count(), 4 + 2);
        assert!(svg.contains(">50.0\u{2009}%<") && svg.contains("&lt;m&gt;"));
        assert!(svg.contains("width=\"236.0\"") && svg.contains("width=\"118.0\""));
        assert!(!svg.contains("NaN"));
    }
}
