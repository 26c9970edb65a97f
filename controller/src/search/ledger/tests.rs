//! What a ledger keeps, and what it refuses.

use std::fs;
use std::path::Path;

use nosc_compiler::canonical::Key;

use super::{Content, Ended, FILE, Ledger, LedgerError, LedgerReader, TrialResult};
use crate::outcome::{Cost, Divergence, DivergenceReason, End, Outcome, Point, Stage, Trained};
use crate::search::record::{TrialKind, TrialRow, TrialState};
use crate::search::sampler::{Proposal, Update};

fn trial(number: u64) -> TrialRow {
    TrialRow {
        number,
        kind: TrialKind::Sampled,
        name: None,
        key: Key([number as u8; 16]).to_string(),
        rule: "{ update = g }".to_owned(),
        sample: Some(number),
        is_flipped: false,
        seed: u64::MAX - number,
        state: TrialState::Pending,
        attempts: 0,
        reward: None,
        reason: None,
        learning_rate: None,
        final_loss: None,
        validation_accuracy: None,
        test_accuracy: None,
        ended: None,
        seconds: None,
    }
}

fn trained(end: End) -> Trained {
    let point = Point {
        step: 3,
        loss: 0.1 + 0.2,
        training_loss: None,
        validation_accuracy: Some(1.0 / 3.0),
    };
    let outcome = Outcome {
        stage: Stage::Training,
        learning_rate: 1e-3,
        seed: u64::MAX,
        steps: 3,
        curve: vec![point],
        final_loss: Some(0.1 + 0.2),
        validation_accuracy: Some(1.0 / 3.0),
        test_accuracy: None,
        path: None,
        end,
    };
    Trained { outcome, cost: Cost { examples: 1, seconds: 0.5 } }
}

fn ended() -> Ended {
    Ended {
        state: TrialState::Done,
        reward: 1.0 / 3.0,
        reason: None,
        children: vec![trained(End::Finished)],
        result: Some(TrialResult {
            learning_rate: 1e-3,
            final_loss: Some(0.1 + 0.2),
            validation_accuracy: Some(1.0 / 3.0),
            test_accuracy: None,
        }),
        seconds: Some(1.5),
    }
}

/// A run with a trial that is done and one that is not.
fn filled(folder: &Path) -> Ledger {
    let mut ledger = Ledger::create(folder).unwrap();
    ledger.set_about("task", "digits").unwrap();
    for number in 0..2 {
        let tokens = "g m id id mul".to_owned();
        let proposal = Proposal { tokens, log_probability: Some(-0.1 * number as f64) };
        ledger.add_sample(number, 0, &proposal).unwrap();
        ledger.add_trial(&trial(number), &Key([number as u8; 16])).unwrap();
        ledger.set_trial(number, number, true).unwrap();
    }
    assert_eq!(ledger.begin_attempt(0, "a", 1.0).unwrap(), 1);
    assert_eq!(ledger.begin_attempt(0, "b", 2.0).unwrap(), 2);
    ledger.end_attempt(0, "done", 3.0).unwrap();
    assert!(ledger.end_trial(0, &ended(), 3.0).unwrap());
    let update = Update { mean_reward: 0.1 + 0.2, entropy: Some(1.0 / 3.0), ..Update::default() };
    ledger.add_update(0, [(0, 1.0 / 3.0), (1, 0.0)], &update).unwrap();
    ledger.commit().unwrap();
    ledger
}

fn content(folder: &Path) -> Content {
    Ledger::open(folder).unwrap().content().unwrap()
}

#[test]
fn what_was_written_is_read_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = filled(folder.path());
    let rows = ledger.rows();
    let [first, second] = &rows.trials().unwrap()[..] else { panic!("two trials") };
    assert_eq!((first.seed, first.attempts), (u64::MAX, 2));
    assert_eq!((first.state, first.reward), (TrialState::Done, Some(1.0 / 3.0)));
    assert_eq!((first.learning_rate, first.seconds), (Some(1e-3), Some(1.5)));
    assert_eq!((second.state, second.reward), (TrialState::Pending, None));
    assert_eq!(rows.children(0).unwrap()[0].outcome, ended().children[0].outcome);
    assert_eq!(rows.all_children().unwrap().len(), 1);
    assert_eq!(rows.updates().unwrap()[0].update.mean_reward, 0.1 + 0.2);
    assert_eq!(rows.samples().unwrap()[1].log_probability, Some(-0.1));
    assert_eq!(rows.attempts().unwrap().len(), 2);
    assert_eq!(rows.about("task").unwrap().as_deref(), Some("digits"));
    assert_eq!(rows.about("tusk").unwrap(), None);
    // Another process may read meanwhile.
    let reader = LedgerReader::open(folder.path()).unwrap();
    assert_eq!(reader.rows().trials().unwrap(), rows.trials().unwrap());
}

