//! An editor for tests: it starts the language server and speaks the protocol over pipes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper may stop")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::session::Session;

/// Long enough for a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// A session with the server.
pub(crate) struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// What came in while an answer was waited for.
    unread: Vec<Value>,
    id: u64,
    pub(crate) uri: String,
    text: String,
    version: i32,
}

impl Editor {
    /// Starts the server; nothing has been said yet.
    pub(crate) fn start() -> Editor {
        let mut child = Session::new()
            .command()
            .current_dir(std::env::temp_dir())
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = next(&mut out) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let uri = "file:///home/me/my%20rules.nos".to_owned();
        let (unread, text) = (Vec::new(), String::new());
        Editor { child, input, messages, unread, id: 0, uri, text, version: 0 }
    }

    /// Starts and initializes it with these capabilities, and opens a document.
    pub(crate) fn open(capabilities: &Value, text: &str) -> Editor {
        let mut editor = Editor::start();
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        editor.request("initialize", &params).unwrap();
        editor.notify("initialized", &json!({}));
        editor.open_text(text);
        editor
    }

    pub(crate) fn open_text(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        let document = json!({ "uri": self.uri, "languageId": "nos", "version": 0, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The result, or the error, of a request.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        self.id += 1;
        let id = json!(self.id);
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.answer(&id)
    }

    /// The answer to a request that has been sent.
    pub(crate) fn answer(&mut self, id: &Value) -> Result<Value, Value> {
        let message = self.wait(|message| message.get("id") == Some(id));
        match message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(message["result"].clone()),
        }
    }

    /// The first message, since the last that was waited for, of which this holds.
    fn wait(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unread.iter().position(&holds) {
            return self.unread.remove(index);
        }
        loop {
            let Ok(message) = self.messages.recv_timeout(PATIENCE) else {
                panic!("no such message; there are {:?}", self.unread)
            };
            if holds(&message) {
                return message;
            }
            self.unread.push(message);
        }
    }

    /// The next message of a method.
    pub(crate) fn notified(&mut self, method: &str) -> Value {
        self.wait(|message| message["method"] == method)["params"].clone()
    }

    /// The problems that the server tells of next.
    pub(crate) fn problems(&mut self) -> Value {
        self.notified("textDocument/publishDiagnostics")["diagnostics"].clone()
    }

    /// Position of the place in the text where a marked piece stands: `|` is the cursor.
    pub(crate) fn place(&self, marked: &str) -> Value {
        let before = marked.find('|').unwrap();
        let at = self.text.find(&marked.replacen('|', "", 1));
        let at = at.unwrap_or_else(|| panic!("no {marked} in {}", self.text)) + before;
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let character = self.text[line_start..at].encode_utf16().count();
        json!({ "line": self.text[..at].matches('\n').count(), "character": character })
    }

    /// A request about a place in the document.
    pub(crate) fn at(&mut self, method: &str, marked: &str, more: &Value) -> Result<Value, Value> {
        let place = json!({ "position": self.place(marked) });
        self.about(method, &[place, more.clone()])
    }

    /// A request about the document.
    pub(crate) fn about(&mut self, method: &str, parts: &[Value]) -> Result<Value, Value> {
        let mut params = json!({ "textDocument": { "uri": self.uri } });
        for (key, value) in parts.iter().filter_map(Value::as_object).flatten() {
            params[key] = value.clone();
        }
        self.request(&format!("textDocument/{method}"), &params)
    }

    /// Does what a list of edits says, and tells the server, the last place first.
    pub(crate) fn apply(&mut self, edits: &Value) {
        let mut edits = edits.as_array().unwrap().clone();
        edits.sort_by_key(|edit| std::cmp::Reverse(self.offset(&edit["range"]["start"])));
        for edit in &edits {
            let range = &edit["range"];
            let (start, end) = (self.offset(&range["start"]), self.offset(&range["end"]));
            self.text.replace_range(start..end, edit["newText"].as_str().unwrap());
        }
        let changes: Vec<Value> = edits
            .iter()
            .map(|edit| json!({ "range": edit["range"], "text": edit["newText"] }))
            .collect();
        self.version += 1;
        let document = json!({ "uri": self.uri, "version": self.version });
        let params = json!({ "textDocument": document, "contentChanges": changes });
        self.notify("textDocument/didChange", &params);
    }

    /// The byte of a position, with characters of UTF-16.
    fn offset(&self, position: &Value) -> usize {
        let line = position["line"].as_u64().unwrap() as usize;
        let start: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut left = position["character"].as_u64().unwrap() as usize;
        let mut offset = start;
        for character in self.text[start..].chars() {
            if left == 0 {
                break;
            }
            left -= character.len_utf16();
            offset += character.len_utf8();
        }
        offset
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Says goodbye, and gives the exit code.
    pub(crate) fn leave(mut self) -> i32 {
        assert_eq!(self.request("shutdown", &Value::Null), Ok(Value::Null));
        self.notify("exit", &Value::Null);
        self.ended().0
    }

    /// Closes the server's input, and gives its exit code and messages.
    pub(crate) fn ended(mut self) -> (i32, String) {
        self.input = None;
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code().unwrap_or(-1), said)
    }
}

fn next(out: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if out.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().strip_prefix("Content-Length: ") {
            Some(number) => length = number.parse().unwrap(),
            None if line.trim().is_empty() => break,
            None => panic!("{line}"),
        }
    }
    let mut body = vec![0; length];
    out.read_exact(&mut body).unwrap();
    Some(serde_json::from_slice(&body).unwrap())
}
