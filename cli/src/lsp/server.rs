//! The session: what comes in, in its order, and what is said about it.
//!
//! A thread reads, this one does the rest. Messages that wait are looked at before the next is taken up: what
//! has been cancelled is not worked on, and problems are told of the last of several texts only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};

use lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::Client;
use super::document::Document;
use super::message::{Failure, Message, notification, response};
use super::transport::{self, Incoming, MAX_MESSAGE_BYTES};
use super::view::View;
use super::{answers, capabilities, diagnostics};
use crate::error::CliError;
use crate::output::message as tell;

/// Messages that are read ahead, each of which may be as large as a message can be.
const MAX_WAITING: usize = 16;

type Read = std::io::Result<Option<Incoming>>;

/// How far the session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    ShutDown,
}

/// A session over a pair of streams, from `initialize` to `exit`.
///
/// # Errors
///
/// [`CliError::Shown`], after a message, if the session ends without `shutdown`; [`CliError::Output`] if nobody
/// reads what is written.
pub(super) fn serve(
    mut input: impl BufRead + Send + 'static,
    out: impl Write,
) -> Result<(), CliError> {
    let (sender, receiver) = sync_channel::<Read>(MAX_WAITING);
    std::thread::spawn(move || {
        loop {
            let read = transport::read(&mut input);
            let is_last = !matches!(read, Ok(Some(_)));
            if sender.send(read).is_err() || is_last {
                return;
            }
        }
    });
    Server::new(out).run(&receiver)
}

/// What waits for its turn.
enum Waiting {
    Message(Message),
    TooLarge(u64),
    /// The input has ended, and why if that is a fault.
    End(Option<std::io::Error>),
}

#[derive(Debug)]
struct Server<W> {
    out: W,
    phase: Phase,
    client: Client,
    documents: BTreeMap<String, Document>,
    opened: u64,
    /// Documents whose problems have not been told since they changed.
    untold: BTreeSet<String>,
}

impl<W: Write> Server<W> {
    fn new(out: W) -> Server<W> {
        Server {
            out,
            phase: Phase::New,
            client: Client::new(&Value::Null),
            documents: BTreeMap::new(),
            opened: 0,
            untold: BTreeSet::new(),
        }
    }

    fn run(&mut self, receiver: &Receiver<Read>) -> Result<(), CliError> {
        let mut queue = VecDeque::new();
        loop {
            if queue.is_empty() {
                self.tell_problems(&queue)?;
                // A reader that is gone has said why.
                let Ok(read) = receiver.recv() else { return self.end(None) };
                self.take(read, &mut queue)?;
            }
            while queue.len() < MAX_WAITING
                && let Ok(read) = receiver.try_recv()
            {
                self.take(read, &mut queue)?;
            }
            match queue.pop_front() {
                Some(Waiting::Message(Message::Notification { method, .. }))
                    if method == "exit" =>
                {
                    return self.end(None);
                }
                Some(Waiting::Message(message)) => self.handle(message)?,
                Some(Waiting::TooLarge(bytes)) => self.forget(bytes)?,
                Some(Waiting::End(error)) => return self.end(error),
                None => {}
            }
            self.tell_problems(&queue)?;
        }
    }

    /// Puts a message in the queue; one that cancels another takes effect at once.
    fn take(&mut self, read: Read, queue: &mut VecDeque<Waiting>) -> Result<(), CliError> {
        let message = match read {
            Ok(Some(Incoming::Body(body))) => Message::parse(&body),
            Ok(Some(Incoming::TooLarge(bytes))) => {
                queue.push_back(Waiting::TooLarge(bytes));
                return Ok(());
            }
            Ok(None) => {
                queue.push_back(Waiting::End(None));
                return Ok(());
            }
            Err(error) => {
                queue.push_back(Waiting::End(Some(error)));
                return Ok(());
            }
        };
        let Message::Notification { method, params } = &message else {
            queue.push_back(Waiting::Message(message));
            return Ok(());
        };
        if method != "$/cancelRequest" {
            queue.push_back(Waiting::Message(message));
            return Ok(());
        }
        let cancelled = params.get("id").cloned().unwrap_or_default();
        let is_it = |waiting: &Waiting| matches!(waiting, Waiting::Message(Message::Request { id, .. }) if *id == cancelled);
        if let Some(index) = queue.iter().position(is_it) {
            queue.remove(index);
            return self.send(&response(&cancelled, Err(Failure::cancelled())));
        }
        Ok(())
    }

