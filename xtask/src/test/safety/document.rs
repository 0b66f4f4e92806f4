//! `docs/safety.md`: the matrix as a table. What it says is what the tests hold the guest to.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};

use super::beside;
use super::instructions::{INSTRUCTIONS, Instruction};
use super::loads::{LOADS, ONE_CRASHES};
use super::rows::{Backend, GROUPS};
use super::wild::{CALLS, JUMPS};
use crate::project;

/// The document, relative to the project's root.
const PATH: &str = "docs/safety.md";

/// What stands before the tables.
const HEAD: &str = "\
# Safety matrix

Programs that do what they must not, with every isolation. This page is written by `cargo xtask test safety --write`;
`cargo xtask test safety` holds every cell against a guest, and fails where one differs. The programs are in
[`demos/unsafe`](../demos/unsafe). What the isolations promise is in the [threat model](threat-model.md).

While they run, `wrk` asks the web server in the same guest on four connections, and no request may fail. Each row

- ends as the table says, with status 128 + vector after an exception, 124 at its time limit, 101 after a panic, 126
  when it is not loaded;
- leaves a guest in which the next program runs and the server answers;
- gives back what it held. For that it runs twice more when the load has ended: as many frames are free, or accounted
  for, after the second time as after the first, and no more of the heap is used. After the last row that is as before
  the first, but for less than 4 KiB of heap.

Where nothing refuses a write, it puts back the byte that was there, so that the guest survives `none`.

| cell | means |
|---|---|
| page fault | the program ends there: not mapped, not writable, not executable, or its protection `key` forbids it |
| refused, goes on | gate or interface returns an error number |
| not loaded | the scanner finds an instruction of that class |
| its own affair | it may fault or not: nothing but its own memory is concerned |
| **not contained** | nothing stops it; *not run*, because that would be the guest's end |
";

/// What stands below them.
const FOOT: &str = "\
¹ QEMU's emulated processor raises no such exception; there the program goes on, and ends with a status of its own.
";

/// Compares the document with the tables, or writes it.
///
/// # Errors
/// When they differ, or the file cannot be read or written.
pub fn check(write: bool) -> Result<()> {
    let path = project::root()?.join(PATH);
    let text = document()?;
    if write {
        return std::fs::write(&path, text).with_context(|| path.display().to_string());
    }
    let found = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(
        found == text,
        "{PATH} does not say what was tested; `cargo xtask test safety --write` writes it anew"
    );
    Ok(())
}

fn document() -> Result<String> {
    let mut text = String::from(HEAD);
    for group in GROUPS {
        write!(text, "\n## {}\n\n{}", group.title, heading("what it does"))?;
        for row in group.rows {
            write!(text, "| `{}` | {} |", row.run, row.does)?;
            for backend in Backend::ALL {
                write!(text, " {} |", row.ending(backend))?;
            }
            text.push('\n');
        }
    }
    write!(
        text,
        "\n{FOOT}\n## Beside each other\n\n{}",
        heading("what happens")
    )?;
    text.push_str("| `bounds other` | writes memory of another program that runs |");
    for backend in Backend::ALL {
        write!(text, " {} |", beside::ending(backend))?;
    }
    text.push_str("\n| `float` | two programs compute while one spoils every register |");
    text.push_str(&" undisturbed |".repeat(Backend::ALL.len()));
    text.push('\n');
    instructions(&mut text)?;
    write!(
        text,
        "\n## Over and over\n\n\
         A program is loaded, run and unloaded {} times, every {ONE_CRASHES}th time with a fault, with `pku`: frames and \
         heap are what\nthey were. `--loads` sets another number.\n\n\
         {} programs jump to anywhere in the image (`pku`), {} call the interface with anything (`pku` and `pks`); each \
         ends, and the\nguest lives on.\n\n\
         The groups {} also run with `pku` on two processors.\n",
        thousands(LOADS),
        thousands(JUMPS),
        thousands(CALLS),
        super::matrix::ON_TWO
            .map(|title| format!("*{title}*"))
            .join(", "),
    )?;
    Ok(text)
}

fn heading(what: &str) -> String {
    let names = Backend::ALL.map(|backend| format!("`{}`", backend.name()));
    format!(
        "| program | {what} | {} |\n|---|---|---|---|---|\n",
        names.join(" | ")
    )
}

/// The table of instructions.
fn instructions(text: &mut String) -> Result<()> {
    text.push_str(
        "\n## Instructions\n\n\
         Each alone in a program (`privileged.c`). Without a grant it is not loaded, with every isolation alike. With all \
         classes\ngranted under `pku`, the processor refuses what ring 3 must not do; what it lets pass has no effect: the \
         kernel sets the\nsegment bases anew, POPF leaves the interrupt flag, XRSTOR has no place for PKRU, and SYSCALL comes \
         to the gate.\n\n\
         | instruction | class | granted, with `pku` |\n|---|---|---|\n",
    );
    for Instruction {
        code,
        class,
        granted,
    } in INSTRUCTIONS
    {
        writeln!(text, "| `{code}` | `{class}` | {granted} |")?;
    }
    Ok(())
}

/// A number with commas.
fn thousands(number: u32) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_document() {
        let text = document().unwrap();
        for row in GROUPS.iter().flat_map(|group| group.rows) {
            assert!(
                text.contains(&format!("| `{}` | {} |", row.run, row.does)),
                "{}",
                row.run
            );
        }
        for line in text.lines().filter(|line| line.starts_with('|')) {
            assert!(line.ends_with('|'), "{line}");
        }
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(3_000), "3,000");
        assert_eq!(thousands(1_020_304), "1,020,304");
    }
}
