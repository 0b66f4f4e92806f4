//! Golden tests: every record and failure as text and as JSON.

use uio_console::record::{
    Bounds, Entry, Failure, Frame, Job, JobState, Kind, LogLine, Memory, NO_ARG, ObjectError,
    Owner, Part, Program, SectionRule, Stat, Symbol, Task, TaskState, UsageProblem,
};
use uio_console::{Policy, RequestId};

use super::*;

const ID: RequestId = RequestId(1);

fn words(argv: &[&str]) -> Vec<Vec<u8>> {
    argv.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}

/// Standard output and error of a request with these messages.
fn rendered(
    argv: &[&str],
    format: Format,
    colour: bool,
    status: i32,
    messages: &[FromGuest<'_>],
) -> (String, String) {
    let argv = words(argv);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output {
        out: &mut out,
        err: &mut err,
        format,
        colour,
        width: None,
    };
    let near = |name: &[u8]| match name {
        b"coutner" => vec!["counter".to_owned(), "count".to_owned()],
        _ => Vec::new(),
    };
    let mut renderer = Renderer::new(&mut output, &argv);
    renderer.near_matches(&near);
    renderer.isolation("none");
    for message in messages {
        renderer.message(message);
    }
    renderer.finish(status).unwrap();
    (
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
    )
}

fn records<'a>(records: &[Record<'a>]) -> Vec<FromGuest<'a>> {
    records
        .iter()
        .map(|&record| FromGuest::Record { id: ID, record })
        .collect()
}