    fn handle(&mut self, message: Message) -> Result<(), CliError> {
        match message {
            Message::Request { id, method, params } => {
                let outcome = self.request(&method, params);
                self.send(&response(&id, outcome))
            }
            Message::Notification { method, params } => {
                let noted = self.note(&method, params);
                noted.or_else(|failure| self.log(&format!("{method}: {}", failure.message)))
            }
            Message::Response => Ok(()),
            Message::Malformed { id, failure } => self.send(&response(&id, Err(failure))),
        }
    }

    fn request(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        match (self.phase, method) {
            (Phase::New, "initialize") => {
                self.client = Client::new(&params);
                self.phase = Phase::Running;
                Ok(capabilities::initialize_result(&self.client))
            }
            (Phase::New, _) => Err(Failure::not_initialized()),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, "initialize") => Err(Failure::invalid("initialized already")),
            (Phase::ShutDown, _) => Err(Failure::invalid("shut down")),
            (Phase::Running, _) => {
                // A fault in one answer is not the end of the session.
                let answer = || answers::answer(method, params, &self.documents, &self.client);
                let caught = catch_unwind(AssertUnwindSafe(answer));
                let fault = "a fault of nosc; please report it, with the file";
                caught.unwrap_or_else(|_| Err(Failure::internal(fault)))
            }
        }
    }

    /// Takes note of what the client says. Before `initialize` and after `shutdown` nothing counts.
    fn note(&mut self, method: &str, params: Value) -> Result<(), Failure> {
        if self.phase != Phase::Running {
            return Ok(());
        }
        match method {
            "textDocument/didOpen" => {
                let DidOpenTextDocumentParams { text_document: opened } = read(params)?;
                let key = opened.uri.as_str().to_owned();
                self.opened += 1;
                let document = Document::new(opened.uri, opened.version, self.opened, opened.text);
                self.documents.insert(key.clone(), document);
                self.untold.insert(key);
            }
            "textDocument/didChange" => {
                let params: DidChangeTextDocumentParams = read(params)?;
                let key = params.text_document.uri.as_str();
                let document = self.documents.get_mut(key).ok_or_else(|| not_open(key))?;
                let version = params.text_document.version;
                document.apply(version, params.content_changes, self.client.encoding);
                self.untold.insert(key.to_owned());
            }
            "textDocument/didClose" => {
                let params: DidCloseTextDocumentParams = read(params)?;
                let key = params.text_document.uri.as_str();
                self.documents.remove(key).ok_or_else(|| not_open(key))?;
                self.untold.insert(key.to_owned());
            }
            // The others say nothing that an answer would depend on.
            _ => {}
        }
        Ok(())
    }

    /// Tells the problems of documents that have changed, unless a change of them waits already.
    fn tell_problems(&mut self, queue: &VecDeque<Waiting>) -> Result<(), CliError> {
        if self.untold.is_empty() {
            return Ok(());
        }
        if self.client.pulls_diagnostics {
            self.untold.clear();
            return Ok(());
        }
        let waiting: BTreeSet<&str> = queue.iter().filter_map(changed_document).collect();
        let ready = |key: &&String| !waiting.contains(key.as_str());
        let ready: Vec<String> = self.untold.iter().filter(ready).cloned().collect();
        for key in ready {
            self.untold.remove(&key);
            let mut params = json!({ "uri": key, "diagnostics": [] });
            if let Some(document) = self.documents.get(&key) {
                let view = View { document, client: &self.client };
                let list = catch_unwind(AssertUnwindSafe(|| diagnostics::of(view)));
                params["version"] = json!(document.version);
                params["diagnostics"] = json!(list.unwrap_or_default());
            }
            self.send(&notification("textDocument/publishDiagnostics", &params))?;
        }
        Ok(())
    }

    /// A message was too large to read, and may have changed any document.
    fn forget(&mut self, bytes: u64) -> Result<(), CliError> {
        let keys: Vec<String> = std::mem::take(&mut self.documents).into_keys().collect();
        self.untold.extend(keys);
        let text = format!(
            "nosc: a message of {bytes} bytes was not read, the limit is {MAX_MESSAGE_BYTES}; close \
             the file that is too large, and open the others again"
        );
        let params = json!({ "type": 1, "message": text });
        self.send(&notification("window/showMessage", &params))
    }

    fn log(&mut self, text: &str) -> Result<(), CliError> {
        let params = json!({ "type": 2, "message": text });
        self.send(&notification("window/logMessage", &params))
    }

    fn send(&mut self, message: &Value) -> Result<(), CliError> {
        transport::write(&mut self.out, message).map_err(CliError::Output)
    }

    fn end(&self, error: Option<std::io::Error>) -> Result<(), CliError> {
        if let Some(error) = error {
            tell(&format!("error: could not read a message: {error}"));
            return Err(CliError::Shown);
        }
        if self.phase == Phase::ShutDown {
            return Ok(());
        }
        tell("error: the session ended without `shutdown`");
        Err(CliError::Shown)
    }
}

