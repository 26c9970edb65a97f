//! Compiled kernels return the bits of the interpreter, on random plans and special values.
//!
//! A plan takes operations of every kind on all arrays, step scalars and words. It runs on every
//! length from 0 to 67, on arrays that start off any vector's alignment, with four elements at a time
//! or one, with the machine's fused multiply-add or without; and with eight and sixteen at a time, with
//! all registers and with so few that most values are spilled. Elements beside the arrays must stay as
//! they were. NaN equals NaN: which one an operation returns differs between machines, so the bits
//! of a float are read from numbers only.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "powers of two are exact")]
#![cfg_attr(
    target_arch = "x86_64",
    expect(clippy::print_stdout, reason = "tests say what they skip")
)]

use nosc_compiler::random::SplitMix64;
use nosc_kernels::FloatVec;
#[cfg(target_arch = "x86_64")]
use nosc_kernels::cpu::wide::{CpuFeatures, WideKernel, WideOptions, Width};
use nosc_kernels::cpu::{CpuKernel, CpuOptions, Optimization};
use nosc_kernels::floats::{bf16, f16};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_kernels::math::{Ops, from_bf16, from_f16, to_bf16, to_f16};
use nosc_kernels::plan::{Array, ElementType, Plan, PlanBuilder, Value, Word};

const PLANS: u64 = 300;
const STATES: usize = 3;
const SCALARS: usize = 4;
/// Elements around each array that nothing may touch.
const MARGIN: usize = 5;

/// Random choices.
struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A float from all that may go wrong.
    fn float(&mut self) -> f32 {
        const SPECIAL: [u32; 14] = [
            0x0000_0000, // 0
            0x8000_0000, // -0
            0x0000_0001, // smallest subnormal
            0x807f_ffff, // largest subnormal, negative
            0x0080_0000, // smallest normal
            0x7f80_0000, // inf
            0xff80_0000, // -inf
            0x7fc0_0000, // NaN
            0xffc0_1234, // NaN with a payload
            0x7f7f_ffff, // largest
            0xff7f_ffff, // -largest
            0x3f80_0000, // 1
            0x3f80_0001, // the float after 1
            0xbf80_0000, // -1
        ];
        let bits = self.next() as u32;
        match self.below(6) {
            0 => f32::from_bits(self.pick(&SPECIAL)),
            1 => f32::from_bits(bits),
            2 => f32::from_bits(bits & 0x80ff_ffff),
            _ => (bits as i32) as f32 * 2.0_f32.powi(-29),
        }
    }

    fn word(&mut self) -> u32 {
        let bits = self.next() as u32;
        match self.below(3) {
            0 => self.pick(&[0, 1, u32::MAX, i32::MAX as u32, i32::MIN as u32, 0x0001_0000]),
            _ => bits,
        }
    }
}

/// A plan in the making, with its values by type.
struct Author {
    /// Of parameters and gradients.
    types: [ElementType; 2],
    plan: PlanBuilder,
    floats: Vec<Value>,
    integers: Vec<Value>,
    masks: Vec<Value>,
    /// Integers of a block of four elements.
    blocks: Vec<Value>,
}

impl Author {
    fn new(random: &mut Random) -> Author {
        let types = [0; 2].map(|_| match random.below(2) {
            0 => ElementType::F32,
            _ => random.pick(&ElementType::ALL),
        });
        let mut plan = PlanBuilder::with_types(types[0], types[1]);
        let mut loaded = |array: Array, of: ElementType| {
            let value = plan.load(array);
            match of {
                ElementType::F32 | ElementType::F64 => value,
                ElementType::F16 => from_f16(&mut plan, value),
                ElementType::Bf16 => from_bf16(&mut plan, value),
            }
        };
        let mut floats =
            vec![loaded(Array::Parameter, types[0]), loaded(Array::Gradient, types[1])];
        (0..STATES).for_each(|slot| floats.push(plan.load(Array::State(slot as u16))));
        (0..SCALARS).for_each(|number| floats.push(plan.scalar(number as u16)));
        let words = [Word::KeyLow, Word::KeyHigh, Word::Step];
        let mut integers: Vec<Value> = words.into_iter().map(|word| plan.word(word)).collect();
        let mut blocks = integers.clone();
        blocks.extend([Word::BlockLow, Word::BlockHigh].map(|word| plan.word(word)));
        floats.push(plan.float(random.float()));
        integers.push(plan.integer(random.word()));
        let masks = vec![plan.lt(floats[0], floats[1]), plan.lt(floats[5], floats[6])];
        Author { types, plan, floats, integers, masks, blocks }
    }

