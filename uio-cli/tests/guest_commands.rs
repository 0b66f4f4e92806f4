//! The table of the guest's commands, against the guest's engine and the README.

mod common;

use std::fs;
use std::path::Path;

use common::FakeVm;
use uio_cli::cmd::guest_commands::{ALL, find, markdown};

#[test]
fn the_table_has_the_commands_of_the_guest() {
    let vm = FakeVm::new();
    let client = vm.client();
    let commands = &client.guest().commands;
    for name in commands {
        let known = find(name).unwrap_or_else(|| panic!("`{name}` is not in the table"));
        assert!(known.usage.starts_with(name.as_str()));
        assert!(!known.help.is_empty());
    }
    for command in ALL {
        assert!(
            commands.iter().any(|name| name == command.name),
            "no guest has `{}`",
            command.name
        );
    }
    drop(client);
    vm.end();
}

/// `UPDATE=1 cargo test` writes the section anew.
#[test]
fn readme() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let begin = text.find("<!-- commands -->").unwrap();
    let end = text.find("\n## Recorded sessions").unwrap();
    let section = format!("<!-- commands -->\n\n{}", markdown());
    if std::env::var_os("UPDATE").is_some() {
        let new = [&text[..begin], &section, &text[end..]].concat();
        fs::write(&path, new).unwrap();
        return;
    }
    assert_eq!(
        &text[begin..end],
        section,
        "run `UPDATE=1 cargo test -p uio-cli`"
    );
}
