//! A connection to a server with the streams of a queue.

use std::future::IntoFuture;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{AccountErrorKind, Context, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind, Stream};
use async_nats::{Client, Event};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::error::NatsError;
use super::limits::short_line;
use super::names::Names;

/// How long the server may take for an answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// Time until the next try, the first and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// For so long after a connection was made anew, others may still be without.
const FRESH: Duration = Duration::from_secs(20);
/// How the server says that a stream does not take a message of this size.
const OVERSIZE: &str = "message size exceeds maximum";
/// How it says that there is no room: on its disk, for the account, in the stream.
const FULL: [&str; 4] =
    ["insufficient", "resource limits exceeded", "maximum bytes exceeded", "no space left"];

/// How the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connection {
    /// Times it was made.
    pub(super) made: u64,
    pub(super) is_up: bool,
    /// When it was made last.
    pub(super) since: Instant,
}

impl Connection {
    /// Whether it was lost not long ago, as those of others may have been.
    pub(super) fn is_fresh(&self) -> bool {
        self.made > 1 && self.since.elapsed() < FRESH
    }
}

/// A connection and the names on it. Clones share the connection.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) names: Names,
    pub(super) server: String,
    /// The queue as people write it, without what is secret.
    pub(super) address: String,
    pub(super) connection: watch::Receiver<Connection>,
    /// What the server has complained of last.
    complaint: Arc<Mutex<String>>,
}

/// What became of a message that at most one of its subject is kept of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// It is kept under this number.
    New(u64),
    /// There is one of its subject.
    Taken,
}

/// Why it is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unpublished {
    /// It may be another time.
    Later(String),
    /// It is too large for the server.
    TooLarge,
}

impl Link {
    pub(super) async fn open(address: &Address, name: &str) -> Result<Self, NatsError> {
        let (sender, connection) =
            watch::channel(Connection { made: 0, is_up: true, since: Instant::now() });
        let complaint = Arc::<Mutex<String>>::default();
        let complaints = Arc::clone(&complaint);
        let on_event = move |event| {
            if let Event::ServerError(_) | Event::ClientError(_) = &event {
                let mut complaint = complaints.lock().unwrap_or_else(PoisonError::into_inner);
                *complaint = short_line(&event.to_string());
            }
            sender.send_if_modified(|connection| match event {
                Event::Connected => {
                    connection.made += 1;
                    (connection.is_up, connection.since) = (true, Instant::now());
                    true
                }
                Event::Disconnected | Event::Closed => std::mem::take(&mut connection.is_up),
                _ => false,
            });
        };
        let client = address.connect(name, on_event).await?;
        let mut context = async_nats::jetstream::new(client.clone());
        context.set_timeout(ANSWER);
        let (names, server) = (address.names.clone(), address.server());
        let address = address.to_string();
        check_jetstream(&context, &server).await?;
        Ok(Self { client, context, names, server, address, connection, complaint })
    }

    /// Publishes what one message is kept of a subject of.
    pub(super) async fn publish(
        &self,
        subject: String,
        payload: Bytes,
    ) -> Result<Published, Unpublished> {
        if payload.len() >= self.client.server_info().max_payload {
            return Err(Unpublished::TooLarge);
        }
        let message = PublishMessage::build().payload(payload).expected_last_subject_sequence(0);
        let sent = self.context.send_publish(subject, message).await;
        let result = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match result {
            Ok(acknowledgement) => Ok(Published::New(acknowledgement.sequence)),
            Err(error) => match error.kind() {
                PublishErrorKind::WrongLastSequence => Ok(Published::Taken),
                PublishErrorKind::MaxPayloadExceeded => Err(Unpublished::TooLarge),
                _ if error.to_string().contains(OVERSIZE) => Err(Unpublished::TooLarge),
                _ => Err(Unpublished::Later(self.with_complaint(explained(error.to_string())))),
            },
        }
    }

    /// What went wrong, with what the server complained of since, such as a lack of permission.
    fn with_complaint(&self, reason: String) -> String {
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if complaint.is_empty() {
            return reason;
        }
        format!("{reason} ({})", std::mem::take(&mut *complaint))
    }

