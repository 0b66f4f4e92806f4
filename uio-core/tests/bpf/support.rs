//! Programs, bundles, and a host that sends them.

use uio_bpf::bundle::{Bundle, MapDef, MapKind, ProgramDef, VERSION};
use uio_bpf::isa::Insn;
use uio_bpf::kind::Kind;
use uio_bpf::wire;
use uio_console::record::{Failure, NO_ARG, Record};
use uio_console::{RequestId, ToGuest};
use uio_core::fake::{Answer, FakeTracing, Host, owned};

/// An instruction.
pub fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn {
        opcode,
        regs: src << 4 | dst,
        off,
        imm,
    }
}

pub fn mov(dst: u8, imm: i32) -> Insn {
    insn(0xb7, dst, 0, 0, imm)
}

pub fn exit() -> Insn {
    insn(0x95, 0, 0, 0, 0)
}

pub fn call(helper: i32) -> Insn {
    insn(0x85, 0, 0, 0, helper)
}

/// `dst = map`, by its number.
pub fn map(dst: u8, number: i32) -> [Insn; 2] {
    [insn(0x18, dst, 5, 0, number), insn(0, 0, 0, 0, 0)]
}

/// Adds `r6` to entry 0 of map 0, whose values are 8 bytes, and returns what is there then.
pub fn counter(step: i32) -> Vec<Insn> {
    let mut code = vec![
        insn(0x62, 10, 0, -4, 0),
        insn(0xbf, 2, 10, 0, 0),
        insn(0x07, 2, 0, 0, -4),
    ];
    code.extend(map(1, 0));
    code.extend([
        call(1),
        insn(0x55, 0, 0, 2, 0),
        mov(0, 0),
        exit(),
        mov(1, step),
        insn(0xdb, 0, 1, 0, 0),
        insn(0x79, 0, 0, 0, 0),
        exit(),
    ]);
    code
}

/// A program that counts down from so many and returns 7.
pub fn countdown(from: i32) -> Vec<Insn> {
    vec![
        mov(1, from),
        insn(0x17, 1, 0, 0, 1),
        insn(0x55, 1, 0, -2, 0),
        mov(0, 7),
        exit(),
    ]
}

pub fn bytes(code: &[Insn]) -> Vec<u8> {
    code.iter().flat_map(|insn| insn.to_bytes()).collect()
}

pub fn program(name: &str, kind: Kind, target: &str, code: &[Insn]) -> ProgramDef {
    ProgramDef {
        name: name.into(),
        kind,
        target: target.into(),
        code: bytes(code),
    }
}

pub fn map_def(name: &str, kind: MapKind, key: u32, value: u32, entries: u32) -> MapDef {
    MapDef {
        name: name.into(),
        kind,
        key_size: key,
        value_size: value,
        max_entries: entries,
        flags: 0,
        initial: Vec::new(),
        types: Vec::new(),
    }
}

pub fn bundle(maps: Vec<MapDef>, programs: Vec<ProgramDef>) -> Vec<u8> {
    let bundle = Bundle {
        version: VERSION,
        license: "GPL".into(),
        maps,
        variables: Vec::new(),
        programs,
    };
    postcard::to_allocvec(&bundle).unwrap()
}

/// A counter in map `counts`, at the entry of functions.
pub fn counting(name: &str) -> Vec<u8> {
    bundle(
        vec![map_def("counts", MapKind::Array, 4, 8, 2)],
        vec![program(name, Kind::Fentry, "", &counter(1))],
    )
}

/// A request with that standard input.
pub fn with_input(host: &mut Host, args: &[&str], input: &[u8]) -> Answer {
    let id = host.start(8192, args);
    let mut sent = 0;
    while sent < input.len() {
        host.until(|host| {
            let answer = host.answer(id);
            answer.credit != 0 || answer.status.is_some()
        })
        .unwrap();
        let answer = host.answer(id);
        if answer.status.is_some() {
            break;
        }
        let len = answer.credit.min(input.len() - sent).min(4000);
        host.answers.get_mut(&id).unwrap().credit -= len;
        host.send(&ToGuest::Stdin {
            id: RequestId(id),
            data: &input[sent..sent + len],
        });
        sent += len;
    }
    host.send(&ToGuest::StdinEnd { id: RequestId(id) });
    host.exit(id).unwrap()
}

/// Loads a bundle, which is as it should be.
pub fn load(host: &mut Host, bundle: &[u8]) -> Answer {
    let answer = with_input(host, &["bpf", "load"], bundle);
    assert_eq!((answer.status, &answer.failures), (Some(0), &Vec::new()));
    answer
}

/// Runs a command that goes well.
pub fn fine(host: &mut Host, args: &[&str]) -> Answer {
    let answer = host.run(args);
    assert_eq!(
        (answer.status, &answer.failures),
        (Some(0), &Vec::new()),
        "{args:?}"
    );
    answer
}

/// Runs a command that fails like that.
pub fn fails(host: &mut Host, args: &[&str], arg: u8, trouble: &wire::Trouble<'_>) {
    let answer = host.run(args);
    failed(&answer, arg, trouble);
    assert_eq!(answer.status, Some(1), "{args:?}");
}

pub fn failed(answer: &Answer, arg: u8, trouble: &wire::Trouble<'_>) {
    let data = &postcard::to_allocvec(trouble).unwrap()[..];
    let want = Host::text(&Failure::Bpf { arg, data });
    assert_eq!(answer.failures, [want], "{trouble:?}");
}

/// Calls `each` with what was told about eBPF.
pub fn answers(answer: &Answer, mut each: impl FnMut(wire::Answer<'_>)) {
    for payload in &answer.records {
        let uio_console::FromGuest::Record { record, .. } = owned(payload) else {
            panic!("no record");
        };
        let Record::Bpf(data) = record else {
            panic!("{record:?}");
        };
        each(postcard::from_bytes(data).unwrap());
    }
}

/// All that was told, as `Debug` writes it.
pub fn told(answer: &Answer) -> Vec<String> {
    let mut all = Vec::new();
    answers(answer, |answer| all.push(format!("{answer:?}")));
    all
}

/// Bytes of the answers that carry them, one after the other.
pub fn data(answer: &Answer) -> Vec<u8> {
    let mut all = Vec::new();
    answers(answer, |answer| match answer {
        wire::Answer::Entries(bytes)
        | wire::Answer::Records(bytes)
        | wire::Answer::Lines(bytes)
        | wire::Answer::Spec(bytes)
        | wire::Answer::More(bytes)
        | wire::Answer::Ran { context: bytes, .. } => all.extend_from_slice(bytes),
        _ => {}
    });
    all
}

pub fn tracing(host: &Host) -> &'static FakeTracing {
    host.platform.tracing.lock().unwrap().unwrap()
}

/// The failure is about no argument.
pub const NONE: u8 = NO_ARG;
