//! Deep, long and large texts: each gives a rule or a named limit with a place, on a small stack too, and
//! never an abort. The cases come from public reports on other parsers and compilers.

use nosc_compiler::canonical::{Canonical, CanonicalRule, Level, canonicalize};
use nosc_compiler::counterexample::find;
use nosc_compiler::{Rule, RuleFile};

use crate::support::problems;

/// Runs on a thread with a stack of 256 KiB, which a recursion over the input would overflow.
fn on_a_small_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, run);
        thread.expect("a thread starts").join().expect("the thread ends without a panic")
    })
}

/// Every pass over a rule: parse, canonical form, print, compare, clone and drop.
fn every_pass(text: &str) -> Rule {
    let rule = Rule::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let canonical = CanonicalRule::new(&rule);
    let again = Rule::parse(&canonical.text()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(CanonicalRule::new(&again).key, canonical.key);
    let copy = Rule::parse(&rule.to_text()).unwrap_or_else(|e| panic!("{e}"));
    let copies = [copy.clone(), copy];
    assert!(copies.iter().all(|copy| copy.same_as(&rule)));
    drop(rule.to_tokens());
    rule
}

/// Keys and texts at the levels of real functions, and the search for a difference, on a small stack.
fn every_level(text: &str) -> [Canonical; 2] {
    let run = || {
        let rule = Rule::parse(text).unwrap_or_else(|e| panic!("{e}"));
        drop(find(&rule, &Rule::parse("g").expect("a rule"), 1));
        [Level::Real, Level::Scale].map(|level| canonicalize(&rule, level))
    };
    let forms = on_a_small_stack(run);
    assert!(forms.iter().all(|form| Rule::parse(&form.text).is_ok()));
    forms
}

/// A block of `count` statements `x1 = ..`, each of the one before, and `update = f(x_count)`.
fn chain(count: usize, step: impl Fn(usize) -> String, f: &str) -> String {
    let lets: Vec<String> = (0..count).map(|k| format!("let x{} = {}", k + 1, step(k))).collect();
    format!("{{ let x0 = g\n{}\nupdate = {f}(x{count}) }}", lets.join("\n"))
}

fn nested(open: &str, depth: usize, close: &str) -> String {
    format!("{}g{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn parentheses_nest_a_hundred_deep() {
    on_a_small_stack(|| assert_eq!(every_pass(&nested("(", 100, ")")).to_text(), "rule rule = g"));
}

#[test]
fn deeper_parentheses_are_refused_where_they_pass_the_limit() {
    for depth in [128, 1_000, 100_000, 1_000_000] {
        let found = on_a_small_stack(|| problems(&nested("(", depth, ")")));
        assert_eq!(found, ["nosc::nesting_too_deep at 1:129"]);
    }
}

#[test]
fn deeper_minus_signs_in_brackets_are_refused_where_they_pass_the_limit() {
    on_a_small_stack(|| every_pass(&nested("-(", 100, ")")));
    for depth in [1_000, 100_000, 1_000_000] {
        let found = on_a_small_stack(|| problems(&nested("-(", depth, ")")));
        assert_eq!(found, ["nosc::nesting_too_deep at 1:257"]);
    }
}

#[test]
fn deeper_calls_are_refused_where_they_pass_the_limit() {
    on_a_small_stack(|| every_pass(&nested("exp(", 100, ")")));
    for depth in [1_000, 100_000] {
        let found = on_a_small_stack(|| problems(&nested("abs(", depth, ")")));
        assert_eq!(found, ["nosc::nesting_too_deep at 1:513"]);
    }
    let found = on_a_small_stack(|| problems(&nested("abs(", 1_000_000, ")")));
    assert_eq!(found, ["nosc::file_too_large at 1:1"]);
}

#[test]
fn the_deepest_nesting_of_every_kind_fits_a_small_stack() {
    for (open, close) in
        [("(", ")"), ("abs(", ")"), ("2^(", ")"), ("where(1 < (", "), 1, 2)"), ("g^-", "")]
    {
        let depth = nosc_compiler::MAX_NESTING;
        let file = on_a_small_stack(|| RuleFile::parse("deep", &nested(open, depth, close)));
        assert!(file.has_errors(), "{open}");
        on_a_small_stack(|| every_pass(&nested(open, depth / 3, close)));
    }
}

#[test]
fn nested_statements_of_states_and_lets_are_no_nesting() {
    let mut text = "{\n let x0 = g\n".to_owned();
    for k in 0..2_000 {
        text += &format!("let x{} = tanh(x{k}) * 0.5\n", k + 1);
    }
    text += "update = x2000\n}";
    on_a_small_stack(|| every_pass(&text));
}

#[test]
fn a_chain_of_sums_is_as_long_as_the_limit_on_nodes() {
    for terms in [10, 1_000, 10_000] {
        let rule = on_a_small_stack(|| every_pass(&vec!["g"; terms].join("+")));
        assert_eq!(rule.tree.len(), terms);
    }
    for terms in [100_000, 1_000_000] {
        let found = on_a_small_stack(|| problems(&vec!["g"; terms].join("+")));
        assert_eq!(found, ["nosc::rule_too_large at 1:1"]);
    }
}

#[test]
fn a_chain_of_minus_signs_is_as_long_as_the_limit_on_nodes() {
    let rule = on_a_small_stack(|| every_pass(&format!("{}g", "-".repeat(10_000))));
    assert_eq!(CanonicalRule::new(&rule).text(), "g");
    let found = on_a_small_stack(|| problems(&format!("{}g", "-".repeat(100_000))));
    assert_eq!(found, ["nosc::rule_too_large at 1:83617"]);
}

#[test]
fn a_chain_of_powers_is_nesting() {
    on_a_small_stack(|| every_pass(&vec!["w"; 100].join("^")));
    for terms in [1_000, 100_000, 1_000_000] {
        let found = on_a_small_stack(|| problems(&vec!["w"; terms].join("^")));
        assert_eq!(found, ["nosc::nesting_too_deep at 1:257"]);
    }
}

#[test]
fn a_token_string_of_a_million_tokens_is_read() {
    let tokens = "g m id id add ".repeat(200_000);
    let rule = on_a_small_stack(|| Rule::from_tokens(&tokens).expect("one group, many times"));
    assert_eq!(CanonicalRule::new(&rule).text(), "g + m");
}

#[test]
fn a_token_string_of_too_many_parts_names_the_limit() {
    let mut tokens = "[g g id id add".to_owned();
    for group in 0..100_000 {
        tokens += &format!(" %{group} w1e-1 id id add");
    }
    let found = on_a_small_stack(|| problems(&(tokens + "]")));
    assert_eq!(found, ["nosc::rule_too_large at 1:1"]);
}

#[test]
fn a_rule_of_ten_thousand_nodes_is_read() {
    let terms: Vec<String> = (0..2_500).map(|k| format!("tanh(g * 0.{k:04})")).collect();
    let rule = on_a_small_stack(|| every_pass(&terms.join(" + ")));
    assert!(rule.tree.len() >= 9_990, "{}", rule.tree.len());
}

#[test]
fn more_parameters_states_or_draws_than_the_limit_are_refused_by_name() {
    let block = |line: &dyn Fn(usize) -> String, count: usize| {
        let lines: Vec<String> = (0..count).map(line).collect();
        format!("{{ {}\n update = g }}", lines.join("\n"))
    };
    let parameters = |count| block(&|k| format!("param p{k} = 1"), count);
    let states = |count| block(&|k| format!("state s{k} = s{k} + g"), count);
    let averages = |count| block(&|k| format!("let a{k} = ema(g, 0.5/({k} + 1))"), count);
    let draws = |count: usize| vec!["drop(g, 0.5)"; count].join("+");
    for (text, what) in [
        (parameters(300), "more than 256 parameters"),
        (states(300), "more than 256 states"),
        (averages(300), "more than 256 states"),
        (draws(5_000), "more than 4096 draws"),
    ] {
        let error = on_a_small_stack(|| Rule::parse(&text)).expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
    }
    for text in [parameters(256), states(256), averages(256)] {
        on_a_small_stack(|| every_pass(&text));
    }
}

/// Time of this thread on a processor, in which other work on the machine does not count; by the clock where the system does
/// not tell it.
fn seconds(run: impl Fn()) -> f64 {
    let before = on_a_processor();
    run();
    on_a_processor() - before
}

fn on_a_processor() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |time| time * 1e-9)
}

