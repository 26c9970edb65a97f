//! PTX on the processor: what NVRTC makes of the CUDA source, carried out thread by thread and compared with the
//! plan's interpreter bit for bit.
//!
//! ```text
//! text ─► [lexer] ─► [syntax] ─► [kernel] instructions with register numbers ─► [machine] ─► arrays
//!                                   └ [operations]: the table of all that are known   └ [memory]
//! job ─► [launches] arrays, arguments, launches ─► comparison, as for C++ programs
//! ```
//!
//! It knows what the kernels of nosc are made of and nothing else: a spelling, directive or operand that is not
//! known is an error with its line, never a guess. It checks what a device does not: registers that hold
//! nothing, bounds and alignment of accesses, what is written, and by how many threads.

mod error;
mod lexer;
mod syntax;
mod registers;
mod operations;
mod kernel;
mod memory;
mod machine;
mod launches;

pub use error::{Fault, Mistake, Refusal, RunError, TextError};
pub use kernel::Kernel;
pub use launches::Launches;
pub use machine::{MOST_INSTRUCTIONS, Machine};
pub use memory::{AccessFault, Handle, Memory, Rights, Span};
pub use operations::spellings;
pub use registers::Type;