/// The document that a message opens, changes or closes.
fn changed_document(waiting: &Waiting) -> Option<&str> {
    let Waiting::Message(Message::Notification { method, params }) = waiting else { return None };
    let is_change = method.starts_with("textDocument/did");
    params.pointer("/textDocument/uri").and_then(Value::as_str).filter(|_| is_change)
}

/// Parameters of a method.
pub(super) fn read<T: DeserializeOwned>(params: Value) -> Result<T, Failure> {
    serde_json::from_value(params).map_err(|error| Failure::params(error.to_string()))
}

pub(super) fn not_open(uri: &str) -> Failure {
    Failure::params(format!("`{uri}` is not open"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(message: &Value) -> Incoming {
        Incoming::Body(message.to_string().into_bytes())
    }

    /// What has been sent, without headers.
    fn sent(server: &Server<Vec<u8>>) -> String {
        let text = String::from_utf8(server.out.clone()).unwrap();
        text.lines().map(|line| line.split("Content-Length").next().unwrap_or(line)).collect()
    }

    fn running() -> Server<Vec<u8>> {
        let mut server = Server::new(Vec::new());
        server.request("initialize", json!({})).unwrap();
        server
    }

    #[test]
    fn a_request_that_is_cancelled_while_it_waits_is_not_worked_on() {
        let mut server = running();
        let mut queue = VecDeque::new();
        for id in [json!("a"), json!(7)] {
            let request = json!({ "id": id, "method": "textDocument/hover", "params": {} });
            server.take(Ok(Some(incoming(&request))), &mut queue).unwrap();
        }
        let cancel = |id| json!({ "method": "$/cancelRequest", "params": { "id": id } });
        server.take(Ok(Some(incoming(&cancel(json!(7))))), &mut queue).unwrap();
        assert_eq!(queue.len(), 1);
        assert!(sent(&server).contains("\"id\":7,\"error\":{\"code\":-32800"));
        server.take(Ok(Some(incoming(&cancel(json!("late"))))), &mut queue).unwrap();
        assert_eq!(queue.len(), 1, "one that is answered already is left alone");
    }

    #[test]
    fn problems_are_told_of_the_last_text_that_is_known() {
        let mut server = running();
        let document =
            json!({ "uri": "file:///a.nos", "version": 1, "languageId": "", "text": "sgn(g)" });
        server.note("textDocument/didOpen", json!({ "textDocument": document })).unwrap();
        let changes = json!([{ "text": "sign(g)" }]);
        let params = json!({
            "textDocument": { "uri": "file:///a.nos", "version": 2 },
            "contentChanges": changes,
        });
        let method = "textDocument/didChange".to_owned();
        let change = Message::Notification { method: method.clone(), params: params.clone() };
        let mut queue = VecDeque::from([Waiting::Message(change)]);
        server.tell_problems(&queue).unwrap();
        assert!(server.out.is_empty(), "another text waits");
        queue.clear();
        server.note(&method, params).unwrap();
        server.tell_problems(&queue).unwrap();
        assert!(sent(&server).contains("\"diagnostics\":[],\"version\":2"), "{}", sent(&server));
    }

    #[test]
    fn a_message_that_was_not_read_closes_what_it_may_have_changed() {
        let mut server = running();
        let document =
            json!({ "uri": "file:///a.nos", "version": 1, "languageId": "", "text": "sgn(g)" });
        server.note("textDocument/didOpen", json!({ "textDocument": document })).unwrap();
        server.forget(1 << 40).unwrap();
        server.tell_problems(&VecDeque::new()).unwrap();
        assert!(sent(&server).contains("a message of 1099511627776 bytes was not read"));
        assert!(sent(&server).contains("\"uri\":\"file:///a.nos\",\"diagnostics\":[]"));
        assert!(server.documents.is_empty());
    }
}
