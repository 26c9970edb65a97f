//! Reading the events of a run as they come.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::limits::short_line;
use super::link::{ANSWER, Link, Pause};

/// Messages asked for at a time.
const BATCH: usize = 256;
/// How long the server holds a request.
const EXPIRES: Duration = Duration::from_secs(5);
/// The server forgets who reads after so long without a request.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// A message of the stream of events.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Its number in the stream; none if it was asked for by itself.
    pub(super) sequence: Option<u64>,
    pub(super) subject: String,
    pub(super) payload: Bytes,
}

/// What a reader says.
#[derive(Debug)]
pub(super) enum Heard {
    /// Of the stream of this number, which counts those that were read one after another.
    Event(u64, Event),
    /// It cannot read, and why; it tries again.
    Trouble(String),
}

/// Reads what comes in a stream.
#[derive(Debug)]
pub(super) struct Reader {
    task: JoinHandle<()>,
}

impl Reader {
    /// Reads the events of a run in this stream from this number on, until it is dropped.
    pub(super) fn start(
        link: Link,
        run: &str,
        (stream_number, from): (u64, u64),
        events: Sender<Heard>,
    ) -> Self {
        let filter = link.names.events_of(run);
        let task = tokio::spawn(async move {
            let (mut next, mut pause) = (from, Pause::default());
            let mut connection = link.connection.clone();
            loop {
                let read = tokio::select! {
                    read = read(&link, &filter, &mut next, stream_number, &events) => read,
                    // Requests of an earlier connection are forgotten.
                    changed = connection.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                };
                let Err(error) = read else { return };
                // A server that is away is spoken of elsewhere.
                let trouble = Heard::Trouble(short_line(&error.to_string()));
                if link.connection.borrow().is_up && events.send(trouble).await.is_err() {
                    return;
                }
                pause.wait().await;
            }
        });
        Self { task }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads until there is nobody to read for, or the server forgets us.
async fn read(
    link: &Link,
    filter: &str,
    next: &mut u64,
    stream_number: u64,
    events: &Sender<Heard>,
) -> Result<(), async_nats::Error> {
    let config = Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: (*next).max(1) },
        ack_policy: AckPolicy::None,
        filter_subject: filter.to_owned(),
        inactive_threshold: FORGOTTEN,
        memory_storage: true,
        num_replicas: 1,
        ..Config::default()
    };
    let stream = link.stream(link.names.events()).await?;
    let consumer = timeout(ANSWER, stream.create_consumer(config)).await??;
    loop {
        let mut batch = consumer.batch().max_messages(BATCH).expires(EXPIRES).messages().await?;
        while let Some(message) = timeout(EXPIRES + ANSWER, batch.next()).await? {
            let message = message?;
            let sequence = message.info()?.stream_sequence;
            let (subject, payload) = (message.subject.to_string(), message.payload.clone());
            let event = Event { sequence: Some(sequence), subject, payload };
            if events.send(Heard::Event(stream_number, event)).await.is_err() {
                return Ok(());
            }
            // Only now: this may be cut off while the search has other things to do.
            *next = sequence + 1;
        }
    }
}
