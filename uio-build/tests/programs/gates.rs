//! The gates of `uio.h`: what they pass, what they say when they stay shut, and what no compiler takes.

use std::process::Command;

use uio_core::isolation::Policy;

use super::guest::{Guest, Room};

/// Every form of them, with arguments and results of many types; C and C++.
pub const EVERY_FORM: &str = r#"
#include <uio.h>
#ifdef __cplusplus
extern "C" {
#else
#define bool _Bool
#endif
extern unsigned long counter;
extern volatile int level;
extern bool flag;
extern const char *text;
unsigned long add(unsigned long a, int b);
void nothing(void);
char *name(const char *of);
int five(int a, long b, char c, const void *e, bool f);
unsigned char small(void);
#ifdef __cplusplus
}
#endif
int main(int argc, char **argv)
{
    unsigned long word = 0;
    char *of;
    int sum;
    uio_call(nothing);
    sum = uio_call(five, argc, 2L, 'c', argv, 1);
    sum += (int)uio_call(add, uio_call(add, 1, 2), -1);
    of = uio_call(name, "x");
    sum += uio_try_call(&word, add, 1, 2) + uio_try_call(NULL, nothing);
    uio_write(counter, word + 1);
    uio_write(level, sum);
    uio_write(flag, 1);
    uio_write(text, "hello");
    if (uio_try_write(counter, 3) < 0 || uio_gate_read(of, argv, 8) != 8) return 1;
    return sum + uio_call(small) + uio_signal(1) + *of;
}
"#;

/// What must not compile, as C and as C++.
const MISUSES: [&str; 8] = [
    "double real(void); int main(void) { return (int)uio_call(real); }",
    "double real(void); int main(void) { return uio_try_call(0, real); }",
    "struct s { long a, b, c; }; struct s large(void); int main(void) { uio_call(large); return 0; }",
    "int f(int); int main(void) { return uio_call(f); }",
    "int f(int); int main(void) { return uio_call(f, 1, 2); }",
    "int f(int); int main(void) { return uio_call(f, \"text\"); }",
    "extern int v; int main(void) { uio_write(v, \"text\"); return 0; }",
    "int f(int, int, int, int, int, int); int main(void) { return uio_call(f, 1, 2, 3, 4, 5, 6); }",
];

#[test]
fn calls_and_writes_arrive() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/gates.o",
        "#include <uio.h>\n\
         extern long total; extern unsigned char byte;\n\
         long weigh(int a, long b, unsigned char c, short d, const char *e);\n\
         void add_to_total(int by); const char *greeting(void);\n\
         int main(void) {\n\
             uio_write(total, 1000);\n\
             uio_write(byte, 7);\n\
             uio_call(add_to_total, -1);\n\
             uio_printf(\"%ld %d %s\\n\", total, byte, uio_call(greeting));\n\
             uio_printf(\"%ld\\n\", uio_call(weigh, -1, 1L << 40, 255, (short)-2, \"A\"));\n\
             unsigned long word = 5;\n\
             if (uio_try_call(&word, add_to_total, 1) != 0 || uio_try_call(NULL, add_to_total, 1) != 0) return 1;\n\
             long three = 3;\n\
             return uio_write_bytes(&total, &three, sizeof three), total == 3 ? 0 : 2;\n\
         }",
    );
    let answer = guest.run(&["run", "/uio/gates.o"]);
    assert_eq!((answer.status, answer.failures), (Some(0), vec![]));
    let weight = -1 + (1_i64 << 40) + 255 - 2 + i64::from(b'A');
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        format!("999 7 hello from the image\n{weight}\n")
    );
}

#[test]
fn a_gate_that_stays_shut_ends_the_program_or_says_so() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    *guest.native.policy.lock().unwrap() = Policy::Observe;
    let program = |what: &str| {
        format!(
            "#include <uio.h>\nextern long total; void add_to_total(int by);\n\
             int main(void) {{ {what}; return 0; }}"
        )
    };
    for (what, name) in [
        ("uio_call(add_to_total, 1)", "uio_call(add_to_total, 1)"),
        ("uio_write(total, 1)", "uio_write(total)"),
    ] {
        guest.compile("/uio/shut.o", &program(what));
        let answer = guest.run(&["run", "/uio/shut.o"]);
        let words = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert_eq!(answer.status, Some(126), "{words}");
        assert_eq!(
            words,
            format!("{name}: the policy in force does not allow it\n")
        );
    }
    for (what, error) in [
        ("uio_try_call(NULL, add_to_total, 1)", -1),
        ("uio_try_write(total, 1)", -1),
        ("uio_signal(1)", -1),
    ] {
        guest.compile("/uio/shut.o", &program(&format!("return -(int){what}")));
        let answer = guest.run(&["run", "/uio/shut.o"]);
        assert_eq!(answer.status, Some(-error), "{what}");
    }
}

#[test]
fn there_is_nothing_behind_a_wrong_address() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/wrong.o",
        "#include <uio.h>\n\
         extern long total;\n\
         int main(void) {\n\
             char byte; void *nowhere = (void *)0x10;\n\
             if (uio_gate(nowhere, 0, 0, 0, 0, 0).error != -14) return 1;\n\
             if (uio_gate_write(nowhere, &byte, 1) != -14) return 2;\n\
             if (uio_gate_read(&byte, nowhere, 1) != -14) return 3;\n\
             if (uio_gate_read(&byte, &total, 1) != 1) return 4;\n\
             if (uio_signal(1) != 0 || uio_signal(2) != -3) return 5;\n\
             uio_call((void (*)(int))nowhere, 1);\n\
             return 6;\n\
         }",
    );
    let answer = guest.run(&["run", "/uio/wrong.o"]);
    assert_eq!(answer.status, Some(126));
    assert_eq!(
        String::from_utf8_lossy(&answer.stderr),
        "uio_call((void (*)(int))nowhere, 1): there is nothing of that kind in the image\n"
    );
}

#[test]
fn what_gates_cannot_pass_does_not_compile() {
    let include = format!("-I{}/../include", env!("CARGO_MANIFEST_DIR"));
    for (compiler, language) in [
        ("gcc", "c"),
        ("clang-14", "c"),
        ("g++", "c++"),
        ("clang++-14", "c++"),
    ] {
        if Command::new(compiler).arg("--version").output().is_err() {
            println!("skipped: {compiler} is not installed");
            continue;
        }
        let room = Room::new();
        let compiles = |text: &str| {
            let source = room.write("source", &format!("#include <uio.h>\n{text}\n"));
            let mut command = Command::new(compiler);
            command.args(["-x", language, "-Werror", "-c", "-o", "/dev/null", &include]);
            command.arg(source).output().unwrap().status.success()
        };
        assert!(
            compiles("int f(int); int main(void) { return uio_call(f, 1); }"),
            "{compiler}"
        );
        for misuse in MISUSES {
            assert!(!compiles(misuse), "{compiler} takes {misuse}");
        }
    }
}