#[test]
fn the_first_result_of_a_trial_stays() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = filled(folder.path());
    let late = Ended { reward: 0.9, ..ended() };
    assert!(!ledger.end_trial(0, &late, 9.0).unwrap());
    assert_eq!(ledger.rows().trial(0).unwrap().unwrap().reward, Some(1.0 / 3.0));
    let failed = Ended { state: TrialState::Failed, children: Vec::new(), result: None, ..ended() };
    assert!(ledger.end_trial(1, &failed, 9.0).unwrap());
    ledger.retry(1).unwrap();
    ledger.retry(0).unwrap();
    let states: Vec<TrialState> =
        ledger.rows().trials().unwrap().iter().map(|trial| trial.state).collect();
    assert_eq!(states, [TrialState::Done, TrialState::Pending]);
}

#[test]
fn numbers_that_json_lacks_are_kept_as_not_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = filled(folder.path());
    let reason = DivergenceReason::Loss { loss: f64::INFINITY };
    let lost = trained(End::Diverged(Divergence { step: 1, reason }));
    let diverged = Ended { children: vec![lost], result: None, ..ended() };
    assert!(ledger.end_trial(1, &diverged, 9.0).unwrap());
    let end = ledger.rows().children(1).unwrap()[0].outcome.end;
    let End::Diverged(Divergence { step: 1, reason: DivergenceReason::Loss { loss } }) = end else {
        panic!("{end:?}")
    };
    assert!(loss.is_nan());
}

#[test]
fn what_was_not_committed_is_as_if_it_had_never_been() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let before = content(folder.path());
    let ledger = Ledger::open(folder.path()).unwrap();
    assert!(ledger.end_trial(1, &ended(), 9.0).unwrap());
    drop(ledger);
    assert_eq!(content(folder.path()), before);
}

#[test]
fn one_process_writes_and_a_run_is_begun_once() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::Absent { .. })));
    assert!(matches!(LedgerReader::open(folder.path()), Err(LedgerError::Absent { .. })));
    let none = folder.path().join("none");
    assert!(matches!(Ledger::open(&none), Err(LedgerError::NoFolder { .. })));
    assert!(matches!(LedgerReader::open(&none), Err(LedgerError::NoFolder { .. })));
    assert!(!none.exists());
    // The making of a ledger was cut off.
    fs::write(folder.path().join(FILE), "").unwrap();
    let file = folder.path().join(FILE);
    assert!(matches!(Ledger::create(&file), Err(LedgerError::NotFolder { .. })));
    assert!(matches!(LedgerReader::open(&file), Err(LedgerError::NotFolder { .. })));
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::Absent { .. })));
    let ledger = filled(folder.path());
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::Locked { .. })));
    assert!(matches!(Ledger::create(folder.path()), Err(LedgerError::Locked { .. })));
    drop(ledger);
    assert!(matches!(Ledger::create(folder.path()), Err(LedgerError::Exists { .. })));
    assert_eq!(content(folder.path()).trials.len(), 2);
}

#[test]
fn files_that_are_no_ledgers_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let open = Ledger::open(folder.path()).map(drop).unwrap_err();
        let create = Ledger::create(folder.path()).map(drop).unwrap_err();
        let read = LedgerReader::open(folder.path()).map(drop).unwrap_err();
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert_eq!(open.to_string(), read.to_string());
        assert_eq!(open.to_string(), create.to_string());
        open
    };
    assert!(matches!(refused(&[b'x'; 5000]), LedgerError::Foreign { .. }));
    let other = tempfile::tempdir().unwrap();
    let other = other.path().join("other.sqlite");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(connection);
    assert!(matches!(refused(&fs::read(&other).unwrap()), LedgerError::Foreign { .. }));
    let whole = tempfile::tempdir().unwrap();
    drop(filled(whole.path()));
    let bytes = fs::read(whole.path().join(FILE)).unwrap();
    let torn = refused(&bytes[..bytes.len() / 2]);
    assert!(matches!(torn, LedgerError::Damaged { .. }), "{torn}");
    let connection = rusqlite::Connection::open(whole.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let newer = refused(&fs::read(whole.path().join(FILE)).unwrap());
    assert!(matches!(newer, LedgerError::Layout { found: 99, .. }), "{newer}");
}

/// Of a write-ahead log that is torn, whole commits are kept.
#[test]
fn a_torn_log_loses_no_commit_before_the_tear() {
    let folder = tempfile::tempdir().unwrap();
    let torn = tempfile::tempdir().unwrap();
    let mut ledger = filled(folder.path());
    let before = ledger.content().unwrap();
    ledger.end_trial(1, &ended(), 9.0).unwrap();
    ledger.commit().unwrap();
    let after = ledger.content().unwrap();
    let name = format!("{FILE}-wal");
    let log = fs::read(folder.path().join(&name)).unwrap();
    fs::copy(folder.path().join(FILE), torn.path().join(FILE)).unwrap();
    let main = fs::read(torn.path().join(FILE)).unwrap();
    for cut in [0, 1, 7, 64, 500] {
        fs::write(torn.path().join(FILE), &main).unwrap();
        fs::write(torn.path().join(&name), &log[..log.len() - cut]).unwrap();
        let found = content(torn.path());
        assert_eq!(found, if cut == 0 { after.clone() } else { before.clone() }, "{cut}");
    }
}
