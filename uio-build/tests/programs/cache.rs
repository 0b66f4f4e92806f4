//! Programs that stay in memory.

use std::sync::atomic::Ordering::SeqCst;

use uio_console::record::Record;
use uio_console::{RequestId, ToGuest};

use super::guest::Guest;

/// Waits for a byte of standard input, then returns what its data say.
const WAITS: &str = "#include <uio.h>\n\
    static int runs = 10;\n\
    int main(void) { char c; uio_puts(\"up\"); while (uio_fd_read(0, &c, 1) > 0) ++runs; return ++runs; }";

/// What `programs` lists: path, runs, running.
fn programs(guest: &mut Guest) -> Vec<(String, u32, u16)> {
    let answer = guest.run(&["programs"]);
    assert_eq!(answer.status, Some(0));
    let list = answer.records().map(|record| match record {
        Record::Program(program) => (
            String::from_utf8(program.path.to_vec()).unwrap(),
            program.runs,
            program.running,
        ),
        other => panic!("{other:?}"),
    });
    list.collect()
}

fn bytes(guest: &mut Guest) -> u64 {
    match guest.run(&["free"]).records().next() {
        Some(Record::Memory(memory)) => memory.programs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_file_is_loaded_again() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    for status in [1, 2, 3] {
        guest.compile(
            "/uio/a.o",
            &format!("int main(void) {{ return {status}; }}"),
        );
        assert_eq!(guest.run(&["run", "/uio/a.o"]).status, Some(status));
        assert_eq!(guest.run(&["run", "/uio/a.o"]).status, Some(status));
        assert_eq!(programs(&mut guest), [("/uio/a.o".into(), 2, 0)]);
    }
    assert_eq!(guest.native.regions.load(SeqCst), 1);
    assert_eq!(guest.host.files.open_files(), 0);
}

#[test]
fn runs_at_once_have_their_own_data_and_cannot_be_unloaded() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile("/uio/waits.o", WAITS);
    let ids: Vec<u32> = (0..3)
        .map(|_| guest.host.start(8192, &["run", "/uio/waits.o"]))
        .collect();
    for &id in &ids {
        guest
            .host
            .until(|host| host.answer(id).stdout == b"up\n" && host.answer(id).credit > 0)
            .unwrap();
    }
    assert_eq!(
        programs(&mut guest),
        [
            ("/uio/waits.o".into(), 1, 1),
            ("/uio/waits.o".into(), 1, 1),
            ("/uio/waits.o".into(), 1, 1)
        ]
    );
    for args in [&["unload", "/uio/waits.o"][..], &["unload", "--all"]] {
        let answer = guest.run(args);
        assert_eq!(answer.status, Some(1), "{args:?}");
        assert!(
            answer.failures[0].contains("ProgramRuns"),
            "{:?}",
            answer.failures
        );
    }
    for (extra, &id) in ids.iter().enumerate() {
        let data = &b"xyz"[..extra];
        guest.host.send(&ToGuest::Stdin {
            id: RequestId(id),
            data,
        });
        guest.host.send(&ToGuest::StdinEnd { id: RequestId(id) });
        assert_eq!(guest.host.exit(id).unwrap().status, Some(11 + extra as i32));
    }
    // One copy is enough for the next run.
    assert_eq!(programs(&mut guest), [("/uio/waits.o".into(), 1, 0)]);
    assert!(bytes(&mut guest) >= 8192);
    assert_eq!(guest.run(&["unload", "/uio/waits.o"]).status, Some(0));
    assert_eq!(programs(&mut guest), []);
    assert_eq!(
        (bytes(&mut guest), guest.native.regions.load(SeqCst)),
        (0, 0)
    );
    assert_eq!(guest.run(&["unload", "/uio/waits.o"]).status, Some(1));
    assert_eq!(guest.run(&["unload", "--all"]).status, Some(0));
    assert_eq!(guest.run(&["unload"]).status, Some(2));
}

#[test]
fn idle_programs_give_way_to_new_ones() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    // Four of them fill the memory that programs may have; five do not fit.
    let source = "static char large[15 << 20]; int main(int c, char **v) { (void)v; large[c] = 1; return large[0]; }";
    guest.compile("/uio/0.o", source);
    let object = guest.host.files.contents("/uio/0.o").unwrap();
    for number in 0..6 {
        let path = format!("/uio/{number}.o");
        guest.host.files.add(&path, &object);
        assert_eq!(guest.run(&["run", &path]).status, Some(0));
        // Keeps the first one from being the oldest.
        assert_eq!(guest.run(&["run", "/uio/0.o"]).status, Some(0));
    }
    let mut paths: Vec<String> = programs(&mut guest)
        .into_iter()
        .map(|program| program.0)
        .collect();
    paths.sort();
    assert_eq!(paths, ["/uio/0.o", "/uio/3.o", "/uio/4.o", "/uio/5.o"]);
    assert_eq!(guest.native.regions.load(SeqCst), 4);

    // As many small ones as there are slots, and one more.
    guest.compile("/uio/small.o", "int main(void) { return 0; }");
    let small = guest.host.files.contents("/uio/small.o").unwrap();
    for number in 0..40 {
        let path = format!("/uio/small{number}.o");
        guest.host.files.add(&path, &small);
        assert_eq!(guest.run(&["run", &path]).status, Some(0), "{path}");
    }
    assert_eq!(programs(&mut guest).len(), 32);
    assert_eq!(guest.run(&["unload", "--all"]).status, Some(0));
    assert_eq!(guest.native.regions.load(SeqCst), 0);
}

#[test]
fn a_thousand_loads_leave_nothing_behind() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/one.o",
        "#include <uio.h>\nextern int requests; int main(void) { return requests > 0; }",
    );
    for _ in 0..1000 {
        assert_eq!(guest.run(&["run", "/uio/one.o"]).status, Some(1));
        assert_eq!(guest.run(&["unload", "/uio/one.o"]).status, Some(0));
    }
    assert_eq!(
        (bytes(&mut guest), guest.native.regions.load(SeqCst)),
        (0, 0)
    );
    // The index stays open, and nothing else.
    assert_eq!(guest.host.files.open_files(), 1);
}
