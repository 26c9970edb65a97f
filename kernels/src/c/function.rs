//! The functions: a step over arrays, and values that are computed once.

use super::expression::{
    Dialect, c_type, element_type, expression, floats_by_bits, is_constant, own_name,
};
use crate::plan::{
    Array, ElementType, Instruction, Plan, Rate, Type, Value, Word, Written, rates, types,
};

/// The step of a plan over the elements of one tensor, with the arguments of the function of an object file
/// ([`crate::cpu::header`]).
pub fn step(plan: &Plan, symbol: &str) -> String {
    let lines = Lines::new(plan);
    let [w, g] = [plan.parameter, plan.gradient].map(|of| element_type(Dialect::C99, of));
    let mut out = format!(
        "void {symbol}({w} *parameters, const {g} *gradients, float *const *states,
    const float *scalars, const uint32_t *words, uint64_t first_element, uint64_t count)
{{
"
    );
    out +=
        &lines.unused(&["parameters", "gradients", "states", "scalars", "words", "first_element"]);
    out += &lines.arrays();
    let indent = if lines.has(Rate::Block) { "            " } else { "        " };
    out += &lines.constants("    ");
    out += &lines.at(Rate::Uniform, "    ");
    if lines.has(Rate::Block) {
        out += "    for (uint64_t i = 0; i < count;) {
        const uint64_t block = (first_element + i) / 4;
";
        out += &lines.at(Rate::Block, "        ");
        out += "        for (unsigned lane = 0; lane < 4 && i < count; lane++, i++) {\n";
    } else {
        out += "    for (uint64_t i = 0; i < count; i++) {\n";
    }
    out += &lines.at(Rate::Element, indent);
    out += &lines.stores(indent);
    if lines.has(Rate::Block) {
        out += "        }\n";
    }
    out + "    }\n}\n"
}

/// The value of each state of a plan without loads, as a function `void symbol(scalars, words, out)`.
pub fn once(plan: &Plan, symbol: &str) -> String {
    let lines = Lines::new(plan);
    let mut out = format!(
        "static void {symbol}(const float *scalars, const uint32_t *words, float *out)\n{{\n"
    );
    out += &lines.unused(&["scalars", "words"]);
    if plan.instructions.iter().any(|i| matches!(i, Instruction::Pick(_))) {
        out += "    const unsigned lane = 0;\n";
    }
    out += &lines.constants("    ");
    for rate in [Rate::Uniform, Rate::Block, Rate::Element] {
        out += &lines.at(rate, "    ");
    }
    for store in &plan.stores {
        if let (Array::State(slot), Written::Value(value)) = (store.array, store.value) {
            out += &format!("    out[{slot}] = {};\n", own_name(plan, value));
        }
    }
    out + "}\n"
}

/// A plan with what is known of its values.
struct Lines<'a> {
    plan: &'a Plan,
    rates: Vec<Rate>,
    types: Vec<Type>,
}

