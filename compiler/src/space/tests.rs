//! Sizes against counting one by one, samples against sizes, meanings against the language's own.

use indexmap::IndexMap;

use super::{
    Constraints, Kind, SampleError, Sampler, SearchSpace, SpaceProblem, StringCount, Vocabulary,
};
use crate::Rule;
use crate::arbitrary::token_text_from_seed;
use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};

fn tiny(operands: &str, unary: &str, binary: &str) -> SearchSpace {
    let text = format!("operands = [{operands}]\nunary = [{unary}]\nbinary = [{binary}]");
    SearchSpace::parse("tiny", &text).expect(&text)
}

fn all_constraints() -> impl Iterator<Item = Constraints> {
    (0..16).map(|bits| Constraints {
        operands_differ: bits & 1 != 0,
        last_not_add: bits & 2 != 0,
        reuse: bits & 4 != 0,
        all_used: bits & 8 != 0,
    })
}

/// Every string of a space, constraints or not.
fn every_string(space: &SearchSpace, groups: usize) -> Vec<Vec<String>> {
    let mut strings: Vec<Vec<String>> = vec![Vec::new()];
    for place in 0..5 * groups {
        let results = (0..place / 5).map(|k| format!("%{k}"));
        let words: Vec<String> = match place % 5 {
            0 | 1 => space.operands().iter().cloned().chain(results).collect(),
            2 | 3 => space.unary().to_vec(),
            _ => space.binary().to_vec(),
        };
        let longer = |string: &Vec<String>| {
            let string = string.clone();
            words.clone().into_iter().map(move |word| [string.clone(), vec![word]].concat())
        };
        strings = strings.iter().flat_map(longer).collect();
    }
    strings
}

/// The constraints as their documentation says them.
fn meets(string: &[String], constraints: Constraints) -> bool {
    let groups: Vec<&[String]> = string.chunks(5).collect();
    let last = groups.len() - 1;
    let takes = |k: usize, name: &str| groups[k][..2].iter().any(|word| word == name);
    let differ = groups.iter().all(|group| group[0] != group[1]);
    let reuse = groups.iter().skip(1).all(|group| group[..2].iter().any(|w| w.starts_with('%')));
    let used = (0..last).all(|k| (k + 1..=last).any(|user| takes(user, &format!("%{k}"))));
    (differ || !constraints.operands_differ)
        && (groups[last][4] != "add" || !constraints.last_not_add)
        && (reuse || !constraints.reuse)
        && (used || !constraints.all_used)
}

#[test]
fn sizes_are_those_of_counting_one_by_one() {
    let spaces = [
        tiny("'g', 'm'", "'id'", "'add', 'mul'"),
        tiny("'g'", "'id', 'neg'", "'add'"),
        tiny("'g', 'm', '1'", "'exp'", "'mul'"),
    ];
    for space in &spaces {
        for groups in 1..=3 {
            let strings = every_string(space, groups);
            for constraints in all_constraints() {
                let count = strings.iter().filter(|string| meets(string, constraints)).count();
                let size = space.size(groups, constraints);
                assert_eq!(size, StringCount::from(count), "{groups} {constraints}");
            }
        }
    }
    let longer = tiny("'g'", "'id'", "'mul'");
    for groups in 4..=5 {
        let strings = every_string(&longer, groups);
        for constraints in all_constraints() {
            let count = strings.iter().filter(|string| meets(string, constraints)).count();
            assert_eq!(longer.size(groups, constraints), StringCount::from(count), "{constraints}");
        }
    }
}

/// Every string comes up, none that should not, and each about as often as any other.
#[test]
fn samples_are_uniform() {
    let space = tiny("'g', 'm'", "'id'", "'add', 'mul'");
    for groups in 1..=3 {
        let strings = every_string(&space, groups);
        for constraints in all_constraints() {
            let allowed = strings.iter().filter(|string| meets(string, constraints));
            let mut counts: IndexMap<String, f64> =
                allowed.map(|string| (string.join(" "), 0.0)).collect();
            let expected = 40.0;
            let draws = counts.len() * expected as usize;
            let sampler = Sampler::new(&space, groups..=groups, constraints, 1).expect("not empty");
            for text in sampler.take(draws) {
                *counts.get_mut(&text).unwrap_or_else(|| panic!("{text} {constraints}")) += 1.0;
            }
            // Chi-square with so many degrees of freedom is about normal; 5 deviations are a fault.
            let square = |count: &f64| (count - expected) * (count - expected) / expected;
            let chi: f64 = counts.values().map(square).sum();
            let freedom = counts.len() as f64 - 1.0;
            let deviations = (chi - freedom) / (2.0 * freedom.max(1.0)).sqrt();
            assert!(deviations.abs() < 5.0, "{groups} {constraints}: {deviations}");
        }
    }
}

