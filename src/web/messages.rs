//! The texts of the pages, one folder of Fluent files per language: `messages/en`, `messages/ko`.
//!
//! Invariant: both languages have the same messages, and every message that a page names exists. Tests compare them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use rust_embed::RustEmbed;

use super::language::Language;

#[derive(RustEmbed)]
#[folder = "src/web/messages"]
struct MessageFiles;

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<BTreeMap<&'static str, Bundle>> =
    LazyLock::new(|| Language::ALL.map(|language| (language.tag(), read_bundle(language))).into_iter().collect());

fn read_bundle(language: Language) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![language.tag().parse().unwrap_or_default()]);
    // The marks around arguments are for mixed directions of writing, and would be copied with the text.
    bundle.set_use_isolating(false);
    for name in MessageFiles::iter().filter(|name| name.split('/').next() == Some(language.tag())) {
        let text = MessageFiles::get(&name).map(|file| String::from_utf8_lossy(&file.data).into_owned());
        let (resource, faults) = match FluentResource::try_new(text.unwrap_or_default()) {
            Ok(resource) => (resource, Vec::new()),
            Err((resource, faults)) => (resource, faults),
        };
        for fault in faults {
            tracing::error!(file = %name, %fault, "a file of messages is malformed");
        }
        if let Err(faults) = bundle.add_resource(resource) {
            tracing::error!(file = %name, ?faults, "a message has two texts");
        }
    }
    bundle
}

/// The text of `key`, or the key itself if there is none: a page with a strange word is better than none.
pub fn text(language: Language, key: &str, args: Option<&FluentArgs>) -> String {
    find(language, key, args).unwrap_or_else(|| {
        tracing::error!(key, language = language.tag(), "a page names a message that does not exist");
        key.to_owned()
    })
}

/// The text of `key`, if there is one.
pub fn find(language: Language, key: &str, args: Option<&FluentArgs>) -> Option<String> {
    let bundle = BUNDLES.get(language.tag())?;
    let pattern = bundle.get_message(key)?.value()?;
    let mut faults = Vec::new();
    let text = bundle.format_pattern(pattern, args, &mut faults).into_owned();
    for fault in faults {
        tracing::error!(key, language = language.tag(), %fault, "a message cannot be written");
    }
    Some(text)
}

/// The text of `key`, if there is one and `args` has everything that it names.
pub fn find_complete(language: Language, key: &str, args: &FluentArgs) -> Option<String> {
    let bundle = BUNDLES.get(language.tag())?;
    let pattern = bundle.get_message(key)?.value()?;
    let mut faults = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut faults).into_owned();
    faults.is_empty().then_some(text)
}

#[cfg(test)]
pub fn has(language: Language, key: &str) -> bool {
    BUNDLES.get(language.tag()).is_some_and(|bundle| bundle.has_message(key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use fluent_bundle::FluentValue;

    use super::*;
    use crate::http::problem::ProblemKind;

    /// Each message's key with the names of its arguments.
    fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::new();
        for name in MessageFiles::iter().filter(|name| name.starts_with(language.tag())) {
            let text = String::from_utf8(MessageFiles::get(&name).unwrap().data.into_owned()).unwrap();
            FluentResource::try_new(text.clone()).unwrap_or_else(|(_, faults)| panic!("{name}: {faults:?}"));
            let mut key = String::new();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                if !line.starts_with([' ', '}']) && line.contains(" =") {
                    key = line.split(" =").next().unwrap().to_owned();
                    assert!(found.insert(key.clone(), BTreeSet::new()).is_none(), "{name}: {key} has two texts");
                }
                let arguments = line
                    .split('$')
                    .skip(1)
                    .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap().to_owned());
                found.entry(key.clone()).or_default().extend(arguments);
            }
        }
        found.remove("");
        found
    }

    #[test]
    fn both_languages_have_the_same_messages_with_the_same_arguments() {
        assert_eq!(messages(Language::English), messages(Language::Korean));
    }

    #[test]
    fn every_message_that_a_page_names_exists_and_every_problem_has_one() {
        let known = messages(Language::English);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
        let mut folders = vec![root];
        let mut files: Vec<PathBuf> = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        let is_source = |path: &PathBuf| path.extension().is_some_and(|end| end == "html" || end == "rs");
        let mut uses = 0;
        for path in files.iter().filter(|path| is_source(path) && !path.ends_with("messages.rs")) {
            let source = std::fs::read_to_string(path).unwrap();
            for call in ["text(\"", "text1(\"", "text2(\"", "text_of(\"", "redirect_with_notice(\"", "with_notice(\""] {
                for rest in source.split(call).skip(1) {
                    let key = rest.split('"').next().unwrap();
                    if key.contains('-') {
                        uses += 1;
                        // `text_of` adds a word to a key that ends in a dash.
                        let is_known = known.contains_key(key)
                            || key.ends_with('-') && known.keys().any(|known| known.starts_with(key));
                        assert!(is_known, "{}: no message {key}", path.display());
                    }
                }
            }
        }
        assert!(uses > 20, "only {uses} uses found");
        for kind in ProblemKind::ALL {
            assert!(known.contains_key(&format!("problem-{}", kind.slug())), "no message for {}", kind.slug());
        }
    }

    #[test]
    fn numbers_choose_the_plural() {
        let mut args = FluentArgs::new();
        args.set("count", FluentValue::from(1));
        assert_eq!(text(Language::English, "time-minutes-ago", Some(&args)), "1 minute ago");
        args.set("count", FluentValue::from(5));
        assert_eq!(text(Language::English, "time-minutes-ago", Some(&args)), "5 minutes ago");
        assert_eq!(text(Language::Korean, "time-minutes-ago", Some(&args)), "5분 전");
    }
}
