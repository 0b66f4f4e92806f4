//! Transcripts in documents: what was typed and what came of it, in blocks marked `console`.
//!
//! A line that begins with `$ ` is a command, those up to the next are its output. `…` stands for any text. The command
//! `echo $?` prints the status of the one before. A test types the commands, and compares.

/// A command and its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Number of its line in the document, from 1.
    pub line: usize,
    /// What was typed.
    pub command: String,
    /// The lines that came.
    pub output: Vec<String>,
}

/// The steps in a document.
pub fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(language) => inside = language == "console",
            None if !inside => {}
            None => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step {
                    line: index + 1,
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                (None, Some(step)) => step.output.push(line.to_owned()),
                (None, None) => {}
            },
        }
    }
    steps
}

impl Step {
    /// What is not as the transcript has it; `None` if all is.
    pub fn mismatch(&self, output: &str) -> Option<String> {
        let lines: Vec<&str> = output.lines().collect();
        let as_written = self.output.len() == lines.len()
            && self
                .output
                .iter()
                .zip(&lines)
                .all(|(pattern, line)| matches(pattern, line));
        (!as_written).then(|| {
            format!(
                "line {}: `{}` is to print\n{}\nand printed\n{output}",
                self.line,
                self.command,
                self.output.join("\n")
            )
        })
    }

    /// What is asked of a guest, if the command is `uio exec [OPTIONS] NAME -- WORDS… [< FILE]`.
    pub fn in_guest(&self) -> Option<InGuest> {
        let (before, words) = self.command.strip_prefix("uio exec ")?.split_once(" -- ")?;
        let mut options = split(before);
        options.pop();
        let (words, input) = match words.split_once(" < ") {
            Some((words, file)) => (words, Some(file.trim().to_owned())),
            None => (words, None),
        };
        Some(InGuest {
            options,
            words: split(words),
            input,
        })
    }
}

/// A command for a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InGuest {
    /// Options of `uio exec`.
    pub options: Vec<String>,
    /// The command and its arguments.
    pub words: Vec<String>,
    /// File for its standard input.
    pub input: Option<String>,
}

/// Splits at spaces, but not within quotation marks.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = None;
    for c in line.chars() {
        match (c, quoted) {
            ('"' | '\'', None) => quoted = Some(c),
            (_, Some(mark)) if c == mark => quoted = None,
            (' ', None) => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a line is as a pattern has it.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_with_their_output() {
        let document = "# A\n$ no\n```sh\n$ no\n```\n```console\n$ one < f\nout\n$ two\n```\nno\n```console\n$ three\na\n\nb\n```\n";
        let found = steps(document);
        let plain: Vec<_> = found
            .iter()
            .map(|step| (step.line, step.command.as_str(), step.output.len()))
            .collect();
        assert_eq!(plain, [(7, "one < f", 1), (9, "two", 0), (13, "three", 3)]);
    }

    #[test]
    fn dots_stand_for_anything() {
        for (pattern, line) in [
            ("", ""),
            ("plain", "plain"),
            ("…", ""),
            ("… requests, … bytes", "12 requests, 0 bytes"),
            ("a…", "abc"),
            ("…c", "abc"),
            ("a…b…c", "a--b--c"),
        ] {
            assert!(matches(pattern, line), "{pattern} {line}");
        }
        for (pattern, line) in [
            ("plain", "plainer"),
            ("… requests", "12 requests!"),
            ("a…b", "a"),
            ("a…b…c", "a--c"),
            ("", "x"),
        ] {
            assert!(!matches(pattern, line), "{pattern} {line}");
        }
    }

    #[test]
    fn commands_for_guests_are_split_as_a_shell_does() {
        let step = |command: &str| Step {
            line: 1,
            command: command.to_owned(),
            output: vec!["x".to_owned()],
        };
        let line = "uio exec --policy observe web -- run /uio/x.o \"two words\" 'a b' < in.txt";
        let found = step(line).in_guest().unwrap();
        assert_eq!(found.options, ["--policy", "observe"]);
        assert_eq!(found.words, ["run", "/uio/x.o", "two words", "a b"]);
        assert_eq!(found.input.as_deref(), Some("in.txt"));
        assert_eq!(step("echo $?").in_guest(), None);
        assert_eq!(step("x").mismatch("x\n"), None);
        assert!(step("x").mismatch("x\ny\n").unwrap().contains("line 1"));
    }
}
