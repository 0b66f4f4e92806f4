//! Every refused encoding, written out from the manuals (Intel SDM volume 2, AMD APM volume 3), and neighbours that
//! differ in one byte.

use uio_mpk::scan::{Class, Classes, Found, anywhere, in_order, scan};

use crate::contract;

/// What is found at every byte.
const ANYWHERE: &[(Class, &[u8])] = &[
    (Class::Wrpkru, &[0x0f, 0x01, 0xef]),
    (Class::Xrstor, &[0x0f, 0xae, 0x2f]),
    (Class::Xrstor, &[0x0f, 0xae, 0x6c, 0x24, 0x40]),
    (Class::Xrstor, &[0x0f, 0xae, 0xac, 0x24, 1, 2, 3, 4]),
    (Class::Xrstor, &[0x0f, 0xae, 0x2d, 1, 2, 3, 4]),
    (Class::Xrstor, &[0x0f, 0xc7, 0x1f]),
    (Class::Msr, &[0x0f, 0x30]),
    (Class::Msr, &[0x0f, 0x01, 0xc6]),
    (Class::ControlRegister, &[0x0f, 0x22, 0xc0]),
    (Class::ControlRegister, &[0x0f, 0x22, 0xd8]),
    (Class::ControlRegister, &[0x0f, 0x22, 0x20]),
    (Class::ControlRegister, &[0x0f, 0x01, 0xd1]),
    (Class::DebugRegister, &[0x0f, 0x23, 0xf8]),
    (Class::DescriptorTable, &[0x0f, 0x01, 0x10]),
    (Class::DescriptorTable, &[0x0f, 0x01, 0x18]),
    (Class::DescriptorTable, &[0x0f, 0x00, 0xd0]),
    (Class::DescriptorTable, &[0x0f, 0x00, 0xd8]),
    (Class::DescriptorTable, &[0x0f, 0x00, 0x5f, 8]),
    (Class::AccessFlag, &[0x0f, 0x01, 0xca]),
    (Class::AccessFlag, &[0x0f, 0x01, 0xcb]),
    (Class::SegmentBase, &[0x0f, 0x01, 0xf8]),
    (Class::SegmentBase, &[0xf3, 0x0f, 0xae, 0xd0]),
    (Class::SegmentBase, &[0xf3, 0x48, 0x0f, 0xae, 0xd8]),
    (
        Class::SegmentBase,
        &[0xf3, 0x2e, 0x66, 0x4c, 0x0f, 0xae, 0xdf],
    ),
    (Class::SegmentBase, &[0xf2, 0x0f, 0x00, 0xf0]),
    (Class::Return, &[0x0f, 0x07]),
    (Class::Tlb, &[0x0f, 0x01, 0x38]),
    (Class::Tlb, &[0x0f, 0x01, 0xdf]),
    (Class::Tlb, &[0x0f, 0x01, 0xfe]),
    (Class::Tlb, &[0x0f, 0x01, 0xff]),
    (Class::Tlb, &[0x66, 0x0f, 0x38, 0x82, 0x08]),
    (Class::Tlb, &[0x66, 0x44, 0x0f, 0x38, 0x82, 0x08]),
    (Class::Virtualization, &[0x66, 0x0f, 0x38, 0x80, 0x08]),
    (Class::Virtualization, &[0x66, 0x0f, 0x38, 0x81, 0x08]),
    (Class::Virtualization, &[0x0f, 0x01, 0xc1]),
    (Class::Virtualization, &[0x0f, 0x01, 0xc2]),
    (Class::Virtualization, &[0x0f, 0x01, 0xd4]),
    (Class::Virtualization, &[0x0f, 0x01, 0xd8]),
    (Class::Virtualization, &[0x0f, 0x01, 0xd9]),
    (Class::Virtualization, &[0x0f, 0x01, 0xdc]),
    (Class::Virtualization, &[0x0f, 0x01, 0xdd]),
    (Class::Virtualization, &[0x0f, 0xc7, 0x30]),
    (Class::Virtualization, &[0x0f, 0xc7, 0x38]),
    (Class::Enclave, &[0x0f, 0x01, 0xcf]),
    (Class::Enclave, &[0x0f, 0x01, 0xd7]),
    (Class::Enclave, &[0x0f, 0x01, 0xc5]),
];

