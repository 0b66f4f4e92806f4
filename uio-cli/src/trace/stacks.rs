//! Stacks that were counted: folded, and as a flame graph.

use std::collections::BTreeMap;
use std::io::Write;

use inferno::flamegraph::{self, Options};

use super::functions::Functions;
use crate::error::{Error, Result};

/// Stacks with how often each was seen, outermost function first, separated by `;`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stacks {
    folded: BTreeMap<String, u64>,
}

impl Stacks {
    /// Adds a stack of offsets in the image, innermost first. Return addresses stand behind their call.
    pub fn add(&mut self, offsets: &[u64], count: u64, functions: &Functions) {
        let names = offsets.iter().enumerate().map(|(depth, &offset)| {
            let at = if depth == 0 {
                offset
            } else {
                offset.saturating_sub(1)
            };
            // Separators of the format are no part of a name.
            functions.name(at).replace([';', ' '], "_")
        });
        let mut names: Vec<String> = names.collect();
        names.reverse();
        if names.is_empty() {
            names.push("[unknown]".to_owned());
        }
        *self.folded.entry(names.join(";")).or_default() += count;
    }

    /// One line a stack, as flame graph tools read them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |(stack, count): (&String, &u64)| format!("{stack} {count}");
        self.folded.iter().map(line).collect()
    }

    /// Stacks and counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.folded
            .iter()
            .map(|(stack, &count)| (stack.as_str(), count))
    }

    /// Writes a flame graph as SVG.
    ///
    /// # Errors
    /// [`Error::Usage`] when there are no stacks, or they cannot be written.
    pub fn flame_graph(&self, title: &str, out: impl Write) -> Result<()> {
        let mut options = Options::default();
        options.title = title.to_owned();
        options.deterministic = true;
        let lines = self.lines();
        flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
            .map_err(|e| Error::Usage(format!("flame graph: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_folded_from_the_outside_in() {
        let functions = Functions::of_names(&[("main", 0x100, 0x40), ("work;x", 0x200, 0x40)]);
        let mut stacks = Stacks::default();
        stacks.add(&[0x200, 0x140], 3, &functions);
        stacks.add(&[0x210, 0x140], 1, &functions);
        stacks.add(&[], 2, &functions);
        assert_eq!(stacks.lines(), ["[unknown] 2", "main;work_x 4"]);
        let mut svg = Vec::new();
        stacks.flame_graph("a title", &mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        assert!(svg.contains("<svg") && svg.contains("work_x") && svg.contains("a title"));
    }
}