    /// A recent value more often than an old one, so that plans are deep.
    fn of(random: &mut Random, values: &[Value]) -> Value {
        let recent = values.len().min(6);
        let from = if random.below(3) == 0 { values } else { &values[values.len() - recent..] };
        random.pick(from)
    }

    fn add_float(&mut self, random: &mut Random) {
        let [a, b, c] = [0; 3].map(|_| Author::of(random, &self.floats));
        let mask = Author::of(random, &self.masks);
        let integer = Author::of(random, &self.integers);
        let plan = &mut self.plan;
        let value = match random.below(17) {
            0 => plan.add(a, b),
            1 => plan.sub(a, b),
            2 => plan.mul(a, b),
            3 => plan.div(a, b),
            4..=6 => plan.fma(a, b, c),
            7 => plan.sqrt(a),
            8 => plan.neg(a),
            9 => plan.abs(a),
            10 => plan.select(mask, a, b),
            11 => plan.from_bits(integer),
            12 => plan.to_float(integer),
            13 => {
                let zero = plan.float(0.0);
                plan.select(mask, a, zero)
            }
            14 => {
                let zero = plan.float(0.0);
                plan.select(mask, zero, a)
            }
            15 => {
                let less = plan.lt(a, b);
                plan.select(less, a, b)
            }
            _ => plan.float(random.float()),
        };
        self.floats.push(value);
    }

    fn add_integer(&mut self, random: &mut Random) {
        let [a, b] = [0; 2].map(|_| Author::of(random, &self.integers));
        let mask = Author::of(random, &self.masks);
        let float = Author::of(random, &self.floats);
        let by = random.below(32) as u8;
        let plan = &mut self.plan;
        let value = match random.below(13) {
            0 => plan.iadd(a, b),
            1 => plan.isub(a, b),
            2 => plan.imul(a, b),
            3 | 4 => plan.umulhi(a, b),
            5 => plan.iand(a, b),
            6 => plan.ior(a, b),
            7 => plan.ixor(a, b),
            8 => plan.shl(a, by),
            9 => plan.ushr(a, by),
            10 => plan.sshr(a, by),
            11 => plan.iselect(mask, a, b),
            _ => {
                let (number, other) = (plan.eq(float, float), plan.float(1.5));
                let float = plan.select(number, float, other);
                plan.bits(float)
            }
        };
        self.integers.push(value);
        self.integers.push(self.plan.integer(random.word()));
    }

    /// An integer of a block, or the way from four of them to an element.
    fn add_of_block(&mut self, random: &mut Random) {
        let [a, b, c, d] = [0; 4].map(|_| Author::of(random, &self.blocks));
        let by = random.below(32) as u8;
        let plan = &mut self.plan;
        let value = match random.below(8) {
            0 => plan.imul(a, b),
            1 | 2 => plan.umulhi(a, b),
            3 => plan.ixor(a, b),
            4 => plan.iadd(a, b),
            5 => plan.ushr(a, by),
            6 => {
                let mask = plan.ilt(a, b);
                plan.iselect(mask, c, d)
            }
            _ => {
                self.integers.push(plan.pick((), [a, b, c, d]));
                return;
            }
        };
        self.blocks.push(value);
    }

    fn add_mask(&mut self, random: &mut Random) {
        let [a, b] = [0; 2].map(|_| Author::of(random, &self.floats));
        let [i, j] = [0; 2].map(|_| Author::of(random, &self.integers));
        let [m, n] = [0; 2].map(|_| Author::of(random, &self.masks));
        let plan = &mut self.plan;
        let value = match random.below(8) {
            0 => plan.lt(a, b),
            1 => plan.le(a, b),
            2 => plan.eq(a, b),
            3 => plan.ilt(i, j),
            4 => plan.ieq(i, j),
            5 => plan.and(m, n),
            6 => plan.or(m, n),
            _ => plan.not(m),
        };
        self.masks.push(value);
    }

    /// Stores floats, and all integers and masks folded into two more, so that none is dead.
    fn finish(mut self) -> Plan {
        let plan = &mut self.plan;
        let mut word = self.integers[0];
        for integer in &self.integers[1..] {
            word = plan.ixor(word, *integer);
        }
        let finite = plan.integer(0xff7f_ffff);
        let word = plan.iand(word, finite);
        let word = plan.from_bits(word);
        let mut sum = plan.float(0.0);
        for (place, mask) in self.masks.iter().enumerate() {
            let (yes, no) = (plan.float((place + 1) as f32), plan.float(-1.0));
            let term = plan.select(*mask, yes, no);
            sum = plan.add(sum, term);
        }
        let last = self.floats.len() - 1;
        let value = self.floats[last];
        match self.types[0] {
            ElementType::F32 => plan.store(Array::Parameter, value),
            ElementType::F64 => plan.descend(value, self.floats[last - 2]),
            ElementType::F16 => {
                let bits = to_f16(plan, value);
                plan.store(Array::Parameter, bits);
            }
            ElementType::Bf16 => {
                let bits = to_bf16(plan, value);
                plan.store(Array::Parameter, bits);
            }
        }
        plan.store(Array::State(0), self.floats[last - 1]);
        plan.store(Array::State(1), word);
        plan.store(Array::State(2), sum);
        self.plan.finish()
    }
}

