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
}

impl Pending {
    pub(super) fn new(work: Work, message: Bytes) -> Self {
        Self { work, message, has_begun: false, place: Place::Nowhere }
    }
}
