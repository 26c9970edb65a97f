//! Checkpoints: resuming gives the same bits as not having stopped.

use std::fs;
use std::path::Path;

use nosc_runtime::{Backend, Checkpoint, CheckpointError, Settings};
use nosc_tests::{Run, library, rule};

/// States that vary and one that does not, draws, a schedule with a draw, and a parameter.
const RULE: &str = "{
    param alpha = 0.3
    state decayed init 1 = decayed*0.9
    state s init lr = 0.5*s + alpha*g
    update = adam + drop(s, 0.5)*decayed + eps
    schedule = ld + 0.01*eps_t
}";
const LENGTHS: [usize; 4] = [67, 0, 3, 130];

fn settings() -> Settings {
    let parameters = vec![("alpha".to_owned(), 0.1 + 0.2)];
    let (total_steps, seed) = (Some(40), Some(0xfeed_0000_0001));
    Settings { parameters, total_steps, seed, ..Settings::default() }
}

fn new(settings: Settings) -> Run {
    Run::new(RULE, &LENGTHS, settings)
}

/// Saves, loads into a fresh optimizer with these settings, and goes on with both.
fn check_resumes(run: &Run, settings: Settings, more: u64) {
    let bytes = run.optimizer.to_checkpoint().unwrap();
    let mut resumed = new(settings);
    resumed.optimizer.load_bytes(&bytes).unwrap();
    resumed.tensors.clone_from(&run.tensors);
    assert_eq!(resumed.optimizer.to_checkpoint().unwrap(), bytes);
    let mut whole = run.clone();
    whole.steps(more);
    resumed.steps(more);
    resumed.assert_same_as(&whole, "resumed");
}

// O9, O11, O12.
#[test]
fn resuming_gives_the_same_bits_after_any_number_of_steps() {
    let mut run = new(settings());
    for step in 0..=17 {
        assert_eq!(run.optimizer.steps(), step);
        check_resumes(&run, settings(), 4);
        run.steps(1);
    }
}

#[test]
fn what_the_settings_leave_open_comes_from_the_file() {
    let mut run = new(settings());
    run.steps(3);
    check_resumes(&run, Settings::default(), 5);
}

#[test]
fn every_standard_rule_resumes() {
    for rule in nosc_runtime::library::rules() {
        let settings = Settings { total_steps: Some(9), seed: Some(4), ..Settings::default() };
        let mut run = Run::of(&rule, Backend::Cranelift, &[33], settings.clone());
        run.steps(2);
        let mut resumed = Run::of(&rule, Backend::Interpreter, &[33], settings);
        resumed.optimizer.load_bytes(&run.optimizer.to_checkpoint().unwrap()).unwrap();
        resumed.tensors.clone_from(&run.tensors);
        run.steps(2);
        resumed.steps(2);
        resumed.assert_same_as(&run, &rule.name);
    }
}

// O9.
#[test]
fn ten_thousand_steps_resume() {
    let mut run = Run::new("adam", &[5], Settings::default());
    run.steps(10_001);
    let mut resumed = Run::new("adam", &[5], Settings::default());
    resumed.optimizer.load_bytes(&run.optimizer.to_checkpoint().unwrap()).unwrap();
    assert_eq!(resumed.optimizer.steps(), 10_001);
    resumed.tensors.clone_from(&run.tensors);
    run.steps(1);
    resumed.steps(1);
    resumed.assert_same_as(&run, "after 10001 steps");
}

/// Hyper-parameters come back as they were, to the last digit.
#[test]
fn parameters_keep_every_digit() {
    for number in 0..2_000_u64 {
        let word = nosc_tests::splitmix(number);
        let alpha = f64::from_bits((word >> 12) | 0x3fe0_0000_0000_0000)
            * 10_f64.powi((word % 40) as i32 - 20);
        let parameters = vec![("alpha".to_owned(), alpha)];
        let of = |parameters| {
            let settings = Settings { parameters, ..Settings::default() };
            Run::new("{ param alpha = 2; update = alpha*g }", &[1], settings)
        };
        let bytes = of(parameters).optimizer.to_checkpoint().unwrap();
        let found = Checkpoint::read(&bytes).unwrap().parameters;
        assert_eq!(found[0].1.to_bits(), alpha.to_bits(), "{alpha:e}");
    }
}

/// The number of steps has 64 bits, through the file and in the step.
#[test]
fn steps_beyond_32_bits_resume() {
    let mut run = new(settings());
    run.steps(2);
    let bytes = run.optimizer.to_checkpoint().unwrap();
    let far = (1_u64 << 32) + 3;
    let edited = edited(&bytes, &|about| about["step"] = far.into());
    let mut run = new(settings());
    run.optimizer.load_bytes(&edited).unwrap();
    assert_eq!(run.optimizer.steps(), far);
    run.steps(2);
    assert_eq!(run.optimizer.steps(), far + 2);
    check_resumes(&run, settings(), 3);
}

#[test]
fn a_setting_after_a_load_keeps_the_others_of_the_file() {
    let text = "{ param a = 1; param b = 1; update = a*g + b*w }";
    let parameters = vec![("a".to_owned(), 3.0), ("b".to_owned(), 5.0)];
    let saved = Run::new(text, &[2], Settings { parameters, ..Settings::default() });
    let mut run = Run::new(text, &[2], Settings::default());
    run.optimizer.load_bytes(&saved.optimizer.to_checkpoint().unwrap()).unwrap();
    run.optimizer.set("a", 7.0).unwrap();
    let found = Checkpoint::read(&run.optimizer.to_checkpoint().unwrap()).unwrap().parameters;
    let value = |name: &str| found.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!((value("a"), value("b")), (7.0, 5.0));
}

