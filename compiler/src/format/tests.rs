//! What is formatted how.

use super::{FormatError, MAX_WIDTH, format};

#[track_caller]
fn formats(text: &str, wanted: &str) {
    let found = format(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(found, wanted, "\n{found}");
    let again = format(&found).unwrap_or_else(|error| panic!("{error}\n{found}"));
    assert_eq!(again, found, "it stays");
}

#[test]
fn spaces_stand_around_operators_and_not_in_brackets() {
    formats("g+m*2-w/ 3", "g + m * 2 - w / 3\n");
    formats("- g ^ - 2", "-g^-2\n");
    formats("g - -m--w", "g - -m - -w\n");
    formats("exp ( g )*( m+1 )", "exp(g) * (m + 1)\n");
    formats("where(g<=m,-g , (m))", "where(g <= m, -g, (m))\n");
    formats("( - g)", "(-g)\n");
    formats("clip( g,\n -1e-3,1E-3 )", "clip(g, -1e-3, 1E-3)\n");
}

#[test]
fn spellings_stay_as_they_are() {
    formats(
        "m\u{302}\u{b7}2\u{d7}\u{3b3}\u{2212}.50_0",
        "m\u{302} \u{b7} 2 \u{d7} \u{3b3} \u{2212} .50_0\n",
    );
    formats("\u{2212}g", "\u{2212}g\n");
}

#[test]
fn statements_get_lines() {
    formats(
        "rule a{param c=1;;state s init(2)=s*c ;update=s* g}; rule b=g rule rule=m",
        "rule a {\n    param c = 1\n    state s init (2) = s * c\n    update = s * g\n}\nrule b = g\nrule rule = m\n",
    );
    formats(
        "{\n\n\n\nupdate = g\n\n\n schedule =\n ld\n\n}\n\n",
        "{\n    update = g\n\n    schedule = ld\n}\n",
    );
    formats("\n\nrule a\t= g\n\n\n\nrule b = m", "rule a = g\n\nrule b = m\n");
}

#[test]
fn comments_stay_where_they_are() {
    formats(
        "# top  \n\n\n#second\nrule a { # block\n\n# inside\nupdate = g + # why\n # own\n (m # m\n*w)#last\n# end\n} # after\n#tail",
        "# top\n\n#second\nrule a {  # block\n    # inside\n    update = g +  # why\n        # own\n        (m  # m\n            * w)  #last\n    # end\n}  # after\n#tail\n",
    );
    formats(
        "{ let a = g; # one\nupdate = a # two\n}",
        "{\n    let a = g   # one\n    update = a  # two\n}\n",
    );
    formats("g # a\n; # b", "g  # a\n   # b\n");
    formats("g # a\n# b", "g  # a\n# b\n");
    formats("g; # a", "g  # a\n");
}

#[test]
fn comments_of_adjacent_lines_stand_in_one_column() {
    formats(
        "{\nparam aa = 1 # one\n             # more\nparam b = 2 # two\n\nparam c = 1.25 # three\n# four\nupdate = g * aa * b * c\n}",
        "{\n    param aa = 1  # one\n                  # more\n    param b = 2   # two\n\n    param c = 1.25  # three\n    # four\n    update = g * aa * b * c\n}\n",
    );
}

#[test]
fn groups_of_tokens_get_commas() {
    formats(
        "rule a=[ g m id sign mul   %0 g exp id mul ]",
        "rule a = [g m id sign mul, %0 g exp id mul]\n",
    );
    formats(
        "[g m id # why\n sign mul # first\n,%0 g exp id mul,]",
        "[g m id  # why\n    sign mul,  # first\n    %0 g exp id mul]\n",
    );
    formats("[g m id mul]", "[g m id mul]\n");
    formats("[g m, id id mul]", "[g m, id id mul]\n");
    let groups = ["g m id sign mul"; 9].join(", ");
    let text = format(&format!("rule a = [{groups}]")).expect("a rule");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("mul,\n    g m id"), "{text}");
}

#[test]
fn long_lines_break_at_the_loosest_operator() {
    let term = "clip(aaaaaaaaaa * bbbbbbbbbb, 1e-3)";
    formats(
        &format!("rule a = {term}+{term} * {term}-{term}"),
        &format!("rule a = {term} +\n    {term} * {term} -\n    {term}\n"),
    );
    let nested = format!("where(gggggggggg < {}, {term}, {term})", "w + ".repeat(12) + "w");
    let text = format(&format!("{{ update = {nested} }}")).expect("readable");
    assert!(text.lines().all(|line| line.len() <= MAX_WIDTH), "{text}");
    assert!(text.contains(",\n            "), "{text}");
    let long = format!("{{ let x = {} }}", "y".repeat(120));
    assert!(format(&long).expect("readable").contains("let x =\n        yyy"));
}

#[test]
fn line_ends_and_marks_stay() {
    formats("\u{feff}rule a = g # x\r\nrule b=m\n", "\u{feff}rule a = g  # x\r\nrule b = m\r\n");
    formats("g", "g\n");
}

#[test]
fn unknown_names_are_no_reason_and_broken_grammar_is() {
    formats("rule a = foo(x)+g", "rule a = foo(x) + g\n");
    for text in ["", "# only", "rule a = g +", "(g", "g $ m", "g + 1e999", "[g m\nrule b = g"] {
        assert!(matches!(format(text), Err(FormatError::Errors(_))), "{text}");
    }
}
