//! Headless Chromium and its pages.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::devtools::DevTools;
use crate::harness::skip;

/// Test machines may be slow.
const PATIENCE: Duration = Duration::from_secs(40);
const EXECUTABLE: &str = "/usr/bin/chromium";
/// Pixels of a kiosk's screen.
const SCREEN: (u32, u32) = (1280, 800);
/// After the last picture, for what tells of its loading.
const SETTLING: Duration = Duration::from_millis(150);
/// If set, [`TestPage::capture`] writes pictures into this folder.
const SCREENSHOTS: &str = "TILLSIGHT_TEST_SCREENSHOTS";

pub struct TestBrowser {
    devtools: DevTools,
    process: Child,
    _profile: tempfile::TempDir,
}

impl TestBrowser {
    /// Starts Chromium, whose camera shows the file `camera`. Without Chromium, reports `test` as skipped.
    pub async fn launch(test: &str, camera: &Path) -> Option<Self> {
        let file = format!("--use-file-for-fake-video-capture={}", camera.display());
        Self::launch_with(test, &["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", &file]).await
    }

    /// [`Self::launch`] on a machine without a camera.
    pub async fn launch_without_camera(test: &str) -> Option<Self> {
        Self::launch_with(test, &[]).await
    }

    async fn launch_with(test: &str, camera: &[&str]) -> Option<Self> {
        if !Path::new(EXECUTABLE).exists() {
            skip(test, "Chromium is missing; deploy/setup.sh --tests installs it");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let process = Command::new(EXECUTABLE)
            .arg("--headless=new")
            // Containers have no sandbox of their own to give, and little shared memory.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
            .args(["--no-first-run", "--disable-extensions", "--hide-scrollbars", "--mute-audio"])
            .args(["--window-size=1280,800", "--remote-debugging-port=0", "--lang=en-US"])
            .args(camera)
            // A page in the background would be slowed down.
            .args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding"])
            .arg("--disable-backgrounding-occluded-windows")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let devtools = DevTools::connect(profile.path()).await;
        Some(Self { devtools, process, _profile: profile })
    }

    /// Opens an address with cookies of its own, as on another device.
    pub async fn open(&self, url: &str) -> TestPage {
        let call = async |method: &str, params| self.devtools.call(None, method, params).await.unwrap();
        let context = call("Target.createBrowserContext", json!({})).await["browserContextId"].clone();
        let target = call("Target.createTarget", json!({"url": "about:blank", "browserContextId": context})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = call("Target.attachToTarget", attach).await["sessionId"].as_str().unwrap().to_owned();
        let page = TestPage { devtools: self.devtools.clone(), session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.set_size(SCREEN.0, SCREEN.1).await;
        page.goto(url).await;
        page
    }

    pub async fn close(mut self) {
        // Its answer may be lost with the connection.
        let _closing = self.devtools.call(None, "Browser.close", json!({})).await;
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        assert!(ended.is_ok(), "Chromium did not end");
    }
}

pub struct TestPage {
    devtools: DevTools,
    session: String,
}

/// What was loaded for a page.
#[derive(Debug)]
pub struct Loading {
    /// Every address that was asked for.
    pub addresses: Vec<String>,
    /// Those that were refused, with their status.
    pub refused: Vec<String>,
    /// Bytes over the network, heads included.
    pub bytes: u64,
    /// The page's `Content-Security-Policy`.
    pub policy: String,
}

impl TestPage {
    async fn call(&self, method: &str, params: Value) -> Value {
        self.devtools.call(Some(&self.session), method, params).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the console shows as errors: exceptions, and what the page's policy refused. A refused request is an entry too; the
    /// page deals with those.
    fn faults(&self) -> Vec<String> {
        let entries = self.devtools.events(&self.session, "Log.entryAdded").into_iter();
        let entries =
            entries.filter(|event| event["entry"]["level"] == "error" && event["entry"]["source"] != "network");
        let exceptions = self.devtools.events(&self.session, "Runtime.exceptionThrown").into_iter();
        let errors = self.devtools.events(&self.session, "Runtime.consoleAPICalled").into_iter();
        let errors = errors.filter(|event| event["type"] == "error");
        entries.chain(exceptions).chain(errors).map(|event| event.to_string()).collect()
    }

    pub fn assert_no_faults(&self) {
        let faults = self.faults();
        assert!(faults.is_empty(), "the browser's console: {faults:#?}");
    }

    pub async fn goto(&self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
        self.wait_until("document.readyState === 'complete' && location.href !== 'about:blank'").await;
    }

    /// Opens an address with nothing kept from before, on a screen so high that all pictures are shown, and tells what was
    /// loaded.
    pub async fn load(&self, url: &str) -> Loading {
        self.devtools.keep_network_events();
        self.call("Network.setCacheDisabled", json!({"cacheDisabled": true})).await;
        self.set_size(SCREEN.0, 6 * SCREEN.1).await;
        self.call("Page.navigate", json!({"url": "about:blank"})).await;
        self.devtools.forget_events(&self.session);
        self.goto(url).await;
        self.wait_until("[...document.images].every((image) => image.complete)").await;
        tokio::time::sleep(SETTLING).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut loading = Loading { addresses: Vec::new(), refused: Vec::new(), bytes: 0, policy: String::new() };
        for sent in self.devtools.events(&self.session, "Network.requestWillBeSent") {
            loading.addresses.push(text(&sent["request"]["url"]));
        }
        for received in self.devtools.events(&self.session, "Network.responseReceived") {
            let response = &received["response"];
            if response["status"].as_u64().is_some_and(|status| status >= 400) {
                loading.refused.push(format!("{} {}", response["status"], text(&response["url"])));
            }
            if received["type"] == "Document" {
                let headers = response["headers"].as_object().unwrap();
                let policy = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-security-policy"));
                loading.policy = policy.map(|(_, value)| text(value)).unwrap_or_default();
            }
        }
        for finished in self.devtools.events(&self.session, "Network.loadingFinished") {
            loading.bytes += finished["encodedDataLength"].as_f64().unwrap() as u64;
        }
        loading
    }

    async fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let params =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let reply = self.devtools.call(Some(&self.session), "Runtime.evaluate", params).await?;
        match reply.get("exceptionDetails") {
            Some(details) => Err(format!("{expression}: {}", details["exception"]["description"])),
            None => Ok(reply["result"]["value"].clone()),
        }
    }

    /// The value of an expression of JavaScript, of a promise when it is fulfilled.
    pub async fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until an expression is true. A page that is being left has no answer, and is asked again.
    pub async fn wait_until(&self, condition: &str) {
        let began = Instant::now();
        while self.try_evaluate(&format!("Boolean({condition})")).await != Ok(Value::Bool(true)) {
            if began.elapsed() > PATIENCE {
                let shown = self.try_evaluate("`${location.href}\\n${document.body.innerText}`").await;
                self.capture("failed").await;
                panic!("never true: {condition}\nthe page: {shown:?}\nthe console: {:#?}", self.faults());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the element is shown and can be used, and clicks its middle as a mouse does.
    pub async fn click(&self, selector: &str) {
        let middle = self.find_middle(selector).await;
        self.click_at(&middle, 1).await;
    }

    /// [`Self::click`], as an impatient person does: twice at the same place.
    pub async fn double_click(&self, selector: &str) {
        let middle = self.find_middle(selector).await;
        self.click_at(&middle, 1).await;
        self.click_at(&middle, 2).await;
    }

    async fn find_middle(&self, selector: &str) -> Value {
        let element = format!("document.querySelector({})", json!(selector));
        self.wait_until(&format!("{element}?.checkVisibility() && !{element}.disabled")).await;
        self.evaluate(&format!(
            "(() => {{ const element = {element}; element.scrollIntoView({{ block: 'center' }}); \
             const box = element.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ))
        .await
    }

    async fn click_at(&self, point: &Value, count: u32) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": point[0], "y": point[1], "button": "left", "clickCount": count});
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Types into an element.
    pub async fn type_into(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// Chooses files in a file input, as the browser's dialog does.
    pub async fn choose_files(&self, selector: &str, files: &[PathBuf]) {
        let expression = format!("document.querySelector({})", json!(selector));
        self.wait_until(&expression).await;
        let input = self.call("Runtime.evaluate", json!({"expression": expression})).await;
        let params = json!({"files": files, "objectId": input["result"]["objectId"]});
        self.call("DOM.setFileInputFiles", params).await;
    }

    /// Waits until the page shows `text`, wherever it stands.
    pub async fn wait_for_text(&self, text: &str) {
        self.wait_until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Clicks the button or link that says `text`.
    pub async fn click_text(&self, text: &str) {
        let find = format!(
            "[...document.querySelectorAll('button, a, summary')].find((one) => one.checkVisibility() && \
             one.innerText.trim() === {text}) ?? [...document.querySelectorAll('button, a, summary')].find((one) => \
             one.checkVisibility() && one.innerText.includes({text}))",
            text = json!(text)
        );
        self.wait_until(&find).await;
        self.evaluate(&format!("({find}).dataset.clicked = 'next'")).await;
        self.click("[data-clicked=next]").await;
        // Where the page was not left.
        let _left =
            self.try_evaluate("document.querySelector('[data-clicked]')?.removeAttribute('data-clicked')").await;
    }

    /// Drags files from the desktop onto an element and drops them.
    pub async fn drop_files(&self, selector: &str, files: &[&Path]) {
        let element = format!("document.querySelector({})", json!(selector));
        self.wait_until(&format!("{element}?.checkVisibility()")).await;
        let middle = self
            .evaluate(&format!(
                "(() => {{ const element = {element}; element.scrollIntoView({{ block: 'center' }}); \
                 const box = element.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
            ))
            .await;
        let paths: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
            let event = json!({"type": kind, "x": middle[0], "y": middle[1], "data": data});
            self.call("Input.dispatchDragEvent", event).await;
        }
    }

    /// Cuts or mends the page's connection.
    pub async fn set_offline(&self, offline: bool) {
        let conditions = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.call("Network.emulateNetworkConditions", conditions).await;
    }

    async fn set_size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    pub async fn set_cookie(&self, url: &str, name: &str, value: &str) {
        self.call("Network.setCookie", json!({"url": url, "name": name, "value": value})).await;
    }

    /// Writes pictures of the page on its screen and on a phone, light and dark, if pictures are wanted.
    pub async fn capture(&self, name: &str) {
        let Some(folder) = std::env::var_os(SCREENSHOTS).map(PathBuf::from) else { return };
        for (screen, (width, height)) in [("screen", SCREEN), ("phone", (412, 915))] {
            self.set_size(width, height).await;
            for theme in ["light", "dark"] {
                let feature = json!({"name": "prefers-color-scheme", "value": theme});
                self.call("Emulation.setEmulatedMedia", json!({"features": [feature]})).await;
                // Until what slides in has come to rest.
                tokio::time::sleep(Duration::from_millis(400)).await;
                let picture = self.call("Page.captureScreenshot", json!({"format": "png"})).await;
                let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
                std::fs::write(folder.join(format!("{name}-{screen}-{theme}.png")), picture).unwrap();
            }
        }
        self.call("Emulation.setEmulatedMedia", json!({"features": []})).await;
        self.set_size(SCREEN.0, SCREEN.1).await;
    }
}
