//! Disks that are full, places that are not there, files that may not be touched.

use std::any::Any;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::scene::{Case, case, check, nobody_can_run};

#[rustfmt::skip]
const CASES: [Case; 12] = [
    case("A folder that is not there", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 -o new/out.npy"),
    case("A folder that is not there, for a compiled rule", "", "nosc compile sgd --target torch -o new/sgd.py"),
    case("A folder where a file is meant", "folder w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 --state folder"),
    case("A folder where a rule file is meant", "folder", "nosc check folder"),
    case("A device where a state is meant", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 --state /dev/null"),
    case("A compiled rule would replace its file", "rule.nos", "nosc compile rule.nos:mine -o rule.nos"),
    case("Several compiled rules into one file", "two.nos list.txt", "nosc compile two.nos -o list.txt"),
    case("The disk fills up while parameters are written", "w.npy g.npy out.npy adam.state",
        "trap '' XFSZ; ulimit -f 0; nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 -o out.npy --state adam.state"),
    case("The disk fills up while a state is written", "w.npy g.npy adam.state",
        "trap '' XFSZ; ulimit -f 0; nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --state adam.state"),
    case("The disk fills up while results are written", "",
        "trap '' XFSZ; ulimit -f 0; nosc train rosenbrock --rules sgd --lr 1e-3 --steps 5 -o results.csv"),
    case("The disk fills up while a file is formatted", "unformatted.nos", "trap '' XFSZ; ulimit -f 0; nosc fmt unformatted.nos"),
    case("The disk fills up while a compiled rule is written", "", "trap '' XFSZ; ulimit -f 0; nosc compile sgd -o sgd.plan"),
];

#[test]
fn disk() {
    check!("disk", &CASES);
}

/// A device that is always full is Linux's.
#[cfg(target_os = "linux")]
#[test]
fn full_disk() {
    let cases = [
        case(
            "A full disk",
            "w.npy g.npy full.npy",
            "nosc run sgd --params w.npy --grads g.npy --lr 0.1 -o full.npy",
        ),
        case("Output to a full disk", "", "nosc rules > /dev/full"),
    ];
    check!("full_disk", &cases);
}

/// A file that nobody may read.
fn secret(folder: &Path) -> Box<dyn Any> {
    let permissions = fs::Permissions::from_mode(0o200);
    drop(fs::set_permissions(folder.join("rule.nos"), permissions));
    Box::new(())
}

#[rustfmt::skip]
const PERMISSIONS: [Case; 5] = [
    case("A file that may not be read", "rule.nos", "nosc check rule.nos").before(secret).by_nobody(),
    case("A folder that may not be written", "w.npy g.npy out.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 -o out.npy").by_nobody(),
    case("A state in such a folder", "w.npy g.npy adam.state", "nosc run adam_rule --params w.npy --grads g.npy --lr 0.1 --state adam.state").by_nobody(),
    case("A file in such a folder is formatted", "unformatted.nos", "nosc fmt unformatted.nos").by_nobody(),
    case("Compiled rules into such a folder", "two.nos", "nosc compile two.nos -o out").by_nobody(),
];

#[test]
fn permissions() {
    if !nobody_can_run() {
        return println!("SKIPPED: root runs these tests, and nobody else may run the program");
    }
    check!("permissions", &PERMISSIONS);
}
