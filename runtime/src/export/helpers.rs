//! Functions that an export writes only if something calls them.

/// A function of a file, written only if something calls it.
pub(super) struct Helper {
    pub(super) name: &'static str,
    /// Helpers that it calls.
    pub(super) calls: &'static [&'static str],
    pub(super) text: &'static str,
}

/// The helpers that a file needs.
#[derive(Debug, Default)]
pub(super) struct Helpers {
    used: Vec<&'static str>,
}

impl Helpers {
    /// Notes that a helper is called, and returns its name.
    pub(super) fn call(&mut self, name: &'static str) -> &'static str {
        if !self.used.contains(&name) {
            self.used.push(name);
        }
        name
    }

    /// Their texts in the order of the table.
    pub(super) fn text(&self, table: &[Helper]) -> String {
        let mut open = self.used.clone();
        let mut wanted: Vec<&str> = Vec::new();
        while let Some(name) = open.pop() {
            if !wanted.contains(&name) {
                wanted.push(name);
                let calls = table.iter().find(|helper| helper.name == name).map(|h| h.calls);
                open.extend(calls.unwrap_or_default());
            }
        }
        table.iter().filter(|helper| wanted.contains(&helper.name)).map(|h| h.text).collect()
    }
}
