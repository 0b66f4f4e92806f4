//! The entries of running VMs: a private directory each, with a lock that its broker holds.
//!
//! `<runtime>/<name>/` holds `lock` (held with `flock` for as long as the broker lives), `vm.json`
//! ([`Entry`]) and `socket`. A directory whose lock is free belongs to a VM that died without
//! clearing up; whoever finds it removes it. All changes are made under the lock of the runtime
//! directory itself, so that nobody mistakes an entry in the making for a dead one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::dirs;
use crate::error::{Error, Result};

/// The longest name of a VM, in bytes.
pub const MAX_NAME: usize = 40;

/// The longest path of a Unix socket, in bytes (`sun_path` less its closing zero).
const MAX_SOCKET_PATH: usize = 107;

/// What is known of a running VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Process of the virtual machine monitor.
    pub pid: u32,
    /// Process of the broker, which owns it.
    pub broker_pid: u32,
    /// The virtual machine monitor: `qemu`.
    pub vmm: String,
    /// `kvm` or `tcg`.
    pub accel: String,
    /// The Unix socket that clients connect to.
    pub socket: PathBuf,
    /// The image it runs.
    pub image: PathBuf,
    /// The image's symbol index, when it has one.
    pub symbols: Option<PathBuf>,
    /// The serial log.
    pub log: PathBuf,
    /// When it was started, seconds since the epoch.
    pub started: u64,
    /// TCP ports of the host that lead into the guest.
    pub published: Vec<Published>,
    /// The directory that is shared with the guest.
    pub share: Option<Share>,
    /// How its programs are isolated, once its overlay has said so: `pku`, `pks`, `none`.
    #[serde(default)]
    pub isolation: Option<String>,
    /// What its programs may do at most, once its overlay has said so: `observe`, `control`, `full`.
    #[serde(default)]
    pub policy: Option<String>,
}

/// A TCP port of the host's loopback interface that leads into the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Port of the host.
    pub host: u16,
    /// Port of the guest.
    pub guest: u16,
}

/// A directory of the host that the guest sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The directory.
    pub path: PathBuf,
    /// Whether the guest may only read there.
    pub read_only: bool,
}

/// Where entries are.
#[derive(Clone, Debug)]
pub struct Registry {
    base: PathBuf,
}

/// A name that was taken for a VM, with its directory and its held lock.
#[derive(Debug)]
pub struct Claim {
    /// The VM's name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// The lock; the entry is alive until the last copy of this file is closed.
    pub lock: File,
}

impl Claim {
    /// The path of the VM's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }
}

impl Registry {
    /// The registry of this user.
    ///
    /// # Errors
    /// See [`dirs::runtime`].
    pub fn open() -> Result<Self> {
        Ok(Self::at(dirs::runtime()?))
    }

    /// A registry in a directory that is private already.
    #[must_use]
    pub fn at(base: PathBuf) -> Self {
        Self { base }
    }

    /// Takes a name for a new VM: `wanted`, or else the first free one of `stem`, `stem-2`, ….
    ///
    /// # Errors
    /// [`Error::NameTaken`] when `wanted` is in use, [`Error::Usage`] when it cannot be a name.
    pub fn claim(&self, wanted: Option<&str>, stem: &str) -> Result<Claim> {
        let _guard = self.guard()?;
        if let Some(name) = wanted {
            check_name(name)?;
            return self
                .try_claim(name)?
                .ok_or_else(|| Error::NameTaken(name.to_owned()));
        }
        let stem = clean_stem(stem);
        for number in 1u32.. {
            let name = if number == 1 {
                stem.clone()
            } else {
                format!("{stem}-{number}")
            };
            if let Some(claim) = self.try_claim(&name)? {
                return Ok(claim);
            }
        }
        Err(Error::Failed("every name is taken".to_owned()))
    }

