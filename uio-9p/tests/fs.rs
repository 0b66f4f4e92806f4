//! The file system on a friendly server: what each operation does, and what it sends.

use std::sync::Arc;

use uio_9p::error::{Errno, Error};
use uio_9p::fake::{Carrier, Fault};
use uio_9p::fs::{Follow, Mount, Options};
use uio_9p::msg::*;
use uio_9p::types::flags::*;
use uio_9p::types::mode;

fn mounted(prepare: impl FnOnce(&mut uio_9p::fake::Tree)) -> (Arc<Carrier>, Mount) {
    let carrier = Arc::new(Carrier::default());
    carrier.server(|server| prepare(&mut server.tree));
    let mount = Mount::new(carrier.clone(), Options::default());
    (carrier, mount)
}

fn remote<T>(errno: Errno) -> Result<T, Error> {
    Err(Error::Remote(errno))
}

fn names(mount: &Mount, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |entry: &uio_9p::fs::Entry<'_>| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        Ok(())
    };
    mount.readdir(path.as_bytes(), &mut add).unwrap();
    names
}

/// Every fid but the root's is forgotten, here and there.
fn assert_tidy(carrier: &Carrier, mount: &Mount) {
    // A late answer is taken in with the next call.
    mount.statfs().unwrap();
    assert_eq!(mount.fids_in_use(), 1);
    assert_eq!(carrier.server(|server| server.fids()), 1);
    assert_eq!(carrier.slots_in_use(), 0);
}

#[test]
fn nothing_is_sent_before_the_first_use() {
    let (carrier, mount) = mounted(|_| {});
    assert!(carrier.server(|server| server.served.clone()).is_empty());
    mount.statfs().unwrap();
    mount.statfs().unwrap();
    assert_eq!(
        carrier.server(|server| server.served.clone()),
        [Tversion::KIND, Tattach::KIND, Tstatfs::KIND, Tstatfs::KIND]
    );
}

#[test]
fn write_read_and_close() {
    let (carrier, mount) = mounted(|_| {});
    let file = mount.open(b"/a", O_RDWR | O_CREAT, 0o640).unwrap();
    assert_eq!(file.write_at(b"hello world", 0), Ok(11));
    assert_eq!(file.write_at(b"W", 6), Ok(1));
    let mut buffer = [0; 32];
    assert_eq!(file.read_at(&mut buffer, 3), Ok(8));
    assert_eq!(&buffer[..8], b"lo World");
    assert_eq!(file.read_at(&mut buffer, 11), Ok(0));
    assert_eq!(file.read_at(&mut buffer, 1 << 40), Ok(0));
    assert_eq!(file.read_at(&mut [], 0), Ok(0));
    file.fsync().unwrap();
    let stat = file.stat().unwrap();
    assert_eq!((stat.size, stat.mode), (11, mode::S_IFREG | 0o640));
    drop(file);
    assert_eq!(
        carrier.server(|s| s.tree.read("a")).unwrap(),
        b"hello World"
    );
    assert_tidy(&carrier, &mount);
}

#[test]
fn open_flags() {
    let (_carrier, mount) = mounted(|tree| tree.write("d/f", b"12345"));
    let open = |path: &str, flags| mount.open(path.as_bytes(), flags, 0o600).map(drop);
    assert_eq!(open("nothing", O_RDONLY), remote(Errno::ENOENT));
    assert_eq!(
        open("d/f", O_RDWR | O_CREAT | O_EXCL),
        remote(Errno::EEXIST)
    );
    assert_eq!(open("d/f", O_DIRECTORY), Err(Error::Local(Errno::ENOTDIR)));
    assert_eq!(open("d", O_RDWR), Err(Error::Local(Errno::EISDIR)));
    assert_eq!(open("d", O_CREAT), Err(Error::Local(Errno::EISDIR)));
    assert_eq!(open("d/f/x", O_RDONLY), Err(Error::Local(Errno::ENOTDIR)));
    assert_eq!(open("d/x/y", O_CREAT | O_RDWR), remote(Errno::ENOENT));
    open("d/f", O_RDWR | O_CREAT).unwrap();
    assert_eq!(mount.stat(b"d/f", Follow::Yes).unwrap().size, 5);
    open("d/f", O_WRONLY | O_TRUNC).unwrap();
    assert_eq!(mount.stat(b"d/f", Follow::Yes).unwrap().size, 0);
    open("d/new", O_WRONLY | O_CREAT | O_EXCL).unwrap();
    let stat = mount.stat(b"d/new", Follow::Yes).unwrap();
    assert_eq!(stat.mode & 0o777, 0o600);
    open("/", O_RDONLY | O_DIRECTORY).unwrap();
}

