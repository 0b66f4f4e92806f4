//! Codec, client and file system against a real 9P2000.L server: diod (Debian package `diod`), over a unix socket.
//!
//! Skipped, with the reason, where diod is not installed.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uio_9p::client::{Client, agree};
use uio_9p::error::{Errno, Error};
use uio_9p::fake::Stream;
use uio_9p::fs::{Follow, Mount, Options};
use uio_9p::msg::walk::Names;
use uio_9p::msg::wire::Str;
use uio_9p::msg::*;
use uio_9p::transport::{Large, Transport};
use uio_9p::types::flags::*;
use uio_9p::types::{Fid, Tag, Time};

/// The server, ended with the test.
struct Diod {
    process: Child,
    directory: tempfile::TempDir,
}

impl Drop for Diod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Diod {
    fn start() -> Option<Self> {
        let program = ["/usr/sbin/diod", "/usr/local/sbin/diod"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let Some(program) = program else {
            println!("skipped: diod is not installed (apt-get install diod)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let share = directory.path().join("share");
        fs::create_dir(&share).unwrap();
        let process = Command::new(program)
            .args([
                "--foreground",
                "--no-auth",
                "--no-userdb",
                "--logdest",
                "stderr",
            ])
            .args(["--config-file", "/dev/null"])
            .arg("--export")
            .arg(&share)
            .arg("--listen")
            .arg(directory.path().join("socket"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { process, directory })
    }

    fn share(&self) -> std::path::PathBuf {
        self.directory.path().join("share")
    }

    fn connect(&self, msize: u32) -> Stream<UnixStream> {
        let begun = Instant::now();
        let stream = loop {
            match UnixStream::connect(self.directory.path().join("socket")) {
                Ok(stream) => break stream,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Stream::new(stream.try_clone().unwrap(), stream, msize)
    }

    fn mount(&self, msize: u32) -> Mount {
        let transport = self.connect(msize);
        let options = Options {
            msize,
            aname: self.share().to_str().unwrap().into(),
            // The own user, as a file made here says it.
            uid: own_uid(&self.share()),
            ..Options::default()
        };
        Mount::new(Arc::new(transport), options)
    }
}

fn own_uid(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().uid()
}

fn names(mount: &Mount, path: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |entry: &uio_9p::fs::Entry<'_>| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        Ok(())
    };
    mount.readdir(path, &mut add).unwrap();
    names.sort();
    names
}

#[test]
fn files_there_and_here_are_the_same() {
    let Some(diod) = Diod::start() else { return };
    let mount = diod.mount(65_536);
    let share = diod.share();
    let data: Vec<u8> = (0..1_000_003u32).map(|i| ((i * 11) >> 4) as u8).collect();

    let file = mount.open(b"/a", O_RDWR | O_CREAT | O_EXCL, 0o640).unwrap();
    assert_eq!(file.write_at(&data, 0), Ok(data.len()));
    file.fsync().unwrap();
    assert!(fs::read(share.join("a")).unwrap() == data);
    let mut back = vec![0; data.len() + 5];
    assert_eq!(file.read_at(&mut back, 0), Ok(data.len()));
    assert!(back[..data.len()] == data);
    file.set_len(7).unwrap();
    assert_eq!(file.stat().unwrap().size, 7);
    drop(file);

    mount.mkdir(b"/d", 0o755).unwrap();
    // This diod is older than Trenameat and Tunlinkat.
    let old = Err(Error::Remote(Errno::EOPNOTSUPP));
    assert_eq!(mount.rename(b"/a", b"/d/b"), old);
    assert_eq!(mount.unlink(b"/a"), old);
    fs::rename(share.join("a"), share.join("d/b")).unwrap();
    assert_eq!(fs::read(share.join("d/b")).unwrap(), data[..7]);
    fs::write(share.join("d/from-host"), "hi").unwrap();
    assert_eq!(names(&mount, b"/d"), ["b", "from-host"]);
    mount.symlink(b"d/from-host", b"/link").unwrap();
    mount.link(b"/d/b", b"/hard").unwrap();
    let stat = mount.stat(b"/link", Follow::Yes).unwrap();
    assert_eq!((stat.size, stat.mode & 0o170000), (2, 0o100000));
    let mut target = Vec::new();
    mount.readlink(b"/link", &mut target).unwrap();
    assert_eq!(target, b"d/from-host");
    assert_eq!(mount.stat(b"/hard", Follow::Yes).unwrap().nlink, 2);

    let append = mount.open(b"/d/from-host", O_WRONLY | O_APPEND, 0).unwrap();
    assert_eq!(append.write_at(b" there", 0), Ok(6));
    drop(append);
    assert_eq!(fs::read(share.join("d/from-host")).unwrap(), b"hi there");

    assert!(mount.statfs().unwrap().blocks > 0);
    assert_eq!(mount.counters().bad, 0);
    assert_eq!(mount.fids_in_use(), 1);
}

/// Codec and client without the file system.
struct Raw {
    transport: Stream<UnixStream>,
    client: Client,
}

impl Raw {
    fn attached(diod: &Diod) -> Self {
        let raw = Self {
            transport: diod.connect(8192),
            client: Client::new(),
        };
        let version = Tversion {
            msize: 8192,
            version: Str(version::DIALECT),
        };
        let reply = raw.call(&version).unwrap();
        assert_eq!(agree(8192, &Rversion::decode(&reply).unwrap()), Ok(8192));
        let share = diod.share();
        let attach = Tattach {
            fid: Fid::ROOT,
            afid: Fid::NONE,
            uname: Str(b""),
            aname: Str(share.to_str().unwrap().as_bytes()),
            n_uname: own_uid(&share),
        };
        let reply = raw.call(&attach).unwrap();
        assert!(Rattach::decode(&reply).unwrap().qid.is_dir());
        raw
    }

    fn call(&self, request: &dyn Message) -> Result<Vec<u8>, Error> {
        let tag = self.client.begin(request.kind())?;
        let mut fill = |room: &mut [u8]| encode(request, tag, room);
        let ticket = self
            .transport
            .submit(tag, Large::Request, true, &mut fill)?;
        let mut whole = Vec::new();
        self.transport.wait(ticket, &mut |reply| {
            assert_eq!(self.client.route(reply), Ok(tag));
            whole = reply.to_vec();
            self.client.finish(tag, reply)
        })?;
        Ok(whole)
    }

    fn walk(&self, to: &[&[u8]]) -> Fid {
        let newfid = self.client.take_fid().unwrap();
        let names = Names::List(to);
        let fid = Fid::ROOT;
        let reply = self.call(&Twalk { fid, newfid, names }).unwrap();
        assert_eq!(Rwalk::decode(&reply).unwrap().qids.len(), to.len());
        newfid
    }
}

#[test]
fn names_and_attributes_message_by_message() {
    let Some(diod) = Diod::start() else { return };
    let raw = Raw::attached(&diod);
    fs::create_dir(diod.share().join("d")).unwrap();
    fs::write(diod.share().join("f"), "12345").unwrap();

    let fid = raw.walk(&[b"f"]);
    let dfid = raw.walk(&[b"d"]);
    let name = Str(b"g");
    Rrename::decode(&raw.call(&Trename { fid, dfid, name }).unwrap()).unwrap();
    assert_eq!(fs::read(diod.share().join("d/g")).unwrap(), b"12345");

    let mtime = Time { sec: 1234, nsec: 0 };
    let change = Tsetattr {
        fid,
        valid: setattr::SET_MODE | setattr::SET_MTIME | setattr::SET_MTIME_TO,
        mode: 0o600,
        uid: 0,
        gid: 0,
        size: 0,
        atime: Time::default(),
        mtime,
    };
    Rsetattr::decode(&raw.call(&change).unwrap()).unwrap();
    let request_mask = Tgetattr::BASIC;
    let reply = raw.call(&Tgetattr { fid, request_mask }).unwrap();
    let stat = Rgetattr::decode(&reply).unwrap();
    assert_eq!((stat.mode, stat.mtime, stat.size), (0o100600, mtime, 5));
    assert_eq!(stat.valid & request_mask, request_mask);

    let pipe = Tmknod {
        dfid,
        name: Str(b"pipe"),
        mode: 0o010600,
        major: 0,
        minor: 0,
        gid: 0,
    };
    Rmknod::decode(&raw.call(&pipe).unwrap()).unwrap();
    assert!(diod.share().join("d/pipe").exists());
    Rremove::decode(&raw.call(&Tremove { fid }).unwrap()).unwrap();
    assert!(!diod.share().join("d/g").exists());
    Rclunk::decode(&raw.call(&Tclunk { fid: dfid }).unwrap()).unwrap();
    assert_eq!(raw.client.calls_in_use(), 0);
    assert_eq!(raw.client.counters().stray, 0);
}

#[test]
fn locks_flush_and_refusals_message_by_message() {
    let Some(diod) = Diod::start() else { return };
    let raw = Raw::attached(&diod);
    fs::write(diod.share().join("f"), "12345").unwrap();
    let fid = raw.walk(&[b"f"]);
    let reply = raw.call(&Tlopen { fid, flags: O_RDWR }).unwrap();
    Rlopen::decode(&reply).unwrap();
    let lock = Tlock {
        fid,
        kind: 1,
        flags: 0,
        start: 0,
        length: 0,
        proc_id: 7,
        client_id: Str(b"test"),
    };
    assert_eq!(Rlock::decode(&raw.call(&lock).unwrap()).unwrap().status, 0);
    let ask = Tgetlock {
        fid,
        kind: 1,
        start: 0,
        length: 0,
        proc_id: 7,
        client_id: Str(b"test"),
    };
    // The own lock is in nobody's way.
    let reply = raw.call(&ask).unwrap();
    assert_eq!(Rgetlock::decode(&reply).unwrap().kind, 2);

    let oldtag = Tag(77);
    Rflush::decode(&raw.call(&Tflush { oldtag }).unwrap()).unwrap();
    let newfid = raw.client.take_fid().unwrap();
    let name = Str(b"user.none");
    let none = raw.call(&Txattrwalk { fid, newfid, name });
    assert!(matches!(none, Err(Error::Remote(_))));
    let auth = Tauth {
        afid: Fid(99),
        uname: Str(b"root"),
        aname: Str(b"/"),
        n_uname: 0,
    };
    assert!(matches!(raw.call(&auth), Err(Error::Remote(_))));
    assert_eq!(raw.client.calls_in_use(), 0);
}

#[test]
fn errors_are_linux_own() {
    let Some(diod) = Diod::start() else { return };
    let mount = diod.mount(16_384);
    fs::create_dir(diod.share().join("d")).unwrap();
    fs::write(diod.share().join("d/f"), "x").unwrap();
    let remote = |errno| Err(Error::Remote(errno));
    assert_eq!(
        mount.stat(b"d/x/y", Follow::Yes).map(drop),
        remote(Errno::ENOENT)
    );
    assert_eq!(
        mount.stat(b"d/f/x", Follow::Yes).map(drop),
        Err(Error::Local(Errno::ENOTDIR))
    );
    assert_eq!(mount.mkdir(b"d", 0o700), remote(Errno::EEXIST));
    assert_eq!(
        mount
            .open(b"d/f", O_CREAT | O_EXCL | O_RDWR, 0o600)
            .map(drop),
        remote(Errno::EEXIST)
    );
    assert_eq!(mount.counters().bad, 0);
}

#[test]
fn large_directories_deep_paths_and_several_tasks() {
    let Some(diod) = Diod::start() else { return };
    let mount = diod.mount(8192);
    let deep = (0..40)
        .map(|i| format!("d{i}"))
        .collect::<Vec<_>>()
        .join("/");
    fs::create_dir_all(diod.share().join(&deep)).unwrap();
    for index in 0..1000 {
        fs::write(diod.share().join(format!("{deep}/file-{index:04}")), "").unwrap();
    }
    let listed = names(&mount, deep.as_bytes());
    assert_eq!(listed.len(), 1000);
    assert_eq!(listed[999], "file-0999");
    std::thread::scope(|scope| {
        for task in 0..6u8 {
            let (mount, deep) = (&mount, &deep);
            scope.spawn(move || {
                let path = format!("{deep}/t{task}");
                let data = vec![task; 100_000];
                for _ in 0..5 {
                    let file = mount
                        .open(path.as_bytes(), O_RDWR | O_CREAT, 0o600)
                        .unwrap();
                    assert_eq!(file.write_at(&data, 0), Ok(data.len()));
                    let mut back = vec![0xff; data.len()];
                    assert_eq!(file.read_at(&mut back, 0), Ok(data.len()));
                    assert!(back == data);
                }
            });
        }
    });
    assert_eq!(mount.counters().bad, 0);
}
