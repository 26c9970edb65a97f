//! The points that the tests start from: parameters and gradients of several sizes and all signs.
//!
//! Elements come in fours with the same sizes of parameter and gradient, one for each pair of signs. So
//! whatever is a function of the parameter alone, of the gradient's size alone or of neither has no slope at
//! all: over the four, its products with the gradient cancel. Only what goes with the gradient's sign descends.

use std::ops::Range;

/// Number of elements.
pub(super) const COUNT: usize = GROUPS * GROUP;
/// Groups, by the distance from the minimum: 1, 0.1, 0.01 and 0.001.
pub(super) const GROUPS: usize = 4;
/// Elements of a group: four curvatures, each with four pairs of signs.
const GROUP: usize = 16;

const DISTANCES: [f32; GROUPS] = [1.0, 1e-1, 1e-2, 1e-3];
const CURVATURES: [f32; 4] = [1.0, 0.7, 0.4, 0.2];
const SIZES: [f32; 4] = [0.1, 1.0, 0.03, 0.3];

/// One value for each element.
pub(super) type Points = [f32; COUNT];

/// The elements of a group.
pub(super) fn group(group: usize) -> Range<usize> {
    group * GROUP..(group + 1) * GROUP
}

/// Curvature of the loss along an element, 0.2 to 1.
pub(super) fn curvature(element: usize) -> f32 {
    CURVATURES[element % GROUP / 4]
}

/// Where the parameters start, -1 to 1.
pub(super) fn start() -> Points {
    std::array::from_fn(|element| {
        let sign = if element.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * SIZES[element % GROUP / 4]
    })
}

/// How far the start is from the minimum.
pub(super) fn distance() -> Points {
    std::array::from_fn(|element| {
        let sign = if (element / 2).is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * DISTANCES[element / GROUP]
    })
}
