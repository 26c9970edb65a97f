//! Trials on threads of this process: for tests, and for evaluators that cannot fail badly.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::contract::{Notice, Queue, QueueError, Work};
use super::evaluate::{Evaluate, caught};

/// A queue whose workers are threads.
#[derive(Debug)]
pub struct Threads {
    shared: Arc<Shared>,
    notices: Receiver<Notice>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Work>,
    is_closed: bool,
}

impl Threads {
    /// A queue with up to `jobs` trials at a time, at least one.
    pub fn new(evaluator: &Arc<dyn Evaluate>, jobs: usize) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), change: Condvar::new() });
        let (sender, notices) = channel();
        for worker in 0..jobs.max(1) as u64 {
            let (shared, evaluator) = (Arc::clone(&shared), Arc::clone(evaluator));
            let sender = sender.clone();
            let work = move || shared.work(worker, evaluator.as_ref(), &sender);
            // With fewer threads it takes longer; with none, `wait` says so.
            drop(std::thread::Builder::new().name("trial".to_owned()).spawn(work));
        }
        Self { shared, notices }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries trials out until the queue is dropped.
    fn work(&self, worker: u64, evaluator: &dyn Evaluate, notices: &Sender<Notice>) {
        while let Some(work) = self.next() {
            let trial = work.trial;
            let start = Instant::now();
            let worker = format!("thread {worker}");
            let began = notices.send(Notice::Began { trial, worker });
            let notice = match caught(evaluator, &work) {
                Ok(children) => {
                    Notice::Done { trial, children, seconds: start.elapsed().as_secs_f64() }
                }
                Err(reason) => Notice::Failed { trial, reason },
            };
            // Nobody listens any more.
            if began.and_then(|()| notices.send(notice)).is_err() {
                return;
            }
        }
    }

    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(work) = state.waiting.pop_front() {
                return Some(work);
            }
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue for Threads {
    fn submit(&mut self, work: Work) {
        self.shared.lock().waiting.push_back(work);
        self.shared.change.notify_one();
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, QueueError> {
        match self.notices.recv_timeout(limit) {
            Ok(notice) => Ok(Some(notice)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(QueueError::Unable { reason: "no thread can be started".to_owned() })
            }
        }
    }

    fn withdraw(&mut self) {
        self.shared.lock().waiting.clear();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.change.notify_all();
    }
}
