//! Names: renaming, removing, and strange ones.

use std::fs::{self, File};
use std::io::Read;

use crate::Directory;
use crate::check::{Outcome, errno, fails, same_bytes};
use crate::platform;

pub fn rename(directory: &Directory) -> Outcome {
    let [from, to] = ["from", "to"].map(|name| directory.path(name));
    fs::write(&from, "content")?;
    platform::rename(&from, &to)?;
    fails("open the old name", File::open(&from), errno::ENOENT)?;
    same_bytes("content", &fs::read(&to)?, b"content")?;
    fs::write(&from, "newer")?;
    platform::rename(&from, &to)?;
    same_bytes("content after replacing", &fs::read(&to)?, b"newer")?;
    let below = directory.path("below");
    fs::create_dir(&below)?;
    platform::rename(&to, &below.join("moved"))?;
    same_bytes("moved content", &fs::read(below.join("moved"))?, b"newer")?;
    platform::rename(&below, &directory.path("renamed"))?;
    let content = fs::read(directory.path("renamed").join("moved"))?;
    same_bytes("content below a renamed directory", &content, b"newer")?;
    fails(
        "rename a missing one",
        platform::rename(&from, &to),
        errno::ENOENT,
    )
}

pub fn unlink(directory: &Directory) -> Outcome {
    let path = directory.path("unlink");
    fs::write(&path, "soon gone")?;
    let mut open = File::open(&path)?;
    fs::remove_file(&path)?;
    fails("open", File::open(&path), errno::ENOENT)?;
    fails("remove again", fs::remove_file(&path), errno::ENOENT)?;
    let mut content = Vec::new();
    open.read_to_end(&mut content)?;
    same_bytes("what an open handle still reads", &content, b"soon gone")
}

pub fn strange(directory: &Directory) -> Outcome {
    let longest = "n".repeat(255);
    let names = [
        "with space",
        "ünïcödé ✓",
        "-dash",
        "a.b.c",
        "new\nline",
        "quo\"te'",
        "back\\slash",
        longest.as_str(),
    ];
    for name in names {
        let path = directory.path(name);
        fs::write(&path, name)?;
        same_bytes(name, &fs::read(&path)?, name.as_bytes())?;
        fs::remove_file(&path)?;
    }
    let too_long = directory.path(&"n".repeat(256));
    fails(
        "create 256 bytes of name",
        File::create(too_long),
        errno::ENAMETOOLONG,
    )
}