fn text(argv: &[&str], of: &[Record<'_>]) -> String {
    let (out, err) = rendered(argv, Format::Text, false, 0, &records(of));
    assert_eq!(err, "");
    out
}

fn json(argv: &[&str], of: &[Record<'_>]) -> serde_json::Value {
    let (out, err) = rendered(argv, Format::Json, false, 0, &records(of));
    assert_eq!(err, "");
    serde_json::from_str(&out).unwrap()
}

fn stat(kind: Kind, mode: u32, size: u64) -> Stat {
    Stat {
        kind,
        mode,
        size,
        modified_ns: 1_767_780_764_000_000_123,
        inode: 42,
        links: 2,
        uid: 1000,
        gid: 100,
    }
}

/// Entries of `ls`, or of `ls -l`.
fn listed(long: bool) -> [Record<'static>; 3] {
    let entry = |name, stat: Stat| {
        Record::Entry(Entry {
            name,
            kind: stat.kind,
            stat: long.then_some(stat),
        })
    };
    [
        entry(b"web.toml", stat(Kind::File, 0o644, 412)),
        entry(b"\x1b[31mred\xff", stat(Kind::Directory, 0o755, 4096)),
        entry(b"web", stat(Kind::Directory, 0o755, 4096)),
    ]
}

#[test]
fn names_of_entries() {
    let of = listed(false);
    assert_eq!(text(&["ls"], &of), "\\u{1b}[31mred\\xff/\nweb/\nweb.toml\n");
    let value = json(&["ls"], &of);
    let web = serde_json::json!({ "type": "entry", "name": "web.toml", "kind": "file" });
    assert_eq!(value[0], web);
    assert_eq!(value[1]["name_hex"], "1b5b33316d726564ff");
    assert_eq!(value[2]["kind"], "directory");
}

#[test]
fn names_of_entries_fill_a_terminal() {
    let argv = words(&["ls"]);
    let shown = |width| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output {
            out: &mut out,
            err: &mut err,
            format: Format::Text,
            colour: false,
            width: Some(width),
        };
        let mut renderer = Renderer::new(&mut output, &argv);
        for message in records(&listed(false)) {
            renderer.message(&message);
        }
        renderer.finish(0).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(80), "\\u{1b}[31mred\\xff/  web/  web.toml\n");
    assert_eq!(shown(30), "\\u{1b}[31mred\\xff/  web.toml\nweb/\n");
    assert_eq!(shown(5), "\\u{1b}[31mred\\xff/\nweb/\nweb.toml\n");
}

#[test]
fn entries() {
    let of = listed(true);
    assert_eq!(
        text(&["ls", "-l"], &of),
        "drwxr-xr-x  2  4096  2026-01-07 10:12:44  \\u{1b}[31mred\\xff\n\
         drwxr-xr-x  2  4096  2026-01-07 10:12:44  web\n\
         -rw-r--r--  2   412  2026-01-07 10:12:44  web.toml\n"
    );
    let value = json(&["ls", "-l"], &of);
    assert_eq!(value[0]["name"], "web.toml");
    assert_eq!(value[0]["mode"], "0644");
    assert_eq!(value[0]["kind"], "file");
    assert_eq!(value[0].get("name_hex"), None);
    assert_eq!(value[1]["name_hex"], "1b5b33316d726564ff");
}

#[test]
fn file_status() {
    let of = [Record::Stat(stat(Kind::File, 0o4755, 5))];
    assert_eq!(
        text(&["stat", "/x"], &of),
        "file  mode 4755  size 5  inode 42  links 2  owner 1000:100  modified 2026-01-07 10:12:44\n"
    );
    assert_eq!(
        json(&["stat", "/x"], &of)[0]["modified_ns"],
        1_767_780_764_000_000_123u64
    );
}

#[test]
fn tasks_and_jobs() {
    let task = |id, name, state| {
        Record::Task(Task {
            id,
            name,
            state,
            priority: 2,
            core: 0,
            stack_used: 1536,
            stack_size: 1 << 20,
        })
    };
    let of = [
        task(0, "idle", TaskState::Idle),
        task(12, "main", TaskState::Running),
        Record::Job(Job {
            number: 1,
            name: b"/uio/x.o",
            task: 12,
            state: JobState::Running,
            age_ms: 3210,
            bounds: Some(Bounds {
                policy: Policy::Control,
                time_ms: Some(10_000),
                cpu_share: 50,
                below: false,
            }),
        }),
        Record::Job(Job {
            number: 2,
            name: b"ps",
            task: 13,
            state: JobState::Ending,
            age_ms: 0,
            bounds: None,
        }),
    ];
    assert_eq!(
        text(&["ps"], &of),
        "ID  PRIO  CORE  STATE    STACK USED     SIZE  NAME\n \
          0     2     0  idle        1.5 KiB  1.0 MiB  idle\n\
         12     2     0  running     1.5 KiB  1.0 MiB  main\n\
         \n\
         JOB  TASK  STATE      FOR  LIMIT  SHARE  POLICY   NAME\n \
          %1    12  running  3.2 s   10 s  50%    control  /uio/x.o\n \
          %2    13  ending    0 ms                         ps\n"
    );
    let value = json(&["ps"], &of);
    assert_eq!(value[1]["state"], "running");
    assert_eq!(value[1]["stack_used"], 1536);
    assert_eq!(value[2]["type"], "job");
    assert_eq!(value[2]["time_limit_ms"], 10_000);
    assert_eq!(value[2]["priority"], "above");
    assert_eq!(value[3].get("policy"), None);
}

#[test]
fn memory_and_uptime_stand_alone() {
    let memory = Record::Memory(Memory {
        total: 256 << 20,
        frames_free: 24 << 20,
        heap_total: 218 << 20,
        heap_used: 3 << 20,
        overlay: 12_600,
        programs: 0,
    });
    assert_eq!(
        text(&["free"], &[memory]),
        "              total       used       free\n\
         memory    256.0 MiB  232.0 MiB   24.0 MiB\n\
         heap      218.0 MiB    3.0 MiB  215.0 MiB\n\
         overlay    12.3 KiB\n\
         programs        0 B\n"
    );
    assert_eq!(json(&["free"], &[memory])["heap_used"], 3 << 20);
    let uptime = Record::Uptime {
        since_boot_us: 61_000_000,
        now_us: 1_767_780_764_000_000,
        cores: 1,
    };
    assert_eq!(
        text(&["uptime"], &[uptime]),
        "2026-01-07 10:12:44 UTC, up 0:01:01.000, 1 core\n"
    );
    assert_eq!(json(&["uptime"], &[uptime])["cores"], 1);
}

#[test]
fn log_lines_have_colours_on_a_terminal_only() {
    let line = |number, level, text| {
        Record::Log(LogLine {
            number,
            at_us: 1_000_234,
            level,
            core: 0,
            text,
        })
    };
    let of = [line(1, 1, b"bad\x07".as_slice()), line(2, 3, b"fine")];
    assert_eq!(
        text(&["log"], &of),
        "[   1.000234] ERROR cpu 0  bad\\u{7}\n[   1.000234] INFO  cpu 0  fine\n"
    );
    let (out, _) = rendered(&["log"], Format::Text, true, 0, &records(&of));
    assert!(out.contains("\x1b[31mERROR\x1b[0m"), "{out}");
    let (lines, _) = rendered(&["log", "-f"], Format::Json, false, 130, &records(&of));
    assert_eq!(lines.lines().count(), 2, "JSON Lines: {lines}");
    let value = json(&["log"], &of);
    assert_eq!(value[0]["level"], "error");
    assert_eq!(value[1]["number"], 2);
}

#[test]
fn dumps() {
    let of = [
        Record::Bytes {
            at: 16,
            data: b"0123456789abcdef01234",
        },
        Record::Bytes {
            at: 37,
            data: b"56789abcdef",
        },
        Record::Bytes {
            at: 48,
            data: b"0123456789abcdef",
        },
        Record::Bytes {
            at: 64,
            data: &[0, 255],
        },
        Record::Bytes {
            at: 0x1000,
            data: b"x",
        },
    ];
    assert_eq!(
        text(&["hexdump", "/x"], &of),
        "00000010  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
         *\n\
         00000040  00 ff                                             |..|\n\
         00000042\n\
         00001000  78                                                |x|\n\
         00001001\n"
    );
    assert_eq!(json(&["peek", "0"], &of)[3]["hex"], "00ff");
}

#[test]
fn symbols_and_programs() {
    let symbol = Record::Symbol(Symbol {
        name: b"_ZN3web4main17h0123456789abcdefE",
        address: 0x20_1000,
        size: 64,
        offset: 0x12,
        function: true,
    });
    assert_eq!(
        text(&["addr", "0x201012"], &[symbol]),
        "0x201000+0x12  64  function  web::main\n"
    );
    let value = json(&["addr", "0x201012"], &[symbol]);
    assert_eq!(value[0]["demangled"], "web::main");
    assert_eq!(value[0]["address"], "0x201000");
    let program = Record::Program(Program {
        path: b"/uio/x.o",
        base: 0x40_0000,
        size: 8192,
        runs: 3,
        running: 1,
    });
    assert_eq!(
        text(&["programs"], &[program]),
        "BASE         SIZE  RUNS  RUNNING  PATH\n\
         0x400000  8.0 KiB     3        1  /uio/x.o\n"
    );
    assert_eq!(json(&["programs"], &[program])[0]["runs"], 3);
}

#[test]
fn versions_and_commands() {
    let version = Record::Version {
        kernel: "0.11.0",
        overlay: "0.1.0",
        arch: "x86_64",
        build_id: &[0xab, 0x01],
        features: "pci uio",
        isolation: "pku",
        policy: Policy::Control,
    };
    assert_eq!(
        text(&["version"], &[version]),
        "kernel     hermit 0.11.0 (x86_64)\noverlay    0.1.0\nbuild id   ab01\n\
         features   pci uio\nisolation  pku\npolicy     control\n"
    );
    assert_eq!(json(&["version"], &[version])["build_id"], "ab01");
    let of = [
        Record::Command { name: "ps" },
        Record::Command { name: "new" },
    ];
    assert_eq!(
        text(&["help"], &of),
        "ps   list tasks and running requests\nnew\n"
    );
    assert_eq!(json(&["help"], &of)[1]["usage"], serde_json::Value::Null);
}

#[test]
fn an_empty_list_is_an_empty_array() {
    assert_eq!(json(&["ls", "/empty"], &[]), serde_json::json!([]));
    assert_eq!(text(&["ls", "/empty"], &[]), "");
    let (out, _) = rendered(&["ls", "/none"], Format::Json, false, 1, &[]);
    assert_eq!(out, "");
}

#[test]
fn what_programs_write_stays_as_it_is() {
    let messages = [
        FromGuest::Record {
            id: ID,
            record: Record::Loaded { size: 4096 },
        },
        FromGuest::Stdout {
            id: ID,
            data: b"\x1b[1mraw\0",
        },
        FromGuest::Stderr {
            id: ID,
            data: b"oops\n",
        },
    ];
    let (out, err) = rendered(&["run", "/x.o"], Format::Text, false, 0, &messages);
    assert_eq!(out, "\x1b[1mraw\0");
    assert_eq!(err, "isolation: none\noops\n");
    let (out, err) = rendered(&["run", "/x.o"], Format::Json, false, 0, &messages);
    assert_eq!(out, "\x1b[1mraw\0");
    assert!(err.starts_with("{\"cached\":false,\"isolation\":\"none\",\"type\":\"started\"}\n"));
    // From memory, nothing precedes what it writes; a program may also write nothing.
    let (_, err) = rendered(&["run", "/x.o"], Format::Json, false, 0, &messages[1..]);
    assert!(err.starts_with("{\"cached\":true,\"isolation\":\"none\",\"type\":\"started\"}\n"));
    let (out, err) = rendered(&["run", "/x.o"], Format::Text, false, 3, &[]);
    assert_eq!((&*out, &*err), ("", "isolation: none\n"));
}

#[test]
fn copies_show_progress_on_a_terminal_only() {
    let of = records(&[Record::Copied { bytes: 2048 }]);
    let argv = ["cp", "/a", "/b"];
    let total = "2048 bytes copied\n".to_owned();
    let (out, err) = rendered(&argv, Format::Text, false, 0, &of);
    assert_eq!((out, err), (total.clone(), String::new()));
    let (out, err) = rendered(&argv, Format::Text, true, 0, &of);
    assert_eq!((out, err.contains("2.0 KiB")), (total, true));
    let (out, _) = rendered(&argv, Format::Json, false, 0, &of);
    assert_eq!(out, "[\n{\"bytes\":2048,\"type\":\"copied\"}\n]\n");
}

/// The words for a failure of `run /uio/x.o -z`.
fn failed(failure: Failure<'_>) -> String {
    let messages = [FromGuest::Failure { id: ID, failure }];
    let argv = ["run", "/uio/x.o", "-z"];
    let (out, err) = rendered(&argv, Format::Text, false, 1, &messages);
    assert_eq!(out, "");
    err
}

#[test]
fn failures_name_command_and_argument() {
    for (failure, words) in [
        (
            Failure::Os { arg: 1, errno: 2 },
            "run: /uio/x.o: No such file or directory\n",
        ),
        (
            Failure::Os {
                arg: NO_ARG,
                errno: 28,
            },
            "run: No space left on device\n",
        ),
        (
            Failure::Os { arg: 9, errno: 30 },
            "run: Read-only file system\n",
        ),
        (
            Failure::Usage {
                arg: 2,
                problem: UsageProblem::UnknownOption,
            },
            "run: no such option: `-z`\nusage: run [OPTION…] PATH [ARG…]\n",
        ),
        (
            Failure::Usage {
                arg: NO_ARG,
                problem: UsageProblem::Missing,
            },
            "run: an argument is missing\nusage: run [OPTION…] PATH [ARG…]\n",
        ),
        (
            Failure::BadAddress { address: 16 },
            "run: address 0x10 is not mapped memory\n",
        ),
        (
            Failure::NotRaised {
                policy: Policy::Observe,
            },
            "run: the policy of this session is `observe`; it is lowered, never raised\n",
        ),
        (
            Failure::Usage {
                arg: 2,
                problem: UsageProblem::UnknownWord,
            },
            "run: `-z` is none of the words that can be here\nusage: run \
             [OPTION…] PATH [ARG…]\n",
        ),
        (
            Failure::UnknownSymbol { name: b"coutner" },
            "run: coutner: no such symbol in the image; did you mean `counter`, `count`?\n",
        ),
        (
            Failure::Object {
                arg: 1,
                error: ObjectError::Undefined { symbol: b"gone" },
            },
            "run: /uio/x.o: undefined symbol `gone`\n",
        ),
        (
            Failure::SymbolsOfAnotherBuild {
                index: &[1],
                image: &[],
            },
            "run: the symbol index on the share is of build 01, the image of build (none); start \
             the VM again with the index of its image\n",
        ),
    ] {
        assert_eq!(failed(failure), words);
    }
}

#[test]
fn no_failure_is_without_words() {
    let object = |error| Failure::Object { arg: 1, error };
    let symbol = b"s".as_slice();
    let section = b".text".as_slice();
    let (kind, offset, index) = (2, 16, 3);
    let mut failures = vec![
        Failure::UnknownCommand,
        Failure::TooManyArguments { max: 64 },
        Failure::ArgumentTooLong { arg: 1, max: 9 },
        Failure::Busy { max: 4 },
        Failure::NoShare { arg: 1 },
        Failure::NoHandler { signal: 15 },
        Failure::NoSymbols,
        Failure::NoSymbolAt { address: 1 },
        Failure::NoIsolation,
        Failure::ProgramRuns { arg: 1 },
        Failure::NoMemory { bytes: 1 },
        object(ObjectError::Empty),
        object(ObjectError::NotElf),
        object(ObjectError::WrongClass),
        object(ObjectError::WrongMachine { machine: 183 }),
        object(ObjectError::NotRelocatable { file_type: 2 }),
        object(ObjectError::TooLarge { size: 9, max: 8 }),
        object(ObjectError::Truncated { need: 9, have: 8 }),
        object(ObjectError::Relocation {
            kind,
            section,
            offset,
            symbol,
        }),
        object(ObjectError::Overflow {
            kind,
            section,
            offset,
            symbol,
        }),
        object(ObjectError::OutsideSection {
            kind,
            section,
            offset,
        }),
        object(ObjectError::SymbolKind { symbol, kind: 6 }),
        object(ObjectError::Duplicate { symbol }),
        object(ObjectError::NoMain),
    ];
    for part in [
        Part::Header,
        Part::Tables,
        Part::Length,
        Part::Entry,
        Part::Checksum,
    ] {
        failures.push(Failure::SymbolsDamaged { part });
    }
    for rule in [
        SectionRule::InsideFile,
        SectionRule::Alignment,
        SectionRule::WriteOrExecute,
        SectionRule::EntrySize,
        SectionRule::Link,
        SectionRule::ThreadLocal,
        SectionRule::Name,
        SectionRule::SymbolInside,
    ] {
        failures.push(object(ObjectError::Section { index, rule }));
    }
    let mut seen = Vec::new();
    for failure in failures {
        let words = failed(failure);
        assert!(words.starts_with("run: ") && words.len() > 15, "{words}");
        assert!(!seen.contains(&words), "twice: {words}");
        seen.push(words);
    }
}

#[test]
fn failures_are_objects_in_json() {
    let failure = Failure::Os { arg: 1, errno: 13 };
    let messages = [FromGuest::Failure { id: ID, failure }];
    let (out, err) = rendered(&["cat", "/x"], Format::Json, false, 1, &messages);
    assert_eq!(out, "");
    assert_eq!(err, "{\"error\":\"cat: /x: Permission denied\"}\n");
}

#[test]
fn output_that_cannot_be_written_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let argv = words(&["cat", "/x"]);
    let mut err = Vec::new();
    let mut output = Output {
        out: &mut Full,
        err: &mut err,
        format: Format::Text,
        colour: false,
        width: None,
    };
    let mut renderer = Renderer::new(&mut output, &argv);
    renderer.message(&FromGuest::Stdout { id: ID, data: b"x" });
    assert!(renderer.is_broken());
    assert!(renderer.finish(0).is_err());
}

