"""Has Optuna load a journal that nosc wrote, and looks whether what it says is there.

    python tests/python/optuna_journal.py JOURNAL TRIALS [--study NAME] [--best VALUE] [--baselines COUNT]

TRIALS is the number of sampled trials. Needs optuna >= 5, < 6. Exits with 1 and a line for each fault.
"""

import argparse
import math
import pathlib
import shutil
import sys
import tempfile

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

PLACES = ["op1", "op2", "u1", "u2", "b"]
ATTRIBUTES = ["trial", "rule", "formula", "key", "flipped", "seed", "attempts", "duplicates"]


def places_are_whole(params):
    """Whether the parameters are the five places of groups 1, 2, ..., with none left out."""
    groups = range(1, len(params) // 5 + 1)
    return set(params) == {f"{group}.{place}" for group in groups for place in PLACES}


def faults_of_trial(trial):
    """Each as a text. Optuna's own checks first: dates, values and choices by state."""
    try:
        trial._validate()
    except ValueError as error:
        yield str(error)
    missing = [name for name in ATTRIBUTES if name not in trial.user_attrs]
    if missing:
        yield f"no user attribute {', '.join(missing)}"
    if not trial.params or not places_are_whole(trial.params):
        yield f"parameters {sorted(trial.params)}"
    if trial.state == TrialState.COMPLETE:
        if "learning_rate" not in trial.user_attrs:
            yield "complete, but without a learning rate"
        if not trial.intermediate_values:
            yield "complete, but without a curve"
    if trial.state in (TrialState.PRUNED, TrialState.FAIL) and "reason" not in trial.user_attrs:
        yield f"{trial.state.name}, but without a reason"
    for step, value in trial.intermediate_values.items():
        if step < 0 or not math.isfinite(value):
            yield f"intermediate value {value} at step {step}"
    if trial.duration is not None and trial.duration.total_seconds() < 0:
        yield f"took {trial.duration}"


def faults_of_study(study, arguments):
    trials = study.trials
    if len(trials) != arguments.trials:
        yield f"{len(trials)} trials, not {arguments.trials}"
    if study.direction != optuna.study.StudyDirection.MAXIMIZE:
        yield f"direction {study.direction}"
    for trial in trials:
        for fault in faults_of_trial(trial):
            yield f"trial {trial.number}: {fault}"
    complete = [trial.value for trial in trials if trial.state == TrialState.COMPLETE]
    if complete and study.best_value != max(complete):
        yield f"best value {study.best_value}, not {max(complete)}"
    if arguments.best is not None:
        if not complete or not math.isclose(study.best_value, arguments.best, rel_tol=1e-12):
            yield f"best value {study.best_value if complete else None}, not {arguments.best}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("journal", type=pathlib.Path)
    parser.add_argument("trials", type=int)
    parser.add_argument("--study", default="nosc")
    parser.add_argument("--best", type=float)
    parser.add_argument("--baselines", type=int)
    arguments = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not arguments.journal.is_file():
        sys.exit(f"{arguments.journal} is not a file")
    with tempfile.TemporaryDirectory() as folder:
        # A copy, since the last check writes.
        path = shutil.copy(arguments.journal, folder)
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = optuna.load_study(study_name=arguments.study, storage=storage)
        faults = list(faults_of_study(study, arguments))
        name = f"{arguments.study} baselines"
        names = optuna.get_all_study_names(storage)
        baselines = (
            optuna.load_study(study_name=name, storage=storage).trials if name in names else []
        )
        if arguments.baselines is not None and len(baselines) != arguments.baselines:
            faults.append(f"{len(baselines)} baselines, not {arguments.baselines}")
        states = [trial.state.name for trial in study.trials]
        frame = study.trials_dataframe() if study.trials and has_pandas() else None
        if frame is not None and len(frame) != len(states):
            faults.append(f"a data frame of {len(frame)} rows")
        # A study that can be gone on with is one that Optuna takes for its own.
        study.add_trial(optuna.trial.create_trial(value=0.0))
        again = optuna.load_study(study_name=arguments.study, storage=storage).trials
        if len(again) != len(states) + 1:
            faults.append(f"{len(again)} trials after one was added to {len(states)}")
    for fault in faults:
        print(f"{arguments.journal}: {fault}")
    counts = ", ".join(f"{states.count(name)} {name}" for name in sorted(set(states)))
    print(f"optuna {optuna.__version__}: {len(states)} trials ({counts}), {len(baselines)} baselines")
    sys.exit(1 if faults else 0)


def has_pandas():
    try:
        import pandas  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
