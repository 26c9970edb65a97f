//! A client that says what it likes: a few words of the protocol, by hand.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it is about.
    pub subject: String,
    /// Where an answer is wanted; empty for nowhere.
    pub reply: String,
    /// What it says.
    pub payload: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub struct NatsClient {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    /// What there is of a line that has not ended.
    line: Vec<u8>,
    subscriptions: u64,
    requests: u64,
}

impl NatsClient {
    /// Connects to a server at this port, without a user.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let line = Vec::new();
        let mut client = Self { stream, reader, line, subscriptions: 0, requests: 0 };
        client.say("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
        client.flush();
        client
    }

    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the server has read all that was said.
    pub fn flush(&mut self) {
        self.say("PING\r\n");
        let end = Instant::now() + PATIENCE;
        while self.line(end).expect("an answer to a ping") != "PONG" {}
    }

    /// Publishes.
    pub fn publish(&mut self, subject: &str, payload: &[u8]) {
        self.publish_for(subject, "", payload);
    }

    fn publish_for(&mut self, subject: &str, reply: &str, payload: &[u8]) {
        self.say(&format!("PUB {subject} {reply} {}\r\n", payload.len()));
        self.stream.write_all(payload).unwrap();
        self.say("\r\n");
    }

    /// Listens.
    pub fn subscribe(&mut self, subject: &str) {
        self.subscriptions += 1;
        self.say(&format!("SUB {subject} {}\r\n", self.subscriptions));
        self.flush();
    }

    /// The next message that came in; none if none does for so long.
    pub fn next(&mut self, limit: Duration) -> Option<Heard> {
        let end = Instant::now() + limit;
        loop {
            let line = self.line(end)?;
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (subject, reply, size) = match words[..] {
                ["MSG", subject, _, size] => (subject, "", size),
                ["MSG", subject, _, reply, size] => (subject, reply, size),
                ["PING"] => {
                    self.say("PONG\r\n");
                    continue;
                }
                ["-ERR", ..] => panic!("{line}"),
                _ => continue,
            };
            let mut payload = vec![0; size.parse::<usize>().unwrap() + 2];
            self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
            self.reader.read_exact(&mut payload).unwrap();
            payload.truncate(payload.len() - 2);
            return Some(Heard { subject: subject.to_owned(), reply: reply.to_owned(), payload });
        }
    }

    /// A line without its end; none if there is none until then.
    fn line(&mut self, end: Instant) -> Option<String> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let limit = left.max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(limit)).unwrap();
            match self.reader.read_until(b'\n', &mut self.line) {
                Ok(_) if self.line.ends_with(b"\n") => {
                    let line = std::mem::take(&mut self.line);
                    return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                Ok(_) => panic!("the server has closed the connection"),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if left.is_zero() {
                        return None;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Publishes to a stream, and waits for what becomes of it.
    pub fn ask(port: u16, subject: &str, payload: &[u8]) -> Value {
        let mut client = Self::connect(port);
        client.requests += 1;
        let inbox = format!("_INBOX.{}.{}", std::process::id(), client.requests);
        client.subscribe(&inbox);
        client.publish_for(subject, &inbox, payload);
        let answer = client.next(PATIENCE).expect("an answer");
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// Subjects of a stream that match a filter, in order.
    pub fn subjects(port: u16, stream: &str, filter: &str) -> Vec<String> {
        let asked = json!({ "subjects_filter": filter }).to_string();
        let subject = format!("$JS.API.STREAM.INFO.{stream}");
        let info = Self::ask(port, &subject, asked.as_bytes());
        let subjects = info["state"]["subjects"].as_object();
        let mut found: Vec<String> =
            subjects.map(|found| found.keys().cloned().collect()).unwrap_or_default();
        found.sort();
        found
    }
}
