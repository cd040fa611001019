//! Pictures that are drawn good, and spoilt one way at a time.

use super::*;

/// Rows of a picture whose pixels `color` chooses.
fn picture(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> Photo {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Photo::new(width, height, pixels.flat_map(|(x, y)| color(x, y)).collect()).unwrap()
}

/// A label of blocks in two colours, `scale` times as large.
fn label(scale: u32) -> Photo {
    picture(240 * scale, 200 * scale, move |x, y| {
        let (x, y) = (x / scale, y / scale);
        if (x / 30 + y / 40) % 2 == 0 { [220, 200, 60] } else { [30, 60, 140] }
    })
}

fn codes(photo: &Photo) -> Vec<PhotoIssueCode> {
    codes_in(photo, Region::whole(photo.width(), photo.height()))
}

fn codes_in(photo: &Photo, region: Region) -> Vec<PhotoIssueCode> {
    find_issues(photo, region).iter().map(|issue| issue.code).collect()
}

/// Each pixel becomes the mean of the square around it.
fn blur(photo: &Photo, radius: u32) -> Photo {
    let at = |x: u32, y: u32, channel: usize| u32::from(photo.rgb()[((y * photo.width() + x) * 3) as usize + channel]);
    picture(photo.width(), photo.height(), |x, y| {
        std::array::from_fn(|channel| {
            let (rows, columns) = (y.saturating_sub(radius)..=(y + radius), x.saturating_sub(radius)..=(x + radius));
            let around = rows.filter(|y| *y < photo.height()).flat_map(|y| columns.clone().map(move |x| (x, y)));
            let values: Vec<u32> = around.filter(|(x, _)| *x < photo.width()).map(|(x, y)| at(x, y, channel)).collect();
            (values.iter().sum::<u32>() / values.len() as u32) as u8
        })
    })
}

fn scale_light(photo: &Photo, scale: impl Fn(u8) -> u8) -> Photo {
    Photo::new(photo.width(), photo.height(), photo.rgb().iter().map(|value| scale(*value)).collect()).unwrap()
}

#[test]
fn a_good_photo_of_any_size_has_no_issue() {
    assert_eq!(codes(&label(1)), []);
    assert_eq!(codes(&label(8)), []);
    let pale = scale_light(&label(1), |value| 120 + value / 8);
    assert_eq!(codes(&pale), [], "a pale label is not blurred");
    let wide = picture(600, 9, |x, _| if x / 20 % 2 == 0 { [200, 30, 30] } else { [250, 240, 200] });
    assert_eq!(codes(&wide), []);
}

#[test]
fn a_picture_of_one_colour_is_blank_even_with_noise_and_specks() {
    for (width, height) in [(1, 1), (1, 4_000), (300, 200)] {
        let issues = find_issues(&picture(width, height, |_, _| [180, 20, 60]), Region::whole(width, height));
        assert!(
            issues.iter().any(|issue| issue.code == PhotoIssueCode::Blank && issue.is_serious),
            "{width} × {height}"
        );
    }
    let noisy = picture(200, 200, |x, y| {
        let speck = x % 50 == 0 && y % 50 == 0;
        if speck { [255; 3] } else { [(90 + (x * 7 + y * 13) % 11) as u8; 3] }
    });
    assert_eq!(codes(&noisy), [PhotoIssueCode::Blank]);
}

#[test]
fn a_small_product_is_a_warning_and_a_line_of_pixels_is_worse() {
    let photo = label(1);
    let small = find_issues(&photo, Region { x: 5, y: 5, width: 40, height: 63 });
    assert_eq!(small, [PhotoIssue { code: PhotoIssueCode::TooSmall, value: 63.0, limit: 64.0, is_serious: false }]);
    let line = find_issues(&photo, Region { x: 5, y: 5, width: 200, height: 2 });
    assert!(line[0].code == PhotoIssueCode::TooSmall && line[0].is_serious, "{line:?}");
    assert_eq!(codes_in(&photo, Region { x: 0, y: 0, width: 64, height: 64 }), []);
}

#[test]
fn a_blurred_photo_is_told_from_a_large_sharp_one() {
    assert_eq!(codes(&blur(&label(1), 7)), [PhotoIssueCode::Blurred]);
    assert_eq!(codes(&blur(&label(4), 3)), [], "three of 960 pixels are nothing");
}

#[test]
fn a_photo_without_light_or_with_too_much_is_told() {
    let one_lamp = picture(200, 200, |x, y| if y < 20 { [210, 180, 30] } else { [(x / 20) as u8, 5, 9] });
    assert_eq!(codes(&one_lamp), [PhotoIssueCode::TooDark]);
    let unlit = picture(200, 200, |x, _| [(x / 40) as u8, 2, 3]);
    let issues = find_issues(&unlit, Region::whole(200, 200));
    assert!(codes(&unlit) == [PhotoIssueCode::TooDark] && issues[0].is_serious, "{issues:?}");
    let glaring = picture(200, 200, |x, y| if x < 15 && y < 90 { [210, 180, 30] } else { [255; 3] });
    assert_eq!(codes(&glaring), [PhotoIssueCode::TooBright]);
    let on_white_paper = picture(200, 200, |x, y| if x < 60 && y < 90 { [210, 180, 30] } else { [255; 3] });
    assert_eq!(codes(&on_white_paper), []);
}

#[test]
fn a_sentence_has_the_value_and_what_to_do() {
    let dark = PhotoIssue { code: PhotoIssueCode::TooDark, value: 0.93, limit: 0.7, is_serious: false };
    assert!(dark.sentence(None).starts_with("93 % of the photo is black. Take it again"));
    assert!(PhotoIssue::from_copy_score(0.9995, 0.999).sentence(Some("Oat milk")).contains("\"Oat milk\""));
}