/// What is found where an instruction begins.
const IN_ORDER: &[(Class, &[u8])] = &[
    (Class::InterruptFlag, &[0xfa]),
    (Class::InterruptFlag, &[0xfb]),
    (Class::InterruptFlag, &[0x9d]),
    (Class::InterruptFlag, &[0x66, 0x9d]),
    (Class::PortIo, &[0xe4, 0x60]),
    (Class::PortIo, &[0xe5, 0x60]),
    (Class::PortIo, &[0xe6, 0x80]),
    (Class::PortIo, &[0xe7, 0x80]),
    (Class::PortIo, &[0xec]),
    (Class::PortIo, &[0xed]),
    (Class::PortIo, &[0xee]),
    (Class::PortIo, &[0x66, 0xef]),
    (Class::PortIo, &[0xf3, 0x6c]),
    (Class::PortIo, &[0x6d]),
    (Class::PortIo, &[0xf3, 0x6e]),
    (Class::PortIo, &[0x6f]),
    (Class::Halt, &[0xf4]),
    (Class::Halt, &[0x0f, 0x01, 0xc8]),
    (Class::Halt, &[0x0f, 0x01, 0xc9]),
    (Class::Halt, &[0x0f, 0x01, 0xfb]),
    (Class::Return, &[0x48, 0xcf]),
    (Class::Return, &[0xcf]),
    (Class::Return, &[0x0f, 0x35]),
    (Class::Return, &[0x0f, 0xaa]),
    (Class::FarBranch, &[0xcb]),
    (Class::FarBranch, &[0x48, 0xca, 8, 0]),
    (Class::FarBranch, &[0x48, 0xff, 0x2c, 0x24]),
    (Class::FarBranch, &[0xff, 0x1d, 1, 2, 3, 4]),
    (Class::SystemCall, &[0x0f, 0x05]),
    (Class::SystemCall, &[0x0f, 0x34]),
    (Class::SystemCall, &[0xcd, 0x80]),
    (Class::SegmentBase, &[0x8e, 0xd0]),
    (Class::SegmentBase, &[0x41, 0x8e, 0x28]),
    (Class::SegmentBase, &[0x0f, 0xa1]),
    (Class::SegmentBase, &[0x0f, 0xa9]),
    (Class::SegmentBase, &[0x0f, 0xb2, 0x20]),
    (Class::SegmentBase, &[0x48, 0x0f, 0xb5, 0x20]),
    (Class::ControlRegister, &[0x0f, 0x06]),
    (Class::ControlRegister, &[0x0f, 0x01, 0xf0]),
    (Class::ControlRegister, &[0x0f, 0x01, 0x30]),
    (Class::Cache, &[0x0f, 0x08]),
    (Class::Cache, &[0xf3, 0x0f, 0x09]),
    (Class::Virtualization, &[0x0f, 0x37]),
    (Class::Msr, &[0xc4, 0xe7, 0x7a, 0xf6, 0xc0, 1, 2, 3, 4]),
    (Class::Msr, &[0xf3, 0x0f, 0x38, 0xf8, 0xc8]),
];

