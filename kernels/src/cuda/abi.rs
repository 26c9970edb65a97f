//! How a kernel of [`super::source()`] is called: the one place that fixes order, layout and meaning of its
//! arguments.
//!
//! ```c
//! extern "C" __global__ void KERNEL(const Tensor *tensors, const Chunk *chunks,
//!                                   uint32_t chunk_count, uint32_t chunk_elements,
//!                                   const float *scalars, const uint32_t *words);
//! ```
//!
//! | argument         | is                                                                      |
//! |------------------|-------------------------------------------------------------------------|
//! | `tensors`        | the table of tensors: rows of [`tensor_bytes`] bytes                     |
//! | `chunks`         | the map of chunks: `chunk_count` rows of [`CHUNK_BYTES`] bytes            |
//! | `chunk_count`    | number of chunks                                                        |
//! | `chunk_elements` | elements of every chunk but the last of a tensor: a multiple of 4, at most [`MAX_CHUNK_ELEMENTS`] |
//! | `scalars`        | a float for each step scalar of the plan                                |
//! | `words`          | [`WORDS`] integers: low half of the seed, high half of it, step number modulo 2^32 |
//!
//! All four pointers are to global memory of the device. What changes with every step stands behind
//! `scalars` and `words`, so a captured graph is replayed with new contents of those and nothing else.
//! Numbers are little-endian. Blocks have at most [`THREADS`] threads in one dimension, and any number of
//! blocks is right: a block takes the chunks that are left over by the others.
//!
//! A row of `tensors` starts with [`Tensor`], whose addresses need the alignment of an element only;
//! those that are aligned to four elements (16 bytes of floats) are accessed by vectors. Arrays do not
//! overlap. An array that the plan does not use may be at address 0, and so may those of no element.
//!
//! | place     | bytes | of a row of `tensors`                                                       |
//! |-----------|-------|-----------------------------------------------------------------------------|
//! | 0         | 8     | address of the parameters                                                   |
//! | 8         | 8     | address of the gradients                                                    |
//! | 16        | 8     | number of elements                                                          |
//! | 24        | 8     | index of the first of them in the tensor, a multiple of 4; not 0 for parts  |
//! | 32        | 4     | tensor id: the second word of the random key is this xor the high half of the seed |
//! | 36        | 4     | 0                                                                           |
//! | 40 + 8*i  | 8     | address of state slot i                                                     |
//!
//! | place | bytes | of a row of `chunks`                                                     |
//! |-------|-------|-------------------------------------------------------------------------|
//! | 0     | 4     | row of the tensor                                                       |
//! | 4     | 4     | number of the chunk in it: elements from this times `chunk_elements`     |

/// Threads of a block, at most: the kernel's registers are allotted for these.
pub const THREADS: u32 = 256;

/// Neighbouring elements that a thread moves at a time.
pub const ELEMENTS_OF_A_THREAD: u32 = 4;

/// The largest number of elements of a chunk: places in it fit 32 bits with room for the last round.
pub const MAX_CHUNK_ELEMENTS: u32 = 1 << 30;

/// Elements of a chunk if there is no reason for another number: four rounds of a full block.
pub const LAUNCH_CHUNK_ELEMENTS: u32 = 4 * THREADS * ELEMENTS_OF_A_THREAD;

/// Number of integers behind `words`.
pub const WORDS: usize = 3;

/// Bytes of a row of the map of chunks.
pub const CHUNK_BYTES: usize = 8;

/// Bytes of a row of the table of tensors before the addresses of the states.
pub const TENSOR_HEAD_BYTES: usize = 40;

/// Bytes of a row of the table of tensors, for a kernel with this number of states.
pub const fn tensor_bytes(states: u16) -> usize {
    TENSOR_HEAD_BYTES + 8 * states as usize
}

/// A row of the table of tensors, without the addresses of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    /// Device address of the parameters.
    pub parameters: u64,
    /// Device address of the gradients.
    pub gradients: u64,
    /// Number of elements.
    pub length: u64,
    /// Index of the first of these elements in its tensor; a multiple of 4.
    pub first_element: u64,
    /// Which tensor it is, for random draws.
    pub id: u32,
}

impl Tensor {
    /// Adds the row to a table; `states` are the device addresses of all state slots, in order.
    pub fn write(&self, states: &[u64], table: &mut Vec<u8>) {
        for number in [self.parameters, self.gradients, self.length, self.first_element] {
            table.extend(number.to_le_bytes());
        }
        table.extend(self.id.to_le_bytes());
        table.extend(0_u32.to_le_bytes());
        table.extend(states.iter().flat_map(|address| address.to_le_bytes()));
    }
}

/// A row of the map of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Row of the tensor in its table.
    pub tensor: u32,
    /// Number of the chunk in the tensor, from 0.
    pub number: u32,
}

impl Chunk {
    /// Adds the row to a map.
    pub fn write(&self, map: &mut Vec<u8>) {
        map.extend(self.tensor.to_le_bytes());
        map.extend(self.number.to_le_bytes());
    }
}

/// The chunks of tensors of these lengths, tensor by tensor; none for one without elements. `None` if
/// there are more than 32 bits count, or if `chunk_elements` is not as the kernel takes it.
pub fn chunks(lengths: &[u64], chunk_elements: u32) -> Option<Vec<Chunk>> {
    let multiple = chunk_elements.is_multiple_of(ELEMENTS_OF_A_THREAD);
    if !multiple || chunk_elements == 0 || chunk_elements > MAX_CHUNK_ELEMENTS {
        return None;
    }
    u32::try_from(lengths.len()).ok()?;
    let counts = lengths.iter().map(|length| length.div_ceil(u64::from(chunk_elements)));
    let total = counts.clone().try_fold(0_u64, u64::checked_add)?;
    u32::try_from(total).ok()?;
    let of_tensor =
        |(tensor, count): (u32, u64)| (0..count as u32).map(move |number| Chunk { tensor, number });
    Some((0..).zip(counts).flat_map(of_tensor).collect())
}