fn random_plan(random: &mut Random, operations: usize) -> Plan {
    let mut author = Author::new(random);
    for _ in 0..operations {
        match random.below(6) {
            0 => author.add_integer(random),
            1 => author.add_mask(random),
            2 => author.add_of_block(random),
            _ => author.add_float(random),
        }
    }
    author.finish()
}

/// Arrays with their margins, and what is the same for all elements.
#[derive(Clone)]
struct Input {
    count: usize,
    arrays: [Vec<f32>; 2 + STATES],
    scalars: [f32; SCALARS],
    key: [u32; 2],
    step: u32,
    first_element: u64,
}

impl Input {
    fn random(random: &mut Random, count: usize) -> Input {
        let first =
            random.pick(&[0, 4, 1 << 20, (1 << 32) - 8, (1 << 40) + 12, u64::MAX - 3 - 4096]);
        Input {
            count,
            arrays: [(); 2 + STATES]
                .map(|()| (0..count + 2 * MARGIN).map(|_| random.float()).collect()),
            scalars: [(); SCALARS].map(|()| random.float()),
            key: [random.word(), random.word()],
            step: random.word(),
            first_element: first,
        }
    }

    /// The numbers of all arrays after one step, margins included.
    fn after(&self, plan: &Plan, kernel: &dyn Kernel) -> Vec<Vec<f64>> {
        let mut arrays = self.arrays.clone();
        let range = MARGIN..MARGIN + self.count;
        let [parameters, gradients, states @ ..] = &mut arrays;
        let mut parameters = typed(parameters, plan.parameter);
        let gradients = typed(gradients, plan.gradient);
        let mut views = states.each_mut().map(|state| &mut state[range.clone()]);
        let (_, from_start) = parameters.as_floats_mut().split_at(MARGIN);
        let mut elements = Elements {
            parameters: from_start.split_at(self.count).0,
            gradients: gradients.as_floats().part(range),
            states: &mut views,
            first_element: self.first_element,
        };
        let uniforms = Uniforms { scalars: &self.scalars, key: self.key, step: self.step };
        kernel.run(&mut elements, uniforms).unwrap();
        let numbers = [parameters, gradients].map(|array| array.numbers().collect());
        let states = states.iter().map(|state| FloatVec::F32(state.clone()).numbers().collect());
        numbers.into_iter().chain(states).collect()
    }
}

