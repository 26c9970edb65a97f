//! The key of a canonical rule: 128 bits of BLAKE3 over its serialized form.

use std::fmt;

use crate::tree::{Node, Rule, StateKind};

use super::order::class;

/// Changes when the canonical form or its serialization changes; part of every key.
pub const FORM_VERSION: u32 = 1;

/// Names a canonical rule: equal keys mean equal bits, on every machine and release of one
/// [`FORM_VERSION`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

pub(super) fn key(rule: &Rule) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"nosc exact f32");
    hasher.update(&FORM_VERSION.to_le_bytes());
    hasher.update(&bytes(rule));
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Key(key)
}

/// The canonical rule as bytes: nodes in their order, then states, update and schedule. Names of states
/// do not count; parameters count by name and default.
pub(super) fn bytes(rule: &Rule) -> Vec<u8> {
    let mut out = Vec::new();
    let word = |out: &mut Vec<u8>, value: u64| out.extend_from_slice(&value.to_le_bytes());
    word(&mut out, rule.tree.len() as u64);
    for (_, node) in rule.tree.iter() {
        out.push(class(node) as u8);
        match node {
            Node::Constant(number) | Node::Decay(_, number) => {
                word(&mut out, number.value().to_bits());
            }
            Node::Parameter(parameter) => {
                let parameter = &rule.parameters[parameter.index()];
                word(&mut out, parameter.name.len() as u64);
                out.extend_from_slice(parameter.name.as_bytes());
                word(&mut out, parameter.default.to_bits());
            }
            Node::State(s) | Node::Previous(s) | Node::Debias(s) => {
                out.extend_from_slice(&s.0.to_le_bytes());
            }
            Node::Drop(site, _, p) => {
                out.extend_from_slice(&site.0.to_le_bytes());
                word(&mut out, p.value().to_bits());
            }
            _ => {}
        }
        node.operands().for_each(|operand| out.extend_from_slice(&operand.0.to_le_bytes()));
    }
    for state in &rule.states {
        out.push(u8::from(matches!(state.kind, StateKind::Average { .. })));
        state.kind.nodes().iter().for_each(|node| out.extend_from_slice(&node.0.to_le_bytes()));
    }
    out.extend_from_slice(&rule.update.0.to_le_bytes());
    out.push(u8::from(rule.schedule.is_some()));
    rule.schedule.iter().for_each(|node| out.extend_from_slice(&node.0.to_le_bytes()));
    out
}
