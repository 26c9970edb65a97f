//! The math library on every float.
//!
//! By default a stride over all 2^32 floats and every float near the interesting points; with
//! `NOSC_EXHAUSTIVE=1` all 2^32 (use `--release`). The judge is the f64 function of the standard
//! library rounded to f32: correctly rounded but for about one input in 2^29.
//!
//! `pow` is judged on pseudo-random pairs of several kinds, 10^9 of them when exhaustive.

#![expect(clippy::disallowed_methods, reason = "the references, within an ulp of f64")]

use std::thread;

use nosc_compiler::random::SplitMix64;
use nosc_kernels::math::{Direct, exp, log, pow, sigmoid, sin_cos_turns, tanh};

/// The worst result of many.
#[derive(Debug, Clone, Copy, Default)]
struct Worst {
    /// Distance from the rounded reference, in floats.
    steps: u32,
    /// Distance from the reference itself, in ulps of the rounded one.
    ulps: f64,
    /// The arguments of the largest `ulps`.
    at: [f32; 2],
    /// How many results were judged.
    count: u64,
}

impl Worst {
    fn record(&mut self, at: [f32; 2], found: f32, reference: f64) {
        self.count += 1;
        let rounded = reference as f32;
        if found.to_bits() == rounded.to_bits() && rounded.abs() > f32::MAX {
            return;
        }
        let steps = steps_between(found, rounded);
        let ulps = (f64::from(found) - reference).abs() / ulp(rounded);
        self.steps = self.steps.max(steps);
        if ulps.is_finite() && ulps > self.ulps {
            self.ulps = ulps;
            self.at = at;
        }
    }

    fn join(self, other: Worst) -> Worst {
        let larger = if other.ulps > self.ulps { other } else { self };
        Worst {
            steps: self.steps.max(other.steps),
            count: self.count + other.count,
            ulps: larger.ulps,
            at: larger.at,
        }
    }

    #[expect(clippy::print_stdout, reason = "the measured error is what a long run is for")]
    fn assert(self, name: &str, allowed: u32) {
        println!("{name}: {self:?}");
        assert!(self.steps <= allowed, "{name} is {} ulp off: {self:?}", self.steps);
    }
}

/// How many floats lie between; infinity counts as the one after the largest.
fn steps_between(a: f32, b: f32) -> u32 {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => 0,
        (false, false) => ordinal(a).abs_diff(ordinal(b)),
        _ => u32::MAX,
    }
}

/// Numbers the floats in order; both zeros are 0.
fn ordinal(x: f32) -> i32 {
    let magnitude = (x.to_bits() & 0x7fff_ffff) as i32;
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

fn ulp(x: f32) -> f64 {
    let exponent = ((x.to_bits() >> 23) & 0xff).max(1) as i32;
    2_f64.powi(exponent - 150)
}

fn exhaustive() -> bool {
    std::env::var("NOSC_EXHAUSTIVE").is_ok_and(|value| value == "1")
}

/// Splits `0..count` over the processors and joins what they found.
fn in_parallel(count: u64, work: impl Fn(u64) -> Worst + Sync) -> Worst {
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let work = &work;
    thread::scope(|scope| {
        let run = |first| move || (first..count).step_by(threads as usize).map(work).collect();
        let handles: Vec<thread::ScopedJoinHandle<'_, Vec<Worst>>> =
            (0..threads).map(|first| scope.spawn(run(first))).collect();
        let found = handles.into_iter().flat_map(|h| h.join().expect("a worker panicked"));
        found.fold(Worst::default(), Worst::join)
    })
}

/// Calls the judge for all floats, or for a sample with every float near the given points.
fn over_floats(points: &[f32], judge: impl Fn(f32, &mut Worst) + Sync) -> Worst {
    const CHUNK: u64 = 1 << 20;
    let stride = if exhaustive() { 1 } else { 4099 };
    let all = in_parallel((1 << 32) / CHUNK, |chunk| {
        let mut worst = Worst::default();
        let first = (chunk * CHUNK).next_multiple_of(stride);
        for bits in (first..(chunk + 1) * CHUNK).step_by(stride as usize) {
            judge(f32::from_bits(bits as u32), &mut worst);
        }
        worst
    });
    let mut near = Worst::default();
    let common = [0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, 1.0, 0.5, 2.0];
    for point in points.iter().chain(&common) {
        for offset in -1000_i32..=1000 {
            let x = f32::from_bits(point.to_bits().wrapping_add(offset as u32));
            judge(x, &mut near);
            judge(-x, &mut near);
        }
    }
    all.join(near)
}

#[test]
fn exp_is_within_one_ulp() {
    let points = [88.722_84, -87.336_55, -103.278_93, -103.972_08, 89.0, -104.0];
    over_floats(&points, |x, worst| {
        worst.record([x, 0.0], exp(&mut Direct, x), f64::from(x).exp());
    })
    .assert("exp", 1);
}

#[test]
fn log_is_within_one_ulp() {
    over_floats(&[2.0 / 3.0, 4.0 / 3.0, std::f32::consts::E], |x, worst| {
        worst.record([x, 0.0], log(&mut Direct, x), f64::from(x).ln());
    })
    .assert("log", 1);
}

#[test]
fn tanh_is_within_two_ulp() {
    over_floats(&[0.173_286_8, 0.519_860_4, 9.010_913, 10.0], |x, worst| {
        let found = tanh(&mut Direct, x);
        let same_sign = found.is_sign_negative() == x.is_sign_negative();
        assert!(same_sign || x.is_nan(), "tanh({x}) = {found}");
        worst.record([x, 0.0], found, f64::from(x).tanh());
    })
    .assert("tanh", 2);
}

#[test]
fn sigmoid_is_within_two_ulp() {
    over_floats(&[-87.336_55, -103.278_93, -103.972_08, 16.635_532], |x, worst| {
        let e = (-f64::from(x).abs()).exp();
        let reference = if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) };
        worst.record([x, 0.0], sigmoid(&mut Direct, x), reference);
    })
    .assert("sigmoid", 2);
}

