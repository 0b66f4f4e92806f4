//! eBPF programs on the host: from C to what `uio bpf` says of them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

const SOURCE: &str = r#"
#include <uio_bpf.h>

struct event {
    __u32 id;
    char what[8];
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
    __type(value, struct event);
} events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, struct event);
    __type(value, __u64);
} seen SEC(".maps");

__u64 total;

SEC("executable") long sum(__u8 *bytes, __u64 len)
{
    __u64 sum = 0, one = 1;
    for (__u64 i = 0; i < len; i++) {
        sum += bytes[i];
    }
    total += sum;
    struct event event = { .id = sum, .what = "summed" };
    bpf_ringbuf_output(&events, &event, sizeof event, 0);
    bpf_map_update_elem(&seen, &event, &one, 0);
    if (len) {
        bytes[0] = 0xff;
    }
    return sum;
}

SEC("executable") long wild(void *bytes)
{
    *(volatile __u64 *)8 = 1;
    return 0;
}

SEC("executable") long endless(volatile __u8 *bytes)
{
    for (;;) {
        bytes[0]++;
    }
}

SEC("fexit/handle") long slow(struct uio_fexit *ctx)
{
    return ctx->duration > 1000;
}

SEC("executable") long jump(void *ctx);

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 2);
    __array(values, long(void *));
} next SEC(".maps") = { .values = { [1] = (void *)sum } };

long jump(void *ctx)
{
    bpf_tail_call(ctx, &next, 1);
    return 7;
}

static __noinline int fall(int x)
{
    return x > 0 ? fall(x - 1) + x : 0;
}

SEC("executable") long deep(int *x)
{
    return fall(x[0]) + fall(x[1]);
}
"#;