/// Eight times the size takes up to 64 times as long if the work is quadratic, and 512 times if it is cubic.
fn grows_no_more_than_quadratically(small: impl Fn(), large: impl Fn()) {
    let (small, large) = (seconds(small), seconds(large));
    assert!(large < 250.0 * small.max(1e-4), "{small} s and {large} s");
}

#[test]
fn many_signs_in_one_product_take_work_that_is_at_most_quadratic() {
    let canonical = |count: usize| {
        let signs: Vec<String> = (1..=count).map(|k| format!("sign(g - 0.{k:04})")).collect();
        let rule = Rule::parse(&signs.join("*")).expect("a product");
        assert_eq!(CanonicalRule::new(&rule).rule.tree.len(), 4 * count);
    };
    grows_no_more_than_quadratically(|| canonical(500), || canonical(4_000));
}

#[test]
fn many_draws_that_look_alike_take_work_that_is_at_most_quadratic() {
    let canonical = |text: String| drop(CanonicalRule::new(&Rule::parse(&text).expect("a sum")));
    let sum = |count: usize| {
        let draws = (0..count).map(|k| format!("drop(g, 0.5)*(g + 0.{})", k / 6));
        canonical(draws.collect::<Vec<_>>().join("+"));
    };
    grows_no_more_than_quadratically(|| sum(30), || sum(240));
    canonical(["drop(g, 0.5)"; 6].join("-"));
    let alike = |count: usize| canonical(vec!["drop(g, 0.5)"; count].join("+"));
    grows_no_more_than_quadratically(|| alike(500), || alike(4_000));
}

