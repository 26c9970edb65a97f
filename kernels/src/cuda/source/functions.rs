//! The functions of a kernel: what is computed once a launch and tensor, once a block of four elements, and
//! for each element. They are the plan's instructions in its order, sorted by their rates.

use std::collections::BTreeSet;

use super::arrays::Arrays;
use crate::c::expression::{Dialect, c_type, expression, floats_by_bits, is_constant, own_name};
use crate::plan::{Instruction, Plan, Rate, Type, Value, Word, Written, rates, types};

/// A plan with what is known of its values.
pub(super) struct Functions<'a> {
    plan: &'a Plan,
    rates: Vec<Rate>,
    types: Vec<Type>,
    /// Values that are read at a higher rate than their own, in order.
    leaving: BTreeSet<Value>,
}

impl<'a> Functions<'a> {
    pub(super) fn new(plan: &'a Plan) -> Functions<'a> {
        let (rates, types) = (rates(plan), types(plan));
        let mut leaving = BTreeSet::new();
        for (instruction, rate) in plan.instructions.iter().zip(&rates) {
            leaving.extend(instruction.operands().filter(|v| rates[v.index()] < *rate));
        }
        let stored = plan.stores.iter().flat_map(|store| store.value.operands());
        leaving.extend(stored.filter(|v| rates[v.index()] < Rate::Element));
        leaving.retain(|v| !is_constant(&plan.instructions[v.index()]));
        Functions { plan, rates, types, leaving }
    }

    /// Whether anything of a rate is read at a higher one.
    pub(super) fn has(&self, rate: Rate) -> bool {
        self.leaving_at(rate).next().is_some()
    }

    /// Whether the number of the element in its block makes a difference.
    pub(super) fn picks(&self) -> bool {
        self.plan.instructions.iter().any(|i| matches!(i, Instruction::Pick(_)))
    }

    /// The structs and functions, with an empty line after each.
    pub(super) fn text(&self, arrays: &Arrays) -> String {
        let mut out = String::new();
        if self.has(Rate::Uniform) {
            out += "// What is the same for all elements of a tensor.\n";
            out += &self.fields("Uniform", Rate::Uniform);
            out += "static __device__ __forceinline__ void uniform(\n";
            out += "    const float *scalars, const u32 *words, u32 id, Uniform &u)\n{\n";
            out += &self.body(Rate::Uniform);
            out += "}\n\n";
        }
        if self.has(Rate::Block) {
            out += "// What is the same for the four elements of a block, of which this is the number in the tensor.\n";
            out += &self.fields("Block", Rate::Block);
            let u = if self.has(Rate::Uniform) { "const Uniform &u, " } else { "" };
            out += &format!(
                "static __device__ __forceinline__ void block({u}u64 number, Block &b)\n{{\n"
            );
            out += &self.body(Rate::Block);
            out += "}\n\n";
        }
        if self.picks() {
            out += PICK;
        }
        out += &arrays.element_struct();
        out += &format!(
            "static __device__ __forceinline__ void element({}Element &e)\n{{\n",
            self.takes()
        );
        out += &self.body(Rate::Element);
        for store in &self.plan.stores {
            out += &self.store(&store.array.to_string(), arrays, store.value);
        }
        out + "}\n\n"
    }

    /// Parameters of `element` before the last.
    fn takes(&self) -> String {
        let mut out = String::new();
        for (there, text) in [
            (self.has(Rate::Uniform), "const Uniform &u, "),
            (self.has(Rate::Block), "const Block &b, "),
            (self.picks(), "int lane, "),
        ] {
            out += if there { text } else { "" };
        }
        out
    }

    fn leaving_at(&self, rate: Rate) -> impl Iterator<Item = Value> {
        self.leaving.iter().copied().filter(move |v| self.rates[v.index()] == rate)
    }

    fn fields(&self, name: &str, rate: Rate) -> String {
        let mut out = format!("struct {name} {{\n");
        for value in self.leaving_at(rate) {
            out += &format!("    {} {};\n", self.c_type(value.index()), self.own_name(value));
        }
        out + "};\n\n"
    }

    /// Everything that is computed at a rate, and at the end what is read at a higher one.
    fn body(&self, rate: Rate) -> String {
        let mut out = self.constants(rate);
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            if self.rates[index] == rate && !is_constant(instruction) {
                let value = Value(index as u32);
                let (kind, name) = (self.c_type(index), self.own_name(value));
                let computed = self.computed(instruction, rate);
                out += &format!("    const {kind} {name} = {computed};\n");
            }
        }
        let to = if rate == Rate::Uniform { "u" } else { "b" };
        for value in self.leaving_at(rate) {
            let name = self.own_name(value);
            out += &format!("    {to}.{name} = {name};\n");
        }
        out
    }

