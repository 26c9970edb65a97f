//! The token string of a rule, where one exists.

use crate::canonical::CanonicalRule;
use crate::primitive::{Binary, Cosine, Operand, Unary};
use crate::tree::{Node, NodeId, Rule, StateKind};

use super::formula::number;
use super::no_tokens::NoTokens;
use super::respelt::respelt;

/// More groups than this are not written.
const MAX_GROUPS: usize = 4_096;

impl Rule {
    /// The rule in the paper's token strings, groups separated by commas; `None` if this very tree needs more
    /// than they can say.
    ///
    /// ```
    /// use nosc_compiler::Rule;
    ///
    /// let rule = Rule::parse("exp(sign(g) * sign(m)) * g")?;
    /// let tokens = rule.to_tokens();
    /// assert_eq!(tokens.as_deref(), Some("sign_g sign_m id id mul, %0 g exp id mul"));
    /// assert_eq!(Rule::parse("tanh(g)")?.to_tokens(), None);
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn to_tokens(&self) -> Option<String> {
        write(self, Roots::Plain).ok()
    }

    /// A token string that computes the same bits: of this very tree if it has one, else of a rule with the
    /// same `exact` key.
    ///
    /// # Errors
    ///
    /// [`NoTokens`] with the part that no tokens mean. Another spelling of the rule may still have a string.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::Rule;
    ///
    /// let rule = Rule::parse("3 * sqrt(v) * (w*1e-4)")?;
    /// let tokens = rule.token_string().map_err(|error| error.to_string());
    /// assert_eq!(tokens.as_deref(), Ok("1 2 id id add, %0 v id sqrt mul, w1e-4 %1 id id mul"));
    ///
    /// let error = Rule::parse("m / v")?.token_string().map_err(|error| error.to_string());
    /// assert_eq!(error, Err("no tokens mean `m / v`: the token `div` adds `delta` to the divisor".to_owned()));
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn token_string(&self) -> Result<String, NoTokens> {
        let fault = match write(self, Roots::Plain) {
            Ok(tokens) => return Ok(tokens),
            Err(fault) => fault,
        };
        if let Some(tokens) = CanonicalRule::new(self).to_tokens() {
            return Ok(tokens);
        }
        // The part at fault is one that respelling does not help.
        let (spelt, moved) = respelt(self);
        let fault = match write(&spelt, Roots::OfMagnitude) {
            Err(Fault::Node(id)) => {
                let own = moved.iter().position(|moved| *moved == id);
                own.map_or(fault, |index| Fault::Node(NodeId(index as u32)))
            }
            _ => fault,
        };
        Err(match fault {
            Fault::Schedule(schedule) => NoTokens::schedule(self, schedule),
            Fault::Node(id) => NoTokens::node(self, id),
            Fault::TooLong => NoTokens::too_long(self, MAX_GROUPS),
        })
    }
}

impl CanonicalRule {
    /// A token string with the key of this rule, if one is found.
    ///
    /// The canonical form has magnitudes, numbers and plain roots that tokens spell otherwise, and `delta` in
    /// front of a divisor; these are respelt first.
    ///
    /// ```
    /// use nosc_compiler::{Rule, canonical::CanonicalRule};
    ///
    /// let rule = CanonicalRule::new(&Rule::parse("m / (delta + sqrt(v))")?);
    /// assert_eq!(rule.to_tokens().as_deref(), Some("adam 1 id id left"));
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn to_tokens(&self) -> Option<String> {
        let tokens = write(&respelt(&self.rule).0, Roots::OfMagnitude).ok()?;
        let read = Rule::from_tokens(&tokens).ok()?;
        (CanonicalRule::new(&read).key == self.key).then_some(tokens)
    }
}

/// How `sqrt(x)` and `log(x)` of a tree are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roots {
    /// As the language has them.
    Plain,
    /// As the tokens have them: of the magnitude.
    OfMagnitude,
}

/// Why a tree is not written.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Schedule(NodeId),
    Node(NodeId),
    TooLong,
}

fn write(rule: &Rule, roots: Roots) -> Result<String, Fault> {
    if let Some(schedule) = rule.schedule {
        return Err(Fault::Schedule(schedule));
    }
    let mut rule = rule.clone();
    // `neg` of these is how their negatives are written.
    rule.tree.constant(1.0);
    rule.tree.constant(2.0);
    let mut writer = Writer {
        bank: vec![None; rule.tree.len()],
        groups: Vec::new(),
        uses: uses(&rule),
        rule: &rule,
        roots,
    };
    writer.bank(rule.update)?;
    Ok(writer.groups.join(", "))
}

