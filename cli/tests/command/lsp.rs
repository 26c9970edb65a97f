//! `nosc lsp`, as an editor meets it.

use std::slice::from_ref;

use serde_json::{Value, json};

use crate::editor::Editor;

const BLOCK: &str = "\
# Signs that agree.
rule agree {
    param alpha = e  # how much
    let s = sign(g) * sign(m)
    state sum init 1 = sum + s^2
    update = alpha^s * g / sum
}
";

/// What VS Code says that it can do, as far as it matters here.
fn capable() -> Value {
    json!({
        "workspace": { "workspaceEdit": { "documentChanges": true } },
        "textDocument": {
            "publishDiagnostics": {
                "relatedInformation": true,
                "codeDescriptionSupport": true,
                "dataSupport": true,
                "tagSupport": { "valueSet": [1, 2] },
            },
            "codeAction": { "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [] } } },
            "completion": {
                "completionItem": { "snippetSupport": true, "documentationFormat": ["markdown"] },
            },
            "hover": { "contentFormat": ["markdown", "plaintext"] },
            "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
            "rename": { "prepareSupport": true },
        },
    })
}

fn labels(items: &Value) -> Vec<&str> {
    items.as_array().into_iter().flatten().filter_map(|item| item["label"].as_str()).collect()
}

#[test]
fn a_file_with_two_mistakes_is_mended_in_an_editor() {
    let mut editor = Editor::open(&capable(), "rule a = sgn(g)\nrule a = m̂ * vv\n");
    let problems = editor.problems();
    assert_eq!(problems.as_array().unwrap().len(), 3);
    assert_eq!(problems[0]["code"], "nosc::unknown_function");
    assert_eq!(problems[0]["message"], "unknown function `sgn`\nhelp: did you mean `sign`?");
    assert_eq!(problems[0]["severity"], 1);
    let range =
        json!({ "start": { "line": 0, "character": 9 }, "end": { "line": 0, "character": 12 } });
    assert_eq!(problems[0]["range"], range);
    let href = problems[0]["codeDescription"]["href"].as_str().unwrap();
    assert!(href.ends_with("docs/errors.md#noscunknown_function"), "{href}");
    assert_eq!(problems[1]["relatedInformation"][0]["location"]["range"]["start"]["line"], 0);
    // A hat is a character of its own in UTF-16.
    assert_eq!(problems[2]["range"]["start"]["character"], 14);

    let context = json!({ "range": range, "context": { "diagnostics": [problems[0]] } });
    let fixes = editor.about("codeAction", &[context]).unwrap();
    assert_eq!(fixes[0]["title"], "replace `sgn` with `sign`");
    editor.apply(&fixes[0]["edit"]["documentChanges"][0]["edits"]);
    assert!(editor.text().starts_with("rule a = sign(g)\n"));
    assert_eq!(editor.problems().as_array().unwrap().len(), 2);
    editor.apply(&json!([{
        "range": { "start": { "line": 1, "character": 5 }, "end": { "line": 1, "character": 6 } },
        "newText": "b",
    }, {
        "range": { "start": { "line": 1, "character": 15 }, "end": { "line": 1, "character": 16 } },
        "newText": "",
    }]));
    assert_eq!(editor.text(), "rule a = sign(g)\nrule b = m̂ * v\n");
    assert_eq!(editor.problems(), json!([]));
    assert_eq!(editor.leave(), 0);
}

#[test]
fn what_stands_at_a_place_is_told() {
    let mut editor = Editor::open(&capable(), BLOCK);
    assert_eq!(editor.problems(), json!([]));
    let mut told = |marked: &str| {
        let hover = editor.at("hover", marked, &Value::Null).unwrap();
        hover["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let rule = told("rule ag|ree");
    assert!(rule.contains("key         ") && rule.contains("8 bytes a parameter"), "{rule}");
    assert!(rule.contains("Signs that agree."), "the comment above it");
    assert!(told("si|gn(g)").contains("-1 or +1"));
    let parameter = told("alp|ha^s");
    assert!(parameter.contains("param alpha = e") && parameter.contains("2.718281828459045"));
    assert!(parameter.contains("how much") && parameter.contains("the same for all elements"));
    let name = told("^|s *");
    assert!(
        name.contains("let s = sign(g) * sign(m)") && name.contains("a value for each element")
    );
    assert!(name.contains("4 bytes of state"), "{name}");
    assert!(told("upd|ate").contains("update = FORMULA"));
    assert_eq!(told("# Signs| that"), "");
    editor.open_text("[m v id sqrt div]");
    let mut told = |marked: &str| {
        let hover = editor.at("hover", marked, &Value::Null).unwrap();
        hover["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    assert!(told("[|m").contains("debias(ema(g, beta1))"));
    assert!(told("sq|rt").contains("sqrt(abs(g))") && told("di|v").contains("g / (m + delta)"));
    assert_eq!(editor.leave(), 0);
}

#[test]
fn names_are_found_and_renamed() {
    let mut editor = Editor::open(&capable(), BLOCK);
    let found = editor.at("definition", "alpha^|s", &Value::Null).unwrap();
    assert_eq!(found["range"]["start"], editor.place("let |s"));
    let context = json!({ "context": { "includeDeclaration": false } });
    let uses = editor.at("references", "let |s", &context).unwrap();
    assert_eq!(uses.as_array().unwrap().len(), 2);
    let marked = editor.at("documentHighlight", "su|m init", &Value::Null).unwrap();
    assert_eq!(marked.as_array().unwrap().len(), 3);
    let prepared = editor.at("prepareRename", "su|m init", &Value::Null).unwrap();
    assert_eq!(prepared["placeholder"], "sum");
    for (new, why) in [
        ("exp", "a function"),
        ("g", "this rule uses"),
        ("s", "already"),
        ("a b", "not a name"),
        ("let", "keyword"),
    ] {
        let error = editor.at("rename", "su|m init", &json!({ "newName": new })).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    let edit = editor.at("rename", "su|m init", &json!({ "newName": "total" })).unwrap();
    editor.apply(&edit["documentChanges"][0]["edits"]);
    assert!(editor.text().contains("state total init 1 = total + s^2"));
    assert!(editor.text().contains("* g / total"));
    assert!(editor.at("rename", "sign|(g)", &json!({ "newName": "x" })).is_err());
    assert_eq!(editor.leave(), 0);
}

/// `m` takes its decay from the parameter of this name, in the text or not.
#[test]
fn names_that_averages_read_are_not_renamed() {
    let mut editor = Editor::open(
        &capable(),
        "rule a {\n    param beta1 = 0.5\n    param k = 2\n    update = m + beta1*k*g\n}\n",
    );
    for (at, new) in [("param be|ta1", "decay"), ("param |k", "beta1")] {
        let error = editor.at("rename", at, &json!({ "newName": new })).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains("`beta1`"), "{error}");
    }
    assert_eq!(editor.leave(), 0);
}

#[test]
fn completion_knows_the_place() {
    let text = "rule a {\n    param rate = 1\n    \n    state s = s + \n    let later = 2\n    update = prev()\n}\nrule b = [g ]\n\n# g\nrule d {\n    let x = g\nrule c = ";
    let mut editor = Editor::open(&capable(), text);
    let mut at = |marked: &str| editor.at("completion", marked, &Value::Null).unwrap();
    let items = at("= s + |\n");
    let formula = labels(&items);
    for wanted in ["rate", "s", "g", "exp(x)", "clip(x, lo, hi)", "cd", "cd(n)", "beta1"] {
        assert!(formula.contains(&wanted), "{wanted}: {formula:?}");
    }
    assert!(!formula.contains(&"later") && !formula.contains(&"let"), "{formula:?}");
    let clip = items.as_array().unwrap().iter().find(|item| item["label"] == "clip(x, c)").unwrap();
    assert_eq!(clip["textEdit"]["newText"], "clip(${1:x}, ${2:c})");
    assert_eq!(clip["filterText"], "clip");
    let statement = at("1\n    |\n");
    assert_eq!(labels(&statement), ["param", "let", "state", "schedule"], "one update is enough");
    assert_eq!(labels(&at("prev(|)")), ["s"]);
    assert_eq!(labels(&at("param |rate")), ["beta1", "beta2", "beta3", "delta"]);
    assert!(labels(&at("[g |]")).contains(&"sign_m"));
    let file = at("]\n|\n");
    assert!(labels(&file).contains(&"rule") && labels(&file).contains(&"rule lion"));
    assert_eq!(at("# g|"), json!([]));
    assert!(labels(&at("rule c = |")).contains(&"g"), "the block before is not closed");
    assert_eq!(at("rule |b"), json!([]));
    assert_eq!(editor.leave(), 0);
}

#[test]
fn a_document_is_formatted_with_its_line_ends() {
    let mut editor = Editor::open(&capable(), "rule a=g\r\nrule b = m\r\n\r\n\r\n\r\nrule c=v\r\n");
    let options = json!({ "options": { "tabSize": 2, "insertSpaces": true } });
    let last =
        json!({ "start": { "line": 5, "character": 0 }, "end": { "line": 5, "character": 9 } });
    let part =
        editor.about("rangeFormatting", &[options.clone(), json!({ "range": last })]).unwrap();
    editor.apply(&part);
    assert_eq!(editor.text(), "rule a=g\r\nrule b = m\r\n\r\nrule c = v\r\n");
    let edits = editor.about("formatting", from_ref(&options)).unwrap();
    editor.apply(&edits);
    assert_eq!(editor.text(), "rule a = g\r\nrule b = m\r\n\r\nrule c = v\r\n");
    assert_eq!(editor.about("formatting", from_ref(&options)).unwrap(), json!([]));
    editor.apply(&json!([{ "range": { "start": { "line": 0, "character": 9 }, "end": { "line": 0, "character": 10 } }, "newText": "(" }]));
    assert_eq!(editor.about("formatting", &[options]).unwrap(), Value::Null);
    assert_eq!(editor.leave(), 0);
}

#[test]
fn parts_of_a_document_are_listed_and_coloured() {
    let mut editor = Editor::open(&capable(), BLOCK);
    let symbols = editor.about("documentSymbol", &[]).unwrap();
    assert_eq!(symbols[0]["name"], "agree");
    let parts = symbols[0]["children"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().filter_map(|part| part["name"].as_str()).collect();
    assert_eq!(names, ["alpha", "s", "sum", "update"]);
    assert_eq!(parts[0]["detail"], "e");
    let folds = editor.about("foldingRange", &[]).unwrap();
    assert_eq!((&folds[0]["startLine"], &folds[0]["endLine"]), (&json!(1), &json!(6)));
    let data = editor.about("semanticTokens/full", &[]).unwrap();
    let data: Vec<u64> =
        data["data"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    // A comment, `rule`, and the name of the rule as a declared class.
    assert_eq!(data[..15], [0, 0, 19, 1, 0, 1, 0, 4, 0, 0, 0, 5, 5, 8, 1]);
    assert_eq!(data.len() % 5, 0);
    let help = editor.at("signatureHelp", "sign(|m)", &Value::Null).unwrap();
    assert_eq!(help["signatures"][0]["label"], "sign(x)");
    assert_eq!(editor.leave(), 0);
}

#[test]
fn a_client_that_asks_for_problems_is_not_told_them_twice() {
    let pulls = json!({ "textDocument": { "diagnostic": {} } });
    let mut editor = Editor::open(&pulls, "rule a = sgn(g)");
    let report = editor.about("diagnostic", &[]).unwrap();
    assert_eq!(report["kind"], "full");
    assert_eq!(report["items"][0]["code"], "nosc::unknown_function");
    let previous = json!({ "previousResultId": report["resultId"] });
    assert_eq!(editor.about("diagnostic", from_ref(&previous)).unwrap()["kind"], "unchanged");
    editor.apply(&json!([{ "range": { "start": { "line": 0, "character": 10 }, "end": { "line": 0, "character": 10 } }, "newText": "i" }]));
    assert_eq!(editor.about("diagnostic", &[previous]).unwrap()["items"], json!([]));
    assert_eq!(editor.leave(), 0);
}

/// An old client gets what it knows: lists, plain text, changes without versions.
#[test]
fn a_client_that_can_do_little_is_served_too() {
    let mut editor = Editor::open(&json!({}), BLOCK);
    let problems = editor.problems();
    assert_eq!(problems, json!([]));
    let hover = editor.at("hover", "sign|(g)", &Value::Null).unwrap();
    assert_eq!(hover["contents"]["kind"], "plaintext");
    let items = editor.at("completion", "alpha^|s", &Value::Null).unwrap();
    let exp = items.as_array().unwrap().iter().find(|item| item["label"] == "exp(x)").unwrap();
    assert_eq!(exp["textEdit"]["newText"], "exp");
    let edit = editor.at("rename", "su|m init", &json!({ "newName": "total" })).unwrap();
    assert_eq!(edit["changes"][editor.uri.as_str()].as_array().unwrap().len(), 3);
    let symbols = editor.about("documentSymbol", &[]).unwrap();
    assert_eq!(symbols[1]["containerName"], "agree");
    let uri = json!({ "textDocument": { "uri": editor.uri } });
    editor.notify("textDocument/didClose", &uri);
    assert_eq!(editor.problems(), json!([]), "a closed document has none");
    assert_eq!(editor.leave(), 0);
}

#[test]
fn characters_are_bytes_where_both_want_it() {
    let utf8 = json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } });
    let mut editor = Editor::open(&utf8, "rule a = γ + sgn(g)");
    let problems = editor.problems();
    let sgn = &problems.as_array().unwrap().last().unwrap()["range"]["start"];
    assert_eq!(sgn["character"], 14);
    assert_eq!(editor.leave(), 0);
}
