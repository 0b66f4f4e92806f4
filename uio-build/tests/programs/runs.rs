//! Programs that run.

use uio_console::record::Record;

use super::guest::{Guest, make_image};

#[test]
fn output_arguments_and_status_come_through() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/hello.o",
        "#include <uio.h>\n\
         int main(int argc, char **argv) {\n\
             for (int i = 0; i < argc; ++i) uio_printf(\"%d: %s\\n\", i, argv[i]);\n\
             uio_dprintf(2, \"%s\", \"to the other stream\");\n\
             return argc + 40;\n\
         }",
    );
    for cached in [false, true] {
        let answer = guest.run(&["run", "/uio/hello.o", "one", "", "-v", "three words here"]);
        assert_eq!(answer.failures, Vec::<String>::new());
        assert_eq!(
            String::from_utf8(answer.stdout.clone()).unwrap(),
            "0: /uio/hello.o\n1: one\n2: \n3: -v\n4: three words here\n"
        );
        assert_eq!(answer.stderr, b"to the other stream");
        assert_eq!(answer.status, Some(45));
        let records: Vec<_> = answer.records().collect();
        let loaded = matches!(records[..], [Record::Loaded { size }] if size % 4096 == 0);
        assert_eq!((loaded, records.len()), (!cached, usize::from(!cached)));
    }
    // A relative path starts at the share.
    assert_eq!(guest.run(&["run", "hello.o"]).status, Some(41));
}

#[test]
fn the_image_is_read_written_and_called() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/image.o",
        "#include <uio.h>\n\
         extern int requests, local_secret;\n\
         extern int bump(int by);\n\
         extern int twice(int x) UIO_PATH(\"web::twice\");\n\
         int main(void) {\n\
             int before = requests;\n\
             if (local_secret != 7) return 1;\n\
             if (bump(1) != before + 1 || requests != before + 1) return 2;\n\
             requests = before;\n\
             if (twice(21) != 42) return 3;\n\
             uio_printf(\"%d\\n\", requests);\n\
             return 0;\n\
         }",
    );
    let answer = guest.run(&["run", "/uio/image.o"]);
    assert_eq!((answer.status, answer.failures), (Some(0), vec![]));
    assert_eq!(answer.stdout, b"41\n");

    let answer = guest.run(&["sym", "requests", "web::twice", "hermit.nothing"]);
    assert_eq!(answer.status, Some(1));
    assert_eq!(answer.failures.len(), 1);
    let mut addresses = Vec::new();
    for record in answer.records() {
        let Record::Symbol(symbol) = record else {
            panic!("{record:?}")
        };
        addresses.push((symbol.name.to_vec(), symbol.address, symbol.function));
    }
    assert_eq!(addresses.len(), 2);
    assert_eq!(
        (&addresses[0].0[..], addresses[0].2),
        (&b"requests"[..], false)
    );
    assert_eq!(
        (&addresses[1].0[..], addresses[1].2),
        (&b"_ZN3web5twice17h0123456789abcdefE"[..], true)
    );
    let inside = format!("{:#x}", addresses[1].1 + 2);
    let answer = guest.run(&["addr", &inside, "0x10", "0x200000"]);
    assert_eq!((answer.status, answer.failures.len()), (Some(1), 2));
    assert!(
        matches!(answer.records().next(), Some(Record::Symbol(symbol)) if symbol.offset == 2 && symbol.address == addresses[1].1)
    );
    assert_eq!(guest.run(&["addr", "twelve"]).status, Some(2));
    assert_eq!(guest.run(&["sym"]).status, Some(2));
}

#[test]
fn each_run_starts_with_fresh_data() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/count.o",
        "#include <uio.h>\n\
         static int data = 5; static int zero; static char large[100000];\n\
         __attribute__((constructor)) static void begin(void) { ++data; }\n\
         int main(void) {\n\
             for (unsigned i = 0; i < sizeof large; ++i) { if (large[i]) return 99; large[i] = 1; }\n\
             return 10 * ++data + ++zero;\n\
         }",
    );
    for _ in 0..3 {
        assert_eq!(guest.run(&["run", "/uio/count.o"]).status, Some(71));
    }
    assert_eq!(
        guest
            .native
            .regions
            .load(std::sync::atomic::Ordering::SeqCst),
        1
    );
}

