//! `docs/protocol.md` says what the code does: numbers of variants, limits, and examples in hex.

use uio_console::frame::{encode_payload, stuff};
use uio_console::message::{CloseReason, Hello};
use uio_console::record::{
    Entry, Failure, Frame, Job, JobState, Kind, LogLine, Memory, ObjectError, Owner, Part, Program,
    Record, SectionRule, Stat, Symbol, Task, TaskState, UsageProblem,
};
use uio_console::{
    Fresh, FromGuest, MAX_DATA, MAX_FRAME, MAX_PAYLOAD, PROTOCOL_VERSION, Policy, RequestId, Terms,
    ToGuest,
};

const DOC: &str = include_str!("../../docs/protocol.md");

const ID: RequestId = RequestId(1);

fn payload<T: serde::Serialize>(message: &T) -> Vec<u8> {
    let mut out = [0; MAX_PAYLOAD];
    let len = encode_payload(message, &mut out).unwrap();
    out[..len].to_vec()
}

/// The part of the page below a heading (its text without the hashes).
fn section(heading: &str) -> &'static str {
    let start = DOC.find(&format!(" {heading}\n")).expect(heading);
    let rest = &DOC[start + 1..];
    rest.split("\n## ").next().unwrap()
}

/// Checks that each name, which its value's `Debug` begins with, stands in the text with the
/// number that its encoding begins with, as a row of a table or in a list; and that no further
/// number is given.
fn numbered<T: serde::Serialize + std::fmt::Debug>(text: &str, values: &[T]) {
    for (index, value) in values.iter().enumerate() {
        let number = payload(value)[0];
        let debug = format!("{value:?}");
        let name = debug.split([' ', '(', '{']).next().unwrap();
        assert_eq!(
            usize::from(number),
            index,
            "{name}: a variant is missing before it"
        );
        let row = format!("| {number} | `{name}` |");
        let item = format!("{number} `{name}`");
        assert!(text.contains(&row) || text.contains(&item), "{row}");
    }
    let next = values.len();
    let name = format!("{:?}", values[0]);
    let name = name.split([' ', '(', '{']).next().unwrap();
    let table = text.split(&format!("| 0 | `{name}` |")).nth(1);
    if let Some(table) = table {
        let table = table.split("\n\n").next().unwrap();
        assert!(
            !table.contains(&format!("\n| {next} |")),
            "{name}: too many rows"
        );
    }
}

/// The line of the page that begins with this name of a list.
fn list(name: &str) -> &'static str {
    let mut lines = DOC.lines();
    lines
        .find(|line| line.starts_with(&format!("`{name}`")))
        .expect(name)
}

const STAT: Stat = Stat {
    kind: Kind::File,
    mode: 0,
    size: 0,
    modified_ns: 0,
    inode: 0,
    links: 0,
    uid: 0,
    gid: 0,
};

const HELLO: Hello<'_> = Hello {
    version: 2,
    kernel: "0.11.0",
    overlay: "0.1.0",
    arch: "x86_64",
    build_id: &[0xb1, 0x1d],
    features: "uio",
    isolation: "pku",
    policy: Policy::Control,
    commands: "ls exit",
    share: "/uio",
    max_requests: 16,
};

fn to_guest() -> [ToGuest<'static>; 6] {
    [
        ToGuest::Hello { version: 2 },
        ToGuest::Exec {
            id: ID,
            credit: 65536,
            terms: Terms::default(),
            argv: b"exit\x003\0",
        },
        ToGuest::Stdin {
            id: ID,
            data: b"hi",
        },
        ToGuest::StdinEnd { id: RequestId(300) },
        ToGuest::Credit {
            id: ID,
            bytes: 4096,
        },
        ToGuest::Interrupt { id: ID },
    ]
}

fn from_guest() -> [FromGuest<'static>; 8] {
    let record = Record::Uptime {
        since_boot_us: 1_000_000,
        now_us: 2_000_000,
        cores: 4,
    };
    let failure = Failure::Os { arg: 2, errno: 28 };
    [
        FromGuest::Hello(HELLO),
        FromGuest::Stdout {
            id: ID,
            data: b"ok\n",
        },
        FromGuest::Stderr { id: ID, data: b"" },
        FromGuest::Record { id: ID, record },
        FromGuest::Failure { id: ID, failure },
        FromGuest::Credit { id: ID, bytes: 1 },
        FromGuest::Exit {
            id: ID,
            status: 130,
        },
        FromGuest::Closed {
            reason: CloseReason::Malformed,
        },
    ]
}

