//! The pages themselves: their lengths, their links, the files and modules that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Pages that people read first, and how many lines they may have.
const LENGTHS: [(&str, usize); 2] = [("README.md", 150), ("ARCHITECTURE.md", 300)];
/// Lines of a decision: a page. The table of names is longer.
const DECISION: usize = 60;
const NAMES: &str = "0001-plain-names.md";
/// Where file names in the text are those of today: decisions and the changelog name what was.
const OF_TODAY: [&str; 3] = ["README.md", "ARCHITECTURE.md", "docs"];
const FOLDERS: [&str; 7] = ["src/", "tests/", "benches/", "deploy/", "docs/", "migrations/", "models/"];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of the project, by its path from the root.
pub fn pages() -> BTreeMap<PathBuf, String> {
    let mut folders = vec![root()];
    let mut pages = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "data", "work", "shared"].contains(&name.as_str())
            {
                folders.push(path);
            } else if name.ends_with(".md") {
                let text = std::fs::read_to_string(&path).unwrap();
                pages.insert(path.strip_prefix(root()).unwrap().to_owned(), text);
            }
        }
    }
    assert!(pages.len() > 30, "only {} pages found", pages.len());
    pages
}

/// Every source file, by its path in `src` without the ending.
fn sources() -> BTreeMap<PathBuf, String> {
    let src = root().join("src");
    let (mut folders, mut sources) = (vec![src.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.insert(path.strip_prefix(&src).unwrap().with_extension(""), text);
            }
        }
    }
    sources
}

/// Whether `sources` has the module or item `module::name`, or the function `Type::name`.
fn is_defined(named: &str, sources: &BTreeMap<PathBuf, String>) -> bool {
    let (owner, name) = named.rsplit_once("::").unwrap();
    if owner.starts_with(char::is_uppercase) {
        return sources.values().any(|text| contains_word(text, &format!("impl {owner}")) && defines(text, name));
    }
    let module: PathBuf = owner.split("::").collect();
    let files = sources.iter().filter(|(path, _)| path.starts_with(&module));
    let mut files = files.map(|(path, text)| path.starts_with(module.join(name)) || defines(text, name));
    files.any(|is_there| is_there)
}

fn defines(text: &str, name: &str) -> bool {
    let keywords = ["fn", "struct", "enum", "type", "trait", "const", "static", "macro_rules!"];
    // `text_enum!` has the name and then its noun.
    text.contains(&format!("\n    {name}, \""))
        || keywords.iter().any(|word| contains_word(text, &format!("{word} {name}")))
}

/// Whether `text` has `word`, and not only as the beginning of a longer one.
fn contains_word(text: &str, word: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(position, _)| !goes_on(&text[position + word.len()..]))
}

/// The code spans of a page, without its fenced blocks.
pub fn code_spans(text: &str) -> Vec<String> {
    let (prose, _) = fences(text);
    prose.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What stands outside a page's fenced blocks, and the blocks with their language.
pub fn fences(text: &str) -> (String, Vec<(String, String)>) {
    let (mut prose, mut blocks, mut open) = (String::new(), Vec::new(), None::<(String, String)>);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some((language, block))) => open = Some((language, format!("{block}{line}\n"))),
            (None, None) => prose.push_str(&format!("{line}\n")),
        }
    }
    assert!(open.is_none(), "a fenced block is not closed: {text}");
    (prose, blocks)
}

/// The name of a heading in a link, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// `folder/../file` without its detours.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut whole, part| {
        match part {
            Component::ParentDir => assert!(whole.pop(), "{} leaves the project", path.display()),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => whole.push(part),
        }
        whole
    })
}