/// `u(op)`: the function token and the operand.
type Side = (&'static str, NodeId);

/// How often live nodes are operands of live nodes.
fn uses(rule: &Rule) -> Vec<u32> {
    let live = rule.live();
    let mut uses = vec![0; rule.tree.len()];
    for (_, node) in rule.tree.iter().filter(|(id, _)| live.nodes[id.index()]) {
        node.operands().for_each(|operand| uses[operand.index()] += 1);
    }
    uses
}

struct Writer<'a> {
    rule: &'a Rule,
    /// By node: the group that holds it.
    bank: Vec<Option<usize>>,
    groups: Vec<String>,
    uses: Vec<u32>,
    roots: Roots,
}

impl Writer<'_> {
    /// Writes the groups that a node needs, then the node's own.
    fn bank(&mut self, root: NodeId) -> Result<(), Fault> {
        let mut open = vec![(root, false)];
        while let Some((id, ready)) = open.pop() {
            if self.bank[id.index()].is_some() {
                continue;
            }
            let sides = self.sides(id).ok_or(Fault::Node(id))?;
            if !ready {
                open.push((id, true));
                let inner = sides.1.iter().rev().flatten().map(|(_, operand)| *operand);
                open.extend(inner.filter(|x| self.operand(*x).is_none()).map(|x| (x, false)));
                continue;
            }
            // What is no operand by now has had its group.
            let side = |side: &Option<Side>| match side {
                Some((unary, operand)) => (*unary, self.operand(*operand).unwrap_or_default()),
                None => ("id", "1".to_owned()),
            };
            let ((u1, op1), (u2, mut op2)) = (side(&sides.1[0]), side(&sides.1[1]));
            if sides.0 == "pow" && u2 == "id" && matches!(op2.as_str(), "1" | "2") {
                // As an operand it would be read as a literal exponent.
                self.groups.push(format!("{op2} 1 id id left"));
                op2 = format!("%{}", self.groups.len() - 1);
            }
            if self.groups.len() >= MAX_GROUPS {
                return Err(Fault::TooLong);
            }
            self.bank[id.index()] = Some(self.groups.len());
            self.groups.push(format!("{op1} {op2} {u1} {u2} {}", sides.0));
        }
        Ok(())
    }

    /// `b` and the two `u(op)` of a node's group; the second is missing under `left`.
    fn sides(&self, id: NodeId) -> Option<(&'static str, [Option<Side>; 2])> {
        if named(self.rule, id).is_some() {
            return Some(("left", [Some(("id", id)), None]));
        }
        let two = |b, x, y| Some((b, [Some(self.side(x)), Some(self.side(y))]));
        match self.rule.tree.node(id) {
            Node::Binary(Binary::Add, x, y) => two("add", x, y),
            Node::Binary(Binary::Sub, x, y) => two("sub", x, y),
            Node::Binary(Binary::Mul, x, y) => two("mul", x, y),
            Node::Binary(Binary::Div, x, y) => match self.rule.tree.node(y) {
                Node::Binary(Binary::Add, y, d) if is_built_in(self.rule, d, "delta") => {
                    two("div", x, y)
                }
                _ => None,
            },
            Node::Binary(Binary::Pow, x, y) => two("pow", x, y),
            _ => {
                let (unary, x) = unary(self.rule, id, self.roots)?;
                Some(("left", [Some((unary, x)), None]))
            }
        }
    }

    /// `u(op)` of a node: its own function if it has one and is used once, else the node under `id`.
    fn side(&self, id: NodeId) -> (&'static str, NodeId) {
        let shared_draw =
            matches!(self.rule.tree.node(id), Node::Drop(..)) && self.uses[id.index()] > 1;
        if named(self.rule, id).is_some() || shared_draw || self.bank[id.index()].is_some() {
            return ("id", id);
        }
        unary(self.rule, id, self.roots).unwrap_or(("id", id))
    }

    /// The token of an operand that needs no further group.
    fn operand(&self, id: NodeId) -> Option<String> {
        named(self.rule, id).or_else(|| self.bank[id.index()].map(|group| format!("%{group}")))
    }
}