/// An entry of a directory, without and with what `stat` tells of it.
fn entries() -> [FromGuest<'static>; 2] {
    let directory = Stat {
        kind: Kind::Directory,
        mode: 0o755,
        size: 4096,
        modified_ns: 1,
        inode: 3,
        links: 2,
        ..STAT
    };
    [None, Some(directory)].map(|stat| FromGuest::Record {
        id: ID,
        record: Record::Entry(Entry {
            name: b"www",
            kind: Kind::Directory,
            stat,
        }),
    })
}

fn records() -> [Record<'static>; 18] {
    let (name, data, text) = (&b""[..], &b""[..], "");
    [
        Record::Command { name: text },
        Record::Entry(Entry {
            name,
            kind: Kind::File,
            stat: None,
        }),
        Record::Stat(STAT),
        Record::Bytes { at: 0, data },
        Record::Task(Task {
            id: 0,
            name: text,
            state: TaskState::Running,
            priority: 0,
            core: 0,
            stack_used: 0,
            stack_size: 0,
        }),
        Record::Memory(Memory {
            total: 0,
            frames_free: 0,
            heap_total: 0,
            heap_used: 0,
            overlay: 0,
            programs: 0,
        }),
        Record::Uptime {
            since_boot_us: 0,
            now_us: 0,
            cores: 0,
        },
        Record::Log(LogLine {
            number: 0,
            at_us: 0,
            level: 0,
            core: 0,
            text: data,
        }),
        Record::Symbol(Symbol {
            name,
            address: 0,
            size: 0,
            offset: 0,
            function: false,
        }),
        Record::Program(Program {
            path: name,
            base: 0,
            size: 0,
            runs: 0,
            running: 0,
        }),
        Record::Loaded { size: 0 },
        Record::Version {
            kernel: text,
            overlay: text,
            arch: text,
            build_id: data,
            features: text,
            isolation: text,
            policy: Policy::Full,
        },
        Record::Job(Job {
            number: 0,
            name,
            task: 0,
            state: JobState::Queued,
            age_ms: 0,
            bounds: None,
        }),
        Record::Copied { bytes: 0 },
        Record::Policy {
            machine: Policy::Full,
            session: Policy::Full,
        },
        Record::Registers {
            general: [0; 16],
            flags: 0,
        },
        Record::Frame(Frame {
            address: 0,
            name,
            offset: 0,
            owner: Owner::Program,
            caller: false,
        }),
        Record::Bpf(data),
    ]
}

fn failures() -> [Failure<'static>; 25] {
    let name = &b""[..];
    [
        Failure::UnknownCommand,
        Failure::Usage {
            arg: 0,
            problem: UsageProblem::Missing,
        },
        Failure::TooManyArguments { max: 0 },
        Failure::ArgumentTooLong { arg: 0, max: 0 },
        Failure::Busy { max: 0 },
        Failure::Os { arg: 0, errno: 0 },
        Failure::NoShare { arg: 0 },
        Failure::BadAddress { address: 0 },
        Failure::NoHandler { signal: 0 },
        Failure::Object {
            arg: 0,
            error: ObjectError::Empty,
        },
        Failure::NoSymbols,
        Failure::SymbolsOfAnotherBuild {
            index: name,
            image: name,
        },
        Failure::SymbolsDamaged { part: Part::Header },
        Failure::UnknownSymbol { name },
        Failure::NoSymbolAt { address: 0 },
        Failure::ProgramRuns { arg: 0 },
        Failure::Fault {
            vector: 0,
            code: 0,
            instruction: 0,
            access: 0,
            in_call: false,
        },
        Failure::NoMemory { bytes: 0 },
        Failure::Interrupted,
        Failure::TimedOut { ms: 0 },
        Failure::NotRaised {
            policy: Policy::Full,
        },
        Failure::Forbidden {
            arg: 0,
            class: "",
            section: name,
            offset: 0,
            function: name,
            start: 0,
            within: 0,
            len: 0,
            bytes: name,
        },
        Failure::NoIsolation,
        Failure::Bpf { arg: 0, data: name },
        Failure::NoFeature { feature: "" },
    ]
}

