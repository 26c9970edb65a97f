//! Jobs on the machine: the arrays and launches that a C++ program is given too, and the same comparison.

use nosc_kernels::FloatVec;

use super::error::RunError;
use super::kernel::Kernel;
use super::machine::Machine;
use super::memory::{Handle, Memory, Rights};
use crate::cuda::{Comparison, Job};

/// What has been run, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launches {
    /// Arrays after each step, against the interpreter.
    pub comparison: Comparison,
    /// Kernels.
    pub kernels: u64,
    /// Threads of all launches.
    pub threads: u64,
    /// Instructions of all threads.
    pub instructions: u64,
}

/// Numbers at the start of a job, in their order.
struct Head {
    tensors: usize,
    states: usize,
    parameter_bytes: usize,
    gradient_bytes: usize,
    scalars: usize,
    steps: usize,
    chunks: u32,
    chunk_elements: u32,
    blocks: u32,
    threads: u32,
    row_bytes: usize,
}

/// Arrays of all tensors.
struct Arrays {
    memory: Memory,
    table: Handle,
    chunks: Handle,
    scalars: Handle,
    words: Handle,
    gradients: Vec<Handle>,
    /// In the order in which they are compared.
    written: Vec<Handle>,
}

impl Launches {
    /// Adds what has been run elsewhere.
    pub fn add(&mut self, other: Launches) {
        self.kernels += other.kernels;
        self.threads += other.threads;
        self.instructions += other.instructions;
        self.comparison.merge(other.comparison);
    }

    /// Carries out a job and compares all arrays after each step. A job that takes no step has none.
    ///
    /// # Errors
    ///
    /// The first fault of any thread.
    pub fn run(&mut self, kernel: &Kernel, job: &Job<'_>) -> Result<(), RunError> {
        self.kernels += 1;
        let Some((input, expected)) = job.prepared(0) else { return Ok(()) };
        let mut input = Input(&input);
        let head = Head::read(&mut input);
        let mut arrays = Arrays::read(&head, &mut input);
        let mut machine = Machine::new(kernel);
        let mut expected = expected.iter().enumerate();
        for _ in 0..head.steps {
            arrays.refill(&mut input);
            let result = arrays.launch(&head, &mut machine);
            (self.threads, self.instructions) =
                (self.threads + machine.threads(), self.instructions + machine.instructions());
            machine.forget();
            result?;
            self.comparison.launches += 1;
            for (handle, (place, wanted)) in arrays.written.iter().zip(expected.by_ref()) {
                let found =
                    FloatVec::from_le_bytes(wanted.element_type(), arrays.memory.bytes(*handle));
                self.comparison.add(job, place, wanted, &found);
            }
        }
        assert!(input.0.is_empty() && expected.next().is_none(), "not all of a job was used");
        Ok(())
    }
}

/// What is left of a job's bytes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes(4).try_into().unwrap())
    }
}

impl Head {
    fn read(input: &mut Input<'_>) -> Head {
        let _kernel = input.number();
        let mut size = || input.number() as usize;
        let (tensors, states, parameter_bytes) = (size(), size(), size());
        let (gradient_bytes, scalars, steps) = (size(), size(), size());
        let mut number = || input.number();
        Head {
            tensors,
            states,
            parameter_bytes,
            gradient_bytes,
            scalars,
            steps,
            chunks: number(),
            chunk_elements: number(),
            blocks: number(),
            threads: number(),
            row_bytes: number() as usize,
        }
    }
}

impl Arrays {
    /// What stands before the first step.
    fn read(head: &Head, input: &mut Input<'_>) -> Arrays {
        let mut memory = Memory::new();
        let (chunks, rows) = (input.bytes(head.chunks as usize * 8), head.tensors * head.row_bytes);
        let mut table = input.bytes(rows).to_vec();
        let (mut written, mut gradients) = (Vec::new(), Vec::new());
        for (number, row) in table.chunks_exact_mut(head.row_bytes).enumerate() {
            let length = u64::from_le_bytes(row[16..24].try_into().unwrap()) as usize;
            let skipped = u64::from(input.number());
            let mut add = |name: &str, place: usize, element: usize, bytes: Option<&[u8]>| {
                let rights = if bytes.is_some() { Rights::Write } else { Rights::Read };
                // Any arrays of a tensor may be aligned where the others are not.
                let array = if place < 16 { place / 8 } else { place / 8 - 3 };
                let skipped = if number >> (array % 4) & 1 == 1 { 0 } else { skipped };
                let bytes = bytes.map_or_else(|| vec![0; length * element], <[u8]>::to_vec);
                let name = format!("{name} of tensor {number}");
                let handle = memory.add(&name, bytes, rights, skipped * element as u64);
                row[place..place + 8].copy_from_slice(&memory.address(handle).to_le_bytes());
                handle
            };
            let bytes = head.parameter_bytes;
            written.push(add("parameters", 0, bytes, Some(input.bytes(length * bytes))));
            gradients.push(add("gradients", 8, head.gradient_bytes, None));
            for state in 0..head.states {
                let (name, place) = (format!("state {state}"), 40 + 8 * state);
                written.push(add(&name, place, 4, Some(input.bytes(length * 4))));
            }
        }
        let mut table_of = |name: &str, bytes: Vec<u8>| memory.add(name, bytes, Rights::Read, 0);
        let (table, chunks) = (table_of("tensors", table), table_of("chunks", chunks.to_vec()));
        let scalars = table_of("scalars", vec![0; head.scalars * 4]);
        let words = table_of("words", vec![0; 12]);
        Arrays { memory, table, chunks, scalars, words, gradients, written }
    }

    /// What every step has of its own.
    fn refill(&mut self, input: &mut Input<'_>) {
        for handle in [self.scalars, self.words].iter().chain(&self.gradients) {
            let bytes = self.memory.bytes_mut(*handle);
            bytes.copy_from_slice(input.bytes(bytes.len()));
        }
    }

    fn launch(&mut self, head: &Head, machine: &mut Machine<'_>) -> Result<(), RunError> {
        let address = |handle| self.memory.address(handle);
        let arguments = [
            address(self.table),
            address(self.chunks),
            head.chunks.into(),
            head.chunk_elements.into(),
            address(self.scalars),
            address(self.words),
        ];
        machine.launch(&mut self.memory, head.blocks, head.threads, &arguments)
    }
}
