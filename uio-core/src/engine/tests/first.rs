use std::vec::Vec;

use uio_console::record::Record;

use crate::fake::Host;

#[test]
fn commands_answer() {
    let mut host = Host::connected();
    assert!(
        host.session[0].contains("help ls cat"),
        "{:?}",
        host.session
    );
    assert_eq!(host.run(&["exit", "7"]).status, Some(7));
    let answer = host.run(&["version"]);
    assert_eq!(answer.status, Some(0));
    assert!(matches!(
        answer.records().next(),
        Some(Record::Version {
            kernel: "hermit 0.11.0",
            ..
        })
    ));
    let answer = host.run(&["ps"]);
    assert_eq!(answer.records().count(), 3 + 1);
    host.files.add("/uio/a", b"hello");
    host.files.add_directory("/uio/www");
    let answer = host.run(&["ls"]);
    let names: Vec<_> = answer
        .records()
        .map(|record| match record {
            Record::Entry(entry) => entry.name.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, [b"a".to_vec(), b"www".to_vec()]);
    let big: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    host.files.add("/uio/big", &big);
    assert_eq!(host.run(&["cat", "a", "/uio/big"]).stdout[5..], big);
    assert_eq!(host.run(&["nonsense"]).status, Some(127));
}
