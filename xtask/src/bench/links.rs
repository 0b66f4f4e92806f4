//! What symbols of the image cost a program that is linked against them.

use anyhow::{Context, Result, ensure};
use uio_build::cc;
use uio_build::symbols::Index;

use super::lab::{Lab, measure};
use super::report::Figure;
use super::stats::Series;

/// How many symbols the programs ask for.
const COUNTS: [usize; 3] = [1, 10, 100];

/// Symbols of the program that is loaded between two measurements, so that no name is remembered.
const OTHERS: usize = 100;

/// The program that is loaded between two measurements.
const OTHER: &str = "links-other";

/// Loading programs with undefined symbols, above loading the empty one.
///
/// # Errors
/// When the image has too few symbols, or the guest does not do as it should.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    compile(lab)?;
    let vm = lab.attached(&[])?;
    let mut session = vm.attach()?;
    let share = session.hello.share.clone();
    let run = |name: &str| format!("run {share}/{name}.o");
    let unload = |name: &str| format!("unload {share}/{name}.o");
    session.run(&run(OTHER))?;
    session.run(&run("empty"))?;
    let mut empty = Series::new();
    for _ in 0..lab.repetitions {
        session.run(&unload("empty"))?;
        empty.push(measure(&vm, &mut session, &run("empty"))?.instructions);
    }
    let mut figures = Vec::new();
    for count in COUNTS {
        let name = program(count);
        session.run(&run(&name))?;
        let (mut first, mut again) = (Series::new(), Series::new());
        for _ in 0..lab.repetitions {
            session.run(&unload(OTHER))?;
            session.run(&run(OTHER))?;
            for series in [&mut first, &mut again] {
                session.run(&unload(&name))?;
                let measured = measure(&vm, &mut session, &run(&name))?;
                series.push(measured.instructions - empty.median());
            }
        }
        let symbols = if count == 1 { "symbol" } else { "symbols" };
        for (when, words, results) in [
            ("first", "looked up", first),
            ("again", "looked up again", again),
        ] {
            figures.push(Figure::new(
                &format!("symbols.link.{count}.{when}"),
                &format!("load of a program with {count} undefined {symbols}, {words}, above the empty one"),
                "instructions",
                results,
            ));
        }
    }
    Ok(figures)
}

/// Name of the program with so many undefined symbols.
fn program(count: usize) -> String {
    format!("links-{count}")
}

/// Compiles the programs into the share.
fn compile(lab: &Lab) -> Result<()> {
    let path = lab.share().join(".uio/symbols");
    let index = Index::open(&path).with_context(|| path.display().to_string())?;
    let names: Vec<&str> = index
        .iter()
        .filter(|symbol| symbol.global && symbol.function && can_be_declared(&symbol.name))
        .map(|symbol| symbol.name.as_str())
        .collect();
    let needed: usize = COUNTS.iter().sum::<usize>() + OTHERS;
    let step = names.len() / needed;
    ensure!(
        step > 0,
        "the image has {} functions that C can name; {needed} are needed",
        names.len()
    );
    // From all over the image, so that they are as far apart in the index as may be.
    let mut names = names.into_iter().step_by(step);
    let programs = COUNTS.map(|count| (program(count), count));
    for (name, count) in programs.into_iter().chain([(OTHER.to_owned(), OTHERS)]) {
        let taken: Vec<&str> = names.by_ref().take(count).collect();
        let source = lab.share().join(format!("{name}.c"));
        std::fs::write(&source, text(&taken))?;
        let object = lab.share().join(format!("{name}.o"));
        cc::compile(&[source], &object, &cc::Options::default())
            .with_context(|| format!("compiling the program `{name}`"))?;
    }
    Ok(())
}

/// Whether C can declare a function with this name besides `main`.
fn can_be_declared(name: &str) -> bool {
    let mangled = name.starts_with("_ZN") || name.starts_with("_R") || name.starts_with("sys_");
    mangled
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A program that refers to these functions and calls none.
fn text(names: &[&str]) -> String {
    let declared: String = names
        .iter()
        .map(|name| format!("extern char {name}[];\n"))
        .collect();
    let table = names.join(", ");
    format!("{declared}void *const table[] = {{{table}}};\nint main(void) {{ return 0; }}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_refer_to_what_c_can_name() {
        assert!(can_be_declared("_ZN5alloc3fmt6format17h01E") && can_be_declared("sys_read"));
        assert!(!can_be_declared("main") && !can_be_declared("_ZN4a$LT$b$GT$17h0E"));
        let text = text(&["a", "b"]);
        assert!(
            text.contains("extern char b[];") && text.contains("{a, b};"),
            "{text}"
        );
    }
}