#[test]
fn a_string_depends_on_seed_and_number_only() {
    let space = SearchSpace::paper();
    let sampler = |seed| Sampler::new(&space, 1..=4, Constraints::PAPER, seed).expect("not empty");
    let strings: Vec<String> = sampler(3).take(50).collect();
    for index in [49, 7, 0] {
        let mut other = sampler(3);
        other.seek(index);
        assert_eq!(other.next().as_ref(), strings.get(index as usize));
    }
    assert_ne!(sampler(4).next(), sampler(3).next());
}

/// Fixed for good: a list that somebody has made from a seed can be made again.
#[test]
fn the_strings_of_a_seed_do_not_change() {
    let space = SearchSpace::paper();
    let strings = |groups, constraints| -> Vec<String> {
        Sampler::new(&space, groups, constraints, 0).expect("not empty").take(2).collect()
    };
    assert_eq!(
        strings(2..=2, Constraints::PAPER),
        [
            "1 ld drop0.5 neg mul eps %0 log drop0.5 mul",
            "w1e-4 sign_m drop0.3 exp pow %0 g3 drop0.1 sign div"
        ]
    );
    let all_used = Constraints { all_used: true, ..Constraints::NONE };
    assert_eq!(
        strings(1..=4, all_used),
        [
            "rmsprop v neg clip1e-4 add rd_20 %0 id clip1e-4 pow",
            "g2 sign_g clip1e-4 log div g %0 drop0.3 log sub w1e-3 %1 id neg mul"
        ]
    );
}

#[test]
fn what_cannot_be_sampled_is_an_error() {
    let only_add = tiny("'g', 'm'", "'id'", "'add'");
    let empty = Sampler::new(&only_add, 1..=1, Constraints::PAPER, 0).map(drop);
    assert_eq!(empty, Err(SampleError::Empty { groups: 1, constraints: Constraints::PAPER }));
    for (first, last) in [(0, 1), (1, 33), (3, 2)] {
        let result = Sampler::new(&only_add, first..=last, Constraints::NONE, 0).map(drop);
        assert_eq!(result, Err(SampleError::Groups { first, last }));
    }
    // With one operand that must differ from itself there is nothing to start from.
    assert!(tiny("'g'", "'id'", "'mul'").size(2, Constraints::PAPER).is_zero());
}

#[test]
fn a_long_string_of_used_results_is_found_at_once() {
    let constraints = Constraints { all_used: true, ..Constraints::PAPER };
    let sampler = Sampler::new(&SearchSpace::paper(), 32..=32, constraints, 5).expect("not empty");
    for text in sampler.take(20) {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        assert!(meets(&words, constraints), "{text}");
    }
}

#[test]
fn paper_and_small_have_the_tokens_of_the_language() {
    for space in [SearchSpace::paper(), SearchSpace::small()] {
        let text = Kind::ALL.map(|kind| format!("{} = {:?}", kind.key(), space.tokens(kind)));
        let again = SearchSpace::parse("again", &text.join("\n")).expect("a space file");
        assert!(Kind::ALL.into_iter().all(|kind| again.tokens(kind) == space.tokens(kind)));
    }
}

