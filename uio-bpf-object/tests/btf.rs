//! Types made by hand: every kind, and every way to be wrong.

use serde_json::json;
use uio_bpf_object::btf::ext::{Ext, within};
use uio_bpf_object::btf::{Btf, Error, Kind};
use uio_bpf_object::types::{Encoding, Member, Type, Types, encode, render, text};

/// A section `.BTF` in the making.
struct Maker {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Maker {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
        }
    }

    fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        at
    }

    /// Adds a type: name, kind with flag, count, size or type, more words.
    fn add(&mut self, name: &str, kind: u32, count: u32, of: u32, more: &[u32]) {
        let name = if name.is_empty() {
            0
        } else {
            self.string(name)
        };
        for word in [name, kind << 24 | count, of].iter().chain(more) {
            self.types.extend(word.to_le_bytes());
        }
    }

    fn file(&self) -> Vec<u8> {
        let mut file = vec![0x9f, 0xeb, 1, 0];
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        for word in [24, 0, types, types, strings] {
            file.extend(word.to_le_bytes());
        }
        [&file[..], &self.types, &self.strings].concat()
    }
}

/// The flag of a kind: structures with bit fields, signed enumerations, unions that are declared.
const FLAG: u32 = 0x80;

fn every_kind() -> Maker {
    let mut maker = Maker::new();
    let m = maker.string("m");
    let n = maker.string("n");
    maker.add("int", 1, 0, 4, &[1 << 24 | 32]);
    maker.add("", 2, 0, 1, &[]);
    maker.add("", 3, 0, 0, &[1, 1, 5]);
    maker.add("s", 4 | FLAG, 2, 8, &[m, 1, 3 << 24, n, 1, 32]);
    maker.add("u", 5, 1, 4, &[m, 1, 0]);
    maker.add("e", 6 | FLAG, 2, 4, &[m, 1, n, u32::MAX]);
    maker.add("f", 7 | FLAG, 0, 0, &[]);
    maker.add("t", 8, 0, 4, &[]);
    maker.add("", 9, 0, 8, &[]);
    maker.add("", 10, 0, 9, &[]);
    maker.add("", 11, 0, 2, &[]);
    maker.add("main", 12, 1, 13, &[]);
    maker.add("", 13, 2, 1, &[m, 2, n, 10]);
    maker.add("v", 14, 0, 1, &[2]);
    maker.add(".data", 15, 1, 4, &[14, 0, 4]);
    maker.add("double", 16, 0, 8, &[]);
    maker.add("tag", 17, 0, 14, &[u32::MAX]);
    maker.add("tag", 18, 0, 1, &[]);
    maker.add("e64", 19, 1, 8, &[m, 5, 1]);
    maker
}

#[test]
fn every_kind_is_read() {
    let file = every_kind().file();
    let btf = Btf::read(&file).unwrap();
    assert_eq!(btf.iter().count(), 19);
    let kind = |id| btf.get(id).unwrap().unwrap().kind.clone();
    let Kind::Composite { members, .. } = kind(4) else {
        panic!()
    };
    let parts: Vec<_> = members.iter().map(|m| (m.name, m.offset, m.bits)).collect();
    assert_eq!(parts, [("m", 0, 3), ("n", 32, 0)]);
    let Kind::Enum { values, signed, .. } = kind(6) else {
        panic!()
    };
    assert_eq!((values, signed), (vec![("m", 1), ("n", -1)], true));
    let Kind::Enum { values, .. } = kind(19) else {
        panic!()
    };
    assert_eq!(values, [("m", 1 << 32 | 5)]);
    assert_eq!(kind(7), Kind::Forward { union: true });
    assert!(matches!(kind(14), Kind::Variable { external: true, .. }));
    assert_eq!(btf.plain(10).unwrap().unwrap().0, 4);
    assert_eq!(btf.section(".data"), Some(&[(14, 0, 4)][..]));
    assert_eq!(btf.variable(14), Ok(("v", 1)));
    let sizes = [1, 2, 3, 4, 5, 6, 8, 10, 16, 19].map(|id| btf.size(id).unwrap());
    assert_eq!(sizes, [4, 8, 20, 8, 4, 4, 8, 8, 8, 8]);
    let names = [0, 2, 3, 4, 5, 6, 7, 10, 18].map(|id| btf.c_name(id));
    let expected = [
        "void",
        "int *",
        "int [5]",
        "struct s",
        "union u",
        "enum e",
        "union f",
        "const volatile t",
        "int",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        btf.signature(12).unwrap(),
        "int main(int *m, const volatile t n)"
    );
}

#[test]
fn damage_is_named() {
    let good = every_kind().file();
    for len in 0..good.len() {
        assert!(Btf::read(&good[..len]).is_err(), "{len}");
    }
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        Btf::read(&bad).unwrap_err()
    };
    assert_eq!(with(0, 0), Error::Magic);
    assert_eq!(with(2, 2), Error::Version(2));
    assert_eq!(with(4, 255), Error::Short("its strings"));
    assert_eq!(with(14, 1), Error::Short("its types"));
    assert_eq!(
        with(27, 255),
        Error::String(u32::from_le_bytes([good[24], good[25], good[26], 255]))
    );
    assert_eq!(with(31, 20), Error::Kind { id: 1, kind: 20 });
    assert_eq!(with(31, 0), Error::Kind { id: 1, kind: 0 });
}

