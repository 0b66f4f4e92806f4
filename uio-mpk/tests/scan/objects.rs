//! The contract on real code: this test's own, and libraries of this machine.

use std::path::{Path, PathBuf};

use object::read::elf::{FileHeader, SectionHeader};
use object::{LittleEndian as LE, elf};
use uio_mpk::scan::{Classes, in_order, length};

use crate::contract;

/// The executable sections of an ELF file.
fn texts(file: &[u8]) -> Option<Vec<&[u8]>> {
    let header = elf::FileHeader64::<LE>::parse(file).ok()?;
    if header.e_machine(LE) != elf::EM_X86_64 {
        return None;
    }
    let sections = header.sections(LE, file).ok()?;
    let texts = sections.iter().filter(|section| {
        section.sh_flags(LE) & elf::SHF_EXECINSTR != elf::SectionFlags(0)
            && section.sh_type(LE) == elf::SHT_PROGBITS
    });
    texts.map(|section| section.data(LE, file).ok()).collect()
}

fn libraries() -> Vec<PathBuf> {
    let names = [
        "libc.so.6",
        "libm.so.6",
        "libgcc_s.so.1",
        "libstdc++.so.6",
        "libz.so.1",
    ];
    let folder = Path::new("/usr/lib/x86_64-linux-gnu");
    let known = names.iter().map(|name| folder.join(name));
    known.filter(|path| path.exists()).collect()
}

#[test]
fn real_code() {
    let mut files = libraries();
    if files.is_empty() {
        println!("only this test's own code: no libraries in the usual place");
    }
    files.push(std::env::current_exe().unwrap());
    let mut bytes = 0;
    for path in files {
        let file = std::fs::read(&path).unwrap();
        let Some(texts) = texts(&file) else {
            println!("{}: not for x86-64", path.display());
            continue;
        };
        for text in texts {
            bytes += text.len();
            contract::check(text);
        }
    }
    assert!(bytes > 100_000, "{bytes}");
}

/// Of what rustc and gcc emit nothing is refused in order, but for what is written by hand in start-up
/// code.
#[test]
fn compiled_code_is_in_order() {
    let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let Some(texts) = texts(&file) else {
        println!("not for x86-64");
        return;
    };
    let granted = Classes::parse("system-call,halt").unwrap();
    for text in texts {
        let found = in_order(text, granted);
        assert_eq!(
            found,
            None,
            "{:02x?}",
            found.map(|found| &text[found.offset..][..length::MAX])
        );
    }
}
