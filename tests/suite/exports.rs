//! Exports: what they look like, that names and sizes do not break them, and that the one in C has the interpreter's bits.
//! Those in Python are run by `tests/python/exports.py`.

use nosc_compiler::Rule;
use nosc_kernels::{Edges, ElementType, Rounding};
use nosc_runtime::{Backend, CompiledRule, export, library};
use nosc_tests::exported::{CComparison, CJob, CProgram, Exported, c_compiler};
use nosc_tests::{FEW_VALUES, cases, compiled, generated, rule};

/// Draws, states of all kinds, schedules, and names that C has for itself.
const RULES: [&str; 11] = [
    "{ update = g\n schedule = 2 + eps_t + drop(ld, 0.5) * eps + cd(3) * rd(7) }",
    "{ param q = 0.7\n state a init 2 = q*a + t/T\n state b init lr = max(a, prev(a)) - prev(b)\n update = g*b }",
    "{ let a = ema(ld, 0.8)\n update = g*debias(a) + a*w }",
    "{ state s init 1 = 0.9*s\n update = g*s\n schedule = s + prev(s) }",
    "drop(m, 0.3) * (1 + eps) + drop(w, 0.5) * eps_t",
    "{ param a = -0.5\n update = g * (tanh(a*t) + sigmoid(t) + abs(a) + sign(a) + sqrt(t) + log(t + 1)\n\
     + clip(t, 3) + min(t, 2) - max(a, t) + (t + 1)^0.3 + where(t < 2, a, 1)) }",
    "{ param class = 0.3; param double = 2; param NAN = 0.1; param M_PI = 0.2; param start = 0.4; param defaults = 1\n\
     param int = 0.5; param words = 0.6; param x1 = 0.7; param __y = 0.8; param t = 1.5; param T = 2.5; param lr = 3\n\
     param scalars = 1; param memory = 1; param pow = 2; param uint32_t = 1; param nosc_ld = 1; param s1 = 1\n\
     update = (class + double + NAN + M_PI + start + defaults + int + words + x1 + __y + t + T + lr)*g*m + exp(\n\
     (scalars + memory + pow + uint32_t + nosc_ld + s1) * sign(g)) * ld }",
    "g * e - w * pi + 1/3 + (0.1 + 0.2) + where(log(-1) == 1, g, -1/0 * g)",
    "(w - 1/3) * 1e-40 + g^3.5 - 2^g",
    START,
    NUMBER,
];

/// A state whose start is a call with a 0 in it.
const START: &str =
    "{ param p = 2\n state s init max(0, p) = 0.9 * prev(s) + g\n update = s * max(0, p) }";
/// A parameter whose name reads like a number: Python's division by it may be one by 0.
const NUMBER: &str = "{ param nan = 0\n update = max(-1, min(1, g * (1 / nan))) }";

fn jobs(count: usize, lengths: &[usize]) -> Vec<CJob> {
    let places = [0, 4, (1 << 34) - 32];
    let job = |rule: usize, length: &usize| CJob {
        rule,
        length: *length,
        first_element: places[(rule + length) % 3],
        wrong_step: false,
    };
    (0..count).flat_map(|rule| lengths.iter().map(move |length| job(rule, length))).collect()
}

fn report(what: &str, found: &CComparison) {
    let CComparison { elements, numbers, scalars, near, differing, far, .. } = found;
    println!(
        "{what}: {elements} elements agree, {numbers} of them numbers; {near} of {scalars} scalars are one unit off"
    );
    assert_eq!((*differing, *far), (0, 0), "{}", found.first.clone().unwrap_or_default());
    assert!(numbers * 4 > *elements && near * 1_000 <= *scalars, "{found:?}");
}

fn run(what: &str, rules: &[Exported], lengths: &[usize]) {
    let Some(compiler) = c_compiler() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = CProgram::build(folder.path(), &compiler, rules);
    report(what, &program.run(&jobs(rules.len(), lengths)));
}

#[test]
fn exports_in_c_return_the_bits_of_the_interpreter() {
    let own = FEW_VALUES.iter().chain(&RULES).map(|text| rule(text));
    let generated = (0..cases(60)).map(|seed| generated(seed).1);
    let rules = library::rules().into_iter().chain(own).chain(generated).enumerate();
    let named = |(number, rule): (usize, Rule)| {
        Exported::new(&rule, &format!("r{number}"), Edges::default())
    };
    run("exports in C", &rules.map(named).collect::<Vec<Exported>>(), &[0, 1, 7, 259]);
}