/// What is none of them.
const ACCEPTED: &[&[u8]] = &[
    &[0x0f, 0x01, 0xee],             // RDPKRU
    &[0x0f, 0x01, 0xd0],             // XGETBV
    &[0x0f, 0x01, 0xd5],             // XEND
    &[0x0f, 0x01, 0xf9],             // RDTSCP
    &[0x0f, 0x01, 0xe0],             // SMSW
    &[0x0f, 0x01, 0x08],             // SIDT
    &[0x0f, 0x00, 0xc8],             // STR
    &[0x0f, 0x00, 0xe0],             // VERR
    &[0x0f, 0x00, 0xf0],             // LKGS without its prefix
    &[0xf2, 0xf3, 0x0f, 0x00, 0xf0], // with another one that counts
    &[0x0f, 0xae, 0xd0],             // WRFSBASE without its prefix
    &[0xf3, 0xf2, 0x0f, 0xae, 0xd0], // with another one that counts
    &[0xf3, 0x90, 0x0f, 0xae, 0xd0], // with an instruction between
    &[0xf3, 0x0f, 0xae, 0xc8],       // RDGSBASE
    &[0x0f, 0xae, 0x27],             // XSAVE
    &[0x0f, 0xae, 0x0f],             // FXRSTOR
    &[0x0f, 0xae, 0xe8],             // LFENCE
    &[0x0f, 0xae, 0x3f],             // CLFLUSH
    &[0x0f, 0xc7, 0x0f],             // CMPXCHG8B
    &[0x0f, 0xc7, 0xf0],             // RDRAND
    &[0x0f, 0x20, 0xc0],             // MOV from CR0
    &[0x0f, 0x21, 0xf8],             // MOV from DR7
    &[0x0f, 0x22, 0xc8],             // MOV to a CR1 that does not exist
    &[0x0f, 0x31],                   // RDTSC
    &[0x0f, 0x32],                   // RDMSR
    &[0x0f, 0x0b],                   // UD2
    &[0x0f, 0xa0],                   // PUSH FS
    &[0x0f, 0x38, 0x82, 0x08],       // INVPCID without its prefix
    &[0x66, 0x0f, 0x38, 0x82, 0xc8], // of a register
    &[0x66, 0x0f, 0x38, 0x83, 0x08],
    &[0xcc],       // INT3
    &[0xcd, 0x03], // INT 3
    &[0xf1],       // INT1
    &[0x9c],       // PUSHF
    &[0xf5],       // CMC
    &[0xfc],       // CLD
    &[0xc3],
    &[0x8c, 0xd8], // MOV from DS
    &[0xff, 0x20], // JMP [rax]
    &[0xff, 0x10], // CALL [rax]
    &[0xb0, 0xfa], // CLI in a constant
    &[0xe8, 0xfb, 0xf4, 0xee, 0xcf],
    &[0x48, 0x8b, 0x84, 0x24, 0xfa, 0xfb, 0xf4, 0x9d],
    &[0x83, 0xe0, 0x0f, 0x09, 0xc2], // AND eax, 15; OR edx, eax: WBINVD across both
    &[0x24, 0x0f, 0x34, 0x30],       // AND al, 15; XOR al, '0': SYSENTER across both
];

fn code(before: &[u8], instruction: &[u8]) -> Vec<u8> {
    [before, instruction, &[0x90; 40]].concat()
}

fn found(offset: usize, instruction: &[u8], class: Class, within: u8) -> Option<Found> {
    let len = instruction.len() as u8;
    Some(Found {
        offset,
        len,
        class,
        within,
    })
}

/// Where the opcode begins, or the prefix that is a part of it.
fn opcode(instruction: &[u8]) -> usize {
    match instruction {
        [0xf3 | 0xf2 | 0x66, ..] => 0,
        _ => instruction
            .iter()
            .position(|&byte| byte == 0x0f)
            .unwrap_or(0),
    }
}

#[test]
fn what_is_looked_for_at_every_byte() {
    for &(class, instruction) in ANYWHERE {
        assert_eq!(opcode(instruction), 0, "{instruction:02x?}");
        // At every place of a block, and at the end.
        for nops in 0..150 {
            let code = code(&vec![0x90; nops], instruction);
            assert_eq!(
                scan(&code, Classes::NONE),
                found(nops, instruction, class, 0)
            );
            let end = &code[..nops + instruction.len()];
            assert_eq!(
                anywhere(end, Classes::NONE),
                found(nops, instruction, class, 0)
            );
        }
        // In a constant of eight bytes, from its first to where it straddles the end.
        for inside in 0..8 {
            let mut before = vec![0x48, 0xb8];
            before.resize(2 + inside, 0x11);
            let code = code(&before, instruction);
            let within = before.len() as u8;
            assert_eq!(
                scan(&code, Classes::NONE),
                found(before.len(), instruction, class, within),
                "{instruction:02x?}"
            );
            contract::check(&code);
        }
        let code = code(&[], instruction);
        assert_eq!(anywhere(&code, Classes::NONE.with(class)), None);
        assert_eq!(
            anywhere(&code, Classes::NONE.with(class).others()),
            anywhere(&code, Classes::NONE)
        );
    }
}

