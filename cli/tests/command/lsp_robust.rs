//! `nosc lsp` and clients that make mistakes.

use serde_json::{Value, json};

use crate::editor::Editor;
use crate::session::Session;

#[test]
fn what_is_no_message_has_an_answer_and_the_session_goes_on() {
    let mut editor = Editor::start();
    let early = editor.request("textDocument/hover", &json!({})).unwrap_err();
    assert_eq!(early["code"], -32002);
    editor.request("initialize", &json!({ "capabilities": { "general": 7 } })).unwrap();
    assert_eq!(editor.request("initialize", &json!({})).unwrap_err()["code"], -32600);
    for (body, code) in
        [("{", -32700), ("\u{1}", -32700), ("[]", -32600), ("{\"id\":null}", -32600)]
    {
        editor.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        assert_eq!(editor.answer(&Value::Null).unwrap_err()["code"], code, "{body}");
    }
    assert_eq!(editor.request("workspace/nonsense", &json!({})).unwrap_err()["code"], -32601);
    assert_eq!(editor.request("textDocument/hover", &json!([1])).unwrap_err()["code"], -32602);
    editor.notify("$/whatever", &json!(3));
    editor.notify("textDocument/didChange", &json!({ "textDocument": {} }));
    let logged = editor.notified("window/logMessage");
    assert!(logged["message"].as_str().unwrap().starts_with("textDocument/didChange: "));
    let closed = editor.about("hover", &[json!({ "position": { "line": 0, "character": 0 } })]);
    assert!(closed.unwrap_err()["message"].as_str().unwrap().ends_with("is not open"));
    editor.notify("textDocument/didClose", &json!({ "textDocument": { "uri": "file:///x" } }));
    assert_eq!(editor.notified("window/logMessage")["type"], 2);
    assert_eq!(editor.leave(), 0);
}

#[test]
fn the_exit_code_says_whether_the_session_was_shut_down() {
    let mut editor = Editor::open(&json!({}), "g");
    editor.notify("exit", &Value::Null);
    assert_eq!(editor.ended().0, 1);
    let editor = Editor::open(&json!({}), "g");
    let (code, said) = editor.ended();
    assert_eq!((code, said.contains("without `shutdown`")), (1, true), "{said}");
    let mut editor = Editor::open(&json!({}), "g");
    editor.request("shutdown", &Value::Null).unwrap();
    let late = editor.request("textDocument/hover", &json!({})).unwrap_err();
    assert_eq!(late["code"], -32600);
    assert_eq!(editor.ended().0, 0, "the end of the input is an exit");
}

#[test]
fn a_stream_that_is_no_protocol_ends_the_session() {
    let session = Session::new();
    let err = session.nosc_reading(&["lsp"], b"GET / HTTP/1.1\r\n\r\n").fails(1);
    assert!(err.contains("expected `Content-Length: BYTES`"), "{err}");
    let err = session.nosc_reading(&["lsp"], b"Content-Length: 99999999999\r\n\r\n{").fails(1);
    assert!(err.contains("the input ended inside a message"), "{err}");
    session.nosc_reading(&["lsp"], b"").fails(1);
}

/// The limits are the checker's, and what is behind them is said and not worked out.
#[test]
fn a_very_large_document_has_one_problem() {
    let mut editor = Editor::open(&json!({}), &"rule a = g\n".repeat(400_000));
    let problems = editor.problems();
    assert_eq!(problems[0]["code"], "nosc::file_too_large");
    for method in ["documentSymbol", "semanticTokens/full", "foldingRange"] {
        editor.about(method, &[]).unwrap();
    }
    let deep = format!("rule a = {}g", "(".repeat(200_000));
    editor.open_text(&deep);
    assert_eq!(editor.problems()[0]["code"], "nosc::nesting_too_deep");
    editor.about("semanticTokens/full", &[]).unwrap();
    assert_eq!(editor.leave(), 0);
}
