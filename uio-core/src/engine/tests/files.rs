//! The commands for files.

use std::string::{String, ToString};
use std::vec::Vec;

use uio_console::record::{Failure, Kind, Record, UsageProblem};

use crate::fake::{Answer, Host};

fn names(answer: &Answer) -> Vec<String> {
    let name = |record| match record {
        Record::Entry(entry) => String::from_utf8(entry.name.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    answer.records().map(name).collect()
}

fn errno(arg: u8, errno: i32) -> String {
    Host::text(&Failure::Os { arg, errno })
}

/// Runs a command that fails with status 1 and exactly these failures.
fn fails(host: &mut Host, args: &[&str], failures: &[String]) {
    let answer = host.run(args);
    assert_eq!(answer.failures, failures, "{args:?}");
    assert_eq!(answer.status, Some(1), "{args:?}");
}

fn succeeds(host: &mut Host, args: &[&str]) -> Answer {
    let answer = host.run(args);
    assert_eq!(answer.failures, [""; 0], "{args:?}");
    assert_eq!(answer.status, Some(0), "{args:?}");
    answer
}

fn sample() -> Host {
    let host = Host::connected();
    host.files.add("/uio/a", b"first");
    host.files.add("/uio/b", b"second");
    host.files.add("/uio/.hidden", b"");
    host.files.add_directory("/uio/dir");
    host.files.add("/uio/dir/c", b"third");
    host.files.add("/tmp/log", b"in memory");
    host
}

#[test]
fn ls_lists() {
    let mut host = sample();
    assert_eq!(names(&succeeds(&mut host, &["ls"])), ["a", "b", "dir"]);
    assert_eq!(
        names(&succeeds(&mut host, &["ls", "-la", "/uio/"])).len(),
        4
    );
    assert_eq!(names(&succeeds(&mut host, &["ls", "a"])), ["a"]);
    assert_eq!(
        names(&succeeds(&mut host, &["ls", "-l", "a", "dir"])),
        ["a", "dir/c"]
    );
    assert_eq!(names(&succeeds(&mut host, &["ls", "/"])), ["tmp", "uio"]);
    assert_eq!(
        names(&succeeds(&mut host, &["ls", "dir", "/tmp"])),
        ["dir/c", "/tmp/log"]
    );
    let answer = host.run(&["ls", "none", "a", "a/b"]);
    assert_eq!(answer.failures, [errno(1, 2), errno(3, 20)]);
    assert_eq!(names(&answer), ["a"]);
    host.files.detach();
    assert_eq!(names(&succeeds(&mut host, &["ls"])), ["tmp", "uio"]);
    fails(
        &mut host,
        &["ls", "/uio"],
        &[Host::text(&Failure::NoShare { arg: 1 })],
    );
}

#[test]
fn ls_looks_at_the_files_only_when_asked() {
    let mut host = sample();
    let told = |host: &mut Host, args: &[&str]| -> Vec<_> {
        let entry = |record| match record {
            Record::Entry(entry) => (entry.kind, entry.stat.map(|stat| (stat.kind, stat.size))),
            other => panic!("{other:?}"),
        };
        succeeds(host, args).records().map(entry).collect()
    };
    let (file, directory) = (Kind::File, Kind::Directory);
    assert_eq!(
        told(&mut host, &["ls", "/uio"]),
        [(file, None), (file, None), (directory, None)]
    );
    assert_eq!(
        told(&mut host, &["ls", "-l", "/uio"]),
        [
            (file, Some((file, 5))),
            (file, Some((file, 6))),
            (directory, Some((directory, 0)))
        ]
    );
    assert_eq!(told(&mut host, &["ls", "a"]), [(file, None)]);
    assert_eq!(
        told(&mut host, &["ls", "-l", "a"]),
        [(file, Some((file, 5)))]
    );
}

#[test]
fn cat_goes_on_after_a_failure() {
    let mut host = sample();
    let answer = host.run(&[
        "cat",
        "a",
        "none",
        "./dir/../b",
        "dir",
        "--",
        "-x",
        "/uio/dir/c",
    ]);
    assert_eq!(answer.stdout, b"firstsecondthird");
    assert_eq!(answer.failures, [errno(2, 2), errno(4, 21), errno(6, 2)]);
    assert_eq!(answer.status, Some(1));
    let big: Vec<u8> = (0..200_000u32).map(|n| (n / 3) as u8).collect();
    host.files.add("/uio/big", &big);
    host.files.set_short(999);
    assert!(succeeds(&mut host, &["cat", "big"]).stdout == big);
    host.files.set_short(0);
    host.files.set_bad_from(50_000);
    let answer = host.run(&["cat", "big"]);
    assert_eq!(answer.failures, [errno(1, 5)]);
    assert!(big.starts_with(&answer.stdout) && !answer.stdout.is_empty());
    assert_eq!(host.files.open_files(), 0);
}

#[test]
fn cp_copies() {
    let mut host = sample();
    let answer = succeeds(&mut host, &["cp", "/tmp/log", "a", "dir"]);
    assert_eq!(answer.records().last(), Some(Record::Copied { bytes: 14 }));
    assert_eq!(host.files.contents("/uio/dir/log").unwrap(), b"in memory");
    assert_eq!(host.files.contents("/uio/dir/a").unwrap(), b"first");
    succeeds(&mut host, &["cp", "b", "a"]);
    assert_eq!(host.files.contents("/uio/a").unwrap(), b"second");
    let big: Vec<u8> = (0..300_000u32).map(|n| (n / 5) as u8).collect();
    host.files.add("/uio/big", &big);
    host.files.set_short(7777);
    succeeds(&mut host, &["cp", "big", "/tmp/"]);
    assert!(host.files.contents("/tmp/big").unwrap() == big);
}

#[test]
fn cp_copies_trees_only_when_asked() {
    let mut host = sample();
    host.files.add_directory("/uio/dir/deep");
    host.files.add("/uio/dir/deep/d", b"fourth");
    fails(&mut host, &["cp", "dir", "/tmp"], &[errno(1, 21)]);
    assert!(!host.files.exists("/tmp/dir"));
    succeeds(&mut host, &["cp", "-r", "dir", "/tmp"]);
    assert_eq!(host.files.contents("/tmp/dir/deep/d").unwrap(), b"fourth");
    // Once more, onto what is there.
    succeeds(&mut host, &["cp", "-R", "dir", "/tmp"]);
    // Not into itself.
    fails(&mut host, &["cp", "-r", "dir", "dir/deep"], &[errno(3, 22)]);
    fails(&mut host, &["cp", "-r", "/", "/tmp"], &[errno(3, 22)]);
}

#[test]
fn cp_refuses_what_would_lose_something() {
    let mut host = sample();
    fails(&mut host, &["cp", "a", "./dir/../a"], &[errno(2, 22)]);
    assert_eq!(host.files.contents("/uio/a").unwrap(), b"first");
    fails(&mut host, &["cp", "a", "b", "/tmp/log"], &[errno(3, 20)]);
    assert_eq!(host.files.contents("/tmp/log").unwrap(), b"in memory");
    fails(&mut host, &["cp", "none", "a"], &[errno(1, 2)]);
    fails(&mut host, &["cp", "a", "nowhere/x"], &[errno(2, 2)]);
    fails(&mut host, &["cp", "a", "new/"], &[errno(2, 20)]);
    // A source that cannot be read leaves the target as it is.
    host.files.add("/uio/bad", &[0; 9000]);
    host.files.set_bad_from(0);
    host.files.set_read_only(true);
    fails(&mut host, &["cp", "a", "b"], &[errno(2, 30)]);
    assert_eq!(host.files.contents("/uio/b").unwrap(), b"second");
}

#[test]
fn a_full_share_is_told_and_nothing_is_removed() {
    let mut host = sample();
    host.files.add("/tmp/big", &[9; 50_000]);
    host.files.set_space(Some(10_000));
    fails(&mut host, &["cp", "/tmp/big", "/uio/"], &[errno(2, 28)]);
    assert_eq!(host.files.contents("/tmp/big").unwrap().len(), 50_000);
    host.files.set_space(Some(10_000));
    fails(&mut host, &["mv", "/tmp/big", "/uio/"], &[errno(2, 28)]);
    assert_eq!(host.files.contents("/tmp/big").unwrap().len(), 50_000);
    assert_eq!(host.files.open_files(), 0);
}

#[test]
fn mv_renames_and_crosses_file_systems() {
    let mut host = sample();
    succeeds(&mut host, &["mv", "a", "dir"]);
    assert_eq!(host.files.contents("/uio/dir/a").unwrap(), b"first");
    assert!(!host.files.exists("/uio/a"));
    succeeds(&mut host, &["mv", "dir", "/tmp/moved"]);
    assert_eq!(host.files.contents("/tmp/moved/c").unwrap(), b"third");
    assert!(!host.files.exists("/uio/dir"));
    succeeds(&mut host, &["mv", "/tmp/log", "/uio/b"]);
    assert_eq!(host.files.contents("/uio/b").unwrap(), b"in memory");
    assert!(!host.files.exists("/tmp/log"));
    fails(&mut host, &["mv", "b", "b"], &[errno(2, 22)]);
    assert!(host.files.exists("/uio/b"));
}

#[test]
fn rm_removes() {
    let mut host = sample();
    succeeds(&mut host, &["rm", "a"]);
    assert!(!host.files.exists("/uio/a"));
    fails(&mut host, &["rm", "a", "dir"], &[errno(1, 2), errno(2, 21)]);
    assert!(host.files.exists("/uio/dir/c"));
    succeeds(&mut host, &["rm", "-rf", "a", "dir"]);
    assert!(!host.files.exists("/uio/dir"));
    for path in ["/", "/uio", "/uio/", "/uio/x/.."] {
        fails(&mut host, &["rm", "-r", path], &[errno(2, 16)]);
    }
    assert!(host.files.exists("/uio/b"));
    host.files.set_read_only(true);
    fails(&mut host, &["rm", "b"], &[errno(1, 30)]);
}

#[test]
fn mkdir_makes() {
    let mut host = sample();
    succeeds(&mut host, &["mkdir", "new", "/uio/new/er"]);
    assert!(host.files.exists("/uio/new/er"));
    fails(
        &mut host,
        &["mkdir", "new", "x/y"],
        &[errno(1, 17), errno(2, 2)],
    );
    succeeds(&mut host, &["mkdir", "-p", "new", "x/y/z"]);
    assert!(host.files.exists("/uio/x/y/z"));
    fails(&mut host, &["mkdir", "-p", "a/b"], &[errno(2, 17)]);
}

#[test]
fn stat_tells() {
    let mut host = sample();
    let answer = host.run(&["stat", "a", "none", "dir"]);
    let kinds: Vec<_> = answer
        .records()
        .map(|record| match record {
            Record::Stat(stat) => (stat.kind, stat.size),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [(Kind::File, 5), (Kind::Directory, 0)]);
    assert_eq!(answer.failures, [errno(2, 2)]);
    let missing = Failure::Usage {
        arg: 0,
        problem: UsageProblem::Missing,
    };
    let answer = host.run(&["stat"]);
    assert_eq!(answer.failures, [Host::text(&missing)]);
    assert_eq!(answer.status, Some(2));
}

#[test]
fn hexdump_shows_a_part() {
    let mut host = sample();
    let text: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
    host.files.add("/uio/bytes", &text);
    let dump = |host: &mut Host, args: &[&str]| {
        let answer = succeeds(host, args);
        let mut at = None;
        let mut all = Vec::new();
        for record in answer.records() {
            let Record::Bytes { at: from, data } = record else {
                panic!("{record:?}");
            };
            let start = *at.get_or_insert(from);
            assert_eq!(from, start + all.len() as u64);
            all.extend_from_slice(data);
        }
        (at, all)
    };
    assert_eq!(
        dump(&mut host, &["hexdump", "bytes"]),
        (Some(0), text.clone())
    );
    let part = dump(&mut host, &["hexdump", "-s", "0x10", "-n3000", "bytes"]);
    assert_eq!(part, (Some(16), text[16..3016].to_vec()));
    let none = dump(&mut host, &["hexdump", "-s", "10000", "bytes"]);
    assert_eq!(none, (None, Vec::new()));
    for (args, arg, problem) in [
        (&["hexdump"][..], 0, UsageProblem::Missing),
        (&["hexdump", "a", "b"], 2, UsageProblem::Extra),
        (&["hexdump", "-n", "many", "a"], 2, UsageProblem::NotANumber),
        (&["hexdump", "a", "-n"], 2, UsageProblem::Missing),
    ] {
        let answer = host.run(args);
        assert_eq!(
            answer.failures,
            [Host::text(&Failure::Usage { arg, problem })]
        );
        assert_eq!(answer.status, Some(2));
    }
    let empty = "".to_string();
    fails(&mut host, &["hexdump", &empty], &[errno(1, 2)]);
}

#[test]
fn a_tree_that_is_too_deep_is_left_alone() {
    let mut host = Host::connected();
    let mut path = "/uio".to_string();
    for _ in 0..40 {
        path.push_str("/d");
        host.files.add_directory(&path);
    }
    fails(&mut host, &["cp", "-r", "d", "/tmp"], &[errno(2, 40)]);
    fails(&mut host, &["rm", "-r", "d"], &[errno(2, 40)]);
    assert!(host.files.exists(&path));
}
