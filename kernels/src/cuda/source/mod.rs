//! CUDA C source text for a rule: one kernel for any number of tensors.
//!
//! ```text
//! plan ─► [functions] uniform, block, element ─┐
//!     └► [arrays] loads and stores             ├► text of one kernel
//! ```
//!
//! The text includes nothing, so that NVRTC needs no folder of headers, and is made of the plan alone: no
//! name and no comment of the rule reaches it. Each operation is an intrinsic that rounds once, so a
//! compiler has nothing to contract and the results are the bits of the
//! [interpreter](crate::interpreter), any NaN standing for any other: `tests/suite/cuda.rs` holds that.

mod arrays;
mod functions;
#[cfg(test)]
mod tests;

use super::abi::THREADS;
use crate::plan::Rate;
use crate::{DecayKind, Edges, LoweredRule, Rounding};
use arrays::Arrays;
use functions::Functions;

/// CUDA C source with one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CudaSource {
    /// Name of the kernel: `nosc_`, the rule's key in hex, types of parameters and gradients, and how they are
    /// rounded, guarded or decayed where that makes a difference.
    pub symbol: String,
    /// The text, in ASCII. It includes no file.
    pub text: String,
}

/// The kernel of a rule. [`crate::cuda::abi`] says how it is called.
///
/// # Example
///
/// ```
/// use nosc_compiler::{Rule, canonical::CanonicalRule};
/// use nosc_kernels::{LoweredRule, cuda};
///
/// let rule = Rule::parse("g * sign(m)")?;
/// let source = cuda::source(&LoweredRule::new(CanonicalRule::new(&rule))?);
/// assert!(source.text.contains(&format!("\n{}(", source.symbol)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn source(lowered: &LoweredRule) -> CudaSource {
    let symbol = symbol(lowered);
    let (arrays, functions) = (Arrays::of(&lowered.plan), Functions::new(&lowered.plan));
    let mut text = HEAD.to_owned();
    if arrays.any_half() {
        text += "typedef unsigned short u16; // the bits of a number of 16 bits\n";
    }
    text += TYPES;
    text += &arrays.tensor_struct();
    text += CHUNK;
    text += &functions.text(&arrays);
    text += &kernel(&symbol, &arrays, &functions);
    CudaSource { symbol, text }
}

/// The name of a rule's kernel; equal names have equal texts.
pub(super) fn symbol(lowered: &LoweredRule) -> String {
    let key = lowered.canonical.key;
    let Edges { parameter, gradient, rounding, guarded, weight_decay } = lowered.edges;
    let rounding = if rounding == Rounding::Stochastic { "_stochastic" } else { "" };
    let guarded = if guarded { "_guarded" } else { "" };
    let decay = match weight_decay {
        DecayKind::None => "",
        DecayKind::L2 => "_l2",
        DecayKind::Decoupled => "_decoupled",
    };
    format!("nosc_{key}_{parameter}_{gradient}{rounding}{guarded}{decay}")
}

fn kernel(symbol: &str, arrays: &Arrays, functions: &Functions<'_>) -> String {
    let inner = "            ";
    let deep = "                ";
    let uniform = if functions.has(Rate::Uniform) {
        "        Uniform u;\n        uniform(scalars, words, tensor.id, u);\n"
    } else {
        ""
    };
    let mut out = format!(
        "extern \"C\" __global__ void __launch_bounds__({THREADS})
{symbol}(
    const Tensor *__restrict__ tensors, const Chunk *__restrict__ chunks, u32 chunk_count,
    u32 chunk_elements, const float *__restrict__ scalars, const u32 *__restrict__ words)
{{
    for (u64 index = blockIdx.x; index < chunk_count; index += gridDim.x) {{
        const Chunk chunk = chunks[index];
        const Tensor tensor = tensors[chunk.tensor];
        const u64 start = (u64)chunk.number * chunk_elements;
        if (start >= tensor.length) {{
            continue;
        }}
        const u64 rest = tensor.length - start;
        const u32 count = rest < chunk_elements ? (u32)rest : chunk_elements;
{pointers}        const bool aligned = {alignment};
{uniform}
        // Four elements a thread. Vectors are accessed where four elements are there and all arrays are
        // aligned; else the elements that are there, one by one.
        for (u32 at = 4 * threadIdx.x; at < count; at += 4 * blockDim.x) {{
            const u32 left = count - at;
            const bool whole = aligned && left >= 4;
            Element e0, e1, e2, e3;
",
        pointers = arrays.pointers("        "),
        alignment = arrays.alignment(),
    );
    if arrays.loads() {
        out += &format!("{inner}if (whole) {{\n{}{inner}}} else {{\n", arrays.load_vectors(deep));
        out += &format!(
            "{deep}// Lanes without an element go along with the first; nothing of them is stored.\n"
        );
        out += &format!("{deep}{}\n{deep}e1 = e2 = e3 = e0;\n", arrays.load_one(0));
        for lane in 1..4 {
            out += &format!("{deep}if (left > {lane}) {{ {} }}\n", arrays.load_one(lane));
        }
        out += &format!("{inner}}}\n");
    }
    out += &calls(functions, inner);
    out += &format!("{inner}if (whole) {{\n{}{inner}}} else {{\n", arrays.store_vectors(deep));
    out += &format!("{deep}{}\n", arrays.store_one(0));
    for lane in 1..4 {
        out += &format!("{deep}if (left > {lane}) {{ {} }}\n", arrays.store_one(lane));
    }
    out + &format!("{inner}}}\n        }}\n    }}\n}}\n")
}

/// The block and its four elements.
fn calls(functions: &Functions<'_>, indent: &str) -> String {
    let mut out = String::new();
    let u = if functions.has(Rate::Uniform) { "u, " } else { "" };
    let b = if functions.has(Rate::Block) { "b, " } else { "" };
    if functions.has(Rate::Block) {
        out += &format!("{indent}Block b;\n");
        out += &format!("{indent}block({u}(tensor.first_element + start + at) / 4, b);\n");
    }
    for lane in 0..4 {
        let number = if functions.picks() { format!("{lane}, ") } else { String::new() };
        out += &format!("{indent}element({u}{b}{number}e{lane});\n");
    }
    out
}

const HEAD: &str = "\
// Made by nosc. One step of an update rule over the elements of any number of tensors.
//
// Values are named as in the plan that `nosc compile --emit plan` shows: w, g and s0, s1, ... are elements
// of parameters, gradients and states, c0, c1, ... step scalars, v1, v2, ... what is computed, and k1,
// k2, ... constants. Each operation rounds once, to nearest even. Nothing may be contracted or approximated,
// and subnormal numbers are kept: compile without fast math.

";

const TYPES: &str = "\
typedef unsigned int u32;
typedef unsigned long long u64;

// Pointers come from a table, where the compiler does not see that they are to global memory.
#if defined(__CUDACC_RTC__) || defined(__NVCC__)
#define GLOBAL(pointer) __builtin_assume(__isGlobal(pointer))
#else
#define GLOBAL(pointer)
#endif

";

const CHUNK: &str = "\
// A row of the map of chunks: elements number * chunk_elements and on of a tensor.
struct Chunk {
    u32 tensor;
    u32 number;
};

";