#[test]
fn append_goes_to_the_end_in_order() {
    let (carrier, mount) = mounted(|tree| tree.write("log", b"start"));
    carrier.server(|server| server.iounit = 1000);
    carrier.reorder();
    let file = mount.open(b"log", O_WRONLY | O_APPEND, 0).unwrap();
    let data: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
    assert_eq!(file.write_at(&data, 0), Ok(data.len()));
    let whole = carrier.server(|s| s.tree.read("log")).unwrap();
    assert_eq!(whole, [&b"start"[..], &data].concat());
}

#[test]
fn long_transfers_in_pieces_and_out_of_order() {
    let (carrier, mount) = mounted(|_| {});
    carrier.reorder();
    carrier.server(|server| server.iounit = 4096);
    let data: Vec<u8> = (0..300_001u32).map(|i| ((i * 7) >> 3) as u8).collect();
    let file = mount.open(b"big", O_RDWR | O_CREAT, 0o600).unwrap();
    assert_eq!(file.write_at(&data, 5), Ok(data.len()));
    assert!(carrier.most_in_flight() >= 4);
    assert_eq!(carrier.server(|s| s.tree.read("big")).unwrap()[5..], data);
    let mut back = vec![0; data.len() + 10_000];
    assert_eq!(file.read_at(&mut back, 5), Ok(data.len()));
    assert_eq!(back[..data.len()], data);
    drop(file);
    assert_tidy(&carrier, &mount);
}

#[test]
fn a_short_file_costs_one_read() {
    let (carrier, mount) = mounted(|tree| tree.write("f", b"12345"));
    let file = mount.open(b"f", O_RDONLY, 0).unwrap();
    carrier.server(|server| server.served.clear());
    assert_eq!(file.read_at(&mut vec![0; 1 << 20], 0), Ok(5));
    assert_eq!(
        carrier.server(|server| server.served.clone()),
        [Tread::KIND]
    );
}

#[test]
fn short_reads_of_the_server_leave_no_gap() {
    let data: Vec<u8> = (0..100_000u32).map(|i| (i >> 2) as u8).collect();
    let (carrier, mount) = mounted(|tree| tree.write("f", &data));
    carrier.server(|server| (server.iounit, server.max_read) = (8192, 5000));
    let file = mount.open(b"f", O_RDONLY, 0).unwrap();
    let mut buffer = vec![0; data.len()];
    let mut done = 0;
    while done < data.len() {
        let read = file.read_at(&mut buffer[done..], done as u64).unwrap();
        assert!(read > 0 && read <= 5000);
        done += read;
    }
    assert_eq!(buffer, data);
}

#[test]
fn an_error_in_the_middle_ends_with_what_was_done() {
    let data = vec![7; 50_000];
    let (carrier, mount) = mounted(|tree| tree.write("f", &data));
    carrier.server(|server| server.iounit = 10_000);
    let file = mount.open(b"f", O_RDWR, 0).unwrap();
    carrier.fault(Some(Tread::KIND), Fault::None);
    carrier.fault(Some(Tread::KIND), Fault::None);
    carrier.fault(Some(Tread::KIND), Fault::Refuse(Errno::EIO));
    let mut buffer = vec![0; 50_000];
    assert_eq!(file.read_at(&mut buffer, 0), Ok(20_000));
    carrier.fault(Some(Tread::KIND), Fault::Refuse(Errno::EIO));
    assert_eq!(file.read_at(&mut buffer, 0), remote(Errno::EIO));
    assert_eq!(file.read_at(&mut buffer, 0), Ok(50_000));
    assert_eq!(carrier.faults_left(), 0);
}

