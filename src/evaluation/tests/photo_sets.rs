//! Folders and tables of photos, and the messages about those that cannot be measured.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// A folder with empty files of these names.
fn folder(files: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    folder
}

fn source(path: &Path) -> PhotoSource {
    PhotoSource { path: path.to_owned(), query_split: None, layout: FolderLayout::EnrolFirst(2) }
}

fn list_photos(folder: &TempDir) -> Result<PhotoSet, EvaluationError> {
    PhotoSet::read(&source(folder.path()))
}

/// Each photo as `E product/file`, the letter for its role.
fn summary(set: &PhotoSet) -> Vec<String> {
    let line = |photo: &LabelledPhoto| {
        let role = match photo.role {
            PhotoRole::Enrolled => 'E',
            PhotoRole::Catalogue => 'C',
            PhotoRole::Query => 'Q',
        };
        format!("{role} {}/{}", set.products[photo.product].id, photo.path.file_name().unwrap().to_str().unwrap())
    };
    set.photos.iter().map(line).collect()
}

fn table(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("photos.csv");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn table_error(text: &str) -> String {
    let (_folder, path) = table(text);
    let error = PhotoSet::read(&source(&path)).unwrap_err().to_string();
    assert!(error.contains("photos.csv") && !error.contains('\n'), "{error}");
    error
}

#[test]
fn a_folder_per_product_is_divided_by_the_order_of_the_names() {
    let folder =
        folder(&["tea/2.jpg", "tea/1.JPG", "tea/10.webp", "jam/a.png", "tea/notes.txt", "tea/old/3.jpg", ".git/x.jpg"]);
    let set = list_photos(&folder).unwrap();
    assert_eq!(summary(&set), ["E jam/a.png", "E tea/1.JPG", "E tea/10.webp", "Q tea/2.jpg"]);
    assert_eq!((set.query_split, set.ignored.len()), (None, 1));
    assert!(set.ignored[0].starts_with("2 files or folders"), "{:?}", set.ignored);
}

#[test]
fn one_folder_is_enrolled_and_the_other_queried() {
    let (shop, till) = (folder(&["tea/1.jpg", "jam/1.jpg"]), folder(&["tea/1.jpg", "salt/1.jpg"]));
    let layout = FolderLayout::SeparateQueryFolder(till.path().to_owned());
    let set = PhotoSet::read(&PhotoSource { layout, ..source(shop.path()) }).unwrap();
    assert_eq!(summary(&set), ["E jam/1.jpg", "E tea/1.jpg", "Q salt/1.jpg", "Q tea/1.jpg"]);
}

#[test]
fn the_folder_without_photos_is_named() {
    let (shop, empty) = (folder(&["tea/1.jpg"]), folder(&["1.jpg"]));
    for (enrolled, asked) in [(&shop, &empty), (&empty, &shop)] {
        let layout = FolderLayout::SeparateQueryFolder(asked.path().to_owned());
        let error = PhotoSet::read(&PhotoSource { layout, ..source(enrolled.path()) }).unwrap_err().to_string();
        assert!(
            error.starts_with(&empty.path().display().to_string()) && error.contains("folder per product"),
            "{error}"
        );
        assert!(!error.contains("--ask,") && !error.contains("with --ask:"), "a split's name does not help: {error}");
    }
}

#[test]
fn a_number_to_enrol_is_refused_if_the_photos_have_splits() {
    let layout = || FolderLayout::EnrolFirstWithoutSplits(2);
    let flat = folder(&["tea/1.jpg", "tea/2.jpg", "tea/3.jpg"]);
    assert_eq!(PhotoSet::read(&PhotoSource { layout: layout(), ..source(flat.path()) }).unwrap().photos.len(), 3);
    let splits = folder(&["train/tea/1.jpg", "val/tea/2.jpg"]);
    let (_own, path) = table("path,product,role\na.jpg,7,enrol\nc.jpg,7,ask\n");
    for path in [splits.path(), &path] {
        let error = PhotoSet::read(&PhotoSource { layout: layout(), ..source(path) }).unwrap_err().to_string();
        assert!(error.contains("--enrol 2 goes with a folder per product without splits"), "{error}");
    }
}

#[test]
fn product_names_that_are_not_utf_8_are_refused() {
    let shop = folder(&["tea/1.jpg", "tea/2.jpg", "tea/3.jpg"]);
    for name in [b"caf\xe9", b"caf\xe8"] {
        std::fs::create_dir(shop.path().join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    let error = list_photos(&shop).unwrap_err().to_string();
    assert!(error.contains("caf\u{fffd}") && error.contains("not UTF-8; rename it"), "{error}");
}

#[test]
fn a_query_split_can_have_any_name() {
    let folder = folder(&["train/tea/1.jpg", "night/tea/2.jpg"]);
    let set = PhotoSet::read(&PhotoSource { query_split: Some("Night".to_owned()), ..source(folder.path()) }).unwrap();
    assert_eq!(summary(&set), ["Q tea/2.jpg", "E tea/1.jpg"]);
}

#[test]
fn splits_are_known_by_their_names_and_catalogue_pictures_by_their_product() {
    let files =
        ["train/tea/1.jpg", "val/tea/2.jpg", "test/tea/3.jpg", "iconic/tea.jpg", "iconic/jam/1.png", "readme.md"];
    let folder = folder(&files);
    let set = list_photos(&folder).unwrap();
    assert_eq!(summary(&set), ["C jam/1.png", "C tea/tea.jpg", "E tea/1.jpg", "Q tea/2.jpg"]);
    assert_eq!(set.query_split.as_deref(), Some("val"));
    assert!(set.ignored.iter().any(|what| what == "photos of the split \"test\": 1"), "{:?}", set.ignored);
    assert!(set.ignored.iter().any(|what| what.contains("readme.md")), "{:?}", set.ignored);
    let test = PhotoSet::read(&PhotoSource { query_split: Some("Test".to_owned()), ..source(folder.path()) }).unwrap();
    assert_eq!(summary(&test).iter().filter(|photo| photo.starts_with('Q')).collect::<Vec<_>>(), ["Q tea/3.jpg"]);
    let error = PhotoSet::read(&PhotoSource { query_split: Some("night".to_owned()), ..source(folder.path()) })
        .unwrap_err()
        .to_string();
    assert!(error.contains("\"night\"") && error.contains("\"val\""), "{error}");
}

#[test]
fn a_table_may_use_other_names_for_columns_and_roles() {
    let expected = ["E 7/a.jpg", "C 7/b.jpg", "Q 7/c.jpg"];
    let (_own, path) = table("path,product,role\na.jpg,7,enrol\nb.jpg,7,catalogue\nc.jpg,7,ask\n");
    assert_eq!(summary(&PhotoSet::read(&source(&path)).unwrap()), expected);
    // As a European spreadsheet writes it, with a byte-order mark and quotes, and with a table of names.
    let (folder, path) = table(
        "\u{feff}Split;Class_ID;File\r\nTrain;7;\"x/a.jpg\"\r\niconic;7;b.jpg\r\nval;7;c.jpg\r\nextra;8;d.jpg\r\n",
    );
    std::fs::write(folder.path().join("classes.csv"), "class_id,name,coarse\n7,Green tea,Tea\n").unwrap();
    let set = PhotoSet::read(&source(&path)).unwrap();
    assert_eq!(summary(&set), expected);
    assert_eq!(set.photos[0].path, folder.path().join("x/a.jpg"), "relative to the table");
    assert_eq!((set.products.len(), set.products[0].name.as_str()), (1, "Green tea"));
    assert!(set.ignored[0].contains("\"extra\""), "{:?}", set.ignored);
    assert_eq!(list_photos(&folder).unwrap().photos, set.photos, "a folder with a table is read by its table");
}

#[test]
fn an_invalid_table_is_an_error_with_a_reason() {
    let missing = table_error("path,class,colour\na.jpg,7,red\n");
    assert!(missing.contains("no column \"role\"") && missing.contains("path, class, colour"), "{missing}");
    assert!(table_error("path,product,role\na.jpg,,enrol\n").contains("line 2: the product is empty"));
    assert!(table_error("path,product,role\na.jpg,7\n").contains("line: 2"));
    assert!(table_error("path,product,role\na.jpg,7,enrol\n").contains("it has no query photos"));
    assert!(table_error("path,product,role\na.jpg,7,ask\n").contains("no photos are enrolled"));
    assert!(table_error("path,product,role\na.jpg,7,enrol\n").contains("give some photos the role \"ask\""));
    assert!(table_error("path,product,role\n").contains("no photos"));
    let (_folder, path) = table("");
    std::fs::write(&path, b"path,product,role\na.jpg,caf\xe9,enrol\n").unwrap();
    let error = PhotoSet::read(&source(&path)).unwrap_err().to_string();
    assert!(error.contains("line 2 is not UTF-8; save the table as UTF-8"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_measured_is_an_error_with_a_reason() {
    let empty = list_photos(&folder(&[])).unwrap_err().to_string();
    assert!(empty.contains("there are no photos in it"), "{empty}");
    let loose = list_photos(&folder(&["1.jpg", "2.jpg"])).unwrap_err().to_string();
    assert!(loose.contains("there are no photos in it") && loose.contains("folder per product"), "{loose}");
    let few = list_photos(&folder(&["tea/1.jpg", "tea/2.jpg"])).unwrap_err().to_string();
    assert!(few.contains("no product has more than 2 photos") && few.contains("--enrol"), "{few}");
    let absent = PhotoSet::read(&source(Path::new("/nowhere/photos"))).unwrap_err().to_string();
    assert!(absent.contains("/nowhere/photos"), "{absent}");
}

#[test]
fn a_list_of_held_out_products_is_checked() {
    let set = products(3);
    let (_folder, path) = table("# drawn by hand\nc\n\n a \n");
    assert_eq!(read_held_out_list(&path, &set.products).unwrap(), HeldOutProducts { seed: None, products: vec![2, 0] });
    for (text, reason) in [
        ("z\n", "line 1: \"z\" is not the id of a product"),
        ("a\na\n", "line 2: \"a\" is listed twice"),
        ("#\n", "lists no product"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = read_held_out_list(&path, &set.products).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
