//! The order of operands of `+` and `*`, and the hashes that make comparing cheap.
//!
//! Two nodes are compared by class, then by what they are, then by their first operands that differ.
//! Draws and states have no names here: they are compared by their colour, a hash of what they are and of
//! where they stand (see [`super::draws`]). Hashes decide only the order, never that two nodes are equal.

use std::cmp::Ordering;

use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId, StateKind};

use super::rewriter::Rewriter;

/// Mixes a word into a 128-bit hash (two rounds of a 64-bit multiply-xor each).
pub(crate) fn mix(hash: u128, word: u64) -> u128 {
    let (mut a, mut b) = ((hash >> 64) as u64, hash as u64);
    a = (a ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    b = (b ^ word.rotate_left(31)).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    a ^= a >> 29;
    b ^= b >> 32;
    let (x, y) = (a.wrapping_add(b), b ^ a.rotate_left(23));
    (u128::from(x.wrapping_mul(0xbf58_476d_1ce4_e5b9)) << 64) | u128::from(y)
}

/// Mixes a hash into a hash.
pub(crate) fn mix_hash(hash: u128, other: u128) -> u128 {
    mix(mix(hash, (other >> 64) as u64), other as u64)
}

/// Classes in reading order: numbers, scalars, elements, then what is made of them.
pub(crate) fn class(node: Node) -> u64 {
    match node {
        Node::Constant(_) => 0,
        Node::Parameter(_) => 1,
        Node::Operand(operand) => 10 + operand as u64,
        Node::Decay(kind, _) => 30 + kind as u64,
        Node::Debias(_) => 40,
        Node::State(_) => 41,
        Node::Previous(_) => 42,
        Node::Unary(op, _) => match op {
            Unary::Neg => 50,
            other => 51 + other as u64,
        },
        Node::Clip(..) => 65,
        Node::Drop(..) => 66,
        Node::Binary(op, ..) => match op {
            Binary::Pow => 70,
            Binary::Mul => 71,
            Binary::Div => 72,
            Binary::Add => 73,
            Binary::Sub => 74,
            Binary::Min => 75,
            Binary::Max => 76,
        },
        Node::Where(op, _) => 80 + op as u64,
    }
}

impl Rewriter<'_> {
    /// The hash of a node from those of its operands; draws and states count by colour.
    pub(super) fn hash_of(&self, node: Node) -> u128 {
        let mut hash = mix(0x6e6f_7363, class(node));
        match node {
            Node::Constant(number) => hash = mix(hash, number.value().to_bits()),
            Node::Decay(_, n) => hash = mix(hash, n.value().to_bits()),
            Node::Parameter(parameter) => {
                let parameter = &self.parameters()[parameter.index()];
                for byte in parameter.name.bytes() {
                    hash = mix(hash, u64::from(byte));
                }
                hash = mix(hash, parameter.default.to_bits());
            }
            Node::State(s) | Node::Previous(s) | Node::Debias(s) => {
                hash = mix_hash(hash, self.state_colour(s));
            }
            Node::Drop(site, _, p) => {
                hash = mix(mix_hash(hash, self.site_colour(site)), p.value().to_bits());
            }
            _ => {}
        }
        for operand in node.operands() {
            hash = mix_hash(hash, self.hash(operand));
        }
        hash
    }

    /// The order of two nodes; equal for nodes that differ only in which draw of equal colour they use.
    pub(super) fn compare(&self, mut a: NodeId, mut b: NodeId) -> Ordering {
        loop {
            if self.hash(a) == self.hash(b) {
                return Ordering::Equal;
            }
            let (x, y) = (self.tree().node(a), self.tree().node(b));
            let order = class(x).cmp(&class(y)).then_with(|| self.compare_own(x, y));
            if order != Ordering::Equal {
                return order;
            }
            let differing = self.parts(x).zip(self.parts(y));
            let mut differing = differing.filter(|(p, q)| self.hash(*p) != self.hash(*q));
            match differing.next() {
                Some((p, q)) => (a, b) = (p, q),
                None => return self.hash(a).cmp(&self.hash(b)),
            }
        }
    }

    fn compare_own(&self, x: Node, y: Node) -> Ordering {
        let number = |p: f64, q: f64| p.total_cmp(&q);
        match (x, y) {
            (Node::Constant(p), Node::Constant(q))
            | (Node::Decay(_, p), Node::Decay(_, q))
            | (Node::Drop(_, _, p), Node::Drop(_, _, q)) => number(p.value(), q.value()),
            (Node::Parameter(p), Node::Parameter(q)) => {
                let (p, q) = (&self.parameters()[p.index()], &self.parameters()[q.index()]);
                p.name.cmp(&q.name).then(number(p.default, q.default))
            }
            _ => Ordering::Equal,
        }
    }

    /// Operands; an average has what it averages.
    fn parts(&self, node: Node) -> impl Iterator<Item = NodeId> + use<> {
        let state = match node {
            Node::State(s) | Node::Debias(s) => match self.kind(s) {
                Some(StateKind::Average { x, decay }) => vec![x, decay],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        state.into_iter().chain(node.operands())
    }
}