#[test]
fn names_can_be_made_moved_and_removed() {
    let (carrier, mount) = mounted(|tree| tree.write("x/f", b"1"));
    mount.mkdir(b"/d", 0o700).unwrap();
    mount.mkdir(b"/d/e", 0o700).unwrap();
    assert_eq!(mount.mkdir(b"/d", 0o700), remote(Errno::EEXIST));
    assert_eq!(mount.mkdir(b"/", 0o700), Err(Error::Local(Errno::EEXIST)));
    mount.rename(b"x/f", b"d/e/g").unwrap();
    assert_eq!(names(&mount, "d/e"), ["g"]);
    assert_eq!(names(&mount, "x"), [""; 0]);
    assert_eq!(mount.rmdir(b"d/e"), remote(Errno::ENOTEMPTY));
    assert_eq!(mount.unlink(b"d/e"), remote(Errno::EISDIR));
    assert_eq!(mount.rmdir(b"d/e/g"), remote(Errno::ENOTDIR));
    assert_eq!(mount.unlink(b"/"), Err(Error::Local(Errno::EISDIR)));
    assert_eq!(mount.rmdir(b"/"), Err(Error::Local(Errno::EBUSY)));
    assert_eq!(mount.rename(b"/", b"d/z"), Err(Error::Local(Errno::EBUSY)));
    mount.link(b"d/e/g", b"d/h").unwrap();
    mount.unlink(b"d/e/g").unwrap();
    mount.rmdir(b"d/e").unwrap();
    assert_eq!(carrier.server(|s| s.tree.read("d/h")).unwrap(), b"1");
    assert_eq!(mount.unlink(b"d/nothing"), remote(Errno::ENOENT));
    assert_tidy(&carrier, &mount);
}

#[test]
fn attributes() {
    let (_carrier, mount) = mounted(|tree| tree.write("f", b"12345"));
    let before = mount.stat(b"f", Follow::Yes).unwrap();
    mount.truncate(b"f", 3).unwrap();
    let after = mount.stat(b"f", Follow::Yes).unwrap();
    assert_eq!(after.size, 3);
    // What a cache of loaded programs looks at.
    assert_eq!(after.qid.path, before.qid.path);
    assert_ne!(after.qid.version, before.qid.version);
    assert!(after.mtime > before.mtime);
    let file = mount.open(b"f", O_RDWR, 0).unwrap();
    file.set_len(10).unwrap();
    let mut bytes = [1; 16];
    assert_eq!(file.read_at(&mut bytes, 0), Ok(10));
    assert_eq!(&bytes[..10], b"123\0\0\0\0\0\0\0");
    assert!(mount.stat(b"/", Follow::Yes).unwrap().qid.is_dir());
    assert_eq!(mount.statfs().unwrap().namelen, 255);
    assert_eq!(mount.truncate(b"/", 0), remote(Errno::EISDIR));
}

#[test]
fn a_directory_larger_than_a_message() {
    let (carrier, mount) = mounted(|tree| {
        for index in 0..5000 {
            tree.write(&format!("d/a-rather-long-file-name-{index:05}"), b"");
        }
    });
    let names = names(&mount, "d");
    assert_eq!(names.len(), 5000);
    assert_eq!(names[4999], "a-rather-long-file-name-04999");
    let reads = carrier.server(|s| s.served.iter().filter(|k| **k == Treaddir::KIND).count());
    assert!(reads > 2);
    assert_tidy(&carrier, &mount);
}

#[test]
fn a_visitor_may_use_the_mount_and_stop() {
    let (carrier, mount) = mounted(|tree| (0..9).for_each(|i| tree.write(&format!("f{i}"), b"xy")));
    let mut sizes = 0;
    let result = mount.readdir(b"/", &mut |entry| {
        sizes += mount.stat(entry.name, Follow::No)?.size;
        if entry.name == b"f4" {
            return Err(Error::Local(Errno::EPERM));
        }
        Ok(())
    });
    assert_eq!((result, sizes), (Err(Error::Local(Errno::EPERM)), 10));
    assert_tidy(&carrier, &mount);
}