/// A space in which every token of the paper but `%k` is defined anew under another name.
fn renamed() -> SearchSpace {
    let mut text = String::new();
    for (kind, tokens) in [
        (Kind::Operand, OPERAND_TOKENS),
        (Kind::Unary, UNARY_TOKENS),
        (Kind::Binary, BINARY_TOKENS),
    ] {
        text += &format!("[define.{}]\n", kind.key());
        for token in tokens {
            let formula = match (kind, *token) {
                (Kind::Operand, "g2") => "g*g".to_owned(),
                (Kind::Operand, "g3") => "g^3 # a cube".to_owned(),
                (Kind::Operand, "sign_g") => "sign(\\ng)".to_owned(),
                (Kind::Operand, "sign_m") => "sign(m)".to_owned(),
                (Kind::Operand, token) if token.starts_with("w1") => format!("{} * w", &token[1..]),
                (Kind::Unary, "id") => "x".to_owned(),
                (Kind::Unary, "neg") => "-x".to_owned(),
                (Kind::Unary, "log" | "sqrt") => format!("{token}(abs(x))"),
                (Kind::Unary, token) if token.starts_with("clip") || token.starts_with("drop") => {
                    format!("{}(x, {})", &token[..4], &token[4..])
                }
                (Kind::Unary, token) => format!("{token}(x)"),
                (Kind::Binary, "add") => "x + y".to_owned(),
                (Kind::Binary, "sub") => "x - y".to_owned(),
                (Kind::Binary, "mul") => "x * y".to_owned(),
                (Kind::Binary, "div") => "x / (y + delta)".to_owned(),
                (Kind::Binary, "pow") => "x^y".to_owned(),
                (Kind::Binary, _) => "x".to_owned(),
                (_, token) => token.to_owned(),
            };
            text += &format!("'my_{token}' = \"{formula}\"\n");
        }
    }
    SearchSpace::parse("renamed", &text).expect(&text)
}

#[test]
fn a_defined_token_means_what_the_token_of_that_formula_means() {
    let space = renamed();
    for seed in 0..400 {
        let text = token_text_from_seed(seed, 1 + seed as usize % 5).replace(',', " ");
        let words = text.split_whitespace();
        // A literal exponent is one by how it is written, and decays with a number are a family.
        if text.contains("cd_") || text.contains("rd_") || text.contains("pow") {
            continue;
        }
        let mine: Vec<String> = words
            .enumerate()
            .map(|(n, word)| {
                let is_kept = word.starts_with('%') || (seed + n as u64).is_multiple_of(3);
                if is_kept { word.to_owned() } else { format!("my_{word}") }
            })
            .collect();
        let mine = mine.join(" ");
        let base = SearchSpace { tokens: both(&space), ..space.clone() };
        let rule = base.rule(&mine).unwrap_or_else(|errors| panic!("{mine}: {errors}"));
        let same = Rule::from_tokens(&text).expect(&text);
        assert!(rule.same_as(&same), "{text}\n{mine}\n{}", rule.to_text());
    }
}

/// The tokens of a space and those of the paper.
fn both(space: &SearchSpace) -> [Vec<String>; 3] {
    let paper = SearchSpace::paper();
    Kind::ALL.map(|kind| [space.tokens(kind), paper.tokens(kind)].concat())
}

#[test]
fn a_string_of_the_paper_means_what_it_means_without_the_space() {
    let space = SearchSpace::paper();
    let sampler = Sampler::new(&space, 1..=6, Constraints::NONE, 11).expect("not empty");
    for text in sampler.take(500) {
        let (a, b) = (space.rule(&text).expect(&text), Rule::from_tokens(&text).expect(&text));
        assert!(a.same_as(&b), "{text}");
    }
}

#[test]
fn draws_of_operands_are_shared_and_those_of_functions_are_not() {
    let space = SearchSpace::parse(
        "draws",
        "operands = ['g']\nunary = ['id']\nbinary = ['sub']\n\
         [define.operands]\nd = 'drop(g, 0.5)'\n[define.unary]\nhalf = 'drop(x, 0.5)'",
    )
    .expect("a space file");
    let same = |tokens: &str, formula: &str| {
        let (a, b) = (space.rule(tokens).expect(tokens), Rule::parse(formula).expect(formula));
        assert!(a.same_as(&b), "{tokens}\n{}", a.to_text());
    };
    same("d d id id sub", "{ let d = drop(g, 0.5); update = d - d }");
    same("g g half half sub", "drop(g, 0.5) - drop(g, 0.5)");
}

#[test]
fn mistakes_in_a_token_string_have_places() {
    let space = SearchSpace::small();
    for (tokens, wanted) in [
        ("g mm id id mul", "`mm` is not an operand token of the space"),
        ("g m id tanh mul", "`tanh` is not a unary token of the space"),
        ("g m id id pow", "`pow` is not a binary token of the space"),
        ("g %0 id id mul", "`%0` is not defined yet: this is group 0"),
        ("g m id id mul %+0 m id id mul", "`%+0` is not an operand token of the space"),
        ("g m id id", "the token string has 4 tokens, expected a multiple of 5"),
        ("g, m id id mul", "a comma stands inside a group of five"),
        ("g m id id mul] [", "expected an operator or the end of the file, found `[`"),
    ] {
        let errors = space.rule(tokens).map(drop).expect_err(tokens);
        assert!(errors.problems.iter().any(|p| p.to_string() == wanted), "{tokens}: {errors}");
        assert!(errors.problems.iter().all(|p| errors.text.get(p.span().range()).is_some()));
    }
}

