//! A client that takes as little of the machine as a client can, since it shares the cores with the server that it measures:
//! requests are made ready beforehand, a connection is used again, and of an answer no more is read than what it says of
//! itself.

use std::io::{Error, ErrorKind, Result};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Both servers hang up on a connection that is idle for 5 s; one that is used at that very moment would be lost.
const IDLE: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);

/// Connections to one server.
pub struct HttpClient {
    /// Host and port.
    address: String,
    idle: Mutex<Vec<(TcpStream, Instant)>>,
}

/// What an answer says of itself.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Seconds of `Retry-After`.
    pub retry_after: Option<u64>,
}

impl HttpClient {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), idle: Mutex::default() }
    }

    /// The bytes of a request that posts a JPEG.
    pub fn request(&self, path: &str, key: &str, jpeg: &[u8]) -> Bytes {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\nContent-Type: image/jpeg\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            jpeg.len()
        );
        [head.as_bytes(), jpeg].concat().into()
    }

    /// Sends a request and reads its answer to the last byte.
    pub async fn ask(&self, request: &Bytes) -> Result<Answer> {
        let late = |_| Error::new(ErrorKind::TimedOut, "no answer in time");
        tokio::time::timeout(ANSWER, self.send(request)).await.map_err(late)?
    }

    async fn send(&self, request: &Bytes) -> Result<Answer> {
        let mut stream = match self.idle_connection() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.address).await?,
        };
        stream.write_all(request).await?;
        let mut bytes = Vec::with_capacity(4_096);
        loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the connection ended before the answer did"));
            }
            if let Some((answer, length, keeps)) = read(&bytes)? {
                if bytes.len() < length {
                    continue;
                }
                if keeps {
                    self.idle.lock().expect("the list").push((stream, Instant::now()));
                }
                return Ok(answer);
            }
        }
    }

    fn idle_connection(&self) -> Option<TcpStream> {
        let mut idle = self.idle.lock().expect("the list");
        while let Some((stream, since)) = idle.pop() {
            if since.elapsed() < IDLE {
                return Some(stream);
            }
        }
        None
    }
}

/// The answer, its length in all, and whether the connection stays; nothing while its head is not whole.
fn read(bytes: &[u8]) -> Result<Option<(Answer, usize, bool)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let strange = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| strange("a head that is no text"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| strange("no status line"))?;
    let field = |name: &str| {
        let of = |line: &&str| line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
        head.lines().find(of).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    };
    let body: usize = field("content-length")
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| strange("an answer that does not say how long it is"))?;
    let keeps = field("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    let retry_after = field("retry-after").and_then(|seconds| seconds.parse().ok());
    Ok(Some((Answer { status, retry_after }, end + 4 + body, keeps)))
}
