//! `docs/primitives.md` is what the table of primitives says: made here, and compared.
//!
//! `NOSC_UPDATE=primitives cargo test -p nosc-tests --test suite primitives::` writes it anew.

use nosc_compiler::Rule;
use nosc_compiler::primitive::{
    BINARY_TOKENS, Meaning, OPERAND_TOKENS, PRIMITIVES, Primitive, UNARY_TOKENS,
};
use nosc_compiler::print::number;
use nosc_runtime::{Backend, Settings, library};
use nosc_tests::{Run, read, root, rule};

const PATH: &str = "docs/primitives.md";

const HEAD: &str = "\
# Primitives

Every name, function and token of the language, made from the table in `compiler/src/primitive.rs` that the compiler itself reads; a test keeps
this page and the table the same. `nosc language` prints it in short; what the names mean in full, with the choices behind them, is in
[language.md](language.md#operands). The last column names standard rules whose text has the name (`nosc rules NAME`).
";

/// A row of a table in Markdown.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn table(heading: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = format!("{}|{}\n", row(&heading), "---|".repeat(heading.len()));
    rows.for_each(|cells| text += &row(&cells));
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn codes(texts: impl Iterator<Item = String>) -> String {
    texts.map(|text| code(&text)).collect::<Vec<_>>().join(" ")
}

/// How it is written: its usages, and what it stands for.
fn usage(primitive: &Primitive) -> String {
    codes(primitive.usage.split(" or ").map(str::to_owned)).replace("` `", "`, `")
}

fn arguments(primitive: &Primitive) -> String {
    match primitive.arity {
        (fewest, most) if fewest == most => most.to_string(),
        (fewest, most) => format!("{fewest} or {most}"),
    }
}

/// One number for all elements, or one for each.
fn kind(primitive: &Primitive) -> &'static str {
    match primitive.meaning {
        Meaning::Constant(_) => "constant",
        Meaning::Parameter(_) => "parameter",
        Meaning::Average { .. } => "element, a state",
        Meaning::Scaled { .. } => "element, states",
        _ if is_one_number(primitive) => "step scalar",
        _ => "element",
    }
}

/// Whether it may be a schedule, which is one number for all elements and draws none for each.
fn is_one_number(primitive: &Primitive) -> bool {
    let text = format!("{{ update = g; schedule = {} }}", call(primitive));
    let draws = ["eps", "eps_t"].contains(&primitive.name);
    Rule::parse(&text).is_ok() && !draws
}

/// An instance of the name, which stands in a formula.
fn call(primitive: &Primitive) -> String {
    let name = primitive.name;
    match (name, primitive.arity.0) {
        (_, 0) => name.to_owned(),
        ("rd", _) => "rd(10)".to_owned(),
        ("drop", _) => "drop(g, 0.1)".to_owned(),
        ("debias", _) => "debias(ema(g, 0.9))".to_owned(),
        ("where", _) => "where(g < m, g, m)".to_owned(),
        ("ema", _) => "ema(g, 0.9)".to_owned(),
        (_, 1) => format!("{name}(g)"),
        _ => format!("{name}(g, m)"),
    }
}

fn about(primitive: &Primitive) -> String {
    let about = primitive.about.replace('|', "\\|").replace('*', "\\*");
    match primitive.meaning {
        Meaning::Parameter(default) => format!("{about}; {}", number(default)),
        _ => about,
    }
}

/// Whether a text has the name as a word.
fn has_name(text: &str, name: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(place, _)| {
        let (before, after) = (&text[..place], &text[place + name.len()..]);
        !before.ends_with(is_letter) && !after.starts_with(is_letter)
    })
}

/// The standard rules as they are written, comments left out: name and text.
fn written() -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for (_, file) in library::files() {
        let code = file.lines().map(|line| line.split('#').next().unwrap_or_default());
        let code = code.collect::<Vec<_>>().join("\n");
        for text in format!("\n{code}").split("\nrule ").skip(1) {
            let (name, body) = text.split_once([' ', '=']).unwrap();
            rules.push((name.to_owned(), body.to_owned()));
        }
    }
    rules
}

/// The first standard rules that have the name, in the order of `nosc rules`.
fn users(primitive: &Primitive) -> String {
    let is_parameter = matches!(primitive.meaning, Meaning::Parameter(_));
    // A rule may give the name of an operand to something else.
    let declares = ["param", "let", "state"].map(|word| format!("{word} {} ", primitive.name));
    let rules = written().into_iter().filter(|(_, text)| {
        let hides = declares.iter().any(|declares| text.contains(declares));
        has_name(text, primitive.name) && (is_parameter || !hides)
    });
    codes(rules.take(3).map(|(name, _)| name))
}

/// The update of a token string as a formula, in a cell.
fn formula(tokens: &str) -> String {
    code(&Rule::from_tokens(tokens).unwrap().body_text())
}

fn names() -> String {
    let plain = PRIMITIVES.iter().filter(|primitive| !primitive.is_function());
    let rows = plain.map(|p| vec![usage(p), about(p), kind(p).to_owned(), users(p)]);
    table(&["name", "meaning", "is", "in"], rows)
}

fn functions() -> String {
    let called = PRIMITIVES.iter().filter(|primitive| primitive.is_function());
    let rows = called.map(|p| vec![usage(p), arguments(p), about(p), users(p)]);
    table(&["function", "arguments", "meaning", "in"], rows)
}

