//! The rules of `docs/cookbook.md` beside what their papers say, written plainly in f64.

use nosc_compiler::Rule;
use nosc_compiler::format::format;
use nosc_runtime::{Backend, Settings};
use nosc_tests::documents::Document;
use nosc_tests::{Run, read, rule};

/// One step of one element: from (t counted from 1, w, g) and memory that starts at 0 to the new w.
type Step = fn(f64, f64, f64, &mut [f64; 6]) -> f64;

const LR: f64 = 0.05;
const TOTAL: u64 = 12;

/// Of zero it is zero, other than in Rust.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The average of a rate, in place.
fn average(memory: &mut f64, beta: f64, x: f64) -> f64 {
    *memory = beta * *memory + (1.0 - beta) * x;
    *memory
}

/// Adam's bias-corrected averages.
fn adam(t: f64, g: f64, s: &mut [f64; 6], (beta1, beta2): (f64, f64)) -> (f64, f64) {
    let m = average(&mut s[0], beta1, g) / (1.0 - beta1.powf(t));
    let v = average(&mut s[1], beta2, g * g) / (1.0 - beta2.powf(t));
    (m, v)
}

const PAPERS: [(&str, Step); 22] = [
    ("qhm", |_, w, g, s| w - LR * (0.3 * g + 0.7 * average(&mut s[0], 0.999, g))),
    ("aggmo", |_, w, g, s| {
        let mut sum = 0.0;
        for (velocity, beta) in s.iter_mut().zip([0.0, 0.9, 0.99]) {
            *velocity = beta * *velocity - g;
            sum += *velocity;
        }
        w + LR / 3.0 * sum
    }),
    ("pnm", |_, w, g, s| {
        // s: the averages one and two steps ago.
        let m = 0.81 * s[1] + 0.19 * g;
        let step = (2.0 * m - s[0]) / 5.0_f64.sqrt();
        (s[0], s[1]) = (m, s[0]);
        w - LR * step
    }),
    ("demon", |t, w, g, s| {
        let left = 1.0 - (t - 1.0) / TOTAL as f64;
        s[0] = 0.9 * left / (0.1 + 0.9 * left) * s[0] - LR * g;
        w + s[0]
    }),
    ("schedule_free", |t, y, g, s| {
        // s: z and x.
        if t == 1.0 {
            (s[0], s[1]) = (y, y);
        }
        let c = 1.0 / (t + 1.0);
        s[0] -= LR * g;
        s[1] = (1.0 - c) * s[1] + c * s[0];
        0.1 * s[0] + 0.9 * s[1]
    }),
    ("lookahead", |t, w, g, s| {
        if t == 1.0 {
            s[0] = w;
        }
        let fast = w - LR * g;
        if t % 5.0 != 0.0 {
            return fast;
        }
        s[0] += 0.5 * (fast - s[0]);
        s[0]
    }),
    ("madgrad", |t, x, g, s| {
        if t == 1.0 {
            s[2] = x;
        }
        let weight = LR * t.sqrt();
        s[0] += weight * g;
        s[1] += weight * g * g;
        let z = s[2] - s[0] / (s[1].cbrt() + 1e-6);
        0.9 * x + 0.1 * z
    }),
    ("ftrl", |_, w, g, s| {
        let (n, z) = (s[0], s[1]);
        let sigma = ((n + g * g).sqrt() - n.sqrt()) / LR;
        (s[0], s[1]) = (n + g * g, z + g - sigma * w);
        if s[1].abs() <= 1.0 { 0.0 } else { -(s[1] - s[1].signum()) / ((1.0 + s[0].sqrt()) / LR) }
    }),
    ("qhadam", |t, w, g, s| {
        let (m, v) = adam(t, g, s, (0.995, 0.999));
        w - LR * (0.3 * g + 0.7 * m) / (v.sqrt() + 1e-8)
    }),
    ("yogi", |_, w, g, s| {
        let m = average(&mut s[0], 0.9, g);
        s[1] -= 0.001 * sign(s[1] - g * g) * g * g;
        w - LR * m / (s[1].sqrt() + 1e-3)
    }),
    ("padam", |_, w, g, s| {
        let (m, v) = (average(&mut s[0], 0.9, g), average(&mut s[1], 0.999, g * g));
        s[2] = s[2].max(v);
        w - LR * m / (s[2].sqrt() + 1e-8).powf(0.25)
    }),
    ("adabound", |t, w, g, s| {
        let (m, v) = (average(&mut s[0], 0.9, g), average(&mut s[1], 0.999, g * g));
        let rate = LR * (1.0 - 0.999_f64.powf(t)).sqrt() / (1.0 - 0.9_f64.powf(t));
        let (lower, upper) = (0.1 - 0.1 / (1e-3 * t + 1.0), 0.1 + 0.1 / (1e-3 * t));
        w - (rate / (v.sqrt() + 1e-8)).max(lower).min(upper) * m
    }),
    ("adamod", |t, w, g, s| {
        let (m, v) = adam(t, g, s, (0.9, 0.999));
        let size = LR / (v.sqrt() + 1e-8);
        w - size.min(average(&mut s[2], 0.999, size)) * m
    }),
    ("nosadam", |t, w, g, s| {
        let before = s[2];
        s[2] += t.powf(-0.1);
        let decay = before / s[2];
        let m = average(&mut s[0], 0.9, g);
        let v = average(&mut s[1], decay, g * g);
        w - LR * m / (v.sqrt() + 1e-8)
    }),
    ("diffgrad", |t, w, g, s| {
        let (m, v) = adam(t, g, s, (0.9, 0.999));
        let friction = 1.0 / (1.0 + (-(s[2] - g).abs()).exp());
        s[2] = g;
        w - LR * friction * m / (v.sqrt() + 1e-8)
    }),
    ("laprop", |t, w, g, s| {
        let n = average(&mut s[0], 0.999, g * g) / (1.0 - 0.999_f64.powf(t));
        let m = average(&mut s[1], 0.9, g / (n.sqrt() + 1e-15));
        w - LR * m / (1.0 - 0.9_f64.powf(t))
    }),
    ("adan", |t, w, g, s| {
        let change = if t == 1.0 { 0.0 } else { g - s[3] };
        s[3] = g;
        let m = average(&mut s[0], 0.98, g) / (1.0 - 0.98_f64.powf(t));
        let d = average(&mut s[1], 0.92, change) / (1.0 - 0.92_f64.powf(t));
        let n = average(&mut s[2], 0.99, (g + 0.92 * change).powi(2)) / (1.0 - 0.99_f64.powf(t));
        w - LR * (m + 0.92 * d) / (n.sqrt() + 1e-8)
    }),
    ("ademamix", |t, w, g, s| {
        let (m, v) = adam(t, g, s, (0.9, 0.999));
        let (share, low, high) = (t / TOTAL as f64, 0.9_f64.ln(), 0.9999_f64.ln());
        let beta3 = (low * high / ((1.0 - share) * high + share * low)).exp().min(0.9999);
        let slow = average(&mut s[2], beta3, g);
        w - LR * (m + 8.0 * share * slow) / (v.sqrt() + 1e-8)
    }),
    ("adopt", |t, w, g, s| {
        // Its first gradient has the number 0.
        if t == 1.0 {
            s[1] = g * g;
            return w;
        }
        let bound = (t - 1.0).powf(0.25);
        let scaled = (g / s[1].sqrt().max(1e-6)).clamp(-bound, bound);
        let m = average(&mut s[0], 0.9, scaled);
        average(&mut s[1], 0.9999, g * g);
        w - LR * m
    }),
    ("grams", |t, w, g, s| {
        let (m, v) = adam(t, g, s, (0.9, 0.999));
        w - LR * sign(g) * (m / (v.sqrt() + 1e-8)).abs()
    }),
    ("cautious_adamw", |t, w, g, s| {
        let (m, v) = adam(t, g, s, (0.9, 0.999));
        let step = if m * g > 0.0 { m / (v.sqrt() + 1e-8) } else { 0.0 };
        w - LR * (step + 0.01 * w)
    }),
    ("mars_adamw", |t, w, g, s| {
        let change = if t == 1.0 { 0.0 } else { g - s[2] };
        s[2] = g;
        let (m, v) = adam(t, g + 0.025 * 19.0 * change, s, (0.95, 0.99));
        w - LR * (m / (v.sqrt() + 1e-8) + 0.01 * w)
    }),
];

