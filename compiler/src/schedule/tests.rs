//! What a schedule over a rule is, and what a formula that is none says.

use crate::Rule;
use crate::canonical::CanonicalRule;
use crate::source::place;

fn rule(text: &str) -> Rule {
    Rule::parse(text).expect(text)
}

/// The same tree, the same key, and both survive printing.
#[track_caller]
fn check_same(under: &str, formula: &str, written: &str) {
    let (over, written) = (rule(under).with_schedule(formula).expect(formula), rule(written));
    assert!(over.same_as(&written), "{}\n{}", over.to_text(), written.to_text());
    assert_eq!(over.name, written.name);
    assert_eq!(over.parameters, written.parameters);
    let key = CanonicalRule::new(&over).key;
    assert_eq!(key, CanonicalRule::new(&written).key);
    let again = rule(&over.to_text());
    assert!(again.same_as(&over), "{}", over.to_text());
    assert_eq!(key, CanonicalRule::new(&again).key);
}

/// Code, place and way out of each problem.
fn mistakes(rule: &Rule, formula: &str) -> Vec<String> {
    let errors = rule.with_schedule(formula).map(|rule| rule.to_text()).expect_err(formula);
    assert_eq!(errors.text, formula);
    let line = |problem: &crate::problem::Problem| {
        let place = place(formula, problem.span().start as usize);
        format!("{} at {place}: {}", problem.code(), problem.help().unwrap_or_default())
    };
    errors.problems.iter().map(line).collect()
}

#[track_caller]
fn check_mistake(formula: &str, wanted: &str) {
    let rule =
        rule("rule a { param rate = 2; let twice = 2*g; state k = k + 1; update = k*twice }");
    assert_eq!(mistakes(&rule, formula), [wanted], "{formula}");
}

const ALONE: &str = "write the formula alone, such as `ld * cd`";
const NAMES: &str = "use only `t`, `T`, `lr`, decays, constants and parameters of the rule";
const SCALARS: &str = "use only `t`, `T`, `lr`, decays, parameters, constants and states of these";

#[test]
fn a_rule_without_a_schedule_gets_the_formula() {
    check_same(
        "rule sgd_linear_cosine = g",
        "ld*cd",
        "rule sgd_linear_cosine { update = g\n schedule = ld * cd }",
    );
}

#[test]
fn a_rule_with_a_schedule_gets_the_product_its_own_first() {
    check_same(
        "rule a { update = m; schedule = 1 - t/T }",
        "ld + eps_t",
        "rule a { update = m; schedule = (1 - t/T) * (ld + eps_t) }",
    );
}

#[test]
fn twice_is_a_product_of_both() {
    let twice = rule("g").with_schedule("ld").and_then(|rule| rule.with_schedule("cd(3)"));
    let twice = twice.expect("both are step scalars");
    assert!(twice.same_as(&rule("{ update = g; schedule = ld * cd(3) }")));
}

#[test]
fn each_drop_draws_by_itself_and_noise_is_shared_as_in_a_block() {
    check_same(
        "rule a { update = drop(g, 0.5) + eps; schedule = drop(ld, 0.1) }",
        "drop(ld, 0.1) + eps",
        "rule a { update = drop(g, 0.5) + eps; schedule = drop(ld, 0.1) * (drop(ld, 0.1) + eps) }",
    );
    let over = rule("drop(g, 0.5)").with_schedule("drop(ld, 0.5)").expect("a step scalar");
    let canonical = CanonicalRule::new(&over);
    assert_eq!((canonical.draws.len(), canonical.schedule_draws.len()), (1, 1));
}

#[test]
fn averages_are_added_or_shared() {
    check_same(
        "rule a = m * ema(ld, 0.5)",
        "ema(ld, 0.5) + ema(cd, beta1)",
        "rule a { update = m * ema(ld, 0.5); schedule = ema(ld, 0.5) + ema(cd, beta1) }",
    );
    let over = rule("g * ema(ld, 0.5)").with_schedule("ema(ld, 0.5)").expect("a step scalar");
    assert_eq!(over.states.len(), 1);
}

