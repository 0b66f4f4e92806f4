//! A guest with an image, a share and a place where programs run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use uio_build::{cc, symbols};
use uio_core::fake::{Answer, Host};

use super::native::{Native, map_image};

/// Where the fake kernel says that the image is, and the build id that it says.
const BASE: u64 = 0x20_0000;
const BUILD_ID: &str = "0xb11d";

/// The image: what programs link against.
const IMAGE: &str = "
int requests = 41;
static volatile int local_secret = 7;
int bump(int by) { return requests += by; }
int peek_secret(void) { return local_secret; }
long total;
unsigned char byte;
void add_to_total(int by) { total += by; }
const char *greeting(void) { return \"hello from the image\"; }
long weigh(int a, long b, unsigned char c, short d, const char *e) { return a + b + c + d + *e; }
int _ZN3web5twice17h0123456789abcdefE(int x) { return 2 * x; }
unsigned long web_requests = 12, web_bytes = 34567;
static unsigned long of_root = 5;
unsigned long web_requests_of(const char *path) { return path[0] == '/' && path[1] == 0 ? of_root : 0; }
unsigned long web_forget(const char *path) {
    unsigned long *count = path ? &of_root : &web_requests, old = path ? web_requests_of(path) : web_requests;
    if (old) *count = 0;
    if (!path) web_bytes = 0;
    return old;
}
void _start(void) {}
";

/// Makes a directory of its own, and removes it.
pub struct Room(pub PathBuf);

impl Room {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, SeqCst);
        let path =
            std::env::temp_dir().join(format!("uio-programs-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether this machine can run these tests; says why not.
pub fn able() -> bool {
    for tool in ["gcc", "objcopy"] {
        if Command::new(tool).arg("--version").output().is_err() {
            println!("skipped: {tool} is not installed");
            return false;
        }
    }
    let (image, _) = image();
    if !map_image(BASE, image) {
        println!("skipped: the address of the image is taken in this process");
        return false;
    }
    true
}

/// The image's bytes in memory, and its symbol index.
pub fn image() -> &'static (Vec<u8>, Vec<u8>) {
    static IMAGE_AND_INDEX: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    IMAGE_AND_INDEX.get_or_init(|| make_image(BUILD_ID))
}

pub fn make_image(build_id: &str) -> (Vec<u8>, Vec<u8>) {
    let room = Room::new();
    let source = room.write("image.c", IMAGE);
    let (elf, flat, index) = (
        room.0.join("image"),
        room.0.join("flat"),
        room.0.join(".uio/symbols"),
    );
    run(Command::new("gcc")
        .args([
            "-O1",
            "-fPIE",
            "-pie",
            "-nostdlib",
            "-fcf-protection=none",
            "-Wl,-z,noseparate-code",
        ])
        .arg(format!("-Wl,--build-id={build_id}"))
        .arg(source)
        .arg("-o")
        .arg(&elf));
    run(Command::new("objcopy")
        .args([
            "-O",
            "binary",
            "--set-section-flags",
            ".bss=alloc,load,contents",
        ])
        .arg(&elf)
        .arg(&flat));
    symbols::write(&elf, &index).unwrap();
    // The first section of the flat file is not at 0: the headers before it are not part of it.
    let mut memory = vec![0; first_address(&elf)];
    memory.extend(std::fs::read(&flat).unwrap());
    (memory, std::fs::read(&index).unwrap())
}

/// Address of the first loaded section.
fn first_address(elf: &Path) -> usize {
    use object::read::elf::{FileHeader, SectionHeader};
    let data = std::fs::read(elf).unwrap();
    let header = object::elf::FileHeader64::<object::Endianness>::parse(&*data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, &*data).unwrap();
    let addresses = sections
        .iter()
        .map(|section| section.sh_addr(endian))
        .filter(|&address| address != 0);
    addresses.min().unwrap() as usize
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A guest.
pub struct Guest {
    pub host: Host,
    pub native: &'static Native,
}

impl Guest {
    /// A guest with the image's symbols on its share; none if this machine cannot have it.
    pub fn new() -> Option<Self> {
        if !able() {
            return None;
        }
        let host = Host::connected();
        let native = Native::new();
        native.set_guest(host.engine, host.files);
        host.isolation.leave_to(native);
        host.files.add_directory("/uio/.uio");
        host.files.add("/uio/.uio/symbols", &image().1);
        Some(Self { host, native })
    }

    /// Compiles a program to a file on the share.
    pub fn compile(&self, name: &str, source: &str) {
        self.host.files.add(name, &object(source));
    }

    pub fn run(&mut self, args: &[&str]) -> Answer {
        self.host.run(args)
    }
}

/// The object of a program.
pub fn object(source: &str) -> Vec<u8> {
    let room = Room::new();
    let source = room.write("program.c", source);
    let out = room.0.join("program.o");
    let summary = cc::compile(&[source], &out, &cc::Options::default()).unwrap();
    assert_eq!(summary.warnings, "");
    std::fs::read(out).unwrap()
}
