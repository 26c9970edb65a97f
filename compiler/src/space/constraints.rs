//! What leaves strings of a space out.

use std::fmt;
use std::str::FromStr;

use crate::suggest::nearest;

/// Which strings of a space count. All constraints are about tokens, not about what they compute.
///
/// The paper has three, by masks on the controller's choices: the operands of a group differ, the last
/// binary function is not addition, and an earlier result is reused. The last one is read here as a mask
/// that can be decided group by group: each group after the first takes at least one earlier result.
///
/// ```
/// use nosc_compiler::space::Constraints;
///
/// let paper: Constraints = "paper".parse()?;
/// assert_eq!(paper, Constraints::PAPER);
/// assert_eq!(paper.to_string(), "operands-differ,last-not-add,reuse");
/// assert_eq!("none".parse(), Ok(Constraints::NONE));
/// # Ok::<(), nosc_compiler::space::UnknownConstraint>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a constraint of its own")]
pub struct Constraints {
    /// `operands-differ`: the two operand tokens of a group are not the same.
    pub operands_differ: bool,
    /// `last-not-add`: the binary function of the last group is not `add`.
    pub last_not_add: bool,
    /// `reuse`: each group after the first has a `%k` among its operands.
    pub reuse: bool,
    /// `all-used`: each result but the last is an operand of a later group. Not one of the paper's.
    pub all_used: bool,
}

/// A name that is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown constraint `{name}`")]
#[non_exhaustive]
pub struct UnknownConstraint {
    /// As written.
    pub name: String,
    /// The name that was most likely meant.
    pub nearest: Option<&'static str>,
}

impl UnknownConstraint {
    /// The way out.
    pub fn help(&self) -> String {
        match self.nearest {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write `paper`, `none`, or some of {}", Constraints::NAMES.join(", ")),
        }
    }
}

impl Constraints {
    /// No constraint.
    pub const NONE: Constraints =
        Constraints { operands_differ: false, last_not_add: false, reuse: false, all_used: false };
    /// The paper's.
    pub const PAPER: Constraints =
        Constraints { operands_differ: true, last_not_add: true, reuse: true, all_used: false };
    /// The name of each constraint.
    pub const NAMES: [&'static str; 4] = ["operands-differ", "last-not-add", "reuse", "all-used"];

    fn flags(&mut self) -> [&mut bool; 4] {
        [&mut self.operands_differ, &mut self.last_not_add, &mut self.reuse, &mut self.all_used]
    }

    /// Adds the constraints of a name: one of [`NAMES`](Constraints::NAMES), `paper` or `none`.
    ///
    /// # Errors
    ///
    /// [`UnknownConstraint`] if it is none of them.
    pub fn add(&mut self, name: &str) -> Result<(), UnknownConstraint> {
        if name == "paper" {
            (self.operands_differ, self.last_not_add, self.reuse) = (true, true, true);
        } else if let Some(index) = Constraints::NAMES.iter().position(|known| *known == name) {
            *self.flags()[index] = true;
        } else if name != "none" {
            let known = ["paper", "none"].into_iter().chain(Constraints::NAMES);
            return Err(UnknownConstraint { name: name.to_owned(), nearest: nearest(name, known) });
        }
        Ok(())
    }
}

/// Names with commas.
impl FromStr for Constraints {
    type Err = UnknownConstraint;

    fn from_str(text: &str) -> Result<Constraints, UnknownConstraint> {
        let mut constraints = Constraints::NONE;
        for name in text.split(',') {
            constraints.add(name.trim())?;
        }
        Ok(constraints)
    }
}

/// The names of the constraints with commas, or `none`.
impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut own = *self;
        let names = own.flags().into_iter().zip(Constraints::NAMES);
        let names: Vec<&str> = names.filter(|(flag, _)| **flag).map(|(_, name)| name).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(","))
    }
}
