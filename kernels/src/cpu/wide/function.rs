//! The function around a vector program: arguments, loops, the last elements, the way out.
//!
//! ```text
//! entry:  save registers, take the frame, copy pointers
//! start:  [uniform]; constants into registers that are left
//! outer:  number of the block; [block]            with draws only
//! inner:  [element]; on to the next vector; again if a whole one is left, and after some, outer
//! stream: the same for many elements, which are asked for ahead of time
//! after:  if elements are left: copy them into the frame, let the pointers lead there, and once
//!         more through the loop; then copy them back
//! leave:  restore registers, return
//! ```
//!
//! So nothing outside the arrays is read or written.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::super::error::CpuError;
use super::assign::{FRAME, Generator, INDEX, PICKED, POOL, Pointers};
use super::encode::{Assembler, Forward, ODD_LANES};
use super::frame;
use super::program::{Op, Operation, Program, Width};
use super::rest::{self, RestMasks};
use super::select::select;
use crate::plan::{self, Plan, Written};

/// Whole elements that are left, less those of a vector.
pub(super) const LEFT: Register = Register::R11;
/// Number of elements of the rest, zero before it.
pub(super) const REST: Register = Register::R8;
/// Number of the next block.
const NEXT_BLOCK: Register = Register::R9;

/// Registers that belong to the caller.
const SAVED: [Register; 6] =
    [Register::RBX, Register::RBP, Register::R12, Register::R13, Register::R14, Register::R15];

/// Bytes ahead of the elements at hand that are asked for in a run of [`MANY`] elements. Fewer come
/// late, and more push out of the cache what is still needed.
const AHEAD: i64 = 3072;
/// Elements of which a run's arrays are taken to stream from memory.
const MANY: u32 = 16_384;
/// Operations above which asking costs nothing beside the rest, so that a second loop is not written.
const LONG: usize = 150;
const PAGE: u32 = 4096;

/// MXCSR as a program starts: exceptions masked, nearest even, no flushing.
const USUAL: u32 = 0x1f80;
/// Its bits but for the flags of exceptions that have happened.
const MODE_BITS: u32 = 0xffc0;

/// A kernel as bytes that run at any address that is a multiple of 64.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    /// Offset of the entry.
    pub(super) entry: usize,
    /// Offset of the first instruction; constants stand before it.
    pub(super) code: usize,
}

/// The machine code of a verified plan, with at most `registers` vector registers.
pub(super) fn write(plan: &Plan, width: Width, registers: usize) -> Result<Image, CpuError> {
    let mut program = select(plan, width);
    let masks = RestMasks::new(plan, width, &mut program.pool);
    let (mut bytes, origin) = program.pool.bytes();
    let mut frame = program.frame.next_multiple_of(64);
    let pointers = Pointers::new(plan, width, &mut frame);
    check_frame(frame)?;
    let assembler = Assembler::new(width, bytes.len())?;
    let generator = Generator::new(&program, assembler, pointers, frame, registers);
    let mut function = Function { plan, program: &program, generator, frame, masks };
    let start = function.generator.assembler.position();
    function.body()?;
    let entry = function.entry(start, origin)?;
    let start_of_code = bytes.len();
    bytes.extend(function.generator.assembler.finish(start_of_code));
    Ok(Image { bytes, entry, code: start_of_code })
}

fn check_frame(found: u32) -> Result<(), CpuError> {
    if found > frame::MAX_FRAME {
        return Err(CpuError::FrameTooLarge {
            found: u64::from(found),
            limit: u64::from(frame::MAX_FRAME),
        });
    }
    Ok(())
}

pub(super) struct Function<'p> {
    pub(super) plan: &'p Plan,
    program: &'p Program,
    pub(super) generator: Generator<'p>,
    /// Bytes of the frame that are not for spilled registers.
    frame: u32,
    pub(super) masks: RestMasks,
}