#[test]
fn deep_paths_go_in_steps_of_sixteen() {
    let deep = (0..40)
        .map(|i| format!("d{i}"))
        .collect::<Vec<_>>()
        .join("/");
    let (carrier, mount) = mounted(|tree| tree.write(&format!("{deep}/f"), b"deep"));
    let stat = mount
        .stat(format!("{deep}/f").as_bytes(), Follow::Yes)
        .unwrap();
    assert_eq!(stat.size, 4);
    let walks = carrier.server(|s| s.served.iter().filter(|k| **k == Twalk::KIND).count());
    assert_eq!(walks, 3);
    assert_eq!(
        mount.stat(format!("{deep}/g").as_bytes(), Follow::Yes),
        remote(Errno::ENOENT)
    );
    let wrong = format!("{deep}/g").replace("d20", "nope");
    assert_eq!(
        mount.stat(wrong.as_bytes(), Follow::Yes),
        remote(Errno::ENOENT)
    );
    let dots = format!("{deep}/../../{}", "./".repeat(50));
    assert!(
        mount
            .stat(dots.as_bytes(), Follow::Yes)
            .unwrap()
            .qid
            .is_dir()
    );
    assert_tidy(&carrier, &mount);
}

#[test]
fn the_error_behind_a_partial_walk_is_found_out() {
    let (carrier, mount) = mounted(|tree| tree.write("a/b/c", b""));
    carrier.server(|server| server.served.clear());
    assert_eq!(mount.stat(b"a/b/x", Follow::Yes), remote(Errno::ENOENT));
    // The walk that came as far as `b`, the one to `b`, and the one that fails at its first name.
    carrier.fault(Some(Twalk::KIND), Fault::None);
    carrier.fault(Some(Twalk::KIND), Fault::None);
    carrier.fault(Some(Twalk::KIND), Fault::Refuse(Errno::EACCES));
    assert_eq!(mount.stat(b"a/b/x", Follow::Yes), remote(Errno::EACCES));
    assert_tidy(&carrier, &mount);
}

#[test]
fn symbolic_links() {
    let (carrier, mount) = mounted(|tree| {
        tree.write("dir/real", b"1234");
        tree.symlink("one", "dir/real");
        tree.symlink("dir/up", "../one");
        tree.symlink("todir", "/dir");
        tree.symlink("loop", "loop");
        tree.symlink("nowhere", "not/there");
        tree.symlink("out", "../../../dir/real");
    });
    for path in ["one", "dir/up", "todir/up", "todir/real", "out"] {
        let stat = mount.stat(path.as_bytes(), Follow::Yes).unwrap();
        assert_eq!(stat.size, 4, "{path}");
    }
    assert_eq!(
        mount.stat(b"loop", Follow::Yes),
        Err(Error::Local(Errno::ELOOP))
    );
    assert_eq!(mount.stat(b"nowhere", Follow::Yes), remote(Errno::ENOENT));
    assert!(mount.stat(b"loop", Follow::No).unwrap().qid.is_symlink());
    let mut target = Vec::new();
    mount.readlink(b"todir/up", &mut target).unwrap();
    assert_eq!(target, b"../one");
    let plain = mount.readlink(b"dir/real", &mut target);
    assert_eq!(plain, Err(Error::Local(Errno::EINVAL)));
    let open = |path: &[u8], flags| mount.open(path, flags, 0o600).map(drop);
    open(b"one", O_RDWR).unwrap();
    assert_eq!(open(b"one", O_NOFOLLOW), Err(Error::Local(Errno::ELOOP)));
    assert_eq!(open(b"nowhere", O_CREAT | O_RDWR), remote(Errno::ENOENT));
    mount.symlink(b"dir", b"new").unwrap();
    assert_eq!(names(&mount, "new"), ["real", "up"]);
    // Removes the link, not what it points to.
    mount.unlink(b"one").unwrap();
    assert!(carrier.server(|s| s.tree.exists("dir/real")));
    assert_tidy(&carrier, &mount);
}

#[test]
fn paths_that_no_server_should_see() {
    let (carrier, mount) = mounted(|_| {});
    mount.statfs().unwrap();
    carrier.server(|server| server.served.clear());
    let long = [b'x'; 256];
    for (path, errno) in [(&long[..], Errno::ENAMETOOLONG), (b"a\0b", Errno::EINVAL)] {
        assert_eq!(mount.stat(path, Follow::Yes), Err(Error::Local(errno)));
        assert_eq!(mount.mkdir(path, 0), Err(Error::Local(errno)));
    }
    assert!(carrier.server(|server| server.served.is_empty()));
    let target = [b'y'; 70_000];
    assert_eq!(mount.symlink(&target, b"l").unwrap_err(), Error::BadValue);
    assert_tidy(&carrier, &mount);
}