fn object_errors() -> [ObjectError<'static>; 15] {
    let (section, symbol) = (&b""[..], &b""[..]);
    let (kind, offset) = (0, 0);
    [
        ObjectError::Empty,
        ObjectError::NotElf,
        ObjectError::WrongClass,
        ObjectError::WrongMachine { machine: 0 },
        ObjectError::NotRelocatable { file_type: 0 },
        ObjectError::TooLarge { size: 0, max: 0 },
        ObjectError::Truncated { need: 0, have: 0 },
        ObjectError::Section {
            index: 0,
            rule: SectionRule::InsideFile,
        },
        ObjectError::Relocation {
            kind,
            section,
            offset,
            symbol,
        },
        ObjectError::Overflow {
            kind,
            section,
            offset,
            symbol,
        },
        ObjectError::OutsideSection {
            kind,
            section,
            offset,
        },
        ObjectError::Undefined { symbol },
        ObjectError::SymbolKind { symbol, kind: 0 },
        ObjectError::Duplicate { symbol },
        ObjectError::NoMain,
    ]
}

/// The encoding of a variant that lies behind the last one does not decode: none is missing here.
fn complete<'a, T: serde::Deserialize<'a>>(known: usize) {
    let past: &'static mut [u8] = Box::leak(Box::new([0; 64]));
    past[0] = known as u8;
    for len in 1..past.len() {
        let decoded = uio_console::frame::decode_payload::<T>(&past[..len]);
        assert!(decoded.is_err(), "variant {known} exists");
    }
}

#[test]
fn numbers_of_messages() {
    numbered(section("3.1 From host to guest"), &to_guest());
    numbered(section("3.2 From guest to host"), &from_guest());
    complete::<ToGuest<'_>>(to_guest().len());
    complete::<FromGuest<'_>>(from_guest().len());
    let reasons = [
        CloseReason::Oversized,
        CloseReason::Malformed,
        CloseReason::Version(2),
        CloseReason::NoHello,
        CloseReason::DuplicateId,
        CloseReason::Overrun,
        CloseReason::Flooded,
    ];
    numbered(section("3.2 From guest to host"), &reasons);
    complete::<CloseReason>(reasons.len());
}

#[test]
fn numbers_of_records() {
    numbered(section("6. Records"), &records());
    complete::<Record<'_>>(records().len());
    let kinds = [Kind::File, Kind::Directory, Kind::Link, Kind::Other];
    numbered(list("kind"), &kinds);
    complete::<Kind>(kinds.len());
    let states = [
        TaskState::Running,
        TaskState::Ready,
        TaskState::Blocked,
        TaskState::Idle,
        TaskState::Finished,
    ];
    numbered(list("state"), &states);
    complete::<TaskState>(states.len());
    numbered(list("policy"), &Policy::ALL);
    complete::<Policy>(Policy::ALL.len());
    let jobs = [JobState::Queued, JobState::Running, JobState::Ending];
    numbered(list("state` of a `Job"), &jobs);
    complete::<JobState>(jobs.len());
    let owners = [Owner::Program, Owner::Image, Owner::Nobody];
    numbered(list("owner"), &owners);
    complete::<Owner>(owners.len());
}

#[test]
fn numbers_of_failures() {
    numbered(section("7. Failures"), &failures());
    complete::<Failure<'_>>(failures().len());
    numbered(section("7. Failures"), &object_errors());
    complete::<ObjectError<'_>>(object_errors().len());
    let problems = [
        UsageProblem::Missing,
        UsageProblem::Extra,
        UsageProblem::UnknownOption,
        UsageProblem::NotANumber,
        UsageProblem::OutOfRange,
        UsageProblem::UnknownSignal,
        UsageProblem::NotATime,
        UsageProblem::UnknownWord,
    ];
    numbered(list("problem"), &problems);
    complete::<UsageProblem>(problems.len());
    let parts = [
        Part::Header,
        Part::Tables,
        Part::Length,
        Part::Entry,
        Part::Checksum,
    ];
    numbered(list("part"), &parts);
    complete::<Part>(parts.len());
    let rules = [
        SectionRule::InsideFile,
        SectionRule::Alignment,
        SectionRule::WriteOrExecute,
        SectionRule::EntrySize,
        SectionRule::Link,
        SectionRule::ThreadLocal,
        SectionRule::Name,
        SectionRule::SymbolInside,
        SectionRule::Type,
        SectionRule::Numbering,
        SectionRule::SymbolIndex,
        SectionRule::Loaded,
        SectionRule::Constructor,
    ];
    numbered(list("rule"), &rules);
    complete::<SectionRule>(rules.len());
}

