//! Entity tags (RFC 9110, 8.8.3 and 13.1).

/// A strong entity tag of `content`, quoted: two documents with the same one are the same.
///
/// FNV-1a over 64 bits, with the length: collisions do not matter to anyone but the author of both
/// documents.
#[must_use]
pub fn of(content: &[u8]) -> String {
    format!("\"{:x}-{:016x}\"", content.len(), fnv1a(content))
}

/// The 64-bit FNV-1a hash of `bytes`.
#[must_use]
pub const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Whether `If-None-Match: field` holds `etag`, by weak comparison, so that the answer is 304.
///
/// ```
/// use web::etag::matches;
///
/// assert!(matches("\"a\", W/\"b\"", "\"b\""));
/// assert!(matches("*", "\"b\""));
/// assert!(!matches("\"a\"", "\"b\""));
/// ```
#[must_use]
pub fn matches(field: &str, etag: &str) -> bool {
    let field = field.trim();
    field == "*"
        || field.split(',').any(|tag| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag) == etag
        })
}

#[cfg(test)]
mod tests {
    use super::{fnv1a, matches, of};

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_tag_matches_itself_and_no_other() {
        let tag = of(b"hello");
        assert!(matches(&tag, &tag));
        assert!(matches(&format!("W/{tag}"), &tag));
        assert!(!matches(&of(b"hallo"), &tag));
        assert!(!matches("", &tag));
        assert!(!matches("\"*\"", &tag));
    }
}