/// Messages of a space file, each with the text at its place.
fn mistakes(text: &str) -> Vec<String> {
    let errors = SearchSpace::parse("bad", text).map(drop).expect_err(text);
    let shown = |problem: &SpaceProblem| {
        assert!(problem.help().is_some() || matches!(problem, SpaceProblem::Formula { .. }));
        let place = text.get(problem.span().range()).unwrap_or("?");
        format!("{problem} at {place:?}, {}", problem.help().unwrap_or_default())
    };
    errors.problems.iter().map(shown).collect()
}

#[test]
fn mistakes_in_a_space_file_have_places_and_ways_out() {
    const REST: &str = "unary = ['id']\nbinary = ['mul']\n";
    let one = |text: &str, wanted: &str| {
        let found = mistakes(&format!("{text}\n"));
        assert_eq!(found, [wanted], "{text}");
    };
    let operand = |operand: &str| format!("operands = [{operand}]\n{REST}");
    one(
        &operand("'sgn_g'"),
        "`sgn_g` is not an operand token at \"'sgn_g'\", did you mean `sign_g`?",
    );
    one(&operand("'g', 'g'"), "`g` stands twice at \"'g'\", leave one of them out");
    one(
        &operand("'g', 3"),
        "`operands` is a number, expected a list of tokens at \"3\", write `operands = [\"...\", \"...\"]`",
    );
    one(
        &operand("'lookahead'"),
        "`lookahead` is not an operand token at \"'lookahead'\", define it: write \
         `lookahead = \"debias(ema(g, 0.99))\"` under `[define.operands]`",
    );
    one(
        &format!("operand = ['g']\n{REST}"),
        "unknown key `operand` at \"operand\", did you mean `operands`?",
    );
    one(
        REST,
        "the space has no operands at \"\", write `operands = [\"g\", \"m\", \"v\"]`, or `base = \"paper\"` for all tokens of the paper",
    );
    let define = |kind: &str, line: &str| format!("base = 'small'\n[define.{kind}]\n{line}");
    one(
        &define("unary", "soft = 'x / (1 + abs(xx))'"),
        "in the definition of `soft`: unknown name `xx` at \"xx\", use operands, functions and numbers of the language; `nosc language` lists them",
    );
    one(
        &define("unary", "soft = 'x / (1 + '"),
        "in the definition of `soft`: expected a number, a name or `(`, found the end of the file at \"\", ",
    );
    one(
        &define("unary", "two = 'x + y'"),
        "in the definition of `two`: unknown name `y` at \"y\", only functions have arguments: unary ones `x`, binary ones `x` and `y`; is `two` one?",
    );
    one(
        &define("unary", "c = '1 + g'"),
        "the unary function `c` does not use `x` at \"'1 + g'\", use it, or define an operand under `[define.operands]`",
    );
    one(
        &define("binary", "avg = 'ema(x, y)'"),
        "in the definition of `avg`: the decay of an average varies from element to element at \"y\", use only `t`, `T`, `lr`, decays, parameters, constants and states of these",
    );
    one(
        &define("unary", "drop0.2 = 'drop(x, 0.2)'"),
        "the name `drop0.2` has a dot and no quotes at \"drop0\", write `\"drop0.2\" = \"...\"`",
    );
    one(
        &define("operands", "rd_3 = 'rd(3)'"),
        "`rd_3` is a token of the language and cannot be defined at \"rd_3\", choose another name, or list the token",
    );
    one(
        &define("operands", "'a b' = 'g'"),
        "`a b` cannot be the name of a token at \"'a b'\", use letters, digits, `_`, `.`, `-` and `+`, a letter or `_` first",
    );
    one(
        &define("operands", "s = '{ state s = g; update = s }'"),
        "`s` is defined by a block, expected a formula at \"'{ state s = g; update = s }'\", write a formula alone, such as \"x / (1 + abs(x))\"",
    );
    one("base = 'papers'", "unknown space `papers` at \"'papers'\", write one of paper, small");
    one(
        "base = 'paper'\nconstraints = ['operands-differ', 'reuses']",
        "unknown constraint `reuses` at \"'reuses'\", did you mean `reuse`?",
    );
    one(
        "base = 'paper'\ngroups = '4..1'",
        "`4..1` is not a number of groups, nor a range of them at \"'4..1'\", write `groups = 2` or `groups = \"1..4\"`, within 1 to 32",
    );
}

