//! A trial that has not ended, as the side of the search knows it.

use bytes::Bytes;

use crate::search::queue::contract::Work;

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It was not sent, or is not known to be.
    Nowhere,
    /// It is to be sent.
    Here,
    /// It was sent, and the server has not answered.
    OnItsWay,
    /// The server should have it.
    There,
    /// What the server has of its end makes no sense, and is being thrown away.
    Clearing,
}

/// A trial that has not ended.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) work: Work,
    /// Its task.
    pub(super) message: Bytes,
    /// Whether the search knows that this attempt has begun.
    pub(super) has_begun: bool,
    pub(super) place: Place,
    /// Whether there was something of it on the server before this side read what comes: its beginnings are not known.
    pub(super) is_old: bool,
    /// Number of the event of its beginning.
    pub(super) began_at: Option<u64>,
    /// Whether its task may be there another time.
    pub(super) is_repeated: bool,
}

impl Pending {
    pub(super) fn new(work: Work, message: Bytes, is_old: bool) -> Self {
        Self {
            work,
            message,
            has_begun: false,
            place: Place::Nowhere,
            is_old,
            began_at: None,
            is_repeated: false,
        }
    }
}
