//! Which nodes of a canonical rule draw, and the number of each draw.

use indexmap::IndexMap;

use crate::tree::NodeId;

/// Nodes that draw (a `drop`, `eps` or `eps_t`) with their sites, which count from 0 by first visit in pre-order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draws(IndexMap<NodeId, u32>);

impl Draws {
    /// Gives a node the next site.
    pub(super) fn add(&mut self, node: NodeId) {
        let next = self.0.len() as u32;
        self.0.entry(node).or_insert(next);
    }

    /// The site of a node, if it draws.
    pub fn site(&self, node: NodeId) -> Option<u32> {
        self.0.get(&node).copied()
    }

    /// Number of draws.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is drawn.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nodes and their sites, in the order of sites.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (NodeId, u32)> {
        self.0.iter().map(|(node, site)| (*node, *site))
    }
}