#[test]
fn how_a_program_was_ended() {
    for (failure, words) in [
        (Failure::Interrupted, "isolation: none\nrun: interrupted\n"),
        (
            Failure::TimedOut { ms: 2000 },
            "isolation: none\nrun: ended at its time limit of 2 s; `run --timeout` sets another\n",
        ),
    ] {
        assert_eq!(failed(failure), words);
    }
}

const fn fault(vector: u8, code: u32, access: u64) -> Failure<'static> {
    Failure::Fault {
        vector,
        code,
        instruction: 0x40_0010,
        access,
        in_call: false,
    }
}

#[test]
fn causes_of_faults_are_in_words() {
    for (failure, words) in [
        (
            fault(14, 0, 8),
            "page fault: read of 0x8: nothing is mapped there",
        ),
        (
            fault(14, 6, 0),
            "page fault: write to 0x0: nothing is mapped there",
        ),
        (
            fault(14, 7, 0x1000),
            "page fault: write to 0x1000: its page forbids that",
        ),
        (
            fault(14, 0x27, 0x1000),
            "page fault: write to 0x1000: its protection key forbids that",
        ),
        (
            fault(14, 0x15, 0x1000),
            "page fault: fetch of an instruction at 0x1000: its page forbids that",
        ),
        (
            fault(14, 9, 0x1000),
            "page fault: read of 0x1000: a reserved bit is set in a page table",
        ),
        (fault(0, 0, 0), "divide error (vector 0)"),
        (
            fault(13, 0x40, 0),
            "general protection fault (vector 13, error code 0x40)",
        ),
    ] {
        let words =
            format!("isolation: none\nrun: ended by a fault: {words}, at instruction 0x400010\n");
        assert_eq!(failed(failure), words);
    }
}

