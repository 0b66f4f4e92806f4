//! An interrupt ends a request wherever it waits.

use std::time::Duration;

use uio_console::record::Failure;
use uio_console::{RequestId, ToGuest};

use crate::fake::Host;

fn interrupt(host: &mut Host, id: u32) {
    host.send(&ToGuest::Interrupt { id: RequestId(id) });
}

fn ends_interrupted(host: &mut Host, id: u32) {
    interrupt(host, id);
    let answer = host.exit(id).unwrap();
    assert_eq!(answer.status, Some(130));
    assert_eq!(answer.failures, [Host::text(&Failure::Interrupted)]);
}

#[test]
fn while_it_waits_for_input() {
    let mut host = Host::connected();
    let id = host.start(8192, &["cat"]);
    host.until(|host| host.answer(id).credit != 0).unwrap();
    ends_interrupted(&mut host, id);
}

#[test]
fn while_it_sleeps() {
    let mut host = Host::connected();
    host.platform.log.lock().unwrap().push("line".into());
    let id = host.start(8192, &["log", "-f"]);
    host.until(|host| host.answer(id).records.len() == 1)
        .unwrap();
    host.platform.log.lock().unwrap().push("another".into());
    host.until(|host| host.answer(id).records.len() == 2)
        .unwrap();
    ends_interrupted(&mut host, id);
}

#[test]
fn while_it_waits_for_credit() {
    let mut host = Host::connected();
    host.generous = false;
    host.files.add("/uio/big", &[0; 9000]);
    for credit in [0, 5, 812] {
        let id = host.start(credit, &["cat", "big"]);
        host.poll(Duration::from_millis(10));
        interrupt(&mut host, id);
        let answer = host.exit(id).unwrap();
        assert_eq!(answer.status, Some(130));
        assert!(answer.cost <= credit as usize, "{answer:?}");
    }
    // A record, not data.
    let id = host.start(532, &["help"]);
    host.poll(Duration::from_millis(10));
    interrupt(&mut host, id);
    assert_eq!(host.exit(id).unwrap().status, Some(130));
}

#[test]
fn while_it_waits_for_room() {
    let mut host = Host::connected();
    host.files.add("/uio/big", &[0; 90_000]);
    host.channel.set_room(0);
    let id = host.start(1 << 20, &["cat", "big"]);
    std::thread::sleep(Duration::from_millis(10));
    interrupt(&mut host, id);
    std::thread::sleep(Duration::from_millis(10));
    host.channel.set_room(8);
    let answer = host.exit(id).unwrap();
    assert_eq!(answer.status, Some(130));
    assert!(answer.stdout.is_empty());
}

#[test]
fn while_it_copies() {
    let mut host = Host::connected();
    host.files.add("/uio/big", &[7; 1 << 20]);
    host.files.set_short(1);
    let id = host.start(8192, &["cp", "big", "copy"]);
    std::thread::sleep(Duration::from_millis(5));
    ends_interrupted(&mut host, id);
    assert_eq!(host.files.open_files(), 0);
}

#[test]
fn the_interface_of_programs_reports_it() {
    let mut host = Host::connected();
    let engine = host.engine;
    let id = host.start(8192, &["cat"]);
    host.until(|host| host.answer(id).credit != 0).unwrap();
    // The request runs on worker 0; its job is what a program there would use.
    let job = engine.job(0);
    assert!(!job.interrupted());
    assert_eq!(job.write(1, b"to stdout"), 9);
    assert_eq!(job.write(2, b"to stderr"), 9);
    assert_eq!(job.write(3, b"nowhere"), -9);
    assert_eq!(job.sleep_ms(1), 0);
    host.until(|host| host.answer(id).stderr == b"to stderr")
        .unwrap();
    assert_eq!(host.answer(id).stdout, b"to stdout");
    interrupt(&mut host, id);
    host.exit(id).unwrap();
    // The slot is free: every call on it fails, and none hangs.
    assert!(job.interrupted());
    assert_eq!(job.write(1, b"x"), -4);
    assert_eq!(job.read(&mut [0; 4]), -4);
    assert_eq!(job.sleep_ms(1000), -4);
}

#[test]
fn a_job_is_killed_by_its_number() {
    let mut host = Host::connected();
    let id = host.start(8192, &["cat"]);
    host.until(|host| host.answer(id).credit != 0).unwrap();
    let jobs = host.run(&["jobs"]);
    let mut numbers = jobs.records().map(|record| match record {
        uio_console::record::Record::Job(job) => (job.number, job.name.to_vec(), job.task),
        other => panic!("{other:?}"),
    });
    let (number, name, task) = numbers.next().unwrap();
    assert_eq!((&name[..], task), (&b"cat"[..], 3));
    assert_eq!(numbers.next().unwrap().1, b"jobs");
    let target = std::format!("%{number}");
    assert_eq!(host.run(&["kill", &target]).status, Some(0));
    assert_eq!(host.exit(id).unwrap().status, Some(130));
    let again = host.run(&["kill", &target]);
    assert_eq!(again.status, Some(1));
    let gone = Failure::Os { arg: 1, errno: 3 };
    assert_eq!(again.failures, [Host::text(&gone)]);
}
