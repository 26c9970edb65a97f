//! One axis: the range that it covers, its tick marks, and where a value stands on it.

/// How values are laid out along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences have equal lengths.
    Linear,
    /// Equal ratios have equal lengths; values that are not positive stand at the low end.
    Log,
}

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: TickLabel,
}

/// What stands beside a tick.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TickLabel {
    /// A number.
    Plain(String),
    /// Ten to a power.
    PowerOfTen(i32),
}

/// An axis over a range of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    pub(super) ticks: Vec<Tick>,
}

/// A logarithmic axis shows no more decades than this below its high end.
const DECADES: i32 = 40;

impl Axis {
    /// The axis from `low` to `high`, widened to round numbers if it is logarithmic, with ticks for at most so many
    /// intervals.
    pub(super) fn new(scale: Scale, low: f64, high: f64, intervals: i32) -> Self {
        match scale {
            Scale::Linear => linear(low, if high > low { high } else { low + 1.0 }, intervals),
            Scale::Log => logarithmic(low, high.max(low), intervals),
        }
    }

    /// Where `value` stands: 0 at the low end, 1 at the high end.
    pub(super) fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value <= self.low => 0.0,
            Scale::Log => libm::log(value / self.low) / libm::log(self.high / self.low),
        }
    }
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten.
fn linear(low: f64, high: f64, intervals: i32) -> Axis {
    let rough = (high - low) / f64::from(intervals);
    let unit = ten_to(libm::floor(libm::log10(rough)) as i32);
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * unit);
    let step = step.filter(|step| *step >= rough * 0.999).fold(10.0 * unit, f64::min);
    let first = libm::ceil(low / step - 1e-9) as i64;
    let last = libm::floor(high / step + 1e-9) as i64;
    let decimals = if step < 1.0 { libm::ceil(-libm::log10(step)) as usize } else { 0 };
    let tick = |index: i64| {
        let value = index as f64 * step;
        Tick { value, label: TickLabel::Plain(format!("{value:.decimals$}")) }
    };
    Axis { scale: Scale::Linear, low, high, ticks: (first..=last).map(tick).collect() }
}

/// Ticks at powers of ten; at 1, 2 and 5 times them if there are fewer than two decades.
fn logarithmic(low: f64, high: f64, intervals: i32) -> Axis {
    let top = libm::ceil(libm::log10(high) - 1e-9) as i32;
    let bottom = libm::floor(libm::log10(low) + 1e-9) as i32;
    let bottom = bottom.clamp(top - DECADES, top - 1);
    if top - bottom <= 2 {
        return fine_logarithmic(low, high, bottom, top);
    }
    let step = (top - bottom + intervals - 1) / intervals;
    let plain = bottom >= -3 && top <= 4;
    let ticks = (bottom..=top).filter(|power| power % step == 0).map(|power| Tick {
        value: ten_to(power),
        label: if plain {
            TickLabel::Plain(format!("{}", ten_to(power)))
        } else {
            TickLabel::PowerOfTen(power)
        },
    });
    Axis { scale: Scale::Log, low: ten_to(bottom), high: ten_to(top), ticks: ticks.collect() }
}

fn fine_logarithmic(low: f64, high: f64, bottom: i32, top: i32) -> Axis {
    let marks = (bottom..=top)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * ten_to(power)))
        .collect::<Vec<f64>>();
    let floor = marks.iter().copied().filter(|mark| *mark <= low * 1.000_001);
    let floor = floor.fold(marks[0], f64::max);
    let ceiling = marks.iter().copied().filter(|mark| *mark >= high * 0.999_999 && *mark > floor);
    let ceiling = ceiling.fold(5.0 * ten_to(top), f64::min);
    let shown = marks.iter().filter(|mark| (floor..=ceiling).contains(*mark));
    let ticks = shown.map(|mark| Tick { value: *mark, label: TickLabel::Plain(number(*mark)) });
    Axis { scale: Scale::Log, low: floor, high: ceiling, ticks: ticks.collect() }
}

/// A number in at most a few characters.
pub(super) fn number(value: f64) -> String {
    if (1e-3..1e5).contains(&value.abs()) || value == 0.0 {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

fn ten_to(power: i32) -> f64 {
    if power < 0 { 1.0 / ten_to(-power) } else { libm::pow(10.0, f64::from(power)) }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Scale, TickLabel};

    fn values(axis: &Axis) -> Vec<f64> {
        axis.ticks.iter().map(|tick| tick.value).collect()
    }

    #[test]
    fn a_linear_axis_has_round_ticks_within_the_range() {
        let axis = Axis::new(Scale::Linear, 0.0, 4000.0, 8);
        assert_eq!(values(&axis), (0..=8).map(|i| f64::from(i) * 500.0).collect::<Vec<_>>());
        assert_eq!(axis.ticks[8].label, TickLabel::Plain("4000".to_owned()));
        let small = Axis::new(Scale::Linear, 0.13, 0.58, 8);
        let labels: Vec<_> = small.ticks.iter().map(|tick| tick.label.clone()).collect();
        assert_eq!(labels[0], TickLabel::Plain("0.2".to_owned()));
        assert_eq!(labels.len(), 4);
    }

    #[test]
    fn a_log_axis_has_powers_of_ten() {
        let axis = Axis::new(Scale::Log, 3e-9, 24.0, 8);
        assert_eq!((axis.low, axis.high), (1e-9, 100.0));
        assert!(axis.ticks.len() <= 9);
        assert_eq!(axis.position(1e-9), 0.0);
        assert_eq!(axis.position(0.0), 0.0);
        assert_eq!(axis.position(100.0), 1.0);
        assert_eq!(axis.ticks[0].label, TickLabel::PowerOfTen(-8));
    }

    #[test]
    fn a_short_log_axis_has_ticks_between_the_powers() {
        let axis = Axis::new(Scale::Log, 0.11, 2.3, 8);
        assert_eq!(values(&axis), [0.1, 0.2, 0.5, 1.0, 2.0, 5.0]);
    }

    #[test]
    fn one_value_and_extreme_ranges_have_an_axis() {
        for scale in [Scale::Linear, Scale::Log] {
            for (low, high) in [(1.0, 1.0), (3.0, 3.0), (5e-324, 1e300), (0.001, 1e12)] {
                let axis = Axis::new(scale, low, high, 8);
                assert!(axis.high > axis.low && axis.position(high).is_finite(), "{axis:?}");
                assert!((1..=12).contains(&axis.ticks.len()), "{axis:?}");
            }
        }
    }
}
