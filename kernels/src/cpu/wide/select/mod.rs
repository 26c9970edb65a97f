//! From a plan to a vector program: which machine operations carry out each instruction.

mod fuse;
mod instruction;
mod product;

use indexmap::IndexMap;

use super::assign::Pointers;
use super::frame;
use super::order::{Step, order};
use super::pool::Pool;
use super::program::{Base, Binary, Class, Compare, Op, Operation, Place, Program, Virtual, Width};
use crate::plan::{ElementType, Instruction, Plan, Rate, Value, Word, Written, rates};

/// Instructions for a block up to which two vectors of blocks take their steps in turn.
const SHORT: usize = 160;

/// The vector program of a verified plan.
pub(super) fn select(plan: &Plan, width: Width) -> Program {
    let rates = rates(plan);
    let of_blocks = rates.iter().filter(|rate| **rate == Rate::Block).count();
    // Registers and the time to compile are short with more.
    let block_vectors = if width == Width::Avx512 && of_blocks <= SHORT { 2 } else { 1 };
    let draws = rates.contains(&Rate::Block)
        || plan.instructions.iter().any(|i| matches!(i, Instruction::Pick(_)));
    let mut selector = Selector {
        plan,
        width,
        products: product::Products::of(plan),
        unit: 0,
        values: vec![None; plan.instructions.len()],
        halves: vec![None; plan.instructions.len()],
        rates,
        constants: IndexMap::new(),
        definitions: Vec::new(),
        code: Vec::new(),
        program: Program {
            width,
            classes: Vec::new(),
            homes: Vec::new(),
            uniform: Vec::new(),
            block: Vec::new(),
            element: Vec::new(),
            pool: Pool::new(width),
            frame: frame::FIXED,
            draws,
            block_vectors,
        },
    };
    selector.uniform();
    selector.block();
    selector.element();
    selector.program
}

struct Selector<'p> {
    plan: &'p Plan,
    width: Width,
    rates: Vec<Rate>,
    products: product::Products,
    /// Which vector of blocks is being computed.
    unit: u32,
    /// By plan value: where it is now.
    values: Vec<Option<Virtual>>,
    /// By plan value: its even and its odd lanes apart, where that came first.
    halves: Vec<Option<[Virtual; 2]>>,
    constants: IndexMap<u32, Virtual>,
    /// By virtual register: the operation of this part that makes it.
    definitions: Vec<Option<Operation>>,
    /// The part that is being written.
    code: Vec<Operation>,
    program: Program,
}

