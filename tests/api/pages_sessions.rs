//! Browser sessions: cookies, origins, ways back, language, and how a problem is shown.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, Browser, TestApp, TestDatabase, assert_leads, on_both_databases};

const PASSWORD: &str = "apples and oranges";

async fn a_stranger_is_led_to_sign_in_and_back(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    assert_leads(&browser.get("/").await, "/login");
    assert_leads(&browser.get("/setup").await, "/login?next=%2Fsetup");
    let page = browser.get("/login?next=/setup").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["referrer-policy"], "same-origin");
    assert!(!page.headers().contains_key("strict-transport-security"), "only over HTTPS");
    assert!(page.text().await.unwrap().contains("value=\"/setup\""));
    let fields = [("username", "admin"), ("password", ADMIN_PASSWORD), ("next", "/setup")];
    let signed_in = browser.submit("/login", &fields).await;
    assert_leads(&signed_in, "/setup");
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert_eq!(browser.get("/setup").await.status(), 200);
    assert_leads(&browser.get("/login").await, "/");
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        let fields = [("username", "admin"), ("password", ADMIN_PASSWORD), ("next", elsewhere)];
        assert_leads(&browser.submit("/login", &fields).await, "/");
    }
    assert_leads(&browser.submit("/logout", &[]).await, "/login?notice=notice-signed-out");
    assert_leads(&browser.get("/setup").await, "/login?next=%2Fsetup");
    // A form that is sent after the session has ended leads back to its page, and says that nothing was saved.
    let form = browser.client.post(format!("{}/admin/products/7", app.url)).header("origin", &app.url);
    let form = form.header("referer", format!("{}/admin/products/7?q=milk", app.url)).header("accept", "text/html");
    let sent = form.header("content-type", "application/x-www-form-urlencoded").body("name=Milk").send().await.unwrap();
    assert_leads(&sent, "/login?next=%2Fadmin%2Fproducts%2F7%3Fq%3Dmilk&unsaved=true");
    let login = browser.client.get(format!("{}/login?next=%2Fadmin&unsaved=true", app.url)).send().await.unwrap();
    let login = login.text().await.unwrap();
    assert!(login.contains("nothing was saved") && login.contains("value=\"/admin\""), "{login}");
}

async fn a_cookie_ends_with_its_session_and_serves_the_api_too(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    assert_leads(&browser.submit("/signup", &[("username", "ann"), ("password", PASSWORD)]).await, "/");
    assert_eq!(browser.get("/api/auth/me").await.status(), 200);
    let stolen = browser.cookies.clone();
    let fields = [("current_password", PASSWORD), ("new_password", "pears and plums and figs")];
    assert_leads(&browser.submit("/password", &fields).await, "/?notice=notice-password-changed");
    assert_eq!(browser.get("/api/auth/me").await.status(), 200, "this browser has the new session");
    let mut thief = Browser::new(&app);
    thief.cookies = stolen;
    assert_eq!(thief.get("/api/auth/me").await.status(), 401);

    // A bearer token counts before any cookie, and a forged cookie is nobody's.
    let admin = app.login_admin().await;
    let request = thief.client.get(format!("{}/api/auth/me", app.url)).header("cookie", "session=forged");
    assert_eq!(request.bearer_auth(&admin).send().await.unwrap().status(), 200);
    thief.cookies = vec![("session".to_owned(), "forged".to_owned())];
    assert_eq!(thief.get("/api/auth/me").await.status(), 401);
    // The name that only HTTPS can set does not count here.
    thief.cookies = vec![("__Host-session".to_owned(), browser.cookies[0].1.clone())];
    assert_eq!(thief.get("/api/auth/me").await.status(), 401);
}

async fn a_change_must_come_from_a_page_of_this_server(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", &app.url.replace("http:", "https:")] {
        let fields = [("username", "admin"), ("password", ADMIN_PASSWORD)];
        assert_eq!(browser.submit_from(origin, "/login", &fields).await.status(), 403, "{origin}");
    }
    assert_leads(&browser.sign_in("admin", ADMIN_PASSWORD).await, "/");
    let post = |origin: Option<&str>, site: Option<&str>| {
        let request = browser.client.post(format!("{}/api/stores", app.url)).header("cookie", browser.cookie_header());
        let request = request.json(&json!({"name": "Main Street"}));
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site)).send()
    };
    for (origin, site) in
        [(None, None), (None, Some("cross-site")), (Some("https://evil.example"), Some("same-origin"))]
    {
        let refused = post(origin, site).await.unwrap();
        assert_eq!(refused.status(), 403, "{origin:?} {site:?}");
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
    }
    assert_eq!(post(Some(&app.url), None).await.unwrap().status(), 201);
    assert_eq!(post(None, Some("same-origin")).await.unwrap().status(), 201);
    // Text browsers say only which page a form was on.
    let post_from = |page: String| {
        let request = browser.client.post(format!("{}/api/stores", app.url)).header("cookie", browser.cookie_header());
        request.header("referer", page).json(&json!({"name": "Station"})).send()
    };
    assert_eq!(post_from("https://evil.example/?http://127.0.0.1".to_owned()).await.unwrap().status(), 403);
    assert_eq!(post_from(format!("{}/admin/stores", app.url)).await.unwrap().status(), 201);
}

