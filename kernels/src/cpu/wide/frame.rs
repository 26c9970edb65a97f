//! What stands where in the stack frame.
//!
//! ```text
//! sp ─► caller's stack pointer, place of the rest, block number, mode │ uniform values, picked words │
//!       array pointers │ rests of arrays │ spilled registers
//! ```

/// The caller's stack pointer.
pub(super) const CALLER: i32 = 0;
/// Index of the first element of the rest.
pub(super) const REST: i32 = 8;
/// Number of the first block of a pass, 64 bits.
pub(super) const BLOCK: i32 = 16;
/// The caller's floating-point mode (MXCSR), and the usual one.
pub(super) const MODE: i32 = 24;
pub(super) const USUAL_MODE: i32 = 28;
/// Bytes of these.
pub(super) const FIXED: u32 = 64;

/// The largest frame. A thread of a pool may have little stack left.
pub(super) const MAX_FRAME: u32 = 64 << 10;
