//! One file: making, opening, reading, writing, seeking, cutting.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

use crate::Directory;
use crate::check::{Outcome, errno, fails, same, same_bytes};
use crate::platform;

pub fn create(directory: &Directory) -> Outcome {
    let path = directory.path("create");
    let mut file = File::create_new(&path)?;
    file.write_all(b"hello, ")?;
    file.write_all(b"host")?;
    drop(file);
    same("size", fs::metadata(&path)?.len(), 11)?;
    same_bytes("content", &fs::read(&path)?, b"hello, host")
}

pub fn create_existing(directory: &Directory) -> Outcome {
    let path = directory.path("existing");
    fs::write(&path, "first")?;
    fails("create_new", File::create_new(&path), errno::EEXIST)?;
    same_bytes("content", &fs::read(&path)?, b"first")
}

pub fn missing(directory: &Directory) -> Outcome {
    let path = directory.path("missing");
    fails("open", File::open(&path), errno::ENOENT)?;
    fails("stat", fs::metadata(&path), errno::ENOENT)?;
    let within = path.join("file");
    fails("create in it", File::create(&within), errno::ENOENT)?;
    let without_create = OpenOptions::new().write(true).open(&path);
    fails("open for writing", without_create, errno::ENOENT)
}

pub fn append(directory: &Directory) -> Outcome {
    let path = directory.path("append");
    fs::write(&path, "one\n")?;
    for line in ["two\n", "three\n"] {
        let mut file = OpenOptions::new().append(true).open(&path)?;
        file.write_all(line.as_bytes())?;
    }
    same_bytes("content", &fs::read(&path)?, b"one\ntwo\nthree\n")
}

pub fn seek(directory: &Directory) -> Outcome {
    let path = directory.path("seek");
    fs::write(&path, "0123456789")?;
    let mut file = File::open(&path)?;
    let mut two = [0; 2];
    same("position", file.seek(SeekFrom::Start(3))?, 3)?;
    file.read_exact(&mut two)?;
    same_bytes("bytes from the start", &two, b"34")?;
    same("position", file.seek(SeekFrom::Current(-4))?, 1)?;
    file.read_exact(&mut two)?;
    same_bytes("bytes from here", &two, b"12")?;
    same("position", file.seek(SeekFrom::End(-2))?, 8)?;
    file.read_exact(&mut two)?;
    same_bytes("bytes from the end", &two, b"89")?;
    same("bytes at the end", file.read(&mut two)?, 0)?;
    fails(
        "seek before the start",
        file.seek(SeekFrom::Current(-11)),
        22,
    )
}

pub fn overwrite(directory: &Directory) -> Outcome {
    let path = directory.path("overwrite");
    fs::write(&path, "0123456789")?;
    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(b"xy")?;
    file.rewind()?;
    let mut all = String::new();
    file.read_to_string(&mut all)?;
    same("content", all.as_str(), "0123xy6789")
}

pub fn truncate(directory: &Directory) -> Outcome {
    let path = directory.path("truncate");
    fs::write(&path, "a long text")?;
    drop(File::create(&path)?);
    same("size", fs::metadata(&path)?.len(), 0)?;
    fs::write(&path, "short")?;
    same_bytes("content", &fs::read(&path)?, b"short")
}

pub fn set_len(directory: &Directory) -> Outcome {
    let path = directory.path("set_len");
    fs::write(&path, "0123456789")?;
    let file = OpenOptions::new().write(true).open(&path)?;
    platform::set_len(&file, 4)?;
    same_bytes("cut content", &fs::read(&path)?, b"0123")?;
    platform::set_len(&file, 6)?;
    same_bytes("extended content", &fs::read(&path)?, b"0123\0\0")
}

pub fn hole(directory: &Directory) -> Outcome {
    let path = directory.path("hole");
    let mut file = File::create(&path)?;
    file.seek(SeekFrom::Start(100_000))?;
    file.write_all(b"end")?;
    drop(file);
    let mut expected = vec![0; 100_000];
    expected.extend(b"end");
    same_bytes("content", &fs::read(&path)?, &expected)
}

pub fn access(directory: &Directory) -> Outcome {
    let path = directory.path("access");
    fs::write(&path, "mine")?;
    let mut reader = File::open(&path)?;
    fails("write to it", reader.write(b"yours"), errno::EBADF)?;
    let mut writer = OpenOptions::new().write(true).open(&path)?;
    fails(
        "read from one for writing",
        writer.read(&mut [0; 4]),
        errno::EBADF,
    )?;
    same_bytes("content", &fs::read(&path)?, b"mine")
}

pub fn two_handles(directory: &Directory) -> Outcome {
    let path = directory.path("two_handles");
    let mut writer = File::create(&path)?;
    let mut reader = File::open(&path)?;
    let mut bytes = [0; 8];
    for round in 0..5u8 {
        writer.write_all(&[round; 8])?;
        reader.read_exact(&mut bytes)?;
        same_bytes("what the other handle reads", &bytes, &[round; 8])?;
    }
    Ok(())
}

pub fn sync(directory: &Directory) -> Outcome {
    let path = directory.path("sync");
    let mut file = File::create(&path)?;
    file.write_all(b"safe")?;
    file.flush()?;
    platform::sync(&file)?;
    same_bytes("content", &fs::read(&path)?, b"safe")
}