#[test]
fn sine_and_cosine_are_within_one_ulp_on_every_uniform_number() {
    let stride = if exhaustive() { 1 } else { 61 };
    let mut worst = Worst::default();
    for step in (0..1_u32 << 24).step_by(stride) {
        let turns = f64::from(step) / f64::from(1 << 24);
        let (sine, cosine) = sin_cos_turns(&mut Direct, turns as f32);
        // Exact reduction to |r| <= 1/8, so that the f64 reference is good near its zeros.
        let quarter = (turns * 4.0).round();
        let angle = (turns - quarter / 4.0) * std::f64::consts::TAU;
        let (s, c) = angle.sin_cos();
        let (expected_sine, expected_cosine) = match quarter as u32 % 4 {
            0 => (s, c),
            1 => (c, -s),
            2 => (-s, -c),
            _ => (-c, s),
        };
        worst.record([turns as f32, 0.0], sine, expected_sine);
        worst.record([turns as f32, 1.0], cosine, expected_cosine);
    }
    worst.assert("sin and cos", 1);
}

/// Random numbers.
struct Random(SplitMix64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * 2_f64.powi(-53)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn any_float(&mut self) -> f32 {
        f32::from_bits(self.next() as u32)
    }

    /// A pair of one of eight kinds.
    fn pair(&mut self, kind: u64) -> (f32, f32) {
        let mantissa = self.between(1.0, 2.0);
        match kind % 8 {
            0 => (self.any_float(), self.any_float()),
            1 => (self.any_float().abs(), self.between(-3.0, 3.0) as f32),
            2 => {
                // Near 1, with a result anywhere in the range.
                let sign = if self.next() & 1 == 0 { 1.0 } else { -1.0 };
                let x = (1.0 + sign * mantissa * 2_f64.powf(self.between(-24.0, -2.0))) as f32;
                (x, self.exponent_for(x, -150.0, 129.0))
            }
            3 => {
                let x = self.any_float().abs();
                (x, self.exponent_for(x, -151.0, -124.0))
            }
            4 => {
                let x = self.any_float().abs();
                (x, self.exponent_for(x, 125.0, 129.0))
            }
            5 => {
                let x = f32::from_bits(self.next() as u32 & 0x007f_ffff);
                (x, self.exponent_for(x, -150.0, 129.0))
            }
            6 => (self.any_float(), self.between(-20.0, 20.0).round() as f32),
            _ => {
                let x = self.between(0.5, 2.0) as f32;
                (x, self.exponent_for(x, -150.0, 129.0))
            }
        }
    }

    /// An exponent that takes x to 2 to a power between the bounds.
    fn exponent_for(&mut self, x: f32, low: f64, high: f64) -> f32 {
        (self.between(low, high) / f64::from(x).log2()) as f32
    }
}

#[test]
fn pow_is_within_two_ulp() {
    const CHUNK: u64 = 1 << 14;
    let pairs: u64 = if exhaustive() { 1_000_000_000 } else { 1 << 20 };
    let all = in_parallel(pairs.div_ceil(CHUNK), |chunk| {
        let mut worst = Worst::default();
        let mut random = Random(SplitMix64::new(chunk.wrapping_mul(0xd134_2543_de82_ef95)));
        for kind in 0..CHUNK {
            let (x, y) = random.pair(kind);
            let found = pow(&mut Direct, x, y);
            let reference = f64::from(x).powf(f64::from(y));
            assert!(
                found.is_sign_negative() == reference.is_sign_negative() || found.is_nan(),
                "pow({x}, {y}) = {found}"
            );
            worst.record([x, y], found, reference);
        }
        worst
    });
    all.assert("pow", 2);
}