/// A name for each shared part, and the text of what is read, once a rule.
#[test]
fn many_shared_parts_take_work_that_is_at_most_quadratic() {
    let compared = |count: usize| {
        let part = |k: usize| format!("let y{k} = exp(y{}*0.5) + tanh(y{} - {k})\n", k - 1, k / 2);
        let parts: String = (1..=count).map(part).collect();
        let rule = Rule::parse(&format!("{{ let y0 = g\n{parts} update = y{count} }}"));
        let rule = rule.expect("a chain");
        assert!(rule.to_text().contains("let x"));
        assert_eq!(find(&rule, &rule, 0), None);
    };
    grows_no_more_than_quadratically(|| compared(200), || compared(1_600));
}

#[test]
fn decisions_above_decisions_end_at_a_limit() {
    every_level(&chain(100, |k| format!("where(g < 0.{:04}, {k} + w, x{k})", k + 1), "tanh"));
    every_level(&chain(100, |k| format!("where(x{k} < 0.{:04}, w, x{k} + m)", k + 1), "abs"));
    // Draws in the order in which they decide cost nothing to stack, so they nest deepest.
    let draws: Vec<String> = (0..300).map(|k| format!("let d{k} = drop(1, 0.5)\n")).collect();
    let text = chain(300, |k| format!("where(d{} != 0, {k}, x{k})", 299 - k), "exp");
    let text = text.replacen('{', &format!("{{ {}", draws.concat()), 1);
    let exact = CanonicalRule::new(&Rule::parse(&text).expect("a rule")).key;
    assert!(every_level(&text).iter().all(|form| form.key == exact && !form.is_normal));
}

#[test]
fn functions_of_functions_end_at_a_limit_at_every_level() {
    for (step, f) in [
        ("tanh(log(exp(X) + w))", "sqrt"),
        ("w/(X + m)", "exp"),
        ("X^2 + w", "log"),
        ("(X + w)*(X - m)", "sign"),
        ("sign(X - w)*m + v", "tanh"),
        ("abs(X)^v", "exp"),
        ("w*tanh(g - 0.K)*X", "sign"),
    ] {
        let step = |k: usize| step.replace('X', &format!("x{k}")).replace('K', &format!("{k:04}"));
        every_level(&chain(200, step, f));
    }
}

#[test]
fn averages_of_averages_end_at_a_limit_at_every_level() {
    every_level(&chain(200, |k| format!("ema(x{k}, 0.9) + w"), "exp"));
    every_level(&chain(200, |k| format!("debias(ema(tanh(x{k}), 0.5))"), "sign"));
}
