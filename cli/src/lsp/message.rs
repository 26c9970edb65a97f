//! Messages of JSON-RPC 2.0, as values.

use serde_json::{Map, Value, json};

/// What a client says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// Something to answer; the id is sent back as it came.
    Request { id: Value, method: String, params: Value },
    /// Something to take note of.
    Notification { method: String, params: Value },
    /// An answer; nothing is asked of clients, so it is to nothing.
    Response,
    /// What is no message, and the answer to it.
    Malformed { id: Value, failure: Failure },
}

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into() }
    }

    /// The bytes are no JSON.
    pub(super) fn parse(message: impl Into<String>) -> Failure {
        Failure::new(-32700, message)
    }

    /// JSON, but no message, or one that has no place here.
    pub(super) fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(-32600, message)
    }

    /// A method that this server does not have.
    pub(super) fn unknown(method: &str) -> Failure {
        Failure::new(-32601, format!("no method `{method}`"))
    }

    /// Parameters that do not fit the method.
    pub(super) fn params(message: impl Into<String>) -> Failure {
        Failure::new(-32602, message)
    }

    /// A fault of the server's.
    pub(super) fn internal(message: impl Into<String>) -> Failure {
        Failure::new(-32603, message)
    }

    /// Anything before `initialize`.
    pub(super) fn not_initialized() -> Failure {
        Failure::new(-32002, "expected `initialize` first")
    }

    /// The client has lost interest.
    pub(super) fn cancelled() -> Failure {
        Failure::new(-32800, "cancelled")
    }

    /// All is well formed, and still it cannot be done.
    pub(super) fn request(message: impl Into<String>) -> Failure {
        Failure::new(-32803, message)
    }
}

impl Message {
    /// Reads the JSON of a message.
    pub(super) fn parse(body: &[u8]) -> Message {
        let malformed = |id, failure| Message::Malformed { id, failure };
        let mut message = match serde_json::from_slice(body) {
            Ok(Value::Object(message)) => message,
            Ok(_) => return malformed(Value::Null, Failure::invalid("expected an object")),
            Err(error) => return malformed(Value::Null, Failure::parse(error.to_string())),
        };
        let id = message.remove("id");
        let is_id = matches!(id, None | Some(Value::Null | Value::Number(_) | Value::String(_)));
        if !is_id {
            let failure = Failure::invalid("an id is a number or a string");
            return malformed(Value::Null, failure);
        }
        let params = message.remove("params").unwrap_or(Value::Null);
        match (message.remove("method"), id) {
            (Some(Value::String(method)), Some(id)) if !id.is_null() => {
                Message::Request { id, method, params }
            }
            (Some(Value::String(method)), _) => Message::Notification { method, params },
            (None, Some(_)) if has_outcome(&message) => Message::Response,
            (_, id) => malformed(id.unwrap_or_default(), Failure::invalid("expected a method")),
        }
    }
}

fn has_outcome(message: &Map<String, Value>) -> bool {
    message.contains_key("result") || message.contains_key("error")
}

/// The answer to a request.
pub(super) fn response(id: &Value, outcome: Result<Value, Failure>) -> Value {
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(Failure { code, message }) => {
            let error = json!({ "code": code, "message": message });
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        }
    }
}

/// A message that wants no answer.
pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure_of(text: &str) -> (Value, i32) {
        match Message::parse(text.as_bytes()) {
            Message::Malformed { id, failure } => (id, failure.code),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_id_is_kept_as_it_came() {
        for id in ["1", "99999999999", "\"a\"", "1.5"] {
            let text = format!("{{\"id\": {id}, \"method\": \"x\"}}");
            let Message::Request { id: found, .. } = Message::parse(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!(found.to_string(), id);
        }
    }

    #[test]
    fn what_is_no_message_has_an_answer() {
        assert_eq!(failure_of("{"), (Value::Null, -32700));
        assert_eq!(failure_of("\u{fffd}"), (Value::Null, -32700));
        assert_eq!(failure_of(&"[".repeat(100_000)), (Value::Null, -32700));
        assert_eq!(failure_of("[]"), (Value::Null, -32600));
        assert_eq!(failure_of("{\"id\": 3, \"method\": 4}"), (json!(3), -32600));
        assert_eq!(failure_of("{\"id\": {}, \"method\": \"x\"}"), (Value::Null, -32600));
        assert_eq!(Message::parse(b"{\"id\": 3, \"result\": null}"), Message::Response);
    }
}
