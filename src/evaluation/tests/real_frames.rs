//! The figures of photos with boxes, of answers made by hand, and tables of boxes that cannot be used.

use super::super::real_frames::{JudgedPhoto, RegionAnswer, summarise};
use super::super::region_matching::RegionMatch;
use super::*;
use crate::domain::Verdict;

fn answer(product: usize, verdict: Verdict) -> RegionAnswer {
    RegionAnswer { product, verdict }
}

fn matched(found: usize, overlap: f64) -> Option<RegionMatch> {
    Some(RegionMatch { found, overlap })
}

#[test]
fn photos_with_boxes_give_the_figures_counted_by_hand() {
    let right = JudgedPhoto {
        name: "right.jpg".to_owned(),
        items: vec![0, 1],
        matches: vec![matched(1, 0.9), matched(0, 0.8)],
        answers: vec![answer(1, Verdict::Matched), answer(0, Verdict::Ambiguous)],
    };
    // The second item has no region, the first one a poor one, and there is a region too many.
    let wrong = JudgedPhoto {
        name: "wrong.jpg".to_owned(),
        items: vec![2, 2],
        matches: vec![matched(0, 0.4), None],
        answers: vec![answer(2, Verdict::Matched), answer(1, Verdict::Matched), answer(0, Verdict::Unknown)],
    };
    let figures = summarise("net@1".to_owned(), &products(3), &[right, wrong], 9, 3);
    assert_eq!((figures.photos, figures.items, figures.regions), (2, 4, 5));
    assert_eq!((figures.region_recall, figures.names_right), (0.5, Some(1.0)));
    assert_eq!((figures.photos_right, figures.photos_billed_right), (0.5, 0.0), "one item of the first photo is asked");
    assert_eq!(figures.counting_distance, 0.5);
    assert_eq!((figures.billed_right, figures.billed_wrong, figures.asked), (0.4, 0.2, 0.4));
    assert_eq!(figures.by_photo[1].answers, ["c matched", "b matched", "a unknown"]);
}

#[test]
fn a_table_of_boxes_is_read_photo_by_photo_and_its_faults_are_named_by_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let table = folder.path().join("boxes.csv");
    std::fs::write(folder.path().join("1.jpg"), b"a photo").unwrap();
    let header = "photo,product,left,top,width,height";
    let read = |lines: &str| {
        std::fs::write(&table, lines).unwrap();
        read_boxes(&table, folder.path(), &products(2).products)
    };
    let photos = read(&format!("{header}\n1.jpg,b,0.25,0.5,0.5,0.4\n1.jpg,a,0,0,1,1.0004\n")).unwrap();
    assert_eq!((photos.len(), photos[0].items.len()), (1, 2));
    let boxes: Vec<_> = photos[0].items.iter().map(|item| (item.product, item.shares.region(200, 100))).collect();
    let region = |x, y, width, height| crate::domain::Region { x, y, width, height };
    assert_eq!(boxes, [(1, region(50, 50, 100, 40)), (0, region(0, 0, 200, 100))]);

    let fault = |lines: &str| read(lines).unwrap_err().to_string();
    for (line, expected) in [
        ("1.jpg,pear,0,0,1,1", "line 2: no photos of the product \"pear\" are enrolled; the products are a, b"),
        ("1.jpg,a,0.6,0,0.5,1", "line 2: the box is not inside the picture (left 0.6, top 0, width 0.5, height 1)"),
        ("1.jpg,a,0,0,0,1", "line 2: the box is not inside the picture"),
        ("1.jpg,a,0,left,1,1", "line 2: top is \"left\"; it must be a share"),
        ("1.jpg,a,0,NaN,1,1", "line 2: top is \"NaN\""),
        ("2.jpg,a,0,0,1,1", "line 2: there is no photo"),
        (",a,0,0,1,1", "line 2: there is no photo"),
    ] {
        let message = fault(&format!("{header}\n{line}\n"));
        assert!(message.contains(expected), "{message}");
    }
    assert!(
        fault(&format!("{header}\n1.jpg,a,0,0\n")).contains("line: 2"),
        "{}",
        fault(&format!("{header}\n1.jpg,a\n"))
    );
    let as_spreadsheets_write = format!("{header}\r\n1.jpg,a,0,0,1,1\r\n1.jpg,pear,0,0,1,1\r\n");
    assert!(fault(&as_spreadsheets_write).contains("line 3: no photos of the product \"pear\""));
    assert!(fault("photo,product,left,top,width\n").contains("no column \"height\"; its columns are: photo"));
    assert!(fault(header).contains("it has no boxes"));
}
