//! The specification that a runtime tells, and the header that is made after it.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::HELPERS;
use uio_bpf::bundle::MapKind;
use uio_bpf::helper::{APPLICATION, Argument, Helper, OWN, Prototype, Returned, Table, kinds};
use uio_bpf::kind::{FunctionEntry, FunctionExit, Kind, Tick};
use uio_bpf::spec::{Field, FieldKind, Probe, Spec, spec};

fn probes() -> Vec<Probe<'static>> {
    vec![Probe {
        name: "request",
        size: 136,
        decides: true,
        fields: vec![
            Field {
                name: "number",
                offset: 0,
                size: 8,
                count: 1,
                kind: FieldKind::Unsigned,
            },
            Field {
                name: "path",
                offset: 8,
                size: 128,
                count: 1,
                kind: FieldKind::Bytes,
            },
        ],
    }]
}

#[test]
fn a_specification_comes_back_as_it_was() {
    unsafe extern "sysv64" fn nothing(
        _: u64,
        _: u64,
        _: u64,
        _: u64,
        _: u64,
        _: *mut uio_bpf::run::Run<'_>,
    ) -> u64 {
        0
    }
    let own = Helper {
        id: APPLICATION,
        name: "lookup_user",
        prototype: Prototype::new(
            &[Argument::Text, Argument::Fixed(4)],
            Returned::MemoryOrNull(64),
        ),
        doc: "A user by name.",
        kinds: kinds::ALL,
        call: nothing,
    };
    let application = [own];
    let table = Table {
        own: OWN,
        application: &application,
    };
    let first = spec(&table, probes(), 8 << 20, 2);
    let bytes = postcard::to_allocvec(&first).unwrap();
    let back: Spec<'_> = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(back, first);
    assert_eq!(back.helpers.len(), OWN.len() + 1);
    let last = back.helpers.last().unwrap();
    assert_eq!((last.id, last.name), (APPLICATION, "lookup_user"));
    assert_eq!(last.arguments, [Argument::Text, Argument::Fixed(4)]);
    assert_eq!(last.kinds, 0x3f);
    assert_eq!(back.probes, probes());
    // The same runtime tells the same.
    assert_eq!(
        postcard::to_allocvec(&spec(&table, probes(), 8 << 20, 2)).unwrap(),
        bytes
    );
}

#[test]
fn contexts_are_told_as_they_are() {
    let spec = spec(&HELPERS, vec![], 0, 1);
    let sizes = [
        (Kind::Executable, 0),
        (Kind::Fentry, size_of::<FunctionEntry>()),
        (Kind::Fexit, size_of::<FunctionExit>()),
        (Kind::Probe, 0),
        (Kind::Timer, size_of::<Tick>()),
        (Kind::Syscall, size_of::<FunctionEntry>()),
    ];
    assert_eq!(spec.kinds.len(), sizes.len());
    for (told, (kind, size)) in spec.kinds.iter().zip(sizes) {
        assert_eq!((told.kind, told.size as usize), (kind, size));
        // Fields follow each other without a gap, to the end.
        let mut end = 0;
        for field in &told.context {
            assert_eq!(field.offset, end, "{} {}", told.name, field.name);
            end += field.size * field.count;
        }
        assert_eq!(end, told.size, "{}", told.name);
    }
}

#[test]
fn rules_of_maps_are_by_number() {
    let spec = spec(&HELPERS, vec![], 0, 1);
    let numbers: Vec<u8> = spec.maps.iter().map(|rule| rule.kind as u8).collect();
    assert_eq!(numbers, [1, 2, 3, 5, 6, 7, 9, 27]);
    assert_eq!(spec.maps[3].kind, MapKind::PerCpuHash);
}

/// `UIO_BPF_HELPER(…)` of the header: the number, then the rest.
fn declarations(header: &str) -> BTreeMap<u32, String> {
    let mut all = BTreeMap::new();
    for part in header.split("\nUIO_BPF_HELPER(").skip(1) {
        let (body, _) = part.split_once(");").expect("a declaration ends");
        let (id, rest) = body.split_once(',').expect("a declaration has a number");
        let text: Vec<&str> = rest.split_whitespace().collect();
        let before = all.insert(id.parse().expect("a number"), text.join(" "));
        assert_eq!(before, None, "{id} is declared once");
    }
    all
}

#[test]
fn the_header_declares_every_helper() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/uio_bpf.h");
    let header = std::fs::read_to_string(path).expect("the header is there");
    let mut declared = declarations(&header);
    for helper in OWN {
        let text = declared
            .remove(&helper.id)
            .unwrap_or_else(|| panic!("{} is not declared", helper.name));
        let mut parts = text.split(", ");
        let _result = parts.next();
        assert_eq!(parts.next(), Some(&*format!("bpf_{}", helper.name)));
        let takes = parts
            .filter(|part| *part != "void" && *part != "...")
            .count();
        let wanted = helper
            .prototype
            .arguments
            .iter()
            .filter(|argument| **argument != Argument::None)
            .count();
        // What is printed is any number of values.
        let varied = if helper.name == "trace_printk" { 3 } else { 0 };
        assert_eq!(takes + varied, wanted, "{}", helper.name);
    }
    assert_eq!(declared, BTreeMap::new(), "declared, but not there");
}

#[test]
fn the_header_has_the_contexts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/uio_bpf.h");
    let header = std::fs::read_to_string(path).expect("the header is there");
    let spec = spec(&HELPERS, vec![], 0, 1);
    for (kind, name) in [
        (Kind::Fentry, "uio_fentry"),
        (Kind::Fexit, "uio_fexit"),
        (Kind::Timer, "uio_timer"),
    ] {
        let start = header
            .find(&format!("struct {name} {{"))
            .expect("the structure is there");
        let (body, _) = header[start..].split_once('}').expect("the structure ends");
        let members: Vec<&str> = body
            .lines()
            .skip(1)
            .filter_map(|line| line.trim().strip_prefix("__u64 ")?.split(';').next())
            .collect();
        let told = spec.kinds.iter().find(|told| told.kind == kind).unwrap();
        let fields: Vec<String> = told
            .context
            .iter()
            .map(|field| {
                assert_eq!(field.size, 8);
                if field.count == 1 {
                    field.name.to_owned()
                } else {
                    format!("{}[{}]", field.name, field.count)
                }
            })
            .collect();
        assert_eq!(members, fields, "{name}");
    }
}
