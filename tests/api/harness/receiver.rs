//! A local receiver of alerts. It records requests and replies as the test says, also in ways that no receiver should.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Debug, Clone)]
pub enum ReceiverReply {
    /// A status and a body.
    Status(u16, &'static str),
    /// 429 with a Retry-After of this many seconds.
    RetryAfter(u64),
    /// A redirect to this address.
    Redirect(String),
    NoReply,
    /// 200 and a body that never ends.
    EndlessBody,
    NotHttp,
}

#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// Under lower-case names.
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl ReceivedRequest {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<ReceivedRequest>,
    replies: VecDeque<ReceiverReply>,
}

/// Stops when dropped.
pub struct AlertReceiver {
    pub url: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl AlertReceiver {
    /// A receiver that replies `ok` to every request, like Slack.
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

    /// Sets the replies to the next requests, one each.
    pub fn reply_next(&self, replies: impl IntoIterator<Item = ReceiverReply>) {
        self.state.lock().unwrap().replies.extend(replies);
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

impl Drop for AlertReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    let reply = {
        let mut state = state.lock().unwrap();
        state.requests.push(request);
        state.replies.pop_front().unwrap_or(ReceiverReply::Status(200, "ok"))
    };
    // The client may have disconnected.
    let _written = match reply {
        ReceiverReply::Status(status, body) => {
            let length = body.len();
            let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).await
        }
        ReceiverReply::RetryAfter(seconds) => {
            let head = format!("HTTP/1.1 429 x\r\nretry-after: {seconds}\r\n");
            let text = head + "content-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(text.as_bytes()).await
        }
        ReceiverReply::Redirect(url) => {
            let text = format!("HTTP/1.1 302 x\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).await
        }
        ReceiverReply::NoReply => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        ReceiverReply::EndlessBody => {
            let head = "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut written = stream.write_all(head.as_bytes()).await;
            while written.is_ok() {
                written = stream.write_all(b"4\r\nmore\r\n").await;
            }
            written
        }
        ReceiverReply::NotHttp => stream.write_all(b"220 mail.example.org ESMTP\r\n").await,
    };
}

async fn read_request(stream: &mut TcpStream) -> Option<ReceivedRequest> {
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
            return Some(ReceivedRequest { headers, body: body.to_owned() });
        }
    }
}