/// Checks the fields of a table's rows: as many as the variant has, in its order, by their names.
fn fields<T: std::fmt::Debug>(text: &str, values: &[T]) {
    for value in values {
        let debug = format!("{value:?}");
        let name = debug.split([' ', '(', '{']).next().unwrap();
        let row = text
            .lines()
            .find(|line| line.contains(&format!(" | `{name}` |")))
            .expect(name);
        let column = row
            .split(" | ")
            .nth(2)
            .unwrap()
            .trim_end_matches([' ', '|']);
        let listed = column.split(", ").filter(|field| !field.is_empty());
        let listed = listed.map(|field| field.trim_matches('`').split(':').next().unwrap());
        // The names before the colons of the outermost braces.
        let mut depth = 0;
        let mut names = Vec::new();
        let mut word = String::new();
        for character in debug.chars() {
            match character {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth -= 1,
                ':' if depth == 1 || debug.contains("({") && depth == 2 => {
                    names.push(core::mem::take(&mut word));
                }
                _ => {}
            }
            match character.is_alphanumeric() || character == '_' {
                true => word.push(character),
                false => word.clear(),
            }
        }
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        if !debug.contains('(') {
            assert_eq!(listed.collect::<Vec<_>>(), names, "{name}");
        }
    }
}

#[test]
fn fields_of_variants() {
    fields(section("3.1 From host to guest"), &to_guest());
    fields(section("3.2 From guest to host"), &from_guest());
    fields(section("6. Records"), &records());
    fields(section("7. Failures"), &failures());
    fields(section("7. Failures"), &object_errors());
}

#[test]
fn limits() {
    for (what, value) in [
        ("`MAX_FRAME`", MAX_FRAME),
        ("`MAX_PAYLOAD`", MAX_PAYLOAD),
        ("`MAX_DATA`", MAX_DATA),
    ] {
        let row = format!("({what}) | {value} |");
        assert!(DOC.contains(&row), "{row}");
    }
    assert!(DOC.contains(&format!("Version {PROTOCOL_VERSION}.")));
    let (args, arg) = (uio_console::argv::MAX_ARGS, uio_console::argv::MAX_ARG);
    assert!(DOC.contains(&format!(
        "1 to {args} of them, each\nat most {arg} bytes long"
    )));
    let window = uio_core::engine::STDIN_WINDOW;
    assert!(DOC.contains(&format!(
        "more than {window} bytes beyond what the command has read"
    )));
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

#[test]
fn examples() {
    let mut shown = section("9. Examples").split("```\n").skip(1).step_by(2);
    let mut check = |payload: Vec<u8>| {
        let mut frame = [0; 256];
        let len = stuff(&payload, &mut frame).unwrap();
        let want = format!("{}\n{}\n", hex(&payload), hex(&frame[..len]));
        assert_eq!(shown.next(), Some(&*want));
    };
    for message in to_guest() {
        check(payload(&message));
        if let ToGuest::Exec { id, credit, .. } = message {
            let terms = Terms {
                policy: Policy::Observe,
                announce: true,
                fresh: Some(Fresh::of(1000, 1_000_000_000, 7)),
            };
            let argv = b"run\0/uio/x.o\0";
            check(payload(&ToGuest::Exec {
                id,
                credit,
                terms,
                argv,
            }));
        }
    }
    for message in from_guest() {
        match message {
            FromGuest::Stderr { .. } | FromGuest::Credit { .. } => {}
            other => check(payload(&other)),
        }
        if let FromGuest::Record { .. } = message {
            entries().iter().for_each(|entry| check(payload(entry)));
        }
    }
    assert_eq!(shown.next(), None);
}
