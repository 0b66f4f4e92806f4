//! The same bytes as `ld` gives, for sections that need no table of the linker's own.

use std::process::Command;

use super::compile::{Room, runs};
use super::surroundings::{World, heap};

const EVERYTHING: &str = include_str!("everything.c");

/// Places the groups as our linker does; the sections keep the order that they have in the file.
const SCRIPT: &str = "SECTIONS {
    . = 0x40000000;
    .text : { *(.text .text.*) } = 0
    . = ALIGN(4096);
    .rodata : { *(.rodata .rodata.* .note.gnu.property) }
    . = ALIGN(4096);
    .data : { *(.data .data.* .init_array .init_array.* .fini_array .fini_array.*) *(.bss .bss.*) *(COMMON) }
    /DISCARD/ : { *(.comment .note.GNU-stack .eh_frame) }
}";

/// Bytes of an output section of an executable, by `objcopy`.
fn section(room: &Room, executable: &str, name: &str) -> Vec<u8> {
    let out = room.0.join("section");
    let status = Command::new("objcopy")
        .args(["-O", "binary", "-j", name])
        .arg(room.0.join(executable))
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::read(&out).unwrap()
}

#[test]
fn bytes_are_those_of_ld() {
    for tool in ["gcc", "ld", "objcopy"] {
        if !runs(tool) {
            println!("skipped: {tool} is not installed");
            return;
        }
    }
    let models: [&[&str]; 4] = [
        &["-fPIE"],
        &["-fno-pic"],
        &["-fno-pic", "-mcmodel=large"],
        &["-fPIE", "-ffunction-sections", "-fdata-sections"],
    ];
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
        for model in models {
            let room = Room::new();
            // A weak reference goes through the GOT, whose place is each linker's own affair.
            let source = EVERYTHING.replace("!missing && !&missing_value", "1");
            // `ld` merges equal strings, ours does not.
            let flags = [&[level, "-fno-merge-constants"], model].concat();
            let object = room.compile("gcc", &source, &flags);
            std::fs::write(room.0.join("script"), SCRIPT).unwrap();
            let output = Command::new("ld")
                .args(["--no-relax", "-e", "main", "-o"])
                .arg(room.0.join("executable"))
                .args([
                    "--defsym=outside_value=0x40100000",
                    "--defsym=outside_add=0x40200000",
                ])
                .args([
                    "--defsym=memcpy=0x40300000",
                    "--defsym=memset=0x40300100",
                    "-T",
                ])
                .arg(room.0.join("script"))
                .arg(&object)
                .output()
                .unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{words}");

            let bytes = std::fs::read(&object).unwrap();
            let mut world = World::new(&heap)
                .with("outside_value", 0x4010_0000)
                .with("outside_add", 0x4020_0000)
                .with("memcpy", 0x4030_0000)
                .with("memset", 0x4030_0100);
            let mut ours = world.link(&bytes).unwrap();
            let data_at = ours.data;
            let text_end = ours.text.end;
            let image = ours.region.bytes_mut();
            for (name, at) in [(".text", 0), (".rodata", text_end), (".data", data_at)] {
                let theirs = section(&room, "executable", name);
                assert!(!theirs.is_empty(), "{flags:?} {name}");
                let ours = &image[at..at + theirs.len()];
                let differ = ours.iter().zip(&theirs).position(|(a, b)| a != b);
                assert_eq!(differ, None, "{flags:?}: first byte of {name} that differs");
            }
        }
    }
}
