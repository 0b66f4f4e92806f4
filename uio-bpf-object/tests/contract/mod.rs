//! What holds whatever the input: stated once, for the fuzz targets and for the replay of their corpora.

#![allow(
    dead_code,
    reason = "each fuzz target states one of the contracts, the replay all of them"
)]

use uio_bpf::bundle::{Bundle, WEAK};
use uio_bpf::isa::{Insn, MAX_INSNS, wide};
use uio_bpf::kind::Kind;
use uio_bpf_object::btf::Btf;
use uio_bpf_object::btf::ext::Ext;
use uio_bpf_object::debug::ProgramDebug;
use uio_bpf_object::disasm::listing;
use uio_bpf_object::types::{Types, encode, render, show};
use uio_bpf_object::{Options, read};

/// A file is refused, or becomes a bundle whose references hold.
pub fn object(bytes: &[u8]) {
    let text = Some(Kind::Executable);
    let Ok(object) = read(bytes, &Options { text }) else {
        return;
    };
    let bundle = &object.bundle;
    assert!(!bundle.programs.is_empty());
    assert_eq!(bundle.programs.len(), object.debug.programs.len());
    assert!(
        bundle
            .variables
            .iter()
            .all(|name| !name.trim_start_matches(WEAK).is_empty())
    );
    for map in &bundle.maps {
        assert!(map.max_entries > 0);
        assert!(map.initial.len() <= bytes.len() + 4);
        let types = Types::from_bytes(&map.types).unwrap();
        let zeros = vec![0; map.value_size.min(4096) as usize];
        let _ = show(&types, types.value, &zeros).text();
        let _ = show(&types, types.key, &zeros).json();
    }
    for (index, debug) in object.debug.programs.iter().enumerate() {
        program(bundle, index, debug);
    }
    // What a guest is sent is what it reads.
    let sent = postcard::to_allocvec(bundle).unwrap();
    assert_eq!(&postcard::from_bytes::<Bundle>(&sent).unwrap(), bundle);
}

fn program(bundle: &Bundle, index: usize, debug: &ProgramDebug) {
    let code = &bundle.programs[index].code;
    let len = code.len() / Insn::LEN;
    assert!(code.len().is_multiple_of(Insn::LEN) && (1..=MAX_INSNS).contains(&len));
    let mut end = 0;
    for function in &debug.functions {
        assert!(function.start == end && function.end > end);
        end = function.end;
    }
    assert_eq!(end as usize, len);
    assert!(debug.lines.is_sorted_by(|a, b| a.at < b.at));
    assert!(debug.names.is_sorted_by(|a, b| a.at < b.at));
    for entry in listing(code, &|_| None) {
        assert!((entry.at as usize) < len);
        let _ = debug.line(entry.at);
        // What a relocation set is named, and refers to something that is there.
        let (Some(_), Some(second)) = (debug.name(entry.at), entry.second) else {
            continue;
        };
        let number = entry.insn.imm as usize;
        match entry.insn.src() {
            wide::MAP_INDEX => assert!(number < bundle.maps.len()),
            wide::MAP_INDEX_VALUE => {
                let map = &bundle.maps[number];
                assert!(second.imm.cast_unsigned() <= map.value_size);
            }
            wide::VARIABLE => assert!(number < bundle.variables.len()),
            wide::FUNCTION => {
                let target = entry.target.unwrap();
                assert!(
                    debug
                        .functions
                        .iter()
                        .any(|function| function.start == target)
                );
            }
            source => panic!("source {source}"),
        }
    }
}

/// Types and their extension are refused, or can be asked for anything. The first two bytes say how long the types are.
pub fn btf(bytes: &[u8]) {
    let Some((len, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (types, ext) = rest.split_at(len);
    let Ok(btf) = Btf::read(types) else {
        return;
    };
    let count = btf.iter().count() as u32;
    for id in (0..=count.saturating_add(1)).chain([u32::MAX]) {
        let there = btf.get(id).is_ok();
        assert_eq!(there, id <= count);
        assert!(there || btf.plain(id).is_err());
        let _ = btf.size(id);
        let _ = btf.signature(id);
        let _ = btf.variable(id);
        let _ = btf.c_name(id);
    }
    if let Ok(ext) = Ext::read(ext, &btf) {
        assert!(
            ext.lines
                .is_sorted_by_key(|record| (record.section, record.offset))
        );
        for record in &ext.relocations {
            let _ = record.what.wanted();
        }
    }
}

/// Types are refused, or show and take any value. The first byte says how long they are.
pub fn types(bytes: &[u8]) {
    let Some((&len, rest)) = bytes.split_first() else {
        return;
    };
    let (types, value) = rest.split_at(usize::from(len).min(rest.len()));
    let Ok(types) = Types::from_bytes(types) else {
        return;
    };
    for id in [None, types.key, types.value] {
        let shown = show(&types, id, value);
        let _ = shown.text();
        let json = render(&types, id, value);
        if let Ok(again) = encode(&types, id, value.len(), &json) {
            assert_eq!(again.len(), value.len());
        }
        if let Some(id) = id {
            let _ = types.c_name(id);
        }
    }
}
