//! Browsers without a screen: they keep a cookie, ask for pages as Chromium does, and find what a page loads.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::addresses::Visitor;
use super::fill::{CLERK, PASSWORD, SHOPPER};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// How pages and scripts name what they load.
const PAGE_NAMES: [&str; 3] = ["src=\"", "href=\"/assets/", "url("];
const SCRIPT_NAMES: [&str; 3] = ["from '", "import '", "from \""];

/// A page as it came.
pub struct Answer {
    pub status: u16,
    pub time: Duration,
    /// As many as travelled, without the head.
    pub bytes: usize,
}

/// A browser of each visitor.
pub struct Browsers {
    base: Url,
    http: Client,
    cookies: HashMap<Visitor, String>,
}

impl Browsers {
    pub async fn sign_in(base: &str, kiosk_key: &str) -> Self {
        let http = Client::builder().redirect(Policy::none()).timeout(ANSWER).build().expect("a client");
        let mut cookies = HashMap::from([(Visitor::Kiosk, format!("kiosk={kiosk_key}"))]);
        let people = [(Visitor::Admin, "admin"), (Visitor::Clerk, CLERK), (Visitor::Shopper, SHOPPER)];
        for (visitor, name) in people {
            let form = [("username", name), ("password", PASSWORD)];
            let body = serde_urlencoded::to_string(form).expect("a form");
            let request = http.post(format!("{base}/login")).header("origin", base).body(body);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer = request.send().await.expect("an answer");
            let cookie = answer.headers().get("set-cookie").unwrap_or_else(|| panic!("{name}: {}", answer.status()));
            let cookie = cookie.to_str().expect("text").split(';').next().expect("a cookie");
            cookies.insert(visitor, cookie.to_owned());
        }
        Self { base: Url::parse(base).expect("an address"), http, cookies }
    }

    /// Asks for a page, compressed as a browser wants it.
    pub async fn open(&self, visitor: Visitor, address: &str) -> Answer {
        let url = self.base.join(address).expect("an address");
        let begun = Instant::now();
        let (status, body) = self.get(visitor, url, "gzip").await;
        Answer { status, time: begun.elapsed(), bytes: body.len() }
    }

    async fn get(&self, visitor: Visitor, url: Url, encoding: &str) -> (u16, Vec<u8>) {
        let request = self.http.get(url).header("accept", "text/html,*/*;q=0.8").header("accept-encoding", encoding);
        let request = match self.cookies.get(&visitor) {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.bytes().await.expect("a body").to_vec())
    }

    /// The bytes of everything that a page loads besides itself, with nothing kept from an earlier page.
    pub async fn size_of_loaded(&self, visitor: Visitor, address: &str) -> usize {
        let page = self.base.join(address).expect("an address");
        let mut found = HashSet::from([page.clone()]);
        let mut unread = vec![page];
        let mut bytes = 0;
        while let Some(url) = unread.pop() {
            let (_, text) = self.get(visitor, url.clone(), "identity").await;
            for name in names_of_loaded(&url, &String::from_utf8_lossy(&text)) {
                let mut loaded = url.join(&name).expect("an address");
                loaded.set_fragment(None);
                if !found.insert(loaded.clone()) {
                    continue;
                }
                let (status, body) = self.get(visitor, loaded.clone(), "gzip").await;
                assert_eq!(status, 200, "{loaded}, loaded by {url}");
                bytes += body.len();
                if loaded.path().ends_with(".js") || loaded.path().ends_with(".css") {
                    unread.push(loaded);
                }
            }
        }
        bytes
    }
}

/// What a page, script or style loads, by the names in it.
fn names_of_loaded(url: &Url, text: &str) -> Vec<String> {
    let is_script = url.path().ends_with(".js");
    let before = if is_script { SCRIPT_NAMES } else { PAGE_NAMES };
    let mut names = Vec::new();
    for begin in before {
        for (position, _) in text.match_indices(begin) {
            let rest = &text[position + begin.len()..];
            let name = &rest[..rest.find(['"', '\'', ')']).unwrap_or(0)];
            let prefix = if begin.starts_with("href") { "/assets/" } else { "" };
            let is_own = !name.starts_with("data:") && !name.is_empty() && (!is_script || name.starts_with('.'));
            names.extend(is_own.then(|| format!("{prefix}{}", name.replace("&amp;", "&"))));
        }
    }
    names
}