#[test]
fn types_that_contain_themselves_have_no_size() {
    let mut maker = Maker::new();
    maker.add("t", 8, 0, 1, &[]);
    maker.add("", 3, 0, 0, &[2, 1, 1]);
    maker.add("", 2, 0, 3, &[]);
    maker.add("", 13, 0, 0, &[]);
    maker.add("gone", 8, 0, 99, &[]);
    let file = maker.file();
    let btf = Btf::read(&file).unwrap();
    assert_eq!(btf.plain(1), Err(Error::Deep(1)));
    assert_eq!(btf.size(2), Err(Error::Deep(2)));
    assert!(btf.c_name(3).contains('?'));
    assert_eq!(btf.size(4), Err(Error::Sizeless(4)));
    assert_eq!(btf.size(0), Err(Error::Sizeless(0)));
    assert_eq!(btf.size(5), Err(Error::Type(99)));
    assert_eq!(btf.variable(1), Err(Error::Type(1)));
    assert_eq!(btf.signature(1), Err(Error::Type(1)));
    // As long as 2^32 times 2^32 elements are.
    let mut maker = Maker::new();
    maker.add("int", 1, 0, 4, &[32]);
    for element in 1..4 {
        maker.add("", 3, 0, 0, &[element, 1, u32::MAX]);
    }
    let file = maker.file();
    assert_eq!(Btf::read(&file).unwrap().size(4), Ok(u64::MAX));
}

#[test]
fn lines_belong_to_functions() {
    let mut maker = Maker::new();
    let (one, two) = (maker.string("one"), maker.string("two"));
    let file = maker.string("x.c");
    let types = maker.file();
    let btf = Btf::read(&types).unwrap();
    // No functions; lines of two sections, the later one first.
    let lines = [
        16,
        two,
        1,
        8,
        file,
        one,
        7 << 10 | 3,
        one,
        2,
        16,
        file,
        0,
        9 << 10,
        0,
        file,
        0,
        5 << 10,
    ];
    let mut ext = vec![0x9f, 0xeb, 1, 0];
    for word in [24, 0, 0, 0, 4 * lines.len() as u32].iter().chain(&lines) {
        ext.extend(word.to_le_bytes());
    }
    let good = Ext::read(&ext, &btf).unwrap();
    let in_one: Vec<_> = within(&good.lines, "one", 0, 16)
        .iter()
        .map(|r| r.what.line)
        .collect();
    assert_eq!(in_one, [5]);
    let in_two = within(&good.lines, "two", 8, 9);
    assert_eq!(
        (in_two[0].what.column, in_two[0].what.file),
        (3, &b"x.c"[..])
    );
    assert!(within(&good.lines, "two", 9, 8).is_empty());
    for len in 0..ext.len() {
        assert!(Ext::read(&ext[..len], &btf).is_err(), "{len}");
    }
}

fn types(list: Vec<Type>) -> Types {
    let last = list.len() as u32 - 1;
    Types {
        types: list,
        key: None,
        value: Some(last),
    }
}

fn byte(encoding: Encoding) -> Type {
    Type::Int {
        name: "char".into(),
        size: 1,
        encoding,
    }
}

#[test]
fn types_from_a_guest_are_checked() {
    let good = types(vec![
        byte(Encoding::Unsigned),
        Type::Array {
            element: 0,
            count: 3,
        },
    ]);
    assert_eq!(Types::from_bytes(&good.to_bytes()), Ok(good.clone()));
    assert_eq!(Types::from_bytes(&[]), Ok(Types::default()));
    let bytes = good.to_bytes();
    for len in 1..bytes.len() {
        assert!(Types::from_bytes(&bytes[..len]).is_err(), "{len}");
    }
    let name = |of| Type::Name {
        name: "n".into(),
        of,
    };
    let mut deep = vec![byte(Encoding::Unsigned)];
    deep.extend((0..40).map(name));
    let member = Member {
        name: "m".into(),
        of: 1,
        offset: 0,
        bits: 0,
    };
    let own = Type::Composite {
        name: "s".into(),
        union: false,
        size: 1,
        members: vec![member],
    };
    for bad in [
        types(vec![name(0)]),
        types(vec![byte(Encoding::Unsigned), own]),
        types(vec![name(5)]),
        types(deep),
        Types {
            value: Some(7),
            ..good
        },
    ] {
        assert!(Types::from_bytes(&bad.to_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn characters_are_text_where_they_can_be() {
    let name = types(vec![
        byte(Encoding::Character),
        Type::Array {
            element: 0,
            count: 4,
        },
    ]);
    let json = |bytes: &[u8]| render(&name, name.value, bytes);
    assert_eq!(json(b"ab\0c"), json!("ab"));
    assert_eq!(json(b"abcd"), json!("abcd"));
    assert_eq!(json(&[0xff, 1, 0, 0]), json!([255, 1, 0, 0]));
    assert_eq!(json(b"ab"), json!(null));
    assert_eq!(text(&name, name.value, b"a\"\n\0"), r#""a\"\n""#);
    let single = types(vec![byte(Encoding::Character)]);
    assert_eq!(text(&single, Some(0), b"x"), "'x'");
    assert_eq!(text(&single, Some(0), &[1]), "1");
    assert_eq!(
        encode(&name, name.value, 4, &json!("abc")).unwrap(),
        b"abc\0"
    );
    assert!(encode(&name, name.value, 4, &json!("abcde")).is_err());
}

#[test]
fn without_types_values_are_numbers_or_bytes() {
    let none = Types::default();
    assert_eq!(render(&none, None, &[1, 2]), json!(513));
    assert_eq!(render(&none, None, &[0xff; 8]), json!(u64::MAX));
    assert_eq!(render(&none, None, &[1, 2, 3]), json!("010203"));
    assert_eq!(render(&none, None, &[]), json!(""));
}
