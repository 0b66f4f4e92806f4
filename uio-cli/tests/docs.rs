//! What the project's pages say, against the code and the tree, as far as a machine can tell.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use uio_cli::cmd::guest_commands::markdown;

/// Directories that hold nothing of ours.
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every page below a directory.
fn pages(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !FOREIGN.iter().any(|foreign| name == *foreign) {
                pages(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn all_pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    assert!(found.len() > 20, "only {} pages were found", found.len());
    found
}

/// The text without its fenced blocks, in which neither links nor paths are ours.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Targets of `[text](target)` and `[text]: target`.
fn links(text: &str) -> Vec<&str> {
    let inline = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target);
    let references = text.lines().filter_map(|line| {
        let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
        (!label.contains(']')).then_some(target)
    });
    inline.chain(references).collect()
}

/// Headings as the anchors that a link may name.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn relative_links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in all_pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in links(&prose(&text)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let good = path.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&path).unwrap()).contains(anchor));
            if !good {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// `UPDATE=1 cargo test` writes the section anew.
#[test]
fn the_readme_has_the_commands_of_the_guest() {
    const BEGIN: &str = "<!-- commands -->\n\n";
    const END: &str = "\n<!-- /commands -->";
    let text = read("README.md");
    let begin = text.find(BEGIN).unwrap() + BEGIN.len();
    let end = text.find(END).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        let new = [&text[..begin], &markdown(), &text[end..]].concat();
        fs::write(root().join("README.md"), new).unwrap();
        return;
    }
    assert_eq!(
        &text[begin..end],
        markdown(),
        "run `UPDATE=1 cargo test -p uio-cli`"
    );
}

/// A path in backticks that begins with a room's name exists.
#[test]
fn paths_that_pages_name_exist() {
    let rooms: Vec<String> = fs::read_dir(root())
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !FOREIGN.contains(&name.as_str()))
        .map(|name| name + "/")
        .collect();
    let mut gone = Vec::new();
    for page in all_pages() {
        let text = prose(&fs::read_to_string(&page).unwrap());
        for line in text.lines() {
            for path in line.split('`').skip(1).step_by(2) {
                let ours = rooms.iter().any(|room| path.starts_with(room));
                let plain = path
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
                if ours
                    && plain
                    && !path.contains("target/")
                    && !root().join(path).exists()
                    && !page.parent().unwrap().join(path).exists()
                {
                    gone.push(format!("{}: {path}", page.display()));
                }
            }
        }
    }
    assert!(gone.is_empty(), "no such path:\n{}", gone.join("\n"));
}

#[test]
fn every_room_is_on_the_map() {
    let manifest = read("Cargo.toml");
    let members = manifest
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .unwrap()
        .0;
    let map = read("ARCHITECTURE.md");
    let rooms: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(rooms.len() > 5);
    for room in rooms
        .into_iter()
        .chain(["hermit", "uio-loader", "demos/web"])
    {
        assert!(
            map.contains(&format!("| `{room}/` |")),
            "ARCHITECTURE.md has no line for {room}/"
        );
    }
}

#[test]
fn every_decision_is_in_the_list_under_its_title() {
    let list = read("docs/decisions/README.md");
    let mut count = 0;
    for entry in fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .flatten()
    {
        let file = entry.file_name().into_string().unwrap();
        if file == "README.md" {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(entry.path()).unwrap();
        let title = text.lines().next().unwrap();
        let (number, title) = title.strip_prefix("# ").unwrap().split_once(": ").unwrap();
        let line = format!("| [{number}]({file}) | {title} |");
        assert!(list.contains(&line), "the list lacks: {line}");
        for part in ["**Context.**", "**Decision.**", "**Consequences.**"] {
            assert!(text.contains(part), "{file} has no {part}");
        }
    }
    assert_eq!(count, list.matches("\n| [0").count());
}

/// The features of the drop-in package, in its manifest and on its page.
#[test]
fn every_feature_of_hermit_is_explained() {
    let manifest = read("hermit/Cargo.toml");
    let features = manifest
        .split_once("[features]\n")
        .and_then(|(_, rest)| rest.split_once("\n["))
        .unwrap()
        .0;
    let page = read("hermit/README.md");
    for line in features.lines() {
        let Some((name, _)) = line.split_once(" = ") else {
            continue;
        };
        if !line.starts_with('#') && name != "default" {
            assert!(
                page.contains(&format!("`{name}`")),
                "hermit/README.md: {name}"
            );
        }
    }
}
