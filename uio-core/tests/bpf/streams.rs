//! Ring buffers, lines, the specification.

use uio_bpf::bundle::MapKind;
use uio_bpf::errno::Errno;
use uio_bpf::isa::Insn;
use uio_bpf::kind::Kind;
use uio_bpf::spec::Spec;
use uio_bpf::wire::{Answer, Trouble};
use uio_console::{RequestId, ToGuest};
use uio_core::fake::{Host, PROBES};

use crate::support::*;

/// Sends the first so many bytes of the context to ring 0.
fn send(len: i32) -> Vec<Insn> {
    let mut code = vec![insn(0xbf, 2, 1, 0, 0)];
    code.extend(map(1, 0));
    code.extend([mov(3, len), mov(4, 0), call(130), exit()]);
    code
}

fn loaded() -> Host {
    let mut host = Host::connected();
    let maps = vec![map_def("events", MapKind::RingBuffer, 0, 0, 65536)];
    let programs = vec![
        program("small", Kind::Timer, "1s", &send(8)),
        program("large", Kind::Timer, "2s", &send(8000)),
    ];
    load(&mut host, &bundle(maps, programs));
    fine(&mut host, &["bpf", "attach", "small"]);
    fine(&mut host, &["bpf", "attach", "large"]);
    host
}

/// The records of a stream.
fn records(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some((len, rest)) = stream.split_first_chunk() {
        let (record, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        all.push(record.to_vec());
        stream = rest;
    }
    all
}

#[test]
fn records_come_in_order_and_whole() {
    let mut host = loaded();
    let tracing = tracing(&host);
    let mut context: Vec<u64> = (0..1000).collect();
    for round in 0..20 {
        context[0] = round;
        tracing.fire(1_000_000, "", &mut context);
        if round % 8 == 3 {
            tracing.fire(2_000_000, "", &mut context);
        }
    }
    let answer = fine(&mut host, &["bpf", "ring", "events"]);
    let all = records(&data(&answer));
    let lengths: Vec<usize> = all.iter().map(Vec::len).collect();
    let want: Vec<usize> = (0..20)
        .flat_map(|round| [Some(8), (round % 8 == 3).then_some(8000)])
        .flatten()
        .collect();
    assert_eq!(lengths, want);
    assert_eq!(all[4][..8], 3_u64.to_le_bytes());
    assert_eq!(all[4][8..16], 1_u64.to_le_bytes());
    assert!(records(&data(&fine(&mut host, &["bpf", "ring", "events"]))).is_empty());
    // Without a reader, what has no room is lost and counted.
    for _ in 0..10 {
        tracing.fire(2_000_000, "", &mut context);
    }
    let answer = fine(&mut host, &["bpf", "ring", "events"]);
    assert!(told(&answer).contains(&"Lost(2)".to_owned()));
    assert_eq!(records(&data(&answer)).len(), 8);
}

#[test]
fn readers_follow_what_comes() {
    let mut host = loaded();
    let tracing = tracing(&host);
    let id = host.start(8192, &["bpf", "ring", "--follow", "events"]);
    for round in 1..4_u64 {
        tracing.fire(1_000_000, "", &mut [round]);
        host.until(|host| records(&data(&host.answer(id))).len() == round as usize)
            .unwrap();
    }
    host.send(&ToGuest::Interrupt { id: RequestId(id) });
    assert_eq!(host.exit(id).unwrap().status, Some(130));
    let maps = bundle(
        vec![map_def("no", MapKind::Array, 4, 4, 1)],
        vec![program("x", Kind::Executable, "", &countdown(1))],
    );
    load(&mut host, &maps);
    let answer = host.run(&["bpf", "ring", "no"]);
    failed(&answer, 2, &Trouble::Map(Errno::NotSupported as i32));
}

#[test]
fn lines_are_told_once() {
    let mut host = Host::connected();
    // "hi\n" on the stack.
    let code = [
        insn(0x62, 10, 0, -4, i32::from_le_bytes(*b"hi\n\0")),
        insn(0xbf, 1, 10, 0, 0),
        insn(0x07, 1, 0, 0, -4),
        mov(2, 4),
        call(6),
        exit(),
    ];
    let programs = vec![program("say", Kind::Executable, "", &code)];
    load(&mut host, &bundle(Vec::new(), programs));
    let id = host.start(8192, &["bpf", "log", "-f"]);
    for _ in 0..3 {
        fine(&mut host, &["bpf", "run", "say"]);
    }
    host.until(|host| data(&host.answer(id)).len() >= 9)
        .unwrap();
    host.send(&ToGuest::Interrupt { id: RequestId(id) });
    let followed = host.exit(id).unwrap();
    assert_eq!(
        String::from_utf8(data(&followed))
            .unwrap()
            .matches("hi")
            .count(),
        3
    );
    assert_eq!(data(&fine(&mut host, &["bpf", "log"])), data(&followed));
}

#[test]
fn the_specification_is_whole() {
    let mut host = Host::connected();
    let answer = fine(&mut host, &["bpf", "spec"]);
    let bytes = data(&answer);
    let spec: Spec<'_> = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(spec.probes.len(), PROBES.len());
    assert_eq!(
        (spec.probes[0].name, spec.probes[0].decides),
        ("web.request", true)
    );
    assert_eq!(spec.probes[0].fields[0].name, "status");
    assert_eq!(spec.limits.cores, 2);
    assert!(spec.helpers.len() > 25 && spec.kinds.len() == 6);
    answers(&answer, |answer| assert!(matches!(answer, Answer::Spec(_))));
    assert_eq!(
        data(&fine(&mut host, &["bpf", "spec"])),
        bytes,
        "it is always the same"
    );
}
