//! A local receiver of alerts. It records requests and replies as the test says, also in ways that no receiver should.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the receiver answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this status and body.
    Status(u16, &'static str),
    /// With 429, wanting it again after so many seconds.
    Later(u64),
    /// With a redirect to this address.
    Elsewhere(String),
    /// Not at all, for as long as the client waits.
    Silence,
    /// With 200 and a body that never ends.
    Endless,
    /// With something that is no HTTP.
    Noise,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// By lower-case name.
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    answers: VecDeque<Answer>,
}

/// Stops when dropped.
pub struct Receiver {
    pub url: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// A receiver that answers `ok` to everything, as Slack does.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, server }
    }

    /// Answers the next requests so, each once.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    /// What came since this was asked last.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.state.lock().unwrap().received)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = read(&mut stream).await else { return };
    let answer = {
        let mut state = state.lock().unwrap();
        state.received.push(request);
        state.answers.pop_front().unwrap_or(Answer::Status(200, "ok"))
    };
    // The client may be gone: that is its affair.
    let _written = match answer {
        Answer::Status(status, body) => {
            let length = body.len();
            let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).await
        }
        Answer::Later(seconds) => {
            let head = format!("HTTP/1.1 429 x\r\nretry-after: {seconds}\r\n");
            let text = head + "content-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(text.as_bytes()).await
        }
        Answer::Elsewhere(url) => {
            let text = format!("HTTP/1.1 302 x\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).await
        }
        Answer::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        Answer::Endless => {
            let head = "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut written = stream.write_all(head.as_bytes()).await;
            while written.is_ok() {
                written = stream.write_all(b"4\r\nmore\r\n").await;
            }
            written
        }
        Answer::Noise => stream.write_all(b"220 mail.example.org ESMTP\r\n").await,
    };
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let headers: HashMap<String, String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some(Received { headers, body: body.to_owned() });
        }
    }
}
