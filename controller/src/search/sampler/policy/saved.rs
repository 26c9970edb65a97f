//! The bytes of a saved sampler.
//!
//! ```text
//! magic, version u32, identity [32]       of vocabulary, settings and seed
//! weights       count u64, f32 each
//! optimizer     length u64, its checkpoint
//! baseline      batches u64, mean f64, square f64
//! in flight     count u64, of each batch: first u64, strings u64, choices u16 each, log-probabilities f64 each
//! BLAKE3 of all before [32]
//! ```
//!
//! Numbers are little-endian. Nothing is read past the end, and no memory is taken for more than there is.

use super::baseline::Baseline;
use super::batch::Batch;
use crate::search::sampler::SamplerError;

const MAGIC: &[u8; 12] = b"nosc policy\n";
/// Version of the layout; another one is refused.
const VERSION: u32 = 1;
/// Bytes of a digest.
const DIGEST: usize = blake3::OUT_LEN;

/// What stands in the bytes. Batches have no masks yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Saved {
    pub(super) weights: Vec<f32>,
    pub(super) optimizer: Vec<u8>,
    pub(super) baseline: Baseline,
    pub(super) batches: Vec<Batch>,
}

fn refuse(reason: impl Into<String>) -> SamplerError {
    SamplerError::Saved { reason: reason.into() }
}

/// Bytes of a state. Strings have so many positions.
pub(super) fn write<'a>(
    identity: &[u8; DIGEST],
    weights: &[f32],
    optimizer: &[u8],
    baseline: &Baseline,
    batches: impl ExactSizeIterator<Item = &'a Batch>,
    positions: usize,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 * weights.len() + optimizer.len() + 1024);
    let length = |out: &mut Vec<u8>, length: usize| out.extend((length as u64).to_le_bytes());
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(identity);
    length(&mut out, weights.len());
    out.extend(weights.iter().flat_map(|weight| weight.to_le_bytes()));
    length(&mut out, optimizer.len());
    out.extend(optimizer);
    out.extend(baseline.batches.to_le_bytes());
    out.extend(baseline.mean.to_le_bytes());
    out.extend(baseline.square.to_le_bytes());
    length(&mut out, batches.len());
    for batch in batches {
        out.extend(batch.first.to_le_bytes());
        length(&mut out, batch.choices.len() / positions);
        out.extend(batch.choices.iter().flat_map(|choice| choice.to_le_bytes()));
        out.extend(batch.log_probabilities.iter().flat_map(|value| value.to_le_bytes()));
    }
    let digest = blake3::hash(&out);
    out.extend(digest.as_bytes());
    out
}

/// The state in some bytes of this identity.
pub(super) fn read(
    bytes: &[u8],
    identity: &[u8; DIGEST],
    positions: usize,
) -> Result<Saved, SamplerError> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(refuse("it is not of the policy"));
    };
    let Some((body, digest)) = bytes.split_last_chunk::<DIGEST>() else {
        return Err(refuse("it is cut off"));
    };
    let mut reader = Reader(rest);
    let version = u32::from_le_bytes(reader.array()?);
    if version != VERSION {
        return Err(refuse(format!("its layout is {version}, this version reads {VERSION}")));
    }
    if blake3::hash(body).as_bytes() != digest {
        return Err(refuse("it is cut off or damaged: its digest differs"));
    }
    if reader.array::<DIGEST>()? != *identity {
        return Err(refuse("it is of another space, other settings or another seed"));
    }
    let count = reader.count(4)?;
    let weights = reader.numbers(count, f32::from_le_bytes)?;
    let length = reader.count(1)?;
    let optimizer = reader.take(length)?.to_vec();
    let baseline = Baseline {
        batches: u64::from_le_bytes(reader.array()?),
        mean: f64::from_le_bytes(reader.array()?),
        square: f64::from_le_bytes(reader.array()?),
    };
    let mut batches = Vec::new();
    for _ in 0..reader.count(2 * size_of::<u64>())? {
        let first = u64::from_le_bytes(reader.array()?);
        let tokens = reader.count((2 + 8) * positions)? * positions;
        let choices = reader.numbers(tokens, u16::from_le_bytes)?;
        let log_probabilities = reader.numbers(tokens, f64::from_le_bytes)?;
        batches.push(Batch { first, choices, log_probabilities, ..Batch::default() });
    }
    if reader.0.len() != DIGEST {
        return Err(refuse("there is more in it than it says"));
    }
    Ok(Saved { weights, optimizer, baseline, batches })
}

/// What is not yet read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], SamplerError> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or_else(|| refuse("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SamplerError> {
        let (taken, rest) =
            self.0.split_first_chunk::<N>().ok_or_else(|| refuse("it is cut off"))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A number of things that have at least so many bytes each: no more than there can be.
    fn count(&mut self, size: usize) -> Result<usize, SamplerError> {
        let count = u64::from_le_bytes(self.array()?);
        let most = self.0.len() / size;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= most)
            .ok_or_else(|| refuse("it is cut off"))
    }

    fn numbers<T, const N: usize>(
        &mut self,
        count: usize,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, SamplerError> {
        let bytes = self.take(count * N)?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect())
    }
}
