//! What has been worked out so far, and what it costs to work out.
//!
//! Whether a rule stays within its budget must not depend on the rules before it. So in an arena that has seen
//! others, an answer that is already there costs what it would have cost at most: such a rule may fail where it
//! would succeed alone, and is then worked out alone ([`Memo::complete`]); it never succeeds where it would
//! fail.

#![expect(clippy::disallowed_types, reason = "looked up by key, never iterated")]

use hashbrown::HashMap;

use super::arena::{Reals, TestId, ValueId};
use super::rational::{Bounded, Limit};

/// Work that one rule may cost, in values looked at.
const BUDGET: u32 = 60_000;

/// What a [`Question`] can be about.
pub(crate) mod operation {
    pub(crate) const RESTRICT: u32 = 1;
    pub(crate) const ADD: u32 = 2;
    pub(crate) const MUL: u32 = 3;
    pub(crate) const POWER: u32 = 4;
    pub(crate) const EQUAL: u32 = 5;
    pub(crate) const LESS: u32 = 6;
    /// And from here on, a number for each function.
    pub(crate) const FUNCTION: u32 = 16;
}

/// What [`Reals::answer`] is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) operation: u32,
    pub(crate) a: u32,
    pub(crate) b: u32,
}

impl Question {
    /// A value where a test holds, or fails.
    pub(crate) fn restricted(value: ValueId, test: TestId, holds: bool) -> Question {
        let operation = operation::RESTRICT;
        Question { operation, a: value.0, b: test.0 * 2 + u32::from(holds) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    a: u32,
    b: u32,
    value: ValueId,
    /// The operation, and 24 bits of what the answer costs: at least the work of an arena that knows nothing.
    operation_and_cost: u32,
}

const NO_ANSWER: Answer =
    Answer { a: u32::MAX, b: u32::MAX, value: ValueId(0), operation_and_cost: 0 };

/// No budget is as large.
const MAX_COST: u64 = (1 << 24) - 1;

/// Answers and the budget.
pub(crate) struct Memo {
    /// By a hash of the question; the newer of two of one place stays.
    table: Vec<Answer>,
    /// Every answer, in an arena for one rule.
    all: Option<HashMap<Question, ValueId>>,
    budget: u32,
    /// Work of all rules.
    work: u64,
}

impl Memo {
    /// For many rules, with so many answers; a power of two.
    pub(crate) fn of_many(answers: usize) -> Memo {
        Memo { table: vec![NO_ANSWER; answers], all: None, budget: BUDGET, work: 0 }
    }

    /// For one rule: each question costs once.
    pub(crate) fn complete() -> Memo {
        Memo { table: Vec::new(), all: Some(HashMap::new()), budget: BUDGET, work: 0 }
    }

    /// Starts the next rule.
    pub(crate) fn next_rule(&mut self) {
        self.budget = BUDGET;
    }

    pub(crate) fn clear(&mut self) {
        self.table.fill(NO_ANSWER);
        if let Some(all) = &mut self.all {
            all.clear();
        }
    }

    #[inline]
    fn slot(&self, question: Question) -> usize {
        let mixed = (u64::from(question.a) << 32 | u64::from(question.b))
            .wrapping_add(u64::from(question.operation).wrapping_mul(0xa076_1d64_78bd_642f))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize & (self.table.len() - 1)
    }

    fn spend(&mut self, work: u32) -> Bounded<()> {
        self.work += u64::from(work);
        self.budget = self.budget.checked_sub(work).ok_or(Limit)?;
        Ok(())
    }
}

impl Reals {
    /// Counts work against the budget of the rule.
    #[inline]
    pub(crate) fn spend(&mut self, work: u32) -> Bounded<()> {
        self.memo.spend(work)
    }

    /// Work that is bounded by itself, and may have been done before: it costs nothing.
    pub(crate) fn at_no_cost<T>(&mut self, body: impl FnOnce(&mut Reals) -> T) -> T {
        let (budget, work) = (self.memo.budget, self.memo.work);
        self.memo.budget = BUDGET;
        let result = body(self);
        (self.memo.budget, self.memo.work) = (budget, work);
        result
    }

    /// The answer to a question: what is known, or what the work on it gives.
    #[inline]
    pub(crate) fn answer(
        &mut self,
        question: Question,
        work: impl FnOnce(&mut Reals) -> Bounded<ValueId>,
    ) -> Bounded<ValueId> {
        if let Some(known) = self.recall(question)? {
            return Ok(known);
        }
        let since = self.memo.work;
        self.spend(1)?;
        let value = work(self)?;
        self.remember(question, value, since);
        Ok(value)
    }

    #[inline]
    fn recall(&mut self, question: Question) -> Bounded<Option<ValueId>> {
        let memo = &mut self.memo;
        if let Some(all) = &memo.all {
            return Ok(all.get(&question).copied());
        }
        let answer = memo.table[memo.slot(question)];
        let is_known = (answer.a, answer.b) == (question.a, question.b)
            && answer.operation_and_cost & 0xff == question.operation;
        if !is_known {
            return Ok(None);
        }
        memo.spend(answer.operation_and_cost >> 8)?;
        Ok(Some(answer.value))
    }

    /// `since` is the work that had been done when the question came.
    #[inline]
    fn remember(&mut self, question: Question, value: ValueId, since: u64) {
        let memo = &mut self.memo;
        if let Some(all) = &mut memo.all {
            all.insert(question, value);
            return;
        }
        let Question { operation, a, b } = question;
        let cost = (memo.work - since).min(MAX_COST) as u32;
        let slot = memo.slot(question);
        memo.table[slot] = Answer { a, b, value, operation_and_cost: cost << 8 | operation };
    }
}
