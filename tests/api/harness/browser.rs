//! A browser without scripts: cookies, forms, origins. For tests of the pages.

use reqwest::{Client, Response, redirect};

use super::TestApp;

/// A browser: keeps cookies by hand, follows no redirect, sends the origin of the page.
pub struct Browser<'a> {
    app: &'a TestApp,
    pub client: Client,
    pub cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { app, client, cookies: Vec::new() }
    }

    pub fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub async fn get(&mut self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.app.url)).header("cookie", self.cookie_header());
        self.keep(request.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").send().await.unwrap())
    }

    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let origin = self.app.url.clone();
        self.submit_from(&origin, path, fields).await
    }

    pub async fn submit_from(&mut self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let request = self.client.post(format!("{}{path}", self.app.url)).header("cookie", self.cookie_header());
        let request = request.header("origin", origin).header("content-type", "application/x-www-form-urlencoded");
        self.keep(request.header("accept", "text/html").body(body).send().await.unwrap())
    }

    /// Sends a form with files.
    pub async fn upload(&mut self, path: &str, form: reqwest::multipart::Form) -> Response {
        let request = self.client.post(format!("{}{path}", self.app.url)).header("cookie", self.cookie_header());
        let request = request.header("origin", self.app.url.clone()).header("accept", "text/html");
        self.keep(request.multipart(form).send().await.unwrap())
    }

    fn keep(&mut self, response: Response) -> Response {
        for cookie in response.headers().get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        response
    }

    pub async fn sign_in(&mut self, username: &str, password: &str) -> Response {
        self.submit("/login", &[("username", username), ("password", password)]).await
    }
}

#[track_caller]
pub fn assert_leads(response: &Response, address: &str) {
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"].to_str().unwrap(), address);
}
