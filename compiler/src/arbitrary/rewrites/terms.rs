//! A token string as a graph on which rewrites are carried out.
//!
//! A node is one value: what two places share is one node, and a drop is one site. A rewrite replaces the
//! content of a node, so that all who use it see the new one; it may use nodes below and new ones, and so no
//! cycle can come about. What nothing needs stays, to be written down again.

use crate::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};
use crate::tokens::bank_index;

/// The place of a node.
pub(super) type Id = usize;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// An operand token other than `%k`.
    Leaf(String),
    /// A unary token other than drops; `id` too.
    Unary(&'static str, Id),
    /// A drop: two that look alike are two.
    Drop(&'static str, Id),
    /// A binary token; of `left` the second operand does not count.
    Binary(&'static str, Id, Id),
}

impl Term {
    /// The operands; of `left` the second too.
    pub(super) fn operands(&self) -> impl Iterator<Item = Id> + use<> {
        let (a, b) = match *self {
            Term::Leaf(_) => (None, None),
            Term::Unary(_, x) | Term::Drop(_, x) => (Some(x), None),
            Term::Binary(_, x, y) => (Some(x), Some(y)),
        };
        a.into_iter().chain(b)
    }

    fn operands_mut(&mut self) -> impl Iterator<Item = &mut Id> {
        let (a, b) = match self {
            Term::Leaf(_) => (None, None),
            Term::Unary(_, x) | Term::Drop(_, x) => (Some(x), None),
            Term::Binary(_, x, y) => (Some(x), Some(y)),
        };
        a.into_iter().chain(b)
    }
}

/// A token string: the root is the update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) nodes: Vec<Term>,
    pub(super) root: Id,
    /// Groups that nothing uses.
    pub(super) dead: Vec<Id>,
}

impl Terms {
    /// Reads a token string; `None` if it is none.
    pub(super) fn parse(tokens: &str) -> Option<Terms> {
        let words: Vec<&str> = tokens.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
        if words.is_empty() || !words.len().is_multiple_of(5) {
            return None;
        }
        let mut terms = Terms { nodes: Vec::new(), root: 0, dead: Vec::new() };
        let mut bank = Vec::new();
        for group in words.chunks_exact(5) {
            let x = terms.argument(group[0], group[2], &bank)?;
            let y = terms.argument(group[1], group[3], &bank)?;
            let binary = BINARY_TOKENS.iter().find(|token| **token == group[4])?;
            bank.push(terms.binary(binary, x, y));
        }
        terms.root = bank.pop()?;
        let used = terms.uses();
        terms.dead = bank.into_iter().filter(|id| used[*id] == 0 && *id != terms.root).collect();
        Some(terms)
    }

    fn argument(&mut self, operand: &str, unary: &str, bank: &[Id]) -> Option<Id> {
        let unary = *UNARY_TOKENS.iter().find(|token| **token == unary)?;
        let x = match bank_index(operand) {
            Some(k) => *bank.get(k)?,
            None if OPERAND_TOKENS.contains(&operand)
                || operand.starts_with("cd_")
                || operand.starts_with("rd_") =>
            {
                self.leaf(operand)
            }
            None => return None,
        };
        Some(match unary {
            "id" => x,
            _ if unary.starts_with("drop") => self.add(Term::Drop(unary, x)),
            _ => self.unary(unary, x),
        })
    }

    pub(super) fn add(&mut self, term: Term) -> Id {
        self.nodes.push(term);
        self.nodes.len() - 1
    }

    pub(super) fn leaf(&mut self, token: &str) -> Id {
        self.add(Term::Leaf(token.to_owned()))
    }

    pub(super) fn unary(&mut self, token: &'static str, x: Id) -> Id {
        self.add(Term::Unary(token, x))
    }

    pub(super) fn binary(&mut self, token: &'static str, x: Id, y: Id) -> Id {
        self.add(Term::Binary(token, x, y))
    }

    /// A new node with the content of another; a drop must be overwritten then.
    pub(super) fn copy(&mut self, id: Id) -> Id {
        self.add(self.nodes[id].clone())
    }

    /// The operands, if the node is this function of two arguments.
    pub(super) fn as_binary(&self, id: Id, token: &str) -> Option<(Id, Id)> {
        match self.nodes[id] {
            Term::Binary(op, x, y) if op == token => Some((x, y)),
            _ => None,
        }
    }

    /// The operand, if the node is this function of one argument.
    pub(super) fn as_unary(&self, id: Id, token: &str) -> Option<Id> {
        match self.nodes[id] {
            Term::Unary(op, x) if op == token => Some(x),
            _ => None,
        }
    }

    /// Whether the node is this operand.
    pub(super) fn is_leaf(&self, id: Id, token: &str) -> bool {
        matches!(&self.nodes[id], Term::Leaf(own) if own == token)
    }

    /// Whether two nodes have one value for sure: one node, one operand, or one function of one node.
    pub(super) fn same(&self, mut a: Id, mut b: Id) -> bool {
        loop {
            if a == b {
                return true;
            }
            match (&self.nodes[a], &self.nodes[b]) {
                (Term::Unary(f, x), Term::Unary(g, y)) if f == g => (a, b) = (*x, *y),
                (Term::Leaf(x), Term::Leaf(y)) => return x == y,
                (Term::Binary(f, x, y), Term::Binary(g, z, w)) => return (f, x, y) == (g, z, w),
                _ => return false,
            }
        }
    }

    /// Nodes that the roots reach, operands before users; through dead right sides too if these count.
    fn reach(&self, roots: &[Id], dead_sides: bool) -> Vec<Id> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut open: Vec<(Id, bool)> = roots.iter().rev().map(|root| (*root, false)).collect();
        while let Some((id, done)) = open.pop() {
            if done {
                order.push(id);
            } else if !std::mem::replace(&mut seen[id], true) {
                open.push((id, true));
                let is_left = matches!(self.nodes[id], Term::Binary("left", ..));
                let count = if is_left && !dead_sides { 1 } else { 2 };
                open.extend(self.nodes[id].operands().take(count).map(|x| (x, false)));
            }
        }
        order
    }

    /// Nodes that the update needs, operands before users.
    pub(super) fn live(&self) -> Vec<Id> {
        self.reach(&[self.root], false)
    }

    /// All nodes that are written down, operands before users; the root is the last.
    pub(super) fn written(&self) -> Vec<Id> {
        let roots: Vec<Id> = self.dead.iter().copied().chain([self.root]).collect();
        self.reach(&roots, true)
    }

    /// How many places use each node, of those that are written down.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        for id in self.written() {
            self.nodes[id].operands().for_each(|x| uses[x] += 1);
        }
        uses
    }

    /// Lets all users of a node use another in its place.
    pub(super) fn redirect(&mut self, from: Id, to: Id) {
        for operand in self.nodes.iter_mut().flat_map(Term::operands_mut) {
            if *operand == from {
                *operand = to;
            }
        }
    }

    /// Lets one user of a node use another in its place.
    pub(super) fn redirect_one(&mut self, user: Id, from: Id, to: Id) {
        if let Some(operand) = self.nodes[user].operands_mut().find(|operand| **operand == from) {
            *operand = to;
        }
    }
}
