//! What the classes look like: a signed distance to the edge of each figure.
//!
//! A figure lies in its own coordinates, `u` to the right and `v` down, mostly within distance 1 of
//! (0, 0). The distance is negative inside. It is exact near straight edges and round ones, and
//! elsewhere close enough for the width of a pixel. Functions use `+ - * /`, comparisons and square
//! roots only, so they give the same bits on every machine.

/// Cosine of 30 degrees, for triangles.
const COS_30: f32 = 0.866_025_4;
/// Half of the square root of 2, for slanted stripes.
const COS_45: f32 = 0.707_106_77;
/// Textures fill a square of this half side.
const WINDOW: f32 = 0.95;

/// A class: its name and its figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) figure: Figure,
}

/// How a figure is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Figure {
    /// One outline, in any orientation.
    Outline(fn(f32, f32) -> f32),
    /// Something that repeats, seen through a square. Its direction is that of the class, so it is
    /// turned by little. Coordinates are in periods.
    Texture(fn(f32, f32) -> f32),
}

impl Figure {
    /// Distance of (u, v) to the edge; textures repeat after `period`.
    pub(super) fn distance(self, u: f32, v: f32, period: f32) -> f32 {
        match self {
            Self::Outline(distance) => distance(u, v),
            Self::Texture(distance) => {
                let texture = distance(u / period, v / period) * period;
                texture.max(square(u, v, WINDOW))
            }
        }
    }
}

const fn outline(name: &'static str, distance: fn(f32, f32) -> f32) -> Class {
    Class { name, figure: Figure::Outline(distance) }
}

const fn texture(name: &'static str, distance: fn(f32, f32) -> f32) -> Class {
    Class { name, figure: Figure::Texture(distance) }
}

/// All classes in the order of their labels. A data set of n classes has the first n.
pub(super) const CLASSES: [Class; 20] = [
    outline("disc", |u, v| length(u, v) - 0.8),
    outline("ring", |u, v| (length(u, v) - 0.65).abs() - 0.2),
    outline("square", |u, v| square(u, v, 0.7)),
    outline("triangle", |u, v| triangle(u, v, 0.5)),
    outline("cross", |u, v| bar(u, v, 0.9, 0.27).min(bar(v, u, 0.9, 0.27))),
    texture("level stripes", |_, v| band(v)),
    texture("upright stripes", |u, _| band(u)),
    texture("rising stripes", |u, v| band((u + v) * COS_45)),
    texture("checker", checker),
    texture("dots", |u, v| length(centred(u), centred(v)) - 0.3),
    texture("falling stripes", |u, v| band((u - v) * COS_45)),
    outline("bar", |u, v| bar(u, v, 0.95, 0.3)),
    outline("crescent", |u, v| (length(u, v) - 0.85).max(0.7 - length(u - 0.4, v))),
    outline("frame", |u, v| (square(u, v, 0.58)).abs() - 0.17),
    outline("star", |u, v| triangle(u, v, 0.45).min(triangle(u, -v, 0.45))),
    texture("grid", |u, v| (0.2 - centred(u).abs().max(centred(v).abs())).max(-0.3)),
    outline("half disc", |u, v| (length(u, v + 0.35) - 0.9).max(-0.35 - v)),
    texture("zigzag", |u, v| band((v + centred(u).abs()) * COS_45)),
    outline("ell", |u, v| bar(u, v - 0.55, 0.8, 0.25).min(bar(v, u + 0.55, 0.8, 0.25))),
    outline("tee", |u, v| bar(u, v + 0.55, 0.8, 0.25).min(bar(v, u, 0.8, 0.25))),
];

fn length(u: f32, v: f32) -> f32 {
    (u * u + v * v).sqrt()
}

fn square(u: f32, v: f32, half: f32) -> f32 {
    bar(u, v, half, half)
}

/// A rectangle around (0, 0), of which half the length and half the breadth are given.
fn bar(u: f32, v: f32, along: f32, across: f32) -> f32 {
    (u.abs() - along).max(v.abs() - across)
}

/// Three equal sides around (0, 0), each at this distance.
fn triangle(u: f32, v: f32, half: f32) -> f32 {
    let slanted = COS_30 * u.abs() - 0.5 * v;
    slanted.max(v) - half
}

/// The distance to the nearest whole number and a half, with its sign: -0.5 to 0.5, repeating.
fn centred(x: f32) -> f32 {
    // Figures stay far within +-4096, where the sum is positive and the cast rounds down.
    let shifted = x + 4096.0;
    shifted - (shifted as u32) as f32 - 0.5
}

/// Stripes as broad as the gaps between them.
fn band(x: f32) -> f32 {
    centred(x).abs() - 0.25
}

fn checker(u: f32, v: f32) -> f32 {
    let (u, v) = (band(u), band(v));
    let nearest = u.abs().min(v.abs());
    if (u < 0.0) == (v < 0.0) { -nearest } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, Class, Figure, centred};

    #[test]
    fn names_are_all_different() {
        for (index, class) in CLASSES.iter().enumerate() {
            assert!(CLASSES[..index].iter().all(|other| other.name != class.name));
        }
    }

    #[test]
    fn a_figure_has_an_inside_and_an_outside_and_stays_in_its_place() {
        for Class { name, figure } in CLASSES {
            let mut inside = 0;
            for index in 0..6561_u16 {
                let [u, v] = [index % 81, index / 81].map(|i| f32::from(i) / 40.0 - 1.0);
                inside += u32::from(figure.distance(u, v, 0.5) < 0.0);
            }
            assert!((900..5000).contains(&inside), "{name}: {inside} of 6561");
            for (u, v) in [(1.5, 0.0), (-1.5, 0.0), (0.0, 1.5), (0.0, -1.5), (1.2, 1.2)] {
                assert!(figure.distance(u, v, 0.5) > 0.0, "{name} at {u}, {v}");
            }
        }
    }

    #[test]
    fn textures_repeat_and_outlines_do_not_ask_for_a_period() {
        for Class { name, figure } in CLASSES {
            let (one, other) =
                (figure.distance(0.11, 0.23, 0.25), figure.distance(0.11, 0.23, 0.4));
            match figure {
                Figure::Outline(_) => assert_eq!(one, other, "{name}"),
                Figure::Texture(distance) => {
                    // Slanted stripes repeat along their own direction.
                    let is_slanted =
                        ["rising stripes", "falling stripes", "zigzag"].contains(&name);
                    let step = if is_slanted { 2.0_f32.sqrt() } else { 1.0 };
                    assert!(
                        (distance(0.3, 0.2) - distance(0.3, 0.2 + step)).abs() < 2e-3,
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn whole_numbers_are_farthest_from_the_centre() {
        assert_eq!([0.0, 0.25, 0.5, 0.75, -0.25].map(centred), [-0.5, -0.25, 0.0, 0.25, 0.25]);
    }
}