/// A directory with an object in it; removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uio-cli-bpf-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        let place = Self(dir);
        fs::write(place.0.join("x.bpf.c"), SOURCE).unwrap();
        let flag = "-fno-optimize-sibling-calls";
        let summary = place.json(&["cc", "x.bpf.c", "--output", "json", "--", flag]);
        assert_eq!(
            (&summary["object"], &summary["warnings"]),
            (&"x.o".into(), &"".into())
        );
        place
    }

    fn uio(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_uio"))
            .current_dir(&self.0)
            .args(args)
            .output()
            .unwrap()
    }

    /// What a command prints as JSON.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.uio(args);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {words}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A run of a program: exit status, output, complaint.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.uio(&[&["bpf", "run", "--local"], args].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let status = output.status.code().unwrap();
        (status, text(output.stdout), text(output.stderr))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_object_is_shown() {
    let place = Place::new();
    let output = place.uio(&["bpf", "dump", "x.o", "--program", "sum"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "map 0: ",
        "events, ringbuf, records struct event, max_entries 4096\n",
        "seen, hash, key struct event (12 bytes), value __u64 (8 bytes), max_entries 16\n",
        ".bss, array, key 4 bytes, value .bss (8 bytes), max_entries 1, private\n",
        "program sum: executable, ",
        "long sum(__u8 *bytes, __u64 len):\n",
        ": sum += bytes[i];\n",
        " = &total ll\n",
        "r1 = map events ll\n",
        "call ringbuf_output#130\n",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!text.contains("program wild"), "{text}");
    let document = place.json(&["bpf", "dump", "x.o", "--output", "json"]);
    let programs = document["programs"].as_array().unwrap();
    let slow = programs
        .iter()
        .find(|program| program["name"] == "slow")
        .unwrap();
    assert_eq!(
        (&slow["kind"], &slow["target"]),
        (&"fexit".into(), &"handle".into())
    );
    let first = &slow["instructions"][0];
    assert!(
        first["source"]["text"] == "return ctx->duration > 1000;",
        "{first}"
    );
}

#[test]
fn a_program_runs() {
    let place = Place::new();
    let (status, text, words) =
        place.run(&["x.o", "--program", "sum", "--mem", "01 02 03", "--maps"]);
    assert_eq!((status, words.as_str()), (0, ""));
    for line in [
        "r0 = 6 (0x6)\n",
        "memory:\n  0000: ff 02 03\n",
        "map events (ringbuf): 1 records\n  {.id = 6, .what = \"summed\"}\n",
        "map seen (hash):\n  {.id = 6, .what = \"summed\"}: 1\n",
        "map .bss (array):\n  0: {.total = 6}\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for engine in ["interpreter", "jit"] {
        let args = [
            "bpf",
            "run",
            "--local",
            "x.o",
            "--program",
            "sum",
            "--mem",
            "0102",
            "--output",
            "json",
        ];
        let more = ["--maps", "--trust", "--engine", engine];
        let document = place.json(&[&args[..], &more].concat());
        assert_eq!(
            (&document["returned"], &document["memory"]),
            (&3.into(), &"ff02".into())
        );
        let maps = document["maps"].as_array().unwrap();
        let seen = maps.iter().find(|map| map["name"] == "seen").unwrap();
        let entry = json!([{"key": {"id": 3, "what": "summed"}, "value": 1}]);
        assert_eq!(seen["entries"], entry);
    }
}

#[test]
fn programs_for_attaching_have_a_context_of_zeros() {
    let place = Place::new();
    let (status, text, _) = place.run(&["x.o", "--program", "slow"]);
    assert_eq!((status, text.as_str()), (0, "r0 = 0 (0x0)\n"));
    let context = "00".repeat(72) + "ffff000000000000";
    let (_, text, _) = place.run(&["x.o", "--program", "slow", "--mem", &context]);
    assert_eq!(text, "r0 = 1 (0x1)\n");
}

#[test]
fn tail_calls_go_on_in_other_programs() {
    let place = Place::new();
    let (status, text, _) = place.run(&["x.o", "--program", "jump", "--mem", "05", "--maps"]);
    assert_eq!(status, 0);
    assert!(text.starts_with("r0 = "), "{text}");
    assert!(
        text.contains("map next (prog_array):\n  1: sum\n"),
        "{text}"
    );
    assert!(text.contains("summed"), "{text}");
}

#[test]
fn a_program_that_is_stopped_says_where() {
    let place = Place::new();
    let (status, text, words) = place.run(&["x.o", "--program", "wild"]);
    assert_eq!((status, text.as_str()), (1, ""));
    assert!(
        words
            .starts_with("uio: the program `wild` was stopped: it tried to write 8 bytes at 0x8; "),
        "{words}"
    );
    assert!(
        words.contains("\n  instruction 2: *(u64 *)(r1 + 0) = r2   (in wild)\n"),
        "{words}"
    );
    assert!(words.contains("x.bpf.c:4"), "{words}");
    let (status, _, words) = place.run(&["x.o", "--program", "wild", "--output", "json"]);
    let document: Value = serde_json::from_str(&words).unwrap();
    assert_eq!((status, &document["instruction"]["at"]), (1, &2.into()));
    let budget = ["--mem", "00", "--budget", "1000"];
    for engine in [&[][..], &["--engine", "jit", "--trust"]] {
        let args = [&["x.o", "--program", "endless"], &budget[..], engine].concat();
        let (status, _, words) = place.run(&args);
        assert_eq!(status, 1);
        assert!(
            words.contains("`--budget`") && words.contains("(in endless)"),
            "{words}"
        );
    }
}

#[test]
fn a_program_that_is_refused_says_why() {
    let place = Place::new();
    let (status, _, words) = place.run(&["x.o", "--program", "deep", "--mem", "0100000001000000"]);
    assert_eq!(status, 2);
    assert!(
        words.contains("`deep` is refused: the call is part of a recursion"),
        "{words}"
    );
    assert!(words.contains("make it a loop\n  instruction "), "{words}");
    let (status, _, words) = place.run(&["x.o"]);
    assert_eq!(status, 2);
    assert!(
        words.contains("sum, wild, endless, jump, deep, slow"),
        "{words}"
    );
    let (status, _, words) = place.run(&["x.o", "--program", "none"]);
    assert!(
        status == 2 && words.contains("no program `none`"),
        "{words}"
    );
    let (status, _, words) = place.run(&["x.bpf.c"]);
    assert!(
        status == 2 && words.contains("`uio cc NAME.bpf.c`"),
        "{words}"
    );
    let (status, _, words) = place.run(&["nothing.o"]);
    assert!(
        status == 2 && words.contains("nothing.o: No such file"),
        "{words}"
    );
    let (status, _, words) = place.run(&["x.o", "--program", "sum", "--engine", "jit"]);
    assert!(status == 2 && words.contains("--trust"), "{words}");
    let (status, _, words) = place.run(&["x.o", "--program", "sum", "--mem", "0"]);
    assert!(status == 2 && words.contains("hexadecimal"), "{words}");
}

#[test]
fn bytecode_is_taken_as_bytes_or_text() {
    let place = Place::new();
    // r0 = 7; exit
    let bytes = [0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    fs::write(place.0.join("x.raw"), bytes).unwrap();
    let text = "0x00000007000000b7 # r0 = 7\n0x0000000000000095\n";
    fs::write(place.0.join("x.hex"), text).unwrap();
    for file in ["x.raw", "x.hex"] {
        let (status, text, words) = place.run(&["--raw", file]);
        assert_eq!((status, text.as_str()), (0, "r0 = 7 (0x7)\n"), "{words}");
    }
    let output = place.uio(&["bpf", "dump", "--raw", "x.raw"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "program x: executable, 2 instructions\nx:\n     0: r0 = 7\n     1: exit\n"
    );
    fs::write(place.0.join("bad.raw"), [0xff; 8]).unwrap();
    let (status, _, words) = place.run(&["--raw", "bad.raw"]);
    assert!(
        status == 2 && words.contains("(no instruction: ff ff"),
        "{words}"
    );
}

#[test]
fn every_program_of_the_demos_can_be_shown() {
    let place = Place::new();
    let demos = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../demos/bpf");
    let mut count = 0;
    for file in fs::read_dir(demos).unwrap() {
        let path = file.unwrap().path();
        if !path.to_string_lossy().ends_with(".bpf.c") {
            continue;
        }
        let summary = place.json(&[
            "cc",
            path.to_str().unwrap(),
            "-o",
            "demo.o",
            "--output",
            "json",
        ]);
        assert_eq!(summary["warnings"], "", "{}", path.display());
        let document = place.json(&["bpf", "dump", "demo.o", "--output", "json"]);
        assert!(!document["programs"].as_array().unwrap().is_empty());
        count += 1;
    }
    assert!(count > 5, "{count}");
}