#[test]
fn exports_in_c_are_made_for_all_element_types() {
    let mut rules = Vec::new();
    for parameter in ElementType::ALL {
        for gradient in ElementType::ALL {
            for rounding in [Rounding::Nearest, Rounding::Stochastic] {
                let edges = Edges { parameter, gradient, rounding, ..Edges::default() };
                for name in ["adam_rule", "t6_01"] {
                    let number = format!("r{}", rules.len());
                    rules.push(Exported::new(&library::rule(name).unwrap(), &number, edges));
                }
            }
        }
    }
    run("exports in C for all types", &rules, &[5, 67]);
}

/// Where a fault made no difference, agreement would say nothing.
#[test]
fn a_fault_makes_a_difference_in_c() {
    let Some(compiler) = c_compiler() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Names of rules that functions of the file might have.
    let rules: Vec<Exported> = ["t6_01", "sign", "_7", "bits", "scalars"]
        .map(|name| Exported::new(&library::rule("t6_01").unwrap(), name, Edges::default()))
        .into();
    let program = CProgram::build(folder.path(), &compiler, &rules);
    let right = CJob { rule: 1, length: 1_000, first_element: 0, wrong_step: false };
    assert_eq!(program.run(&[right]).differing, 0);
    let wrong = program.run(&[CJob { wrong_step: true, ..right }]);
    assert!(wrong.differing > 1_000, "a wrong step is not noticed: {wrong:?}");
}

#[test]
fn exports_look_as_before() {
    let of = |name: &str| compiled(&library::rule(name).unwrap(), Backend::Interpreter);
    let c = |name: &str| export::c(&of(name), Edges::default()).unwrap();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("export_torch_adam_rule", export::torch(&of("adam_rule")));
        insta::assert_snapshot!("export_torch_t6_19", export::torch(&of("t6_19")));
        insta::assert_snapshot!("export_jax_adam_rule", export::jax(&of("adam_rule")));
        insta::assert_snapshot!("export_jax_t6_19", export::jax(&of("t6_19")));
        insta::assert_snapshot!("export_c_adam_rule", c("adam_rule"));
        insta::assert_snapshot!("export_c_sgd_noisy_linear_cosine", c("sgd_noisy_linear_cosine"));
    });
}

fn all(compiled: &CompiledRule) -> [String; 3] {
    let c = export::c(compiled, Edges::default()).unwrap();
    [export::torch(compiled), export::jax(compiled), c]
}

#[test]
fn a_start_and_a_divisor_are_what_the_rule_says() {
    let torch = |text: &str| export::torch(&compiled(&rule(text), Backend::Interpreter));
    let text = torch(START);
    assert!(
        text.contains(".copy_(torch.tensor(scalar_max(0.0, p_), dtype=torch.float32))"),
        "{text}"
    );
    let text = torch(NUMBER);
    assert!(text.contains("scalar_div(1.0, nan)"), "{text}");
}

/// Brackets that are open at once, at most.
fn depth(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// A rule that is one long chain: Python's parser refuses 100 brackets in each other.
#[test]
fn deep_rules_become_flat_programs() {
    let mut block = "{\n let a0 = g\n".to_owned();
    for level in 1..=1_500 {
        let before = level - 1;
        block += &format!(" let a{level} = -tanh({level}*w - a{before}*(1 - ld^{level}.5))\n");
    }
    block += " update = a1500\n}";
    let compiled = compiled(&rule(&block), Backend::Interpreter);
    for text in all(&compiled) {
        assert!(depth(&text) < 20, "{} brackets", depth(&text));
        let longest = text.lines().map(str::len).max();
        assert!(longest < Some(400), "{longest:?}");
    }
}

#[test]
fn all_standard_rules_have_exports_in_ascii() {
    for rule in library::rules() {
        for text in all(&compiled(&rule, Backend::Interpreter)) {
            assert!(text.is_ascii() && text.ends_with('\n'), "{}", rule.name);
            assert!(text.contains("This file needs no nosc."), "{}", rule.name);
        }
    }
}