/// The function token and its argument.
fn unary(rule: &Rule, id: NodeId, roots: Roots) -> Option<(&'static str, NodeId)> {
    let magnitude = |x: NodeId| match rule.tree.node(x) {
        Node::Unary(Unary::Abs, x) => Some(x),
        _ => (roots == Roots::OfMagnitude).then_some(x),
    };
    Some(match rule.tree.node(id) {
        Node::Unary(Unary::Neg, x) => ("neg", x),
        Node::Unary(Unary::Exp, x) => ("exp", x),
        Node::Unary(Unary::Sign, x) => ("sign", x),
        Node::Unary(Unary::Log, x) => ("log", magnitude(x)?),
        Node::Unary(Unary::Sqrt, x) => ("sqrt", magnitude(x)?),
        Node::Clip(x, lo, hi) => {
            let (lo, hi) = (rule.tree.as_constant(lo)?, rule.tree.as_constant(hi)?);
            let known = [("clip1e-5", 1e-5), ("clip1e-4", 1e-4), ("clip1e-3", 1e-3)];
            let known = known.into_iter().find(|(_, bound)| hi == *bound && lo == -bound);
            (known?.0, x)
        }
        Node::Drop(_, x, p) => {
            let known = [("drop0.1", 0.1), ("drop0.3", 0.3), ("drop0.5", 0.5)];
            (known.into_iter().find(|(_, known)| p.value() == *known)?.0, x)
        }
        Node::Constant(value) if value.value() == -1.0 || value.value() == -2.0 => {
            let positive = Node::Constant(crate::tree::Number::new(-value.value()));
            ("neg", rule.tree.find(positive)?)
        }
        _ => return None,
    })
}

/// The token of a node that is an operand of the space.
fn named(rule: &Rule, id: NodeId) -> Option<String> {
    let tree = &rule.tree;
    let token = match tree.node(id) {
        Node::Operand(Operand::Gradient) => "g",
        Node::Operand(Operand::Noise) => "eps",
        Node::Operand(Operand::DecayingNoise) => "eps_t",
        Node::Operand(Operand::LinearDecay) => "ld",
        Node::Decay(Cosine::Cosine, n) if n.value() == 0.5 => "cd",
        Node::Decay(Cosine::Cosine, n) => return Some(format!("cd_{}", number(n.value()))),
        Node::Decay(Cosine::Restart, n) => return Some(format!("rd_{}", number(n.value()))),
        Node::Constant(value) if value.value() == 1.0 => "1",
        Node::Constant(value) if value.value() == 2.0 => "2",
        Node::Debias(_) => moment(rule, id)?,
        Node::Unary(Unary::Sign, x) if tree.is_gradient(x) => "sign_g",
        Node::Unary(Unary::Sign, x) if moment(rule, x) == Some("m") => "sign_m",
        Node::Binary(Binary::Mul, a, b) if a == b && tree.is_gradient(a) => "g2",
        Node::Binary(Binary::Mul, a, b) if tree.is_square_of_gradient(a) && tree.is_gradient(b) => {
            "g3"
        }
        Node::Binary(Binary::Mul, a, b) if tree.node(b) == Node::Operand(Operand::Weight) => {
            let known = [("w1e-4", 1e-4), ("w1e-3", 1e-3), ("w1e-2", 1e-2), ("w1e-1", 1e-1)];
            known.into_iter().find(|(_, factor)| tree.as_constant(a) == Some(*factor))?.0
        }
        Node::Binary(Binary::Div, a, b) if is_root_of_v(rule, b) => {
            if moment(rule, a) == Some("m") {
                "adam"
            } else if tree.is_gradient(a) {
                "rmsprop"
            } else {
                return None;
            }
        }
        _ => return None,
    };
    Some(token.to_owned())
}

/// `sqrt(v) + delta`
fn is_root_of_v(rule: &Rule, id: NodeId) -> bool {
    let Node::Binary(Binary::Add, root, delta) = rule.tree.node(id) else { return false };
    let Node::Unary(Unary::Sqrt, v) = rule.tree.node(root) else { return false };
    moment(rule, v) == Some("v") && is_built_in(rule, delta, "delta")
}

/// `m`, `v` or `gamma` with the built-in decay.
fn moment(rule: &Rule, id: NodeId) -> Option<&'static str> {
    let Node::Debias(state) = rule.tree.node(id) else { return None };
    let name = rule.moment(state)?;
    let StateKind::Average { decay, .. } = rule.states[state.index()].kind else { return None };
    let Node::Parameter(decay) = rule.tree.node(decay) else { return None };
    rule.parameters[decay.index()].is_built_in().then_some(name)
}

/// Whether a node is the built-in parameter of this name, with its own default.
pub(super) fn is_built_in(rule: &Rule, id: NodeId, name: &str) -> bool {
    let Node::Parameter(parameter) = rule.tree.node(id) else { return false };
    let parameter = &rule.parameters[parameter.index()];
    parameter.name == name && parameter.is_built_in()
}