impl Function<'_> {
    fn lanes(&self) -> u32 {
        self.program.width.lanes()
    }

    /// Bytes of what a pass over blocks leaves for the elements to pick.
    fn picked_bytes(&self) -> u32 {
        self.program.block_vectors * 4 * self.program.width.bytes()
    }

    pub(super) fn push(
        &mut self,
        made: Result<Instruction, iced_x86::IcedError>,
    ) -> Result<(), CpuError> {
        self.generator.assembler.push(made)
    }

    fn ahead(&mut self, code: Code) -> Result<Forward, CpuError> {
        self.generator.assembler.jump_ahead(code)
    }

    fn body(&mut self) -> Result<(), CpuError> {
        let program = self.program;
        self.lane_mask()?;
        self.generator.part(&program.uniform, self.frame)?;
        let pairs = !program.pair.is_empty() && self.generator.fits(&program.pair);
        if !program.draws {
            self.generator.pin(if pairs { &program.pair } else { &program.element })?;
        }
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::EAX, Register::EAX))?;
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::R8D, Register::R8D))?;
        if program.draws {
            self.push(Instruction::with2(
                Code::Mov_r32_imm32,
                Register::R10D,
                self.picked_bytes(),
            ))?;
        }
        self.push(Instruction::with2(Code::Sub_rm64_imm8, LEFT, self.lanes()))?;
        let few = self.ahead(Code::Jb_rel32_64)?;

        let outer = self.generator.assembler.position();
        if program.draws {
            self.next_block()?;
        }
        let inner = if program.draws {
            self.drawing_loop(outer)?
        } else if pairs {
            self.pair_loop()?
        } else if program.element.len() > LONG {
            self.plain_loop(true)?
        } else {
            let lanes = self.lanes();
            self.push(Instruction::with2(Code::Cmp_rm64_imm32, LEFT, MANY - lanes))?;
            let many = self.ahead(Code::Jae_rel32_64)?;
            let inner = self.plain_loop(false)?;
            let after = self.ahead(Code::Jmp_rel32_64)?;
            self.generator.assembler.land(many);
            self.plain_loop(true)?;
            self.generator.assembler.land(after);
            inner
        };
        self.generator.assembler.land(few);
        self.after(outer, inner)
    }

    /// A loop over vectors of elements. Returns where it starts.
    fn plain_loop(&mut self, streams: bool) -> Result<usize, CpuError> {
        self.generator.assembler.align();
        let inner = self.generator.assembler.position();
        self.vector(streams)?;
        self.push(Instruction::with2(Code::Sub_rm64_imm8, LEFT, self.lanes()))?;
        self.generator.assembler.jump_back(Code::Jae_rel32_64, inner)?;
        Ok(inner)
    }

    /// A loop over pairs of vectors, then one over what is left. Returns where that starts.
    fn pair_loop(&mut self) -> Result<usize, CpuError> {
        let (one, two) = (self.lanes(), 2 * self.lanes());
        self.push(Instruction::with2(Code::Sub_rm64_imm8, LEFT, one))?;
        let single = self.ahead(Code::Jb_rel32_64)?;
        self.generator.assembler.align();
        let again = self.generator.assembler.position();
        self.prefetch(2)?;
        self.generator.part(&self.program.pair, self.frame)?;
        self.push(Instruction::with2(Code::Add_rm64_imm8, INDEX, two))?;
        self.push(Instruction::with2(Code::Sub_rm64_imm8, LEFT, two))?;
        self.generator.assembler.jump_back(Code::Jae_rel32_64, again)?;
        self.generator.assembler.land(single);
        // It carries if a whole vector is left.
        self.push(Instruction::with2(Code::Add_rm64_imm8, LEFT, one))?;
        let after = self.ahead(Code::Jae_rel32_64)?;
        let inner = self.plain_loop(false)?;
        self.generator.assembler.land(after);
        Ok(inner)
    }

    /// A loop over the vectors of elements that belong to the blocks at hand, with the way back to
    /// `outer` for the next blocks. Returns where it starts.
    fn drawing_loop(&mut self, outer: usize) -> Result<usize, CpuError> {
        self.generator.assembler.align();
        let inner = self.generator.assembler.position();
        self.vector(true)?;
        let (bytes, end) = (self.program.width.bytes(), self.picked_bytes());
        self.push(Instruction::with2(Code::Add_rm64_imm32, PICKED, bytes))?;
        self.push(Instruction::with2(Code::Cmp_rm64_imm32, PICKED, end))?;
        let ended = self.ahead(Code::Je_rel32_64)?;
        self.push(Instruction::with2(Code::Sub_rm64_imm8, LEFT, self.lanes()))?;
        self.generator.assembler.jump_back(Code::Jae_rel32_64, inner)?;
        let after = self.ahead(Code::Jmp_rel32_64)?;
        self.generator.assembler.land(ended);
        self.push(Instruction::with2(Code::Sub_rm64_imm8, LEFT, self.lanes()))?;
        self.generator.assembler.jump_back(Code::Jae_rel32_64, outer)?;
        self.generator.assembler.land(after);
        Ok(inner)
    }

    /// One vector of elements, and on to the next.
    fn vector(&mut self, streams: bool) -> Result<(), CpuError> {
        if streams {
            self.prefetch(1)?;
        }
        self.generator.part(&self.program.element, self.frame)?;
        self.push(Instruction::with2(Code::Add_rm64_imm8, INDEX, self.lanes()))
    }

    /// What comes when no whole vector is left.
    fn after(&mut self, outer: usize, inner: usize) -> Result<(), CpuError> {
        self.push(Instruction::with2(Code::Test_rm64_r64, REST, REST))?;
        let back = self.ahead(Code::Jne_rel32_64)?;
        self.push(Instruction::with2(Code::Add_rm64_imm8, LEFT, self.lanes()))?;
        let nothing = self.ahead(Code::Je_rel32_64)?;
        let place = MemoryOperand::with_base_displ(FRAME, i64::from(frame::REST));
        self.push(Instruction::with2(Code::Mov_rm64_r64, place, INDEX))?;
        rest::copy_in(self)?;
        self.push(Instruction::with2(Code::Mov_r64_rm64, REST, LEFT))?;
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::EAX, Register::EAX))?;
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::R11D, Register::R11D))?;
        if self.program.draws {
            self.push(Instruction::with2(Code::Cmp_rm64_imm32, PICKED, self.picked_bytes()))?;
            self.generator.assembler.jump_back(Code::Je_rel32_64, outer)?;
        }
        self.generator.assembler.jump_back(Code::Jmp_rel32_64, inner)?;
        self.generator.assembler.land(back);
        self.push(Instruction::with2(Code::Mov_r64_rm64, INDEX, place))?;
        rest::copy_back(self)?;
        self.generator.assembler.land(nothing);
        self.leave()
    }

    /// Sets the mask register of odd lanes, where operations use it.
    fn lane_mask(&mut self) -> Result<(), CpuError> {
        let merges = |operation: &Operation| operation.op == Op::MergeEvenWords;
        let program = self.program;
        let mut parts = [&program.uniform, &program.block, &program.element].into_iter();
        if parts.any(|part| part.iter().any(merges)) {
            self.push(Instruction::with2(Code::Mov_r32_imm32, Register::EAX, 0xaaaa_u32))?;
            self.push(Instruction::with2(Code::VEX_Kmovw_kr_r32, ODD_LANES, Register::EAX))?;
        }
        Ok(())
    }

    /// Draws for the next four vectors.
    fn next_block(&mut self) -> Result<(), CpuError> {
        let place = MemoryOperand::with_base_displ(FRAME, i64::from(frame::BLOCK));
        let blocks = self.program.block_vectors * self.lanes();
        self.push(Instruction::with2(Code::Mov_rm64_r64, place, NEXT_BLOCK))?;
        self.push(Instruction::with2(Code::Add_rm64_imm8, NEXT_BLOCK, blocks))?;
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::R10D, Register::R10D))?;
        self.generator.part(&self.program.block, self.frame)
    }

    /// Asks for what later passes read. A hint: it cannot fault, whatever the address.
    fn prefetch(&mut self, vectors: i64) -> Result<(), CpuError> {
        for number in 0..self.generator.pointers.count {
            if !self.reads(number) || Pointers::held(number).is_none() {
                continue;
            }
            let base = self.generator.pointer(number)?;
            let kind = self.generator.pointers.kind(number);
            for vector in 0..vectors {
                let bytes = vector * i64::from(self.lanes()) * kind.bytes() as i64;
                let memory = self.generator.elements(base, number, AHEAD + bytes);
                self.push(Instruction::with1(Code::Prefetcht0_m8, memory))?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, start: usize, origin: usize) -> Result<usize, CpuError> {
        let size = self.generator.frame_bytes().next_multiple_of(64);
        check_frame(size)?;
        self.generator.assembler.align();
        let entry = self.generator.assembler.position();
        for register in SAVED {
            self.push(Instruction::with1(Code::Push_r64, register))?;
        }
        // Above the saved registers and the return address.
        let count = MemoryOperand::with_base_displ(FRAME, SAVED.len() as i64 * 8 + 8);
        self.push(Instruction::with2(Code::Mov_r64_rm64, LEFT, count))?;
        self.push(Instruction::with2(Code::Mov_r64_rm64, Register::RAX, FRAME))?;
        // Page by page, so that the guard page below the stack is not stepped over.
        for page in 1..=(size + 64) / PAGE {
            let memory = MemoryOperand::with_base_displ(FRAME, -i64::from(page * PAGE));
            self.push(Instruction::with2(Code::Mov_rm64_r64, memory, Register::RAX))?;
        }
        self.push(Instruction::with2(Code::Sub_rm64_imm32, FRAME, size))?;
        self.push(Instruction::with2(Code::And_rm64_imm8, FRAME, -64))?;
        let caller = MemoryOperand::with_base_displ(FRAME, i64::from(frame::CALLER));
        self.push(Instruction::with2(Code::Mov_rm64_r64, caller, Register::RAX))?;
        self.usual_mode()?;
        self.copy_pointers()?;
        let pool = MemoryOperand::with_base_displ(Register::RIP, origin as i64);
        self.push(Instruction::with2(Code::Lea_r64_m, POOL, pool))?;
        self.push(Instruction::with2(Code::Shr_rm64_imm8, NEXT_BLOCK, 2_u32))?;
        self.generator.assembler.jump_back(Code::Jmp_rel32_64, start)?;
        Ok(entry)
    }

    /// Pointers to their registers and into the frame. The pool's register comes with those of the
    /// states.
    fn copy_pointers(&mut self) -> Result<(), CpuError> {
        let pointers = self.generator.pointers.clone();
        for number in 0..pointers.count {
            let held = Pointers::held(number);
            let register = held.unwrap_or(Register::RAX);
            if number >= 2 {
                let of_state = MemoryOperand::with_base_displ(POOL, (number as i64 - 2) * 8);
                self.push(Instruction::with2(Code::Mov_r64_rm64, register, of_state))?;
            }
            let offset = number as i64 * 8;
            let given = MemoryOperand::with_base_displ(FRAME, i64::from(pointers.given) + offset);
            self.push(Instruction::with2(Code::Mov_rm64_r64, given, register))?;
            if held.is_none() {
                let current = i64::from(pointers.current) + offset;
                let current = MemoryOperand::with_base_displ(FRAME, current);
                self.push(Instruction::with2(Code::Mov_rm64_r64, current, register))?;
            }
        }
        Ok(())
    }

    /// Rounding to nearest, subnormals kept, nothing trapped, whatever the caller's mode: a program may have
    /// switched to flushing subnormals. To change the mode is slow, so it is looked at first.
    fn usual_mode(&mut self) -> Result<(), CpuError> {
        let [mode, usual] = [frame::MODE, frame::USUAL_MODE]
            .map(|place| MemoryOperand::with_base_displ(FRAME, i64::from(place)));
        self.push(Instruction::with1(Code::VEX_Vstmxcsr_m32, mode))?;
        let same = self.mode_is_usual()?;
        self.push(Instruction::with2(Code::Mov_rm32_imm32, usual, USUAL))?;
        self.push(Instruction::with1(Code::VEX_Vldmxcsr_m32, usual))?;
        self.generator.assembler.land(same);
        Ok(())
    }

    /// The caller's mode, if it was another one.
    fn mode_of_the_caller(&mut self) -> Result<(), CpuError> {
        let mode = MemoryOperand::with_base_displ(FRAME, i64::from(frame::MODE));
        let same = self.mode_is_usual()?;
        self.push(Instruction::with1(Code::VEX_Vldmxcsr_m32, mode))?;
        self.generator.assembler.land(same);
        Ok(())
    }

    /// A jump that is taken if the caller's mode is the usual one; flags of what happened do not count.
    fn mode_is_usual(&mut self) -> Result<Forward, CpuError> {
        let mode = MemoryOperand::with_base_displ(FRAME, i64::from(frame::MODE));
        self.push(Instruction::with2(Code::Mov_r32_rm32, Register::EAX, mode))?;
        self.push(Instruction::with2(Code::And_rm32_imm32, Register::EAX, MODE_BITS))?;
        self.push(Instruction::with2(Code::Cmp_rm32_imm32, Register::EAX, USUAL))?;
        self.ahead(Code::Je_rel32_64)
    }

    fn leave(&mut self) -> Result<(), CpuError> {
        self.mode_of_the_caller()?;
        let caller = MemoryOperand::with_base_displ(FRAME, i64::from(frame::CALLER));
        self.push(Instruction::with2(Code::Mov_r64_rm64, FRAME, caller))?;
        self.push(Ok(Instruction::with(Code::VEX_Vzeroupper)))?;
        for register in SAVED.into_iter().rev() {
            self.push(Instruction::with1(Code::Pop_r64, register))?;
        }
        self.push(Ok(Instruction::with(Code::Retnq)))
    }

    /// Whether elements of an array are read.
    pub(super) fn reads(&self, number: usize) -> bool {
        let plan = self.plan;
        let loads = plan.instructions.iter().any(
            |i| matches!(i, plan::Instruction::Load(array) if Pointers::number(*array) == number),
        );
        let descends = plan.stores.iter().any(|s| matches!(s.value, Written::Descent { .. }));
        loads || (descends && number == 0)
    }

    /// Whether elements of an array are written.
    pub(super) fn writes(&self, number: usize) -> bool {
        self.plan.stores.iter().any(|store| Pointers::number(store.array) == number)
    }
}
