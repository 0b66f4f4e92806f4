//! Objects that are none, or not for this machine, or not whole.

use std::path::Path;

use anyhow::{Context, Result};

use super::super::report::Report;
use super::Server;
use super::arguments::refused;
use super::elf::Object;

/// A program with relocations against a variable and a function of the image.
pub const SOURCE: &str = r#"
#include <uio.h>
extern unsigned long web_requests;
unsigned long web_requests_of(const char *path);
int main(void) {
    uio_printf("%lu %lu\n", web_requests, web_requests_of("/"));
    return 0;
}
"#;

/// A program with a symbol that the image does not have.
const UNDEFINED: &str = "
int no_such_function_in_the_image(void);
int main(void) { return no_such_function_in_the_image(); }
";

/// A program with more data than one may have.
const OVERSIZED: &str = "
#include <uio.h>
static char much[1u << 30];
int main(int argc, char **argv) { (void)argv; much[argc] = 1; return much[0]; }
";

/// Status of a program that cannot be run.
const CANNOT_RUN: i32 = 126;

/// Compiles a source to an object on the share.
pub fn compile(server: &Server<'_>, name: &str, source: &str) -> Result<()> {
    let path = server.share.join(format!("{name}.c"));
    std::fs::write(&path, source)?;
    let object = server.share.join(format!("{name}.o"));
    let args = [
        "cc",
        path.to_str().context("path")?,
        "-o",
        object.to_str().context("path")?,
    ];
    server.world.uio.run(&args)?.success().map(|_| ())
}

/// Compiles and runs a good program.
pub fn first(report: &mut Report, server: &Server<'_>) -> Option<Object> {
    report.check("a program compiles and runs", || {
        compile(server, "good", SOURCE)?;
        server.vm.ok(&["run", "/uio/good.o"])?;
        Ok(Object(std::fs::read(server.share.join("good.o"))?))
    })
}

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    let Some(good) = first(report, server) else {
        return;
    };
    server.check(report, "a missing object is refused", |server| {
        refused(
            server,
            &["run", "/uio/missing.o"],
            CANNOT_RUN,
            "no such file",
        )
    });
    let mut damaged = |name: &str, words: &str, object: Result<Object>| {
        server.check(report, &format!("{name} is refused"), |server| {
            let file = format!("{}.o", name.replace(' ', "-"));
            put(&server.share.join(&file), object?)?;
            refused(server, &["run", &format!("/uio/{file}")], CANNOT_RUN, words)
        });
    };
    let cut = |len: usize| Ok(Object(good.0.get(..len).unwrap_or_default().to_vec()));
    damaged("an empty object", "empty", cut(0));
    damaged("an object cut in its header", "", cut(40));
    damaged(
        "an object cut in the middle",
        "cut off",
        cut(good.0.len() / 2),
    );
    damaged("an object cut at its end", "", cut(good.0.len() - 1));
    damaged("a text file", "not an ELF", Ok(Object(SOURCE.into())));
    damaged(
        "an object for another machine",
        "another machine",
        good.clone().with_machine(183),
    );
    damaged(
        "a relocation out of range",
        "does not fit",
        good.clone().with_relocation_addend(1 << 40),
    );
    damaged(
        "a relocation outside its section",
        "outside its section",
        good.clone().with_relocation_offset(1 << 30),
    );
    damaged(
        "an unknown relocation",
        "not supported",
        good.clone().with_relocation_kind(250),
    );
    damaged("an image", "not a relocatable object", image(server));
    damaged(
        "a directory of noise",
        "",
        Ok(Object(super::wire::Noise::new(3).bytes(5000))),
    );
    server.check(report, "an undefined symbol is named", |server| {
        compile(server, "undefined", UNDEFINED)?;
        refused(
            server,
            &["run", "/uio/undefined.o"],
            CANNOT_RUN,
            "no_such_function_in_the_image",
        )
    });
    server.check(report, "an oversized program is refused", |server| {
        compile(server, "oversized", OVERSIZED)?;
        refused(server, &["run", "/uio/oversized.o"], CANNOT_RUN, "")
    });
    server.check(report, "an oversized object is refused", |server| {
        let file = std::fs::File::create(server.share.join("huge.o"))?;
        file.set_len(1 << 30)?;
        refused(server, &["run", "/uio/huge.o"], CANNOT_RUN, "too large")
    });
    server.check(report, "a good program runs after all those", |server| {
        server.vm.ok(&["run", "/uio/good.o"]).map(|_| ())
    });
}

fn put(path: &Path, object: Object) -> Result<()> {
    std::fs::write(path, object.0).with_context(|| format!("write {}", path.display()))
}

/// The stripped image itself: an ELF file for the right machine that is no object.
fn image(server: &Server<'_>) -> Result<Object> {
    Ok(Object(std::fs::read(&server.world.web.path)?))
}