/// Elements of a type by the upper bits of these, so that those of 16 bits are of every kind too.
fn typed(values: &[f32], of: ElementType) -> FloatVec {
    let values = values.iter().copied();
    match of {
        ElementType::F32 => FloatVec::F32(values.collect()),
        // With digits that binary32 does not hold.
        ElementType::F64 => FloatVec::F64(values.map(|x| f64::from(x) * 1.000_000_03).collect()),
        ElementType::F16 => {
            FloatVec::F16(values.map(|x| f16::from_bits((x.to_bits() >> 11) as u16)).collect())
        }
        ElementType::Bf16 => {
            FloatVec::Bf16(values.map(|x| bf16::from_bits((x.to_bits() >> 16) as u16)).collect())
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn check_equal(
    input: &Input,
    plan: &Plan,
    interpreter: &Interpreter,
    kernel: &dyn Kernel,
    how: &str,
) {
    let (wanted, found) = (input.after(plan, interpreter), input.after(plan, kernel));
    for (array, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
        for (place, (w, f)) in wanted.iter().zip(found).enumerate() {
            assert!(
                same(*w, *f),
                "{how}, {} elements, array {array}, element {}: expected {w:e} {:016x}, found {f:e} \
                 {:016x}\n{plan}",
                input.count,
                place as i64 - MARGIN as i64,
                w.to_bits(),
                f.to_bits()
            );
        }
    }
}

/// The kernels of all ways to compile that this machine has.
fn kernels(plan: &Plan) -> Vec<(String, Box<dyn Kernel>)> {
    let mut kernels: Vec<(String, Box<dyn Kernel>)> = Vec::new();
    for simd in [true, false] {
        for fma in [None, Some(false)] {
            for optimization in [Optimization::None, Optimization::Speed] {
                let options = CpuOptions { simd, fma, optimization, ..CpuOptions::default() };
                let kernel = CpuKernel::compile(plan, &options).unwrap();
                kernels.push((format!("{options:?}"), Box::new(kernel)));
            }
        }
    }
    // As for machines with more registers.
    for early_constants in [Some(3), Some(12)] {
        let options = CpuOptions { early_constants, ..CpuOptions::default() };
        let kernel = CpuKernel::compile(plan, &options).unwrap();
        kernels.push((format!("{options:?}"), Box::new(kernel)));
    }
    kernels.extend(wide_kernels(plan));
    kernels
}

#[cfg(target_arch = "x86_64")]
fn wide_kernels(plan: &Plan) -> Vec<(String, Box<dyn Kernel>)> {
    let mut kernels: Vec<(String, Box<dyn Kernel>)> = Vec::new();
    for width in Width::ALL {
        let missing = CpuFeatures::detected().missing(width);
        if !missing.is_empty() {
            println!("SKIPPED: {} on a machine without {}", width.name(), missing.join(", "));
            continue;
        }
        for registers in [usize::MAX, 7, 4] {
            let options = WideOptions { width: Some(width), registers, ..WideOptions::default() };
            let kernel = WideKernel::compile(plan, &options).unwrap();
            kernels.push((format!("{options:?}"), Box::new(kernel)));
        }
    }
    kernels
}

#[cfg(not(target_arch = "x86_64"))]
fn wide_kernels(_: &Plan) -> Vec<(String, Box<dyn Kernel>)> {
    println!("SKIPPED: wide vectors, which x86-64 has");
    Vec::new()
}

fn check_plan(seed: u64, counts: &[usize]) {
    let mut random = Random::new(seed);
    let operations = 5 + random.below(56);
    check_random(seed, random, operations, counts);
}

fn check_random(seed: u64, mut random: Random, operations: usize, counts: &[usize]) {
    let plan = random_plan(&mut random, operations);
    nosc_kernels::plan::verify(&plan).unwrap();
    let interpreter = Interpreter::new(plan.clone());
    let inputs: Vec<Input> = counts.iter().map(|n| Input::random(&mut random, *n)).collect();
    for (how, kernel) in kernels(&plan) {
        let how = format!("plan {seed}, {how}");
        for input in &inputs {
            check_equal(input, &plan, &interpreter, &*kernel, &how);
        }
    }
}

#[test]
fn random_plans_of_short_lengths() {
    for seed in 0..PLANS {
        let counts: Vec<usize> = (0..4).map(|i| (seed as usize * 4 + i * 17) % 68).collect();
        check_plan(seed, &counts);
    }
}

#[test]
fn random_plans_of_every_short_length() {
    let counts: Vec<usize> = (0..68).collect();
    (1_000..1_020).for_each(|seed| check_plan(seed, &counts));
}

#[test]
fn random_plans_of_a_longer_length() {
    (2_000..2_030).for_each(|seed| check_plan(seed, &[4099]));
}

/// Long plans take other ways through the compiler: a thread and an allocator of their own.
#[test]
fn random_plans_of_many_instructions() {
    (3_000..3_006).for_each(|seed| check_random(seed, Random::new(seed), 1_200, &[7, 67]));
}

#[test]
fn every_operation_comes_up() {
    let mut text = String::new();
    for seed in 0..PLANS {
        text.push_str(&random_plan(&mut Random::new(seed), 30).to_string());
    }
    let operations = [
        "load w",
        "load g",
        "load s2",
        "scalar c3",
        "word key_low",
        "word key_high",
        "word step",
        "word block_low",
        "word block_high",
        "pick",
        "f32",
        "i32",
        "fneg",
        "fabs",
        "fsqrt",
        "bits",
        "from_bits",
        "to_float",
        "not",
        "fadd",
        "fsub",
        "fmul",
        "fdiv",
        "flt",
        "fle",
        "feq",
        "iadd",
        "isub",
        "imul",
        "umulhi",
        "iand",
        "ior",
        "ixor",
        "ieq",
        "ilt",
        "and",
        "or",
        "fma",
        "shl",
        "ushr",
        "sshr",
        "select",
    ];
    for operation in operations {
        let uses = text.matches(&format!("= {operation} ")).count()
            + text.matches(&format!("= {operation}\n")).count();
        assert!(uses >= 20, "`{operation}` comes up {uses} times");
    }
}
