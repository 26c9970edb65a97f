//! One image: what is on it, drawn at random, and its pixels.
//!
//! ```text
//! background: a colour that changes evenly into another
//!   ► the figure: place, size, orientation, width, colour
//!   ► patches in front of it
//!   ► noise on every value ► rounded to k/255, as bytes would be
//! ```
//!
//! With the difficulty d, from 0 to 1, grow
//!
//! | what | from | to |
//! |---|---|---|
//! | noise, standard deviation | 0 | 0.28 |
//! | least distance of the figure's colour from the background's | 0.7 | 0.2 |
//! | least size, half the breadth over the side | 0.36 | 0.20 |
//! | squeezing, breadth over length at least | 1 | 0.6 |
//! | change of the background over the image | 0.2 | 0.8 |
//! | turning of textures, to both sides | 0 | 18 degrees |
//! | most patches | 0 | 4 |

use std::f32::consts::PI;

use super::figures::{Class, Figure};
use crate::random::Random;

/// Colours have three channels.
pub(super) const CHANNELS: usize = 3;

/// Bytes of a random number are added up by fours, which is near enough to a normal distribution.
/// A byte has the variance (256^2 - 1)/12, so the sum has this standard deviation.
const FOUR_BYTES_DEVIATION: f32 = 147.801_2;
const FOUR_BYTES_MEAN: f32 = 510.0;
/// How often a colour is drawn before the last one is taken, too close or not.
const COLOUR_DRAWS: u32 = 12;

type Colour = [f32; CHANNELS];

/// A place with an orientation and a scale: image coordinates to a figure's own.
#[derive(Debug, Clone, Copy)]
struct Frame {
    centre: [f32; 2],
    /// Cosine and sine of the turn.
    turn: [f32; 2],
    /// Half the breadth and half the length, in pixels.
    size: [f32; 2],
}

impl Frame {
    fn new(centre: [f32; 2], angle: f32, size: [f32; 2]) -> Self {
        Self { centre, turn: [libm::cosf(angle), libm::sinf(angle)], size }
    }

    fn locate(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let [cos, sin] = self.turn;
        ((x * cos + y * sin) / self.size[0], (y * cos - x * sin) / self.size[1])
    }

    /// How much of a pixel is covered, 0 to 1, at this distance from the edge.
    fn coverage(&self, distance: f32) -> f32 {
        (0.5 - distance * self.size[0].min(self.size[1])).clamp(0.0, 1.0)
    }
}

/// A rectangle in front of the figure.
#[derive(Debug, Clone, Copy)]
struct Patch {
    frame: Frame,
    colour: Colour,
}

/// Everything on one image but the noise.
#[derive(Debug)]
pub(super) struct Scene {
    side: usize,
    figure: Figure,
    frame: Frame,
    period: f32,
    colour: Colour,
    background: Colour,
    /// Change of the background for each pixel to the right and down.
    slope: [Colour; 2],
    patches: Vec<Patch>,
    noise: f32,
}

impl Scene {
    /// Draws what is on an image of `class`. The difficulty is from 0 to 1.
    pub(super) fn draw(random: &mut Random, class: Class, side: usize, difficulty: f32) -> Self {
        let extent = side as f32;
        let frame = figure_frame(random, class.figure, extent, difficulty);
        let period = random.between(0.5, 0.8);
        let background = colour(random);
        let colour = distant_colour(random, background, 0.7 - 0.5 * difficulty);
        let change = (0.2 + 0.6 * difficulty) / extent;
        let slope = [0, 1].map(|_| [0; CHANNELS].map(|_| random.between(-change, change)));
        let patches = (random.uniform() * (1.0 + 4.0 * difficulty)) as usize;
        let patches = (0..patches).map(|_| patch(random, extent)).collect();
        let noise = 0.28 * difficulty;
        Self {
            side,
            figure: class.figure,
            frame,
            period,
            colour,
            background,
            slope,
            patches,
            noise,
        }
    }

    /// Writes the pixels, plane after plane; noise comes from `random`.
    pub(super) fn paint(&self, random: &mut Random, image: &mut [f32]) {
        let side = self.side;
        for y in 0..side {
            for x in 0..side {
                let colour = self.colour_at(x, y);
                for (channel, value) in colour.into_iter().enumerate() {
                    image[channel * side * side + y * side + x] = value;
                }
            }
        }
        for values in image.chunks_mut(2) {
            let bytes = random.next_u64();
            for (value, bytes) in values.iter_mut().zip([bytes as u32, (bytes >> 32) as u32]) {
                let sum = bytes.to_le_bytes().map(u32::from).iter().sum::<u32>() as f32;
                let deviation = (sum - FOUR_BYTES_MEAN) / FOUR_BYTES_DEVIATION;
                *value = to_byte_grid(*value + self.noise * deviation);
            }
        }
    }

    fn colour_at(&self, x: usize, y: usize) -> Colour {
        let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
        let middle = self.side as f32 / 2.0;
        let [right, down] = &self.slope;
        let mut colour = self.background;
        for (channel, value) in colour.iter_mut().enumerate() {
            *value += right[channel] * (x - middle) + down[channel] * (y - middle);
        }
        let (u, v) = self.frame.locate(x, y);
        let distance = self.figure.distance(u, v, self.period);
        mix(&mut colour, self.colour, self.frame.coverage(distance));
        for patch in &self.patches {
            let (u, v) = patch.frame.locate(x, y);
            let distance = u.abs().max(v.abs()) - 1.0;
            mix(&mut colour, patch.colour, patch.frame.coverage(distance));
        }
        colour
    }
}

fn figure_frame(random: &mut Random, figure: Figure, extent: f32, difficulty: f32) -> Frame {
    let size = extent * random.between(0.36 - 0.16 * difficulty, 0.42);
    let squeezed = size * random.between(1.0 - 0.4 * difficulty, 1.0);
    let most = match figure {
        Figure::Outline(_) => PI,
        Figure::Texture(_) => PI / 10.0 * difficulty,
    };
    let angle = random.between(-most, most);
    let room = extent / 2.0 - 0.8 * size;
    let centre = [0; 2].map(|_| extent / 2.0 + random.between(-room, room));
    Frame::new(centre, angle, [squeezed, size])
}

fn patch(random: &mut Random, extent: f32) -> Patch {
    let centre = [0; 2].map(|_| extent * random.uniform());
    let angle = random.between(-PI, PI);
    let size = [0; 2].map(|_| extent * random.between(0.04, 0.16));
    Patch { frame: Frame::new(centre, angle, size), colour: colour(random) }
}

fn colour(random: &mut Random) -> Colour {
    [0; CHANNELS].map(|_| random.uniform())
}

/// A colour at least this far from another one, unless luck is very bad.
fn distant_colour(random: &mut Random, other: Colour, least: f32) -> Colour {
    let mut drawn = colour(random);
    for _ in 1..COLOUR_DRAWS {
        let square: f32 = drawn.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
        if square >= least * least {
            break;
        }
        drawn = colour(random);
    }
    drawn
}

fn mix(colour: &mut Colour, front: Colour, share: f32) {
    for (value, front) in colour.iter_mut().zip(front) {
        *value += share * (front - *value);
    }
}

/// The nearest k/255 with k from 0 to 255.
fn to_byte_grid(value: f32) -> f32 {
    let byte = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    f32::from(byte) / 255.0
}
