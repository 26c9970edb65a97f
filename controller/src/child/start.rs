//! How weights of nets of convolutions start.

use crate::random::Random;

/// Numbers that are uniform in `[-1/sqrt(n), 1/sqrt(n))`: what `PyTorch` gives a layer each of whose
/// outputs sums over n inputs. A number takes the upper 24 bits of the stream's next one.
pub(super) fn uniform(values: &mut [f32], n: usize, random: &mut Random) {
    let bound = 1.0 / libm::sqrt(n as f64);
    values.fill_with(|| ((2.0 * f64::from(random.uniform()) - 1.0) * bound) as f32);
}