#[test]
fn read_only_and_full_shares() {
    let (carrier, mount) = mounted(|tree| tree.write("f", b"12345"));
    let file = mount.open(b"f", O_RDWR, 0).unwrap();
    carrier.server(|s| (s.iounit, s.tree.capacity) = (1000, 2005));
    assert_eq!(file.write_at(&[1; 3000], 5), Ok(2000));
    assert_eq!(file.write_at(&[1; 3000], 2005), remote(Errno::ENOSPC));
    assert_eq!(file.write_at(&[2; 3], 0), Ok(3));
    assert_eq!(file.set_len(1 << 20), remote(Errno::ENOSPC));
    carrier.server(|s| s.tree.read_only = true);
    let rofs = Errno::EROFS;
    assert_eq!(file.write_at(&[1; 3], 0), remote(rofs));
    assert_eq!(mount.mkdir(b"d", 0o700), remote(rofs));
    assert_eq!(mount.unlink(b"f"), remote(rofs));
    assert_eq!(mount.rename(b"f", b"g"), remote(rofs));
    assert_eq!(mount.truncate(b"f", 0), remote(rofs));
    assert_eq!(mount.open(b"f", O_RDWR, 0).err(), Some(Error::Remote(rofs)));
    assert_eq!(
        mount.open(b"g", O_RDWR | O_CREAT, 0).err(),
        Some(Error::Remote(rofs))
    );
    mount.open(b"f", O_RDONLY, 0).unwrap();
    drop(file);
    assert_tidy(&carrier, &mount);
}

#[test]
fn several_tasks_at_once() {
    let (carrier, mount) = mounted(|_| {});
    std::thread::scope(|scope| {
        for task in 0..12u8 {
            let mount = &mount;
            scope.spawn(move || {
                let path = format!("t{task}");
                for round in 0..20u8 {
                    let file = mount
                        .open(path.as_bytes(), O_RDWR | O_CREAT, 0o600)
                        .unwrap();
                    let data = vec![task ^ round; 150_000];
                    assert_eq!(file.write_at(&data, 0), Ok(data.len()));
                    let mut back = vec![0; data.len()];
                    assert_eq!(file.read_at(&mut back, 0), Ok(data.len()));
                    assert!(back == data);
                }
            });
        }
    });
    let versions = carrier.server(|s| s.served.iter().filter(|k| **k == Tversion::KIND).count());
    assert_eq!(versions, 1);
    assert_eq!(mount.counters().bad, 0);
    assert_tidy(&carrier, &mount);
}

#[test]
fn fids_are_bounded_and_come_back() {
    let (carrier, mount) = mounted(|tree| tree.write("f", b"1"));
    let mut files = Vec::new();
    let error = loop {
        match mount.open(b"f", O_RDONLY, 0) {
            Ok(file) => files.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::OutOfFids);
    assert_eq!(files.len(), uio_9p::client::MAX_FIDS - 1);
    files.clear();
    mount.open(b"f", O_RDONLY, 0).unwrap();
    // What could not be clunked while all slots were busy is clunked bit by bit.
    for _ in 0..300 {
        mount.statfs().unwrap();
    }
    assert_tidy(&carrier, &mount);
}

#[test]
fn message_sizes() {
    for (slots, asked, most, agreed) in [
        (65_536, 65_536, 0, Ok(65_536)),
        (524_288, 524_288, 0, Ok(524_288)),
        (1 << 20, 1 << 30, 0, Ok(524_288)),
        (65_536, 1, 0, Ok(8192)),
        (65_536, 65_536, 16_384, Ok(16_384)),
        (65_536, 65_536, 8191, Err(Error::BadMsize(8191))),
    ] {
        let carrier = Arc::new(Carrier::new(8, slots));
        carrier.server(|s| {
            s.max_msize = most;
            s.tree.write("f", &[9; 600_000]);
        });
        let options = Options {
            msize: asked,
            ..Options::default()
        };
        let mount = Mount::new(carrier.clone(), options);
        assert_eq!(mount.attach(), agreed);
        if agreed.is_ok() {
            let file = mount.open(b"f", O_RDWR, 0).unwrap();
            let mut buffer = vec![0; 600_000];
            assert_eq!(file.read_at(&mut buffer, 0), Ok(600_000));
            assert_eq!(file.write_at(&buffer, 0), Ok(600_000));
        }
    }
}
