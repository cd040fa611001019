//! Pictures from the web, politely and carefully.
//!
//! Politely: servers' `robots.txt` is followed, one request at a time goes to a server, with a pause before the next, and each
//! says who asks. Carefully: an address is checked by [`address`] before each request, also that of each redirect; time and
//! size are limited; nothing but a picture is kept.

mod address;
mod robots;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode};

use crate::automation::JobFailure;
use crate::config::DownloadSettings;
use address::{AllowedHosts, Target};
use robots::{ROBOTS_BYTES_MAX, Rules};

/// Redirects that are followed for one picture.
const REDIRECTS_MAX: usize = 5;
/// How long the rules of a server are remembered.
const RULES_AGE_MAX: Duration = Duration::from_secs(3_600);
/// Servers that are remembered.
const SERVERS_MAX: usize = 1_000;

/// Downloads pictures.
pub struct Downloader {
    allowed: AllowedHosts,
    user_agent: String,
    /// The least pause between two requests to a server.
    delay: Duration,
    /// For one request with its answer.
    timeout: Duration,
    /// By `host:port`. Held only to look a server up.
    servers: std::sync::Mutex<HashMap<String, Arc<tokio::sync::Mutex<Server>>>>,
}

/// What is known of a server. Whoever asks it holds the lock: one request at a time.
#[derive(Default)]
struct Server {
    last_request_at: Option<Instant>,
    rules: Option<(Instant, Rules)>,
}

impl Server {
    /// Waits until the server may be asked again, which it then is.
    async fn wait_for_turn(&mut self, delay: Duration) {
        if let Some(last_request_at) = self.last_request_at {
            tokio::time::sleep(delay.saturating_sub(last_request_at.elapsed())).await;
        }
        self.last_request_at = Some(Instant::now());
    }
}

/// What a server answered.
enum Answer {
    Body(Vec<u8>),
    Status(StatusCode),
}

impl Downloader {
    pub fn new(settings: &DownloadSettings) -> Self {
        let contact = settings.contact.as_ref().map_or_else(String::new, |contact| format!(" (+{contact})"));
        Self {
            allowed: AllowedHosts { public: settings.hosts.clone(), private: settings.private_servers.clone() },
            user_agent: format!("{}/{}{contact}", robots::AGENT, env!("CARGO_PKG_VERSION")),
            delay: Duration::from_millis(settings.delay_ms),
            timeout: Duration::from_secs(settings.timeout_s),
            servers: std::sync::Mutex::default(),
        }
    }

    /// Fails if the operator has allowed no downloads.
    pub(super) fn require_allowed(&self) -> Result<(), JobFailure> {
        if self.allowed.is_empty() {
            return Err(JobFailure::lasting(
                "Downloads of pictures are switched off. An operator can name the servers that they may come from in the \
                 setting automation.download.hosts.",
            ));
        }
        Ok(())
    }