    /// The last message of a subject; an error if it cannot be known now.
    pub(super) async fn last(
        &self,
        stream: String,
        subject: &str,
    ) -> Result<Option<(u64, Bytes)>, String> {
        let stream = self.stream(stream).await?;
        let found = timeout(ANSWER, stream.get_last_raw_message_by_subject(subject)).await;
        match found {
            Ok(Ok(message)) => Ok(Some((message.sequence, message.payload))),
            Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// Throws the message of a subject away. Of a stream with a consumer it is not to be purged: server 2.9 then holds back
    /// what waits behind it.
    pub(super) async fn delete(&self, stream: String, subject: &str) -> Result<(), String> {
        let Some((sequence, _)) = self.last(stream.clone(), subject).await? else { return Ok(()) };
        let stream = self.stream(stream).await?;
        let deleted = timeout(ANSWER, stream.delete_message(sequence)).await;
        let deleted = deleted.map_err(|_| "no answer".to_owned())?;
        deleted.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Throws messages away that match a filter, up to a number if there is one; how many there were.
    pub(super) async fn purge(
        &self,
        stream: String,
        filter: &str,
        last: Option<u64>,
    ) -> Result<u64, String> {
        let stream = self.stream(stream).await?;
        let purge = stream.purge().filter(filter);
        let purged = match last {
            Some(last) => timeout(ANSWER, purge.sequence(last + 1).into_future()).await,
            None => timeout(ANSWER, purge.into_future()).await,
        };
        let purged = purged.map_err(|_| "no answer".to_owned())?;
        purged.map(|purged| purged.purged).map_err(|error| error.to_string())
    }

    pub(super) async fn stream(&self, name: String) -> Result<Stream<()>, String> {
        self.context.get_stream_no_info(name).await.map_err(|error| error.to_string())
    }

    /// Subjects of a stream that match a filter, with what the stream was like at the begin of it.
    pub(super) async fn subjects(
        &self,
        stream: String,
        filter: &str,
    ) -> Result<(Info, Vec<String>), String> {
        let stream = self.context.get_stream(stream).await.map_err(|error| error.to_string())?;
        let info = stream.cached_info().clone();
        let subjects = stream.info_with_subjects(filter).await;
        let mut subjects = subjects.map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        while let Some((subject, _)) =
            subjects.try_next().await.map_err(|error| error.to_string())?
        {
            found.push(subject);
        }
        Ok((info, found))
    }
}

/// What the server says of a store that is full, with the way out.
fn explained(reason: String) -> String {
    let is_full = FULL.iter().any(|words| reason.contains(words));
    let way_out = "the store of the server is full: give it room, or throw away what it holds of old runs by `nosc queue purge`";
    if is_full { format!("{way_out} ({reason})") } else { reason }
}

/// Fails if the server says that it keeps no streams, to anybody or to us. Whatever else it says is found out by what is asked next.
async fn check_jetstream(context: &Context, server: &str) -> Result<(), NatsError> {
    let Err(error) = context.query_account().await else { return Ok(()) };
    let is_absent = match error.kind() {
        AccountErrorKind::JetStreamUnavailable => true,
        AccountErrorKind::JetStream(failure) => {
            [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT]
                .contains(&failure.error_code())
        }
        _ => false,
    };
    if is_absent {
        let (server, reason) = (server.to_owned(), error.to_string());
        return Err(NatsError::NoJetStream { server, reason });
    }
    Ok(())
}

/// Waits a little longer each time.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(PAUSES[0])
    }
}

impl Pause {
    pub(super) async fn wait(&mut self) {
        sleep(spread(self.0)).await;
        self.0 = (self.0 * 2).min(PAUSES[1]);
    }
}

/// A time up to a half longer, another one each time and in each process: so that not all workers ask at once.
fn spread(time: Duration) -> Duration {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let mixed = std::process::id().wrapping_add(call).wrapping_mul(0x9E37_79B9);
    time + time.mul_f64(0.5 * f64::from(mixed) / f64::from(u32::MAX))
}