    fn try_claim(&self, name: &str) -> Result<Option<Claim>> {
        let dir = self.base.join(name);
        if dir.exists() && !self.clear_if_dead(&dir)? {
            return Ok(None);
        }
        dirs::private_dir(&dir)?;
        let path = dir.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::path("make", &path, e))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|e| Error::path("lock", &path, e))?;
        let claim = Claim {
            name: name.to_owned(),
            dir,
            lock,
        };
        let socket = claim.socket();
        let len = socket.as_os_str().len();
        if len > MAX_SOCKET_PATH {
            self.remove(&claim.dir);
            return Err(Error::Usage(format!(
                "the socket's path {} has {len} bytes, the system takes {MAX_SOCKET_PATH}; choose \
                 a shorter --name or another XDG_RUNTIME_DIR",
                socket.display()
            )));
        }
        Ok(Some(claim))
    }

    /// Writes the entry of a claimed VM, in one step.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn write(&self, claim: &Claim, entry: &Entry) -> Result<()> {
        let path = claim.dir.join("vm.json");
        let new = claim.dir.join("vm.json.new");
        let text = serde_json::to_vec_pretty(entry)
            .map_err(|e| Error::path("encode", &path, io::Error::from(e)))?;
        let write = || {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&new)?;
            io::Write::write_all(&mut file, &text)?;
            fs::rename(&new, &path)
        };
        write().map_err(|e| Error::path("write", &path, e))
    }

    /// Gives a claim up: its directory goes away.
    pub fn release(&self, claim: Claim) {
        let _guard = self.guard();
        self.remove(&claim.dir);
    }

    /// The VMs that run, by name. Entries of dead ones are removed on the way.
    ///
    /// # Errors
    /// [`Error::Io`] when the runtime directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let _guard = self.guard()?;
        let mut entries = Vec::new();
        let read = fs::read_dir(&self.base).map_err(|e| Error::path("list", &self.base, e))?;
        for item in read {
            let item = item.map_err(|e| Error::path("list", &self.base, e))?;
            let dir = item.path();
            if !item.file_type().is_ok_and(|kind| kind.is_dir()) || self.clear_if_dead(&dir)? {
                continue;
            }
            // An entry without a readable file is one that is being started.
            if let Some(entry) = read_entry(&dir) {
                entries.push(entry);
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// The VM of that name, or the only one that runs.
    ///
    /// # Errors
    /// [`Error::NoVm`], [`Error::NoneRuns`], [`Error::SeveralRun`]
    pub fn find(&self, name: Option<&str>) -> Result<Entry> {
        let mut entries = self.list()?;
        let names = |entries: &[Entry]| entries.iter().map(|e| e.name.clone()).collect();
        match name {
            Some(name) => match entries.iter().position(|entry| entry.name == name) {
                Some(at) => Ok(entries.swap_remove(at)),
                None => Err(Error::NoVm {
                    name: name.to_owned(),
                    running: names(&entries),
                }),
            },
            None if entries.len() > 1 => Err(Error::SeveralRun(names(&entries))),
            None => entries.pop().ok_or(Error::NoneRuns),
        }
    }

    /// Whether the VM of that name has an entry and a broker that lives.
    #[must_use]
    pub fn is_alive(&self, name: &str) -> bool {
        let Ok(_guard) = self.guard() else {
            return false;
        };
        let dir = self.base.join(name);
        dir.exists() && is_locked(&dir)
    }

    /// Removes `dir` if no broker holds its lock; returns whether it did.
    fn clear_if_dead(&self, dir: &Path) -> Result<bool> {
        if is_locked(dir) {
            return Ok(false);
        }
        self.remove(dir);
        Ok(true)
    }

    fn remove(&self, dir: &Path) {
        // Only what this program makes there; anything else makes the directory stay.
        for name in ["vm.json", "vm.json.new", "config.json", "socket", "lock"] {
            let _ = fs::remove_file(dir.join(name));
        }
        let _ = fs::remove_dir(dir);
    }

    /// The lock under which entries come and go.
    fn guard(&self) -> Result<File> {
        let path = self.base.join(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::path("open", &path, e))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|e| Error::path("lock", &path, e))?;
        Ok(file)
    }
}

fn is_locked(dir: &Path) -> bool {
    let Ok(lock) = File::open(dir.join("lock")) else {
        return false;
    };
    flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err()
}

fn read_entry(dir: &Path) -> Option<Entry> {
    serde_json::from_slice(&fs::read(dir.join("vm.json")).ok()?).ok()
}

/// Checks that `name` can name a VM.
///
/// # Errors
/// [`Error::Usage`]
pub fn check_name(name: &str) -> Result<()> {
    let sound = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(allowed);
    if sound {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "`{name}` cannot name a VM: take up to {MAX_NAME} letters, digits, `.`, `_` and `-`, \
         starting with a letter or digit"
    )))
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Makes a name out of the stem of an image's file name.
fn clean_stem(stem: &str) -> String {
    let mut name: String = stem
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(MAX_NAME - 8)
        .collect();
    if name.is_empty() {
        name.push_str("vm");
    }
    name
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
