//! The protocol by which Chromium is driven: commands and their replies as JSON over a WebSocket, one session for each page.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Test machines may be slow.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

type PendingReplies = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;
type Events = Arc<Mutex<Vec<Value>>>;

#[derive(Clone)]
pub struct DevTools {
    commands: mpsc::UnboundedSender<String>,
    pending: PendingReplies,
    events: Events,
    keeps_network: Arc<AtomicBool>,
    next_id: Arc<AtomicU64>,
}

impl DevTools {
    /// Connects to the Chromium that writes its port into its profile.
    pub async fn connect(profile: &Path) -> Self {
        let address = wait_for_address(profile).await;
        // A screenshot is one message.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _response) = connect_async_with_config(address, Some(config), true).await.unwrap();
        let (mut sink, mut stream) = socket.split();
        let (commands, mut sent) = mpsc::unbounded_channel::<String>();
        let (pending, events) = (PendingReplies::default(), Events::default());
        let keeps_network = Arc::new(AtomicBool::new(false));
        tokio::spawn(async move {
            while let Some(command) = sent.recv().await {
                if sink.send(Message::text(command)).await.is_err() {
                    return;
                }
            }
        });
        let (replies, seen, keeps) = (Arc::clone(&pending), Arc::clone(&events), Arc::clone(&keeps_network));
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Ok(message) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else {
                    continue;
                };
                match message["id"].as_u64().and_then(|id| replies.lock().unwrap().remove(&id)) {
                    Some(reply) => drop(reply.send(message)),
                    None if is_network(&message) && !keeps.load(Ordering::Relaxed) => {}
                    None => seen.lock().unwrap().push(message),
                }
            }
        });
        Self { commands, pending, events, keeps_network, next_id: Arc::default() }
    }

    /// The result of a command to a page, or without a session to the browser.
    pub async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        self.pending.lock().unwrap().insert(id, reply);
        let mut command = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        self.commands.send(command.to_string()).map_err(|error| error.to_string())?;
        let reply = tokio::time::timeout(REPLY_TIMEOUT, replied).await;
        let reply = reply.map_err(|_| format!("{method} was not answered"))?.map_err(|error| error.to_string())?;
        match reply.get("error") {
            Some(error) => Err(format!("{method}: {error}")),
            None => Ok(reply["result"].clone()),
        }
    }

    /// What a page has told by itself, under this name.
    pub fn events(&self, session: &str, method: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        let of_page = events.iter().filter(|event| event["sessionId"] == session && event["method"] == method);
        of_page.map(|event| event["params"].clone()).collect()
    }

    /// Keeps from now on what pages tell of the network.
    pub fn keep_network_events(&self) {
        self.keeps_network.store(true, Ordering::Relaxed);
    }

    /// Forgets what a page has told.
    pub fn forget_events(&self, session: &str) {
        self.events.lock().unwrap().retain(|event| event["sessionId"] != session);
    }
}

/// Every piece of everything that comes over the network is told of.
fn is_network(event: &Value) -> bool {
    event["method"].as_str().is_some_and(|method| method.starts_with("Network."))
}

async fn wait_for_address(profile: &Path) -> String {
    for _ in 0..600 {
        let text = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some((port, path)) = text.trim().split_once('\n') {
            return format!("ws://127.0.0.1:{port}{path}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("Chromium did not start within a minute");
}
