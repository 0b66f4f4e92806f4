//! Much of everything: bytes and open files.

use std::fs::{self, File};
use std::io::{Read, Write};

use crate::Directory;
use crate::check::{Outcome, same, same_bytes};

/// Bytes of the large file.
const LARGE: usize = 1 << 20;
/// Files that are open at once.
const OPEN: usize = 48;

/// The bytes of the large file.
pub fn pattern() -> Vec<u8> {
    (0..LARGE).map(|i| (i * 7 % 251) as u8).collect()
}

pub fn large(directory: &Directory) -> Outcome {
    let path = directory.kept().join("pattern");
    let bytes = pattern();
    let mut file = File::create_new(&path)?;
    // Pieces below, at and above every size that messages have.
    let mut rest = &bytes[..];
    for size in [1, 511, 4096, 4097, 65_537, 300_001].into_iter().cycle() {
        let (piece, left) = rest.split_at(size.min(rest.len()));
        file.write_all(piece)?;
        rest = left;
        if rest.is_empty() {
            break;
        }
    }
    drop(file);
    same("size", fs::metadata(&path)?.len(), LARGE as u64)?;
    same_bytes("content", &fs::read(&path)?, &bytes)?;

    let mut file = File::open(&path)?;
    let mut odd = vec![0; 12_345];
    let mut at = 0;
    loop {
        let count = file.read(&mut odd)?;
        if count == 0 {
            break;
        }
        let expected = bytes.get(at..at + count).unwrap_or_default();
        same_bytes("a piece", &odd[..count], expected)?;
        at += count;
    }
    same("bytes in pieces", at, LARGE)
}

pub fn many_open(directory: &Directory) -> Outcome {
    let mut files = Vec::new();
    for number in 0..OPEN {
        let path = directory.path(&format!("open-{number}"));
        fs::write(&path, [number as u8; 16])?;
        files.push(File::open(&path)?);
    }
    for (number, file) in files.iter_mut().enumerate().rev() {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        same_bytes("content of one of many", &bytes, &[number as u8; 16])?;
    }
    Ok(())
}
