//! The streams of a queue and the consumer of its workers: made if they are not there, never changed but for the lease.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::Config as PullConfig;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};

use super::error::NatsError;
use super::limits::MOST_TASK_BYTES;
use super::link::Link;
use super::names::CONSUMER;

/// A worker that is not heard of for so long has lost its task, if no search says otherwise.
pub(super) const USUAL_LEASE: Duration = Duration::from_mins(1);
/// How long events are kept: of a search that does not listen for longer, trials are trained again.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// Tasks with workers, and workers that wait: more than any search has. (The server's own limits are 1,000 and 512.)
const MOST_WORKERS: i64 = 100_000;

/// Makes what is not there; the lease of the queue: the one that is wanted, else the one it has, else the usual one.
pub(super) async fn ensure(
    link: &Link,
    wanted: Option<Duration>,
    usual: Duration,
) -> Result<Duration, NatsError> {
    let tasks = Config {
        name: link.names.tasks(),
        subjects: link.names.all_tasks(),
        retention: RetentionPolicy::WorkQueue,
        max_message_size: i32::try_from(MOST_TASK_BYTES).unwrap_or(i32::MAX),
        ..one_a_subject()
    };
    let events = Config {
        name: link.names.events(),
        subjects: link.names.all_events(),
        retention: RetentionPolicy::Limits,
        max_age: KEPT,
        ..one_a_subject()
    };
    let tasks = stream(link, tasks).await?;
    stream(link, events).await?;
    consumer(&tasks, wanted, usual).await
}

/// A stream that takes one message a subject.
fn one_a_subject() -> Config {
    Config {
        storage: StorageType::File,
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        num_replicas: 1,
        ..Config::default()
    }
}

async fn stream(link: &Link, config: Config) -> Result<Stream, NatsError> {
    let what = format!("the stream {}", config.name);
    let other = |reason: String| NatsError::Stream { what: what.clone(), reason };
    let found = match link.context.get_stream(&config.name).await {
        Ok(found) => found,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(ref failure)
                if failure.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                let made = link.context.create_stream(&config).await;
                made.map_err(|error| other(error.to_string()))?
            }
            _ => return Err(other(error.to_string())),
        },
    };
    let is = &found.cached_info().config;
    let is_ours = is.retention == config.retention
        && is.max_messages_per_subject == 1
        && is.discard == DiscardPolicy::New
        && is.discard_new_per_subject
        && config.subjects.iter().all(|subject| is.subjects.contains(subject));
    if is_ours {
        Ok(found)
    } else {
        Err(other("it has other settings; take another name for the queue".to_owned()))
    }
}

async fn consumer(
    tasks: &Stream,
    wanted: Option<Duration>,
    usual: Duration,
) -> Result<Duration, NatsError> {
    let failed =
        |reason: String| NatsError::Stream { what: "the consumer of workers".to_owned(), reason };
    let is = match tasks.consumer_info(CONSUMER).await {
        Ok(info) => {
            let config = info.config;
            let is_ours = config.ack_policy == AckPolicy::Explicit && config.max_deliver == -1;
            if !is_ours {
                return Err(failed(
                    "it has other settings; take another name for the queue".to_owned(),
                ));
            }
            Some(config.ack_wait)
        }
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => None,
        Err(error) => return Err(failed(error.to_string())),
    };
    let wanted = wanted.or(is).unwrap_or(usual);
    if is == Some(wanted) {
        return Ok(wanted);
    }
    let config = PullConfig {
        durable_name: Some(CONSUMER.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: wanted,
        // Who gets a task again sees whether it was begun: the search counts that, not the server.
        max_deliver: -1,
        max_ack_pending: MOST_WORKERS,
        max_waiting: MOST_WORKERS,
        ..PullConfig::default()
    };
    tasks.create_consumer(config).await.map_err(|error| failed(error.to_string()))?;
    Ok(wanted)
}
