//! What the client can do, as it says in `initialize`.

use serde_json::Value;

use super::position::Encoding;

/// What the answers depend on. What a client does not say, or says in a way that nobody knows, it cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of the protocol's")]
pub(super) struct Client {
    pub(super) encoding: Encoding,
    /// It asks for problems by itself, and would show what it is told beside those a second time.
    pub(super) pulls_diagnostics: bool,
    pub(super) related_information: bool,
    pub(super) code_description: bool,
    pub(super) unnecessary_tag: bool,
    pub(super) diagnostic_data: bool,
    pub(super) code_actions: bool,
    pub(super) versioned_edits: bool,
    pub(super) markdown_hover: bool,
    pub(super) markdown_completion: bool,
    pub(super) snippets: bool,
    pub(super) label_offsets: bool,
    pub(super) symbol_trees: bool,
    pub(super) prepare_rename: bool,
}

impl Client {
    /// Reads the parameters of `initialize`.
    pub(super) fn new(params: &Value) -> Client {
        let of = |path: &str| params.pointer(&format!("/capabilities/{path}"));
        let can = |path: &str| of(path).and_then(Value::as_bool).unwrap_or(false);
        let lists = |path: &str, wanted: &str| {
            let list = of(path).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|one| one == wanted))
        };
        let tags = of("textDocument/publishDiagnostics/tagSupport/valueSet");
        let tags = tags.and_then(Value::as_array);
        let item = "textDocument/completion/completionItem";
        Client {
            encoding: encoding(of("general/positionEncodings")),
            pulls_diagnostics: of("textDocument/diagnostic").is_some_and(Value::is_object),
            related_information: can("textDocument/publishDiagnostics/relatedInformation"),
            code_description: can("textDocument/publishDiagnostics/codeDescriptionSupport"),
            unnecessary_tag: tags.is_some_and(|tags| tags.iter().any(|tag| tag == 1)),
            diagnostic_data: can("textDocument/publishDiagnostics/dataSupport"),
            code_actions: of("textDocument/codeAction/codeActionLiteralSupport").is_some(),
            versioned_edits: can("workspace/workspaceEdit/documentChanges"),
            markdown_hover: lists("textDocument/hover/contentFormat", "markdown"),
            markdown_completion: lists(&format!("{item}/documentationFormat"), "markdown"),
            snippets: can(&format!("{item}/snippetSupport")),
            label_offsets: can(
                "textDocument/signatureHelp/signatureInformation/parameterInformation/labelOffsetSupport",
            ),
            symbol_trees: can("textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            prepare_rename: can("textDocument/rename/prepareSupport"),
        }
    }
}

/// The cheapest of those that the client has.
fn encoding(offered: Option<&Value>) -> Encoding {
    let offered = offered.and_then(Value::as_array);
    let has = |name: &str| offered.is_some_and(|list| list.iter().any(|one| one == name));
    match () {
        () if has("utf-8") => Encoding::Utf8,
        () if has("utf-32") && !has("utf-16") => Encoding::Utf32,
        () => Encoding::Utf16,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_that_says_nothing_can_do_nothing() {
        for params in [json!(null), json!({ "capabilities": [1, { "textDocument": 3 }] })] {
            let client = Client::new(&params);
            assert_eq!(client.encoding, Encoding::Utf16);
            assert!(!client.snippets && !client.pulls_diagnostics && !client.code_actions);
        }
    }

    #[test]
    fn positions_are_counted_in_what_both_have() {
        for (offered, encoding) in [
            (json!(["utf-16", "utf-8"]), Encoding::Utf8),
            (json!(["utf-32"]), Encoding::Utf32),
            (json!(["utf-32", "utf-16"]), Encoding::Utf16),
            (json!(["utf-7"]), Encoding::Utf16),
            (json!("utf-8"), Encoding::Utf16),
        ] {
            let params = json!({ "capabilities": { "general": { "positionEncodings": offered } } });
            assert_eq!(Client::new(&params).encoding, encoding);
        }
    }
}
