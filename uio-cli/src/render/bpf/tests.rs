//! Golden tests: every answer as text and as JSON, every failure in words.

use uio_bpf::bundle::MapKind;
use uio_bpf::check::{Reject, Why};
use uio_bpf::kind::Kind;
use uio_bpf::load::LoadError;
use uio_bpf::run::Stop;
use uio_bpf::spec;
use uio_bpf::wire::{Ended, Link, Map, Place, Program, Refusal, Trouble, What};

use super::*;

fn argv(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// What is shown of these answers.
fn items(line: &str, format: Format, answers: &[Answer<'_>]) -> Vec<Item> {
    let mut state = State::new(&argv(line), format);
    let named = |offset| (offset == 0x10).then(|| "web::respond".to_owned());
    let mut items = Vec::new();
    for answer in answers {
        items.extend(state.take(&postcard::to_stdvec(answer).unwrap(), &named));
    }
    items.extend(state.end());
    items
}

/// The same as lines: rows with their cells joined.
fn lines(line: &str, answers: &[Answer<'_>]) -> Vec<String> {
    let line_of = |item| match item {
        Item::Row(_, cells) => cells.join(" | "),
        Item::Line(line) | Item::Raw(line) => line,
        Item::Note(note) => format!("! {note}"),
        Item::Json(value) => panic!("{value}"),
    };
    items(line, Format::Text, answers)
        .into_iter()
        .map(line_of)
        .collect()
}

fn values(line: &str, answers: &[Answer<'_>]) -> Vec<Value> {
    let value_of = |item| match item {
        Item::Json(value) => value,
        other => panic!("{other:?}"),
    };
    items(line, Format::Json, answers)
        .into_iter()
        .map(value_of)
        .collect()
}

const PROGRAM: Program<'static> = Program {
    id: 3,
    name: "count",
    kind: Kind::Fentry,
    target: "web::*",
    insns: 13,
    native: 0,
    links: 2,
};

fn map(kind: MapKind, key_size: u32, value_size: u32, values: u32) -> Map<'static> {
    Map {
        id: 1,
        name: "counts",
        kind,
        key_size,
        value_size,
        max_entries: 4,
        flags: 0,
        memory: 2048,
        values,
        types: &[],
    }
}

#[test]
fn programs_and_links_are_rows() {
    let answers = [
        Answer::Program(PROGRAM),
        Answer::Program(Program {
            native: 200,
            target: "",
            ..PROGRAM
        }),
    ];
    assert_eq!(
        lines("bpf list", &answers),
        [
            "3 | count | fentry | 13 | interpreted | 2 | web::*",
            "3 | count | fentry | 13 | 200 bytes | 2 | ",
        ]
    );
    assert_eq!(values("bpf list", &answers)[1]["native_bytes"], 200);
    let link = |to, last| {
        Answer::Link(Link {
            id: 7,
            program: 3,
            name: "count",
            kind: Kind::Fentry,
            to,
            runs: 5,
            stopped: 1,
            last,
        })
    };
    let functions = Place::Functions {
        count: 3,
        first: 0x10,
    };
    let answers = [
        link(functions, Some((Stop::Budget, 9))),
        Answer::Function { offset: 0x10 },
        Answer::Function { offset: 0x20 },
        link(Place::Probe("web.request"), None),
        link(Place::Timer(10_000), None),
    ];
    assert_eq!(
        lines("bpf links", &answers),
        [
            "7 | count | fentry | 5 | 1 | web::respond and 2 more",
            "  +0x10  web::respond",
            "  +0x20  ?",
            "7 | count | fentry | 5 | 1 | probe web.request",
            "7 | count | fentry | 5 | 1 | every 10 ms",
            "link 7: `count` was last ended at instruction 9: it took all instructions that it may; end its loop, or give it more with `--budget`",
        ]
    );
    let shown = values("bpf links", &answers);
    assert_eq!(shown[0]["to"]["first_name"], "web::respond");
    assert_eq!(shown[0]["last_stop"]["instruction"], 9);
    assert_eq!(shown[4]["to"]["interval_us"], 10_000);
}

#[test]
fn entries_come_in_pieces() {
    let counts = map(MapKind::Hash, 4, 8, 1);
    let mut bytes = Vec::new();
    for key in 1..4_u32 {
        bytes.extend(key.to_le_bytes());
        bytes.extend(u64::from(key * 100).to_le_bytes());
    }
    let (first, rest) = bytes.split_at(17);
    let (second, third) = rest.split_at(2);
    let answers = [
        Answer::Map(counts),
        Answer::Entries(first),
        Answer::More(second),
        Answer::Entries(third),
    ];
    assert_eq!(
        lines("bpf map dump counts", &answers),
        ["1: 100", "2: 200", "3: 300"]
    );
    let shown = values("bpf map dump counts", &answers);
    assert_eq!(
        shown[1],
        json!({ "type": "bpf_entry", "key": 2, "value": 200 })
    );
}

#[test]
fn arrays_leave_out_what_is_zero_and_say_so() {
    let array = Answer::Map(map(MapKind::Array, 4, 4, 1));
    let answers = [
        array,
        Answer::Entries(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0]),
    ];
    assert_eq!(
        lines("bpf map dump counts", &answers),
        ["1: 9", "and 1 that are zero"]
    );
    assert_eq!(values("bpf map dump counts", &answers).len(), 2);
    let zero = [array, Answer::Entries(&[0; 8])];
    assert_eq!(
        lines("bpf map dump counts", &zero),
        ["all 1 entries of `counts` are zero"]
    );
    assert_eq!(lines("bpf map get counts 0", &zero), ["0: 0"]);
    let cores = [
        Answer::Map(map(MapKind::PerCpuArray, 4, 4, 2)),
        Answer::Entries(&[1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]),
    ];
    assert_eq!(lines("bpf map dump counts", &cores), ["1: [5, 6]"]);
    assert_eq!(
        values("bpf map dump counts", &cores)[0]["values"],
        json!([5, 6])
    );
}

#[test]
fn stacks_and_programs_are_told_as_what_they_are() {
    let mut stack = vec![2, 0, 0, 0];
    stack.extend(0x1234_u64.to_le_bytes());
    stack.extend(0x5678_u64.to_le_bytes());
    stack.extend([0; 8]);
    let answers = [
        Answer::Map(map(MapKind::StackTrace, 4, 24, 1)),
        Answer::Entries(&stack),
    ];
    assert_eq!(lines("bpf map dump counts", &answers), ["2: 0x1234 0x5678"]);
    let answers = [
        Answer::Map(map(MapKind::ProgramArray, 4, 4, 1)),
        Answer::Entries(&[1, 0, 0, 0, 3, 0, 0, 0]),
    ];
    assert_eq!(lines("bpf map dump counts", &answers), ["1: program 3"]);
}

#[test]
fn records_and_lines_stream() {
    let ring = Answer::Map(map(MapKind::RingBuffer, 0, 0, 1));
    let answers = [
        ring,
        Answer::Records(&[4, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1]),
        Answer::More(&[0, 0, 0, 0, 0, 0, 0]),
        Answer::Lost(3),
    ];
    assert_eq!(
        lines("bpf ring counts", &answers),
        [
            "7",
            "1",
            "! uio: 3 records found no room since the ring buffer exists; make it larger, or read it more often",
        ]
    );
    let shown = values("bpf ring -f counts", &answers);
    assert_eq!(shown[2], json!({ "type": "lost", "records": 3 }));
    let said = [Answer::Lines(b"count: a\x1b[2J\nb")];
    assert_eq!(lines("bpf log", &said), ["count: a\\u{1b}[2J\nb"]);
}

#[test]
fn maps_are_rows_in_lists_and_pages_alone() {
    let answers = [Answer::Map(map(MapKind::Hash, 4, 8, 1))];
    assert_eq!(
        lines("bpf map list", &answers),
        ["1 | counts | hash | 4 | 8 | 4 | 2.0 KiB"]
    );
    let shown = lines("bpf map show counts", &answers);
    assert_eq!(shown[1], "name      counts");
    assert_eq!(values("bpf map show counts", &answers)[0]["kind"], "hash");
}

#[test]
fn runs_show_what_became_of_the_buffer() {
    let ran = |end| Answer::Ran {
        end,
        duration: 2_500_000,
        context: &[1, 2],
    };
    let answers = [ran(Ended::Returned(7)), Answer::More(&[3])];
    assert_eq!(
        lines("bpf run once", &answers),
        ["returned 7 (0x7) after 2.50 ms", "00000000  01 02 03"]
    );
    let shown = values("bpf run once", &answers);
    assert_eq!(shown[0]["memory"], "010203");
    assert_eq!(shown[0]["returned"], 7);
    let answers = [ran(Ended::Stopped(Stop::Frames, 4))];
    assert!(lines("bpf run once", &answers)[0].starts_with("! bpf: run: ended at instruction 4"));
    assert_eq!(
        values("bpf run once", &answers)[0]["stopped"]["instruction"],
        4
    );
}

#[test]
fn the_specification_is_shown_whole() {
    let table = uio_bpf::helper::Table {
        own: uio_bpf::helper::OWN,
        application: &[],
    };
    let probe = spec::Probe {
        name: "web.request",
        size: 16,
        decides: true,
        fields: Vec::new(),
    };
    let spec = spec::spec(&table, vec![probe], 8 << 20, 2);
    let bytes = postcard::to_stdvec(&spec).unwrap();
    let (first, rest) = bytes.split_at(1000);
    let answers = [Answer::Spec(first), Answer::Spec(rest)];
    let shown = values("bpf spec", &answers);
    assert_eq!(shown[0]["probes"][0]["decides"], true);
    assert_eq!(shown[0]["helpers"][0]["name"], "map_lookup_elem");
    assert_eq!(
        shown[0]["program_types"][1]["context"][0]["name"],
        "function"
    );
    let text = lines("bpf spec", &answers);
    assert!(
        text.iter()
            .any(|line| line.contains("web.request | 16 | yes"))
    );
    let damaged = lines("bpf spec", &[Answer::Spec(first)]);
    assert!(damaged[0].starts_with("! uio: the guest's specification"));
}

#[test]
fn what_is_not_known_is_said() {
    let mut state = State::new(&argv("bpf list"), Format::Text);
    let shown = state.take(&[99], &|_| None);
    assert!(matches!(&shown[..], [Item::Note(words)] if words.contains("same release")));
}

#[test]
fn failures_say_what_to_do() {
    let said = |command: &str, trouble: &Trouble<'_>| {
        words::words(command.as_bytes(), &postcard::to_stdvec(trouble).unwrap())
    };
    let what = What::Link;
    for (command, trouble, part) in [
        ("show", Trouble::None { what }, "`bpf links` lists them"),
        ("unload", Trouble::InUse, "--force"),
        ("swap", Trouble::InUse, "give the number"),
        ("run", Trouble::Kind(Kind::Timer), "type timer run where"),
        ("attach", Trouble::Kind(Kind::Executable), "`bpf run`"),
        ("attach", Trouble::Kind(Kind::Fexit), "type fexit cannot"),
        (
            "swap",
            Trouble::Kind(Kind::Fexit),
            "another type than fexit",
        ),
        ("attach", Trouble::NoSite { at: 0x10 }, "0x10"),
        ("attach", Trouble::Handler { at: 0x10 }, "fentry"),
        ("attach", Trouble::NoProbe, "`bpf spec`"),
        ("attach", Trouble::Memory, "unload"),
        ("load", Trouble::Policy { needed: "full" }, "--policy full"),
        ("map", Trouble::Map(7), "full"),
        ("map", Trouble::Map(16), "refuses: "),
        ("map", Trouble::Length { wanted: 4 }, "4 bytes"),
        ("load", Trouble::Native, "--jit"),
    ] {
        let words = said(command, &trouble);
        assert!(words.contains(part), "{trouble:?}: {words}");
    }
    assert!(words::words(b"load", &[99]).contains("same release"));
}

#[test]
fn refusals_name_what_is_at_fault() {
    let refused = |error: LoadError| {
        let rule = postcard::to_stdvec(&error).unwrap();
        let refusal = Refusal {
            name: "count",
            rule: &rule,
        };
        postcard::to_stdvec(&Trouble::Load(refusal)).unwrap()
    };
    let reject = Reject {
        at: 5,
        why: Why::Recursion,
    };
    let data = refused(LoadError::Rejected(reject));
    assert_eq!(
        words::words(b"load", &data),
        "the program `count` is refused: the call is part of a recursion, or leads to one; make it a loop"
    );
    assert_eq!(words::instruction(&data), Some(("count".to_owned(), 5)));
    for (error, part) in [
        (LoadError::Version(9), "version 9"),
        (LoadError::Malformed(3), "byte 3"),
        (LoadError::Differs, "another definition"),
        (LoadError::Variable, "__weak"),
        (LoadError::Limit, "unload"),
    ] {
        let data = refused(error);
        assert!(words::words(b"load", &data).contains(part), "{error:?}");
        assert_eq!(words::instruction(&data), None);
    }
}