impl Lines<'_> {
    fn new(plan: &Plan) -> Lines<'_> {
        Lines { plan, rates: rates(plan), types: types(plan) }
    }

    fn has(&self, rate: Rate) -> bool {
        self.rates.contains(&rate)
    }

    /// Says of arguments that nothing reads that it is meant so.
    fn unused(&self, arguments: &[&str]) -> String {
        let plan = self.plan;
        let reads = |such: fn(&Instruction) -> bool| plan.instructions.iter().any(such);
        let is_used = |argument: &str| match argument {
            "gradients" => reads(|i| matches!(i, Instruction::Load(Array::Gradient))),
            "states" => plan.states > 0,
            "parameters" => !plan.stores.is_empty(),
            "scalars" => reads(|i| matches!(i, Instruction::Scalar(_))),
            "words" => {
                reads(|i| matches!(i, Instruction::Word(Word::KeyLow | Word::KeyHigh | Word::Step)))
            }
            "first_element" => self.has(Rate::Block),
            _ => true,
        };
        let unused = arguments.iter().filter(|argument| !is_used(argument));
        let line = |argument: &&str| format!("    (void){argument};\n");
        unused.map(line).collect()
    }

    /// Pointers to the arrays that are used.
    fn arrays(&self) -> String {
        let plan = self.plan;
        let mut out = String::new();
        let states = (0..plan.states).map(Array::State);
        for array in [Array::Parameter, Array::Gradient].into_iter().chain(states) {
            let is_stored = plan.stores.iter().any(|store| store.array == array);
            if is_stored || plan.instructions.contains(&Instruction::Load(array)) {
                let kind = element_type(Dialect::C99, plan.element_type(array));
                let constant = if is_stored { "" } else { "const " };
                let from = match array {
                    Array::Parameter => "parameters".to_owned(),
                    Array::Gradient => "gradients".to_owned(),
                    Array::State(slot) => format!("states[{slot}]"),
                };
                let name = pointer(array);
                out += &format!("    {constant}{kind} *NOSC_RESTRICT {name} = {from};\n");
            }
        }
        out
    }

    /// Floats that are given by their bits.
    fn constants(&self, indent: &str) -> String {
        let plan = self.plan;
        let read = plan.instructions.iter().flat_map(Instruction::operands);
        let stored = plan.stores.iter().flat_map(|store| store.value.operands());
        let mut out = String::new();
        for (value, bits, number) in floats_by_bits(Dialect::C99, plan, read.chain(stored)) {
            let name = own_name(plan, value);
            out += &format!("{indent}const float {name} = {bits}; /* {number} */\n");
        }
        out
    }

    /// Everything that is computed at a rate.
    fn at(&self, rate: Rate, indent: &str) -> String {
        let mut out = String::new();
        for (index, instruction) in self.plan.instructions.iter().enumerate() {
            if self.rates[index] == rate && !is_constant(instruction) {
                let (kind, name) = (
                    c_type(Dialect::C99, self.types[index]),
                    own_name(self.plan, Value(index as u32)),
                );
                let computed = self.computed(instruction);
                out += &format!("{indent}const {kind} {name} = {computed};\n");
            }
        }
        out
    }

    fn computed(&self, instruction: &Instruction) -> String {
        let name = |value| own_name(self.plan, value);
        if let Some(text) = expression(Dialect::C99, instruction, &name) {
            return text;
        }
        match *instruction {
            Instruction::Load(array) => match self.plan.element_type(array) {
                ElementType::F64 => format!("(float){}", place(array)),
                _ => place(array),
            },
            Instruction::Scalar(number) => format!("scalars[{number}]"),
            Instruction::Word(word) => match word {
                Word::KeyLow => "words[0]",
                Word::KeyHigh => "words[1]",
                Word::Step => "words[2]",
                Word::BlockLow => "(uint32_t)block",
                Word::BlockHigh => "(uint32_t)(block >> 32)",
            }
            .to_owned(),
            // The others have an expression, and constants stand where they are read.
            _ => String::new(),
        }
    }

    fn stores(&self, indent: &str) -> String {
        let mut out = String::new();
        for store in &self.plan.stores {
            let place = place(store.array);
            out += &match store.value {
                Written::Value(value) => {
                    let name = own_name(self.plan, value);
                    let half = self.plan.element_type(store.array).bytes() == 2;
                    format!("{indent}{place} = {}{name};\n", if half { "(uint16_t)" } else { "" })
                }
                Written::Descent { scale, update } => {
                    let (scale, update) = (own_name(self.plan, scale), own_name(self.plan, update));
                    format!("{indent}{place} = {place} - (double){scale} * (double){update};\n")
                }
            };
        }
        out
    }
}

/// The element of an array at `i`.
fn place(array: Array) -> String {
    format!("{}[i]", pointer(array))
}

/// What the pointer to an array is called: `W`, `G`, `S0`, ...
fn pointer(array: Array) -> String {
    array.to_string().to_uppercase()
}