#[test]
fn parameters_of_the_rule_are_known_and_shadow_operands() {
    check_same(
        "rule a { param rate = 3; update = rate * g }",
        "ld^rate",
        "rule a { param rate = 3; update = rate * g; schedule = ld^rate }",
    );
    check_same(
        "rule a { param ld = 3; param beta1 = 0.5; update = ld * m }",
        "ld * beta1 * delta",
        "rule a { param ld = 3; param beta1 = 0.5; update = ld * m; schedule = ld * beta1 * delta }",
    );
}

#[test]
fn white_space_comments_and_greek_are_read_as_in_a_file() {
    let over = rule("g").with_schedule("\n (ld\n ·cd) # decays\n;\n").expect("a formula");
    assert!(over.same_as(&rule("{ update = g; schedule = ld * cd }")));
}

#[test]
fn a_number_beyond_f32_stays_an_f64() {
    check_same("rule a = g", "1e300 * ld", "rule a { update = g; schedule = 1e300 * ld }");
}

#[test]
fn names_that_mean_nothing_here_are_refused_where_they_stand() {
    check_mistake("ld * nope", &format!("nosc::unknown_name at 1:6: {NAMES}"));
    check_mistake("ld * twice", &format!("nosc::unknown_name at 1:6: {NAMES}"));
    check_mistake("ld *\n prev( k )", &format!("nosc::unknown_name at 2:2: {NAMES}"));
    check_mistake("ld * rat", "nosc::unknown_name at 1:6: did you mean `rate`?");
    check_mistake(
        "step(0.1)",
        "nosc::unknown_function at 1:1: `nosc language` lists the functions",
    );
}

#[test]
fn what_varies_from_element_to_element_is_refused() {
    for formula in ["g", "m * ld", "where(w < 0, 1, ld)", "ema(eps, 0.5)"] {
        check_mistake(formula, &format!("nosc::varies_by_element at 1:1: {SCALARS}"));
    }
    check_mistake("ema(ld, g)", &format!("nosc::varies_by_element at 1:9: {SCALARS}"));
}

#[test]
fn what_is_more_or_less_than_a_formula_says_so() {
    for (text, at) in [("", "1:1"), (" # nothing", "1:11"), (";\n", "2:1")] {
        check_mistake(text, &format!("nosc::expected at {at}: {ALONE}"));
    }
    for text in ["rule a = ld", "{ update = ld }", "[ld cd id id mul]"] {
        check_mistake(text, &format!("nosc::expected at 1:1: {ALONE}"));
    }
    check_mistake("schedule = ld * cd", &format!("nosc::expected at 1:10: {ALONE}"));
    check_mistake("ld cd id id mul", &format!("nosc::expected at 1:4: {ALONE}"));
}

#[test]
fn mistakes_of_formulas_keep_their_way_out() {
    check_mistake("2ld", "nosc::expected at 1:2: write `2 * ld` for a product");
    check_mistake("ld *", "nosc::expected at 1:5: ");
    check_mistake("(ld * cd", "nosc::unclosed at 1:1: add `)`");
    check_mistake("ld < cd", "nosc::misplaced_comparison at 1:1: write `where(a < b, x, y)`");
    check_mistake(
        "cd(t)",
        "nosc::not_constant at 1:4: use numbers, `e`, `pi` and functions of them",
    );
    let found = mistakes(&rule("g"), "nope + sgn(ld) + cd(0)");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn long_and_deep_texts_end_in_one_message() {
    let deep = "(".repeat(100_000);
    assert_eq!(mistakes(&rule("g"), &deep).len(), 1);
    assert!(mistakes(&rule("g"), &deep)[0].starts_with("nosc::nesting_too_deep at 1:129"));
    let long = "ld*".repeat(2_000_000) + "cd";
    assert!(mistakes(&rule("g"), &long)[0].starts_with("nosc::file_too_large"));
    let wide: Vec<String> = (0..20_000).map(|n| format!("{n}.5*t")).collect();
    assert!(mistakes(&rule("g"), &wide.join("+"))[0].starts_with("nosc::rule_too_large"));
    let odd = "\u{1F980}".repeat(1_000);
    assert!(mistakes(&rule("g"), &odd)[0].starts_with("nosc::unexpected_character at 1:1"));
}