impl Selector<'_> {
    /// What does not vary, and a home for what the other parts read of it.
    fn uniform(&mut self) {
        for index in 0..self.plan.instructions.len() {
            if self.rates[index] == Rate::Uniform {
                self.instruction(Value(index as u32));
            }
        }
        for value in self.read_later() {
            let register = self.at(value);
            if self.is_constant(register) {
                continue;
            }
            let class = self.program.classes[register.index()];
            let full = self.width == Width::Avx2;
            let bytes = if full { self.width.bytes() } else { 4 };
            let offset = self.reserve(bytes);
            let place = Place { base: Base::Frame, offset, full };
            self.effect(Op::Keep(place), &[register]);
            self.values[value.index()] = Some(self.home(place, class));
        }
        self.program.uniform = self.finish_part();
    }

    /// Uniform values that are read once a block or an element.
    fn read_later(&self) -> Vec<Value> {
        let mut read = vec![false; self.rates.len()];
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            if self.rates[index] != Rate::Uniform {
                instruction.operands().for_each(|v| read[v.index()] = true);
            }
        }
        let stored = self.plan.stores.iter().flat_map(|store| store.value.operands());
        stored.for_each(|v| read[v.index()] = true);
        let uniform = (0..read.len()).filter(|i| read[*i] && self.rates[*i] == Rate::Uniform);
        uniform.map(|index| Value(index as u32)).collect()
    }

    /// What is computed once for four elements, and the buffers from which elements pick. A cipher is
    /// a chain of which every step waits for the one before, so that vectors of blocks take their
    /// steps in turn.
    fn block(&mut self) {
        let mut others = vec![self.values.clone(); self.program.block_vectors as usize - 1];
        let mut halves = vec![self.halves.clone(); others.len()];
        let mut made = vec![product::Made::new(); others.len()];
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            let start = match instruction {
                Instruction::Pick(_) => {
                    let vectors = 4 * self.program.block_vectors;
                    self.reserve_if_varied(Value(index as u32), vectors * self.width.bytes())
                }
                _ if self.rates[index] != Rate::Block => continue,
                _ => None,
            };
            for unit in 0..self.program.block_vectors {
                self.unit = unit;
                match (instruction, start) {
                    (Instruction::Pick(values), Some(start)) => {
                        self.pick(*values, start + unit as i32 * 4 * self.width.bytes() as i32);
                    }
                    (Instruction::Pick(_), None) => {}
                    _ => self.instruction(Value(index as u32)),
                }
                // On to the next vector's values, and after the last back to the first's.
                let places = others.iter_mut().zip(&mut halves).zip(&mut made);
                for ((other, halves), made) in places {
                    std::mem::swap(other, &mut self.values);
                    std::mem::swap(halves, &mut self.halves);
                    self.products.swap(made);
                }
            }
            if let Instruction::Pick(values) = instruction {
                let place = match start {
                    Some(offset) => Place { base: Base::Buffer, offset, full: true },
                    None => self.fixed_pick(*values),
                };
                self.values[index] = Some(self.home(place, Class::Vector));
            }
        }
        self.unit = 0;
        self.program.block = self.finish_part();
    }

    /// Room for what elements pick, unless that is the same in all blocks.
    fn reserve_if_varied(&mut self, pick: Value, bytes: u32) -> Option<i32> {
        let constant =
            |v: Value| matches!(self.plan.instructions[v.index()], Instruction::Integer(_));
        if self.plan.instructions[pick.index()].operands().all(constant) {
            return None;
        }
        Some(self.reserve(bytes))
    }

    /// A pick of four constants.
    fn fixed_pick(&mut self, values: [Value; 4]) -> Place {
        let words = values.map(|v| match self.plan.instructions[v.index()] {
            Instruction::Integer(bits) => bits,
            _ => 0,
        });
        self.program.pool.vector(&words.repeat(self.width.lanes() as usize / 4))
    }

    /// Writes picked words to the frame. Lane j of a block's vector holds the block that the lanes of
    /// [`Selector::block_number`] say, so that transposing four by four within 128 bits is enough.
    fn pick(&mut self, values: [Value; 4], start: i32) {
        let [a, b, c, d] = values.map(|v| self.at(v));
        let low = [self.binary(Binary::UnpackLow, a, b), self.binary(Binary::UnpackLow, c, d)];
        let high = [self.binary(Binary::UnpackHigh, a, b), self.binary(Binary::UnpackHigh, c, d)];
        let bytes = self.width.bytes();
        for (number, (op, [left, right])) in [
            (Binary::UnpackLowPairs, low),
            (Binary::UnpackHighPairs, low),
            (Binary::UnpackLowPairs, high),
            (Binary::UnpackHighPairs, high),
        ]
        .into_iter()
        .enumerate()
        {
            let row = self.binary(op, left, right);
            let offset = start + number as i32 * bytes as i32;
            self.effect(Op::Keep(Place { base: Base::Frame, offset, full: true }), &[row]);
        }
    }

    fn element(&mut self) {
        for step in order(self.plan, &self.rates) {
            match step {
                Step::Compute(value) => self.instruction(value),
                Step::Store(number) => {
                    let store = self.plan.stores[number];
                    match store.value {
                        Written::Value(value) => {
                            let register = self.at(value);
                            self.effect(Op::Store(store.array, 0), &[register]);
                        }
                        Written::Descent { scale, update } => {
                            let operands = [self.at(scale), self.at(update)];
                            self.effect(Op::Descend(0), &operands);
                        }
                    }
                }
            }
        }
        self.read_in_place();
        self.program.element = self.finish_part();
    }

    /// Lets operations read elements that are used once from their arrays. Stores stand at the end, so
    /// an array is as it was until then; what a store itself reads is loaded before the first.
    fn read_in_place(&mut self) {
        let mut uses = vec![0_u32; self.program.classes.len()];
        for operation in &self.code {
            let stores = matches!(operation.op, Op::Store(..) | Op::Descend(_));
            let count = if stores { 2 } else { 1 };
            operation.operands().iter().for_each(|v| uses[v.index()] += count);
        }
        let homes = &mut self.program.homes;
        self.code.retain(|operation| {
            let (Op::Load(array, 0), Some(result)) = (operation.op, operation.result) else {
                return true;
            };
            let number = Pointers::number(array);
            let plain = self.plan.element_type(array) == ElementType::F32;
            if uses[result.index()] > 1 || !plain || Pointers::held(number).is_none() {
                return true;
            }
            let place = Place { base: Base::Elements(number as u8), offset: 0, full: true };
            homes[result.index()] = Some(place);
            false
        });
    }

    /// A half of the numbers of the blocks in the lanes: lane j holds block `(j mod 4) · V/4 + j div 4`
    /// of the pass, where V is the number of lanes.
    fn block_number(&mut self, word: Word) -> Virtual {
        let quarter = self.width.lanes() / 4;
        let before = self.unit * self.width.lanes();
        let lanes: Vec<u32> =
            (0..self.width.lanes()).map(|j| before + j % 4 * quarter + j / 4).collect();
        let offsets = self.program.pool.vector(&lanes);
        let offsets = self.home(offsets, Class::Vector);
        let half = |offset| Place { base: Base::Frame, offset, full: false };
        let first = self.home(half(frame::BLOCK), Class::Vector);
        let low = self.binary(Binary::IntegerAdd, offsets, first);
        if word == Word::BlockLow {
            return low;
        }
        let smaller = self.binary(Binary::IntegerMinimum, low, first);
        let stays = self.compare(Compare::IntegerEqual, smaller, first);
        let high = self.home(half(frame::BLOCK + 4), Class::Vector);
        let one = self.constant(1);
        let next = self.binary(Binary::IntegerAdd, one, high);
        self.make(Op::Select, &[stays, high, next], Class::Vector)
    }

    /// Takes the part that has been written, without operations that nothing needs.
    fn finish_part(&mut self) -> Vec<Operation> {
        let mut code = std::mem::take(&mut self.code);
        let count = self.program.classes.len();
        if self.width == Width::Avx512 {
            fuse::logic(&mut code, count);
        }
        self.definitions.fill(None);
        self.products.forget();
        self.halves.fill(None);
        let mut read = vec![false; count];
        let mut kept: Vec<Operation> = Vec::with_capacity(code.len());
        for operation in code.into_iter().rev() {
            if operation.result.is_none_or(|result| read[result.index()]) {
                operation.operands().iter().for_each(|v| read[v.index()] = true);
                kept.push(operation);
            }
        }
        kept.reverse();
        kept
    }

    /// The register of a value that has been computed. Verified plans compute operands first.
    fn at(&mut self, value: Value) -> Virtual {
        if let Some(register) = self.values[value.index()] {
            return register;
        }
        let register = match self.halves[value.index()] {
            Some(halves) => self.joined(halves),
            None => self.constant(0),
        };
        self.values[value.index()] = Some(register);
        register
    }

    fn register(&mut self, class: Class, home: Option<Place>) -> Virtual {
        let register = Virtual(self.program.classes.len() as u32);
        self.program.classes.push(class);
        self.program.homes.push(home);
        self.definitions.push(None);
        register
    }

    fn home(&mut self, place: Place, class: Class) -> Virtual {
        self.register(class, Some(place))
    }

    fn constant(&mut self, bits: u32) -> Virtual {
        if let Some(register) = self.constants.get(&bits) {
            return *register;
        }
        let place = self.program.pool.word(bits);
        let register = self.home(place, Class::Vector);
        self.constants.insert(bits, register);
        register
    }

    fn is_constant(&self, register: Virtual) -> bool {
        self.program.homes[register.index()].is_some_and(|place| place.base == Base::Pool)
    }

    fn make(&mut self, op: Op, operands: &[Virtual], class: Class) -> Virtual {
        let result = self.register(class, None);
        let operation = Operation::new(op, operands, Some(result));
        self.definitions[result.index()] = Some(operation);
        self.code.push(operation);
        result
    }

    fn binary(&mut self, op: Binary, a: Virtual, b: Virtual) -> Virtual {
        self.make(Op::Binary(op), &[a, b], Class::Vector)
    }

    fn compare(&mut self, op: Compare, a: Virtual, b: Virtual) -> Virtual {
        self.make(Op::Compare(op), &[a, b], self.mask_class())
    }

    fn effect(&mut self, op: Op, operands: &[Virtual]) {
        self.code.push(Operation::new(op, operands, None));
    }

    fn mask_class(&self) -> Class {
        match self.width {
            Width::Avx2 => Class::Vector,
            Width::Avx512 => Class::Mask,
        }
    }

    /// Room in the frame, aligned to its size.
    fn reserve(&mut self, bytes: u32) -> i32 {
        let offset = self.program.frame.next_multiple_of(bytes.min(64));
        self.program.frame = offset + bytes;
        offset as i32
    }
}