/// The report of a fault in a function that the program had called.
fn report() -> Vec<FromGuest<'static>> {
    let frame = |address, name: &'static str, offset, owner, caller| {
        Record::Frame(Frame {
            address,
            name: name.as_bytes(),
            offset,
            owner,
            caller,
        })
    };
    let of = [
        Record::Registers {
            general: std::array::from_fn(|index| index as u64),
            flags: 0x246,
        },
        frame(
            0x20_1234,
            "_ZN3web7respond17h0c5d3f2a11d7be1eE",
            4,
            Owner::Image,
            false,
        ),
        frame(0x20_5678, "", 0x5678, Owner::Image, false),
        frame(0xdead, "", 0, Owner::Nobody, false),
        frame(0x40_0112, "crash", 0x12, Owner::Program, true),
        frame(0x40_01a2, "", 0x1a2, Owner::Program, true),
    ];
    let mut messages = records(&of);
    messages.push(FromGuest::Failure {
        id: ID,
        failure: Failure::Fault {
            vector: 14,
            code: 6,
            instruction: 0x20_1234,
            access: 0,
            in_call: true,
        },
    });
    messages
}

#[test]
fn faults_come_with_the_way_that_led_to_them() {
    let argv = ["run", "--timeout=2s", "/uio/x.o"];
    let (out, err) = rendered(&argv, Format::Text, false, 142, &report());
    assert_eq!(out, "");
    let want = "isolation: none\n\
        run: ended by a fault: page fault: write to 0x0: nothing is mapped there, at web::respond+0x4; \
        the fault was inside a function of the image that the program had called, and is that \
        function's own\n  \
          #0  0x0000000000201234  web::respond+0x4\n  \
          #1  0x0000000000205678  image+0x5678\n  \
          #2  0x000000000000dead  neither in the program nor in the image\n\
        the program had called it from\n  \
          #0  0x0000000000400112  crash+0x12 (x.o)\n  \
          #1  0x00000000004001a2  x.o+0x1a2\n";
    assert_eq!(err, want);
}