/// The targets of a page's links and pictures.
fn links(text: &str) -> Vec<String> {
    let (prose, _) = fences(text);
    let outside_code: String = prose.split('`').step_by(2).collect();
    outside_code
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for link in links(text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                _ => resolved(&page.parent().unwrap().join(file)),
            };
            let heading_is_there =
                || heading.is_empty() || pages.get(&target).is_some_and(|text| anchors(text).contains(heading));
            if !root().join(&target).exists() || !heading_is_there() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn pages_are_of_a_length_to_read() {
    for (page, most) in LENGTHS {
        let lines = std::fs::read_to_string(root().join(page)).unwrap().lines().count();
        assert!(lines <= most, "{page} has {lines} lines, at most {most} are wanted");
    }
    for (page, text) in pages().iter().filter(|(page, _)| page.starts_with("docs/decisions")) {
        let lines = text.lines().count();
        assert!(
            lines <= DECISION || page.ends_with(NAMES),
            "{} has {lines} lines: a page is {DECISION}",
            page.display()
        );
    }
}

#[test]
fn every_decision_is_listed_and_says_context_decision_and_consequences() {
    let list = std::fs::read_to_string(root().join("docs/decisions/README.md")).unwrap();
    let pages = pages();
    let decisions = pages.iter().filter(|(page, _)| page.starts_with("docs/decisions") && !page.ends_with("README.md"));
    for (page, text) in decisions {
        let name = page.file_name().unwrap().to_string_lossy();
        assert!(list.contains(&format!("({name})")), "docs/decisions/README.md does not list {name}");
        for part in ["**Context.**", "**Decision.**", "**Consequences.**"] {
            assert!(text.contains(part), "{name} has no {part}");
        }
    }
}

#[test]
fn files_and_modules_that_are_named_are_there() {
    let mut missing = Vec::new();
    let of_today =
        |page: &Path| OF_TODAY.iter().any(|part| page.starts_with(part)) && !page.starts_with("docs/decisions");
    for (page, text) in pages().iter().filter(|(page, _)| of_today(page)) {
        for span in code_spans(text) {
            let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder)) && !span.contains(['{', '*', '…', ' ']);
            if is_path && !root().join(&span).exists() {
                missing.push(format!("{}: {span}", page.display()));
            }
        }
    }
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let map = architecture.split("## Code map").nth(1).unwrap().split("\nOutside `src`").next().unwrap();
    let mut named = BTreeSet::from(["lib".to_owned()]);
    for row in map.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| module")) {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (modules, holds) = (cells.next().unwrap(), cells.next().unwrap());
        // The leaves stand side by side in one row, each before its words.
        let words = match modules {
            "leaves" => holds.split(" · ").map(|leaf| code_spans(leaf).remove(0)).collect(),
            _ => code_spans(modules),
        };
        named.extend(words);
    }
    let modules: BTreeSet<String> = std::fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    let gone = named.difference(&modules).map(|name| format!("ARCHITECTURE.md, code map: {name} is no module"));
    let new = modules.difference(&named).map(|name| format!("ARCHITECTURE.md, code map: {name} is missing"));
    missing.extend(gone.chain(new));
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn items_that_the_architecture_names_are_there() {
    let (sources, manifest) = (sources(), std::fs::read_to_string(root().join("Cargo.toml")).unwrap());
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let is_item = |span: &String| span.contains("::") && span.chars().all(|c| c.is_alphanumeric() || "_:".contains(c));
    let is_of_a_library =
        |span: &str| span.split("::").next().is_some_and(|first| manifest.contains(&format!("\n{first} = ")));
    let named: Vec<String> =
        code_spans(&architecture).into_iter().filter(is_item).filter(|span| !is_of_a_library(span)).collect();
    assert!(named.len() > 10, "only {named:?}");
    let missing: Vec<&String> = named.iter().filter(|span| !is_defined(span, &sources)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not in src: {missing:?}");
}

#[test]
fn names_of_items_are_looked_up_where_they_say() {
    let sources = sources();
    for named in ["db::seals", "domain::Verdict", "Checkout::add_frame", "integrity::chain_records::order_adds_up"] {
        assert!(is_defined(named, &sources), "{named}");
    }
    for gone in ["checkout::totals", "Checkout::frame", "Orders::add_frame", "orders::seals"] {
        assert!(!is_defined(gone, &sources), "{gone}");
    }
}

#[test]
fn links_headings_and_blocks_are_found() {
    assert_eq!(links("[a](b.md) and ![c](d/e.jpg), not `[x](y)`\n```\n[no](no)\n```"), ["b.md", "d/e.jpg"]);
    assert_eq!(anchor(" Move from SQLite to `PostgreSQL`, today?"), "move-from-sqlite-to-postgresql-today");
    assert_eq!(resolved(Path::new("docs/how-to/../../README.md")), Path::new("README.md"));
    assert_eq!(code_spans("`a` b `c\nd`\n```\n`e`\n```"), ["a", "c d"]);
    assert_eq!(fences("x\n```sh\ny\n```\nz").1, [("sh".to_owned(), "y\n".to_owned())]);
}
