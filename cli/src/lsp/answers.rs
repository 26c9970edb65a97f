//! Requests by method: parameters in, the result out.

use std::collections::BTreeMap;

use lsp_types::{
    CodeActionParams, CompletionParams, DocumentDiagnosticParams, DocumentFormattingParams,
    DocumentRangeFormattingParams, DocumentSymbolParams, FoldingRangeParams, Position,
    ReferenceParams, RenameParams, SemanticTokensParams, SemanticTokensRangeParams,
    TextDocumentIdentifier, TextDocumentPositionParams,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;
use super::document::Document;
use super::message::Failure;
use super::server::{not_open, read};
use super::view::View;
use super::{
    actions, completion, diagnostics, formatting, hover, names, semantic, signature, symbols,
};

type Documents = BTreeMap<String, Document>;

/// The result of a request.
pub(super) fn answer(
    method: &str,
    params: Value,
    documents: &Documents,
    client: &Client,
) -> Result<Value, Failure> {
    let view = |id: &TextDocumentIdentifier| {
        let uri = id.uri.as_str();
        let document = documents.get(uri).ok_or_else(|| not_open(uri))?;
        Ok(View { document, client })
    };
    let at = |params: Value| {
        let params: TextDocumentPositionParams = read(params)?;
        Ok((view(&params.text_document)?, params.position))
    };
    match method {
        "textDocument/hover" => at(params).map(|(view, at)| value(hover::hover(view, at))),
        "textDocument/completion" => {
            let params: CompletionParams = read(params)?;
            let at = params.text_document_position;
            Ok(value(completion::completions(view(&at.text_document)?, at.position)))
        }
        "textDocument/signatureHelp" => {
            at(params).map(|(view, at)| value(signature::signature(view, at)))
        }
        "textDocument/definition" => {
            at(params).map(|(view, at)| value(names::definition(view, at)))
        }
        "textDocument/references" => {
            let params: ReferenceParams = read(params)?;
            let at = params.text_document_position;
            let whole = params.context.include_declaration;
            Ok(value(names::references(view(&at.text_document)?, at.position, whole)))
        }
        "textDocument/documentHighlight" => {
            at(params).map(|(view, at)| value(names::highlights(view, at)))
        }
        "textDocument/prepareRename" => {
            let (view, at): (View<'_>, Position) = at(params)?;
            names::prepare_rename(view, at)
        }
        "textDocument/rename" => {
            let params: RenameParams = read(params)?;
            let at = params.text_document_position;
            names::rename(view(&at.text_document)?, at.position, &params.new_name)
        }
        "textDocument/codeAction" => {
            let params: CodeActionParams = read(params)?;
            let view = view(&params.text_document)?;
            Ok(actions::actions(view, params.range, params.context.only.as_deref()))
        }
        "textDocument/diagnostic" => {
            let params: DocumentDiagnosticParams = read(params)?;
            let view = view(&params.text_document)?;
            Ok(diagnostics::report(view, params.previous_result_id.as_deref()))
        }
        _ => whole_document(method, params, view),
    }
}

/// Requests about all of a document, or a range of it.
fn whole_document<'a>(
    method: &str,
    params: Value,
    view: impl Fn(&TextDocumentIdentifier) -> Result<View<'a>, Failure>,
) -> Result<Value, Failure> {
    match method {
        "textDocument/documentSymbol" => {
            let params: DocumentSymbolParams = read(params)?;
            Ok(symbols::symbols(view(&params.text_document)?))
        }
        "textDocument/foldingRange" => {
            let params: FoldingRangeParams = read(params)?;
            Ok(value(symbols::folds(view(&params.text_document)?)))
        }
        "textDocument/formatting" => {
            let params: DocumentFormattingParams = read(params)?;
            formatting::format_all(view(&params.text_document)?).map(value)
        }
        "textDocument/rangeFormatting" => {
            let params: DocumentRangeFormattingParams = read(params)?;
            formatting::format_range(view(&params.text_document)?, params.range).map(value)
        }
        "textDocument/semanticTokens/full" => {
            let params: SemanticTokensParams = read(params)?;
            let data = semantic::tokens(view(&params.text_document)?, None);
            Ok(json!({ "data": data }))
        }
        "textDocument/semanticTokens/range" => {
            let params: SemanticTokensRangeParams = read(params)?;
            let data = semantic::tokens(view(&params.text_document)?, Some(params.range));
            Ok(json!({ "data": data }))
        }
        _ => Err(Failure::unknown(method)),
    }
}

/// A result as JSON. Types of the protocol have no keys but strings, so nothing of them is lost.
fn value<T: Serialize>(result: T) -> Value {
    serde_json::to_value(result).unwrap_or_default()
}
