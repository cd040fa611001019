//! More photos than can be worked on at once: a burst waits, what would wait for too long is told when to come back, and
//! memory stays bounded.

use std::io::Cursor;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use image::{ImageFormat, Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use reqwest::Method;

use crate::harness::{Reply, TestApp, TestDatabase, on_both_databases, package_photo, say};

const PATH: &str = "/api/recognize";
/// Threads for one photo.
const ONE_THREAD: &str = "[engine]\ndecode_threads = 1\nmodel_sessions = 1\n";

async fn kiosk(app: &TestApp) -> String {
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    app.enrol_kiosk(&admin, &store).await
}

fn jpeg_of(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A plain photo of that many pixels.
fn plain(width: u32, height: u32) -> Vec<u8> {
    jpeg_of(&RgbImage::from_pixel(width, height, Rgb([90, 160, 70])))
}

/// 16 kiosks, ten times over. An unoptimised build on a busy machine may take longer than the default allows: that is
/// measured by `benches/saturation`.
async fn a_burst_of_kiosks_is_answered_whole(database: TestDatabase) {
    const KIOSKS: usize = 16;
    const BURSTS: usize = 10;
    let kind = database.kind();
    let app = TestApp::spawn_with(database, "[engine]\nmax_wait_ms = 30000").await;
    let kiosk = kiosk(&app).await;
    let photo = plain(640, 360);
    let mut slowest = Duration::ZERO;
    for _ in 0..BURSTS {
        let ask = async || {
            let began = Instant::now();
            app.post_picture(PATH, &kiosk, photo.clone()).await.expect(200);
            began.elapsed()
        };
        slowest = join_all((0..KIOSKS).map(|_| ask())).await.into_iter().fold(slowest, Duration::max);
    }
    let answers = KIOSKS * BURSTS;
    say(&format!(
        "bursts of {KIOSKS} photos ({kind}): {answers} answers, the slowest after {} ms",
        slowest.as_millis()
    ));
    assert_eq!(app.database.count("SELECT COUNT(*) FROM recognitions").await, i64::try_from(answers).unwrap());
}

/// Seconds of `Retry-After` of a photo that was refused; nothing of one that was answered.
fn retry_after(reply: Reply) -> Option<u64> {
    if reply.status == 200 {
        return None;
    }
    let header = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(reply.expect_problem(429, "overloaded")["retry_after_s"], header);
    Some(header)
}

/// Large photos on one thread: the queue soon is longer than may be waited for. Strangers in the middle of it are
/// told that they are strangers, and an upload takes its turn.
async fn what_would_wait_for_too_long_is_told_when_to_come_back(database: TestDatabase) {
    const KIOSKS: usize = 30;
    const BEFORE: usize = 6;
    let app = TestApp::spawn_with(database, &format!("{ONE_THREAD}max_wait_ms = 100")).await;
    let kiosk = kiosk(&app).await;
    let photo = plain(2_400, 1_800);
    // The server learns how long such a photo takes.
    for _ in 0..BEFORE {
        app.post_picture(PATH, &kiosk, photo.clone()).await.expect(200);
    }
    let photos = join_all((0..KIOSKS).map(|_| app.post_picture(PATH, &kiosk, photo.clone())));
    let strangers = join_all((0..8).map(|_| app.call(Method::POST, PATH, None, |request| request.body(photo.clone()))));
    let uploaded = (0..2).map(|view| package_photo(0, view)).collect();
    let admin = app.login_admin().await;
    let upload = app.post_form("/api/products", &admin, &[("name", "Two views")], uploaded);
    let (photos, strangers, upload) = futures_util::join!(photos, strangers, upload);
    upload.expect(201);
    for stranger in strangers {
        stranger.expect_problem(401, "not-authenticated");
    }
    let may_ask_again = photos.iter().all(|reply| !reply.headers.contains_key("connection"));
    assert!(may_ask_again, "whoever is refused may ask again on the same connection");
    let refused: Vec<u64> = photos.into_iter().filter_map(retry_after).collect();
    let answered = KIOSKS - refused.len();
    assert!(answered >= 2 && !refused.is_empty(), "{answered} of {KIOSKS} answered");
    // No longer than all of them take.
    assert!(refused.iter().all(|seconds| (1..=30).contains(seconds)), "{refused:?}");
    let looked_at = i64::try_from(BEFORE + answered).unwrap();
    assert_eq!(app.database.count("SELECT COUNT(*) FROM recognitions").await, looked_at);
    app.post_picture(PATH, &kiosk, photo).await.expect(200);
}

/// Photos of 1.5 MB, of which two find room: what waits holds its bytes, so the others are refused, however long they
/// might wait.
async fn photos_that_wait_share_the_memory_for_bodies(database: TestDatabase) {
    let limits = "max_wait_ms = 60000\n[limits]\nimage_bytes = 2000000\nupload_bytes = 2000000\nbodies_bytes = 4000000";
    let app = TestApp::spawn_with(database, &format!("{ONE_THREAD}{limits}")).await;
    let kiosk = kiosk(&app).await;
    let mut random = Pcg64Mcg::seed_from_u64(16);
    let noise = jpeg_of(&RgbImage::from_fn(1_200, 1_000, |_, _| Rgb(random.random())));
    assert!((1_400_000..2_000_000).contains(&noise.len()), "{} bytes", noise.len());
    let replies = join_all((0..16).map(|_| app.post_picture(PATH, &kiosk, noise.clone()))).await;
    let refused: Vec<u64> = replies.into_iter().filter_map(retry_after).collect();
    assert!((8..16).contains(&refused.len()), "{} of 16 refused", refused.len());
    assert!(refused.iter().all(|seconds| *seconds == 1), "{refused:?}");
    // All of it was given back.
    let both = join_all((0..2).map(|_| app.post_picture(PATH, &kiosk, noise.clone()))).await;
    both.into_iter().for_each(|reply| drop(reply.expect(200)));
}

on_both_databases!(
    a_burst_of_kiosks_is_answered_whole,
    what_would_wait_for_too_long_is_told_when_to_come_back,
    photos_that_wait_share_the_memory_for_bodies,
);