#[test]
fn registers_are_shown_on_request() {
    let argv = words(&["run", "/uio/x.o"]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output {
        out: &mut out,
        err: &mut err,
        format: Format::Text,
        colour: false,
        width: None,
    };
    let mut renderer = Renderer::new(&mut output, &argv);
    renderer.verbose(true);
    for message in report() {
        renderer.message(&message);
    }
    renderer.finish(142).unwrap();
    let err = String::from_utf8(err).unwrap();
    let tail = "\n  rax 0000000000000000  rcx 0000000000000001  rdx 0000000000000002  rbx 0000000000000003";
    assert!(err.contains(tail), "{err}");
    assert!(
        err.ends_with("r15 000000000000000f\n  rflags 00000246\n"),
        "{err}"
    );
}

#[test]
fn faults_in_json_have_it_all() {
    let (out, err) = rendered(&["run", "/uio/x.o"], Format::Json, false, 142, &report());
    assert_eq!(out, "");
    let line = err.lines().last().unwrap();
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let fault = &value["fault"];
    assert!(
        value["error"]
            .as_str()
            .unwrap()
            .starts_with("run: ended by a fault: ")
    );
    assert_eq!(fault["vector"], 14);
    assert_eq!(fault["access"], "0x0");
    assert_eq!(fault["in_call"], true);
    assert_eq!(fault["registers"]["r15"], "0xf");
    assert_eq!(fault["registers"]["rflags"], "0x246");
    assert_eq!(fault["frames"].as_array().unwrap().len(), 3);
    assert_eq!(fault["frames"][0]["demangled"], "web::respond");
    assert_eq!(fault["frames"][2]["owner"], "nobody");
    assert_eq!(fault["caller"][0]["name"], "crash");
    assert_eq!(fault["caller"][1]["name"], serde_json::Value::Null);
}

#[test]
fn policies() {
    let policy = Record::Policy {
        machine: Policy::Control,
        session: Policy::Observe,
    };
    assert_eq!(
        text(&["policy"], &[policy]),
        "machine  control\nsession  observe\n"
    );
    assert_eq!(json(&["policy"], &[policy])["session"], "observe");
}

/// WRPKRU inside a constant, as `run /uio/x.o` was refused for it.
const HIDDEN: Failure<'_> = Failure::Forbidden {
    arg: 1,
    class: "wrpkru",
    section: b".text",
    offset: 0x16,
    function: b"_RNvC1a4main",
    start: 0x10,
    within: 1,
    len: 3,
    bytes: &[0xb8, 0x0f, 0x01, 0xef, 0x00, 0xc3, 0x90],
};

