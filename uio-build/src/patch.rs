//! One patch: a unified diff below a DEP-3 header, applied without fuzz.
//!
//! A hunk may have moved (its line numbers are a hint, the nearest exact match counts), but every context line
//! must match to the byte. Patches only change files that exist.

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use diffy::{Hunk, Line};

use crate::tree::Tree;
use crate::{Error, Result};

/// A patch file, read but not yet applied.
#[derive(Clone, Debug)]
pub struct Patch {
    /// File name, such as `0001-naked-functions.patch`.
    pub name: String,
    text: String,
}

impl Patch {
    /// Takes the text of a patch file.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// The part before the first file of the diff.
    #[must_use]
    pub fn header(&self) -> &str {
        let starts = |line: &str| line.starts_with("--- ") || line.starts_with("diff --git ");
        let mut end = 0;
        for line in self.text.split_inclusive('\n') {
            if starts(line) {
                break;
            }
            end += line.len();
        }
        &self.text[..end]
    }

    /// The whole file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first line that the patch adds to a Rust file with an indentation of spaces, where the kernel has tabs.
    #[must_use]
    pub fn rust_line_indented_by_spaces(&self) -> Option<&str> {
        let mut rust = false;
        self.text[self.header().len()..].lines().find(|line| {
            if let Some(file) = line.strip_prefix("+++ ") {
                rust = file.ends_with(".rs");
            }
            rust && line.starts_with("+ ")
        })
    }

    /// Value of a DEP-3 header field, its continuation lines joined by a space; `None` when absent or empty.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let mut lines = self
            .header()
            .lines()
            .skip_while(|line| field_value(line, name).is_none());
        let mut value = field_value(lines.next()?, name)?.to_owned();
        for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
            value.push(' ');
            value.push_str(line.trim());
        }
        let value = value.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// Number of lines that the patch adds plus those it removes.
    ///
    /// # Errors
    /// [`Error::PatchSyntax`] when it is not a unified diff.
    pub fn changed_lines(&self) -> Result<usize> {
        let mut changed = 0;
        self.for_each_file(|_, hunks| {
            let lines = hunks.iter().flat_map(|hunk| hunk.lines());
            changed += lines
                .filter(|line| !matches!(line, Line::Context(_)))
                .count();
            Ok(())
        })?;
        Ok(changed)
    }

    /// Changes the tree as the patch says. On an error the tree is left as it was.
    ///
    /// # Errors
    /// [`Error::Hunk`] names patch, file and hunk; [`Error::PatchTarget`], [`Error::PatchAction`] and
    /// [`Error::PatchSyntax`] say what else stands in the way.
    pub fn apply(&self, tree: &mut Tree) -> Result<()> {
        let mut changed = tree.clone();
        self.for_each_file(|file, hunks| {
            let missing = || Error::PatchTarget {
                patch: self.name.clone(),
                file: file.to_owned(),
            };
            let old = changed.get(file).ok_or_else(missing)?;
            let new = self.apply_file(file, old, hunks)?;
            changed.insert(file, new);
            Ok(())
        })?;
        *tree = changed;
        Ok(())
    }

    /// Calls `each` with every file's path and hunks, in order.
    fn for_each_file(
        &self,
        mut each: impl FnMut(&str, &[Hunk<'_, str>]) -> Result<()>,
    ) -> Result<()> {
        let syntax = |reason: String| Error::PatchSyntax {
            patch: self.name.clone(),
            reason,
        };
        let body = &self.text[self.header().len()..];
        let git = body.lines().any(|line| line.starts_with("diff --git "));
        let options = if git {
            ParseOptions::gitdiff()
        } else {
            ParseOptions::unidiff()
        };
        let mut files = 0;
        for file in PatchSet::parse(body, options) {
            let file = file.map_err(|error| syntax(error.to_string()))?;
            let path = self.modified_path(&file.operation().strip_prefix(1))?;
            let patch = file
                .patch()
                .as_text()
                .ok_or_else(|| syntax(format!("{path} is binary")))?;
            each(&path, patch.hunks())?;
            files += 1;
        }
        if files == 0 {
            return Err(syntax("it changes nothing".into()));
        }
        Ok(())
    }

    /// The path of a plain modification; every other operation is refused.
    fn modified_path(&self, operation: &FileOperation<'_, str>) -> Result<String> {
        let refuse = |action, file: &str| {
            Err(Error::PatchAction {
                patch: self.name.clone(),
                action,
                file: file.into(),
            })
        };
        match operation {
            FileOperation::Modify { original, modified } if original == modified => {
                Ok(modified.to_string())
            }
            FileOperation::Create(file) => refuse("creates", file),
            FileOperation::Delete(file) => refuse("deletes", file),
            FileOperation::Modify { original: file, .. }
            | FileOperation::Rename { from: file, .. } => refuse("renames", file),
            FileOperation::Copy { from, .. } => refuse("copies", from),
        }
    }

    fn apply_file(&self, file: &str, old: &[u8], hunks: &[Hunk<'_, str>]) -> Result<Vec<u8>> {
        let text = std::str::from_utf8(old).map_err(|_| Error::PatchSyntax {
            patch: self.name.clone(),
            reason: format!("{file} is not text"),
        })?;
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut new = String::with_capacity(text.len() + 4096);
        let mut done = 0;
        let mut moved = 0_isize;
        for (index, hunk) in hunks.iter().enumerate() {
            let wanted = old_lines(hunk);
            let stated = hunk
                .old_range()
                .start()
                .saturating_sub(usize::from(!wanted.is_empty()));
            let hint = stated.saturating_add_signed(moved);
            let found = nearest(&lines, &wanted, done, hint).ok_or_else(|| Error::Hunk {
                patch: self.name.clone(),
                file: file.to_owned(),
                hunk: index + 1,
                line: hunk.old_range().start(),
                reason: first_difference(&lines, &wanted, hint),
            })?;
            moved += found.cast_signed() - hint.cast_signed();
            new.extend(lines[done..found].iter().copied());
            new.extend(hunk.lines().iter().filter_map(new_line));
            done = found + wanted.len();
        }
        new.extend(lines[done..].iter().copied());
        Ok(new.into_bytes())
    }
}

/// What follows `name:` on a line, compared without regard to case as DEP-3 says.
fn field_value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':')?;
    key.eq_ignore_ascii_case(name).then(|| value.trim())
}