#[test]
fn what_is_looked_for_in_order() {
    for &(class, instruction) in IN_ORDER {
        for nops in 0..150 {
            let code = code(&vec![0x90; nops], instruction);
            assert_eq!(
                scan(&code, Classes::NONE),
                found(nops, instruction, class, 0)
            );
            let end = &code[..nops + instruction.len()];
            assert_eq!(
                in_order(end, Classes::NONE),
                found(nops, instruction, class, 0)
            );
        }
        let code = code(&[], instruction);
        assert_eq!(in_order(&code, Classes::NONE.with(class)), None);
        // In a constant it is not looked for.
        let mut constant = [0x48, 0xb8, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11];
        let len = instruction.len().min(8);
        constant[2..2 + len].copy_from_slice(&instruction[..len]);
        assert_eq!(scan(&constant, Classes::NONE), None, "{instruction:02x?}");
    }
}

#[test]
fn neighbours_are_accepted() {
    for instruction in ACCEPTED {
        let code = code(&[0x90; 5], instruction);
        assert_eq!(scan(&code, Classes::NONE), None, "{instruction:02x?}");
        contract::check(&code);
    }
}

/// Prefixes that an instruction does not need come before what is found, and belong to what it is inside of.
#[test]
fn prefixes_do_not_hide() {
    for prefixes in [
        &[0x66][..],
        &[0x48],
        &[0xf3, 0x2e, 0x4f],
        &[0xf0],
        &[0x67, 0x65, 0x64],
    ] {
        for instruction in [&[0x0f, 0x30][..], &[0x0f, 0x01, 0xef], &[0x0f, 0x22, 0xd8]] {
            let code = code(prefixes, instruction);
            let found = scan(&code, Classes::NONE).expect("it is there");
            assert_eq!(
                (found.offset, usize::from(found.within)),
                (prefixes.len(), prefixes.len())
            );
        }
    }
    for prefix in [0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x48] {
        let code = code(&[prefix], &[0xfa]);
        let class = scan(&code, Classes::NONE).map(|found| (found.offset, found.len, found.class));
        assert_eq!(class, Some((0, 2, Class::InterruptFlag)));
    }
}

/// With more than 15 bytes it is none.
#[test]
fn a_prefix_that_is_too_far_away() {
    let prefixes = |count: usize| [&[0xf3][..], &vec![0x2e; count], &[0x0f, 0xae, 0xd0]].concat();
    let longest = prefixes(11);
    assert_eq!(
        scan(&longest, Classes::NONE),
        found(0, &longest, Class::SegmentBase, 0)
    );
    assert_eq!(scan(&prefixes(12), Classes::NONE), None);
    contract::check(&longest);
    contract::check(&prefixes(12));
    // A memory operand counts.
    let code = [
        0xf2, 0x26, 0x26, 0x66, 0x46, 0x47, 0x47, 0x47, 0x47, 0x47, 0x0f, 0x00, 0xb6, 1, 2, 3, 4,
    ];
    assert_eq!(anywhere(&code, Classes::NONE), None);
    contract::check(&code);
}

/// An instruction needs its opcode and its ModRM byte; of the rest as much is told as is there.
#[test]
fn cut_off() {
    let code = [0x0f, 0xae, 0xac, 0x24, 1];
    assert_eq!(
        anywhere(&code, Classes::NONE),
        found(0, &code, Class::Xrstor, 0)
    );
    assert_eq!(anywhere(&code[..2], Classes::NONE), None);
    assert_eq!(anywhere(&[0x0f], Classes::NONE), None);
    assert_eq!(scan(&[], Classes::NONE), None);
}

#[test]
fn classes_by_name() {
    for class in Class::ALL {
        let set = Classes::parse(class.name()).expect("a name");
        assert_eq!(set, Classes::NONE.with(class));
        assert!(set.contains(class) && !set.others().contains(class));
    }
    let two = Classes::NONE.with(Class::PortIo).with(Class::Halt);
    assert_eq!(Classes::parse("port-io,halt"), Some(two));
    assert_eq!(Classes::parse(",halt,,port-io,"), Some(two));
    assert_eq!(Classes::parse(""), Some(Classes::NONE));
    for wrong in [
        "ports",
        "halt,wrpkr",
        "HALT",
        "halt port-io",
        "halt, port-io",
    ] {
        assert_eq!(Classes::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Classes::NONE.others(), Classes::ALL);
}