/// A checkpoint with other metadata and the same tensors.
fn edited(bytes: &[u8], change: &dyn Fn(&mut serde_json::Value)) -> Vec<u8> {
    let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let mut about = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["nosc"]).unwrap();
    change(&mut about);
    let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let metadata = std::iter::once(("nosc".to_owned(), about.to_string())).collect();
    safetensors::serialize(file.iter(), Some(metadata)).unwrap()
}

#[test]
fn equal_states_give_equal_files() {
    let (mut a, mut b) = (new(settings()), new(Settings { threads: Some(3), ..settings() }));
    a.steps(5);
    b.steps(5);
    assert_eq!(a.optimizer.to_checkpoint().unwrap(), b.optimizer.to_checkpoint().unwrap());
    b.steps(1);
    assert_ne!(a.optimizer.to_checkpoint().unwrap(), b.optimizer.to_checkpoint().unwrap());
}

#[test]
fn a_file_says_what_it_is() {
    let mut run = new(settings());
    run.steps(5);
    let about = Checkpoint::read(&run.optimizer.to_checkpoint().unwrap()).unwrap();
    assert_eq!((about.step, about.skipped, about.seed), (5, 0, 0xfeed_0000_0001));
    assert_eq!(about.total_steps, Some(40));
    assert_eq!(about.key, run.optimizer.compiled().key().to_string());
    assert!(about.parameters.contains(&("alpha".to_owned(), 0.1 + 0.2)));
    let parsed = rule(&about.rule);
    assert_eq!(nosc_compiler::canonical::CanonicalRule::new(&parsed).key.to_string(), about.key);
}

#[test]
fn another_spelling_of_the_rule_resumes() {
    let mut run = Run::new("adam", &[9], Settings::default());
    run.steps(3);
    let bytes = run.optimizer.to_checkpoint().unwrap();
    let mut other = Run::new("[v 1 sqrt id left, m %0 id id div]", &[9], Settings::default());
    other.optimizer.load_bytes(&bytes).unwrap();
    other.tensors.clone_from(&run.tensors);
    run.steps(2);
    other.steps(2);
    other.assert_same_as(&run, "other spelling");
}

#[test]
fn a_load_takes_the_place_of_what_was_there() {
    let mut early = new(settings());
    early.steps(2);
    let bytes = early.optimizer.to_checkpoint().unwrap();
    let mut late = early.clone();
    late.steps(6);
    late.optimizer.load_bytes(&bytes).unwrap();
    late.tensors.clone_from(&early.tensors);
    late.steps(3);
    early.steps(3);
    late.assert_same_as(&early, "went back");
}

#[test]
fn a_second_load_replaces_what_the_first_one_brought() {
    let with = |alpha: f64, total: u64| {
        let parameters = vec![("alpha".to_owned(), alpha)];
        let mut run = new(Settings { parameters, total_steps: Some(total), ..Settings::default() });
        run.steps(2);
        run
    };
    let (first, second) = (with(0.5, 10), with(0.25, 20));
    let mut run = new(Settings::default());
    run.optimizer.load_bytes(&first.optimizer.to_checkpoint().unwrap()).unwrap();
    run.optimizer.load_bytes(&second.optimizer.to_checkpoint().unwrap()).unwrap();
    let bytes = second.optimizer.to_checkpoint().unwrap();
    assert!(run.optimizer.to_checkpoint().unwrap() == bytes);
}

#[test]
fn files_are_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let mut run = new(settings());
    run.steps(1);
    run.optimizer.save(&path).unwrap();
    let first = fs::read(&path).unwrap();
    run.steps(1);
    run.optimizer.save(&path).unwrap();
    let second = fs::read(&path).unwrap();
    assert_eq!(second, run.optimizer.to_checkpoint().unwrap());
    assert_ne!(first, second);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
    let mut resumed = new(Settings::default());
    resumed.optimizer.load(&path).unwrap();
    assert_eq!(resumed.optimizer.to_checkpoint().unwrap(), second);
}

fn check_save_fails(run: &Run, path: &Path) {
    let error = run.optimizer.save(path).unwrap_err();
    assert!(matches!(error, CheckpointError::Io { .. }), "{error}");
    assert!(error.to_string().starts_with("could not write"), "{error}");
}

#[test]
fn a_save_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let run = new(settings());
    check_save_fails(&run, &folder.path().join("absent").join("state"));
    // A file where a folder should be, and a folder where the file should be.
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    check_save_fails(&run, &file.join("state"));
    assert_eq!(fs::read(&file).unwrap(), b"old");
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("kept"), "old").unwrap();
    check_save_fails(&run, &inner);
    assert_eq!(fs::read(inner.join("kept")).unwrap(), b"old");
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing is left behind");
}

/// Root may write anywhere; for others the folder is closed. Either way the file is whole.
#[cfg(unix)]
#[test]
fn a_read_only_folder_keeps_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let mut run = new(settings());
    run.optimizer.save(&path).unwrap();
    let old = fs::read(&path).unwrap();
    run.steps(1);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let saved = run.optimizer.save(&path);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let wanted = if saved.is_ok() { run.optimizer.to_checkpoint().unwrap() } else { old };
    assert_eq!(fs::read(&path).unwrap(), wanted);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let mut run = Run::of(&library("adam"), Backend::Auto, &[3], Settings::default());
    let before = run.snapshot();
    let error = run.optimizer.load(Path::new("no/such/file")).unwrap_err();
    assert!(error.to_string().starts_with("could not read"), "{error}");
    assert_eq!(run.snapshot(), before);
}