/// The lines that a hunk expects to find.
fn old_lines<'a>(hunk: &Hunk<'a, str>) -> Vec<&'a str> {
    let lines = hunk.lines().iter();
    lines
        .filter_map(|line| match line {
            Line::Context(text) | Line::Delete(text) => Some(*text),
            Line::Insert(_) => None,
        })
        .collect()
}

fn new_line<'a>(line: &Line<'a, str>) -> Option<&'a str> {
    match line {
        Line::Context(text) | Line::Insert(text) => Some(text),
        Line::Delete(_) => None,
    }
}

/// The place nearest to `hint`, not before `from`, at which all of `wanted` stands.
fn nearest(lines: &[&str], wanted: &[&str], from: usize, hint: usize) -> Option<usize> {
    let last = lines.len().checked_sub(wanted.len())?;
    let matches = |at: &usize| lines[*at..*at + wanted.len()] == *wanted;
    if wanted.is_empty() {
        return (from..=last).contains(&hint).then_some(hint);
    }
    (from..=last)
        .filter(matches)
        .min_by_key(|at| at.abs_diff(hint))
}

/// Describes the first line at `hint` that is not as `wanted`.
fn first_difference(lines: &[&str], wanted: &[&str], hint: usize) -> String {
    for (offset, want) in wanted.iter().enumerate() {
        match lines.get(hint + offset) {
            Some(have) if have == want => {}
            Some(have) => {
                let line = hint + offset + 1;
                return format!(
                    "line {line} is `{}`, expected `{}`",
                    have.trim_end(),
                    want.trim_end()
                );
            }
            None => return format!("the file ends before `{}`", want.trim_end()),
        }
    }
    "the lines are there, but an earlier hunk already took them".into()
}
