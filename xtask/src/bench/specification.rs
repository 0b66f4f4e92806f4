//! The table of figures in `SPECIFICATION.md`.

use std::path::Path;

use anyhow::{Context, Result};

use super::report::{self, Figure};

/// The table begins after this line.
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --write` -->";

/// The table ends before this line.
const END: &str = "<!-- end of figures -->";

/// Puts the figures into the file.
///
/// # Errors
/// When the file cannot be read or written, or has no place for them.
pub fn write(root: &Path, figures: &[Figure]) -> Result<()> {
    let path = root.join("SPECIFICATION.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let new = replaced(&text, &report::markdown(figures))
        .with_context(|| format!("{} has no lines `{BEGIN}` and `{END}`", path.display()))?;
    std::fs::write(&path, new).with_context(|| path.display().to_string())
}

/// The text with another table.
fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_replaced_and_nothing_else() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&text, "| new |\n").unwrap();
        assert_eq!(
            once,
            format!("before\n{BEGIN}\n\n| new |\n\n{END}\nafter\n")
        );
        assert_eq!(replaced(&once, "| new |\n").unwrap(), once);
        assert_eq!(replaced("no place", "| new |\n"), None);
    }
}