async fn nobody_signs_in_over_plain_http_from_elsewhere(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "trusted_proxies = [\"127.0.0.1\"]").await;
    let browser = Browser::new(&app);
    let body = serde_urlencoded::to_string([("username", "admin"), ("password", ADMIN_PASSWORD)]).unwrap();
    let login = |headers: &[(&'static str, &str)]| {
        let request = browser.client.post(format!("{}/login", app.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.clone());
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };
    let plain =
        [("x-forwarded-proto", "http"), ("x-forwarded-host", "shop.example"), ("origin", "http://shop.example")];
    let refused = login(&plain).await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(!refused.headers().contains_key("set-cookie"));
    assert!(refused.text().await.unwrap().contains("--tls self-signed"), "it says what to do");
    let secure =
        [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example"), ("origin", "https://shop.example")];
    let signed_in = login(&secure).await.unwrap();
    assert_leads(&signed_in, "/");
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-session=") && cookie.contains("Secure") && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert_eq!(signed_in.headers()["strict-transport-security"], "max-age=31536000");
}

async fn a_refused_form_keeps_what_was_typed_and_says_what_is_wrong(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    let refused = browser.sign_in("ann <b>", "wrong password here").await;
    assert_eq!(refused.status(), 401);
    let page = refused.text().await.unwrap();
    assert!(page.contains("ann &#60;b&#62;") && page.contains("The username or the password is wrong."), "{page}");
    assert!(!page.contains("wrong password here"));
    let refused = browser.submit("/signup", &[("username", "ann"), ("password", "short")]).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("value=\"ann\"") && page.contains("id=\"password-fault\""), "{page}");
}

async fn problems_are_shown_as_they_were_asked_for(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/nothing/here").await;
    assert_eq!(
        (page.status().as_u16(), page.headers()["content-type"].to_str().unwrap()),
        (404, "text/html; charset=utf-8")
    );
    let page = page.text().await.unwrap();
    assert!(page.contains("There is nothing here.") && page.contains("urn:tillsight:problem:not-found"), "{page}");
    browser.submit("/signup", &[("username", "ann"), ("password", PASSWORD)]).await;
    let refused = browser.get("/setup").await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("You are not allowed to do this."));
    let json = browser.client.get(format!("{}/setup", app.url)).header("cookie", browser.cookie_header());
    let json = json.header("accept", "application/json").send().await.unwrap();
    assert_eq!(
        (json.status().as_u16(), json.headers()["content-type"].to_str().unwrap()),
        (403, "application/problem+json")
    );
    let korean = browser.client.get(format!("{}/login", app.url)).header("accept-language", "ko-KR,ko;q=0.9");
    let korean = korean.send().await.unwrap().text().await.unwrap();
    assert!(korean.contains("<html lang=\"ko\"") && korean.contains("로그인"), "{korean}");
    assert_leads(&browser.submit("/preferences", &[("language", "ko"), ("return_to", "/login")]).await, "/login");
    assert!(browser.get("/nothing").await.text().await.unwrap().contains("여기에는 아무것도 없습니다."));
    assert_leads(&browser.submit("/preferences", &[("theme", "dark"), ("return_to", "//evil.example")]).await, "/");
    assert!(browser.get("/nothing").await.text().await.unwrap().contains("data-theme=\"dark\""));
}

async fn a_shop_is_set_up_in_the_browser(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    assert_leads(&browser.get("/").await, "/setup");
    let wrong = [("name", "Main Street"), ("currency", "EURO"), ("time_zone", "Europe/Berlin")];
    let refused = browser.submit("/setup/store", &wrong).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("value=\"Main Street\"") && page.contains("id=\"currency-fault\""), "{page}");
    let right =
        [("name", "Main Street"), ("currency", "krw"), ("time_zone", "Europe/Berlin"), ("address", "1 Main Street")];
    for _twice in 0..2 {
        assert_eq!(browser.submit("/setup/store", &right).await.status(), 303);
    }
    assert_eq!(app.database.count("SELECT COUNT(*) FROM stores").await, 1);
    assert_leads(&browser.get("/").await, "/admin");
    let teach = browser.get("/admin/products/new").await.text().await.unwrap();
    assert!(teach.contains("value=\"KRW\""), "{teach}");
    // Twice at once, as by a double click, and again: one kiosk, whose newest code counts.
    let form = [("form_key", "f0b1"), ("name", "Till 1")];
    let mut second = Browser::new(&app);
    second.cookies = browser.cookies.clone();
    let (one, two) = futures_util::join!(browser.submit("/setup/kiosk", &form), second.submit("/setup/kiosk", &form));
    assert_eq!((one.status(), two.status()), (StatusCode::OK, StatusCode::OK));
    let page = browser.submit("/setup/kiosk", &form).await.text().await.unwrap();
    assert_eq!(app.database.count("SELECT COUNT(*) FROM kiosks").await, 1);
    let code = page.split("id=\"enrolment-code\">").nth(1).unwrap().split('<').next().unwrap();
    // At an address of this machine a QR code would lead another device nowhere.
    assert!(page.contains(&format!("/kiosk?code={code}")) && !page.contains("class=\"qr\""), "{page}");
    assert!(page.contains("Another device cannot reach the server at this page’s address."), "{page}");
    app.post_anonymously("/api/kiosks/enrol", json!({"code": code})).await.expect(200);
    assert!(!browser.get("/setup").await.text().await.unwrap().contains("action=\"/setup/kiosk\""));
    assert_leads(&browser.submit("/setup/kiosk", &form).await, "/setup");
    // Another name is another kiosk.
    browser.submit("/setup/kiosk", &[("form_key", "f0b1"), ("name", "Till 2")]).await;
    assert_eq!(app.database.count("SELECT COUNT(*) FROM kiosks").await, 2);
}

on_both_databases!(
    a_stranger_is_led_to_sign_in_and_back,
    a_cookie_ends_with_its_session_and_serves_the_api_too,
    a_change_must_come_from_a_page_of_this_server,
    nobody_signs_in_over_plain_http_from_elsewhere,
    a_refused_form_keeps_what_was_typed_and_says_what_is_wrong,
    problems_are_shown_as_they_were_asked_for,
    a_shop_is_set_up_in_the_browser,
);