#[test]
fn any_text_gives_a_space_or_mistakes_with_places() {
    const PIECES: &[&str] = &[
        "operands",
        "unary",
        "=",
        "[",
        "]",
        "'g'",
        "\"id\"",
        "\n",
        ",",
        "define",
        ".",
        "x",
        "'x'",
        "'''",
        "base",
        "'paper'",
        "1..4",
        "#",
        "{",
        "}",
        "\u{e9}",
        "groups",
        "constraints",
        "binary",
    ];
    for seed in 0..300 {
        let bytes = crate::arbitrary::bytes_from_seed(seed, 40);
        let text: String = bytes.iter().map(|b| PIECES[*b as usize % PIECES.len()]).collect();
        if let Err(errors) = SearchSpace::parse("any", &text) {
            assert!(!errors.problems.is_empty());
            for problem in &errors.problems {
                assert!(text.get(problem.span().range()).is_some(), "{problem}: {text:?}");
                drop((problem.help(), problem.label(), problem.code()));
            }
        }
    }
}

#[test]
fn long_lists_are_read_and_of_many_mistakes_a_hundred_are_told() {
    let list = |each: fn(usize) -> String| {
        let tokens: Vec<String> = (1..100_000).map(|n| format!("'{}'", each(n))).collect();
        format!("operands = [{}]", tokens.join(", "))
    };
    let unknown = SearchSpace::parse("any", &list(|n| format!("unknown{n}"))).unwrap_err();
    assert_eq!(unknown.problems.len(), 100);
    let twice = SearchSpace::parse("any", &list(|_| "g".to_owned())).unwrap_err();
    assert_eq!(twice.problems.len(), 100);
    // Decays take any number, so a list has no end that the language gives it.
    let decays = SearchSpace::parse("any", &list(|n| format!("cd_{n}")));
    assert!(decays.is_err_and(|errors| errors.problems.len() <= 100));
}

/// The choices that are never forbidden are the strings that meet the constraints, no more and no fewer;
/// and none leads to where nothing is left.
#[test]
fn choices_that_are_allowed_are_the_strings_that_meet_the_constraints() {
    let space = tiny("'g', 'm'", "'id'", "'add', 'mul'");
    for constraints in all_constraints() {
        for groups in 1..=3 {
            let Ok(vocabulary) = Vocabulary::new(&space, groups, constraints) else {
                assert!(space.size(groups, constraints).is_zero());
                continue;
            };
            let mut prefixes: Vec<Vec<u16>> = vec![Vec::new()];
            for _ in 0..vocabulary.positions() {
                let mut longer = Vec::new();
                for prefix in prefixes {
                    let allowed = vocabulary.allowed(&prefix);
                    assert!(allowed.contains(&true), "{constraints}: {prefix:?}");
                    let choices = (0..allowed.len()).filter(|choice| allowed[*choice]);
                    longer.extend(choices.map(|c| [prefix.clone(), vec![c as u16]].concat()));
                }
                prefixes = longer;
            }
            let found: Vec<String> = prefixes.iter().map(|c| vocabulary.text(c)).collect();
            let wanted = every_string(&space, groups).into_iter();
            let mut wanted: Vec<String> =
                wanted.filter(|s| meets(s, constraints)).map(|s| s.join(" ")).collect();
            for (text, choices) in found.iter().zip(&prefixes) {
                assert_eq!(vocabulary.choices(text).as_ref(), Some(choices));
                assert!(vocabulary.is_string(choices));
            }
            let mut found = found;
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted, "{groups} groups, {constraints}");
        }
    }
    let vocabulary = Vocabulary::new(&space, 1, Constraints::NONE).unwrap();
    assert_eq!(vocabulary.choices("g m id id"), None);
    assert_eq!(vocabulary.choices("g m id id mul g m id id mul"), None);
    assert_eq!(vocabulary.choices("g w id id mul"), None);
    assert!(!vocabulary.is_string(&[0, 1, 0, 0]) && !vocabulary.is_string(&[0, 9, 0, 0, 0]));
    assert!(vocabulary.allowed(&[0, 1, 0, 0, 0]).is_empty());
}
