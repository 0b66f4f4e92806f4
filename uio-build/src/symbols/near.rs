//! How far two names are apart.

/// Edits that turn `a` into `b`, counting a swap of neighbours as one; `None` above `limit`.
pub fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, &x) in a.iter().enumerate() {
        let mut this = vec![row + 1];
        for (column, &y) in b.iter().enumerate() {
            let mut best = (last[column] + usize::from(x != y))
                .min(last[column + 1] + 1)
                .min(this[column] + 1);
            if row > 0 && column > 0 && x == b[column - 1] && a[row - 1] == y {
                best = best.min(before[column - 1] + 1);
            }
            this.push(best);
        }
        if this.iter().all(|&edits| edits > limit) {
            return None;
        }
        before = std::mem::replace(&mut last, this);
    }
    last.last().copied().filter(|&edits| edits <= limit)
}

/// How many edits may separate a misspelt name from the right one.
pub fn limit(name: &[u8]) -> usize {
    (name.len() / 3).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("counter", "counter", Some(0)),
            ("conuter", "counter", Some(1)),
            ("countr", "counter", Some(1)),
            ("ab", "ba", Some(1)),
            ("", "abc", Some(3)),
            ("kitten", "sitting", Some(3)),
            ("alpha", "omega!", None),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes(), 3), edits, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes(), 3), edits, "{b} {a}");
        }
    }
}
