//! How each operation finds its operands and writes its result.

use super::super::super::error::CpuError;
use super::super::encode::{Source, takes_word};
use super::super::program::{Base, Binary, Class, Compare, Op, Operation, Unary, Virtual, Width};
use super::Generator;

/// The operand, its register, and the two others, of a fused multiply-add in one of its forms.
struct Form {
    number: u8,
    to: u8,
    second: u8,
    third: Source,
}

impl Generator<'_> {
    /// Writes one operation out.
    pub(super) fn operation(&mut self, operation: &Operation) -> Result<(), CpuError> {
        // Nothing that is read may make room for something else that is.
        for operand in operation.operands() {
            if let Some(number) = self.held(*operand) {
                let class = self.class(*operand);
                self.lock(class, number);
            }
        }
        self.written(operation)?;
        if let Some(result) = operation.result {
            self.retire(&[result]);
        }
        self.vectors.locked = 0;
        self.masks.locked = 0;
        for (class, offset) in self.leaving.drain(..) {
            self.free_places[class as usize].push(offset);
        }
        Ok(())
    }

    fn written(&mut self, operation: &Operation) -> Result<(), CpuError> {
        let result = operation.result;
        match (operation.op, operation.operands()) {
            (Op::Binary(op), &[a, b]) => self.binary(op, a, b, result),
            (Op::Compare(op), &[a, b]) => self.compare(op, a, b, result),
            (Op::Unary(op), &[a]) => {
                let computes = matches!(op, Unary::SquareRoot | Unary::ToFloat);
                let source = self.source(a, computes)?;
                self.retire(&[a]);
                let to = self.define(result)?;
                self.assembler.unary(op, to, source)
            }
            (Op::Shift(op, by), &[a]) => {
                let from = self.register_of(a)?;
                self.retire(&[a]);
                let to = self.define(result)?;
                self.assembler.shift(op, by, to, from)
            }
            (Op::MultiplyAdd { negate_product, negate_addend }, &[a, b, c]) => {
                let form = self.form(a, b, c)?;
                self.retire(&[a, b, c]);
                self.settle(result, form.to);
                let signs = (negate_product, negate_addend);
                let Form { number, to, second, third } = form;
                self.assembler.multiply_add(number, signs, to, second, third)
            }
            (Op::Logic(table), &[a, b, c]) => self.logic(table, [a, b, c], result),
            (Op::Mask(op), operands) => {
                let mut numbers = [0; 2];
                for (number, operand) in numbers.iter_mut().zip(operands) {
                    *number = self.register_of(*operand)?;
                }
                self.retire(operands);
                let to = self.define(result)?;
                self.assembler.mask_operation(op, to, &numbers[..operands.len().min(2)])
            }
            (Op::Select | Op::SelectOrZero | Op::ZeroOrSelect, _) => self.select(operation),
            (Op::MergeEvenWords, &[kept, other]) => {
                let from = self.register_of(other)?;
                let to = self.overwritten(kept)?;
                self.retire(&[kept, other]);
                self.settle(result, to);
                self.assembler.merge_even_words(to, from)
            }
            (Op::Keep(place), &[a]) => {
                let number = self.register_of(a)?;
                let memory = self.memory(place, false);
                self.assembler.write(self.class(a), memory, number, place.full)?;
                self.retire(&[a]);
                Ok(())
            }
            _ => self.array_operation(operation),
        }
    }

    /// Operands in the order in which the second may be in memory.
    fn second_in_memory(&self, a: Virtual, b: Virtual, commutes: bool) -> (Virtual, Virtual) {
        if commutes && self.held(a).is_none() && self.held(b).is_some() { (b, a) } else { (a, b) }
    }

    fn binary(
        &mut self,
        op: Binary,
        a: Virtual,
        b: Virtual,
        result: Option<Virtual>,
    ) -> Result<(), CpuError> {
        let (a, b) = self.second_in_memory(a, b, op.commutes());
        let first = self.register_of(a)?;
        // A product of 64-bit lanes reads the word after the one it takes too, which an argument may
        // not have.
        let last =
            self.place(b).is_some_and(|place| matches!(place.base, Base::Scalars | Base::Words));
        let second = self.source(b, takes_word(op) && !(last && op == Binary::MultiplyEven))?;
        if op == Binary::Sign {
            // The instruction waits for what its result overwrites, so that is the operand.
            let to = self.overwritten(a)?;
            self.retire(&[a, b]);
            self.settle(result, to);
            return self.assembler.binary(op, to, to, second);
        }
        self.retire(&[a, b]);
        let to = self.define(result)?;
        self.assembler.binary(op, to, first, second)
    }

    fn compare(
        &mut self,
        op: Compare,
        a: Virtual,
        b: Virtual,
        result: Option<Virtual>,
    ) -> Result<(), CpuError> {
        // AVX2 has "greater" alone.
        let only_swapped = self.program.width == Width::Avx2 && op == Compare::IntegerLess;
        let (first, second) = if only_swapped { (b, a) } else { self.second_in_memory(a, b, true) };
        let swapped = (first, second) != (a, b);
        let number = self.register_of(first)?;
        let source = self.source(second, true)?;
        self.retire(&[a, b]);
        let to = self.define(result)?;
        self.assembler.compare((op, swapped), to, number, source)
    }

    fn select(&mut self, operation: &Operation) -> Result<(), CpuError> {
        let operands = operation.operands();
        let mask = self.register_of(operands[0])?;
        if let (Op::Select, &[_, a, b]) = (operation.op, operands) {
            let second = self.register_of(b)?;
            let first = self.source(a, true)?;
            self.retire(operands);
            let to = self.define(operation.result)?;
            return self.assembler.select(to, mask, first, second);
        }
        let source = self.source(operands[1], true)?;
        let one_word = self.held(operands[1]).is_none()
            && self.place(operands[1]).is_some_and(|place| !place.full);
        let source = match (source, self.place(operands[1])) {
            // A masked broadcast is a move, with no mark of its own on the operand.
            (Source::Memory(_), Some(place)) => Source::Memory(self.memory(place, false)),
            _ => source,
        };
        self.retire(operands);
        let to = self.define(operation.result)?;
        if operation.op == Op::ZeroOrSelect {
            return self.assembler.zero_or_select(to, mask, source);
        }
        self.assembler.select_or_zero(to, mask, source, one_word)
    }

    /// Leaves at most one of three operands in memory, and says which.
    fn one_in_memory(&mut self, operands: [Virtual; 3]) -> Result<Option<usize>, CpuError> {
        // A multiplicand stays rather than an addend: a loaded addend can be overwritten.
        let mut stays = None;
        for place in [1, 0, 2] {
            let operand = operands[place];
            if self.held(operand).is_some() {
                continue;
            }
            let twice = operands.iter().filter(|other| **other == operand).count() > 1;
            if stays.is_none() && !twice {
                match self.source(operand, true)? {
                    Source::Memory(_) => stays = Some(place),
                    Source::Register(_) => {}
                }
            } else {
                self.register_of(operand)?;
            }
        }
        Ok(stays)
    }

    fn memory_source(&self, register: Virtual) -> Source {
        match (self.held(register), self.place(register)) {
            (None, Some(place)) => Source::Memory(self.memory(place, !place.full)),
            (number, _) => Source::Register(number.unwrap_or_default()),
        }
    }

    /// The form of `a * b + c` that overwrites what is not needed again, if anything is: 132 is
    /// `to * third + second`, 213 `second * to + third`, 231 `second * third + to`.
    fn form(&mut self, a: Virtual, b: Virtual, c: Virtual) -> Result<Form, CpuError> {
        let stays = self.one_in_memory([a, b, c])?;
        let (third, x, y) = (self.memory_source(c), self.number(a), self.number(b));
        if let Some(place @ (0 | 1)) = stays {
            let (other, memory) = if place == 1 { (a, b) } else { (b, a) };
            return self.form_with_factor(other, memory, c);
        }
        if stays.is_none() && self.dies(c) {
            let to = self.overwritten(c)?;
            return Ok(Form { number: 231, to, second: x, third: Source::Register(y) });
        }
        if self.dies(a) {
            let to = self.overwritten(a)?;
            return Ok(Form { number: 213, to, second: y, third });
        }
        if self.dies(b) {
            let to = self.overwritten(b)?;
            return Ok(Form { number: 213, to, second: x, third });
        }
        let to = self.overwritten(c)?;
        Ok(Form { number: 231, to, second: x, third: Source::Register(y) })
    }

    /// The form of `other * memory + addend` with a factor in memory.
    fn form_with_factor(
        &mut self,
        other: Virtual,
        memory: Virtual,
        addend: Virtual,
    ) -> Result<Form, CpuError> {
        let third = self.memory_source(memory);
        let (x, c) = (self.number(other), self.number(addend));
        if self.dies(addend) {
            let to = self.overwritten(addend)?;
            return Ok(Form { number: 231, to, second: x, third });
        }
        if self.dies(other) {
            let to = self.overwritten(other)?;
            return Ok(Form { number: 132, to, second: c, third });
        }
        let to = self.overwritten(memory)?;
        Ok(Form { number: 213, to, second: x, third: Source::Register(c) })
    }

    /// The register of a value that is in one.
    fn number(&self, register: Virtual) -> u8 {
        self.held(register).unwrap_or_default()
    }

    /// A function of three bits; the operands may stand in any order if the table follows.
    fn logic(
        &mut self,
        table: u8,
        operands: [Virtual; 3],
        result: Option<Virtual>,
    ) -> Result<(), CpuError> {
        let stays = self.one_in_memory(operands)?;
        let first = (0..3).find(|place| Some(*place) != stays && self.dies(operands[*place]));
        // If nothing dies, what is in memory is loaded to be overwritten.
        let first = first.or(stays).unwrap_or(0);
        let rest: Vec<usize> = (0..3).filter(|place| *place != first).collect();
        let (second, third) =
            if stays == Some(rest[0]) { (rest[1], rest[0]) } else { (rest[0], rest[1]) };
        let second_number = self.held(operands[second]).unwrap_or_default();
        let third_source = self.memory_source(operands[third]);
        let to = self.overwritten(operands[first])?;
        self.retire(&operands);
        self.settle(result, to);
        let table = reordered(table, [first, second, third]);
        self.assembler.logic(table, to, second_number, third_source)
    }

    /// A register for the time of one operation.
    pub(super) fn scratch(&mut self) -> Result<u8, CpuError> {
        self.take(Class::Vector)
    }
}

/// The table of a function whose operands stand in a new order: new operand k is old `order[k]`.
fn reordered(table: u8, order: [usize; 3]) -> u8 {
    let mut new = 0;
    for index in 0..8_u8 {
        let mut old = 0;
        for (place, was) in order.into_iter().enumerate() {
            old |= (index >> (2 - place) & 1) << (2 - was);
        }
        new |= (table >> old & 1) << index;
    }
    new
}