/// The rules of the cookbook: name, text of the block, rule.
fn recipes() -> Vec<(String, String, Rule)> {
    let path = "docs/cookbook.md".to_owned();
    let document = Document { text: read(&path), path };
    let blocks = document.blocks().into_iter().filter(|block| block.info == "nos");
    let recipe = |text: String| {
        let rule = rule(&text);
        let name = text.split("rule ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        (name.to_owned(), text, rule)
    };
    blocks.map(|block| recipe(block.text)).collect()
}

fn settings() -> Settings {
    Settings { total_steps: Some(TOTAL), seed: Some(3), ..Settings::default() }
}

#[test]
fn every_recipe_has_its_paper_beside_it() {
    let mut names: Vec<String> = recipes().into_iter().map(|(name, ..)| name).collect();
    names.retain(|name| name != "gradient_noise");
    names.sort();
    let mut papers = PAPERS.map(|(name, _)| name);
    papers.sort_unstable();
    assert_eq!(names, papers);
}

#[test]
fn recipes_are_in_the_format() {
    for (name, text, _) in recipes() {
        assert_eq!(format(&text).unwrap(), text, "{name}");
    }
}

#[test]
fn recipes_take_the_steps_of_their_papers() {
    for (name, _, rule) in recipes() {
        let Some((_, step)) = PAPERS.iter().find(|(known, _)| *known == name) else { continue };
        let mut run = Run::of(&rule, Backend::Auto, &[24], settings());
        if name == "ftrl" {
            run.tensors[0].fill(0.0);
        }
        let mut wanted: Vec<f64> = run.tensors[0].iter().map(|w| f64::from(*w)).collect();
        let mut memory = vec![[0.0; 6]; wanted.len()];
        for t in 1..=TOTAL {
            let gradients = run.gradients();
            run.step_with(&gradients, LR).unwrap();
            for (i, (w, g)) in wanted.iter_mut().zip(&gradients[0]).enumerate() {
                *w = step(t as f64, *w, f64::from(*g), &mut memory[i]);
                let found = f64::from(run.tensors[0][i]);
                let near = (found - *w).abs() <= 2e-6 * w.abs().max(1.0);
                assert!(near, "{name}, step {t}, element {i}: {found}, expected {w}");
            }
        }
        let start = Run::of(&rule, Backend::Auto, &[24], settings());
        assert_ne!(start.tensors, run.tensors, "{name} moves nothing");
    }
}

/// The noise has the variance eta/(1+t)^0.55 at each step.
#[test]
fn gradient_noise_has_its_variance() {
    let (.., rule) = recipes().into_iter().find(|(name, ..)| name == "gradient_noise").unwrap();
    let count = 40_000;
    let mut run = Run::of(&rule, Backend::Auto, &[count], settings());
    for t in 0..3 {
        run.tensors[0].fill(0.0);
        run.step_with(&[vec![0.0; count]], 1.0).unwrap();
        let squares: f64 = run.tensors[0].iter().map(|w| f64::from(w * w)).sum();
        let (found, wanted) = (squares / count as f64, 0.3 / (1.0 + f64::from(t)).powf(0.55));
        assert!((found / wanted - 1.0).abs() < 0.05, "step {t}: {found}, expected {wanted}");
    }
}
