//! `docs/reference/data-model.md` against the migrations, as SQLite carries them out.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::pages::{fences, root};

/// A column as both sides know it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    kind: &'static str,
    is_key: bool,
    is_foreign_key: bool,
    is_optional: bool,
}

/// Tables with their columns, and foreign keys as child, column, parent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    tables: BTreeMap<String, BTreeMap<String, Column>>,
    foreign_keys: BTreeSet<(String, String, String)>,
}

/// SQLite's type for each word of the diagrams.
fn sqlite_type(word: &str) -> &'static str {
    match word {
        "uuid" | "bytes" => "BLOB",
        "int" | "bool" => "INTEGER",
        "text" | "json" => "TEXT",
        "real" => "REAL",
        other => panic!("the data model has no type {other}"),
    }
}

/// Reads the Mermaid diagrams of a page; a foreign key whose line contradicts its column is an error.
fn documented(page: &str) -> Model {
    let mut model = Model::default();
    let mut lines_between = Vec::new();
    for (_, diagram) in fences(page).1.into_iter().filter(|(language, _)| language == "mermaid") {
        let mut table = None;
        for line in diagram.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "erDiagram") {
            if let Some(name) = line.strip_suffix(" {") {
                assert!(model.tables.insert(name.to_owned(), BTreeMap::new()).is_none(), "{name} is drawn twice");
                table = Some(name.to_owned());
            } else if line == "}" {
                table = None;
            } else if let Some(name) = &table {
                let words: Vec<&str> = line.split_whitespace().collect();
                let keys: Vec<&str> = words.get(2).map(|keys| keys.split(',').collect()).unwrap_or_default();
                let column = Column {
                    kind: sqlite_type(words[0]),
                    is_key: keys.contains(&"PK"),
                    is_foreign_key: keys.contains(&"FK"),
                    is_optional: words.contains(&"\"optional\""),
                };
                model.tables.get_mut(name).unwrap().insert(words[1].to_owned(), column);
            } else {
                lines_between.push(line.to_owned());
            }
        }
    }
    for line in lines_between {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [parent, ends, child, ":", column] = words[..] else { panic!("no foreign key: {line}") };
        let is_optional =
            model.tables.get(child).and_then(|columns| columns.get(column)).map(|column| column.is_optional);
        assert_eq!(is_optional, Some(ends.starts_with("|o")), "the ends of {line} do not fit the column");
        model.foreign_keys.insert((child.to_owned(), column.to_owned(), parent.to_owned()));
    }
    model
}

/// The tables after the last migration.
fn migrated() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    let folder = std::fs::read_dir(root().join("migrations/sqlite")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        database.execute_batch(&std::fs::read_to_string(file).unwrap()).unwrap();
    }
    database
}

fn of_database(database: &Connection) -> Model {
    let mut model = Model::default();
    let mut statement = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in names {
        let mut statement = database.prepare("SELECT \"from\", \"table\" FROM pragma_foreign_key_list($1)").unwrap();
        let keys =
            statement.query_map([&table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
        let keys: Vec<(String, String)> = keys.map(Result::unwrap).collect();
        let mut statement = database.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info($1)").unwrap();
        let columns = statement.query_map([&table], |row| {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let (is_required, key): (bool, i64) = (row.get(2)?, row.get(3)?);
            Ok((name, kind, is_required, key > 0))
        });
        let columns = columns.unwrap().map(Result::unwrap).map(|(name, kind, is_required, is_key)| {
            let kind = ["BLOB", "INTEGER", "TEXT", "REAL"].into_iter().find(|known| *known == kind).unwrap();
            let is_foreign_key = keys.iter().any(|(column, _)| *column == name);
            (name, Column { kind, is_key, is_foreign_key, is_optional: !is_required && !is_key })
        });
        model.tables.insert(table.clone(), columns.collect());
        model.foreign_keys.extend(keys.into_iter().map(|(column, parent)| (table.clone(), column, parent)));
    }
    model
}

/// Where the two do not agree, one line each.
fn differences(page: &Model, database: &Model) -> Vec<String> {
    let mut found = Vec::new();
    let nothing = BTreeMap::new();
    let tables: BTreeSet<&String> = page.tables.keys().chain(database.tables.keys()).collect();
    for table in tables {
        let (drawn, there) = (page.tables.get(table), database.tables.get(table));
        match (drawn, there) {
            (Some(_), None) => found.push(format!("table {table} is drawn and not in the migrations")),
            (None, Some(_)) => found.push(format!("table {table} is in the migrations and not drawn")),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let (drawn, there) = (drawn.unwrap_or(&nothing), there.unwrap_or(&nothing));
        for column in drawn.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
            let (drawn, there) = (drawn.get(column), there.get(column));
            if drawn != there {
                found.push(format!("{table}.{column}: drawn {drawn:?}, in the migrations {there:?}"));
            }
        }
    }
    let keys = page.foreign_keys.symmetric_difference(&database.foreign_keys);
    found.extend(
        keys.map(|(child, column, parent)| format!("foreign key {child}.{column} → {parent} on one side alone")),
    );
    found
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/reference/data-model.md")).unwrap()
}

#[test]
fn the_data_model_is_that_of_the_migrations() {
    let found = differences(&documented(&page()), &of_database(&migrated()));
    assert!(found.is_empty(), "docs/reference/data-model.md and the migrations differ:\n{}", found.join("\n"));
}

#[test]
fn what_is_missing_on_either_side_is_found() {
    let (page, database) = (documented(&page()), of_database(&migrated()));
    let mut without_column = page.clone();
    without_column.tables.get_mut("orders").unwrap().remove("total");
    assert_eq!(differences(&without_column, &database).len(), 1);
    assert_eq!(differences(&page, &without_column).len(), 1);
    let mut without_key = page.clone();
    without_key.foreign_keys.pop_first();
    assert_eq!(differences(&without_key, &database).len(), 1);
    let newer = migrated();
    newer
        .execute_batch("ALTER TABLE orders ADD COLUMN table_number INTEGER; CREATE TABLE shelves (id BLOB) STRICT")
        .unwrap();
    assert_eq!(differences(&page, &of_database(&newer)).len(), 3);
    let mut other_type = page.clone();
    other_type.tables.get_mut("orders").unwrap().get_mut("total").unwrap().kind = "TEXT";
    assert_eq!(differences(&other_type, &database).len(), 1);
}
