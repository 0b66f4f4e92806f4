//! The programs of `demos/programs`: what their README says that they print.

use std::path::{Path, PathBuf};

use uio_build::cc;
use uio_console::{RequestId, ToGuest};
use uio_core::isolation::Policy;

use super::guest::{Guest, Room};
use super::transcript;

fn demos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../demos/programs")
}

/// Compiles every program to the share.
fn compile(guest: &Guest) {
    let room = Room::new();
    let options = cc::Options {
        target_dir: Some(room.0.join("built")),
        ..cc::Options::default()
    };
    for entry in std::fs::read_dir(demos()).unwrap().flatten() {
        let source = entry.path();
        let name = source.file_stem().unwrap().to_str().unwrap().to_owned();
        if !source.join("Cargo.toml").is_file() && source.extension().is_none_or(|kind| kind != "c")
        {
            continue;
        }
        let out = room.0.join("program.o");
        let summary = cc::compile(&[source], &out, &options).unwrap();
        assert_eq!(summary.warnings, "", "{name}");
        let path = format!("/uio/{name}.o");
        guest.host.files.add(&path, &std::fs::read(out).unwrap());
    }
}

/// Runs a command with this input; what it printed, and its status.
fn run(guest: &mut Guest, words: &[String], input: Option<&[u8]>) -> (String, i32) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let id = guest.host.start(8192, &words);
    if let Some(data) = input {
        guest.host.until(|host| host.answer(id).credit > 0).unwrap();
        let id = RequestId(id);
        // In pieces that end in the middle of lines.
        for data in data.chunks(50) {
            guest.host.send(&ToGuest::Stdin { id, data });
        }
        guest.host.send(&ToGuest::StdinEnd { id });
    }
    let answer = guest.host.exit(id).unwrap();
    assert_eq!(answer.failures, Vec::<String>::new(), "{words:?}");
    let text = [answer.stdout, answer.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (text, answer.status.unwrap())
}

#[test]
fn the_transcript_is_what_they_print() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    compile(&guest);
    let sample = std::fs::read(demos().join("sample.log")).unwrap();
    guest.host.files.add("/uio/sample.log", &sample);
    let steps = transcript::steps(&std::fs::read_to_string(demos().join("README.md")).unwrap());
    assert!(steps.len() > 15, "{}", steps.len());
    let mut status = 0;
    for step in steps {
        let output = match step.in_guest() {
            None => {
                assert_eq!(step.command, "echo $?");
                format!("{status}\n")
            }
            Some(command) => {
                let observe = command.options == ["--policy", "observe"];
                assert!(observe || command.options.is_empty());
                *guest.native.policy.lock().unwrap() = match observe {
                    true => Policy::Observe,
                    false => Policy::Control,
                };
                let input = command.input;
                let input = input.map(|file| std::fs::read(demos().join(file)).unwrap());
                let (text, ended) = run(&mut guest, &command.words, input.as_deref());
                status = ended;
                text
            }
        };
        if let Some(mismatch) = step.mismatch(&output) {
            panic!("{mismatch}");
        }
    }
}
