//! Guest instructions, counted live by the plugin `xtask/plugin/icount.c`.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The plugin's source.
const SOURCE: &str = include_str!("../../plugin/icount.c");

/// What the file begins with once the plugin is ready.
const READY: u64 = 0x746e_756f_6369;

/// Where the marks are in the file.
const MARKS: u64 = 64;

/// Where the table of blocks is in the file.
const TABLE: u64 = 4096;

/// Bytes of an entry of the table.
const ENTRY: usize = 24;

/// Compiles the plugin into `dir`.
///
/// # Errors
/// Says what the compiler said, or that there is none.
pub fn build(dir: &Path) -> Result<PathBuf> {
    let source = dir.join("icount.c");
    let plugin = dir.join("icount.so");
    std::fs::write(&source, SOURCE).with_context(|| source.display().to_string())?;
    let output = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&plugin)
        .arg(&source)
        .output()
        .context("no C compiler `cc` for the counting plugin; `apt install gcc`")?;
    ensure!(
        output.status.success(),
        "the counting plugin does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(plugin)
}

/// The counts of a running VM.
pub struct Counter {
    file: File,
}

/// A translated block: where it begins and how many instructions it has.
pub type Block = (u64, u64);

/// The instructions executed in each block so far.
pub type Blocks = HashMap<Block, u64>;

impl Counter {
    /// Opens the file at `path` as soon as the plugin has made it.
    ///
    /// # Errors
    /// When it is not there within `limit`.
    pub fn open(path: &Path, limit: Duration) -> Result<Self> {
        let start = Instant::now();
        loop {
            if let Ok(file) = File::open(path) {
                let counter = Self { file };
                if counter.word(0).is_ok_and(|word| word == READY) {
                    return Ok(counter);
                }
            }
            if start.elapsed() > limit {
                bail!("QEMU did not load the counting plugin; was it built with plugins?");
            }
            sleep(Duration::from_millis(5));
        }
    }

    fn word(&self, at: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes, at)
            .context("the counting plugin's file is cut off")?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Instructions executed so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn total(&self) -> Result<u64> {
        self.word(8)
    }

    /// Instructions executed when mark `index` was first reached.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn mark(&self, index: u64) -> Result<Option<u64>> {
        Ok(Some(self.word(MARKS + index * 8)?).filter(|&count| count != 0))
    }

    /// Waits until nothing was executed for `quiet`, and returns the total then. A guest that
    /// halts executes nothing.
    ///
    /// # Errors
    /// When that does not come to be within `limit`.
    pub fn settled(&self, quiet: Duration, limit: Duration) -> Result<u64> {
        let start = Instant::now();
        let mut total = self.total()?;
        let mut since = Instant::now();
        loop {
            sleep(Duration::from_micros(200));
            let now = self.total()?;
            if now != total {
                total = now;
                since = Instant::now();
            } else if since.elapsed() >= quiet {
                return Ok(total);
            }
            ensure!(start.elapsed() < limit, "the guest does not come to rest");
        }
    }

    /// A copy of the table of blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn blocks(&self) -> Result<Blocks> {
        let places = usize::try_from(self.word(24)?)?;
        let mut table = vec![0; places * ENTRY];
        self.file
            .read_exact_at(&mut table, TABLE)
            .context("the counting plugin's file is cut off")?;
        let mut blocks = Blocks::new();
        for entry in table.chunks_exact(ENTRY) {
            let [address, instructions, executed] = [0, 8, 16]
                .map(|at| u64::from_le_bytes(entry[at..at + 8].try_into().unwrap_or_default()));
            if executed != 0 {
                blocks.insert((address, instructions), executed);
            }
        }
        Ok(blocks)
    }
}

/// The instructions that each block took between two copies of the table.
pub fn between(before: &Blocks, after: &Blocks) -> Blocks {
    let mut blocks = after.clone();
    for (block, executed) in before {
        if let Some(count) = blocks.get_mut(block) {
            *count = count.saturating_sub(*executed);
        }
    }
    blocks.retain(|_, &mut executed| executed != 0);
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_tables() {
        let before = Blocks::from([((1, 2), 10), ((3, 4), 20)]);
        let after = Blocks::from([((1, 2), 10), ((3, 4), 24), ((5, 6), 6)]);
        let expected = Blocks::from([((3, 4), 4), ((5, 6), 6)]);
        assert_eq!(between(&before, &after), expected);
    }

    #[test]
    fn the_plugin_compiles() {
        let dir = crate::scratch::Scratch::new("plugin").unwrap();
        assert!(build(dir.path()).unwrap().is_file());
    }
}