    /// Declares the floats that are given by their bits.
    fn constants(&self, rate: Rate) -> String {
        let at_rate = |index: &usize| self.rates[*index] == rate;
        let read = (0..self.plan.instructions.len()).filter(at_rate);
        let read = read.flat_map(|index| self.plan.instructions[index].operands());
        let stores = if rate == Rate::Element { self.plan.stores.as_slice() } else { &[] };
        let stored = stores.iter().flat_map(|store| store.value.operands());
        let mut out = String::new();
        for (value, bits, number) in floats_by_bits(Dialect::Cuda, self.plan, read.chain(stored)) {
            out += &format!("    const float {} = {bits}; // {number}\n", self.own_name(value));
        }
        out
    }

    fn computed(&self, instruction: &Instruction, rate: Rate) -> String {
        let name = |value| self.name(value, rate);
        if let Some(text) = expression(Dialect::Cuda, instruction, &name) {
            return text;
        }
        match *instruction {
            Instruction::Load(array) => Arrays::loaded(self.plan, array),
            Instruction::Scalar(number) => format!("scalars[{number}]"),
            Instruction::Word(word) => match word {
                Word::KeyLow => "words[0]",
                Word::KeyHigh => "words[1] ^ id",
                Word::Step => "words[2]",
                Word::BlockLow => "(u32)number",
                Word::BlockHigh => "(u32)(number >> 32)",
            }
            .to_owned(),
            // The others have an expression, and constants stand where they are read.
            _ => String::new(),
        }
    }

    /// The new element in place of the old one.
    fn store(&self, field: &str, arrays: &Arrays, value: Written) -> String {
        let name = |value| self.name(value, Rate::Element);
        match value {
            Written::Value(value) if arrays.is_half(field) => {
                format!("    e.{field} = (u16){};\n", name(value))
            }
            Written::Value(value) => format!("    e.{field} = {};\n", name(value)),
            Written::Descent { scale, update } => {
                let (scale, update) = (name(scale), name(update));
                let product = format!("__dmul_rn((double){scale}, (double){update})");
                format!("    e.{field} = __dsub_rn(e.{field}, {product});\n")
            }
        }
    }

    /// How a value is written in the function of a rate.
    fn name(&self, value: Value, at: Rate) -> String {
        let own = self.own_name(value);
        match self.rates[value.index()] {
            _ if is_constant(&self.plan.instructions[value.index()]) => own,
            rate if rate == at => own,
            Rate::Uniform => format!("u.{own}"),
            Rate::Block | Rate::Element => format!("b.{own}"),
        }
    }

    fn own_name(&self, value: Value) -> String {
        own_name(self.plan, value)
    }

    fn c_type(&self, index: usize) -> &'static str {
        c_type(Dialect::Cuda, self.types[index])
    }
}

/// `lane` is a constant wherever this is called, so that nothing is left of it.
const PICK: &str = "\
// The value for an element of a block.
static __device__ __forceinline__ u32 pick(int lane, u32 a, u32 b, u32 c, u32 d)
{
    return lane == 0 ? a : lane == 1 ? b : lane == 2 ? c : d;
}

";
