//! As much of JSON (RFC 8259) as is written here.

use alloc::string::String;
use core::fmt::Write;

/// An object that is being written.
pub struct Object(String);

impl Object {
    /// One without members.
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    /// Adds an object.
    pub fn object(&mut self, name: &str, value: Self) {
        self.name(name);
        self.0.push_str(&value.end());
    }

    /// Its text.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        string(&mut self.0, name);
        self.0.push(':');
    }
}

/// Writes a string (RFC 8259, section 7).
fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\u{0}'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn members_are_separated_and_nested() {
        let mut inner = Object::new();
        inner.number("/", 3);
        inner.number("/style.css", 4);
        let mut outer = Object::new();
        outer.object("documents", inner);
        outer.number("requests", u64::MAX);
        assert_eq!(
            outer.end(),
            r#"{"documents":{"/":3,"/style.css":4},"requests":18446744073709551615}"#
        );
        assert_eq!(Object::new().end(), "{}");
    }

    #[test]
    fn names_are_escaped() {
        let mut object = Object::new();
        object.number("a\"b\\c\nd{é", 1);
        assert_eq!(object.end(), "{\"a\\\"b\\\\c\\u000ad{é\":1}");
    }

    #[test]
    fn a_name_that_ends_like_an_empty_object_is_no_empty_object() {
        let mut object = Object::new();
        object.number("{", 1);
        object.number("x", 2);
        assert_eq!(object.end(), r#"{"{":1,"x":2}"#);
    }
}