#[test]
fn refused_code_is_disassembled() {
    assert_eq!(
        failed(HIDDEN),
        "run: /uio/x.o: has the instruction `wrpkru` (class wrpkru) at .text+0x16, in `a::main`+0x6\n  \
         .text+0x15:  b8 0f 01 ef 00                  mov eax, 0xef010f\n  \
         .text+0x16:  0f 01 ef                        wrpkru\n\
         It is inside another instruction, by accident or not: write that another way, or compile \
         with other flags.\n"
    );
    // With the prefix that belongs to it, of a function that has no name.
    let failure = Failure::Forbidden {
        arg: 1,
        class: "xrstor",
        section: b".text",
        offset: 0x21,
        function: b"",
        start: 0,
        within: 1,
        len: 3,
        bytes: &[0x48, 0x0f, 0xae, 0x2f, 0xc3],
    };
    assert_eq!(
        failed(failure),
        "run: /uio/x.o: has the instruction `xrstor64 [rdi]` (class xrstor) at .text+0x21\n  \
         .text+0x21:  0f ae 2f                        xrstor64 [rdi]\n\
         Programs must do without it; a VM started with `uio run --policy full --grant xrstor` \
         allows it.\n"
    );
}

#[test]
fn refused_code_is_an_object_in_json() {
    let messages = [FromGuest::Failure {
        id: ID,
        failure: HIDDEN,
    }];
    let (out, err) = rendered(&["run", "/uio/x.o"], Format::Json, false, 126, &messages);
    assert_eq!(out, "");
    let value: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(
        value["forbidden"],
        serde_json::json!({
            "class": "wrpkru",
            "section": ".text",
            "offset": 0x16,
            "function": "a::main",
            "function_offset": 6,
            "bytes": "0f 01 ef",
            "instruction": "wrpkru",
            "inside": "mov eax, 0xef010f",
        })
    );
    assert!(value["error"].as_str().unwrap().contains(".text+0x16"));
}

/// A guest that lies does not stop the client.
#[test]
fn refused_code_that_makes_no_sense_is_shown_all_the_same() {
    for bytes in [&[][..], &[0x0f], &[0x06, 0x0f, 0x01], &[0xff; 60]] {
        for within in [0, 1, 200] {
            let failure = Failure::Forbidden {
                arg: 1,
                class: "w\u{1b}[31m",
                section: b"",
                offset: 0,
                function: b"\x1b",
                start: u64::MAX,
                within,
                len: 255,
                bytes,
            };
            let words = failed(failure);
            assert!(words.contains("of what the linker added") && !words.contains('\u{1b}'));
        }
    }
}
