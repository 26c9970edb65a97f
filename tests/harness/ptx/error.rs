//! Why a text is not taken, and what may go wrong in a run.

use thiserror::Error;

use super::memory::{AccessFault, Span};
use super::registers::Type;

/// A text that is not taken, and the line that is at fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {mistake}")]
pub struct TextError {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub mistake: Mistake,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// A character that starts nothing.
    #[error("nothing starts with {0:?}")]
    Character(char),
    /// A number that is none, or too large.
    #[error("`{0}` is no number")]
    Number(String),
    /// Something else was expected.
    #[error("expected {wanted}, found {found}")]
    Expected {
        /// What was expected.
        wanted: &'static str,
        /// What stands there.
        found: String,
    },
    /// A directive that is not known.
    #[error("directive `{0}` is not known")]
    Directive(String),
    /// An instruction that is not known, as it is spelled with its modifiers.
    #[error("instruction `{0}` is not known")]
    Instruction(String),
    /// An instruction that is known, and refused.
    #[error("instruction `{instruction}` is refused: it {reason}")]
    Refused {
        /// The instruction.
        instruction: String,
        /// Why.
        reason: Refusal,
    },
    /// Operands that do not fit the instruction.
    #[error("`{instruction}` takes {wanted} operands, found {found}")]
    Operands {
        /// The instruction.
        instruction: String,
        /// How many it takes.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// An operand that does not fit its type.
    #[error("expected an operand of type {wanted}, found {found}")]
    Operand {
        /// The type.
        wanted: Type,
        /// What stands there.
        found: String,
    },
    /// A name that was not declared.
    #[error("`{0}` is not declared")]
    Unknown(String),
    /// A name that was declared before.
    #[error("`{0}` is declared twice")]
    Twice(String),
    /// More than a kernel is expected to have.
    #[error("more than {0} registers")]
    Registers(u32),
}

/// Why an instruction is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// `.approx`
    #[error("approximates")]
    Approximates,
    /// `.ftz`
    #[error("flushes subnormal numbers")]
    Flushes,
    /// A load or store without a state space.
    #[error("accesses generic addresses")]
    Generic,
    /// A load or store of memory that kernels have no use for.
    #[error("accesses memory that is neither global nor a parameter")]
    Space,
    /// `call`
    #[error("calls a function")]
    Calls,
}

/// A run that was stopped, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("block {block}, thread {thread}, line {line}: {fault}")]
pub struct RunError {
    /// The block.
    pub block: u32,
    /// The thread in it.
    pub thread: u32,
    /// Line of the text.
    pub line: u32,
    /// What happened.
    pub fault: Fault,
}

/// What stops a run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// A register that holds nothing yet is read.
    #[error("a register is read that holds nothing")]
    Nothing,
    /// An access that the memory does not allow.
    #[error("{span}: {fault}")]
    Access {
        /// What was accessed.
        span: Span,
        /// Why it was not allowed.
        fault: AccessFault,
    },
    /// A thread goes on for too long.
    #[error("a thread takes more than {0} instructions")]
    Endless(u64),
    /// A thread runs past the last instruction.
    #[error("a thread runs past the end")]
    End,
    /// Arguments, or threads of a block, that the kernel does not take.
    #[error("the kernel takes {wanted} {what}, found {found}")]
    Launch {
        /// Arguments or threads.
        what: &'static str,
        /// How many it takes.
        wanted: u64,
        /// How many it was given.
        found: u64,
    },
}
