//! Names side by side, as `ls` shows them on a terminal.

use std::io::{self, Write};

/// Between two columns.
const GAP: usize = 2;

/// Writes names in as few lines as fit in `width` characters, going down the columns. One a line
/// when not even two fit side by side.
///
/// # Errors
/// Why they could not be written.
pub fn write(names: &[&str], width: usize, out: &mut dyn Write) -> io::Result<()> {
    let lengths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
    let (lines, widths) = layout(&lengths, width);
    for line in 0..lines {
        let mut text = String::new();
        let mut padding = 0;
        let column = names.iter().zip(&lengths).skip(line).step_by(lines);
        for ((name, length), width) in column.zip(&widths) {
            text.extend(std::iter::repeat_n(' ', padding));
            text.push_str(name);
            padding = width - length + GAP;
        }
        writeln!(out, "{text}")?;
    }
    Ok(())
}

/// How many lines there are, and how wide each column is.
fn layout(lengths: &[usize], width: usize) -> (usize, Vec<usize>) {
    // More columns than that would not fit, were all names as short as the shortest.
    let shortest = lengths.iter().copied().min().unwrap_or(0);
    let most = ((width + GAP) / (shortest + GAP)).max(1);
    let fewest = lengths.len().div_ceil(most);
    for lines in fewest..lengths.len() {
        let mut room = width + GAP;
        let mut widths = Vec::new();
        for column in lengths.chunks(lines) {
            let widest = column.iter().copied().max().unwrap_or(0);
            let Some(rest) = room.checked_sub(widest + GAP) else {
                break;
            };
            room = rest;
            widths.push(widest);
        }
        if widths.len() == lengths.len().div_ceil(lines) {
            return (lines, widths);
        }
    }
    (
        lengths.len(),
        lengths.iter().copied().max().into_iter().collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str], width: usize) -> String {
        let mut out = Vec::new();
        write(names, width, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_go_down_the_columns() {
        let names = ["a", "bbbb", "cc", "d", "eé"];
        assert_eq!(shown(&names, 18), "a  bbbb  cc  d  eé\n");
        assert_eq!(shown(&names, 17), "a     cc  eé\nbbbb  d\n");
        assert_eq!(shown(&names, 12), "a     cc  eé\nbbbb  d\n");
        assert_eq!(shown(&names, 11), "a     d\nbbbb  eé\ncc\n");
        assert_eq!(shown(&names, 7), "a\nbbbb\ncc\nd\neé\n");
        assert_eq!(shown(&names, 0), "a\nbbbb\ncc\nd\neé\n");
        assert_eq!(shown(&[], 80), "");
        assert_eq!(shown(&["only"], 80), "only\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let names: Vec<String> = (1..200).map(|n| "x".repeat(n * 7 % 13 + 1)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for width in 13..120 {
            let text = shown(&names, width);
            assert!(text.lines().all(|line| line.len() <= width), "{width}");
            assert_eq!(text.split_whitespace().count(), names.len(), "{width}");
        }
    }
}