    /// The picture at an address: a JPEG, PNG or WebP of at most `bytes_max` bytes.
    pub(super) async fn download(&self, url: &str, bytes_max: u64) -> Result<Vec<u8>, JobFailure> {
        let mut next = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let target = self.allowed.resolve(&next).await?;
            let server = self.server(&target.server);
            let mut server = server.lock().await;
            self.refresh_rules(&mut server, &target).await?;
            let rules = server.rules.as_ref().map(|(_, rules)| rules);
            if rules.is_some_and(|rules| !rules.allow(target.url.as_str())) {
                let reason = format!(
                    "The server {} does not want \"{next}\" downloaded by programs (robots.txt).",
                    target.server
                );
                return Err(JobFailure::lasting(reason));
            }
            let delay = rules.map_or(self.delay, |rules| rules.delay(self.delay));
            server.wait_for_turn(delay).await;
            match tokio::time::timeout(self.timeout, self.request_picture(&target, bytes_max)).await {
                Ok(Ok(PictureReply::Picture(bytes))) => return Ok(bytes),
                Ok(Ok(PictureReply::Redirect(location))) => next = location,
                Ok(Err(failure)) => return Err(failure),
                Err(_) => {
                    let seconds = self.timeout.as_secs();
                    return Err(JobFailure::passing(format!(
                        "{} did not send the picture within {seconds} s.",
                        target.server
                    )));
                }
            }
        }
        Err(JobFailure::lasting(format!("\"{url}\" leads to more than {REDIRECTS_MAX} other addresses.")))
    }

    fn server(&self, name: &str) -> Arc<tokio::sync::Mutex<Server>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() >= SERVERS_MAX {
            // Those that nobody asks at the moment.
            servers.retain(|_, server| Arc::strong_count(server) > 1);
        }
        Arc::clone(servers.entry(name.to_owned()).or_default())
    }

    /// Reads a server's `robots.txt`, if that was not done within the last hour. RFC 9309: what is missing forbids nothing,
    /// what cannot be had forbids all for the time being.
    async fn refresh_rules(&self, server: &mut Server, target: &Target) -> Result<(), JobFailure> {
        if server.rules.as_ref().is_some_and(|(read_at, _)| read_at.elapsed() < RULES_AGE_MAX) {
            return Ok(());
        }
        let failed =
            |what: &str| JobFailure::passing(format!("The robots.txt of {} cannot be read: {what}.", target.server));
        let mut robots_url = target.url.clone();
        robots_url.set_path("/robots.txt");
        robots_url.set_query(None);
        robots_url.set_fragment(None);
        // A server that fails is asked again for each picture, and must not be asked faster than one that answers.
        server.wait_for_turn(self.delay).await;
        let reading = async {
            let mut next = robots_url.to_string();
            for _ in 0..=REDIRECTS_MAX {
                let target = self.allowed.resolve(&next).await?;
                let response = self.send(&target).await?;
                match redirect_of(&target, &response)? {
                    Some(location) => next = location,
                    None => return read_answer(response, ("robots.txt", ROBOTS_BYTES_MAX)).await,
                }
            }
            Err(failed("too many redirects"))
        };
        let answer = tokio::time::timeout(self.timeout, reading).await.map_err(|_| failed("no answer in time"))??;
        let rules = match answer {
            Answer::Body(text) => Rules::read(&text),
            Answer::Status(status) if status.is_client_error() => Rules::Anything,
            Answer::Status(status) => return Err(failed(status.as_str())),
        };
        server.rules = Some((Instant::now(), rules));
        Ok(())
    }

    async fn request_picture(&self, target: &Target, bytes_max: u64) -> Result<PictureReply, JobFailure> {
        let response = self.send(target).await?;
        if let Some(location) = redirect_of(target, &response)? {
            return Ok(PictureReply::Redirect(location));
        }
        let media_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("unnamed");
        let media_type: String = media_type.chars().take(100).collect();
        let bytes = match read_answer(response, ("picture", bytes_max)).await? {
            Answer::Body(bytes) => bytes,
            Answer::Status(status) if is_passing(status) => {
                return Err(JobFailure::passing(format!("{} answered {status}.", target.server)));
            }
            Answer::Status(status) => return Err(JobFailure::lasting(format!("{} answered {status}.", target.server))),
        };
        match image::guess_format(&bytes) {
            Ok(image::ImageFormat::Jpeg | image::ImageFormat::Png | image::ImageFormat::WebP) => {
                Ok(PictureReply::Picture(bytes))
            }
            Ok(_) | Err(_) => Err(JobFailure::lasting(format!(
                "{} sent no picture that can be read, but content of type {media_type}. JPEG, PNG and WebP can be.",
                target.server
            ))),
        }
    }

    /// One request to the addresses that were checked, without redirects or the environment's proxy.
    async fn send(&self, target: &Target) -> Result<Response, JobFailure> {
        let mut client = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .timeout(self.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some((name, addresses)) = &target.resolved {
            client = client.resolve_to_addrs(name, addresses);
        }
        let client = client.build().map_err(|error| JobFailure::passing(error.without_url()))?;
        client.get(target.url.clone()).send().await.map_err(|error| describe_error(target, &error))
    }
}

enum PictureReply {
    Picture(Vec<u8>),
    Redirect(String),
}

fn describe_error(target: &Target, error: &reqwest::Error) -> JobFailure {
    let what = match error {
        _ if error.is_timeout() => "did not answer in time",
        _ if error.is_connect() => "cannot be reached",
        _ => "broke the connection, or sent what is not HTTP",
    };
    JobFailure::passing(format!("{} {what}.", target.server))
}

/// Where a response leads, if it is a redirect.
fn redirect_of(target: &Target, response: &Response) -> Result<Option<String>, JobFailure> {
    use reqwest::StatusCode as Code;
    let moved =
        [Code::MOVED_PERMANENTLY, Code::FOUND, Code::SEE_OTHER, Code::TEMPORARY_REDIRECT, Code::PERMANENT_REDIRECT];
    if !moved.contains(&response.status()) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.and_then(|location| target.url.join(location).ok());
    let wrong = || JobFailure::lasting(format!("{} redirects to no address.", target.server));
    location.map(|url| Some(url.to_string())).ok_or_else(wrong)
}

/// The body of a success, which must not have more than `bytes_max` bytes.
async fn read_answer(mut response: Response, (what, bytes_max): (&str, u64)) -> Result<Answer, JobFailure> {
    if response.status() != StatusCode::OK {
        return Ok(Answer::Status(response.status()));
    }
    let too_large = || JobFailure::lasting(format!("The {what} has more than the {bytes_max} bytes allowed."));
    if response.content_length().is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // The length may be missing or a lie.
    while let Some(chunk) = response.chunk().await.map_err(|_| JobFailure::passing("The download broke off."))? {
        if bytes.len() as u64 + chunk.len() as u64 > bytes_max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Answer::Body(bytes))
}

/// Whether another attempt may be answered otherwise.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_fails_is_not_asked_faster() {
        const DELAY_MS: u64 = 300;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _request = stream.read(&mut [0; 4_096]).await.unwrap();
                let answer = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        });
        let settings = DownloadSettings {
            delay_ms: DELAY_MS,
            private_servers: vec![server.clone()],
            ..DownloadSettings::default()
        };
        let (downloader, began) = (Downloader::new(&settings), Instant::now());
        for _ in 0..3 {
            let failed = downloader.download(&format!("http://{server}/milk.jpg"), 1_000).await.unwrap_err();
            assert!(failed.reason.contains("robots.txt") && !failed.is_lasting, "{failed}");
        }
        assert!(began.elapsed() >= Duration::from_millis(2 * DELAY_MS), "{:?}", began.elapsed());
    }
}
