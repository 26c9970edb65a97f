//! Sizes of the net, and where each of its tensors lies in the flat array of weights.

use std::ops::Range;

use nosc_compiler::space::Vocabulary;

use crate::random::Random;
use crate::search::sampler::SamplerError;

/// Most weights of a net: 256 MiB with their gradient and the state of Adam.
pub const MAX_WEIGHTS: usize = 1 << 24;

/// The stream of random numbers that the weights start from.
const STREAM: u64 = 0x7765_6967_6874_7300;

/// A tensor of the net.
///
/// | tensor | dimensions | what it is |
/// |---|---|---|
/// | `start` | `[4 hidden]` | what reaches the gates at the first position |
/// | `bias` | `[4 hidden]` | what reaches them at every position |
/// | `recurrent` | `[hidden, 4 hidden]` | from the layer's output at the position before |
/// | `token.p` | `[width, 4 hidden]` | from the token chosen at position p, to position p + 1; not for the last one |
/// | `linear.p` | `[width, hidden]` | logits of position p from the layer's output |
/// | `logit.p` | `[width]` | their biases |
///
/// The last dimension varies fastest; the four gates follow each other in the order i, f, g, o. The tensors
/// follow each other without gaps: the first three, and then those of each position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The name above.
    pub name: String,
    /// Its dimensions.
    pub dimensions: Vec<usize>,
    /// Its elements in the flat array.
    pub range: Range<usize>,
}

/// Where the tensors of a position are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Choices of the position.
    pub(super) width: usize,
    /// Its first choice among those of all positions.
    pub(super) first: usize,
    /// Rows of its tokens; empty at the last position.
    pub(super) tokens: Range<usize>,
    pub(super) linear: Range<usize>,
    pub(super) bias: Range<usize>,
}

/// Sizes of a net, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) hidden: usize,
    pub(super) start: Range<usize>,
    pub(super) bias: Range<usize>,
    pub(super) recurrent: Range<usize>,
    pub(super) places: Vec<Place>,
    /// Weights of all tensors.
    pub(super) weights: usize,
}

impl Shape {
    /// The net for a vocabulary. `hidden` is checked already.
    pub(super) fn new(vocabulary: &Vocabulary, hidden: usize) -> Result<Self, SamplerError> {
        let gates = 4 * hidden;
        let (mut end, mut first) = (0, 0);
        let mut take = |length: usize| {
            let start = end;
            end += length;
            start..end
        };
        let (start, bias, recurrent) = (take(gates), take(gates), take(hidden * gates));
        let positions = vocabulary.positions();
        let mut place = |position: usize| {
            let width = vocabulary.width(position);
            let rows = if position + 1 < positions { width } else { 0 };
            let (tokens, linear) = (take(rows * gates), take(width * hidden));
            let place = Place { width, first, tokens, linear, bias: take(width) };
            first += width;
            place
        };
        let places: Vec<Place> = (0..positions).map(&mut place).collect();
        if end > MAX_WEIGHTS {
            let (setting, value) = ("weights of the policy", end as f64);
            let expected = "at most 16777216: fewer `hidden` units, groups or tokens";
            return Err(SamplerError::Setting { setting, value, expected });
        }
        Ok(Self { hidden, start, bias, recurrent, places, weights: end })
    }

    pub(super) fn gates(&self) -> usize {
        4 * self.hidden
    }

    pub(super) fn positions(&self) -> usize {
        self.places.len()
    }

    /// Choices of all positions.
    pub(super) fn choices(&self) -> usize {
        self.places.last().map_or(0, |place| place.first + place.width)
    }

    /// The tensors in the order of the flat array.
    pub(super) fn tensors(&self) -> Vec<Tensor> {
        let (hidden, gates) = (self.hidden, self.gates());
        let tensor = |name: String, dimensions: &[usize], range: &Range<usize>| Tensor {
            name,
            dimensions: dimensions.to_vec(),
            range: range.clone(),
        };
        let mut tensors = vec![
            tensor("start".to_owned(), &[gates], &self.start),
            tensor("bias".to_owned(), &[gates], &self.bias),
            tensor("recurrent".to_owned(), &[hidden, gates], &self.recurrent),
        ];
        for (position, place) in self.places.iter().enumerate() {
            if !place.tokens.is_empty() {
                let name = format!("token.{position}");
                tensors.push(tensor(name, &[place.width, gates], &place.tokens));
            }
            let name = format!("linear.{position}");
            tensors.push(tensor(name, &[place.width, hidden], &place.linear));
            tensors.push(tensor(format!("logit.{position}"), &[place.width], &place.bias));
        }
        tensors
    }

    /// Weights and biases at the start, all uniform in +- `bound`: numbers of one stream of the seed, in the
    /// order of the array.
    pub(super) fn initial_weights(&self, seed: u64, bound: f64) -> Vec<f32> {
        let (mut random, bound) = (Random::new(seed, STREAM), bound as f32);
        (0..self.weights).map(|_| random.between(-bound, bound)).collect()
    }
}