/// What a formula of `g` is at a point, by the interpreter.
fn value(text: &str, g: f32, w: f32) -> String {
    let mut run = Run::of(&rule(text), Backend::Interpreter, &[1], Settings::default());
    run.tensors[0][0] = w;
    // The update is read from a state: a difference would lose the sign of a zero.
    run.step_with(&[vec![g]], 0.0).unwrap();
    let found = run.states()[0][0][0];
    match found {
        _ if found.is_nan() => "NaN".to_owned(),
        _ if found == 0.0 && found.is_sign_negative() => "-0".to_owned(),
        _ => format!("{found}"),
    }
}

const POINTS: [f32; 8] = [f32::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, 100.0, f32::INFINITY, f32::NAN];

/// Functions of one argument at points where they are likely to surprise.
fn edges() -> String {
    let functions = [
        "-x",
        "exp(x)",
        "log(x)",
        "sqrt(x)",
        "abs(x)",
        "sign(x)",
        "sigmoid(x)",
        "tanh(x)",
        "clip(x, 2)",
    ];
    let heading = ["x", "-inf", "-1", "-0", "0", "1", "100", "inf", "NaN"];
    let rows = functions.iter().map(|function| {
        let body = function.replace('x', "g").replace("egp", "exp");
        let text = format!("{{ state s = {body}\n update = s }}");
        let cells = POINTS.iter().map(|g| value(&text, *g, 0.0));
        std::iter::once(code(function)).chain(cells).collect()
    });
    table(&heading, rows)
}

const PAIRS: [(f32, f32); 9] = [
    (0.0, 0.0),
    (0.0, -0.0),
    (-0.0, 0.0),
    (0.0, -1.0),
    (-1.0, 0.5),
    (-1.0, 2.0),
    (1.0, f32::NAN),
    (f32::NAN, 0.0),
    (f32::INFINITY, f32::NEG_INFINITY),
];

/// Functions of two arguments at pairs.
fn pairs() -> String {
    let functions = ["a + b", "a - b", "a * b", "a / b", "a^b", "min(a, b)", "max(a, b)"];
    let shown =
        |x: f32| if x == 0.0 && x.is_sign_negative() { "-0".to_owned() } else { x.to_string() };
    let mut heading = vec!["a, b".to_owned()];
    heading.extend(PAIRS.iter().map(|(a, b)| format!("{}, {}", shown(*a), shown(*b))));
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    let rows = functions.iter().map(|function| {
        let body = match *function {
            "min(a, b)" => "min(g, w)".to_owned(),
            "max(a, b)" => "max(g, w)".to_owned(),
            plain => plain.replace('a', "g").replace('b', "w"),
        };
        let text = format!("{{ state s = {body}\n update = s }}");
        let cells = PAIRS.iter().map(|(a, b)| value(&text, *a, *b));
        std::iter::once(code(function)).chain(cells).collect()
    });
    table(&heading, rows)
}

fn tokens() -> String {
    let mut text = String::from("### Operands\n\n");
    let operand = |token: &&str| vec![code(token), formula(&format!("{token} 1 id id left"))];
    text += &table(&["token", "formula"], OPERAND_TOKENS.iter().map(operand));
    text += "\nBesides `%K`, the result of group K from 0, and `cd_N` and `rd_N` for any positive number N: ";
    text += &format!("`rd_20` is {}.\n\n### Unary functions\n\n", formula("rd_20 1 id id left"));
    let unary = |token: &&str| vec![code(token), formula(&format!("g 1 {token} id left"))];
    text += &table(&["token", "of `g`"], UNARY_TOKENS.iter().map(unary));
    text += "\n### Binary functions\n\n";
    let binary = |token: &&str| vec![code(token), formula(&format!("g m id id {token}"))];
    text += &table(&["token", "of `g` and `m`"], BINARY_TOKENS.iter().map(binary));
    text
}

fn page() -> String {
    format!(
        "{HEAD}\n## Names\n\n{}\n## Functions\n\n{}\n### At the edges\n\n{}\n{}\n{}\n## Tokens\n\n{}\n{}",
        names(),
        functions(),
        "What the interpreter, which defines the results, gives as f32.\n",
        edges(),
        pairs(),
        "A [token string](language.md#token-strings) is made of groups of five, `op1 op2 u1 u2 b`.\n",
        tokens(),
    )
}

#[test]
fn the_page_of_primitives_is_what_the_table_says() {
    let wanted = page();
    if std::env::var("NOSC_UPDATE").is_ok_and(|what| what == "primitives") {
        std::fs::write(root().join(PATH), &wanted).unwrap();
    }
    let found = read(PATH);
    let differ = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    assert_eq!(differ, None, "write it anew by NOSC_UPDATE=primitives");
    assert_eq!(wanted, found);
}

#[test]
fn edges_are_those_of_ieee() {
    let text = |body: &str| format!("{{ state s = {body}\n update = s }}");
    assert_eq!(value(&text("log(g)"), 0.0, 0.0), "-inf");
    assert_eq!(value(&text("sqrt(g)"), -0.0, 0.0), "-0");
    assert_eq!(value(&text("max(g, w)"), 0.0, -0.0), "-0");
    assert_eq!(value(&text("g^w"), -1.0, 0.5), "NaN");
}