#[test]
fn standard_input_is_read_and_exit_ends_at_once() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/upper.o",
        "#include <uio.h>\n\
         static void inner(void) { uio_exit(17); }\n\
         int main(void) {\n\
             char bytes[16]; long len;\n\
             while ((len = uio_fd_read(0, bytes, sizeof bytes)) > 0) {\n\
                 for (long i = 0; i < len; ++i) if (bytes[i] >= 'a' && bytes[i] <= 'z') bytes[i] -= 32;\n\
                 if (uio_write_all(1, bytes, (unsigned long)len) < 0) return 1;\n\
             }\n\
             inner();\n\
             return 2;\n\
         }",
    );
    let id = guest.host.start(8192, &["run", "/uio/upper.o"]);
    guest.host.until(|host| host.answer(id).credit > 0).unwrap();
    let id = uio_console::RequestId(id);
    guest.host.send(&uio_console::ToGuest::Stdin {
        id,
        data: b"some words, more than sixteen",
    });
    guest.host.send(&uio_console::ToGuest::StdinEnd { id });
    let answer = guest.host.exit(id.0).unwrap();
    assert_eq!(
        (answer.status, answer.stdout),
        (Some(17), b"SOME WORDS, MORE THAN SIXTEEN".to_vec())
    );
}

#[test]
fn an_interrupted_program_ends() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/wait.o",
        "#include <uio.h>\n\
         int main(void) { uio_puts(\"waiting\"); while (uio_sleep_ms(10000) == 0) {} return uio_interrupted() ? 3 : 4; }",
    );
    let id = guest.host.start(8192, &["run", "/uio/wait.o"]);
    guest
        .host
        .until(|host| host.answer(id).stdout == b"waiting\n")
        .unwrap();
    guest.host.send(&uio_console::ToGuest::Interrupt {
        id: uio_console::RequestId(id),
    });
    let answer = guest.host.exit(id).unwrap();
    assert_eq!(answer.status, Some(3));
    assert_eq!(guest.host.isolation.interrupts.lock().unwrap().len(), 1);
}

#[test]
fn cxx_programs_run() {
    use uio_build::cc;
    let Some(mut guest) = Guest::new() else {
        return;
    };
    if std::process::Command::new("g++")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: g++ is not installed");
        return;
    }
    let room = super::guest::Room::new();
    let main = room.write(
        "main.cpp",
        "#include <uio.h>\n\
         struct Log { Log() { uio_puts(\"constructed\"); } int value = 12; };\n\
         static Log log;\n\
         int helper(int);\n\
         template <typename T> T add(T a, T b) { return a + b; }\n\
         int main() { return add(log.value, helper(30)); }",
    );
    let helper = room.write("helper.cc", "int helper(int x) { return x; }");
    let out = room.0.join("both.o");
    let summary = cc::compile(&[main, helper], &out, &cc::Options::default()).unwrap();
    assert_eq!(
        (summary.warnings.as_str(), summary.bytes),
        ("", std::fs::metadata(&out).unwrap().len())
    );
    guest
        .host
        .files
        .add("/uio/both.o", &std::fs::read(&out).unwrap());
    let answer = guest.run(&["run", "/uio/both.o"]);
    assert_eq!(
        (answer.status, answer.stdout, answer.failures),
        (Some(42), b"constructed\n".to_vec(), vec![])
    );
}

#[test]
fn an_index_that_is_replaced_is_read_anew() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    assert_eq!(guest.run(&["sym", "requests"]).status, Some(0));
    // In place, as a copying tool does it, while the guest has it open.
    let (_, other) = make_image("0x0123456789");
    guest.host.files.add("/uio/.uio/symbols", &other);
    let answer = guest.run(&["sym", "bump"]);
    // The index that was open still is, or the new one is refused; never is it taken for the old one.
    match answer.status {
        Some(0) => assert_eq!(answer.failures, Vec::<String>::new()),
        status => assert_eq!((status, answer.failures.len()), (Some(1), 1)),
    }
}
